"""DICOM objects in the DICOM JSON Model (PS3.18 annex F): what one is and can be searched by, from its first bytes, and
all its metadata, read from the file. Not here: pixels (`serving.py`) and what a series means (`series.py`)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from backend.imaging.dicom.byte_order import as_little_endian
from backend.imaging.dicom.elements import BY_CONTEXT, SHARED_BYTES, StoredValue, integer, kind_of, text, unheard
from backend.imaging.dicom.errors import CorruptDicom, UndecodablePixelData
from backend.imaging.dicom.json_model import INLINE_BYTES, USUAL, Json, plain, shared, usual
from backend.imaging.dicom.places import (
    PREFIX,
    NotPlain,
    Place,
    charsets_of,
    dataset_of,
    file_places,
    is_delimited,
    places,
    stored,
)
from backend.imaging.dicom.syntaxes import decodable

START_BYTES = 1 << 20
"""So much of a file is enough to say what it is: the identity and the image's description come before anything long."""

BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
PIXEL_DATA = "7FE00010"
REAL_PIXELS = {32: ("7FE00008", "OF"), 64: ("7FE00009", "OD")}
"""Bits of a real number -> where its pixels are."""

_AFTER_HEADER = 0x52000000
_AFTER_IDENTIFIERS = 0x0020000F
_FIRST_PIXEL_ELEMENT = 0x7FE00008
_PRIVATE, _ELEMENT = 0x00010000, 0x0000FFFF
_NOT_SEARCHED = frozenset({*BINARY, "SQ"})
_IDENTIFIERS = {
    "study_uid": (0x0020000D, "StudyInstanceUID"),
    "series_uid": (0x0020000E, "SeriesInstanceUID"),
    "sop_instance_uid": (0x00080018, "SOPInstanceUID"),
    "sop_class_uid": (0x00080016, "SOPClassUID"),
}


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What one DICOM object is. `attributes` (tag -> element in the JSON model) holds the patient's identity: never
    log it."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    attributes: Json


def read_object_info(start: bytes, *, attributes: bool = True) -> ObjectInfo:
    """From the first START_BYTES of a file in the DICOM file format. Bounded in time and memory by their length.
    Without `attributes` only the identifiers are read.

    Raises CorruptDicom when it is not such a file or lacks one of its four identifiers.
    """
    if start[128:PREFIX] != b"DICM":
        raise CorruptDicom("It is no DICOM file: the mark DICM is missing.")
    end = _AFTER_HEADER if attributes else _AFTER_IDENTIFIERS
    try:
        return _info_of_plain(start, end, attributes)
    except NotPlain:
        pass
    with unheard():
        try:
            stream = BytesIO(start[PREFIX:])
            meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
            syntax = UID(text(meta, "TransferSyntaxUID"))
            header = _header(stream.read(), syntax, end)
            uids = {name: text(header, keyword) for name, (_, keyword) in _IDENTIFIERS.items()}
            said = _searchable(header) if attributes else {}
        except Exception as error:  # a damaged file makes a parser raise anything at all
            raise CorruptDicom(f"The header cannot be read ({type(error).__name__}).") from error
        _check(uids)
        return ObjectInfo(**uids, transfer_syntax_uid=str(syntax), attributes=said)


def _info_of_plain(start: bytes, end: int, attributes: bool) -> ObjectInfo:
    """What `read_object_info` says, from where the elements lie. Raises NotPlain, CorruptDicom."""
    file = file_places(start)
    found = places(start, file.start, len(start), file.is_implicit, stop=end)
    by_tag = {place[0]: place for place in found}
    charsets = charsets_of(start, found)
    uids = {}
    for name, (tag, _) in _IDENTIFIERS.items():
        place = by_tag.get(tag)
        made = usual("UI", start[place[3] : place[4]]) if place and place[1] == "UI" else None
        if made is None:
            raise NotPlain
        uids[name] = made["Value"][0]
    _check(uids)
    return ObjectInfo(
        **uids,
        transfer_syntax_uid=file.syntax,
        attributes=_searchable_of_plain(start, found, file.is_implicit, charsets) if attributes else {},
    )


def _searchable_of_plain(start: bytes, found: list[Place], is_implicit: bool, charsets: tuple[str, ...]) -> Json:
    said: Json = {}
    whole: Dataset | None = None
    for place in found:
        tag, kind, _, value, after = place
        if tag & _PRIVATE or not tag & _ELEMENT or kind in _NOT_SEARCHED:
            continue
        content = start[value:after]
        made = usual(kind, content) if kind in USUAL else None
        is_short = len(content) <= SHARED_BYTES
        if made is None and is_short and kind not in BY_CONTEXT:
            made = shared(StoredValue(tag, kind, content, True, charsets))
        elif made is None:
            if whole is None:
                readable = [stored(start, place) for place in found if not is_delimited(start, place)]
                whole = dataset_of(readable, is_implicit, charsets)
            with unheard():
                made = plain(whole, BaseTag(tag))
        if made is not None and (is_short or len(str(made.get("Value", ""))) <= INLINE_BYTES):
            said[f"{tag:08X}"] = made
    return said


def _check(uids: dict[str, str]) -> None:
    for name, value in uids.items():
        if not is_uid(value):
            raise CorruptDicom(f"Its {name} is missing or no valid UID.")


def read_metadata(path: Path, bulk_url: Callable[[str], str]) -> Json:
    """All attributes of a file: long binary values as `BulkDataURI`, which is `bulk_url` of the element's place
    ("7FE00010", or "52009230.0.00282000" within the first item of a sequence).

    Raises CorruptDicom.
    """
    with unheard():
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            found = _items(dataset, "", bulk_url)
            if "Rows" in dataset:
                place, vr = _pixels_of(dataset)
                found[place] = {"vr": vr, "BulkDataURI": bulk_url(place)}
        except Exception as error:
            raise CorruptDicom(f"The header cannot be read ({type(error).__name__}).") from error
    return dict(sorted(found.items()))


def _pixels_of(dataset: Dataset) -> tuple[str, str]:
    """Where the pixels are that a header stops before, and their value representation: real numbers have no sign and no
    stored bits."""
    is_real = "BitsStored" not in dataset and "PixelRepresentation" not in dataset
    return (
        REAL_PIXELS.get(integer(dataset, "BitsAllocated") or 0, (PIXEL_DATA, "OW")) if is_real else (PIXEL_DATA, "OW")
    )


def read_bulk(path: Path, place: str) -> bytes | None:
    """The bytes of one binary value by its place in the file (see `read_metadata`), None where there is none: little
    endian, pixels decoded, as Explicit VR Little Endian has them. Raises UndecodablePixelData."""
    with unheard():
        dataset = decodable(as_little_endian(pydicom.dcmread(path)))
        syntax = dataset.file_meta.TransferSyntaxUID
        if place == PIXEL_DATA and syntax.is_encapsulated:
            try:
                dataset.decompress(generate_instance_uid=False)
            except Exception as error:
                raise UndecodablePixelData(syntax.name, type(error).__name__) from error
        *outer, last = place.split(".")
        for name, index in zip(outer[::2], outer[1::2], strict=True):
            items = dataset.get(Tag(int(name, 16)))
            if items is None or items.VR != "SQ" or int(index) >= len(items.value):
                return None
            dataset = items.value[int(index)]
        element = dataset.get(Tag(int(last, 16)))
        return element.value if element is not None and isinstance(element.value, bytes) else None


def is_uid(value: str) -> bool:
    """Whether it has the form of a UID: at most 64 digits and single dots between them."""
    return 0 < len(value) <= 64 and all(part.isascii() and part.isdigit() for part in value.split("."))


def _header(encoded: bytes, syntax: UID, end: int) -> Dataset:
    """The data set up to a tag."""
    if not syntax.is_transfer_syntax:
        raise ValueError("no transfer syntax")
    if syntax.is_deflated:
        encoded = zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded, 4 * START_BYTES)
    return read_dataset(
        BytesIO(encoded),
        syntax.is_implicit_VR,
        syntax.is_little_endian,
        stop_when=lambda tag, vr, length: tag >= end,
    )


def _searchable(dataset: Dataset) -> Json:
    """Public attributes with a plain, short value."""
    found: Json = {}
    for tag in dataset.keys():  # noqa: SIM118 - iterating a data set decodes every element, the skipped ones too
        kind = dataset.get_item(tag).VR or kind_of(int(tag))
        if tag.is_private or tag.element == 0 or kind in _NOT_SEARCHED:
            continue
        made = plain(dataset, tag)
        if made is not None and len(str(made.get("Value", ""))) <= INLINE_BYTES:
            found[f"{tag:08X}"] = made
    return found


def _items(dataset: Dataset, place: str, bulk_url: Callable[[str], str]) -> Json:
    found: Json = {}
    for tag in dataset.keys():  # noqa: SIM118 - see above
        name = f"{tag:08X}"
        if tag.element == 0 or tag >= _FIRST_PIXEL_ELEMENT:
            continue
        try:
            element = dataset[tag]
        except Exception:  # one value that cannot be read: the attribute is there, and its value is not known
            found[name] = {"vr": "UN"}
            continue
        if element.VR == "SQ":
            inside = [
                _items(item, f"{place}{name}.{index}.", bulk_url) for index, item in enumerate(element.value or [])
            ]
            found[name] = {"vr": "SQ", "Value": inside} if inside else {"vr": "SQ"}
        elif isinstance(element.value, bytes) and len(element.value) > INLINE_BYTES:
            found[name] = {"vr": element.VR, "BulkDataURI": bulk_url(f"{place}{name}")}
        else:
            made = plain(dataset, tag)
            if made is not None:
                found[name] = made
    return found
