"""A multipart/form-data upload that streams into the object store: no temporary files, no size in memory.

Only parts with a file name in the field `files` are kept. The limits are checked while bytes arrive.
"""

from __future__ import annotations

from typing import Any, Protocol

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from backend.errors import Rejected

FIELD = "files"
UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        }
    },
}
"""The OpenAPI description of an upload, for routes that read the request themselves."""
_MAX_HEADER_BYTES = 16 * 1024


class MalformedUpload(Rejected):
    """The request is not a well-formed multipart/form-data upload. Raised by api.multipart."""

    code = "malformed_upload"
    title = "The upload cannot be read"


class Sink(Protocol):
    """Where files go: `start` a file, `write` its bytes, `end` it."""

    def start(self, name: str) -> None: ...
    def write(self, data: bytes) -> None: ...
    def end(self) -> None: ...


class DiscardableSink(Sink, Protocol):
    """A sink that can forget what it got."""

    def discard(self) -> None: ...


async def receive(request: Request, sink: DiscardableSink) -> None:
    """The request's files into the sink, which has forgotten all of them when this raises."""
    try:
        receiver = Receiver(request.headers.get("Content-Type", ""), sink)
        async for chunk in request.stream():
            await run_in_threadpool(receiver.feed, chunk)
        receiver.close()
    except Exception:
        await run_in_threadpool(sink.discard)
        raise


class Receiver:
    """Feed it the body piece by piece; it feeds the sink."""

    def __init__(self, content_type: str, sink: Sink) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise MalformedUpload(
                "The body is not multipart/form-data.", hint="Send the files as parts of the field `files`."
            )
        self._sink = sink
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
        """Raises MalformedUpload, and whatever the sink raises (TooLarge)."""
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise MalformedUpload("The body is not well-formed multipart/form-data.") from error

    def close(self) -> None:
        """Raises MalformedUpload when the body ended before its last boundary: the upload was cut."""
        if not self._finished:
            raise MalformedUpload("The upload ended too early.", hint="Nothing of it was kept. Send it again.")

    def _part_begin(self) -> None:
        self._headers = {}

    def _grow_header(self, which: int, data: bytes) -> None:
        name, value = self._header
        self._header = (name + data, value) if which == 0 else (name, value + data)
        if len(self._header[0]) + len(self._header[1]) > _MAX_HEADER_BYTES:
            raise MalformedUpload("A header of a part is too long.")

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = value
        self._header = (b"", b"")

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        if options.get(b"name") == FIELD.encode() and b"filename" in options:
            self._sink.start(options[b"filename"].decode("utf-8", errors="replace"))
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
