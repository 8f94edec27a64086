"""VolumeGeometry: the conventions of indices, positions and letters that everything else relies on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from backend.imaging.geometry import VolumeGeometry
from tests import phantoms


@pytest.mark.parametrize("letters", phantoms.ORIENTATIONS)
def test_letters_spacing_and_handedness_of_all_orientations(letters: str) -> None:
    grid = phantoms.geometry(letters)
    assert "".join(grid.axis_letters) == letters
    assert grid.spacing_kji_mm == pytest.approx((2.5, 0.75, 0.5))
    k, j, i = (np.array(phantoms.DIRECTIONS[letter]) for letter in letters)
    assert grid.is_right_handed == bool(np.cross(i, j) @ k > 0)


def test_position_by_hand() -> None:
    grid = VolumeGeometry.from_axes(
        origin_mm=(10, 20, 30), step_k_mm=(0, 0, 5), step_j_mm=(0, 2, 0), step_i_mm=(0.5, 0, 0), shape_kji=(2, 3, 4)
    )
    assert grid.position_mm([[1, 2, 3], [0.5, 0, -1]]).tolist() == [[11.5, 24.0, 35.0], [9.5, 20.0, 32.5]]
    assert grid.index_kji([[11.5, 24.0, 35.0]]).tolist() == [[1.0, 2.0, 3.0]]
    assert grid.voxel_volume_mm3 == pytest.approx(5.0)
    assert grid.axis_letters == ("S", "P", "L")


def test_letters_of_an_oblique_grid_name_each_axis_once() -> None:
    """Two axes lean towards the same patient axis; the closer one gets its letter."""
    c, s = np.cos(np.radians(44)), np.sin(np.radians(44))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    assert phantoms.geometry("SPL", rotation=turn).axis_letters == ("S", "P", "L")


def test_permuted_and_flipped_leave_every_voxel_in_its_place() -> None:
    grid = phantoms.geometry("AIR")
    values = phantoms.numbered(grid.shape_kji)
    moved, moved_values = grid.permuted((2, 0, 1)).flipped(1), np.flip(np.transpose(values, (2, 0, 1)), 1)
    for value in (1, 17, 60):
        before, after = np.argwhere(values == value), np.argwhere(moved_values == value)
        assert moved.position_mm(after) == pytest.approx(grid.position_mm(before))


def test_a_sheared_grid_knows_its_tilt() -> None:
    tilt = np.radians(14)
    grid = VolumeGeometry.from_axes(
        origin_mm=(0, 0, 0),
        step_k_mm=(0, np.sin(tilt) * 5, np.cos(tilt) * 5),
        step_j_mm=(0, 1, 0),
        step_i_mm=(1, 0, 0),
        shape_kji=(4, 4, 4),
    )
    assert grid.shear_degrees == pytest.approx(14)
    assert grid.voxel_volume_mm3 == pytest.approx(5 * np.cos(tilt))
    assert phantoms.geometry().shear_degrees == 0


def test_json_keeps_every_digit() -> None:
    grid = phantoms.geometry(origin_mm=(1 / 3, np.pi, -1e-9))
    assert VolumeGeometry.from_json(json.loads(json.dumps(grid.to_json()))) == grid


def test_equality_and_closeness() -> None:
    grid, moved = phantoms.geometry(), phantoms.geometry(origin_mm=(-31.0005, 12.5, 101.0))
    assert grid == phantoms.geometry() and hash(grid) == hash(phantoms.geometry())
    assert grid != moved and grid.close_to(moved)
    assert not grid.close_to(phantoms.geometry(origin_mm=(-31.1, 12.5, 101.0)))
    assert not grid.close_to(phantoms.geometry(shape_kji=(4, 4, 5)))


def test_the_affine_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        phantoms.geometry().affine_lps[0, 0] = 2


@pytest.mark.parametrize(
    ("affine", "shape"),
    [
        (np.full((4, 4), np.nan), (1, 1, 1)),
        (np.zeros((4, 4)), (1, 1, 1)),
        (np.eye(3), (1, 1, 1)),
        (np.diag([1, 1, 0, 1]), (1, 1, 1)),
        (np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]), (1, 1, 1)),
        (np.eye(4), (1, 0, 1)),
        (np.eye(4), (1, 1)),
    ],
)
def test_what_is_no_geometry_is_refused(affine: np.ndarray, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        VolumeGeometry(affine, shape)  # type: ignore[arg-type]
