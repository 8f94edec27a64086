"""`SamModel` on an official checkpoint is segment_anything's predictor; prompts that make no sense are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor

from tests.sammed.conftest import disc, disc_picture, tiny_sam
from workers.sammed import CheckpointError, InvalidPrompt, Prompts, SamModel, SliceEmbedding, load_sam
from workers.sammed.fast_encoder import FastImageEncoder

SHAPES = [(180, 224), (300, 200), (61, 97)]


@pytest.fixture(scope="module")
def official(tiny_checkpoint: Path) -> SamModel:
    return load_sam(tiny_checkpoint)


@pytest.fixture(scope="module")
def predictor() -> SamPredictor:
    return SamPredictor(tiny_sam())


def picture(shape_hw: tuple[int, int], colour: bool = True) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (*shape_hw, 3) if colour else shape_hw, dtype=np.uint8)


def some_prompts(shape_hw: tuple[int, int]) -> dict[str, Prompts]:
    height, width = shape_hw
    one = np.array([[width * 0.4, height * 0.6]], np.float32)
    three = np.array([[3, 5], [width - 1, height - 1], [width // 2, height // 3]], np.float32)
    box = np.array([2, 3, width * 0.7, height * 0.8], np.float32)
    return {
        "one point": Prompts(one, np.array([1], np.int32)),
        "three points": Prompts(three, np.array([1, 0, 1], np.int32)),
        "box": Prompts(box_xyxy=box),
        "box and points": Prompts(three, np.array([1, 0, 1], np.int32), box),
        "point and logits": Prompts(one, np.array([0], np.int32), None, np.linspace(-9, 9, 56 * 56).reshape(56, 56)),
    }


@pytest.mark.parametrize("shape_hw", SHAPES)
@pytest.mark.parametrize("kind", list(some_prompts((10, 10))))
def test_masks_are_those_of_the_predictor(
    official: SamModel, predictor: SamPredictor, shape_hw: tuple[int, int], kind: str
) -> None:
    image, prompts = picture(shape_hw), some_prompts(shape_hw)[kind]
    embedding = official.encode(image)
    predictor.set_image(image)
    predictor.features = torch.from_numpy(embedding.features.astype(np.float32))[None]  # both decode the same numbers
    single = kind == "one point"
    masks, scores, logits = predictor.predict(
        point_coords=prompts.points_xy if len(prompts.points_xy) else None,
        point_labels=prompts.point_labels if len(prompts.points_xy) else None,
        box=prompts.box_xyxy,
        mask_input=None if prompts.mask_logits is None else prompts.mask_logits[None].astype(np.float32),
        multimask_output=single,
    )
    best = int(np.argmax(scores))
    answer = official.decode(embedding, prompts)
    np.testing.assert_array_equal(answer.mask, masks[best])
    np.testing.assert_allclose(answer.low_res_logits, logits[best], rtol=1e-5, atol=1e-5)
    assert answer.score == pytest.approx(float(np.clip(scores[best], 0, 1)), abs=1e-6)
    assert answer.mask.shape == shape_hw and answer.mask.dtype == bool


@pytest.mark.parametrize("shape_hw", SHAPES)
def test_the_embedding_is_that_of_the_predictor(
    tiny_checkpoint: Path, predictor: SamPredictor, shape_hw: tuple[int, int]
) -> None:
    model = load_sam(tiny_checkpoint)
    model._encoder = FastImageEncoder(tiny_sam().image_encoder, torch.float32)
    predictor.set_image(picture(shape_hw))
    np.testing.assert_allclose(
        model.encode(picture(shape_hw)).features, predictor.features[0].numpy(), rtol=2e-3, atol=2e-3
    )


def test_a_grey_picture_is_the_same_as_its_three_channels(small_model: SamModel) -> None:
    grey = picture((90, 120), colour=False)
    np.testing.assert_array_equal(
        small_model.encode(grey).features, small_model.encode(np.repeat(grey[..., None], 3, axis=2)).features
    )


def test_the_same_question_has_the_same_answer(small_model: SamModel) -> None:
    image, prompts = picture((100, 140)), some_prompts((100, 140))["box and points"]
    first = small_model.decode(small_model.encode(image), prompts)
    second = small_model.decode(SliceEmbedding.from_bytes(small_model.encode(image).to_bytes()), prompts)
    np.testing.assert_array_equal(first.low_res_logits, second.low_res_logits)


def test_three_masks_are_offered_for_one_point_alone(small_model: SamModel) -> None:
    embedding = small_model.encode(picture((64, 64)))
    ambiguous = {
        k: small_model.prompt_tensors(p, embedding).ambiguous
        for k, p in some_prompts((64, 64)).items()
        if "logits" not in k
    }
    assert ambiguous == {"one point": True, "three points": False, "box": False, "box and points": False}


def test_an_earlier_mask_becomes_logits_where_it_lies(small_model: SamModel) -> None:
    embedding = small_model.encode(picture((200, 400)))
    mask = disc((200, 400), (300, 60), 40)
    prompts = Prompts(np.array([[300, 60]], np.float32), np.array([1], np.int32), mask=mask)
    logits = small_model.prompt_tensors(prompts, embedding).masks
    assert logits is not None and logits.shape == (1, 1, 256, 256)
    found = logits[0, 0].numpy() > 0
    rows, columns = np.nonzero(found)
    scale = 256 / 400
    assert columns.mean() == pytest.approx(300 * scale, abs=1) and rows.mean() == pytest.approx(60 * scale, abs=1)
    assert found.sum() == pytest.approx(mask.sum() * scale**2, rel=0.03)


def point(x: float, y: float, label: int = 1) -> Prompts:
    return Prompts(np.array([[x, y]], np.float32), np.array([label], np.int32))


@pytest.mark.parametrize(
    ("prompts", "sentence"),
    [
        (Prompts(), "neither a point nor a box"),
        (point(40, 10), "outside the slice"),
        (point(-1, 10), "outside the slice"),
        (point(float("nan"), 3), "finite"),
        (point(3, float("inf")), "finite"),
        (point(3, 3, label=2), "foreground"),
        (Prompts(np.zeros((2, 2), np.float32), np.array([1], np.int32)), "labels"),
        (Prompts(np.zeros((1, 3), np.float32), np.array([1], np.int32)), "labels"),
        (Prompts(np.zeros((300, 2), np.float32), np.ones(300, np.int32)), "300 points"),
        (Prompts(box_xyxy=np.array([1, 2, 3], np.float32)), "four numbers"),
        (Prompts(box_xyxy=np.array([9, 2, 3, 8], np.float32)), "ends before"),
        (Prompts(box_xyxy=np.array([0, 0, 40, 29], np.float32)), "outside the slice"),
        (replace(point(3, 3), mask_logits=np.zeros((5, 5), np.float32)), "256 x 256"),
        (replace(point(3, 3), mask_logits=np.full((256, 256), np.nan, np.float32)), "finite"),
        (replace(point(3, 3), mask=np.zeros((31, 40), bool)), "earlier mask"),
        (replace(point(3, 3), mask=np.zeros((30, 40), bool), mask_logits=np.zeros((256, 256), np.float32)), "Send one"),
    ],
)
def test_prompts_that_make_no_sense_are_refused(small_model: SamModel, prompts: Prompts, sentence: str) -> None:
    embedding = small_model.encode(picture((30, 40)))
    with pytest.raises(InvalidPrompt, match=sentence):
        small_model.decode(embedding, prompts)


def test_the_outermost_pixels_can_be_clicked(small_model: SamModel) -> None:
    embedding = small_model.encode(picture((30, 40)))
    for x, y in ((0, 0), (39, 29)):
        assert small_model.decode(embedding, point(x, y)).mask.shape == (30, 40)


def test_an_embedding_of_another_model_is_refused(small_model: SamModel, official: SamModel) -> None:
    with pytest.raises(CheckpointError, match="another model"):
        official.decode(small_model.encode(picture((30, 40))), point(3, 3))


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8)],
)
def test_only_eight_bit_pictures_are_encoded(small_model: SamModel, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image"):
        small_model.encode(image)


def test_a_picture_of_one_pixel_has_an_answer(small_model: SamModel) -> None:
    answer = small_model.decode(small_model.encode(np.full((1, 1), 9, np.uint8)), point(0, 0))
    assert answer.mask.shape == (1, 1)


def test_decoding_learns_nothing(small_model: SamModel, rng: np.random.Generator) -> None:
    """The model is a value: no parameter wants a gradient, and its weights are the same after use."""
    before = {name: tensor.clone() for name, tensor in small_model.network.state_dict().items()}
    small_model.decode(small_model.encode(disc_picture(disc((64, 64), (30, 30), 9), rng)), point(30, 30))
    assert not any(p.requires_grad for p in small_model.network.parameters())
    assert all(torch.equal(before[n], t) for n, t in small_model.network.state_dict().items())
