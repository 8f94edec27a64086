"""Simulated users: positives lie in the mask, negatives outside, and the same generator gives the same prompts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.sammed.conftest import disc
from workers.sammed.sampling import (
    MOST_POINTS,
    PromptKind,
    Scheme,
    choose_slices,
    depth_px,
    draw_pixels,
    draw_prompts,
    jittered_box,
    next_correction,
    points_per_instance,
    sample_points,
    tight_box,
)
from workers.sammed.types import BoolArray, EmptyMask

SCHEMES: list[Scheme] = ["uniform", "center", "boundary"]
masks = hnp.arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))
some_masks = masks.filter(lambda m: bool(m.any()))
seeds = st.integers(0, 2**32 - 1)


def at(mask: BoolArray, points_xy: np.ndarray) -> np.ndarray:
    """Mask values under points."""
    return mask[points_xy[:, 1].astype(int), points_xy[:, 0].astype(int)]


@given(some_masks, st.integers(0, 6), st.integers(0, 6), st.sampled_from(SCHEMES), seeds)
def test_points_lie_where_their_labels_say(
    mask: BoolArray, inside: int, outside: int, scheme: Scheme, seed: int
) -> None:
    points, labels = sample_points(mask, inside, outside, np.random.default_rng(seed), scheme)
    assert labels.tolist() == [1] * inside + [0] * (0 if mask.all() else outside)
    np.testing.assert_array_equal(at(mask, points), labels == 1)


@given(some_masks, seeds)
def test_the_same_generator_gives_the_same_points(mask: BoolArray, seed: int) -> None:
    first = sample_points(mask, 3, 3, np.random.default_rng(seed))
    second = sample_points(mask, 3, 3, np.random.default_rng(seed))
    np.testing.assert_array_equal(first[0], second[0])


@given(some_masks, st.integers(1, 30), seeds)
def test_pixels_repeat_only_when_there_are_too_few(mask: BoolArray, count: int, seed: int) -> None:
    points = draw_pixels(mask, count, np.random.default_rng(seed))
    if count <= mask.sum():
        assert len(np.unique(points, axis=0)) == count


def test_center_draws_deeper_and_boundary_shallower_than_uniform(rng: np.random.Generator) -> None:
    mask = disc((80, 80), (40, 40), 30)
    depth = depth_px(mask)

    def mean_depth(scheme: Scheme) -> float:
        points = draw_pixels(mask, 500, rng, scheme).astype(int)
        return float(depth[points[:, 1], points[:, 0]].mean())

    assert mean_depth("boundary") < 0.7 * mean_depth("uniform")
    assert mean_depth("uniform") < 0.8 * mean_depth("center")


def test_depth_ends_at_the_rim_of_the_picture() -> None:
    np.testing.assert_array_equal(depth_px(np.ones((3, 3), bool)) > 1.5, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


@given(some_masks)
def test_the_tight_box_touches_the_mask_on_four_sides(mask: BoolArray) -> None:
    x0, y0, x1, y1 = tight_box(mask).astype(int)
    assert mask[y0 : y1 + 1, x0 : x1 + 1].sum() == mask.sum()
    assert mask[y0].any() and mask[y1].any() and mask[:, x0].any() and mask[:, x1].any()


@given(some_masks, st.floats(0, 30), st.floats(0, 30), seeds)
def test_a_jittered_box_stays_in_the_picture_and_within_its_limits(
    mask: BoolArray, inwards: float, outwards: float, seed: int
) -> None:
    tight = tight_box(mask)
    box = jittered_box(mask, np.random.default_rng(seed), inwards, outwards)
    assert 0 <= box[0] <= box[2] <= mask.shape[1] - 1
    assert 0 <= box[1] <= box[3] <= mask.shape[0] - 1
    assert (box[:2] >= tight[:2] - outwards - 1e-3).all() and (box[2:] <= tight[2:] + outwards + 1e-3).all()
    np.testing.assert_array_equal(jittered_box(mask, np.random.default_rng(seed), 0, 0), tight)


@given(hnp.arrays(bool, (12, 15)), hnp.arrays(bool, (12, 15)), st.sampled_from(SCHEMES), seeds)
def test_a_correction_names_a_wrong_pixel_with_its_true_label(
    mask: BoolArray, predicted: BoolArray, scheme: Scheme, seed: int
) -> None:
    click = next_correction(mask, predicted, np.random.default_rng(seed), scheme)
    if (mask == predicted).all():
        assert click is None
        return
    assert click is not None
    point, label = click
    assert at(mask, point[None])[0] == bool(label) != at(predicted, point[None])[0]


def test_the_correction_goes_to_the_middle_of_the_largest_error(rng: np.random.Generator) -> None:
    mask = disc((60, 60), (20, 20), 9)
    predicted = disc((60, 60), (45, 45), 5)
    point, label = next_correction(mask, predicted, rng) or (None, None)
    assert label == 1
    np.testing.assert_array_equal(point, [20, 20])


def test_every_instance_gets_its_points(rng: np.random.Generator) -> None:
    mask = disc((60, 60), (12, 12), 6) | disc((60, 60), (45, 40), 8)
    mask[59, 0] = True
    points = points_per_instance(mask, 2, rng, min_area_px=4)
    assert (points[:, 0] < 25).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "draw",
    [
        lambda m, r: draw_pixels(m, 1, r),
        lambda m, r: sample_points(m, 1, 1, r),
        lambda m, r: tight_box(m),
        lambda m, r: jittered_box(m, r, 1, 1),
        lambda m, r: points_per_instance(m, 1, r),
    ],
)
def test_an_empty_mask_is_an_error_of_its_own(draw, rng: np.random.Generator) -> None:
    with pytest.raises(EmptyMask):
        draw(np.zeros((4, 4), bool), rng)


@given(some_masks, st.sampled_from(["points", "boxes", "composite"]), st.integers(1, 4), st.integers(0, 4), seeds)
def test_prompts_are_what_their_kind_says(
    mask: BoolArray, kind: PromptKind, inside: int, outside: int, seed: int
) -> None:
    prompts = draw_prompts(mask, kind, inside, outside, np.random.default_rng(seed), per_instance=False)
    assert (prompts.box_xyxy is None) == (kind == "points")
    expected = 0 if kind == "boxes" else inside + (outside if (~mask).any() else 0)
    assert len(prompts.points_xy) == expected
    np.testing.assert_array_equal(at(mask, prompts.points_xy), prompts.point_labels == 1)


def test_a_picture_full_of_instances_gets_no_more_points_than_a_user_would_give(rng: np.random.Generator) -> None:
    mask = np.zeros((40, 40), bool)
    mask[::3, ::3] = True
    assert mask.sum() == 196
    assert len(draw_prompts(mask, "points", 2, 2, rng).points_xy) == MOST_POINTS + 2


@given(st.sets(st.integers(0, 200), min_size=1), st.integers(1, 8), seeds)
def test_chosen_slices_show_the_label_and_are_all_different(foreground: set[int], count: int, seed: int) -> None:
    chosen = choose_slices(sorted(foreground), count, np.random.default_rng(seed))
    assert set(chosen) <= foreground and len(set(chosen)) == len(chosen) == min(count, len(foreground))
    assert chosen == sorted(chosen)


def test_chosen_slices_lie_around_the_median() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([choose_slices(range(100), 2, rng) for _ in range(300)])
    assert abs(drawn.mean() - 49.5) < 3 and 18 < drawn.std() < 28  # s = 28.9, cut off at the ends
