"""What importing says about each uploaded file: the values that archive, DICOM, NIfTI and raster reading share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.errors import AppError


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to import. `path` is where its bytes lie now; `name` is what the user called it, members of an archive
    with the archive in front: "study.zip/IM/0001"."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Files that were refused, and why. Several files share one fault when together they make no volume."""

    files: tuple[SourceFile, ...]
    error: AppError


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that was left out on purpose. `code` is stable; "duplicate" means that the same image came twice."""

    file: SourceFile
    code: str
    detail: str


DUPLICATE = "duplicate"
"""`Ignored.code` of an image that is already in the upload."""
NOT_AN_IMAGE = "not_an_image"
"""`Ignored.code` of reports, structure sets, segmentations and other objects that accompany images."""
SYSTEM_FILE = "system_file"
"""`Ignored.code` of what operating systems and media add: .DS_Store, Thumbs.db, __MACOSX, DICOMDIR."""
