"""Files on their way to a server: counted while they are read, and folders as one archive."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from backend.errors import NotFound

OCTETS = "application/octet-stream"

OnBytes = Callable[[int, int], None]
"""Called while a file travels, with the bytes so far and all bytes (0 when not known)."""

Part = tuple[str, "Counted", str]
"""A file in a request: its name, its bytes, their kind."""


def ignore(done: int, of: int) -> None:
    """Nobody watches."""


class NothingToSend(NotFound):
    """The path to import does not exist or holds no file."""

    code = "nothing_to_send"
    title = "There is nothing to import"


class Counted:
    """A file that says how much of it was read; what httpx uses of a file, and no more."""

    def __init__(self, stream: IO[bytes], on_bytes: OnBytes) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self._of = os.fstat(stream.fileno()).st_size
        self.fileno, self.seek, self.tell = stream.fileno, stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        found = self._stream.read(size)
        self._on_bytes(self._stream.tell(), self._of)
        return found


@contextmanager
def opened(
    files: Sequence[tuple[str, Path]], on_bytes: OnBytes, kind: str = OCTETS
) -> Iterator[list[tuple[str, Part]]]:
    """Files, each with the name it shall have, as the parts `files` of one request. Raises NothingToSend."""
    if missing := [path for _, path in files if not path.is_file()]:
        raise NothingToSend(f"{missing[0]} is no file.")
    with ExitStack() as stack:
        yield [("files", (name, Counted(stack.enter_context(path.open("rb")), on_bytes), kind)) for name, path in files]


@contextmanager
def as_one_file(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """A file as it is; a folder as an uncompressed zip, so that a series of many slices travels as one."""
    if path.is_file():
        with open(path, "rb") as stream:
            yield path.name, stream
        return
    inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    if not inside:
        raise NothingToSend(f"{path} does not exist or holds no file.")
    with tempfile.TemporaryFile() as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for file in inside:
                archive.write(file, file.relative_to(path))
        stream.seek(0)
        yield f"{path.resolve().name}.zip", stream
