"""Voxels with their geometry: the value that importers make and everything else reads. No files, no formats here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.imaging.geometry import VolumeGeometry

VOXEL_DTYPES = tuple(np.dtype(name) for name in ("uint8", "int16", "uint16", "int32", "float32"))
"""What voxels may be: each has a code of its own on the wire (`imaging/wire.py`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """One voxel grid.

    `voxels` is C-ordered [slices, rows, columns], one of VOXEL_DTYPES, in the values of the modality (HU for CT,
    already rescaled); or [slices, rows, columns, 3] uint8, RGB, when `channels` is 3. `modality` is DICOM's code (CT,
    MR, PT, US, ...), "OT" where nobody said. `unit` is that of PET's values; CT is in HU. Raises
    ValueError when the parts do not fit each other: that is a fault of the importer.
    """

    geometry: VolumeGeometry
    voxels: NDArray[Any]
    modality: str
    channels: int = 1
    unit: str = ""

    def __post_init__(self) -> None:
        expected = self.geometry.shape_kji if self.channels == 1 else (*self.geometry.shape_kji, 3)
        if self.channels not in (1, 3) or self.voxels.shape != expected:
            raise ValueError(f"{self.channels} channels need voxels of shape {expected}, not {self.voxels.shape}")
        allowed = VOXEL_DTYPES if self.channels == 1 else (np.dtype(np.uint8),)
        if self.voxels.dtype not in allowed:
            raise ValueError(f"voxels of {self.channels} channels cannot be {self.voxels.dtype}")
        if not self.voxels.flags.c_contiguous:
            raise ValueError("voxels must be C-ordered")

    def slice_shape_hw(self, axis: int) -> tuple[int, int]:
        """Rows and columns of the image that `slice_image` gives for this axis."""
        height, width = (n for position, n in enumerate(self.geometry.shape_kji) if position != axis)
        return height, width

    def slice_image(self, axis: int, index: int) -> NDArray[Any]:
        """A view [rows, columns(, 3)] in raw array order. Axis 0 (acquisition plane): rows = j, columns = i; axis 1
        (fixed j): rows = k, columns = i; axis 2 (fixed i): rows = k, columns = j. Flipping for display is the viewer's.

        Raises IndexError outside the grid; negative numbers do not wrap.
        """
        if axis not in (0, 1, 2) or not 0 <= index < self.geometry.shape_kji[axis]:
            raise IndexError(f"no slice {index} along axis {axis} in a volume of shape {self.geometry.shape_kji}")
        return self.voxels[(slice(None),) * axis + (index,)]
