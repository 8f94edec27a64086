"""Where a voxel grid lies in the patient. The one home of spacing, axis letters and the index <-> millimetre maps.

Conventions, used everywhere in the code base:
- An index is (k, j, i) = (slice, row, column), zero-based; integers are voxel centres.
- A position is (x, y, z) in millimetres, LPS: x grows to the patient's left, y to posterior, z to superior.
- `affine_lps` maps (k, j, i, 1) to (x, y, z, 1). Its columns are the steps of k, j and i, then the position of voxel
  (0, 0, 0). The steps need not be perpendicular: a CT with a tilted gantry has a sheared, still exact, affine.
- Every importer orders slices so that the axes (i, j, k) are right-handed: k grows towards `i x j`. The determinant of
  the 3 x 3 part, whose columns stand in the order k, j, i, is then negative.

NIfTI's RAS is converted in `imaging/nifti.py` and nowhere else. Not here: voxels (`imaging/volume.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

LETTERS_LPS = (("L", "R"), ("P", "A"), ("S", "I"))
"""Per patient axis x, y, z: the letter of the growing and of the falling direction."""

SINGULAR_TOLERANCE = 1e-6
"""Smallest allowed |determinant| of the unit axis directions (1 = perpendicular, 0 = two axes coincide)."""

EQUAL_TOLERANCE_MM = 1e-3
"""Two geometries are `close_to` each other when no corner of the grid differs by more than this."""


@dataclass(frozen=True, slots=True, eq=False)
class VolumeGeometry:
    """A voxel grid without voxels: `affine_lps` [4, 4] float64 (read-only), (k, j, i, 1) -> (x, y, z, 1) mm LPS, and
    `shape_kji`, the number of slices, rows and columns.

    Raises ValueError for an affine that is not finite, not affine or singular, and for an empty shape: importers check
    their input and raise a named error before they come here.
    """

    affine_lps: FloatArray
    shape_kji: tuple[int, int, int]

    def __post_init__(self) -> None:
        affine = np.array(self.affine_lps, dtype=np.float64)
        shape = tuple(int(n) for n in self.shape_kji)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError("affine_lps must be a finite 4 x 4 matrix")
        if not np.array_equal(affine[3], (0.0, 0.0, 0.0, 1.0)):
            raise ValueError("the last row of affine_lps must be 0 0 0 1")
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"shape_kji must be three positive numbers, not {shape}")
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        if lengths.min() <= 0 or abs(np.linalg.det(affine[:3, :3] / lengths)) < SINGULAR_TOLERANCE:
            raise ValueError("affine_lps is singular: two axes coincide or a spacing is zero")
        affine.setflags(write=False)
        object.__setattr__(self, "affine_lps", affine)
        object.__setattr__(self, "shape_kji", shape)

    # -- making one ---------------------------------------------------------------------------------------------------
    @classmethod
    def from_axes(
        cls,
        *,
        origin_mm: ArrayLike,
        step_k_mm: ArrayLike,
        step_j_mm: ArrayLike,
        step_i_mm: ArrayLike,
        shape_kji: Sequence[int],
    ) -> VolumeGeometry:
        """From the LPS position of voxel (0, 0, 0) and the LPS steps, in mm, of one slice, one row and one column."""
        affine = np.eye(4)
        affine[:3] = np.column_stack([step_k_mm, step_j_mm, step_i_mm, origin_mm])
        slices, rows, columns = shape_kji
        return cls(affine, (slices, rows, columns))

    @classmethod
    def without_patient(
        cls, shape_kji: Sequence[int], spacing_kji_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ) -> VolumeGeometry:
        """For pictures that know no patient: from the origin, columns to the left, rows to posterior, slices up."""
        slice_mm, row_mm, column_mm = spacing_kji_mm
        return cls.from_axes(
            origin_mm=(0, 0, 0),
            step_k_mm=(0, 0, slice_mm),
            step_j_mm=(0, row_mm, 0),
            step_i_mm=(column_mm, 0, 0),
            shape_kji=shape_kji,
        )

    # -- what it says -------------------------------------------------------------------------------------------------
    @property
    def spacing_kji_mm(self) -> tuple[float, float, float]:
        """Length of one step along k, j and i. On a sheared grid the k step is longer than the distance of planes."""
        k, j, i = (float(length) for length in np.linalg.norm(self.affine_lps[:3, :3], axis=0))
        return k, j, i

    @property
    def directions_kji(self) -> FloatArray:
        """[3, 3] unit LPS vectors as columns: the directions of growing k, j and i."""
        return np.asarray(self.affine_lps[:3, :3] / np.linalg.norm(self.affine_lps[:3, :3], axis=0))

    @property
    def axis_letters(self) -> tuple[str, str, str]:
        """The patient direction (L R P A S I) nearest to growing k, j and i, no axis twice: an axial CT sorted feet to
        head is ("S", "P", "L")."""
        cosines = self.directions_kji
        axes = max(permutations(range(3)), key=lambda order: sum(abs(cosines[order[n], n]) for n in range(3)))
        k, j, i = (LETTERS_LPS[axis][0 if cosines[axis, n] >= 0 else 1] for n, axis in enumerate(axes))
        return k, j, i

    @property
    def voxel_volume_mm3(self) -> float:
        return float(abs(np.linalg.det(self.affine_lps[:3, :3])))

    @property
    def is_right_handed(self) -> bool:
        """Whether (i, j, k), in this order, are right-handed. True for everything the importers make."""
        return bool(np.linalg.det(self.affine_lps[:3, :3]) < 0)

    @property
    def shear_degrees(self) -> float:
        """Angle between the k step and the normal of the slices: 0 for a brick, the tilt for a tilted gantry."""
        directions = self.directions_kji
        normal = np.cross(directions[:, 2], directions[:, 1])
        cosine = abs(normal @ directions[:, 0]) / np.linalg.norm(normal)
        return float(np.degrees(np.arccos(min(1.0, float(cosine)))))

    # -- maps ---------------------------------------------------------------------------------------------------------
    def position_mm(self, index_kji: ArrayLike) -> FloatArray:
        """[n, 3] (k, j, i), fractions allowed -> [n, 3] (x, y, z) mm LPS. Voxel centres lie at integers."""
        index = np.asarray(index_kji, dtype=np.float64).reshape(-1, 3)
        return np.asarray(index @ self.affine_lps[:3, :3].T + self.affine_lps[:3, 3])

    def index_kji(self, position_mm: ArrayLike) -> FloatArray:
        """[n, 3] (x, y, z) mm LPS -> [n, 3] (k, j, i), fractional; may lie outside the grid."""
        position = np.asarray(position_mm, dtype=np.float64).reshape(-1, 3)
        return np.asarray(np.linalg.solve(self.affine_lps[:3, :3], (position - self.affine_lps[:3, 3]).T).T)

    def permuted(self, order: Sequence[int]) -> VolumeGeometry:
        """The same voxels in the same places with the array axes in another order, as `np.transpose(voxels, order)`."""
        affine = np.array(self.affine_lps)
        affine[:, :3] = affine[:, list(order)]
        k, j, i = (self.shape_kji[axis] for axis in order)
        return VolumeGeometry(affine, (k, j, i))

    def flipped(self, axis: int) -> VolumeGeometry:
        """The same voxels in the same places with one array axis reversed, as `np.flip(voxels, axis)`."""
        affine = np.array(self.affine_lps)
        affine[:, 3] += (self.shape_kji[axis] - 1) * affine[:, axis]
        affine[:, axis] *= -1
        return VolumeGeometry(affine, self.shape_kji)

    # -- comparing and storing ----------------------------------------------------------------------------------------
    def close_to(self, other: VolumeGeometry, tolerance_mm: float = EQUAL_TOLERANCE_MM) -> bool:
        """Same shape, and no corner of the grid lies more than `tolerance_mm` away from its counterpart."""
        if self.shape_kji != other.shape_kji:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape_kji], indexing="ij")).reshape(3, -1).T
        distances = np.linalg.norm(self.position_mm(corners) - other.position_mm(corners), axis=1)
        return bool(distances.max() <= tolerance_mm)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VolumeGeometry):
            return NotImplemented
        return self.shape_kji == other.shape_kji and np.array_equal(self.affine_lps, other.affine_lps)

    def __hash__(self) -> int:
        return hash((self.shape_kji, self.affine_lps.tobytes()))

    def to_json(self) -> dict[str, Any]:
        """{"affine_lps": 4 x 4 lists, "shape_kji": list of 3}; floats keep every digit."""
        return {"affine_lps": self.affine_lps.tolist(), "shape_kji": list(self.shape_kji)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> VolumeGeometry:
        slices, rows, columns = data["shape_kji"]
        return cls(np.array(data["affine_lps"], dtype=np.float64), (slices, rows, columns))
