"""Run-length masks: the same as pycocotools where that is right, named errors where it would crash, flips that undo."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from backend.imaging import masks
from backend.imaging.errors import (
    MalformedMask,
    MaskCountsTooLong,
    MaskCountsUnreadable,
    MaskNotAnObject,
    MaskRunsMismatch,
    MaskSizeMismatch,
)

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24))
MASKS = SHAPES.flatmap(lambda shape: arrays(np.bool_, shape))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape)))


def rle(rows: int, columns: int, counts: Any) -> dict[str, Any]:
    return {"size": [rows, columns], "counts": counts}


def text_of(numbers: list[int]) -> str:
    """Our own writer of the format's numbers (no differences taken), so that lies can be told."""
    out = ""
    for number in numbers:
        more = True
        while more:
            digit = number & 0x1F
            number >>= 5
            more = number != (-1 if digit & 0x10 else 0)
            out += chr(48 + (digit | (0x20 if more else 0)))
    return out


# -- right masks ------------------------------------------------------------------------------------------------------
def test_hand_made_mask() -> None:
    mask = np.array([[0, 1, 0], [0, 1, 1]], dtype=bool)  # down the columns: 00 11 01
    encoded = masks.encode(mask)
    assert encoded == {"size": [2, 3], "counts": text_of([2, 2, 1, 1 - 2])}
    assert masks.parse_runs(encoded).tolist() == [2, 2, 1, 1]
    assert json.loads(json.dumps(encoded)) == encoded


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # pycocotools.decode, which only this test calls
@given(MASKS)
def test_decode_undoes_encode_and_agrees_with_pycocotools(mask: np.ndarray) -> None:
    encoded = masks.encode(mask)
    decoded = masks.decode(encoded, mask.shape)
    np.testing.assert_array_equal(decoded, mask)
    assert decoded.flags.c_contiguous and decoded.flags.writeable
    np.testing.assert_array_equal(coco.decode(encoded), mask)
    assert masks.area(encoded) == int(mask.sum()) == int(coco.area(encoded))


@given(PAIRS)
def test_flips_lead_from_one_mask_to_the_other_and_back(pair: tuple[np.ndarray, np.ndarray]) -> None:
    before, after = pair
    delta = masks.flips(before, after)
    np.testing.assert_array_equal(masks.apply_flips(before, delta), after)
    np.testing.assert_array_equal(masks.apply_flips(after, delta), before)


@given(PAIRS)
def test_xor_on_runs_is_xor_on_pixels(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = pair
    joined = masks.xor(masks.encode(first), masks.encode(second))
    assert joined == masks.encode(first ^ second)


@given(MASKS)
def test_a_delta_with_itself_is_nothing(mask: np.ndarray) -> None:
    delta = masks.encode(mask)
    assert masks.xor(delta, delta) == masks.empty(mask.shape)


def test_empty_and_full() -> None:
    assert masks.empty((4, 4)) == {"size": [4, 4], "counts": text_of([16])} == masks.encode(np.zeros((4, 4), bool))
    assert masks.is_empty(masks.empty((512, 300)))
    full = masks.encode(np.ones((4, 4), bool))
    assert full["counts"] == text_of([0, 16])
    assert not masks.is_empty(full)


def test_zero_runs_of_other_writers_are_read() -> None:
    odd = rle(2, 3, text_of([2, 0, 2, 2 - 0, 0 - 2, 0 - 2]))  # runs 2 0 2 2 0 0
    assert masks.decode(odd).T.ravel().tolist() == [False] * 4 + [True] * 2
    assert masks.xor(odd, masks.empty((2, 3))) == masks.encode(masks.decode(odd))


def test_numbers_above_zero_are_inside_whatever_the_dtype() -> None:
    values = np.array([[0.0, 0.5], [3.0, 0.0]])
    np.testing.assert_array_equal(masks.decode(masks.encode(values)), values != 0)


def test_a_wide_mask_of_large_runs() -> None:
    mask = np.zeros((3000, 2000), bool)
    mask[10:2990, 3] = True
    np.testing.assert_array_equal(masks.decode(masks.encode(mask)), mask)


# -- masks from strangers ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ("text", MaskNotAnObject),
        ({}, MaskNotAnObject),
        (rle(2, 0, "4"), MaskNotAnObject),
        (rle(70000, 2, "4"), MaskNotAnObject),
        ({"size": [2, 2, 1], "counts": "4"}, MaskNotAnObject),
        ({"size": ["2", "2"], "counts": "4"}, MaskNotAnObject),
        ({"size": [2.0, 2.0], "counts": "4"}, MaskNotAnObject),
        (rle(2, 2, [4]), MaskNotAnObject),
        (rle(2, 2, b"4"), MaskNotAnObject),
        (rle(2, 2, None), MaskNotAnObject),
        (rle(2, 2, "4\u20ac"), MaskCountsUnreadable),
        (rle(2, 2, "4 "), MaskCountsUnreadable),
        (rle(2, 2, "4p"), MaskCountsUnreadable),
        (rle(2, 2, "4P"), MaskCountsUnreadable),
        (rle(9, 9, "PPPPPPPP0"), MaskCountsUnreadable),
        (rle(2, 2, "0" * 11), MaskCountsTooLong),
        (rle(2, 2, ""), MaskRunsMismatch),
        (rle(2, 2, text_of([3])), MaskRunsMismatch),
        (rle(2, 2, text_of([2, 3])), MaskRunsMismatch),
        (rle(2, 2, text_of([-1, 5])), MaskRunsMismatch),
        (rle(2, 2, text_of([1, 1, 1, -2, 3])), MaskRunsMismatch),
        (rle(9, 9, text_of([2**33, 81 - 2**33])), MaskRunsMismatch),
    ],
)
def test_each_fault_has_its_name(bad: Any, error: type[MalformedMask]) -> None:
    with pytest.raises(error) as caught:
        masks.decode(bad)
    assert type(caught.value) is error
    assert caught.value.to_problem()["code"] == error.code


def test_another_size_than_the_slice_is_refused_before_anything_is_painted() -> None:
    with pytest.raises(MaskSizeMismatch, match=r"60000 x 60000.*512 x 300"):
        masks.decode(rle(60000, 60000, "garbage"), (512, 300))
    with pytest.raises(MaskSizeMismatch):
        masks.apply_flips(np.zeros((2, 3), bool), masks.empty((3, 2)))
    with pytest.raises(MaskSizeMismatch):
        masks.xor(masks.empty((2, 3)), masks.empty((3, 2)))


@settings(max_examples=400)
@given(SHAPES, st.text(alphabet=st.characters(min_codepoint=40, max_codepoint=120), max_size=40))
def test_any_text_gives_a_mask_or_a_named_error(shape: tuple[int, int], counts: str) -> None:
    try:
        mask = masks.decode(rle(*shape, counts), shape)
    except MalformedMask:
        return
    np.testing.assert_array_equal(masks.decode(masks.encode(mask)), mask)


@given(SHAPES, st.lists(st.integers(-(2**34), 2**34), max_size=12))
def test_any_numbers_give_a_mask_or_a_named_error(shape: tuple[int, int], numbers: list[int]) -> None:
    try:
        runs = masks.parse_runs(rle(*shape, text_of(numbers)), shape)
    except MalformedMask:
        return
    assert runs.min() >= 0 and runs.sum() == shape[0] * shape[1]


# -- statistics -------------------------------------------------------------------------------------------------------
def test_slice_statistics_of_a_known_block() -> None:
    mask = np.zeros((10, 12), bool)
    mask[2:5, 4:9] = True  # rows 2-4, columns 4-8
    stats = masks.slice_statistics(mask)
    assert (stats.voxels, stats.box_xyxy, stats.centroid_xy) == (15, (4, 2, 8, 4), (6.0, 3.0))
    assert masks.slice_statistics(np.zeros((3, 3), bool)) == masks.SliceStatistics(0, None, None)


def test_volume_statistics_count_millilitres_and_keep_the_axis_order() -> None:
    volume = np.zeros((5, 10, 12), bool)
    volume[1:3, 2:6, 7:10] = True  # 2 * 4 * 3 = 24 voxels
    volume[4, 9, 0] = True
    stats = masks.volume_statistics(((k, volume[k]) for k in (4, 0, 2, 1, 3)), voxel_volume_mm3=4.0 * 1.5 * 1.5)
    assert stats.voxels == 25
    assert stats.slices == 3
    assert stats.volume_ml == pytest.approx(25 * 9.0 / 1000)
    assert stats.box_kji == ((1, 2, 0), (4, 9, 9))
    assert stats.centroid_kji == pytest.approx(tuple(np.argwhere(volume).mean(axis=0)))


def test_volume_statistics_of_nothing() -> None:
    stats = masks.volume_statistics([(0, np.zeros((2, 2), bool))], voxel_volume_mm3=1.0)
    assert stats == masks.VolumeStatistics(0, 0.0, 0, None, None)
