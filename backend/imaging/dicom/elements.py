"""Values of DICOM elements as plain Python values, with the checks that every reader of a header needs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from pydicom import config
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from backend.errors import CorruptDicom, InvalidImageGeometry


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
    value = dataset[tag].value
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, tuple, MultiValue)) else [value]


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
