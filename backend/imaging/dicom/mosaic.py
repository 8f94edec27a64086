"""Siemens mosaics: one picture whose tiles are the slices of one time point. Reads the private header that says how
many tiles count and which way the slices go. Cutting the tiles out of the pixels is in `pixels.py`.

The private header ("CSA", version 2) is a list of tags: after the mark SV10, 4 bytes, the number of tags and 4 bytes,
each tag is a name (64 bytes), multiplicity, value representation (4 bytes), syngo type, number of items and a mark;
each item is four numbers, the first being its length, and that many bytes of text, padded to a multiple of four.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from backend.imaging.dicom.errors import MosaicGeometryMissing
from backend.imaging.geometry import FloatArray

PARALLEL_TOLERANCE = 0.05
"""How far |cosine| between the private slice normal and the plane's own normal may be from 1."""


@dataclass(frozen=True, slots=True)
class Mosaic:
    """The layout of a mosaic. Tiles count row by row from the upper left; `normal` is the unit LPS direction from one
    slice to the next, None when the file does not say (then the normal of the plane)."""

    tiles: int
    tiles_per_row: int
    tile_rows: int
    tile_columns: int
    slice_spacing_mm: float
    normal: FloatArray | None
    notes: tuple[str, ...]


def read_mosaic(dataset: Dataset, rows: int, columns: int) -> Mosaic:
    """Raises MosaicGeometryMissing when the number of slices or their distance is nowhere to be found."""
    tags = _csa_numbers(dataset)
    tiles = _tile_count(dataset, tags)
    spacing = dataset.get("SpacingBetweenSlices") or dataset.get("SliceThickness")
    if not spacing:
        raise MosaicGeometryMissing("the distance between its slices")
    notes = []
    if not dataset.get("SpacingBetweenSlices"):
        notes.append(
            f"The mosaic gives no distance between slices; its slice thickness of {float(spacing):g} mm is used."
        )
    normal = _normal(dataset, tags)
    if normal is None:
        notes.append("The mosaic gives no slice normal; its slices are taken to follow the normal of the plane.")
    per_row = math.ceil(math.sqrt(tiles))
    if rows % per_row or columns % per_row:
        raise MosaicGeometryMissing(f"a size that {per_row} x {per_row} tiles divide ({rows} x {columns} pixels)")
    return Mosaic(tiles, per_row, rows // per_row, columns // per_row, float(spacing), normal, tuple(notes))


def layout_only(dataset: Dataset) -> Dataset:
    """The private elements that `read_mosaic` needs, holding its numbers and nothing else; empty for other images."""
    kept = Dataset()
    numbers = _csa_numbers(dataset)
    told = {name: numbers[name] for name in ("NumberOfImagesInMosaic", "SliceNormalVector") if numbers.get(name)}
    if told:
        kept.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", _csa_header(told))
    try:
        tiles = int(dataset.private_block(0x0019, "SIEMENS MR HEADER")[0x0A].value)
    except (KeyError, TypeError, ValueError):
        return kept
    kept.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", tiles)
    return kept


def _tile_count(dataset: Dataset, tags: dict[str, list[float]]) -> int:
    items = tags.get("NumberOfImagesInMosaic", [])
    if not items:
        try:
            items = [float(dataset.private_block(0x0019, "SIEMENS MR HEADER")[0x0A].value)]
        except KeyError as error:
            raise MosaicGeometryMissing("the number of its slices") from error
    if items[0] < 1:
        raise MosaicGeometryMissing("a positive number of slices")
    return int(items[0])


def _normal(dataset: Dataset, tags: dict[str, list[float]]) -> FloatArray | None:
    items = tags.get("SliceNormalVector", [])
    if len(items) != 3:
        return None
    normal = np.array(items, dtype=np.float64)
    cosines = [float(value) for value in dataset.get("ImageOrientationPatient") or []]
    if len(cosines) != 6 or not np.linalg.norm(normal):
        return None
    normal /= np.linalg.norm(normal)
    plane = np.cross(cosines[:3], cosines[3:])
    if abs(abs(normal @ plane) - 1) > PARALLEL_TOLERANCE:
        raise MosaicGeometryMissing("a slice normal that agrees with its image orientation")
    return np.asarray(plane * np.sign(normal @ plane))


def _csa_numbers(dataset: Dataset) -> dict[str, list[float]]:
    """The tags of the private image header that hold numbers; none where the header is absent or of another version."""
    try:
        header = bytes(dataset.private_block(0x0029, "SIEMENS CSA HEADER")[0x10].value)
    except KeyError:
        return {}
    if header[:4] != b"SV10":
        return {}
    try:
        return dict(_csa_tags(header))
    except struct.error as error:
        raise MosaicGeometryMissing("a complete private header") from error


def _csa_tags(header: bytes) -> Iterator[tuple[str, list[float]]]:
    (count,) = struct.unpack_from("<I", header, 8)
    offset = 16
    for _ in range(count):
        name, _multiplicity, _vr, _type, items, _mark = struct.unpack_from("<64si4siii", header, offset)
        offset += 84
        numbers = []
        for _ in range(items):
            (length,) = struct.unpack_from("<i", header, offset)
            value = header[offset + 16 : offset + 16 + length].split(b"\0")[0].strip()
            offset += 16 + (length + 3) // 4 * 4
            try:
                numbers.append(float(value))
            except ValueError:
                continue
        yield name.split(b"\0")[0].decode("ascii", "replace"), numbers


def _csa_header(tags: dict[str, list[float]]) -> bytes:
    """A private header of these tags; of an even length, as DICOM wants it."""
    header = b"SV10\4\3\2\1" + struct.pack("<II", len(tags), 77)
    for name, numbers in tags.items():
        header += struct.pack("<64si4siii", name.encode(), len(numbers), b"FD", 0, len(numbers), 77)
        for number in numbers:
            text = f"{number:.12g}".encode() + b"\0"
            header += struct.pack("<iiii", len(text), len(text), 77, len(text)) + text + b"\0" * (-len(text) % 4)
    return header
