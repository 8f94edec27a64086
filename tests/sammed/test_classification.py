"""The classifier of prompt positions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.sammed.conftest import disc
from workers.sammed import AnnotatedSlice, NotEnoughSlices, SliceEmbedding
from workers.sammed.classification import ClassifierConfig, train_classifier
from workers.sammed.metrics import dice

HW = (64, 48)


def annotated(mask: np.ndarray, seed: int, index: int = 0) -> AnnotatedSlice:
    """An embedding of 16 x 16 cells, 6 channels of noise: the second is higher inside the mask."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 0.3, (6, 16, 16))
    features[1, :, :12] += 2 * mask[::4, ::4]
    features[1, :, 12:] += 5  # the padding is no evidence
    return AnnotatedSlice(index, SliceEmbedding(features.astype(np.float16), HW, HW, "none"), mask)


LEFT, RIGHT = disc(HW, (14, 30), 10), disc(HW, (38, 40), 7)


def test_finds_what_the_channel_says() -> None:
    classifier = train_classifier([annotated(LEFT, 1), annotated(np.zeros(HW, np.bool_), 2)])
    found = classifier.segment(annotated(disc(HW, (24, 20), 12), 3).embedding)
    assert dice(found.mask, disc(HW, (24, 20), 12)) > 0.8
    assert found.probability.shape == HW
    assert not classifier.grid_probability(annotated(LEFT, 4).embedding)[:, 12:].any()


def test_classes_weigh_alike() -> None:
    """A tiny object among thousands of background cells still gets a probability above a half."""
    tiny = disc(HW, (20, 20), 5)
    probability = train_classifier([annotated(tiny, 1)]).grid_probability(annotated(tiny, 2).embedding)
    assert probability[5, 5] > 0.5
    assert (probability > 0.5).float().mean() < 0.2


def test_keeps_as_many_parts_as_were_annotated() -> None:
    both = annotated(LEFT | RIGHT, 3).embedding
    one = train_classifier([annotated(LEFT, 1)]).segment(both)
    two = train_classifier([annotated(LEFT | RIGHT, 1)]).segment(both)
    forced = train_classifier([annotated(LEFT, 1)], ClassifierConfig(top_k=2)).segment(both)
    assert not (one.mask & RIGHT).any()
    assert (two.mask & RIGHT).any()
    assert (forced.mask & RIGHT).any()


def test_a_higher_threshold_finds_less() -> None:
    areas = []
    for threshold in (0.5, 0.8, 0.95):
        config = replace(ClassifierConfig(), threshold=threshold)
        areas.append(
            int(train_classifier([annotated(LEFT, 1)], config).segment(annotated(LEFT, 2).embedding).mask.sum())
        )
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > areas[2] > 0


def test_has_no_randomness_of_its_own() -> None:
    """Convex from a fixed start: the state of torch's generator does not matter."""
    torch.manual_seed(1)
    first = train_classifier([annotated(LEFT, 1)]).grid_probability(annotated(LEFT, 2).embedding)
    torch.manual_seed(2)
    assert torch.equal(first, train_classifier([annotated(LEFT, 1)]).grid_probability(annotated(LEFT, 2).embedding))


def test_needs_a_slice_with_the_label() -> None:
    with pytest.raises(NotEnoughSlices):
        train_classifier([annotated(np.zeros(HW, np.bool_), 1)])
