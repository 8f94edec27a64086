"""Bringing a mask from its own grid onto that of a volume: exactly where the voxels coincide, else only when asked.

Voxels coincide when the axes are the same up to order and direction and the grids are shifted by whole voxels: then
every voxel is copied, whatever part of the volume the file covers. Everything else is resampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.errors import Rejected
from backend.imaging.geometry import FloatArray, VolumeGeometry
from backend.imaging.masks import BoolMask

TOLERANCE_VOXELS = 0.02
"""Voxels coincide when no corner of the mask's grid is further than this from a voxel of the volume: what is left of
rounding in the writers of files."""


class MaskDoesNotFit(Rejected):
    """No voxel of the masks lies inside the volume. Raised by workers.mask_import."""

    code = "mask_does_not_fit"
    title = "The masks do not lie in this volume"


@dataclass(frozen=True, slots=True)
class Fit:
    """How a mask's grid lies on a volume's. `to_volume` [4, 4] maps (k, j, i, 1) of the mask to that of the volume;
    it is integral where `is_exact`. `apart_mm` is the distance between the centres of the grids."""

    is_exact: bool
    to_volume: FloatArray
    mask: VolumeGeometry
    volume: VolumeGeometry
    apart_mm: float


def compare(mask: VolumeGeometry, volume: VolumeGeometry) -> Fit:
    """How the two grids lie to each other."""
    to_volume: FloatArray = np.asarray(np.linalg.solve(volume.affine_lps, mask.affine_lps), dtype=np.float64)
    whole: FloatArray = np.asarray(np.rint(to_volume), dtype=np.float64)
    turn = np.abs(whole[:3, :3])
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in mask.shape_kji], indexing="ij")).reshape(3, -1)
    away = (to_volume - whole)[:3, :3] @ corners + (to_volume - whole)[:3, 3:]
    is_permutation = bool((turn.sum(axis=0) == 1).all() and (turn.sum(axis=1) == 1).all())
    is_exact = is_permutation and bool(np.abs(away).max() <= TOLERANCE_VOXELS)
    middles = [grid.position_mm((np.array(grid.shape_kji) - 1) / 2)[0] for grid in (mask, volume)]
    apart_mm = float(np.linalg.norm(middles[0] - middles[1]))
    return Fit(is_exact, whole if is_exact else to_volume, mask, volume, apart_mm)


def place(mask: BoolMask, fit: Fit) -> tuple[BoolMask, int]:
    """A mask [slices, rows, columns] on the volume's grid, and how many of its voxels lie outside the volume.

    Where the fit is not exact each voxel of the volume takes the nearest voxel of the mask: ask a person first.
    """
    turn, shift = fit.to_volume[:3, :3], fit.to_volume[:3, 3]
    shape = np.array(fit.volume.shape_kji)
    found = np.argwhere(mask)
    index = np.rint(found @ turn.T + shift).astype(np.int64)
    inside = ((index >= 0) & (index < shape)).all(axis=1)
    outside = int(len(found) - inside.sum())
    placed = np.zeros(fit.volume.shape_kji, dtype=np.bool_)
    if fit.is_exact:
        placed[tuple(index[inside].T)] = True
        return placed, outside
    back = np.linalg.inv(fit.to_volume)
    _, rows, columns = fit.volume.shape_kji
    plane = np.indices((rows, columns)).reshape(2, -1)
    for k in range(fit.volume.shape_kji[0]):
        source = np.rint(
            back[:3, :1] * k + back[:3, 1:3] @ plane + back[:3, 3:],
        ).astype(np.int64)
        known = ((source >= 0) & (source < np.array(mask.shape)[:, np.newaxis])).all(axis=0)
        placed[k].reshape(-1)[known] = mask[tuple(source[:, known])]
    return placed, outside
