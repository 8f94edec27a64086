"""Uploaded files -> plain files: opens zip archives, one archive inside another at the most, within limits.

Members are written under numbers into a folder of the caller's, so that no name of an archive ever becomes a path; a
member that cannot be taken is named with its reason and the others get in. Everything is streamed; a member that fails
half-way leaves nothing behind. .nii.gz stays packed: `imaging/nifti.py` reads it so.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from backend.errors import AppError
from backend.imaging.errors import (
    ArchiveLimitExceeded,
    CorruptArchive,
    EncryptedArchiveMember,
    NestedArchive,
    UnsafeArchiveMember,
)
from backend.imaging.outcomes import SYSTEM_FILE, Fault, Ignored, SourceFile
from backend.imaging.reasons import reason_of

MAX_LEVELS = 2
"""An archive, and archives inside it."""

CHUNK_BYTES = 1 << 20

RATIO_FLOOR_BYTES = 64 * 2**20
"""Up to this size a member may have any compression ratio: an empty mask packs a thousandfold and harms nobody."""

ZIP_START = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"

SYSTEM_NAMES = frozenset({".ds_store", "thumbs.db", "desktop.ini", "dicomdir", ".localized"})


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What unpacking may cost: files and bytes of one upload together, and unpacked bytes for each packed one."""

    max_files: int = 20_000
    max_total_bytes: int = 32 * 2**30
    max_ratio: float = 100.0


@dataclass(slots=True)
class _Budget:
    """What is left of the limits, shared by all archives of one upload; also numbers the files it writes."""

    limits: ArchiveLimits
    destination: Path
    files: int = 0
    bytes: int = 0
    exhausted: str | None = field(default=None)

    def next_path(self) -> Path:
        if self.files >= self.limits.max_files:
            self.exhausted = f"It holds more than {self.limits.max_files} files, with those unpacked before."
            raise ArchiveLimitExceeded(self.exhausted, hint="Upload it in several parts.")
        self.files += 1
        return self.destination / f"{self.files:06d}"

    def spend(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self.limits.max_total_bytes:
            self.exhausted = f"Unpacked it is larger than {self.limits.max_total_bytes / 2**30:.1f} GiB."
            raise ArchiveLimitExceeded(self.exhausted, hint="Upload it in several parts.")


def is_zip(start: bytes) -> bool:
    """Whether a file with these first bytes is a zip archive."""
    return start[:4] in (ZIP_START, EMPTY_ZIP)


def system_file_reason(name: str) -> str | None:
    """Why a file of this name is none of the user's, or None. `name` may have folders in front."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if "__MACOSX" in parts or (parts and parts[-1].startswith("._")):
        return "macOS keeps file attributes here; it is no image."
    if parts and parts[-1].lower() in SYSTEM_NAMES:
        return "An operating system or a medium added this file; it is no image."
    return None


def expand(
    files: Sequence[SourceFile],
    destination: Path,
    limits: ArchiveLimits,
    rename: Callable[[str], str] = lambda name: name,
) -> Iterator[SourceFile | Fault | Ignored]:
    """The files with archives replaced by their members, which are written into the folder `destination`.

    Names of members are "archive/member", the member's as `rename` makes it. Every member that is not taken appears
    as a Fault or as Ignored.
    """
    budget = _Budget(limits, destination)
    for file in files:
        reason = system_file_reason(file.name)
        if reason is not None:
            yield Ignored(file, SYSTEM_FILE, reason)
        elif _starts_as_zip(file.path):
            yield from _members(file, budget, rename, level=1)
        else:
            yield file


def _starts_as_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return is_zip(file.read(4))


def _members(
    archive: SourceFile, budget: _Budget, rename: Callable[[str], str], level: int
) -> Iterator[SourceFile | Fault | Ignored]:
    try:
        with zipfile.ZipFile(archive.path) as opened:
            members = [info for info in opened.infolist() if not info.is_dir()]
            if not members:
                yield Fault((archive,), CorruptArchive("The archive holds no file."))
            for info in members:
                if budget.exhausted is not None:
                    # Said once for the archive: each of its remaining members has this one reason.
                    yield Fault((archive,), ArchiveLimitExceeded(budget.exhausted, hint="Upload it in several parts."))
                    return
                yield from _member(archive, opened, info, budget, rename, level)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        yield Fault((archive,), CorruptArchive(f"It is no complete zip archive: {reason_of(error)}"))


def _member(
    archive: SourceFile,
    opened: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    budget: _Budget,
    rename: Callable[[str], str],
    level: int,
) -> Iterator[SourceFile | Fault | Ignored]:
    name = f"{archive.name}/{rename(info.filename)}"
    reason = system_file_reason(info.filename)
    if reason is not None:
        yield Ignored(SourceFile(archive.path, name), SYSTEM_FILE, reason)
        return
    try:
        _check_safe(info)
        member = SourceFile(_write(opened, info, budget), name)
    except AppError as error:
        yield Fault((SourceFile(archive.path, name),), error)
        return
    if not _starts_as_zip(member.path):
        yield member
    elif level < MAX_LEVELS:
        yield from _members(member, budget, rename, level + 1)
        member.path.unlink()
    else:
        member.path.unlink()
        yield Fault((member,), NestedArchive(level + 1))


def _check_safe(info: zipfile.ZipInfo) -> None:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(info.filename).drive or "\0" in info.orig_filename:
        raise UnsafeArchiveMember("Its name is an absolute path.")
    if ".." in path.parts:
        raise UnsafeArchiveMember("Its name points outside the archive (it contains '..').")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise UnsafeArchiveMember("It is a symbolic link and not a file.")
    if kind not in (0, stat.S_IFREG):
        raise UnsafeArchiveMember("It is a device or another special file.")
    if info.flag_bits & 0x1:
        raise EncryptedArchiveMember


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> Path:
    path = budget.next_path()
    partial = path.with_suffix(".partial")
    try:
        with opened.open(info) as source, partial.open("wb") as target:
            _copy(source, target, info, budget)
        return partial.replace(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise CorruptArchive(f"It cannot be unpacked: {reason_of(error)}") from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(source: IO[bytes], target: IO[bytes], info: zipfile.ZipInfo, budget: _Budget) -> None:
    """Counts what comes out, not what the archive says of itself."""
    written = 0
    most = max(RATIO_FLOOR_BYTES, budget.limits.max_ratio * info.compress_size)
    while chunk := source.read(CHUNK_BYTES):
        written += len(chunk)
        if written > most:
            raise ArchiveLimitExceeded(
                f"It packs more than {budget.limits.max_ratio:g} bytes into one, as decompression bombs do.",
                hint="Upload the file without packing it.",
            )
        budget.spend(len(chunk))
        target.write(chunk)
