"""Binary masks of one slice as run lengths: encoding, checking what a stranger sent, flips, and statistics.

The form is COCO's compressed RLE as pycocotools writes it: `{"size": [rows, columns], "counts": text}`, runs counted
down the columns, the first run is background. A *delta* is the same form of the FLIPPED voxels (XOR): applied twice it
gives the old mask back, so undo is the same delta again.

pycocotools encodes. It does not decode here: its C code trusts the counts and reads or writes outside its buffers when
they lie, so runs are parsed and checked in NumPy, and pixels are painted from checked runs only.

Not here: revisions and who made them (`domain`), label maps in files (`imaging/labels_nifti.py`, `imaging/seg.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from backend.imaging.errors import (
    MaskCountsTooLong,
    MaskCountsUnreadable,
    MaskNotAnObject,
    MaskRunsMismatch,
    MaskSizeMismatch,
)

MAX_SIDE = 65535
"""Rows and columns of the largest slice that a mask may claim: DICOM's own limit (US)."""

MAX_DIGITS = 7
"""Base-32 digits of the longest number: 5 bits each, so 35 bits, enough for 65535 x 65535 with its sign."""

BoolMask = NDArray[np.bool_]


class Rle(TypedDict):
    """COCO compressed RLE, ready for JSON."""

    size: list[int]
    """[rows, columns]"""
    counts: str


@dataclass(frozen=True, slots=True)
class SliceStatistics:
    """One mask of one slice. Box and centroid are None for an empty mask."""

    voxels: int
    box_xyxy: tuple[int, int, int, int] | None
    """First and last column and row that hold a voxel: (x0, y0, x1, y1), all inclusive."""
    centroid_xy: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class VolumeStatistics:
    """The mask of one label in a volume. Box and centroid are None for an empty mask."""

    voxels: int
    volume_ml: float
    slices: int
    """How many slices hold at least one voxel."""
    box_kji: tuple[tuple[int, int, int], tuple[int, int, int]] | None
    """The first and the last index that hold a voxel, per axis, both inclusive."""
    centroid_kji: tuple[float, float, float] | None


# -- encoding and decoding --------------------------------------------------------------------------------------------
def encode(mask: NDArray[Any]) -> Rle:
    """[rows, columns] bool (or any dtype: what is not zero is inside) -> RLE."""
    bits = np.asfortranarray(mask if mask.dtype == np.bool_ else mask != 0)
    encoded = coco.encode(bits.view(np.uint8))
    return Rle(size=[int(n) for n in encoded["size"]], counts=encoded["counts"].decode("ascii"))


def decode(rle: Mapping[str, Any], shape_hw: tuple[int, int] | None = None) -> BoolMask:
    """RLE -> [rows, columns] bool, C-ordered and writable.

    For a mask from outside give `shape_hw`, the size of the slice: it is then refused (see `parse_runs`) before memory
    is taken for the size that it claims.
    """
    rows, columns = _size(rle, shape_hw)
    return _paint(parse_runs(rle, shape_hw), rows, columns)


def empty(shape_hw: tuple[int, int]) -> Rle:
    """The mask without a voxel: one run."""
    return _from_runs(np.array([shape_hw[0] * shape_hw[1]], dtype=np.int64), shape_hw)


def is_empty(rle: Mapping[str, Any]) -> bool:
    return area(rle) == 0


def area(rle: Mapping[str, Any]) -> int:
    """Voxels inside the mask, counted on the runs."""
    return int(parse_runs(rle)[1::2].sum())


def parse_runs(rle: Mapping[str, Any], shape_hw: tuple[int, int] | None = None) -> NDArray[np.int64]:
    """RLE -> run lengths [n] int64, background first; they are not negative and add up to rows x columns.

    Raises a named subclass of MalformedMask for everything that is wrong with a mask from outside: not an object of the
    right form, another size than `shape_hw` (when given), unreadable or endless counts, runs that do not fit.
    """
    rows, columns = _size(rle, shape_hw)
    counts = rle.get("counts")
    if not isinstance(counts, str):
        raise MaskNotAnObject(f"`counts` must be the text of compressed run lengths, not {type(counts).__name__}.")
    pixels = rows * columns
    digits_per_run = -(-(pixels.bit_length() + 1) // 5)
    longest = (pixels + 1) * digits_per_run
    if len(counts) > longest:
        raise MaskCountsTooLong(f"`counts` has {len(counts)} characters; {rows} x {columns} needs at most {longest}.")
    runs = _undo_differences(_read_numbers(counts))
    if runs.min(initial=0) < 0 or runs.max(initial=0) > pixels:
        raise MaskRunsMismatch(f"A run has a length outside 0 to {pixels} (= {rows} x {columns}).")
    total = int(runs.sum())
    if total != pixels:
        raise MaskRunsMismatch(f"The runs cover {total} voxels; the slice has {pixels} (= {rows} x {columns}).")
    return runs


# -- flips ------------------------------------------------------------------------------------------------------------
def flips(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Rle:
    """The delta between two masks [rows, columns] of one slice: the voxels whose state differs."""
    return encode(before != after)


def xor(first: Mapping[str, Any], second: Mapping[str, Any]) -> Rle:
    """Flips applied to a mask, or two deltas made one, on the runs and not on pixels.

    Raises MaskSizeMismatch when the two are not of one size.
    """
    rows, columns = _size(first, None)
    ends = np.concatenate([np.cumsum(parse_runs(rle, (rows, columns)))[:-1] for rle in (first, second)])
    toggles, times = np.unique(ends, return_counts=True)
    toggles = toggles[(times % 2 == 1) & (toggles < rows * columns)]
    runs = np.diff(toggles, prepend=0, append=rows * columns)
    return _from_runs(runs, (rows, columns))


def apply_flips(mask: BoolMask, delta: Mapping[str, Any]) -> BoolMask:
    """A new [rows, columns] mask with the voxels of the delta turned over. Raises MaskSizeMismatch for another size."""
    rows, columns = mask.shape
    return np.not_equal(mask, decode(delta, (rows, columns)))


# -- statistics -------------------------------------------------------------------------------------------------------
def slice_statistics(mask: BoolMask) -> SliceStatistics:
    """Count, bounding box and centroid of [rows, columns] bool."""
    per_column, per_row = mask.sum(axis=0), mask.sum(axis=1)
    voxels = int(per_row.sum())
    if voxels == 0:
        return SliceStatistics(voxels=0, box_xyxy=None, centroid_xy=None)
    xs, ys = np.flatnonzero(per_column), np.flatnonzero(per_row)
    return SliceStatistics(
        voxels=voxels,
        box_xyxy=(int(xs[0]), int(ys[0]), int(xs[-1]), int(ys[-1])),
        centroid_xy=(float(xs @ per_column[xs]) / voxels, float(ys @ per_row[ys]) / voxels),
    )


def volume_statistics(masks: Iterable[tuple[int, BoolMask]], voxel_volume_mm3: float) -> VolumeStatistics:
    """Statistics of one label from (slice index k, mask [rows, columns]) in any order, one slice in memory at a time.

    The volume is exact for sheared grids too: `VolumeGeometry.voxel_volume_mm3` gives what one voxel holds.
    """
    parts = [(k, stats) for k, mask in masks if (stats := slice_statistics(mask)).voxels]
    voxels = sum(stats.voxels for _, stats in parts)
    volume_ml = voxels * voxel_volume_mm3 / 1000.0
    if not parts:
        return VolumeStatistics(voxels=0, volume_ml=0.0, slices=0, box_kji=None, centroid_kji=None)
    weights = np.array([stats.voxels for _, stats in parts], dtype=np.float64)
    centres_kji = np.array([(k, *reversed(stats.centroid_xy or ())) for k, stats in parts])
    boxes_xyxy = np.array([stats.box_xyxy for _, stats in parts])
    ks = [k for k, _ in parts]
    first = (min(ks), int(boxes_xyxy[:, 1].min()), int(boxes_xyxy[:, 0].min()))
    last = (max(ks), int(boxes_xyxy[:, 3].max()), int(boxes_xyxy[:, 2].max()))
    k, j, i = (float(value) for value in weights @ centres_kji / voxels)
    return VolumeStatistics(voxels, volume_ml, len(parts), (first, last), (k, j, i))


# -- the format -------------------------------------------------------------------------------------------------------
def _size(rle: Mapping[str, Any], shape_hw: tuple[int, int] | None) -> tuple[int, int]:
    match rle.get("size") if isinstance(rle, Mapping) else None:
        case [int(rows), int(columns)] if 1 <= rows <= MAX_SIDE and 1 <= columns <= MAX_SIDE:
            pass
        case _:
            raise MaskNotAnObject(
                f"`size` must be [rows, columns], two whole numbers from 1 to {MAX_SIDE}.",
                hint='A mask is {"size": [rows, columns], "counts": "..."}, the compressed run lengths of COCO.',
            )
    if shape_hw is not None and (rows, columns) != tuple(shape_hw):
        raise MaskSizeMismatch(f"The mask is {rows} x {columns}, the slice is {shape_hw[0]} x {shape_hw[1]}.")
    return rows, columns


def _read_numbers(counts: str) -> NDArray[np.int64]:
    """The signed numbers of the text: base-32 digits, least first, each a character from 48 (`0`) on; bit 5 of a digit
    says that more follow, bit 4 of the last one is the sign."""
    try:
        digits = np.frombuffer(counts.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        raise MaskCountsUnreadable("`counts` holds characters that are not ASCII.") from None
    if digits.size == 0:
        return digits
    if digits.min() < 0 or digits.max() > 63:
        raise MaskCountsUnreadable("`counts` holds a character outside `0` to `o`.")
    last = (digits & 0x20) == 0
    if not last[-1]:
        raise MaskCountsUnreadable("`counts` stops in the middle of a number.")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > MAX_DIGITS:
        raise MaskCountsUnreadable(f"`counts` holds a number of {lengths.max()} digits; {MAX_DIGITS} are the most.")
    place = np.arange(digits.size) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((digits & 0x1F) << (5 * place), starts)
    negative = (digits[ends] & 0x10) != 0
    return np.where(negative, numbers - (np.int64(1) << (5 * lengths)), numbers)


def _undo_differences(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """From the fourth number on the text holds the difference to the run two places before."""
    runs = numbers.copy()
    runs[1::2] = np.cumsum(numbers[1::2])
    runs[2::2] = np.cumsum(numbers[2::2])
    return runs


def _paint(runs: NDArray[np.int64], rows: int, columns: int) -> BoolMask:
    inside = np.arange(runs.size) % 2 == 1
    return np.ascontiguousarray(np.repeat(inside, runs).reshape(columns, rows).T)


def _from_runs(runs: NDArray[np.int64], shape_hw: tuple[int, int]) -> Rle:
    rows, columns = shape_hw
    encoded = coco.frPyObjects({"size": [rows, columns], "counts": runs.tolist()}, rows, columns)
    return Rle(size=[rows, columns], counts=encoded["counts"].decode("ascii"))
