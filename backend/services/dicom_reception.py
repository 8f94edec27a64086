"""DICOM objects on their way in: they stream into the object store, are identified by their first bytes, and where the
project wants it, cleaned while more arrive: usual ones before they touch the disk, by copying bytes, and all others by
other processes. What is kept of them: `dicom_store.py`."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from backend.domain.ids import new_id
from backend.errors import Relayed
from backend.imaging.cleaning import CleanObject, clean_objects
from backend.imaging.dicom.attributes import START_BYTES, ObjectInfo, read_object_info
from backend.imaging.dicom.errors import CorruptDicom
from backend.imaging.dicom.places import NotPlain
from backend.imaging.pseudonyms import Identity, Pseudonyms
from backend.imaging.splicing import spliced
from backend.services.imports import UploadTooLarge
from backend.services.isolation import DecoderFailed, Isolation
from backend.stores.objects import Objects

CLEANED_AT_ONCE = 8
HELD_BYTES = 8 * 2**20
"""Objects up to this size are written whole, larger ones as they come."""


class Failure(IntEnum):
    """Failure Reason (0008,1197) of PS3.18 I.2.2."""

    DUPLICATE = 0x0111
    OTHER_STUDY = 0xA900
    NOT_UNDERSTOOD = 0xC000


@dataclass(frozen=True, slots=True)
class Refused:
    """An object that was not kept. `info` is None where it could not even be identified."""

    info: ObjectInfo | None
    reason: Failure


@dataclass(frozen=True, slots=True)
class Arrived:
    """An object that lies under `key` in the store, once it has been written. `sent` is what it is called by its
    sender, `info` what is to be kept of it; None where its clean copy comes of the cleaning."""

    key: str
    sent: ObjectInfo
    info: ObjectInfo | None
    size_bytes: int
    sha256: Callable[[], str]
    identities: tuple[Identity, ...] = ()


@dataclass(frozen=True, slots=True)
class CleanFile:
    """A clean copy, which lies at `path` until the cleaning is closed."""

    made: CleanObject
    path: Path


class Cleaning:
    """Cleans the objects of one request, by their keys, a few at once."""

    def __init__(self, objects: Objects, isolation: Isolation, pseudonyms: Pseudonyms) -> None:
        self._objects = objects
        self._isolation = isolation
        self.pseudonyms = pseudonyms
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._waiting: list[tuple[str, Path, Path]] = []
        self._written: list[Future[str]] = []
        self._begun: list[tuple[list[tuple[str, Path, Path]], Callable[[], list[CleanObject | None]]]] = []
        self._count = 0

    def add(self, key: str, written: Future[str] | None) -> None:
        """An object has arrived, and is in the store when it has been written."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="sammed-clean-")
        source = Path(self._folder.name, f"{self._count:06d}")
        self._count += 1
        self._waiting.append((key, source, source.with_suffix(".clean")))
        self._written += [written] if written is not None else []
        if len(self._waiting) == CLEANED_AT_ONCE:
            self._begin()

    def results(self) -> dict[str, CleanFile | None]:
        """Of every object its clean copy; None where it cannot be read."""
        self._begin()
        found: dict[str, CleanFile | None] = {}
        for batch, result in self._begun:
            try:
                made = result()
            except (Relayed, DecoderFailed):  # one of them crashed the process: which?
                made = [self._alone(source, target) for _, source, target in batch]
            for (key, _, target), clean in zip(batch, made, strict=True):
                found[key] = CleanFile(clean, target) if clean is not None else None
        return found

    def close(self) -> None:
        """Delete the copies."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _begin(self) -> None:
        batch, self._waiting = self._waiting, []
        written, self._written = self._written, []
        for future in written:
            future.result()
        for key, source, _ in batch:
            self._objects.fetch(key, source)
        if batch:
            self._begun.append((batch, self._isolation.begin(clean_objects, _paths(batch), self.pseudonyms)))

    def _alone(self, source: Path, target: Path) -> CleanObject | None:
        try:
            [made] = self._isolation.run(clean_objects, [(source, target)], self.pseudonyms)
        except (Relayed, DecoderFailed):
            return None
        return made


def _paths(batch: Sequence[tuple[str, Path, Path]]) -> list[tuple[Path, Path]]:
    return [(source, target) for _, source, target in batch]


class Reception:
    """The objects of one request on their way into the object store (see api.multipart.Sink)."""

    def __init__(
        self,
        objects: Objects,
        *,
        study_uid: str | None,
        max_bytes: int,
        max_files: int,
        writers: Executor,
        cleaning: Cleaning | None = None,
    ) -> None:
        """With `cleaning`, nothing but clean copies is to be kept: made here where that is a matter of copying bytes,
        by other processes else. Objects are written by `writers` while more arrive."""
        self.cleaning = cleaning
        self._writers = writers
        self._writing: list[tuple[Future[str], int]] = []
        self._held: list[bytes] = []
        self.arrived: list[Arrived] = []
        self.refused: list[Refused] = []
        self._objects = objects
        self._study_uid = study_uid
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._folder = f"uploads/{new_id()}"
        self._bytes = 0
        self._count = 0
        self._size = 0
        # of an object that is too large to be held
        self._writer: Any = None
        self._digest = hashlib.sha256()
        self._start = b""

    @property
    def count(self) -> int:
        """Objects that have arrived whole."""
        return len(self.arrived) + len(self.refused)

    def start(self, name: str = "") -> None:
        """Begin an object. Names are not looked at."""
        if self._count >= self._max_files:
            raise UploadTooLarge(f"The request has more than {self._max_files} objects.", hint="Send it in parts.")
        self._count += 1
        self._held, self._size = [], 0

    def write(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise UploadTooLarge(
                f"The request has more than {self._max_bytes} bytes.",
                hint="Send it in parts; SAMMED_UPLOAD_MAX_BYTES sets the limit.",
            )
        self._size += len(data)
        if self._writer is not None:
            self._digest.update(data)
            self._writer.write(data)
            return
        self._held.append(data)
        if self._size > HELD_BYTES:
            whole, self._held = b"".join(self._held), []
            self._start, self._digest = whole[:START_BYTES], hashlib.sha256(whole)
            self._writer = self._objects.open_writer(self._key())
            self._writer.write(whole)

    def end(self) -> None:
        """The object is complete: look what it is."""
        large, self._writer = self._writer, None
        if large is not None:
            large.close()
        content, self._held = b"".join(self._held), []
        try:
            sent = read_object_info(
                self._start if large is not None else content[:START_BYTES], attributes=self.cleaning is None
            )
            if self._study_uid is not None and sent.study_uid != self._study_uid:
                self.refused.append(Refused(sent, Failure.OTHER_STUDY))
                return
            if large is not None:
                self._arrived_large(sent)
            else:
                self._arrived(sent, content)
        except CorruptDicom:
            self.refused.append(Refused(None, Failure.NOT_UNDERSTOOD))

    def _arrived_large(self, sent: ObjectInfo) -> None:
        if self.cleaning is not None:
            self.cleaning.add(self._key(), None)
        info = sent if self.cleaning is None else None
        self.arrived.append(Arrived(self._key(), sent, info, self._size, self._digest.hexdigest))

    def _arrived(self, sent: ObjectInfo, content: bytes) -> None:
        """Raises CorruptDicom for what has no identity when it is clean."""
        info: ObjectInfo | None = sent
        identities: tuple[Identity, ...] = ()
        if self.cleaning is not None:
            try:
                clean = spliced(content, self.cleaning.pseudonyms)
            except NotPlain:
                info = None
            else:
                content, identities = b"".join(clean.pieces), clean.identities
                info = read_object_info(content[:START_BYTES])
        written = self._writers.submit(self._write_whole, self._key(), content)
        self._writing.append((written, len(content)))
        if self.cleaning is not None and info is None:
            self.cleaning.add(self._key(), written)
        self.arrived.append(Arrived(self._key(), sent, info, len(content), written.result, identities))
        while sum(size for _, size in self._writing) > HELD_BYTES:  # what is not written yet stays small
            future, _ = self._writing.pop(0)
            future.result()

    def _write_whole(self, key: str, content: bytes) -> str:
        """-> sha256 hex"""
        self._objects.put_bytes(key, content)
        return hashlib.sha256(content).hexdigest()

    def written(self) -> None:
        """Returns when all that has arrived is in the object store. Raises ObjectsUnavailable."""
        writing, self._writing = self._writing, []
        for future, _ in writing:
            future.result()

    def discard(self) -> None:
        """Forget what has arrived and was not kept."""
        self._writer = None
        for future, _ in self._writing:
            future.cancel()
        wait([future for future, _ in self._writing])
        if self.cleaning is not None:
            self.cleaning.close()
        self._objects.delete_prefix(self._folder)

    def _key(self) -> str:
        return f"{self._folder}/{self._count:05d}"
