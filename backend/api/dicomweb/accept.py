"""Content negotiation of DICOMweb: media types with their parameters, by preference (PS3.18 8.7, RFC 9110)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import Request

from backend.errors import NotAcceptable

DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
ANY_SYNTAX = "*"


class NothingAcceptable(NotAcceptable):
    """None of the media types or transfer syntaxes that the caller takes can be made. Raised by api.dicomweb."""

    code = "no_acceptable_media_type"
    title = "The answer cannot be given in an accepted form"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One media range. `type` is that of the parts where `is_multipart`; `transfer_syntax` None where it names none."""

    type: str
    is_multipart: bool
    transfer_syntax: str | None

    def covers(self, media_type: str) -> bool:
        major, _, minor = self.type.partition("/")
        return self.type in ("*/*", media_type) or (minor == "*" and media_type.startswith(f"{major}/"))


def wanted(request: Request) -> list[Wanted]:
    """What the caller takes, the best first: the query parameter `accept` (PS3.18 8.3.3.1) or the header."""
    text = request.query_params.get("accept") or request.headers.get("Accept") or "*/*"
    ranked: list[tuple[float, Wanted]] = []
    for item in _split(text, ","):
        kind, *rest = (part.strip() for part in _split(item, ";"))
        options = {}
        for part in rest:
            name, _, value = part.partition("=")
            options[name.strip().lower()] = value.strip().strip('"')
        multipart = kind.lower() == "multipart/related"
        range_ = options.get("type", "*/*") if multipart else kind
        ranked.append((_quality(options), Wanted(range_.lower(), multipart, options.get("transfer-syntax"))))
    return [range_ for quality, range_ in sorted(ranked, key=lambda pair: -pair[0]) if quality > 0]


def accepted(request: Request, offered: Sequence[str]) -> str:
    """The offered media type (the first is the default) that the caller likes best. Raises NothingAcceptable."""
    for range_ in wanted(request):
        for media_type in offered:
            if not range_.is_multipart and range_.covers(media_type):
                return media_type
    raise nothing_acceptable(offered)


def nothing_acceptable(offered: Sequence[str]) -> NothingAcceptable:
    return NothingAcceptable("Accept names nothing that can be answered with.", hint=f"Offered: {', '.join(offered)}.")


def _quality(options: dict[str, str]) -> float:
    try:
        return float(options.get("q", "1"))
    except ValueError:
        return 0.0


def _split(text: str, separator: str) -> Iterator[str]:
    """At separators outside quotes."""
    quoted, part = False, ""
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == separator and not quoted:
            yield part.strip()
            part = ""
        else:
            part += character
    yield part.strip()
