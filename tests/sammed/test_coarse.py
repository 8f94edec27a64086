"""Coarse masks: the way between grid and pixels, top-K, and the prompts drawn from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.sammed.conftest import disc
from workers.sammed import SliceEmbedding
from workers.sammed.coarse import (
    CoarseMask,
    PromptRule,
    cells_of_slice,
    components,
    keep_largest,
    pixels_from_grid,
    prompts_from,
    share_on_grid,
)
from workers.sammed.metrics import dice
from workers.sammed.sampling import tight_box


def embedding_of(original_hw: tuple[int, int], side: int = 64, cells: int = 16) -> SliceEmbedding:
    scale = side / max(original_hw)
    input_hw = (round(original_hw[0] * scale), round(original_hw[1] * scale))
    return SliceEmbedding(np.zeros((2, cells, cells), np.float16), original_hw, input_hw, "none")


def coarse_of(mask: np.ndarray) -> CoarseMask:
    return CoarseMask(np.where(mask, np.float32(0.9), np.float32(0.1)), mask)


@given(height=st.integers(8, 150), width=st.integers(8, 150))
def test_shares_of_a_full_mask_are_the_cells_of_the_slice(height: int, width: int) -> None:
    embedding = embedding_of((height, width))
    full = share_on_grid(np.ones((height, width), np.bool_), embedding)
    np.testing.assert_allclose(full, cells_of_slice(embedding), atol=1e-5)
    assert cells_of_slice(embedding).sum() == pytest.approx(np.prod(embedding.input_hw) / 4**2)  # a cell is 4 pixels


@pytest.mark.parametrize("hw", [(128, 128), (150, 90), (61, 200)])
def test_a_mask_survives_the_way_to_the_grid_and_back(hw: tuple[int, int]) -> None:
    mask = disc(hw, (hw[1] * 0.45, hw[0] * 0.6), min(hw) * 0.3)
    embedding = embedding_of(hw)
    back = pixels_from_grid(torch.from_numpy(share_on_grid(mask, embedding)), embedding)
    assert back.shape == hw
    assert dice(back > 0.5, mask) > 0.9


def test_top_k_keeps_the_largest_parts() -> None:
    large, middle, small = disc((60, 60), (15, 15), 9), disc((60, 60), (45, 15), 6), disc((60, 60), (40, 45), 3)
    mask = large | middle | small
    assert [int(p.sum()) for p in components(mask)] == [int(p.sum()) for p in (large, middle, small)]
    np.testing.assert_array_equal(keep_largest(mask, 2), large | middle)
    np.testing.assert_array_equal(keep_largest(mask, 9), mask)
    assert not keep_largest(np.zeros((4, 4), np.bool_), 1).any()


def test_points_lie_in_every_part_and_just_outside(rng: np.random.Generator) -> None:
    left, right = disc((80, 120), (25, 40), 12), disc((80, 120), (90, 40), 8)
    (prompts,) = prompts_from(coarse_of(left | right), PromptRule(n_points=3, n_negative=4, reach=1.0), rng)
    columns, rows = prompts.points_xy.astype(int).T
    inside = prompts.point_labels == 1
    assert left[rows, columns].sum() == right[rows, columns].sum() == 3
    np.testing.assert_array_equal((left | right)[rows, columns], inside)
    assert (~inside).sum() == 4
    far = disc((80, 120), (25, 40), 34) | disc((80, 120), (90, 40), 30)  # one radius of the whole, and a little
    assert far[rows, columns].all()
    assert prompts.box_xyxy is None


def test_foreground_points_come_from_the_most_probable_pixels(rng: np.random.Generator) -> None:
    mask = disc((60, 60), (30, 30), 20)
    probability = np.where(mask, 0.6, 0.0).astype(np.float32)
    core = disc((60, 60), (24, 30), 10)
    probability[core] = 0.95
    rule = PromptRule(n_points=40, n_negative=0, confident_share=0.2)
    (prompts,) = prompts_from(CoarseMask(probability, mask), rule, rng)
    columns, rows = prompts.points_xy.astype(int).T
    assert core[rows, columns].all()


def test_one_prompt_for_each_component(rng: np.random.Generator) -> None:
    parts = [disc((80, 120), (25, 40), 12), disc((80, 120), (90, 40), 8)]
    made = prompts_from(coarse_of(parts[0] | parts[1]), PromptRule(kind="boxes", per_component=True), rng)
    for prompts, part in zip(made, parts, strict=True):
        np.testing.assert_array_equal(prompts.box_xyxy, tight_box(part))
        assert len(prompts.points_xy) == 0


def test_a_box_with_margin_stays_in_the_picture(rng: np.random.Generator) -> None:
    mask = disc((50, 50), (4, 25), 10)
    (prompts,) = prompts_from(coarse_of(mask), PromptRule(kind="composite", box_margin=0.2), rng)
    tight, wide = tight_box(mask), prompts.box_xyxy
    assert wide is not None
    assert wide[0] == 0
    np.testing.assert_allclose(wide[1:] - tight[1:], [-4.2, 3.0, 4.2], atol=1e-4)  # fifths of 21 rows and 15 columns
    assert len(prompts.points_xy) == 16


def test_nothing_found_gives_no_prompt_and_a_full_picture_no_background(rng: np.random.Generator) -> None:
    assert prompts_from(coarse_of(np.zeros((20, 20), np.bool_)), PromptRule(), rng) == []
    (prompts,) = prompts_from(coarse_of(np.ones((20, 20), np.bool_)), PromptRule(), rng)
    assert (prompts.point_labels == 1).all()
