"""Names in place of names: pseudonyms, UIDs and dates that follow from a secret key of the project and the original.

Nothing is looked up and nothing is drawn, so the same patient is the same in every process and at every time, and an
object that comes twice becomes the same bytes twice.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import PurePosixPath

from backend.imaging.archive import SYSTEM_NAMES

MOST_DAYS = 3650
"""Dates are moved back by 1 to so many days."""

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 10

STANDARD_UIDS = "1.2.840.10008."
"""UIDs below are DICOM's own words (SOP classes, transfer syntaxes) and name nobody's images."""

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".zip", ".dcm", ".ima")
"""What a file's code keeps of its name."""

NAMES_OF_DICOM = ("", ".dcm", ".ima")
"""Files named so are found again by their patient."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who or what a pseudonym stands for. Never log it, never store it but sealed."""

    pseudonym: str
    kind: str  # patient | study | file
    values: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The pseudonyms of one project. `keep_uids`: UIDs stay as they are."""

    key: bytes = field(repr=False)
    keep_uids: bool

    def patient(self, original: str) -> str:
        return f"P-{self._code('patient', original)}"

    def days(self, original: str) -> int:
        """By how many days the dates of a patient are moved, always back."""
        return -1 - int.from_bytes(self._digest("days", original)[:8]) % MOST_DAYS

    def uid(self, original: str) -> str:
        if self.keep_uids or not original or original.startswith(STANDARD_UIDS):
            return original
        return f"2.25.{int.from_bytes(self._digest('uid', original)[:16])}"

    def file(self, name: str) -> str:
        """A code for a file's name, path and all, with the suffix that says what it is. What operating systems add is
        still known by its name."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        last = parts[-1] if parts else ""
        if last.lower() in SYSTEM_NAMES:
            return last
        mark = "__MACOSX/" if "__MACOSX" in parts else "._" if last.startswith("._") else ""
        return f"{mark}F-{self._code('file', name)}{suffix_of(name)}"

    def identity_of_file(self, name: str) -> Identity | None:
        """What the key says of a file that is found by nothing but its name."""
        if suffix_of(name) in NAMES_OF_DICOM:
            return None
        return Identity(self.file(name).removesuffix(suffix_of(name)), "file", {"name": name})

    def digest(self, content: str) -> str:
        """A digest, in hex, by which something is known again here and nowhere else."""
        return self._digest("content", content).hex()

    def _code(self, kind: str, original: str) -> str:
        number = int.from_bytes(self._digest(kind, original)[:8])
        return "".join(CODE_LETTERS[number >> 5 * n & 31] for n in range(CODE_LENGTH))

    def _digest(self, kind: str, original: str) -> bytes:
        return hmac.digest(self.key, f"{kind}\0{original}".encode("utf-8", "replace"), hashlib.sha256)


def patient_of(patient_id: str, issuer: str) -> str:
    """Who a patient is: the same number of two hospitals is two people. Without an issuer, the number alone."""
    return f"{patient_id}\0{issuer}" if patient_id and issuer else patient_id


def suffix_of(name: str) -> str:
    lowered = name.lower()
    return next((suffix for suffix in SUFFIXES if lowered.endswith(suffix)), "")


def moved(text: str, days: int) -> str:
    """A DICOM date or date with time, moved by days; empty when it is no whole date."""
    parts = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})([\d.]*[+-]?\d*)", text.strip())
    if parts is None:
        return ""
    try:
        shifted = date(int(parts[1]), int(parts[2]), int(parts[3])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{shifted:%Y%m%d}".rjust(8, "0") + parts[4]
