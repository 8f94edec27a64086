"""Prompts are checked before anything is sent to a model; an embedding's name holds everything that changes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.domain.prompts import EmbeddingKey, InvalidPrompts, MaskPrompt, PointPrompt, PromptSet

SIZE_HW = (20, 30)


@pytest.mark.parametrize(
    "prompts",
    [
        PromptSet(points=(PointPrompt(0, 0, True),)),
        PromptSet(points=(PointPrompt(29, 19, False), PointPrompt(29.4, -0.4, True))),
        PromptSet(box_xyxy=(0, 0, 29, 19)),
        PromptSet(points=(PointPrompt(1, 1, True),), mask=MaskPrompt(SIZE_HW, "`b0")),
    ],
)
def test_prompts_on_the_slice(prompts: PromptSet) -> None:
    prompts.check(SIZE_HW)


@pytest.mark.parametrize(
    "prompts",
    [
        PromptSet(),
        PromptSet(mask=MaskPrompt(SIZE_HW, "`b0")),
        PromptSet(points=(PointPrompt(30, 0, True),)),
        PromptSet(points=(PointPrompt(0, 20, True),)),
        PromptSet(points=(PointPrompt(-1, 0, True),)),
        PromptSet(points=(PointPrompt(float("nan"), 0, True),)),
        PromptSet(points=(PointPrompt(0, float("inf"), True),)),
        PromptSet(points=tuple(PointPrompt(1, 1, True) for _ in range(257))),
        PromptSet(box_xyxy=(5, 5, 5, 9)),
        PromptSet(box_xyxy=(9, 5, 5, 9)),
        PromptSet(box_xyxy=(0, 0, 31, 9)),
        PromptSet(points=(PointPrompt(1, 1, True),), mask=MaskPrompt((30, 20), "`b0")),
    ],
)
def test_prompts_that_no_slice_has(prompts: PromptSet) -> None:
    with pytest.raises(InvalidPrompts) as refused:
        prompts.check(SIZE_HW)
    assert refused.value.detail


def test_whatever_changes_an_embedding_changes_its_name() -> None:
    key = EmbeddingKey("voxels", 3, (400.0, 40.0), "weights", "1/1")
    others = [
        replace(key, voxels_hash="other"),
        replace(key, slice_index=4),
        replace(key, window=(400.0, 41.0)),
        replace(key, window=None),
        replace(key, model_checksum="other"),
        replace(key, preprocessing="2/1"),
    ]
    assert len({other.digest() for other in (key, *others)}) == 7
    assert key.digest() == EmbeddingKey("voxels", 3, (400.0, 40.0), "weights", "1/1").digest()
