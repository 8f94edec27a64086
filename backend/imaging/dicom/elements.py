"""Values of DICOM elements as plain Python values, with the checks that every reader of a header needs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, NamedTuple

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import AMBIGUOUS_VR

from backend.imaging.dicom.errors import CorruptDicom
from backend.imaging.errors import InvalidImageGeometry

SHARED_BYTES = 128
"""Values up to this length are remembered."""

BY_CONTEXT = frozenset({"SQ", "UN", *AMBIGUOUS_VR})
"""What cannot be read without the rest of the data set."""


class StoredValue(NamedTuple):
    tag: int
    vr: str
    value: bytes
    is_little_endian: bool
    charsets: tuple[str, ...]


@contextmanager
def unheard() -> Iterator[None]:
    """Silences pydicom's warnings about odd values, in its log too: they quote the values, and values name patients."""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def values(dataset: Dataset, name: str) -> list[object]:
    """An element's values as a list; empty where it is absent or empty."""
    tag = _tag_of(name)
    if tag not in dataset:
        return []
    stored = stored_value(dataset, tag)
    value = dataset[tag].value if stored is None else _value_of(stored)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, tuple, MultiValue)) else [value]


def stored_value(dataset: Dataset, tag: BaseTag) -> StoredValue | None:
    """An element as it stands in its file, which means the same in every file; None where it is long, or cannot be read
    without the rest of the data set."""
    raw: object = dataset.get_item(tag)
    if not isinstance(raw, RawDataElement) or not isinstance(raw.value, bytes) or len(raw.value) > SHARED_BYTES:
        return None
    vr = raw.VR or kind_of(int(tag))
    if tag.is_private or vr in BY_CONTEXT:
        return None
    said = dataset.original_character_set
    return StoredValue(int(tag), vr, raw.value, raw.is_little_endian, (said,) if isinstance(said, str) else tuple(said))


def element_from(stored: StoredValue) -> DataElement:
    """Raises whatever pydicom raises for a value that cannot be read."""
    tag, vr, value, is_little_endian, charsets = stored
    raw = RawDataElement(Tag(tag), vr, len(value), value, 0, False, is_little_endian)
    return convert_raw_data_element(raw, encoding=list(charsets))


@lru_cache(maxsize=5_000)
def _value_of(stored: StoredValue) -> Any:
    """Read once for all files that hold it: the images of a series say the same of most things."""
    return element_from(stored).value


@lru_cache(maxsize=20_000)
def kind_of(tag: int) -> str:
    """The value representation that an implicit file does not state."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


@cache
def _tag_of(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None  # keywords are ours, never a file's
    return Tag(tag)


def text(dataset: Dataset, name: str) -> str:
    return "\\".join(str(value) for value in values(dataset, name)).replace("\x00", "").strip()


def integer(dataset: Dataset, name: str) -> int | None:
    found = values(dataset, name)
    return int(str(found[0])) if found else None


def required_integer(dataset: Dataset, name: str) -> int:
    value = integer(dataset, name)
    if not value or value < 1:
        raise CorruptDicom(f"The element {name}, which every image has, is missing or zero.")
    return value


def number(dataset: Dataset, name: str) -> float | None:
    found = values(dataset, name)
    return float(str(found[0])) if found else None


def positive(dataset: Dataset, name: str) -> float | None:
    value = number(dataset, name)
    return value if value is not None and value > 0 else None


def numbers(dataset: Dataset, name: str, count: int) -> list[float] | None:
    """Exactly `count` finite numbers, or None where the element is absent. Raises InvalidImageGeometry otherwise."""
    found = [float(str(value)) for value in values(dataset, name)]
    if not found:
        return None
    if len(found) != count or not all(math.isfinite(value) for value in found):
        raise InvalidImageGeometry(f"{name} holds {rounded(found)}, where {count} numbers belong.")
    return found


def rounded(found: list[float]) -> str:
    """For messages: "(1, 0.5, -3.25)"."""
    return "(" + ", ".join(f"{value:.5g}" for value in found) + ")"
