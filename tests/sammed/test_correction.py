"""Corrections change what was pointed at and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.sammed.conftest import disc
from workers.sammed.correction import corrected
from workers.sammed.types import BoolArray, FloatArray, Prompts

SHAPE = (60, 80)
OBJECT = disc(SHAPE, (40, 30), 15)
LEFT, RIGHT, OUTSIDE = disc(SHAPE, (22, 30), 5), disc(SHAPE, (58, 30), 5), disc(SHAPE, (8, 8), 4)


def logits_of(mask: BoolArray) -> FloatArray:
    return np.where(mask, 4.0, -4.0).astype(np.float32)


def points(*at: tuple[float, float, bool]) -> Prompts:
    return Prompts(np.array([p[:2] for p in at], np.float32), np.array([p[2] for p in at], np.int32))


def test_of_the_answer_only_the_part_at_the_point_counts() -> None:
    """The model adds two lobes and takes away a piece; one lobe was asked for."""
    answer = (OBJECT | LEFT | RIGHT) & ~disc(SHAPE, (40, 42), 3)
    mask = corrected(OBJECT, answer, logits_of(answer), points((20, 30, True)), [(20, 30)])
    np.testing.assert_array_equal(mask, OBJECT | LEFT)


def test_a_background_point_takes_its_part_away() -> None:
    shown = OBJECT | OUTSIDE
    mask = corrected(shown, RIGHT, logits_of(RIGHT), points((8, 8, False)), [(8, 8)])
    np.testing.assert_array_equal(mask, OBJECT)


def test_several_places_are_several_parts() -> None:
    answer = OBJECT | LEFT | RIGHT
    asked = points((20, 30, True), (60, 30, True))
    mask = corrected(OBJECT, answer, logits_of(answer), asked, [(20, 30), (60, 30)])
    np.testing.assert_array_equal(mask, answer)


def test_a_point_that_says_what_is_shown_changes_nothing() -> None:
    answer = np.zeros(SHAPE, np.bool_)
    mask = corrected(OBJECT, answer, logits_of(answer), points((40, 30, True)), [(40, 30)])
    np.testing.assert_array_equal(mask, OBJECT)


def test_a_place_without_a_point_follows_the_model() -> None:
    """As after a prompt was removed: what it had made goes if the model does not believe in it."""
    shown = OBJECT | RIGHT
    asked = points((40, 30, True))
    np.testing.assert_array_equal(corrected(shown, OBJECT, logits_of(OBJECT), asked, [(60, 30)]), OBJECT)
    np.testing.assert_array_equal(corrected(shown, shown, logits_of(shown), asked, [(60, 30)]), shown)


def test_what_the_model_holds_for_as_likely_comes_along() -> None:
    logits = logits_of(OBJECT)
    logits[LEFT & ~OBJECT] = -1.0  # not believed, but more than its surroundings
    mask = corrected(OBJECT, OBJECT, logits, points((20, 30, True)), [(20, 30)])
    np.testing.assert_array_equal(mask, OBJECT | LEFT)


def test_a_point_where_nothing_is_likely_makes_a_small_disc() -> None:
    logits = logits_of(OBJECT)
    mask = corrected(OBJECT, OBJECT, logits, points((70, 50, True)), [(70, 50)])
    added = mask & ~OBJECT
    assert added[50, 70] and not (OBJECT & ~mask).any()
    assert 1 <= np.count_nonzero(added) < 0.1 * np.count_nonzero(OBJECT)


@given(st.integers(0, 79), st.integers(0, 59), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_point_is_always_heard(x: int, y: int, positive: bool, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, SHAPE).astype(np.float32)
    mask = corrected(OBJECT, logits > 0, logits, points((x, y, positive)), [(x, y)])
    assert mask[y, x] == positive
