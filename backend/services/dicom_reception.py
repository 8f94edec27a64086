"""DICOM objects on their way in: they stream into the object store, are identified by their first bytes, and where the
project wants it, cleaned by other processes while more arrive. What is kept of them: `dicom_store.py`."""

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
from backend.errors import CorruptDicom, Relayed
from backend.imaging.cleaning import CleanObject, clean_objects
from backend.imaging.dicom.attributes import START_BYTES, ObjectInfo, read_object_info
from backend.imaging.pseudonyms import Pseudonyms
from backend.services.dicom_index import NewInstance
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
class Received:
    key: str
    new: NewInstance


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
        self._written: list[Future[None]] = []
        self._begun: list[tuple[list[tuple[str, Path, Path]], Callable[[], list[CleanObject | None]]]] = []
        self._count = 0

    def add(self, key: str, written: Future[None] | None) -> None:
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
        """With `cleaning`, nothing but the clean copies is to be kept. Objects are written by `writers` while more
        arrive."""
        self.cleaning = cleaning
        self._writers = writers
        self._writing: list[tuple[Future[None], int]] = []
        self._held: list[bytes] = []
        self.received: list[Received] = []
        self.refused: list[Refused] = []
        self._objects = objects
        self._study_uid = study_uid
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._folder = f"uploads/{new_id()}"
        self._bytes = 0
        self._count = 0
        self._writer: Any = None
        self._digest = hashlib.sha256()
        self._start = b""
        self._size = 0

    @property
    def count(self) -> int:
        """Objects that have arrived whole."""
        return len(self.received) + len(self.refused)

    def start(self, name: str = "") -> None:
        """Begin an object. Names are not looked at."""
        if self._count >= self._max_files:
            raise UploadTooLarge(f"The request has more than {self._max_files} objects.", hint="Send it in parts.")
        self._count += 1
        self._digest, self._held, self._size = hashlib.sha256(), [], 0

    def write(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise UploadTooLarge(
                f"The request has more than {self._max_bytes} bytes.",
                hint="Send it in parts; SAMMED_UPLOAD_MAX_BYTES sets the limit.",
            )
        self._size += len(data)
        self._digest.update(data)
        if self._writer is not None:
            self._writer.write(data)
            return
        self._held.append(data)
        if self._size > HELD_BYTES:  # too large to be held
            self._start, self._held = b"".join(self._held), []
            self._writer = self._objects.open_writer(self._key())
            self._writer.write(self._start)
            self._start = self._start[:START_BYTES]

    def end(self) -> None:
        """The object is complete: look what it is."""
        written: Future[None] | None = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        else:
            content, self._held = b"".join(self._held), []
            self._start = content[:START_BYTES]
            written = self._writers.submit(self._objects.put_bytes, self._key(), content)
            self._writing.append((written, len(content)))
            self._keep_up()
        try:
            info = read_object_info(self._start, attributes=self.cleaning is None)
        except CorruptDicom:
            self.refused.append(Refused(None, Failure.NOT_UNDERSTOOD))
            return
        if self._study_uid is not None and info.study_uid != self._study_uid:
            self.refused.append(Refused(info, Failure.OTHER_STUDY))
            return
        if self.cleaning is not None:
            self.cleaning.add(self._key(), written)
        self.received.append(Received(self._key(), NewInstance(info, self._digest.hexdigest(), self._size)))

    def written(self) -> None:
        """Returns when all that has arrived is in the object store. Raises ObjectsUnavailable."""
        writing, self._writing = self._writing, []
        for future, _ in writing:
            future.result()

    def _keep_up(self) -> None:
        """What is not written yet stays small."""
        while sum(size for _, size in self._writing) > HELD_BYTES:
            future, _ = self._writing.pop(0)
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
