"""What a project keeps of whom its images show: the policies, and what can go wrong with the key of the pseudonyms."""

from __future__ import annotations

from enum import StrEnum

from backend.errors import NotFound, Unavailable


class Privacy(StrEnum):
    """How images are de-identified on their way into a project, before anything of them is stored."""

    NONE = "none"
    """as they come, for results that go back to the archive"""
    RETAIN_UIDS = "retain-uids"
    """PS3.15 Basic Profile with the UIDs of the originals, so that masks still fit them"""
    FULL = "full"
    """with other UIDs, too"""


class PrivacyKeyMissing(Unavailable):
    """The key of the pseudonyms cannot be read, or is not the one that a project began with. Raised by
    services.privacy."""

    code = "privacy_key_missing"
    title = "The key of the pseudonyms is missing"


class PseudonymNotFound(NotFound):
    """The project's table knows no such pseudonym. Raised by services.privacy."""

    code = "pseudonym_not_found"
    title = "There is no such pseudonym"
