"""A multipart/form-data upload that streams into the object store: no temporary files, no size in memory.

Only parts with a file name in the field `files` are kept. The limits are checked while bytes arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from backend.errors import Rejected
from backend.multipart import MalformedMultipart, PartReceiver, Sink

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


class MalformedUpload(Rejected):
    """The request is not a well-formed multipart/form-data upload. Raised by api.multipart."""

    code = "malformed_upload"
    title = "The upload cannot be read"


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
        self._parts = PartReceiver(boundary, sink, _file_name)

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


def _file_name(headers: Mapping[str, bytes]) -> str | None:
    _, options = parse_options_header(headers.get("content-disposition", b""))
    if options.get(b"name") != FIELD.encode() or b"filename" not in options:
        return None
    return options[b"filename"].decode("utf-8", errors="replace")
