"""The training program on a made-up set: it reads, augments, learns, saves and resumes."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.sammed.conftest import disc, disc_picture
from workers.sammed import load_sam
from workers.sammed.small import SmallConfig, SmallSam
from workers.training import train as training
from workers.training.data import BatchSource, augment, draw_prompts, load_pictures
from workers.training.evaluate import EvaluationConfig, evaluate, markdown_report

NARROW = SmallConfig(
    embed_dim=32, stem_widths=(8, 8), stage_depths=(1, 1, 1), stage_widths=(8, 16, 24, 48), attention_depth=1
)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of discs: six pictures to train on, two to measure on."""
    folder, rng = tmp_path_factory.mktemp("sets"), np.random.default_rng(0)
    for name, size in (("busi", (200, 256)), ("dsb2018", (256, 180))):
        table = io.StringIO()
        writer = csv.DictWriter(table, ["name", "group", "split"])
        writer.writeheader()
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for index in range(4):
                mask = disc(size, tuple(rng.integers(60, 140, 2)), 30)
                image = disc_picture(mask, rng)
                archive.writestr(f"images/{index}.jpg", cv2.imencode(".jpg", image)[1].tobytes())
                archive.writestr(f"masks/{index}.png", cv2.imencode(".png", mask.astype(np.uint8))[1].tobytes())
                writer.writerow({"name": index, "group": index, "split": "val" if index == 3 else "train"})
            archive.writestr("index.csv", table.getvalue())
    return folder


def test_splits_are_kept_apart(sets: Path) -> None:
    assert {p.name for p in load_pictures(sets, {"train"})} == {"0", "1", "2"}
    assert {p.name for p in load_pictures(sets, {"val"})} == {"3"}
    with pytest.raises(FileNotFoundError):
        load_pictures(sets / "nowhere", {"train"})


def test_augmentation_moves_picture_and_labels_together(sets: Path, rng: np.random.Generator) -> None:
    for picture in load_pictures(sets, {"train"}) * 4:
        image, labels = augment(replace(picture, image=picture.labels * 200), rng)
        assert image.shape == (256, 256, 3) and labels.shape == (256, 256)
        inside, outside = image[labels == 1].mean(), image[(labels == 0) & (image != 114).any(axis=2)].mean()
        assert abs(inside - outside) > 40  # still two sides of one edge, whatever happened to the intensities


def test_first_prompts_lie_in_their_objects(rng: np.random.Generator) -> None:
    masks = [disc((256, 256), (x, 90), 20) for x in range(30, 220, 10)]
    for most in (1, 5):
        prompts = draw_prompts(masks, most, rng)
        for index, mask in enumerate(masks):
            for (x, y), label in zip(prompts.points_xy[index].astype(int), prompts.labels[index], strict=True):
                assert label == -1 or mask[y, x] == bool(label)
            assert prompts.has_box[index] or (prompts.labels[index] == 1).any()


def test_batches_are_the_same_for_the_same_seed(sets: Path) -> None:
    pictures = load_pictures(sets, {"train"})
    a, b = (BatchSource(pictures, np.random.default_rng(5)).next_batch(2, 3, 1) for _ in range(2))
    np.testing.assert_array_equal(a.images, b.images)
    np.testing.assert_array_equal(a.prompts.points_xy, b.prompts.points_xy)
    assert a.masks.shape == (6, 256, 256)


def test_prompts_with_and_without_box_have_the_tokens_of_inference() -> None:
    """The batched embedding of training is, prompt for prompt, the one that SAM's encoder makes alone."""
    torch.manual_seed(0)
    model = SmallSam(NARROW).eval()
    points, labels = torch.rand(2, 1, 2) * 255, torch.tensor([[1], [-1]], dtype=torch.int32)
    boxes = torch.tensor([[1.0, 2, 30, 40], [5, 6, 70, 80]])
    with torch.no_grad():
        together = training.embed_sparse(model, points, labels, boxes, torch.tensor([False, True]))
        alone_point, _ = model.prompt_encoder((points[:1], labels[:1]), None, None)
        alone_box, _ = model.prompt_encoder(None, boxes[1:], None)
    torch.testing.assert_close(together, torch.cat([alone_point, alone_box]))


def test_corrections_go_where_the_logits_are_wrong(rng: np.random.Generator) -> None:
    target = torch.zeros(3, 128, 128)
    target[:, 20:60, 20:60] = 1
    logits = torch.full((3, 128, 128), -4.0)
    logits[1, 20:60, 20:60] = 4.0  # right everywhere: no correction
    logits[2] = 4.0  # the whole picture
    points, labels = training._add_correction(torch.zeros(3, 1, 2), torch.ones(3, 1), logits, target, rng)
    assert labels[:, 1].tolist() == [1, -1, 0]
    x, y = (points[0, 1] / 2).int().tolist()
    assert target[0, y, x] == 1
    x, y = (points[2, 1] / 2).int().tolist()
    assert target[2, y, x] == 0


def test_training_saves_resumes_and_can_be_measured(
    sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SmallConfig", lambda: NARROW)
    config = training.TrainConfig(
        minutes=60, images_per_step=2, objects_per_image=2, threads=1, checkpoint_minutes=0.0, warmup_steps=2
    )
    loop = training.train(sets, tmp_path, config)
    reports = [next(loop) for _ in range(3)]
    loop.close()
    assert [r.step for r in reports] == [1, 2, 3] and all(np.isfinite(r.loss) for r in reports)
    resumed = next(training.train(sets, tmp_path, config))
    assert resumed.step == 3 and resumed.elapsed_s > 0  # the checkpoint was written after the second step

    model = load_sam(tmp_path / "sammed_small.safetensors")
    scores = list(evaluate(model, sets, EvaluationConfig(pictures_per_set=1, objects_per_picture=1)))
    assert [s.set_name for s in scores] == ["busi", "dsb2018"]
    report = markdown_report(scores)
    assert "| ultrasound | 1 | 1 |" in report and "| unseen patients | 2 | 2 |" in report


def test_training_goes_on_from_earlier_weights(sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SmallConfig", lambda: NARROW)
    earlier = SmallSam(NARROW)
    training.export_weights(earlier, tmp_path / "earlier.safetensors", step=0, minutes=0.0)
    started = SmallSam(NARROW)
    training._start_from(started, tmp_path / "earlier.safetensors")
    torch.testing.assert_close(started.mask_decoder.skip.weight, earlier.mask_decoder.skip.weight, atol=1e-3, rtol=1e-3)
    with pytest.raises(ValueError, match="another network"):
        training._start_from(SmallSam(SmallConfig(embed_dim=32)), tmp_path / "earlier.safetensors")


def test_the_cosine_follows_the_clock() -> None:
    assert training._schedule(step=1000, progress=0.0, warmup_steps=100) == 1.0
    assert training._schedule(step=1000, progress=0.5, warmup_steps=100) == pytest.approx(0.5)
    assert training._schedule(step=1000, progress=1.0, warmup_steps=100) == pytest.approx(0.0)
    assert training._schedule(step=0, progress=0.0, warmup_steps=100) == pytest.approx(0.01)
