"""How far two masks of one structure agree: overlap, surfaces within a tolerance, the distance of surfaces, volumes.

A *surface point* is the centre of a voxel of the mask with a face neighbour outside of it. Distances are between such
points in millimetres of the patient, so they are right for every spacing and for sheared grids. Along an axis of one
voxel there are no neighbours: a single picture has an outline and not a surface.

Not here: whose masks these are, and when they are compared (`services/agreements.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial import cKDTree

from backend.imaging import masks
from backend.imaging.geometry import VolumeGeometry

BoolVolume = NDArray[np.bool_]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MaskAgreement:
    """Two masks compared. Dice and surface Dice are in [0, 1]."""

    dice: float
    surface_dice: float
    """the share of both surfaces that lies within the tolerance of the other one"""
    hd95_mm: float | None
    """the larger of the two directed distances that 95 % of a surface keep; None when one mask is empty"""
    first_ml: float
    second_ml: float
    worst_slice: int
    """the slice with the most voxels that are in one mask only"""


def compare(
    first: Mapping[int, str], second: Mapping[int, str], geometry: VolumeGeometry, *, tolerance_mm: float
) -> MaskAgreement:
    """Compare two masks of a volume, slice index -> COCO RLE counts, at least one of them not empty.

    Raises ValueError when both are empty.
    """
    a, b, corner_kji = _cropped(first, second, geometry)
    sizes = int(a.sum()), int(b.sum())
    ml = geometry.voxel_volume_mm3 / 1000
    differing = np.count_nonzero(a != b, axis=(1, 2))
    surfaces = [_surface_mm(mask, geometry) for mask in (a, b)]
    surface_dice, hd95_mm = _distances(surfaces[0], surfaces[1], tolerance_mm)
    return MaskAgreement(
        dice=2 * int(np.count_nonzero(a & b)) / sum(sizes),
        surface_dice=surface_dice,
        hd95_mm=hd95_mm,
        first_ml=sizes[0] * ml,
        second_ml=sizes[1] * ml,
        worst_slice=int(differing.argmax()) + corner_kji[0],
    )


def _cropped(
    first: Mapping[int, str], second: Mapping[int, str], geometry: VolumeGeometry
) -> tuple[BoolVolume, BoolVolume, tuple[int, int, int]]:
    """Both masks in the box that holds them, [k, j, i] bool, and the voxel (k, j, i) where the box begins."""
    size = list(geometry.shape_kji[1:])
    planes = [
        {k: masks.decode(masks.Rle(size=size, counts=text)) for k, text in own.items()} for own in (first, second)
    ]
    drawn = {k: plane for own in planes for k, plane in own.items() if plane.any()}
    if not drawn:
        raise ValueError("both masks are empty")
    any_plane = np.logical_or.reduce([plane for own in planes for plane in own.values()])
    rows, columns = np.flatnonzero(any_plane.any(axis=1)), np.flatnonzero(any_plane.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    k0, k1 = min(drawn), max(drawn)
    cut = np.zeros((2, k1 - k0 + 1, *any_plane[box].shape), bool)
    for n, own in enumerate(planes):
        for k, plane in own.items():
            if k0 <= k <= k1:  # beyond lie empty planes only
                cut[n, k - k0] = plane[box]
    return cut[0], cut[1], (k0, int(rows[0]), int(columns[0]))


def _surface_mm(mask: BoolVolume, geometry: VolumeGeometry) -> Points:
    """Surface points [n, 3] in mm, relative to the first voxel of the crop: only distances between them count."""
    faces = generate_binary_structure(3, 1)
    for axis, length in enumerate(geometry.shape_kji):
        if length == 1:  # nobody is outside of a slice that is alone
            faces &= np.expand_dims(np.arange(3) == 1, tuple(other for other in range(3) if other != axis))
    inside = binary_erosion(mask, faces, border_value=0)
    steps_mm = geometry.position_mm(np.eye(3)) - geometry.position_mm(np.zeros(3))
    return np.argwhere(mask & ~inside) @ steps_mm


def _distances(first: Points, second: Points, tolerance_mm: float) -> tuple[float, float | None]:
    """Surface Dice and HD95 in mm of two point sets [n, 3]."""
    if not len(first) or not len(second):
        return 0.0, None
    there = cKDTree(second).query(first)[0]
    back = cKDTree(first).query(second)[0]
    within = np.count_nonzero(there <= tolerance_mm) + np.count_nonzero(back <= tolerance_mm)
    hd95_mm = max(np.percentile(there, 95), np.percentile(back, 95))
    return within / (len(there) + len(back)), float(hd95_mm)
