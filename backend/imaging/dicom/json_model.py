"""Elements in the DICOM JSON Model (PS3.18 annex F), one by one. The images of a series share most of them."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from backend.imaging.dicom.elements import StoredValue, element_from, stored_value

INLINE_BYTES = 1024
"""Longer binary values are given by address, and longer texts are no search keys."""

Json = dict[str, Any]

USUAL = frozenset({"UI", "DA", "TM", "DT", "DS", "IS", "US"})
"""Value representations that `usual` reads."""

_TEXT = re.compile(rb"[0-9][0-9A-Za-z.:+-]*[ \0]?").fullmatch
_DECIMALS = re.compile(rb"-?[0-9]{1,12}(\.[0-9]{1,12})?(\\-?[0-9]{1,12}(\.[0-9]{1,12})?)* ?").fullmatch
_INTEGER = re.compile(rb"-?[0-9]{1,9} ?").fullmatch


@lru_cache(maxsize=5_000)
def usual(kind: str, value: bytes) -> Json | None:
    """A value in the form that almost all of its kind have, read without more ado: those of a series that differ from
    image to image are numbers, UIDs and times. None for any other. `kind`: one of USUAL. Not to be
    changed, as what `plain` says."""
    if kind == "US":
        return {"vr": kind, "Value": [int.from_bytes(value, "little")]} if len(value) == 2 else None
    if kind == "DS":
        return {"vr": kind, "Value": [float(part) for part in value.split(b"\\")]} if _DECIMALS(value) else None
    if kind == "IS":
        return {"vr": kind, "Value": [int(value)]} if _INTEGER(value) else None
    return {"vr": kind, "Value": [value.rstrip(b" \0").decode("ascii")]} if _TEXT(value) else None


def plain(dataset: Dataset, tag: BaseTag) -> Json | None:
    """One element in the JSON model, None when its value cannot be read. Not to be changed: the images of a series
    share most of them."""
    stored = stored_value(dataset, tag)
    if stored is not None:
        return shared(stored)
    try:
        return _in_json(dataset[tag])
    except Exception:  # a damaged value makes a parser raise anything at all
        return None


@lru_cache(maxsize=5_000)
def shared(stored: StoredValue) -> Json | None:
    try:
        return _in_json(element_from(stored))
    except Exception:  # as in `plain`
        return None


def _in_json(element: DataElement) -> Json:
    made: Json = _clean(element.to_json_dict(None, INLINE_BYTES))
    return made


def _clean(value: Any) -> Any:
    """Without what neither JSON nor a database takes: NUL, halves of characters, numbers that are none."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
