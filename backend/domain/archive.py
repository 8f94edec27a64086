"""What a project's archive holds: the manifest that describes it, and the names of its files.

An archive is a zip. `records/` has the project's rows as lines of JSON (backend/db/records.py), `images/` voxels and
original files by their hash, `files/` what jobs made, `masks/` the masks for other programs, which a restore does not
read. `manifest.json` names every other file with its checksum.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from backend.errors import Conflict, Rejected

FORMAT = 1
"""Raised when an older sammed could not read what is written now. New tables and columns are told from the manifest."""

MANIFEST = "manifest.json"
README = "README.md"
RECORDS = "records"
PEOPLE = "records/people.jsonl"
VOXELS = "images/voxels"
ORIGINALS = "images/originals"
FILES = "files"
MASKS = "masks"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ArchivedFile(_Part):
    sha256: str
    size_bytes: int


class ArchivedTable(_Part):
    """The columns that the lines of `records/<table>.jsonl` have, and how many lines there are."""

    columns: list[str]
    rows: int


class Manifest(_Part):
    """`files` is everything in the archive but the manifest itself."""

    format: int
    software: str
    made_at: datetime
    made_by: str
    project_id: UUID
    project_name: str
    images: bool
    masks: bool
    tables: dict[str, ArchivedTable]
    files: dict[str, ArchivedFile]


def records_name(table: str) -> str:
    return f"{RECORDS}/{table}.jsonl"


class NotAProjectArchive(Rejected):
    """The file is no archive that exporting a project made. Raised by workers.restore."""

    code = "not_a_project_archive"
    title = "This is not the archive of a project"


class DamagedArchive(Rejected):
    """A file of an archive is missing, changed or cut, or its rows contradict each other. Raised by workers.restore and
    services.archives."""

    code = "damaged_archive"
    title = "The archive is damaged"


class NewerArchive(Rejected):
    """A later version of sammed wrote the archive. Raised by workers.restore."""

    code = "newer_archive"
    title = "The archive is from a newer version"


class ArchiveTooLarge(Rejected):
    """Unpacking the archive would pass this installation's limit. Raised by workers.restore."""

    code = "archive_too_large"
    title = "The archive is too large"


class ImagesMissing(Rejected):
    """The archive was made without images, and this installation does not have them. Raised by services.archives."""

    code = "images_missing"
    title = "The images are missing"


class ProjectIsHere(Conflict):
    """The project of the archive is in this installation already. Raised by services.archives."""

    code = "project_is_here"
    title = "This project is here already"
