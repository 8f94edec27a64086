"""The weights that ship with the product do what a first user tries: they segment what one can see."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sammed.conftest import disc, disc_picture
from workers.sammed import Prompts, SamModel
from workers.sammed.metrics import dice
from workers.sammed.registry import BUNDLED_FOLDER
from workers.sammed.sampling import next_correction, tight_box

LIMIT_BYTES = 30 * 1024**2


def one_point(x: float, y: float) -> Prompts:
    return Prompts(np.array([[x, y]], np.float32), np.array([1], np.int32))


def test_the_weights_are_small_and_their_card_stands_beside_them() -> None:
    assert (BUNDLED_FOLDER / "sammed_small.safetensors").stat().st_size <= LIMIT_BYTES
    assert (BUNDLED_FOLDER / "CARD.md").is_file()


@pytest.mark.parametrize(
    ("shape_hw", "center_xy", "radius"),
    [((256, 256), (120, 130), 40), ((512, 512), (180, 300), 60), ((300, 200), (90, 160), 35)],
)
def test_a_box_on_a_bright_disc_finds_it(
    bundled_model: SamModel,
    rng: np.random.Generator,
    shape_hw: tuple[int, int],
    center_xy: tuple[int, int],
    radius: int,
) -> None:
    mask = disc(shape_hw, center_xy, radius)
    embedding = bundled_model.encode(disc_picture(mask, rng))
    assert dice(bundled_model.decode(embedding, Prompts(box_xyxy=tight_box(mask))).mask, mask) > 0.8


def test_a_click_on_a_bright_disc_finds_it_and_corrections_help(
    bundled_model: SamModel, rng: np.random.Generator
) -> None:
    mask = disc((256, 256), (100, 140), 36)
    embedding = bundled_model.encode(disc_picture(mask, rng))
    points, labels = [np.array([100.0, 140.0], np.float32)], [1]
    answer = bundled_model.decode(embedding, one_point(100, 140))
    scores = [dice(answer.mask, mask)]
    for _ in range(4):
        click = next_correction(mask, answer.mask, rng)
        if click is None:
            break
        points.append(click[0])
        labels.append(click[1])
        prompts = Prompts(np.stack(points), np.array(labels, np.int32), mask_logits=answer.low_res_logits)
        answer = bundled_model.decode(embedding, prompts)
        scores.append(dice(answer.mask, mask))
    assert scores[0] > 0.4
    assert max(scores) > max(0.7, scores[0])


def test_the_click_decides_which_of_two_discs_is_meant(bundled_model: SamModel, rng: np.random.Generator) -> None:
    left, right = disc((256, 256), (70, 128), 30), disc((256, 256), (190, 128), 30)
    embedding = bundled_model.encode(disc_picture(left | right, rng))
    for x, meant, other in ((70, left, right), (190, right, left)):
        mask = bundled_model.decode(embedding, one_point(x, 128)).mask
        assert dice(mask, meant) > dice(mask, other)


def test_it_answers_the_same_twice(bundled_model: SamModel, rng: np.random.Generator) -> None:
    image = disc_picture(disc((128, 128), (60, 60), 20), rng)
    first = bundled_model.decode(bundled_model.encode(image), one_point(60, 60))
    second = bundled_model.decode(bundled_model.encode(image), one_point(60, 60))
    np.testing.assert_array_equal(first.low_res_logits, second.low_res_logits)
    assert first.score == second.score
