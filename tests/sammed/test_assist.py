"""SAM^assist: only the prompt encoder learns, from embeddings alone, and what it learned can be kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.sammed.conftest import disc, disc_picture
from workers.sammed import AnnotatedSlice, CheckpointError, NotEnoughSlices, Prompts, SamModel, load_sam
from workers.sammed.assist import AssistConfig, LearnedPrompt, TaughtPromptEncoder, learn_prompt
from workers.sammed.metrics import dice

QUICK = AssistConfig(steps=6)
MODELS = ("small_model", "tiny_model")


@pytest.fixture(scope="session")
def tiny_model(tiny_checkpoint: Path) -> SamModel:
    return load_sam(tiny_checkpoint)


def annotated(model: SamModel, count: int = 2, shape_hw: tuple[int, int] = (60, 80)) -> list[AnnotatedSlice]:
    """A disc that wanders to the right and grows, slice by slice."""
    rng = np.random.default_rng(1)
    slices = []
    for index in range(count):
        mask = disc(shape_hw, (30 + 3 * index, 30), 12 + index)
        slices.append(AnnotatedSlice(index, model.encode(disc_picture(mask, rng)), mask))
    return slices


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["points", "boxes", "composite", "any"])
def test_nothing_but_the_prompt_encoder_learns(name: str, kind: str, request: pytest.FixtureRequest) -> None:
    model: SamModel = request.getfixturevalue(name)
    before = {n: t.clone() for n, t in model.network.state_dict().items()}
    learned = learn_prompt(model, annotated(model), replace(QUICK, kind=kind))
    for n, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, before[n]), n  # the model that was taught is a copy
    taught = model.with_prompt(learned)
    own = {n.replace("prompt_encoder.base.", "prompt_encoder."): t for n, t in taught.network.state_dict().items()}
    moved = {n for n, t in own.items() if n not in before or not torch.equal(t, before[n])}
    assert moved and all(n.startswith("prompt_encoder.") for n in moved)
    assert "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix" not in moved  # a buffer: where points lie
    assert set(before) <= set(own) and set(own) - set(before) == {"prompt_encoder.position"}


def test_without_the_grid_of_positions_it_is_the_papers_prompt(small_model: SamModel) -> None:
    learned = learn_prompt(small_model, annotated(small_model), replace(QUICK, position_grid=0))
    assert learned.tensors.keys() == dict(small_model.network.prompt_encoder.named_parameters()).keys()
    assert "prompt_encoder.position" not in small_model.with_prompt(learned).network.state_dict()


def test_the_grid_of_positions_is_learned_with_the_rest(small_model: SamModel) -> None:
    grid = learn_prompt(small_model, annotated(small_model), QUICK).tensors["position"]
    assert grid.shape == (32, 8, 8) and np.abs(grid).max() > 0


def test_the_position_has_less_to_say_the_more_the_user_says(small_model: SamModel) -> None:
    taught = TaughtPromptEncoder(small_model.network.prompt_encoder, 8)
    assert taught.position is not None
    torch.nn.init.ones_(taught.position)
    points = torch.full((1, 4, 2), 20.0)
    box = torch.tensor([[10.0, 10.0, 30.0, 30.0]])
    with torch.no_grad():
        added = {
            n: (taught((points, labels), None, None)[1] - taught.base((points, labels), None, None)[1]).mean()
            for n, labels in ((1, torch.tensor([[1, 0, 0, 0]])), (4, torch.tensor([[1, 1, 1, 1]])))
        }
        torch.testing.assert_close(taught(None, box, None), taught.base(None, box, None))  # a box says where it lies
    assert float(added[1]) == pytest.approx(1.0, abs=1e-5) and float(added[4]) == pytest.approx(0.25, abs=1e-5)


def test_image_encoder_and_mask_decoder_are_shared(small_model: SamModel) -> None:
    taught = small_model.with_prompt(learn_prompt(small_model, annotated(small_model), QUICK))
    assert taught.network.image_encoder is small_model.network.image_encoder
    assert taught.network.mask_decoder is small_model.network.mask_decoder
    assert taught.network.prompt_encoder is not small_model.network.prompt_encoder
    assert small_model.learned is None and taught.learned is not None


@pytest.mark.parametrize("name", MODELS)
def test_learning_lowers_the_loss(name: str, request: pytest.FixtureRequest) -> None:
    model: SamModel = request.getfixturevalue(name)
    short = learn_prompt(model, annotated(model), replace(QUICK, steps=1, kind="points"))
    long = learn_prompt(model, annotated(model), replace(QUICK, steps=25, kind="points"))
    assert long.provenance["loss"] < short.provenance["loss"]


def test_a_learned_prompt_beats_the_bundled_model_on_the_next_slice(bundled_model: SamModel) -> None:
    """Two annotated discs, and a click on the third."""
    first, second, third = annotated(bundled_model, 3, (96, 128))
    learned = learn_prompt(bundled_model, [first, second], AssistConfig(kind="points", steps=60))
    prompts = Prompts(np.array([[36, 30]], np.float32), np.array([1], np.int32))
    plain, taught = (
        dice(model.decode(third.embedding, prompts).mask, third.mask)
        for model in (bundled_model, bundled_model.with_prompt(learned))
    )
    assert taught > plain + 0.05


def test_the_same_seed_gives_the_same_prompt_and_another_seed_another(small_model: SamModel) -> None:
    slices = annotated(small_model)
    a, b, c = (learn_prompt(small_model, slices, QUICK, seed=seed) for seed in (3, 3, 4))
    assert a.checksum == b.checksum != c.checksum


def test_a_share_of_what_was_learned_is_kept(small_model: SamModel) -> None:
    slices = annotated(small_model)
    config = AssistConfig(steps=3)
    none, half, whole = (learn_prompt(small_model, slices, replace(config, kept=k)).tensors for k in (0.0, 0.5, 1.0))
    plain = dict(small_model.network.prompt_encoder.named_parameters())
    for name, tensor in none.items():
        start = plain[name].detach().numpy() if name in plain else np.zeros_like(tensor)
        np.testing.assert_allclose(tensor, start, atol=1e-6)
        np.testing.assert_allclose(half[name], (start + whole[name]) / 2, atol=1e-6)
    assert any(np.abs(whole[name] - none[name]).max() > 1e-3 for name in whole)


def test_a_learned_prompt_is_kept_with_its_provenance(small_model: SamModel, tmp_path: Path) -> None:
    learned = learn_prompt(small_model, annotated(small_model), QUICK, seed=5, label="liver")
    learned.save(tmp_path / "liver.safetensors")
    again = LearnedPrompt.load(tmp_path / "liver.safetensors")
    assert again.checksum == learned.checksum and again.provenance == learned.provenance
    assert again.provenance["label"] == "liver" and again.provenance["slices"] == [0, 1]
    assert again.provenance["seed"] == 5 and again.provenance["model_checksum"] == small_model.checksum
    assert len(learned.to_bytes()) < 200_000


def test_a_prompt_fits_only_the_model_it_was_learned_on(small_model: SamModel, tiny_model: SamModel) -> None:
    learned = learn_prompt(small_model, annotated(small_model), QUICK)
    with pytest.raises(CheckpointError, match="another model"):
        tiny_model.with_prompt(learned)
    lacking = {name: tensor for name, tensor in learned.tensors.items() if name != "no_mask_embed.weight"}
    with pytest.raises(CheckpointError, match="does not fit"):
        small_model.with_prompt(LearnedPrompt(lacking, learned.provenance))


def test_a_file_that_is_no_learned_prompt_is_refused(tmp_path: Path, small_checkpoint: Path) -> None:
    (tmp_path / "noise").write_bytes(b"noise")
    for path in (tmp_path / "noise", small_checkpoint, tmp_path / "absent"):
        with pytest.raises(CheckpointError):
            LearnedPrompt.load(path)


def test_background_slices_are_ignored_and_one_foreground_slice_is_enough(small_model: SamModel) -> None:
    first, second = annotated(small_model)
    empty = replace(second, mask=np.zeros_like(second.mask))
    assert learn_prompt(small_model, [empty, first], QUICK).provenance["slices"] == [0]
    with pytest.raises(NotEnoughSlices):
        learn_prompt(small_model, [empty], QUICK)


def test_an_earlier_prompt_can_be_the_start(small_model: SamModel) -> None:
    slices = annotated(small_model)
    first = learn_prompt(small_model, slices, QUICK)
    second = learn_prompt(small_model, slices, replace(QUICK, learning_rate=0.0), start=first)
    assert second.checksum == first.checksum  # nothing was learned: it is where it began
    assert second.provenance["started_from"] == first.checksum


def test_the_caller_sees_every_step_and_can_stop(small_model: SamModel) -> None:
    seen: list[tuple[int, int]] = []

    def stop_at_three(step: int, steps: int) -> None:
        seen.append((step, steps))
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn_prompt(small_model, annotated(small_model), QUICK, on_step=stop_at_three)
    assert seen == [(1, 6), (2, 6), (3, 6)]


def test_many_slices_cost_no_more_per_step(small_model: SamModel) -> None:
    """Of more slices than `slices_per_step`, every step takes a few."""
    learned = learn_prompt(small_model, annotated(small_model, 6), replace(QUICK, slices_per_step=2))
    assert learned.provenance["slices"] == [0, 1, 2, 3, 4, 5]
