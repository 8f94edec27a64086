"""multipart/related answers, written while they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from fastapi.responses import StreamingResponse


@dataclass(frozen=True, slots=True)
class Part:
    """`type` is the full Content-Type, `chunks` are the bytes."""

    type: str
    location: str
    chunks: Iterable[bytes]


def multipart(media_type: str, parts: Iterable[Part]) -> StreamingResponse:
    """An answer of parts of one media type."""
    boundary = uuid4().hex
    kind = f'multipart/related; type="{media_type}"; boundary={boundary}'
    return StreamingResponse(_written(boundary, parts), headers={"Content-Type": kind})


def _written(boundary: str, parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        yield f"--{boundary}\r\nContent-Type: {part.type}\r\nContent-Location: {part.location}\r\n\r\n".encode()
        yield from part.chunks
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()
