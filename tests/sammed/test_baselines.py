"""The classical methods find what they can find, from points, from a box, in grey and in colour."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sammed.conftest import disc, disc_picture
from workers.sammed import InvalidPrompt, Prompts
from workers.sammed.baselines import BASELINES, box_mask
from workers.sammed.metrics import dice
from workers.sammed.sampling import PromptKind, draw_prompts

KINDS: list[PromptKind] = ["points", "boxes", "composite"]
MASK = disc((96, 110), (52, 45), 20)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_bright_disc_is_found_from_every_kind_of_prompt(
    name: str, kind: PromptKind, channels: int, rng: np.random.Generator
) -> None:
    image = disc_picture(MASK, rng)
    if channels == 3:
        image = np.stack([image, image // 2, 255 - image], axis=2)
    prompts = draw_prompts(MASK, kind, 3, 3, rng)
    found = BASELINES[name](image, prompts)
    assert found.shape == MASK.shape and found.dtype == np.bool_
    assert dice(found, MASK) > 0.85


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_prompts_give_the_same_mask(name: str, rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, MASK.shape).astype(np.uint8)
    prompts = draw_prompts(MASK, "composite", 2, 2, rng)
    np.testing.assert_array_equal(BASELINES[name](image, prompts), BASELINES[name](image, prompts))


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_outside_the_box_is_foreground(name: str, rng: np.random.Generator) -> None:
    box = np.array([20, 20, 85, 60], np.float32)  # cuts the foot of the disc off
    found = BASELINES[name](disc_picture(MASK, rng), Prompts(box_xyxy=box))
    assert found.any() and not (found & ~box_mask(MASK.shape, box)).any()


@pytest.mark.parametrize("name", BASELINES)
def test_one_foreground_point_is_enough(name: str, rng: np.random.Generator) -> None:
    found = BASELINES[name](disc_picture(MASK, rng), Prompts(np.array([[52, 45]], np.float32), np.array([1], np.int32)))
    assert found[45, 52]


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    "box", [[5, 5, 5, 5], [0, 0, 109, 95], [3, 40, 4, 41]], ids=["one pixel", "everything", "four pixels"]
)
def test_extreme_boxes_are_answered(name: str, box: list[float], rng: np.random.Generator) -> None:
    found = BASELINES[name](disc_picture(MASK, rng), Prompts(box_xyxy=np.array(box, np.float32)))
    assert found.shape == MASK.shape and found.any()


@pytest.mark.parametrize("name", BASELINES)
def test_background_points_alone_are_refused(name: str, rng: np.random.Generator) -> None:
    with pytest.raises(InvalidPrompt):
        BASELINES[name](disc_picture(MASK, rng), Prompts(np.array([[1, 1]], np.float32), np.array([0], np.int32)))


def test_growing_stops_at_a_background_point_in_a_bridge() -> None:
    image = np.full((40, 60), 30, np.uint8)
    image[10:30, 5:25] = image[10:30, 35:55] = 200  # two squares
    image[19:22, 25:35] = 200  # and a bridge of three rows, narrower than the disc of a point
    seeds = np.array([[15, 20], [30, 20]], np.float32)
    through = BASELINES["region_growing"](image, Prompts(seeds[:1], np.array([1], np.int32)))
    stopped = BASELINES["region_growing"](image, Prompts(seeds, np.array([1, 0], np.int32)))
    assert through[20, 45] and stopped[20, 15] and not stopped[20, 45]
