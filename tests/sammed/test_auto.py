"""SAM^auto as a whole: proposals as they are made, with confidence, to be stopped at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.sammed.conftest import disc, disc_picture
from workers.sammed import (
    AnnotatedSlice,
    AutoConfig,
    EncodedSlices,
    NotEnoughSlices,
    SammedError,
    SamModel,
    SapNetConfig,
    SliceProposal,
    auto_segment,
    load_sam,
)
from workers.sammed.coarse import components
from workers.sammed.metrics import dice
from workers.sammed.shape import ShapeBetween

SHAPE = (120, 96)
CONFIG = AutoConfig(sapnet=SapNetConfig(width=16, episodes=25, prototypes=1, learning_rate=1e-2))
SUPPORT = (0, 2, 5, 7)


class Volume:
    """A bright disc (or two) on slices 0 to 5, nothing on 6 to 8; counts which slices were encoded."""

    def __init__(self, model: SamModel, *, discs: int = 1, colour: bool = False) -> None:
        self.model = model
        self.masks = [disc(SHAPE, (24 + 2 * k, 40), 15) for k in range(6)]
        if discs == 2:
            self.masks = [m | disc(SHAPE, (60 + 2 * k, 90), 13) for k, m in enumerate(self.masks)]
        self.masks += [np.zeros(SHAPE, np.bool_)] * 3
        images = [disc_picture(m, np.random.default_rng(k)) for k, m in enumerate(self.masks)]
        self.slices = EncodedSlices(model, [np.stack([i] * 3, 2) if colour else i for i in images])

    @property
    def support(self) -> list[AnnotatedSlice]:
        return [AnnotatedSlice(k, self.slices.embedding(k), self.masks[k]) for k in SUPPORT]

    def run(self, config: AutoConfig = CONFIG, targets: Sequence[int] = (1, 3, 4, 6, 8)) -> list[SliceProposal]:
        return list(auto_segment(self.model, self.slices, self.support, targets, config))


@pytest.fixture(scope="module")
def volume(bundled_model: SamModel) -> Volume:
    return Volume(bundled_model)


@pytest.fixture(scope="module")
def narrow(small_model: SamModel) -> Volume:
    return Volume(small_model)


@pytest.mark.parametrize("prompts", ["points", "boxes", "composite"])
def test_finds_the_disc_and_leaves_empty_slices_empty(volume: Volume, prompts: str) -> None:
    proposals = volume.run(replace(CONFIG, prompts=prompts))
    assert [p.index for p in proposals] == [1, 3, 4, 6, 8]
    for proposal in proposals[:3]:
        assert dice(proposal.mask, volume.masks[proposal.index]) > 0.75
        assert proposal.coarse is not None
        assert dice(proposal.coarse, volume.masks[proposal.index]) > 0.75
        assert proposal.prompts is not None
        assert (proposal.prompts.box_xyxy is not None) == (prompts != "points")
        assert (len(proposal.prompts.points_xy) > 0) == (prompts != "boxes")
        assert 0 < proposal.confidence <= 1
    for proposal in proposals[3:]:
        assert proposal.prompts is None
        assert not proposal.mask.any()
        assert 0 <= proposal.confidence <= 1


def test_without_the_coarse_mask_it_is_sam_alone(volume: Volume) -> None:
    """As in the paper; the default, both, is not worse here."""
    (mixed,), (alone,) = (volume.run(replace(CONFIG, coarse_weight=w, border=None), targets=(3,)) for w in (4.0, 0.0))
    assert alone.prompts is not None
    answer = volume.model.decode(volume.slices.embedding(3), alone.prompts)
    np.testing.assert_array_equal(alone.mask, answer.mask)
    assert dice(mixed.mask, volume.masks[3]) >= dice(alone.mask, volume.masks[3])


@pytest.mark.parametrize("generator", ["classification", "propagation", "interpolation"])
def test_the_other_generators(volume: Volume, generator: str) -> None:
    proposals = volume.run(replace(CONFIG, generator=generator), targets=(1, 3, 4))
    for proposal in proposals:
        assert dice(proposal.mask, volume.masks[proposal.index]) > 0.4  # without a learned prompt
        assert proposal.prompts is not None
        assert (proposal.coarse is None) == (generator == "propagation")


def test_the_official_model_takes_the_same_way(tiny_checkpoint: Path) -> None:
    official = Volume(load_sam(tiny_checkpoint))
    for proposal in official.run(targets=(1, 3)):
        assert proposal.mask.shape == SHAPE
        assert proposal.coarse is not None
        assert dice(proposal.coarse, official.masks[proposal.index]) > 0.5  # coarse is learned, SAM here is random


def test_the_shape_between_the_slices_is_followed(volume: Volume) -> None:
    """A hardly trained network is put right by the shape, and the shape alone looks at no picture."""
    untrained = replace(CONFIG, sapnet=replace(CONFIG.sapnet, episodes=1))
    coarse = {}
    for shape in (True, False):
        (proposal,) = volume.run(replace(untrained, shape=shape), targets=(3,))
        assert proposal.coarse is not None
        coarse[shape] = dice(proposal.coarse, volume.masks[3])
    assert coarse[True] > coarse[False]
    (blind,) = volume.run(replace(CONFIG, generator="interpolation"), targets=(1,))
    expected = ShapeBetween(volume.support).at(1)[0] > 0
    assert blind.coarse is not None
    np.testing.assert_array_equal(blind.coarse, expected)


def test_one_prompt_per_component(bundled_model: SamModel) -> None:
    two = Volume(bundled_model, discs=2)
    config = replace(CONFIG, prompts="boxes", per_component=True, positional=False)
    for proposal in two.run(config, targets=(1, 3)):
        assert dice(proposal.mask, two.masks[proposal.index]) > 0.75
        assert proposal.prompts is None  # two boxes are no one prompt
        assert len(proposal.instance_boxes) == 2
        for x0, y0, x1, y1 in proposal.instance_boxes:  # each around one of the discs
            inside = two.masks[proposal.index][int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]
            assert 0.3 < inside.sum() / two.masks[proposal.index].sum() < 0.7
    (by_points,) = two.run(replace(config, prompts="points"), targets=(3,))
    assert by_points.prompts is not None and by_points.coarse is not None
    for part in components(by_points.coarse):
        assert any(part[int(y), int(x)] for x, y in by_points.prompts.points_xy)


def test_top_k_limits_the_parts(bundled_model: SamModel) -> None:
    two = Volume(bundled_model, discs=2)
    (one,) = two.run(replace(CONFIG, top_k=1), targets=(3,))
    (both,) = two.run(CONFIG, targets=(3,))
    assert one.coarse is not None
    assert both.coarse is not None
    assert 0 < one.coarse.sum() < 0.7 * both.coarse.sum()


def test_same_seed_same_proposals_in_any_order(narrow: Volume) -> None:
    first = {p.index: p for p in narrow.run(targets=(1, 3, 4))}
    for again in narrow.run(targets=(4, 1)):
        np.testing.assert_array_equal(again.mask, first[again.index].mask)
        assert again.confidence == first[again.index].confidence


def test_a_set_of_colour_pictures(small_model: SamModel) -> None:
    coloured = Volume(small_model, colour=True)
    proposals = coloured.run(replace(CONFIG, positional=False), targets=(1, 3))
    for proposal in proposals:
        assert proposal.coarse is not None
        assert dice(proposal.coarse, coloured.masks[proposal.index]) > 0.6


def test_closing_the_iterator_stops_the_work(small_model: SamModel) -> None:
    fresh = Volume(small_model)
    run = auto_segment(small_model, fresh.slices, fresh.support, [1, 3, 4, 6, 8], CONFIG)
    assert next(run).index == 1
    run.close()  # type: ignore[attr-defined]
    assert set(fresh.slices._embeddings) == {*SUPPORT, 1}  # what was not reached was not encoded


@pytest.mark.parametrize("generator", ["sapnet", "classification", "propagation", "interpolation"])
def test_progress_rises_to_one_and_may_abort(narrow: Volume, generator: str) -> None:
    config = replace(CONFIG, generator=generator)
    shares: list[float] = []
    run = auto_segment(
        narrow.model, narrow.slices, narrow.support, [1, 3], config, on_progress=lambda share, _: shares.append(share)
    )
    assert len(list(run)) == 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    def stop(share: float, text: str) -> None:
        raise InterruptedError(text)

    with pytest.raises(InterruptedError):
        list(auto_segment(narrow.model, narrow.slices, narrow.support, [1, 3], config, on_progress=stop))


def test_what_cannot_be_done_is_said_at_once(narrow: Volume) -> None:
    support = narrow.support
    with pytest.raises(NotEnoughSlices):
        auto_segment(narrow.model, narrow.slices, [], [1], CONFIG)
    with pytest.raises(NotEnoughSlices):
        auto_segment(narrow.model, narrow.slices, support[-1:], [1], CONFIG)
    for generator in ("propagation", "interpolation"):
        with pytest.raises(SammedError, match="set of pictures"):
            config = replace(CONFIG, generator=generator, positional=False)
            auto_segment(narrow.model, narrow.slices, support, [1], config)
    with pytest.raises(IndexError):
        auto_segment(narrow.model, narrow.slices, support, [9], CONFIG)


def test_one_annotated_slice_and_no_targets(narrow: Volume) -> None:
    assert list(auto_segment(narrow.model, narrow.slices, narrow.support[:1], [], CONFIG)) == []
    (proposal,) = auto_segment(narrow.model, narrow.slices, narrow.support[:1], [1], CONFIG)
    assert proposal.coarse is not None
    assert dice(proposal.coarse, narrow.masks[1]) > 0.5
