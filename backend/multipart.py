"""Multipart bodies that stream: parts go to a sink while bytes arrive, with no temporary file and no size in memory.

Here: the parser that uploads (`api/multipart.py`) and DICOMweb share. Not here: which parts are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from backend.errors import Malformed

MAX_HEADER_BYTES = 16 * 1024

Choose = Callable[[Mapping[str, bytes]], str | None]
"""From a part's headers (names in lower case) the name to start it with, None for a part that is not wanted."""


class MalformedMultipart(Malformed):
    """A multipart body is not well-formed or was cut. Raised by backend.multipart."""

    code = "malformed_multipart"
    title = "The parts of the body cannot be read"


class Sink(Protocol):
    """Where parts go: `start` one, `write` its bytes, `end` it."""

    def start(self, name: str) -> None: ...
    def write(self, data: bytes) -> None: ...
    def end(self) -> None: ...


class PartReceiver:
    """Feed it the body piece by piece; it feeds the sink."""

    def __init__(self, boundary: bytes, sink: Sink, choose: Choose) -> None:
        self._sink = sink
        self._choose = choose
        self._header = (b"", b"")
        self._headers: dict[str, bytes] = {}
        self._open = False
        self._finished = False
        callbacks: dict[str, Any] = {
            "on_part_begin": self._part_begin,
            "on_header_field": lambda data, start, end: self._grow_header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._grow_header(1, data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def feed(self, data: bytes) -> None:
        """Raises MalformedMultipart, and whatever the sink raises."""
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise MalformedMultipart("The body is no well-formed multipart body.") from error

    def close(self) -> None:
        """Raises MalformedMultipart when the body ended before its last boundary: it was cut."""
        if not self._finished:
            raise MalformedMultipart(
                "The body ended before its last part did.", hint="Nothing was kept. Send it again."
            )

    def _part_begin(self) -> None:
        self._headers = {}

    def _grow_header(self, which: int, data: bytes) -> None:
        name, value = self._header
        self._header = (name + data, value) if which == 0 else (name, value + data)
        if len(self._header[0]) + len(self._header[1]) > MAX_HEADER_BYTES:
            raise MalformedMultipart("A header of a part is too long.")

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = value
        self._header = (b"", b"")

    def _headers_finished(self) -> None:
        name = self._choose(self._headers)
        if name is not None:
            self._sink.start(name)
            self._open = True

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._open:
            self._sink.write(data[start:end])

    def _part_end(self) -> None:
        if self._open:
            self._open = False
            self._sink.end()

    def _end(self) -> None:
        self._finished = True
