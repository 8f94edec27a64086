"""A file on its way to somebody who asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Download:
    """`chunks` are the bytes of the file in order; read once."""

    name: str
    media_type: str
    size_bytes: int
    chunks: Iterator[bytes]
