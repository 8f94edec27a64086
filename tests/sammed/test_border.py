"""The border between the cells of a grid: where the pixels are, and where they say something else entirely."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sammed.conftest import disc, disc_picture
from workers.sammed.border import Border, BorderConfig, Evidence, learn_border
from workers.sammed.metrics import dice
from workers.sammed.shape import signed_distance
from workers.sammed.types import BoolArray

SHAPE = (72, 96)
HALF_CELL = 2.0
CONFIG = BorderConfig()
LESSONS = [disc(SHAPE, (x, 36), radius) for x, radius in ((30, 12), (44, 15), (58, 17), (66, 14))]
UNSEEN = disc(SHAPE, (50, 30), 16)


def evidence(mask: BoolArray, seed: int, *, beside_px: int = 3, bright: bool = True) -> Evidence:
    """A mask that lies `beside_px` beside the object, and a picture of the object."""
    rng = np.random.default_rng(seed)
    picture = disc_picture(mask if bright else ~mask, rng)
    logits = signed_distance(np.roll(mask, beside_px, axis=1)).astype(np.float32)
    return Evidence(picture, logits, logits, logits > 0)


def learned(seed: int = 0) -> Border:
    border = learn_border([(evidence(m, n), m) for n, m in enumerate(LESSONS)], HALF_CELL, CONFIG, seed=seed)
    assert border is not None
    return border


def test_the_border_goes_where_the_pixels_change() -> None:
    before = evidence(UNSEEN, 9)
    after = learned().refine(before)
    assert dice(before.mask, UNSEEN) < 0.9
    assert dice(after, UNSEEN) > 0.97


def test_what_is_far_from_the_border_is_left_alone() -> None:
    before = evidence(UNSEEN, 9)
    far = np.abs(signed_distance(before.mask)) >= CONFIG.band * HALF_CELL
    after = learned().refine(before)
    np.testing.assert_array_equal(after[far], before.mask[far])


def test_a_mask_that_would_become_another_is_kept() -> None:
    """The object is dark where all that were learned from were bright."""
    before = evidence(UNSEEN, 9, bright=False)
    np.testing.assert_array_equal(learned().refine(before), before.mask)


def test_nothing_stays_nothing() -> None:
    nothing = evidence(np.zeros(SHAPE, np.bool_), 1)
    assert not learned().refine(nothing).any()


def test_colour_is_looked_at() -> None:
    """Red objects on a green ground that is as bright."""

    def coloured(mask: BoolArray, seed: int) -> Evidence:
        grey = evidence(mask, seed)
        noise: NDArray[np.float64] = np.random.default_rng(seed).normal(0, 6, (*SHAPE, 3))
        picture = np.where(mask[..., None], (180, 60, 60), (60, 180, 60)) + noise
        return Evidence(np.clip(picture, 0, 255).astype(np.uint8), grey.sam, grey.coarse, grey.mask)

    border = learn_border([(coloured(m, n), m) for n, m in enumerate(LESSONS)], HALF_CELL, CONFIG, seed=0)
    assert border is not None
    assert dice(border.refine(coloured(UNSEEN, 9)), UNSEEN) > 0.97


def test_same_seed_same_border() -> None:
    before = evidence(UNSEEN, 9)
    np.testing.assert_array_equal(learned(5).refine(before), learned(5).refine(before))


@pytest.mark.parametrize(
    "lessons",
    [LESSONS[:2], [*LESSONS[:2], np.zeros(SHAPE, np.bool_)], [np.zeros(SHAPE, np.bool_)] * 4],
    ids=["two", "two and an empty one", "empty ones"],
)
def test_too_few_slices_are_nothing_to_learn_from(lessons: list[BoolArray]) -> None:
    assert learn_border([(evidence(m, n), m) for n, m in enumerate(lessons)], HALF_CELL, CONFIG, seed=0) is None
