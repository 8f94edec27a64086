"""The parameters of a QIDO-RS search, read and checked. Errors name parameters and never repeat their values, which may
be a patient's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.tag import Tag

from backend.errors import Malformed
from backend.imaging.dicom.attributes import BINARY
from backend.services.dicom_query import Match, MatchKind

LIMIT, MOST = 200, 1000

_RANGED = frozenset({"DA", "TM", "DT"})
_NOT_PATTERNS = frozenset({"DA", "TM", "DT", "AS", "UI", "IS", "DS", "SL", "SS", "UL", "US", "FL", "FD", "AT"})
_MOMENT = re.compile(r"[0-9.+]*")


class MalformedSearch(Malformed):
    """A parameter of a search is unknown or has a value that cannot be. Raised by api.dicomweb."""

    code = "malformed_search"
    title = "The search cannot be understood"


@dataclass(frozen=True, slots=True)
class Asked:
    matches: tuple[Match, ...]
    fields: frozenset[str]
    all_fields: bool
    limit: int
    offset: int
    fuzzy: bool


def parse(items: Iterable[tuple[str, str]]) -> Asked:
    """From the query parameters in their order. Raises MalformedSearch."""
    matches: list[Match] = []
    fields: set[str] = set()
    limit, offset, fuzzy = LIMIT, 0, False
    for name, value in items:
        if name == "limit":
            limit = min(_count(name, value, least=1), MOST)
        elif name == "offset":
            offset = _count(name, value, least=0)
        elif name == "fuzzymatching":
            fuzzy = value.lower() == "true"
        elif name == "includefield":
            fields |= {field.strip() for field in value.split(",") if field.strip()}
        elif name != "accept" and value:
            matches.append(_match(name, value))
    all_fields = "all" in fields
    tags = frozenset(_tag(field)[0] for field in fields - {"all"})
    return Asked(tuple(matches), tags, all_fields, limit, offset, fuzzy)


def _match(name: str, value: str) -> Match:
    tag, vr = _tag(name)
    if vr in BINARY or vr == "SQ":
        raise MalformedSearch(f"{name} is not an attribute that can be searched for.")
    if vr in _RANGED:
        low, separator, high = value.partition("-")
        if not all(_MOMENT.fullmatch(end) for end in (low, high)) or value == "-":
            raise MalformedSearch(
                f"{name} needs a date or time as DICOM writes it, or two of them with a dash between."
            )
        if separator:
            return Match(tag, vr, MatchKind.RANGE, (low, high))
        return Match(tag, vr, MatchKind.RANGE, (low, low))
    if vr == "UI":
        return Match(tag, vr, MatchKind.VALUES, tuple(part for part in re.split(r"[,\\]", value) if part))
    values = tuple(part for part in value.split("\\") if part)
    if vr not in _NOT_PATTERNS and any(sign in value for sign in "*?"):
        return Match(tag, vr, MatchKind.PATTERN, values)
    if vr in _NOT_PATTERNS - {"AS", "AT"}:
        for part in values:
            _check_number(name, part, vr)
    return Match(tag, vr, MatchKind.VALUES, values)


def _check_number(name: str, text: str, vr: str) -> None:
    try:
        float(text) if vr in ("DS", "FL", "FD") else int(text)
    except ValueError as error:
        raise MalformedSearch(f"{name} needs a number.") from error


def _tag(name: str) -> tuple[str, str]:
    """The tag as eight hexadecimal digits, and its VR."""
    if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
        number = int(name, 16)
    else:
        found = tag_for_keyword(name)
        if found is None:
            raise MalformedSearch(
                "A parameter is no attribute's keyword or tag.", hint="Write PatientID or 00100020, for example."
            )
        number = int(found)
    try:
        return f"{number:08X}", dictionary_VR(Tag(number)).split(" or ")[0]
    except KeyError as error:
        raise MalformedSearch(
            "A parameter is no attribute of the standard.", hint="Private attributes are not kept for searches."
        ) from error


def _count(name: str, value: str, *, least: int) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise MalformedSearch(f"{name} needs a whole number, at least {least}.")
    return int(value)
