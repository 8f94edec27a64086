"""Algorithm 1: which points survive, where a run ends, and how runs are put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.sammed.conftest import disc, disc_picture
from workers.sammed import AnnotatedSlice, EncodedSlices, NotEnoughSlices, SamModel
from workers.sammed.metrics import dice
from workers.sammed.propagation import PropagationConfig, propagate, propagate_all, surviving_points

CONFIG = PropagationConfig()
SHAPE = (120, 120)


class Volume:
    """Six slices with a bright disc that wanders, and one that is dark."""

    def __init__(self, model: SamModel, colour: bool = False) -> None:
        self.masks = [disc(SHAPE, (45 + 3 * k, 60), 22 - k) for k in range(6)]
        images = [disc_picture(m, np.random.default_rng(k)) for k, m in enumerate(self.masks)]
        images.append(np.zeros(SHAPE, np.uint8))
        self.slices = EncodedSlices(model, [np.stack([i] * 3, 2) if colour else i for i in images])

    def annotated(self, index: int) -> AnnotatedSlice:
        return AnnotatedSlice(index, self.slices.embedding(index), self.masks[index])


@pytest.fixture(scope="module")
def volume(bundled_model: SamModel) -> Volume:
    return Volume(bundled_model)


def test_points_survive_where_the_grey_value_stays(rng: np.random.Generator) -> None:
    mask = np.zeros((10, 10), np.bool_)
    mask[2:8, 2:8] = True
    grey = np.where(np.indices((10, 10))[1] % 2 == 0, 100, 110).astype(np.float32)  # sigma inside: 5
    following = grey.copy()
    following[:, 5:] += 5.1
    config = replace(CONFIG, points=36)
    survivors = surviving_points(grey, mask, following, config, rng)
    assert sorted(map(tuple, survivors.astype(int))) == [(x, y) for x in (2, 3, 4) for y in range(2, 8)]
    assert len(surviving_points(grey, mask, following, replace(config, lam=1.1), rng)) == 36


def test_a_flat_region_has_a_least_sigma(rng: np.random.Generator) -> None:
    grey, mask = np.full((8, 8), 50, np.float32), np.ones((8, 8), np.bool_)
    assert len(surviving_points(grey, mask, grey + 0.5, CONFIG, rng)) == CONFIG.points
    assert len(surviving_points(grey, mask, grey + 1.5, CONFIG, rng)) == 0


def test_follows_the_disc_in_both_directions(volume: Volume, bundled_model: SamModel, rng: np.random.Generator) -> None:
    for direction, expected in ((1, [3, 4, 5]), (-1, [1, 0])):
        run = list(propagate(bundled_model, volume.slices, volume.annotated(2), direction, CONFIG, rng))
        assert [index for index, _, _ in run] == expected  # and ends before the dark slice, and at the end
        assert np.mean([dice(mask, volume.masks[index]) for index, mask, _ in run]) > 0.5
        for _, _, prompts in run:
            assert 1 <= len(prompts.points_xy) <= CONFIG.points
            assert (prompts.point_labels == 1).all()


def test_an_empty_start_and_a_wrong_direction(
    volume: Volume, bundled_model: SamModel, rng: np.random.Generator
) -> None:
    nothing = replace(volume.annotated(2), mask=np.zeros(SHAPE, np.bool_))
    assert list(propagate(bundled_model, volume.slices, nothing, 1, CONFIG, rng)) == []
    with pytest.raises(ValueError, match="direction"):
        next(propagate(bundled_model, volume.slices, volume.annotated(2), 2, CONFIG, rng))


def test_runs_are_put_together_by_vote(volume: Volume, bundled_model: SamModel) -> None:
    seen: list[float] = []
    starts = [volume.annotated(0), volume.annotated(5)]
    found = propagate_all(
        bundled_model,
        volume.slices,
        starts,
        CONFIG,
        np.random.default_rng(0),
        on_slice=lambda done, most: seen.append(done / most),
    )
    assert seen == sorted(seen)
    assert seen[-1] <= 1
    assert set(found) == {0, 1, 2, 3, 4, 5}
    for index in (1, 2, 3, 4):
        votes, prompts = found[index]
        assert set(np.unique(votes.probability)) <= {0.0, 0.5, 1.0}  # two runs came by
        np.testing.assert_array_equal(votes.mask, votes.probability >= CONFIG.vote)
        assert dice(votes.mask, volume.masks[index]) > 0.4
        assert len(prompts.points_xy)


def test_colour_is_followed_by_its_mean(bundled_model: SamModel) -> None:
    coloured = Volume(bundled_model, colour=True)
    run = propagate(bundled_model, coloured.slices, coloured.annotated(3), 1, CONFIG, np.random.default_rng(0))
    assert [index for index, _, _ in run] == [4, 5]


def test_needs_a_slice_with_the_label(volume: Volume, bundled_model: SamModel, rng: np.random.Generator) -> None:
    with pytest.raises(NotEnoughSlices):
        propagate_all(bundled_model, volume.slices, [], CONFIG, rng)
