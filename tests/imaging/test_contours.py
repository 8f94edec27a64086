"""A mask's outline, asked which pixel centres lie inside, is the mask."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from backend.imaging.contours import Polygon, outlines
from backend.imaging.contours import filled as filled_by_us


def filled(polygons: list[Polygon], shape_hw: tuple[int, int]) -> np.ndarray:
    """[rows, columns] int: how many polygons hold each pixel's centre, by OpenCV."""
    counted = np.zeros(shape_hw, int)
    for polygon in polygons:
        outline = polygon.astype(np.float32)
        for index in np.ndindex(shape_hw):
            counted[index] += cv2.pointPolygonTest(outline, (float(index[0]), float(index[1])), False) > 0
    return counted


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.1, 0.9), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_the_outline_of_any_mask_is_the_mask(rows: int, columns: int, share: float, is_smooth: bool, seed: int) -> None:
    noise = np.random.default_rng(seed).random((rows, columns))
    mask = ndimage.gaussian_filter(noise, 1) < 0.5 if is_smooth else noise < share
    counted = filled(outlines(mask), (rows, columns))
    np.testing.assert_array_equal(counted, mask)  # never twice: readers that join and readers that XOR agree
    np.testing.assert_array_equal(filled_by_us(outlines(mask), (rows, columns)), mask)


def test_a_ring_in_a_ring_keeps_its_holes_and_its_island() -> None:
    rows, columns = np.indices((41, 41))
    radius = np.hypot(rows - 20, columns - 20)
    mask = (radius < 18) & ~((radius > 6) & (radius < 12))
    mask[19:22, 19:22] = False
    polygons = outlines(mask)
    assert len(polygons) == 2  # the outer ring with its hole, the island with its own
    np.testing.assert_array_equal(filled(polygons, mask.shape), mask)


def test_straight_edges_have_no_corners_between() -> None:
    mask = np.zeros((12, 12), bool)
    mask[2:10, 3:11] = True
    (square,) = outlines(mask)
    assert len(square) == 8  # four sides, and corners cut by half a pixel
    assert square.min(axis=0).tolist() == [1.5, 2.5] and square.max(axis=0).tolist() == [9.5, 10.5]


def test_an_empty_mask_has_none() -> None:
    assert outlines(np.zeros((4, 5), bool)) == []


def test_a_hole_is_one_however_it_is_written() -> None:
    """By a cut through pixel centres, by an inner polygon of either turn, beyond the picture, and off its pixels."""
    square = np.array([(2, 2), (2, 12), (12, 12), (12, 2)], float) - 0.4
    hole = np.array([(5, 5), (5, 8), (8, 8), (8, 5)], float) - 0.4
    expected = np.zeros((16, 16), bool)
    expected[2:12, 2:12] = True
    expected[5:8, 5:8] = False
    keyhole = np.vstack([[(7.0, 1.6)], hole, hole[:1], [(7.0, 1.6)], square[:1] + [(0, 0)], square[1:], square[:1]])
    for polygons in ([square, hole], [square, hole[::-1]], [keyhole]):
        np.testing.assert_array_equal(filled_by_us(polygons, (16, 16)), expected)
    np.testing.assert_array_equal(filled_by_us([square - 6, hole - 6], (16, 16))[:10, :10], expected[6:, 6:])
    assert filled_by_us([square + 100, square - 100], (16, 16)).sum() == 0
    whole = filled_by_us([np.array([(-9, -9), (-9, 99), (99, 99), (99, -9)], float)], (16, 16))
    assert whole.all()


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.1, 0.9), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_outlines_through_the_outermost_pixels_are_the_mask(
    rows: int, columns: int, share: float, is_rounded: bool, seed: int
) -> None:
    """As OpenCV draws them, and with it rt-utils: a pixel alone is one corner, a hole's outline runs around it."""
    generator = np.random.default_rng(seed)
    mask = generator.random((rows, columns)) < share
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    polygons = [ring[:, 0, ::-1].astype(np.float64) for ring in found]
    if is_rounded:  # to hundredths of millimetres
        polygons = [ring + generator.uniform(-0.01, 0.01, ring.shape) for ring in polygons]
    np.testing.assert_array_equal(filled_by_us(polygons, (rows, columns)), mask)
    beyond = np.pad(mask, 3)
    shifted = filled_by_us([ring - 2 for ring in polygons], (rows, columns))
    np.testing.assert_array_equal(shifted, beyond[5 : 5 + rows, 5 : 5 + columns])


def test_a_corner_or_a_line_between_centres_is_no_pixel() -> None:
    assert filled_by_us([np.array([(2.4, 3.0)]), np.array([(1.5, 0.0), (1.5, 9.0)])], (4, 10)).sum() == 0
