"""Masks and polygons: the outline of a mask, half-way between the pixels inside and those outside, and polygons filled.

A pixel belongs to the mask when its centre lies inside a polygon or on it. Our outlines pass no centre, so nothing is
lost by the way there and back; programs that draw with OpenCV (rt-utils) lead theirs through the outermost pixels.
A hole is joined to the outline around it by a cut of no width ("keyhole"), because the closed polygons of RTSTRUCT
know no holes. Pixels that touch at a corner only are not joined.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from skimage.measure import find_contours, points_in_poly

from backend.imaging.masks import BoolMask

Polygon = NDArray[np.float64]
"""[n, 2] (row, column), pixel centres at whole numbers; the last corner is not the first one again."""

ON_OUTLINE = 0.02
"""Of a pixel: a centre so near to an outline lies on it. Writers round millimetres to hundredths."""


def outlines(mask: BoolMask) -> list[Polygon]:
    """The polygons of a mask [rows, columns], one for each part that hangs together by its sides."""
    rings = [_without_straight_corners(ring[:-1]) for ring in find_contours(np.pad(mask, 1).astype(np.float64), 0.5)]
    rings = [ring - 1.0 for ring in rings]  # the padding
    areas = [_signed_area(ring) for ring in rings]
    outer_sign = np.sign(max(areas, key=abs, default=0.0))  # the largest ring is never a hole
    outer = [n for n, area in enumerate(areas) if np.sign(area) == outer_sign]
    holes_of: dict[int, list[Polygon]] = {n: [] for n in outer}
    for n, area in enumerate(areas):
        if np.sign(area) != outer_sign:
            around = [m for m in outer if points_in_poly(rings[n][:1], rings[m])[0]]
            holes_of[min(around, key=lambda m: abs(areas[m]))].append(rings[n])
    return [_with_holes(rings[n], holes_of[n]) for n in outer]


def filled(polygons: Iterable[Polygon], shape_hw: tuple[int, int]) -> BoolMask:
    """[rows, columns]: the pixels whose centres lie inside an odd number of the polygons, or rather of their turns (an
    inner polygon is a hole, and a cut there and back is none), and those whose centres lie on one, be it around a hole.
    A polygon of one or two corners is the pixels that it passes."""
    rows, columns = shape_hw
    toggles = np.zeros((rows, columns + 1), dtype=np.uint8)
    passed = np.zeros((rows, columns), dtype=np.bool_)
    for polygon in polygons:
        ends = np.roll(polygon, -1, axis=0)
        upward = (polygon[:, 0] > ends[:, 0])[:, np.newaxis]
        low, high = np.where(upward, ends, polygon), np.where(upward, polygon, ends)  # the same edge back is the same
        first = np.clip(np.ceil(low[:, 0]), 0, rows).astype(np.int64)
        count = np.clip(np.ceil(high[:, 0]), 0, rows).astype(np.int64) - first
        edge = np.repeat(np.arange(len(polygon)), count)
        row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        slope = (high[edge, 1] - low[edge, 1]) / (high[edge, 0] - low[edge, 0])
        column = np.clip(np.ceil(low[edge, 1] + (row - low[edge, 0]) * slope), 0, columns).astype(np.int64)
        np.bitwise_xor.at(toggles, (row, column), 1)
        is_steep = np.abs(ends - polygon)[:, 0] >= np.abs(ends - polygon)[:, 1]
        _pass(passed, polygon[is_steep], ends[is_steep])
        _pass(passed.T, polygon[~is_steep][:, ::-1], ends[~is_steep][:, ::-1])
    return np.bitwise_xor.accumulate(toggles[:, :-1], axis=1).astype(np.bool_) | passed


def _pass(passed: BoolMask, starts: Polygon, ends: Polygon) -> None:
    """Marks the pixels [rows, columns] whose centres lie on edges that cross as many rows as columns or more."""
    low, high = np.minimum(starts[:, 0], ends[:, 0]), np.maximum(starts[:, 0], ends[:, 0])
    first = np.clip(np.ceil(low - ON_OUTLINE), 0, passed.shape[0]).astype(np.int64)
    count = np.clip(np.floor(high + ON_OUTLINE) + 1, 0, passed.shape[0]).astype(np.int64) - first
    edge = np.repeat(np.arange(len(starts)), np.maximum(count, 0))
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    way = (ends - starts)[edge]
    share = np.clip((row - starts[edge, 0]) / np.where(way[:, 0] == 0, 1, way[:, 0]), 0, 1)
    nearest = np.rint(starts[edge, 1] + share * way[:, 1])
    centres = np.column_stack([row, nearest])
    square = np.maximum((way**2).sum(axis=1), 1e-12)
    along = np.clip(((centres - starts[edge]) * way).sum(axis=1) / square, 0, 1)
    away = np.linalg.norm(starts[edge] + along[:, np.newaxis] * way - centres, axis=1)
    on = (away <= ON_OUTLINE) & (nearest >= 0) & (nearest < passed.shape[1])
    passed[row[on], nearest[on].astype(np.int64)] = True


def _with_holes(ring: Polygon, holes: list[Polygon]) -> Polygon:
    """One polygon of a ring and its holes, the nearest hole joined first: short cuts cross no other hole."""
    left = list(holes)
    while left:
        corners = KDTree(ring)
        found = [corners.query(hole) for hole in left]
        nearest = min(range(len(left)), key=lambda n: float(found[n][0].min()))
        hole = left.pop(nearest)
        on_hole = int(found[nearest][0].argmin())
        on_ring = int(found[nearest][1][on_hole])
        around = np.roll(hole, -on_hole, axis=0)
        cut = _cut(ring[on_ring], around[0])
        ring = np.vstack([ring[: on_ring + 1], cut, around, around[:1], cut[::-1], ring[on_ring:]])
    return ring


def _cut(start: Polygon, end: Polygon) -> Polygon:
    """The corners of a way from one point to another that runs between pixels only: a straight one may run through the
    centre of a pixel, which then is neither inside nor outside."""
    first, last = np.floor(start) + 0.5, np.floor(end) + 0.5
    return np.array([first, (first[0], last[1]), last])


def _without_straight_corners(ring: Polygon) -> Polygon:
    """The corners where the direction changes."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9
    return np.asarray(ring[turns])


def _signed_area(ring: Polygon) -> float:
    rows, columns = ring.T
    return float(np.sum(columns * np.roll(rows, -1) - rows * np.roll(columns, -1)) / 2)
