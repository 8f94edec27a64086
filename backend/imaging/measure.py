"""What is measured on a slice: lengths and angles in the patient, and the values inside of a shape.

Points are (column, row) of a raw slice (see imaging.volume), integers at voxel centres. Lengths are taken in
millimetres, so they are right where voxels are not square. Of pictures without a patient a voxel counts as 1 mm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.masks import BoolMask

PointXY = tuple[float, float]
"""(column, row) of a raw slice."""


class MeasureKind(StrEnum):
    LENGTH = "length"
    """From one point to another."""
    ANGLE = "angle"
    """At the second of three points."""
    BIDIRECTIONAL = "bidirectional"
    """The long axis of something, two points, and the short one across it, two points."""
    RECTANGLE = "rectangle"
    """Values inside; two opposite corners."""
    ELLIPSE = "ellipse"
    """Values inside; two opposite corners of the rectangle around it."""


POINTS = {
    MeasureKind.LENGTH: 2,
    MeasureKind.ANGLE: 3,
    MeasureKind.BIDIRECTIONAL: 4,
    MeasureKind.RECTANGLE: 2,
    MeasureKind.ELLIPSE: 2,
}
"""How many points each kind takes."""


def measure(
    kind: MeasureKind,
    points_xy: Sequence[PointXY],
    geometry: VolumeGeometry,
    axis: int,
    index: int,
    pixels: NDArray[Any],
) -> dict[str, float]:
    """The figures of one measurement, by name; names end in their unit, values without one are in the volume's.

    `pixels` [rows, columns] is the raw slice at `index` along `axis`. Lengths give `length_mm`, angles `angle_deg`,
    bidirectional ones `long_mm` and `short_mm`, shapes `area_mm2` and, unless they hold no voxel centre, `voxels`,
    `mean`, `sd`, `minimum`, `maximum`. ValueError for another number of points than `POINTS` says, or for two that are
    one where a direction is needed.
    """
    if len(points_xy) != POINTS[kind]:
        raise ValueError(f"A {kind} takes {POINTS[kind]} points, not {len(points_xy)}.")
    places = positions_mm(geometry, axis, index, points_xy)
    match kind:
        case MeasureKind.LENGTH:
            return {"length_mm": _apart(places[0], places[1])}
        case MeasureKind.ANGLE:
            return {"angle_deg": _angle_deg(*places)}
        case MeasureKind.BIDIRECTIONAL:
            first, second = _apart(places[0], places[1]), _apart(places[2], places[3])
            return {"long_mm": max(first, second), "short_mm": min(first, second)}
        case MeasureKind.RECTANGLE | MeasureKind.ELLIPSE:
            (corner,) = positions_mm(geometry, axis, index, [(points_xy[1][0], points_xy[0][1])])
            area_mm2 = _apart(places[0], corner) * _apart(corner, places[1])
            inside = _inside(kind, points_xy, (pixels.shape[0], pixels.shape[1]))
            share = 1.0 if kind is MeasureKind.RECTANGLE else math.pi / 4
            return {"area_mm2": area_mm2 * share} | statistics([pixels[inside]])


def statistics(parts: Iterable[NDArray[Any]]) -> dict[str, float]:
    """Number, mean, standard deviation, minimum and maximum of all values of some arrays; nothing without a value."""
    count, total, squares, low, high = 0, 0.0, 0.0, math.inf, -math.inf
    for part in parts:
        if part.size == 0:
            continue
        values = part.astype(np.float64)
        count += values.size
        total += float(values.sum())
        squares += float((values**2).sum())
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if count == 0:
        return {}
    mean = total / count
    deviation = math.sqrt(max(0.0, squares / count - mean**2))
    return {"voxels": float(count), "mean": mean, "sd": deviation, "minimum": low, "maximum": high}


def positions_mm(geometry: VolumeGeometry, axis: int, index: int, points_xy: Sequence[PointXY]) -> NDArray[np.float64]:
    """[points, 3] LPS millimetres of points on the raw slice at `index` along `axis`."""
    kji = [{0: (index, y, x), 1: (y, index, x), 2: (y, x, index)}[axis] for x, y in points_xy]
    return np.asarray(geometry.position_mm(kji), np.float64)


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(a - b))


def _angle_deg(a: NDArray[np.float64], at: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    lengths = _apart(a, at) * _apart(b, at)
    if lengths == 0:
        raise ValueError("An angle needs three different points.")
    return math.degrees(math.acos(float(np.clip(np.dot(a - at, b - at) / lengths, -1, 1))))


def _inside(kind: MeasureKind, points_xy: Sequence[PointXY], shape_hw: tuple[int, int]) -> BoolMask:
    """The voxels whose centres the shape holds, [rows, columns]."""
    (xa, ya), (xb, yb) = points_xy
    y, x = np.ogrid[: shape_hw[0], : shape_hw[1]]
    half_x, half_y = max(abs(xb - xa) / 2, 1e-9), max(abs(yb - ya) / 2, 1e-9)
    u, v = (x - (xa + xb) / 2) / half_x, (y - (ya + yb) / 2) / half_y
    if kind is MeasureKind.RECTANGLE:
        return np.asarray((np.abs(u) <= 1) & (np.abs(v) <= 1))
    return np.asarray(u**2 + v**2 <= 1)
