"""Encoding and decoding in process, beside segment-anything's own predictor on the same weights and picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor, sam_model_registry

from tests.benchmarks.conftest import Report, spread, times_ms
from workers.sammed.registry import load_sam
from workers.sammed.types import Prompts

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ViT-B with random weights in the official file's form: as fast as the trained one."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "sam_vit_b_random.pth"
    torch.save(sam_model_registry["vit_b"]().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    blobs = rng.normal(0, 1, (16, 16)).repeat(32, 0).repeat(32, 1)
    return np.clip(128 + 40 * blobs + rng.normal(0, 8, (512, 512)), 0, 255).astype(np.uint8)


def test_encode_vit_b(checkpoint: Path, picture: np.ndarray, report: Report) -> None:
    ours = load_sam(str(checkpoint))
    predictor = SamPredictor(sam_model_registry["vit_b"](checkpoint=str(checkpoint)).eval())
    rgb = np.repeat(picture[..., None], 3, axis=2)
    with torch.inference_mode():
        beside = times_ms(lambda: predictor.set_image(rgb), 3, warm_up=1)
    reference = predictor.features[0].numpy()
    measured = times_ms(lambda: ours.encode(picture), 3, warm_up=1)
    features = ours.encode(picture).features.astype(np.float32)
    error = float(np.linalg.norm(features - reference) / np.linalg.norm(reference))
    faster = float(np.median(beside) / np.median(measured))
    report.add(
        "encode ViT-B, 1024, CPU",
        f"{spread(measured)}; {faster:.1f} x, relative error {error:.1e}",
        beside=f"segment-anything fp32: {spread(beside)}",
        target=">= 5 x, error <= 1e-2",
        met=faster >= 5 and error <= 1e-2,
    )


def test_bundled_model(picture: np.ndarray, report: Report) -> None:
    torch.set_num_threads(1)
    model = load_sam("sammed-small")
    report.add("encode sammed-small, 1 thread", spread(times_ms(lambda: model.encode(picture), 20)))
    embedding = model.encode(picture)
    rng = np.random.default_rng(0)

    def decode() -> None:
        point = rng.integers(100, 400, (1, 2)).astype(np.float32)
        model.decode(embedding, Prompts(points_xy=point, point_labels=np.ones(1, np.int32)))

    report.add("decode sammed-small, 1 thread", spread(times_ms(decode, 50)))
