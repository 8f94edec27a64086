"""Patients taken out of a DICOM file by copying its bytes: what stays is copied as it lies, what goes is left out, and
the few elements that change are made by `deidentify.py`, whose rules these are. A tenth of the time, the same bytes.

The images of a series say the same of most things, so that what was made once is remembered. Files that are unusual in
any way are not read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag, Tag

from backend.imaging.deidentify import ABOUT, PET, Cleaning, Deed, Subject, clean_meta, deed_of, mark, subject_of
from backend.imaging.dicom.elements import unheard
from backend.imaging.dicom.mosaic import layout_only
from backend.imaging.dicom.places import (
    CHARSET,
    DEFAULT_CHARSETS,
    PIXEL_DATA,
    NotPlain,
    Place,
    Stored,
    charsets_of,
    dataset_of,
    file_places,
    is_delimited,
    items,
    places,
    stored,
)
from backend.imaging.pseudonyms import Identity, Pseudonyms

REMEMBERED_BYTES = 256
"""Longer elements that change are made each time."""

Piece: TypeAlias = memoryview | bytes

_ABOUT = frozenset(int(Tag(name)) for name in ABOUT)
_METHOD_CODES = int(Tag("DeidentificationMethodCodeSequence"))
_SIGN = int(Tag("PixelRepresentation"))
_MODALITY = int(Tag("Modality"))
_READ = frozenset({CHARSET, _SIGN})
"""What pydicom reads to understand the rest, and therefore writes anew."""

_META_LENGTH = int(Tag("FileMetaInformationGroupLength"))
_META_START = b"\x02\0\0\0UL\x04\0"
_PREAMBLE = b"\0" * 128 + b"DICM"
_PRIVATE = 0x00010000
_END = 0xFFFFFFFF
_VENDOR_GROUPS = (0x0019, 0x0029)
_UNDEFINED = b"\xff\xff\xff\xff"
_ITEM, _ITEM_END, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"


@dataclass(frozen=True, slots=True)
class Context:
    """What an element is read and changed by."""

    is_implicit: bool
    charsets: tuple[str, ...]
    pseudonyms: Pseudonyms
    name: str
    days: int


@dataclass(frozen=True, slots=True)
class Spliced:
    """A clean copy of a file, in pieces, and whom its pseudonyms stand for."""

    pieces: list[Piece]
    identities: tuple[Identity, ...]


def spliced(content: bytes, pseudonyms: Pseudonyms) -> Spliced:
    """The bytes of `deidentify`, without a file. Raises NotPlain when that has to read it, or cannot either."""
    try:
        return _spliced(content, pseudonyms)
    except (NotPlain, MemoryError):
        raise
    except Exception as error:  # as there: what is damaged makes a parser raise anything at all
        raise NotPlain from error


def _spliced(content: bytes, pseudonyms: Pseudonyms) -> Spliced:
    file = file_places(content)
    found = places(content, file.start, len(content), file.is_implicit)
    charsets = charsets_of(content, found)
    _require_even_pixels(found)
    _require_no_pet(content, found)
    _require_no_layout(content, found, file.is_implicit, charsets)
    about = tuple(stored(content, place) for place in found if place[0] in _ABOUT)
    subject = _subject(about, file.is_implicit, charsets, pseudonyms)
    context = Context(file.is_implicit, charsets, pseudonyms, subject.name, subject.days)
    meta = [_meta_element(stored(content, place), pseudonyms) for place in file.meta if place[0] != _META_LENGTH]
    has_delimiter = any(place[0] == _METHOD_CODES and is_delimited(content, place) for place in found)
    body = _clean(content, found, context, _marks(context, has_delimiter))
    return Spliced([_PREAMBLE, _META_START, _counted(b"".join(meta)), *body], subject.identities)


def _clean(content: bytes, found: list[Place], context: Context, marks: Sequence[tuple[int, bytes]]) -> list[Piece]:
    """The elements of a data set or an item that stay, and `marks` (tag and whole element, in order) in place of what
    bears their tags."""
    view, out = memoryview(content), list[Piece]()
    keep_uids = context.pseudonyms.keep_uids
    waiting = iter((*marks, (_END, b"")))
    tag_of_mark, marking = next(waiting)
    begun = ended = 0  # the bytes to be copied next
    for place in found:
        tag, kind, start, value, end = place
        while tag_of_mark < tag:
            out += (view[begun:ended], marking)
            begun = ended
            tag_of_mark, marking = next(waiting)
        if tag & _PRIVATE:
            continue
        if tag == tag_of_mark:
            if kind != dictionary_VR(tag):
                raise NotPlain
            continue
        deed = deed_of(tag, kind, keep_uids)
        if deed is Deed.REMOVE:
            continue
        if deed is Deed.KEEP and tag not in _READ:
            if start != ended:
                out.append(view[begun:ended])
                begun = start
            ended = end
            continue
        if tag == _SIGN and (kind != "US" or end - value != 2):
            raise NotPlain
        out.append(view[begun:ended])
        begun = ended
        if deed is Deed.INSIDE:
            out.append(_sequence(content, place, context))
        else:
            is_read = deed in (Deed.MOVE, Deed.RENAME, Deed.KEEP)
            changes = _changed if end - value <= REMEMBERED_BYTES or not is_read else _changed.__wrapped__
            out.append(changes(Stored(tag, kind, content[value:end] if is_read else b""), context))
    out.append(view[begun:ended])
    while tag_of_mark < _END:
        out.append(marking)
        tag_of_mark, marking = next(waiting)
    return [piece for piece in out if piece]


def _sequence(content: bytes, place: Place, context: Context) -> bytes:
    _, _, start, value, _ = place
    body = bytearray()
    for item in items(content, place, context.is_implicit):
        inner = places(content, item.start, item.end, context.is_implicit)
        if any(element[0] == CHARSET for element in inner):
            raise NotPlain
        cleaned = b"".join(_clean(content, inner, context, ()))
        body += _ITEM + (_UNDEFINED + cleaned + _ITEM_END if item.is_delimited else _counted(cleaned))
    head = content[start : value - 4]
    return head + (_UNDEFINED + body + _SEQUENCE_END if is_delimited(content, place) else _counted(body))


def _counted(body: bytes | bytearray) -> bytes:
    return len(body).to_bytes(4, "little") + body


def _require_even_pixels(found: list[Place]) -> None:
    """pydicom adds a byte to an odd number of them."""
    if any(tag == PIXEL_DATA and (end - value) % 2 for tag, _, _, value, end in found[-4:]):
        raise NotPlain


def _require_no_pet(content: bytes, found: list[Place]) -> None:
    """Of PET, the patient's weight is kept."""
    if any(tag == _MODALITY and content.startswith(PET.encode(), value, end) for tag, _, _, value, end in found):
        raise NotPlain


def _require_no_layout(content: bytes, found: list[Place], is_implicit: bool, charsets: tuple[str, ...]) -> None:
    """Of a mosaic, private numbers are kept, which are written anew."""
    if not any(
        place[0] >> 16 in _VENDOR_GROUPS and content.startswith(b"SIEMENS", place[3], place[4]) for place in found
    ):
        return
    theirs = [place for place in found if place[0] >> 16 in _VENDOR_GROUPS]
    if any(is_delimited(content, place) for place in theirs):
        raise NotPlain
    try:
        with unheard():
            kept = layout_only(dataset_of([stored(content, place) for place in theirs], is_implicit, charsets))
    except Exception as error:  # it is damaged, and `deidentify` says how
        raise NotPlain from error
    if kept:
        raise NotPlain


@lru_cache(maxsize=500)
def _subject(
    about: tuple[Stored, ...], is_implicit: bool, charsets: tuple[str, ...], pseudonyms: Pseudonyms
) -> Subject:
    with unheard():
        return subject_of(dataset_of(about, is_implicit, charsets), pseudonyms)


@lru_cache(maxsize=500)
def _marks(context: Context, has_delimiter: bool) -> tuple[tuple[int, bytes], ...]:
    """`has_delimiter`: so the file has the sequence that they replace."""
    dataset = Dataset()
    mark(dataset, context.name, keep_uids=context.pseudonyms.keep_uids, has_layout=False)
    dataset[_METHOD_CODES].is_undefined_length = has_delimiter
    return tuple((int(tag), _written(dataset, tag, context)) for tag in sorted(dataset.keys()))


@lru_cache(maxsize=5_000)
def _changed(stored: Stored, context: Context) -> bytes:
    """What becomes of one element."""
    dataset = dataset_of((stored,), context.is_implicit, context.charsets)
    with unheard():
        Cleaning(context.pseudonyms, context.name, context.days).clean(dataset)
        dataset[stored.tag]  # a value that is written as it was read still gets the form of its kind
        return _written(dataset, BaseTag(stored.tag), context)


@lru_cache(maxsize=2_000)
def _meta_element(stored: Stored, pseudonyms: Pseudonyms) -> bytes:
    meta = FileMetaDataset(dataset_of((stored,), False, DEFAULT_CHARSETS))
    with unheard():
        clean_meta(meta, pseudonyms)
        return b"".join(_written(meta, tag, None) for tag in sorted(meta.keys()))


def _written(dataset: Dataset, tag: BaseTag, context: Context | None) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, context is not None and context.is_implicit
    write_data_element(buffer, dataset[tag], list(context.charsets) if context else None)
    return buffer.getvalue()
