"""Volume: the parts fit each other, and slices along the three axes are the raw array."""

from __future__ import annotations

import numpy as np
import pytest

from backend.imaging.volume import VOXEL_DTYPES, Volume
from tests import phantoms


def volume() -> Volume:
    return Volume(phantoms.geometry(shape_kji=(3, 4, 5)), phantoms.numbered((3, 4, 5)), "CT")


@pytest.mark.parametrize(("axis", "shape"), [(0, (4, 5)), (1, (3, 5)), (2, (3, 4))])
def test_slices_of_each_axis_are_views_in_raw_order(axis: int, shape: tuple[int, int]) -> None:
    whole = volume()
    image = whole.slice_image(axis, 2)
    assert image.shape == shape == whole.slice_shape_hw(axis)
    assert np.array_equal(image, np.take(whole.voxels, 2, axis=axis))
    assert np.shares_memory(image, whole.voxels)


@pytest.mark.parametrize(("axis", "index"), [(0, 3), (0, -1), (1, 4), (3, 0)])
def test_no_slice_outside_the_grid(axis: int, index: int) -> None:
    with pytest.raises(IndexError):
        volume().slice_image(axis, index)


def test_colour_slices_keep_their_channels() -> None:
    grid = phantoms.geometry(shape_kji=(2, 3, 4))
    colour = Volume(grid, np.zeros((2, 3, 4, 3), np.uint8), "US", channels=3)
    assert colour.slice_image(1, 0).shape == (2, 4, 3)


@pytest.mark.parametrize("dtype", VOXEL_DTYPES)
def test_every_dtype_of_the_wire_is_allowed(dtype: np.dtype) -> None:
    grid = phantoms.geometry()
    assert Volume(grid, np.zeros(grid.shape_kji, dtype), "MR").voxels.dtype == dtype


@pytest.mark.parametrize(
    ("voxels", "channels"),
    [
        (np.zeros((3, 4, 5), np.float64), 1),
        (np.zeros((3, 4, 6), np.int16), 1),
        (np.zeros((3, 4, 5), np.uint8), 3),
        (np.zeros((3, 4, 5, 3), np.int16), 3),
        (np.zeros((3, 4, 5), ">i2"), 1),
        (np.zeros((5, 4, 3), np.int16).T, 1),
    ],
)
def test_parts_that_do_not_fit_are_refused(voxels: np.ndarray, channels: int) -> None:
    with pytest.raises(ValueError):
        Volume(phantoms.geometry(shape_kji=(3, 4, 5)), voxels, "CT", channels)
