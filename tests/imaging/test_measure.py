"""Measures are taken in the patient: on anisotropic, turned and oblique volumes, along every axis."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.measure import MeasureKind, measure

SHAPE_KJI = (7, 20, 30)
PIXELS = np.arange(600).reshape(20, 30)


def geometry(turn_degrees: float = 0.0) -> VolumeGeometry:
    """5 mm slices of 0.5 x 0.8 mm, turned about the x axis."""
    c, s = math.cos(math.radians(turn_degrees)), math.sin(math.radians(turn_degrees))
    return VolumeGeometry.from_axes(
        origin_mm=(10, -20, 30),
        step_k_mm=(0, -5 * s, 5 * c),
        step_j_mm=(0, 0.5 * c, 0.5 * s),
        step_i_mm=(0.8, 0, 0),
        shape_kji=SHAPE_KJI,
    )


@pytest.mark.parametrize("turn", [0.0, 33.0])
def test_lengths_know_the_spacing_along_every_axis(turn: float) -> None:
    grid = geometry(turn)
    for axis, (column_mm, row_mm) in enumerate([(0.8, 0.5), (0.8, 5.0), (0.5, 5.0)]):
        found = measure(MeasureKind.LENGTH, [(1, 1), (4.5, 5)], grid, axis, 2, PIXELS)
        assert found["length_mm"] == pytest.approx(math.hypot(3.5 * column_mm, 4 * row_mm))


def test_an_angle_is_the_patients_not_the_pixels() -> None:
    square_mm = [(10, 10), (0, 0), (-6, 10)]  # (8, 5) mm and (-4.8, 5) mm from the vertex
    found = measure(MeasureKind.ANGLE, square_mm, geometry(), 0, 0, PIXELS)
    assert found["angle_deg"] == pytest.approx(math.degrees(math.atan2(5, -4.8) - math.atan2(5, 8)))
    with pytest.raises(ValueError, match="different points"):
        measure(MeasureKind.ANGLE, [(1, 1), (1, 1), (2, 2)], geometry(), 0, 0, PIXELS)


def test_the_longer_axis_is_the_long_one() -> None:
    found = measure(MeasureKind.BIDIRECTIONAL, [(0, 0), (0, 4), (0, 2), (10, 2)], geometry(), 0, 0, PIXELS)
    assert found == {"long_mm": pytest.approx(8), "short_mm": pytest.approx(2)}


def test_shapes_hold_the_values_whose_centres_they_cover() -> None:
    found = measure(MeasureKind.RECTANGLE, [(12.4, 8.3), (2.6, 4.8)], geometry(), 0, 0, PIXELS)
    inside = PIXELS[5:9, 3:13]
    assert found["area_mm2"] == pytest.approx(9.8 * 0.8 * 3.5 * 0.5)
    assert (found["voxels"], found["mean"], found["sd"]) == (40, inside.mean(), pytest.approx(inside.std()))
    assert (found["minimum"], found["maximum"]) == (inside.min(), inside.max())

    ellipse = measure(MeasureKind.ELLIPSE, [(2, 4), (12, 8)], geometry(), 0, 0, PIXELS)
    y, x = np.mgrid[:20, :30]
    round_inside = ((x - 7) / 5) ** 2 + ((y - 6) / 2) ** 2 <= 1
    assert ellipse["voxels"] == round_inside.sum() and ellipse["mean"] == PIXELS[round_inside].mean()
    assert ellipse["area_mm2"] == pytest.approx(math.pi * 4 * 1)


def test_a_shape_between_voxels_has_an_area_and_no_values() -> None:
    found = measure(MeasureKind.RECTANGLE, [(2.2, 3.2), (2.8, 3.8)], geometry(), 0, 0, PIXELS)
    assert set(found) == {"area_mm2"}


def test_each_kind_takes_its_points() -> None:
    with pytest.raises(ValueError, match="takes 2 points, not 3"):
        measure(MeasureKind.LENGTH, [(0, 0), (1, 1), (2, 2)], geometry(), 0, 0, PIXELS)
