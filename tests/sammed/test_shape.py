"""The shape between annotated slices, on cones and discs whose true shape is known everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.sammed.metrics import dice
from workers.sammed.shape import LOGISTIC, ShapeBetween, signed_distance
from workers.sammed.types import AnnotatedSlice, BoolArray, NotEnoughSlices, SliceEmbedding

SHAPE = (64, 80)
EMBEDDING = SliceEmbedding(np.zeros((1, 1, 1), np.float32), SHAPE, SHAPE, "model")


def disc(radius: float, x: float = 40, y: float = 32) -> BoolArray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 < radius**2)


def annotated(masks: dict[int, BoolArray]) -> list[AnnotatedSlice]:
    return [AnnotatedSlice(index, EMBEDDING, mask) for index, mask in masks.items()]


EMPTY = disc(0)


def test_distances_have_their_sign_and_their_length() -> None:
    distance = signed_distance(disc(10))
    assert distance[32, 40] == pytest.approx(9.5, abs=0.6)
    assert distance[32, 60] == pytest.approx(-10.0, abs=0.6)
    np.testing.assert_array_equal(distance > 0, disc(10))
    full = signed_distance(np.ones(SHAPE, np.bool_))
    assert full.min() == 0.5 and full.max() == SHAPE[0] / 2 - 0.5


@settings(deadline=None, max_examples=25)
@given(first=st.integers(6, 20), last=st.integers(6, 20), index=st.integers(1, 9), shift=st.integers(-8, 8))
def test_between_two_slices_a_cone_is_a_cone(first: int, last: int, index: int, shift: int) -> None:
    """Also a leaning one, as long as the discs overlap well."""
    shape = ShapeBetween(annotated({0: disc(first, 40), 10: disc(last, 40 + shift)}))
    distance, away = shape.at(index)
    share = index / 10
    assert dice(distance > 0, disc(first + share * (last - first), 40 + share * shift)) > 0.85
    assert away == min(index, 10 - index)


def test_it_is_the_annotated_shape_on_an_annotated_slice() -> None:
    shape = ShapeBetween(annotated({3: disc(12), 7: disc(8)}))
    for index, radius in ((3, 12), (7, 8)):
        distance, away = shape.at(index)
        np.testing.assert_array_equal(distance > 0, disc(radius))
        assert away == 0


def test_towards_a_slice_without_the_label_it_vanishes_half_way() -> None:
    for empty, indices in ((20, range(11, 20)), (0, range(9, 0, -1))):
        shape = ShapeBetween(annotated({10: disc(12), empty: EMPTY}))
        areas = [np.count_nonzero(shape.at(index)[0] > 0) for index in indices]
        assert areas[:4] == sorted(areas[:4], reverse=True) and areas[0] > areas[3] > 0
        assert areas[5:] == [0, 0, 0, 0]


def test_with_no_empty_slice_beyond_it_goes_on_half_as_far_as_it_was_annotated() -> None:
    shape = ShapeBetween(annotated({4: disc(12), 16: disc(9)}))
    areas = [np.count_nonzero(shape.at(index)[0] > 0) for index in range(16, 30)]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] == np.count_nonzero(disc(9)) and areas[4] > 0
    assert not any(areas[6:])
    certainty = [float(shape.logits(index, 1.0).max()) for index in (16, 17, 19, 21)]
    assert certainty == sorted(certainty, reverse=True)
    assert 0 < np.count_nonzero(shape.at(0)[0] > 0) < np.count_nonzero(disc(6))
    assert (shape.logits(60, 1.0) < -10).all()


def test_between_and_beyond_empty_slices_there_is_nothing() -> None:
    shape = ShapeBetween(annotated({10: disc(12), 20: EMPTY, 30: EMPTY, 4: EMPTY}))
    for index in (0, 2, 4, 20, 22, 25, 29, 30, 40):
        assert (shape.logits(index, 1.0) < -10).all()


def test_wander_is_what_interpolation_misses_by() -> None:
    """A disc whose radius zigzags by 4 pixels from slice to slice is missed by about 4 pixels; a cylinder by none."""
    zigzag = ShapeBetween(annotated({k: disc(14 + 4 * (k % 2)) for k in range(6)}))
    assert zigzag.wander == pytest.approx(4, abs=0.7)
    cylinder = ShapeBetween(annotated({k: disc(14) for k in range(0, 12, 2)}))
    assert cylinder.wander < 0.5
    assert np.abs(cylinder.logits(5, 1.0)).mean() > 3 * np.abs(zigzag.logits(7, 1.0)).mean()


def test_log_odds_are_those_of_an_uncertain_border() -> None:
    shape = ShapeBetween(annotated({0: disc(14), 4: disc(14), 8: disc(14)}))
    distance, away = shape.at(2)
    spread = np.hypot(1.5, shape.wander * away)
    np.testing.assert_allclose(shape.logits(2, 1.5), LOGISTIC * distance / spread, rtol=1e-5)


def test_one_slice_alone_says_little() -> None:
    alone = ShapeBetween(annotated({5: disc(12)}))
    assert alone.wander == pytest.approx(11.5, abs=0.6)  # nothing is known: a radius per slice
    areas = [np.count_nonzero(alone.at(index)[0] > 0) for index in (5, 6, 7)]
    assert areas[0] == np.count_nonzero(disc(12)) and areas[1] > areas[2] == 0


def test_the_label_must_be_shown() -> None:
    with pytest.raises(NotEnoughSlices):
        ShapeBetween(annotated({0: EMPTY}))
