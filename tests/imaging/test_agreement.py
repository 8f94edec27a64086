"""Agreement of masks against shapes whose distances are known, and consensus against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.imaging import agreement, consensus, masks
from backend.imaging.geometry import VolumeGeometry


def grid(shape: tuple[int, int, int], k_mm: float = 1.0, j_mm: float = 1.0, i_mm: float = 1.0) -> VolumeGeometry:
    return VolumeGeometry.from_axes(
        origin_mm=(9, -4, 30), step_k_mm=(0, 0, k_mm), step_j_mm=(0, j_mm, 0), step_i_mm=(i_mm, 0, 0), shape_kji=shape
    )


def runs(volume: NDArray[np.bool_]) -> dict[int, str]:
    return {k: masks.encode(plane)["counts"] for k, plane in enumerate(volume) if plane.any()}


def box(shape: tuple[int, int, int], *sides: slice) -> NDArray[np.bool_]:
    volume = np.zeros(shape, bool)
    volume[sides] = True
    return volume


SHAPE = (12, 30, 40)


def test_a_mask_agrees_with_itself() -> None:
    mask = runs(box(SHAPE, np.s_[2:9], np.s_[5:15], np.s_[6:20]))
    found = agreement.compare(mask, mask, grid(SHAPE, k_mm=3), tolerance_mm=0)
    assert (found.dice, found.surface_dice, found.hd95_mm) == (1, 1, 0)
    assert found.first_ml == found.second_ml == pytest.approx(7 * 10 * 14 * 3 / 1000)


@pytest.mark.parametrize(("axis", "moved_mm"), [(0, 4.0), (1, 1.5), (2, 2.0)])
def test_a_box_that_moved_is_that_many_millimetres_away(axis: int, moved_mm: float) -> None:
    here = box(SHAPE, np.s_[2:9], np.s_[5:15], np.s_[6:20])
    moved = np.roll(here, 2, axis)
    geometry = grid(SHAPE, k_mm=2.0, j_mm=0.75, i_mm=1.0)
    found = agreement.compare(runs(here), runs(moved), geometry, tolerance_mm=moved_mm)
    length = here.any(axis=tuple(other for other in range(3) if other != axis)).sum()
    assert found.dice == pytest.approx((length - 2) / length)
    assert found.hd95_mm == pytest.approx(moved_mm)
    assert found.surface_dice == 1  # nothing is farther away than the tolerance
    assert agreement.compare(runs(here), runs(moved), geometry, tolerance_mm=moved_mm / 2 - 0.01).surface_dice < 1


def test_a_picture_has_an_outline() -> None:
    shape = (1, 30, 40)
    outer, inner = box(shape, np.s_[:], np.s_[5:26], np.s_[5:26]), box(shape, np.s_[:], np.s_[8:23], np.s_[8:23])
    found = agreement.compare(runs(outer), runs(inner), grid(shape), tolerance_mm=2)
    assert found.surface_dice == 0  # the outlines are 3 mm apart; filled areas would touch
    assert found.hd95_mm is not None and found.hd95_mm >= 3


def test_what_only_one_drew_is_all_wrong_and_leads_to_its_slice() -> None:
    mask = box(SHAPE, np.s_[4:7], np.s_[5:8], np.s_[6:9])
    mask[5, 3:20] = True
    found = agreement.compare(runs(mask), {}, grid(SHAPE), tolerance_mm=5)
    assert (found.dice, found.surface_dice, found.hd95_mm, found.second_ml, found.worst_slice) == (0, 0, None, 0, 5)
    with pytest.raises(ValueError, match="empty"):
        agreement.compare({}, {}, grid(SHAPE), tolerance_mm=5)


def test_most_readers_decide() -> None:
    planes = [np.array([[a, b, c]], bool) for a, b, c in ((1, 1, 0), (1, 0, 0), (1, 1, 1))]
    assert consensus.majority(3)[consensus.votes(planes)].tolist() == [[True, True, False]]
    assert consensus.majority(2).tolist() == [False, False, False, True]


def test_staple_finds_the_truth_and_who_is_to_be_trusted() -> None:
    rng = np.random.default_rng(7)
    truth = np.zeros((80, 80), bool)
    truth[20:60, 25:60] = True
    sensitivity, specificity = (0.95, 0.9, 0.6), (0.99, 0.97, 0.85)
    planes = [
        np.where(truth, rng.random(truth.shape) < p, rng.random(truth.shape) >= q)
        for p, q in zip(sensitivity, specificity, strict=True)
    ]
    patterns = consensus.votes(planes)
    found = consensus.staple(np.bincount(patterns.ravel(), minlength=8))
    assert found.sensitivity == pytest.approx(sensitivity, abs=0.03)
    assert found.specificity == pytest.approx(specificity, abs=0.03)
    wrong = [np.count_nonzero(mask != truth) for mask in (found.inside[patterns], consensus.majority(3)[patterns])]
    assert wrong[0] < wrong[1]


def test_staple_believes_readers_who_agree() -> None:
    counts = np.zeros(4, np.int64)
    counts[[0, 3]] = 900, 100
    assert consensus.staple(counts).inside[[0, 3]].tolist() == [False, True]
