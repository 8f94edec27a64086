"""Where the elements of a DICOM file lie in its bytes, for those who copy most of them: an element takes a microsecond,
where a parser that makes objects of it takes ten.

Only what every reader understands in the same way is read: little endian, the value representations of the standard,
tags in order, sequences to a bounded depth. Of everything else `NotPlain` is raised, and pydicom reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import RawDataElement, convert_raw_data_element, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32, VR

from backend.imaging.dicom.elements import kind_of

PREFIX = 132
"""Bytes of the preamble and the mark "DICM"."""

UNDEFINED_LENGTH = 0xFFFFFFFF
DEEPEST = 12
"""Sequences of undefined length within such sequences."""
LONGEST_SEQUENCE = 1 << 18
MOST_ELEMENTS = 5_000
"""A header beyond these is work for another process than the web server."""

CHARSET = 0x00080005
PIXEL_DATA = 0x7FE00010
TRANSFER_SYNTAX = 0x00020010

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_AFTER_META = 0x00030000
_LAST_WITHOUT_GROUP_LENGTH = 6

_EXPLICIT = struct.Struct("<HH2sH").unpack_from
_IMPLICIT = struct.Struct("<HHL").unpack_from
_LONG = struct.Struct("<L").unpack_from

_SHORT_VRS = {vr.value.encode(): vr.value for vr in EXPLICIT_VR_LENGTH_16}
_LONG_VRS = {vr.value.encode(): vr.value for vr in EXPLICIT_VR_LENGTH_32}

DEFAULT_CHARSETS = (default_encoding,)

Place = tuple[int, str, int, int, int]
"""An element: its tag, value representation (of an implicit file, the dictionary's), and where it starts, where its
value starts, and where it ends, delimiters and all."""


class Stored(NamedTuple):
    """An element as it stands in a file, which may well be in another file, too."""

    tag: int
    kind: str
    value: bytes


class NotPlain(Exception):
    """Not read here. It may be damaged, or just unusual."""


class File(NamedTuple):
    """A file in the DICOM file format: the elements of its file meta information, and where the data set starts."""

    meta: list[Place]
    syntax: str
    is_implicit: bool
    start: int


class Item(NamedTuple):
    """An item of a sequence: where its elements start and end, and whether its length is given."""

    start: int
    end: int
    is_delimited: bool


def file_places(content: bytes) -> File:
    """Of a file, or of its first bytes that reach beyond the file meta information. Raises NotPlain."""
    if content[128:PREFIX] != b"DICM":
        raise NotPlain
    meta = places(content, PREFIX, len(content), False, stop=_AFTER_META)
    if not meta or meta[0][0] >> 16 != 2:
        raise NotPlain
    syntax = next((content[place[3] : place[4]] for place in meta if place[:2] == (TRANSFER_SYNTAX, VR.UI)), b"")
    said = syntax.rstrip(b"\0 ").decode("ascii", "replace")
    start = meta[-1][4]
    is_implicit = _is_implicit(said)
    if is_implicit and content[start + 4 : start + 6].isalpha():
        raise NotPlain  # it says implicit and is explicit
    return File(meta, said, is_implicit, start)


def places(content: bytes, start: int, end: int, is_implicit: bool, *, stop: int = _ITEM) -> list[Place]:
    """The elements from `start` to `end`, or up to the first tag that is not below `stop`. Lengths of groups are left
    out. Raises NotPlain."""
    found, after = _read(content, start, end, is_implicit, stop, 0)
    if after != end and stop == _ITEM:
        raise NotPlain
    return found


def items(content: bytes, place: Place, is_implicit: bool) -> list[Item]:
    """The items of a sequence. Raises NotPlain."""
    found, after = _items(content, place[3], place[4], is_implicit, is_delimited(content, place), 0)
    if after != place[4]:
        raise NotPlain
    return found


def is_delimited(content: bytes, place: Place) -> bool:
    """Whether an element has no length and ends with a delimiter."""
    return content[place[3] - 4 : place[3]] == b"\xff\xff\xff\xff"


def stored(content: bytes, place: Place) -> Stored:
    return Stored(place[0], place[1], content[place[3] : place[4]])


def dataset_of(elements: Iterable[Stored], is_implicit: bool, charsets: tuple[str, ...]) -> Dataset:
    """Some elements of a file as pydicom reads them, none of them delimited."""
    made = Dataset()
    for tag, kind, value in elements:
        vr = None if is_implicit else kind
        said: Any = value or empty_value_for_VR(vr, raw=True)
        made[BaseTag(tag)] = RawDataElement(BaseTag(tag), vr, len(value), said, 0, is_implicit, True)
    made.set_original_encoding(is_implicit, True, list(charsets))
    return made


def charsets_of(content: bytes, found: list[Place]) -> tuple[str, ...]:
    """The encodings of a data set's texts, as pydicom calls them."""
    for place in found:
        if place[0] >= CHARSET:
            return _charsets(content[place[3] : place[4]]) if place[0] == CHARSET else DEFAULT_CHARSETS
    return DEFAULT_CHARSETS


def _read(content: bytes, start: int, end: int, is_implicit: bool, stop: int, depth: int) -> tuple[list[Place], int]:
    """The elements, and where they end."""
    found: list[Place] = []
    place, last = start, -1
    while place + 8 <= end:
        value = place + 8
        if is_implicit:
            group, element, length = _IMPLICIT(content, place)
            tag = group << 16 | element
            if tag >= stop:
                break
            kind = kind_of(tag)
        else:
            group, element, said, length = _EXPLICIT(content, place)
            tag = group << 16 | element
            if tag >= stop:
                break
            short = _SHORT_VRS.get(said)
            if short is not None:
                kind = short
            else:
                kind = _LONG_VRS.get(said, "")
                value += 4
                if not kind or value > end or length:  # two bytes that are reserved
                    raise NotPlain
                (length,) = _LONG(content, place + 8)
        if tag <= last:
            raise NotPlain
        last = tag
        after = value + length
        if length == UNDEFINED_LENGTH:
            after = _end(content, value, end, is_implicit, tag, kind, depth)
        if after > end:
            raise NotPlain
        if element or group <= _LAST_WITHOUT_GROUP_LENGTH:
            found.append((tag, kind, place, value, after))
            if len(found) > MOST_ELEMENTS:
                raise NotPlain
        place = after
    return found, place


def _items(
    content: bytes, start: int, end: int, is_implicit: bool, is_delimited: bool, depth: int
) -> tuple[list[Item], int]:
    """The items of a sequence, and where it ends, its delimiter included."""
    if depth == DEEPEST:
        raise NotPlain
    found: list[Item] = []
    place = start
    while is_delimited or place != end:
        if place + 8 > end or place - start > LONGEST_SEQUENCE:
            raise NotPlain
        tag, length = _delimiter(content, place)
        place += 8
        if tag == _SEQUENCE_END and is_delimited and length == 0:
            break
        if tag != _ITEM:
            raise NotPlain
        if length != UNDEFINED_LENGTH:
            found.append(Item(place, place + length, False))
            place += length
            continue
        _, after = _read(content, place, end, is_implicit, _ITEM, depth + 1)
        if after + 8 > end or _delimiter(content, after) != (_ITEM_END, 0):
            raise NotPlain
        found.append(Item(place, after, True))
        place = after + 8
    return found, place


def _end(content: bytes, value: int, end: int, is_implicit: bool, tag: int, kind: str, depth: int) -> int:
    """Where an element of undefined length ends."""
    if kind == VR.SQ:
        return _items(content, value, end, is_implicit, True, depth)[1]
    if tag != PIXEL_DATA or is_implicit:
        raise NotPlain
    place = value
    while place + 8 <= end:
        mark, length = _delimiter(content, place)
        if mark == _SEQUENCE_END and length == 0 and place > value:
            return place + 8
        if mark != _ITEM or length == UNDEFINED_LENGTH:
            break
        place += 8 + length
    raise NotPlain


def _delimiter(content: bytes, place: int) -> tuple[int, int]:
    """Tag and length of what has no value representation."""
    group, element, length = _IMPLICIT(content, place)
    return group << 16 | element, length


@lru_cache
def _charsets(value: bytes) -> tuple[str, ...]:
    try:
        said = convert_raw_data_element(RawDataElement(BaseTag(CHARSET), "CS", len(value), value, 0, False, True)).value
        return tuple(convert_encodings(said))
    except Exception as error:  # of what names no character set, pydicom raises anything at all
        raise NotPlain from error


@lru_cache
def _is_implicit(syntax: str) -> bool:
    """Raises NotPlain for what is not little endian, or packed as a whole."""
    uid = UID(syntax)
    if uid.is_private or not uid.is_transfer_syntax or not uid.is_little_endian or uid.is_deflated:
        raise NotPlain
    return uid.is_implicit_VR
