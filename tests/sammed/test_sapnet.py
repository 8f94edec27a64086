"""SAP-Net: its parts against numbers worked out by hand, and the whole on a synthetic volume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.sammed.conftest import disc, disc_picture
from workers.sammed import AnnotatedSlice, CheckpointError, EncodedSlices, NotEnoughSlices, SamModel, load_sam
from workers.sammed.auto import ABLATION, AutoConfig
from workers.sammed.metrics import dice
from workers.sammed.sapnet import (
    SapNet,
    SapNetConfig,
    _Batch,
    train_sapnet,
)
from workers.sammed.sapnet_parts import biased_dice_loss, pooled_prototype, whitening

QUICK = SapNetConfig(width=16, episodes=25, prototypes=1, learning_rate=1e-2)
SHAPE = (96, 72)


def moving_disc(count: int = 8) -> list[np.ndarray]:
    """Masks of a disc that wanders and shrinks; the last two slices do not show it."""
    masks = [disc(SHAPE, (24 + 3 * k, 40 + 2 * k), 16 - k) for k in range(count - 2)]
    return [*masks, *(np.zeros(SHAPE, np.bool_) for _ in range(2))]


class Volume:
    """A bright disc that wanders through a noisy volume, and the same place with the disc elsewhere dark."""

    def __init__(self, model: SamModel, colour: bool = False) -> None:
        self.masks = moving_disc()
        images = [disc_picture(m, np.random.default_rng(k)) for k, m in enumerate(self.masks)]
        self.slices = EncodedSlices(model, [np.stack([i] * 3, 2) if colour else i for i in images])

    def annotated(self, *indices: int) -> list[AnnotatedSlice]:
        return [AnnotatedSlice(k, self.slices.embedding(k), self.masks[k]) for k in indices]


@pytest.fixture(scope="module")
def volume(small_model: SamModel) -> Volume:
    return Volume(small_model)


@pytest.fixture(scope="module")
def official_volume(tiny_checkpoint: Path) -> Volume:
    return Volume(load_sam(tiny_checkpoint))


# ---- parts --------------------------------------------------------------------------------------------------------


def test_biased_dice_by_hand() -> None:
    probability = torch.tensor([[[0.8, 0.5], [0.25, 0.0]]])
    target = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    true_positive, false_positive, false_negative = 1.05, 0.5, 0.95
    for beta in (1.0, 3.0):
        expected = 1 - (2 * true_positive + 1) / (2 * true_positive + beta * false_positive + false_negative + 1)
        assert biased_dice_loss(probability, target, torch.ones_like(target), beta).item() == pytest.approx(expected)
    padding = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])  # the false positive lies in the padding
    expected = 1 - 3.1 / (2.1 + 0.95 + 1)
    assert biased_dice_loss(probability, target, padding, 3.0).item() == pytest.approx(expected)


def test_beta_punishes_false_positives_only() -> None:
    target = torch.zeros(1, 4, 4)
    target[0, :2] = 1
    ones = torch.ones_like(target)
    too_much, too_little = torch.ones(1, 4, 4), target * torch.tensor([1.0, 0, 1, 0])
    assert biased_dice_loss(too_much, target, ones, 4.0) > biased_dice_loss(too_much, target, ones, 1.0)
    assert biased_dice_loss(too_little, target, ones, 4.0) == biased_dice_loss(too_little, target, ones, 1.0)


def test_prototype_by_hand() -> None:
    features = torch.tensor([[[[1.0, 0.0], [3.0, 2.0]]], [[[5.0, 1.0], [7.0, 1.0]]], [[[9.0, 9.0], [9.0, 9.0]]]])
    share = torch.tensor([[[1.0, 0.5]], [[0.0, 1.0]], [[0.0, 0.0]]])  # the third slice is a background slice
    first = (np.array([1.0, 0.0]) + 0.5 * np.array([3.0, 2.0])) / 1.5
    expected = (first + np.array([7.0, 1.0])) / 2
    np.testing.assert_allclose(pooled_prototype(features, share).numpy(), expected, rtol=1e-4)
    assert not pooled_prototype(features, torch.zeros_like(share)).any()


def test_whitening_makes_channels_alike(volume: Volume) -> None:
    embeddings = [volume.slices.embedding(k) for k in (0, 2)]
    inside = np.concatenate([e.features[:, :, :48].reshape(32, -1) for e in embeddings], axis=1).astype(np.float64)
    variance, axes = np.linalg.eigh(np.cov(inside, bias=True))
    mean, matrix = whitening(embeddings, 0.1)
    covariance = np.cov(((inside.T - mean.numpy()) @ matrix.numpy() @ axes).T, bias=True)  # along the principal axes
    np.testing.assert_allclose(covariance, np.diag(variance / (variance + 0.1 * variance.mean())), atol=1e-3)
    mean, matrix = whitening(embeddings, None)
    alone = (inside.T - mean.numpy()) @ matrix.numpy()
    np.testing.assert_allclose(alone.std(0), 1, atol=1e-2)
    np.testing.assert_allclose(np.corrcoef(alone.T), np.corrcoef(inside), atol=1e-2)


def test_gamma_is_equation_6() -> None:
    net = SapNet(4, SapNetConfig(position_dim=3, position_sigma=0.7), seed=5)
    gamma = net.position((8, 8)).numpy()
    frequencies = net.frequencies.numpy()
    where = np.array([(2 + 0.5) / 8, (6 + 0.5) / 8])  # x, y of column 2, row 6
    angle = 2 * np.pi * where @ frequencies
    np.testing.assert_allclose(gamma[6, 2], np.concatenate([np.cos(angle), np.sin(angle)]), atol=1e-5)
    assert gamma.shape == (8, 8, 6)
    np.testing.assert_array_equal(frequencies, SapNet(4, net.config, seed=5).frequencies.numpy())
    assert (frequencies != SapNet(4, net.config, seed=6).frequencies.numpy()).all()


def test_frequencies_have_the_spread_sigma() -> None:
    net = SapNet(4, SapNetConfig(position_dim=4000, position_sigma=0.3), seed=0)
    np.testing.assert_allclose(net.frequencies.std(1).numpy(), [0.3, 0.3], atol=0.02)


def test_a_cell_goes_to_the_prototype_in_its_direction() -> None:
    net = SapNet(2, replace(QUICK, temperature=20.0, prototypes=2))
    features = torch.nn.functional.normalize(torch.tensor([[[[1.0, 0.0], [1.0, 1.0], [0.0, -1.0]]]]), dim=3)
    prototypes = torch.tensor([[[0.0, 4.0], [-3.0, 0.0]], [[2.0, 0.0], [0.0, -0.1]]])  # background, foreground
    logits = net.logits(features, prototypes)
    diagonal = 20 / np.sqrt(2)
    expected = [[[0, diagonal, 0]], [[20, diagonal, 20]]]  # of two prototypes the nearer counts, their length does not
    np.testing.assert_allclose(logits[0].numpy(), expected, atol=1e-4)


def test_several_prototypes_find_the_parts_of_a_class() -> None:
    net = SapNet(2, replace(QUICK, prototypes=2))
    features = torch.zeros(1, 4, 4, 2)
    features[0, :2, :, 0] = 1
    features[0, 2:, :, 1] = 1
    share, inside = torch.ones(1, 4, 4), torch.ones(1, 4, 4)
    foreground = net.prototypes(features, share, inside)[1]
    assert {tuple(p) for p in foreground.round().int().tolist()} == {(1, 0), (0, 1)}


# ---- the whole ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["cross_entropy", "dice", "both"])
def test_both_losses_fall(volume: Volume, loss: str) -> None:
    annotated = volume.annotated(0, 2, 5, 6)

    def losses(episodes: int) -> tuple[float, float]:
        config = replace(QUICK, loss=loss, episodes=episodes)
        net = train_sapnet(annotated, config)
        batch = _Batch.of(net, annotated, None)
        with torch.no_grad():
            segmentation, align = net.episode(batch, torch.tensor([0, 2]), torch.tensor([1, 3]))
        return float(segmentation), float(align)

    before, after = losses(0), losses(25)
    assert after[0] < before[0]
    assert after[1] < before[1]


@pytest.mark.parametrize("which", ["volume", "official_volume"])
def test_finds_the_disc_on_other_slices(which: str, request: pytest.FixtureRequest) -> None:
    whole: Volume = request.getfixturevalue(which)
    net = train_sapnet(whole.annotated(0, 2, 5, 6), QUICK)
    scores = [dice(net.segment(whole.slices.embedding(k)).mask, whole.masks[k]) for k in (1, 3, 4)]
    assert np.mean(scores) > (0.8 if which == "volume" else 0.6)  # the official grid is 14 x 14 here
    assert net.segment(whole.slices.embedding(7)).mask.sum() < 0.2 * whole.masks[5].sum()  # not there: next to nothing


def test_probability_is_zero_in_the_padding(volume: Volume) -> None:
    net = train_sapnet(volume.annotated(0, 2), replace(QUICK, episodes=1))
    probability = net.grid_probability(volume.slices.embedding(1))
    assert probability.shape == (64, 64)
    assert not probability[:, 48:].any()  # 96 x 72: three quarters of the columns
    assert probability[:, :48].min() > 0


@pytest.mark.parametrize("row", list(ABLATION))
def test_every_row_of_the_ablation_learns(volume: Volume, row: str) -> None:
    config = replace(ABLATION[row].sapnet, width=16, episodes=40, learning_rate=1e-2)
    net = train_sapnet(volume.annotated(0, 2, 5, 6), config, images=volume.slices)
    found = net.segment(volume.slices.embedding(3), image=volume.slices.image(3))
    assert dice(found.mask, volume.masks[3]) > 0.6


def test_rows_of_the_ablation_differ_by_one_part_each() -> None:
    parts = [
        (
            c.sapnet.features != "pixels",
            c.sapnet.features == "sam+position",
            c.sapnet.loss != "cross_entropy",
            c.sapnet.top_k is not None,
            c.sapnet.whitening is not None,
            c.shape,
            c.sapnet.prototypes > 1,
            c.border is not None,
        )
        for c in ABLATION.values()
    ]
    assert parts == [tuple(n > part for part in range(8)) for n in range(9)]
    assert list(ABLATION.values())[-1] == AutoConfig()


def test_a_single_slice_is_support_and_query(volume: Volume) -> None:
    net = train_sapnet(volume.annotated(2), QUICK)
    assert dice(net.segment(volume.slices.embedding(2)).mask, volume.masks[2]) > 0.8


def test_more_prototypes_and_support_sets(volume: Volume) -> None:
    config = replace(QUICK, prototypes=3, support_sets=4)
    net = train_sapnet(volume.annotated(0, 2, 5, 6), config)
    assert net.support_prototypes.shape == (4, 2, 3, 16 + 2 * config.position_dim)
    assert dice(net.segment(volume.slices.embedding(3)).mask, volume.masks[3]) > 0.8


def test_same_seed_same_network_also_from_a_file(volume: Volume, tmp_path: Path) -> None:
    annotated = volume.annotated(0, 2, 6)
    config = replace(QUICK, episodes=5, support_sets=2)
    net = train_sapnet(annotated, config, seed=3)
    assert net.to_bytes() == train_sapnet(annotated, config, seed=3).to_bytes()
    assert net.to_bytes() != train_sapnet(annotated, config, seed=4).to_bytes()
    net.save(tmp_path / "net.safetensors")
    loaded = SapNet.load(tmp_path / "net.safetensors")
    embedding = volume.slices.embedding(1)
    assert torch.equal(loaded.grid_probability(embedding), net.grid_probability(embedding))
    assert loaded.provenance == net.provenance
    assert net.provenance["slices"] == [0, 2, 6]


def test_what_is_no_sapnet_is_refused(tmp_path: Path, small_checkpoint: Path) -> None:
    (tmp_path / "noise").write_bytes(b"not a network")
    for path in (tmp_path / "noise", tmp_path / "absent", small_checkpoint):
        with pytest.raises(CheckpointError):
            SapNet.load(path)


def test_needs_a_slice_with_the_label(volume: Volume) -> None:
    for annotated in ([], volume.annotated(6, 7)):
        with pytest.raises(NotEnoughSlices):
            train_sapnet(annotated, QUICK)


def test_the_backbone_on_pixels_needs_pictures(volume: Volume) -> None:
    with pytest.raises(ValueError, match="pictures"):
        train_sapnet(volume.annotated(0, 2), ABLATION["PANet"].sapnet)


def test_a_callback_aborts(volume: Volume) -> None:
    steps = []

    def stop(step: int, most: int) -> None:
        steps.append((step, most))
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_sapnet(volume.annotated(0, 2), QUICK, on_step=stop)
    assert steps == [(1, 25), (2, 25), (3, 25)]
