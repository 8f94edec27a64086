"""A tree of files -> what is sent together (a study, an archive, the pictures of a folder), and what is left out and
why. Files are told apart by their first bytes; of DICOM only the head of the header is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filereader import read_partial

from backend.errors import AppError
from backend.imaging.archive import is_zip, system_file_reason
from backend.imaging.dicom.elements import text, unheard
from backend.imaging.importing import SourceKind, sniff
from backend.imaging.outcomes import SYSTEM_FILE

MOST_FILES_OF_A_FOLDER = 200
"""So many pictures of a folder, which are no series, are read by one job at most."""

_AFTER_SERIES = 0x00200011


@dataclass(eq=False, slots=True)
class TreeFile:
    """One file to send. `name` is its path within the tree; `series` what it is reported with."""

    path: Path
    name: str
    size_bytes: int
    series: SeriesKey
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What a line of the report is about. `uid` is "" but for DICOM."""

    study_uid: str
    uid: str
    title: str
    modality: str
    folder: str


@dataclass(slots=True)
class Group:
    """Files that are read together. `key` is the same whenever the tree is."""

    key: str
    files: list[TreeFile] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not sent, and why."""

    name: str
    code: str
    reason: str


@dataclass(slots=True)
class Tree:
    groups: list[Group]
    skipped: list[Skipped]

    @property
    def files(self) -> Iterator[TreeFile]:
        return (file for group in self.groups for file in group.files)


def scan(root: Path, *, on_file: Callable[[int], None] = lambda count: None) -> Tree:
    """Everything below `root` in the order of names, or that one file. `on_file` gets the number of files seen."""
    groups: dict[str, Group] = {}
    series: dict[tuple[str, str], SeriesKey] = {}
    skipped: list[Skipped] = []
    for count, path in enumerate(_files(root), start=1):
        name = path.relative_to(root).as_posix() if path != root else path.name
        on_file(count)
        reason = system_file_reason(name)
        if reason is not None:
            skipped.append(Skipped(name, SYSTEM_FILE, reason))
            continue
        try:
            size_bytes = path.stat().st_size
            key, about = _look(path, name)
        except AppError as error:
            skipped.append(Skipped(name, error.code, error.detail))
        except OSError as error:
            skipped.append(
                Skipped(name, "unreadable", f"It cannot be read ({error.strerror or type(error).__name__}).")
            )
        else:
            about = series.setdefault((about.study_uid, about.uid), about) if about.uid else about
            _group(groups, key).files.append(TreeFile(path, name, size_bytes, about))
    return Tree(list(groups.values()), skipped)


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_dir():
                yield path


def _group(groups: dict[str, Group], key: str) -> Group:
    """The group of this key; a folder's pictures are cut into several."""
    part = 0
    while key.startswith("folder:") and len(groups.get(f"{key}:{part}", Group("")).files) >= MOST_FILES_OF_A_FOLDER:
        part += 1
    name = f"{key}:{part}" if key.startswith("folder:") else key
    return groups.setdefault(name, Group(name))


def _look(path: Path, name: str) -> tuple[str, SeriesKey]:
    """The key of the group that a file belongs to, and what it is reported with. Raises EmptyFile, UnknownFileType."""
    folder = name.rpartition("/")[0]
    with path.open("rb") as file:
        if is_zip(file.read(4)):
            return f"file:{name}", SeriesKey("", "", f"archive {name}", "", folder)
    kind = sniff(path)
    if kind is not SourceKind.DICOM:
        title = name if kind is SourceKind.NIFTI else f"pictures of {folder or 'the folder'}"
        return f"folder:{folder}", SeriesKey("", "", title, "", folder)
    header = _head(path)
    study, uid = text(header, "StudyInstanceUID"), text(header, "SeriesInstanceUID")
    number, said = text(header, "SeriesNumber"), text(header, "SeriesDescription") or text(header, "ProtocolName")
    title = " ".join(part for part in (number, said) if part) or uid or name
    about = SeriesKey(study, uid, title, text(header, "Modality"), folder)
    return (f"study:{study}" if study else f"series:{uid}" if uid else f"file:{name}"), about


def _head(path: Path) -> Dataset:
    """The header up to the series; empty where it cannot be read, which the server will say with its reason."""
    with unheard(), path.open("rb") as file:
        try:
            return read_partial(file, stop_when=lambda tag, vr, length: tag > _AFTER_SERIES, force=True)
        except Exception:  # a damaged file makes a parser raise anything at all
            return Dataset()
