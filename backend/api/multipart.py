"""A multipart/form-data upload that streams into the object store: no temporary files, no size in memory.

Only parts with a file name in the field `files` are kept, and small texts in fields that a route names. The limits are
checked while bytes arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Protocol

from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from backend.errors import Rejected
from backend.multipart import MalformedMultipart, PartReceiver, Sink

FIELD = "files"
MOST_TEXT_BYTES = 1 << 20
PIECE_BYTES = 1 << 20
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


class MalformedUpload(Rejected):
    """The request is not a well-formed multipart/form-data upload. Raised by api.multipart."""

    code = "malformed_upload"
    title = "The upload cannot be read"


class DiscardableSink(Sink, Protocol):
    """A sink that can forget what it got."""

    def discard(self) -> None: ...


async def receive(request: Request, sink: DiscardableSink, *, fields: Collection[str] = ()) -> dict[str, bytes]:
    """The request's files into the sink, which has forgotten all of them when this raises. -> the texts of `fields`"""
    try:
        receiver = Receiver(request.headers.get("Content-Type", ""), sink, fields)
        await feed(request, receiver.feed)
        receiver.close()
        return receiver.texts
    except Exception:
        await run_in_threadpool(sink.discard)
        raise


async def feed(request: Request, take: Callable[[bytes], None]) -> None:
    """The body to `take`, piece by piece, in another thread: while one is taken, the next arrives. When this raises,
    nothing is being taken any more."""
    taking: asyncio.Future[None] | None = None
    try:
        async for piece in pieces(request):
            if taking is not None:
                await taking
            taking = asyncio.ensure_future(run_in_threadpool(take, piece))
        if taking is not None:
            await taking
    except BaseException:
        if taking is not None:
            await asyncio.gather(taking, return_exceptions=True)
        raise


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces that are worth the way to another thread; the network's are not."""
    held: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        held.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if size:
        yield b"".join(held)


class Receiver:
    """Feed it the body piece by piece; it feeds the sink and keeps the `texts` of the fields."""

    def __init__(self, content_type: str, sink: Sink, fields: Collection[str] = ()) -> None:
        self.texts: dict[str, bytes] = {}
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise MalformedUpload(
                "The body is not multipart/form-data.", hint="Send the files as parts of the field `files`."
            )
        self._sink = sink
        self._fields = fields
        self._text: str | None = None
        self._parts = PartReceiver(boundary, self, self._choose)

    def feed(self, data: bytes) -> None:
        """Raises MalformedUpload, and whatever the sink raises (TooLarge)."""
        try:
            self._parts.feed(data)
        except MalformedMultipart as error:
            raise MalformedUpload("The body is not well-formed multipart/form-data.") from error

    def close(self) -> None:
        """Raises MalformedUpload when the body ended before its last boundary: the upload was cut."""
        try:
            self._parts.close()
        except MalformedMultipart as error:
            raise MalformedUpload(
                "The upload ended too early.", hint="Nothing of it was kept. Send it again."
            ) from error

    def _choose(self, headers: Mapping[str, bytes]) -> str | None:
        _, options = parse_options_header(headers.get("content-disposition", b""))
        field = options.get(b"name", b"").decode("utf-8", errors="replace")
        self._text = field if field in self._fields and b"filename" not in options else None
        if self._text is not None:
            return ""
        if field != FIELD or b"filename" not in options:
            return None
        return options[b"filename"].decode("utf-8", errors="replace")

    # -- as the sink of all parts
    def start(self, name: str) -> None:
        if self._text is None:
            self._sink.start(name)
        else:
            self.texts[self._text] = b""

    def write(self, data: bytes) -> None:
        if self._text is None:
            return self._sink.write(data)
        self.texts[self._text] += data
        if len(self.texts[self._text]) > MOST_TEXT_BYTES:
            raise MalformedUpload(f"The field `{self._text}` has more than {MOST_TEXT_BYTES} bytes.")

    def end(self) -> None:
        if self._text is None:
            self._sink.end()
