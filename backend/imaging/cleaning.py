"""The one gate that images pass on their way into a project: what comes out holds what the project's policy allows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.errors import AppError
from backend.imaging.deidentify import deidentify
from backend.imaging.dicom.attributes import START_BYTES, ObjectInfo, read_object_info
from backend.imaging.importing import SourceKind, sniff
from backend.imaging.outcomes import SourceFile
from backend.imaging.pseudonyms import Identity, Pseudonyms
from backend.imaging.stripping import strip_nifti, strip_picture


class Cleaner:
    """Cleans the files of one upload into a folder of the caller's, and remembers whom its pseudonyms stand for."""

    def __init__(self, pseudonyms: Pseudonyms, folder: Path) -> None:
        self._pseudonyms = pseudonyms
        self._folder = folder
        self._count = 0
        self._found: dict[str, Identity] = {}

    def name(self, name: str) -> str:
        """What a file is called instead."""
        identity = self._pseudonyms.identity_of_file(name)
        if identity is not None:
            self._found[identity.pseudonym] = identity
        return self._pseudonyms.file(name)

    def file(self, file: SourceFile, kind: SourceKind) -> SourceFile:
        """The clean copy of a file, whose name is clean already. Raises CorruptDicom, MosaicGeometryMissing,
        CorruptNifti, CorruptImage."""
        path = self._folder / f"{self._count:06d}"
        self._count += 1
        for identity in clean_file(file.path, path, kind, self._pseudonyms):
            self._found[identity.pseudonym] = identity
        return SourceFile(path, file.name)

    def found(self) -> list[Identity]:
        """Whom was found since the last call."""
        found, self._found = list(self._found.values()), {}
        return found


def clean_file(source: Path, target: Path, kind: SourceKind, pseudonyms: Pseudonyms) -> list[Identity]:
    """Write the clean copy of a file."""
    if kind is SourceKind.DICOM:
        return deidentify(source, target, pseudonyms)
    (strip_nifti if kind is SourceKind.NIFTI else strip_picture)(source, target)
    return []


@dataclass(frozen=True, slots=True)
class CleanObject:
    """The clean copy of what was received as DICOM, and whom its pseudonyms stand for."""

    info: ObjectInfo
    sha256: str
    size_bytes: int
    found: list[Identity]


def clean_objects(files: Sequence[tuple[Path, Path]], pseudonyms: Pseudonyms) -> list[CleanObject | None]:
    """Write the clean copies of what was received as DICOM, from sources to targets. None for what cannot be read."""
    made: list[CleanObject | None] = []
    for source, target in files:
        try:
            found = clean_file(source, target, sniff(source), pseudonyms)
            content = target.read_bytes()
            info = read_object_info(content[:START_BYTES])
        except AppError:
            made.append(None)
        else:
            made.append(CleanObject(info, hashlib.sha256(content).hexdigest(), len(content), found))
    return made
