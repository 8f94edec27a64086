"""Guards: a learned prompt is used where it helps on a slice left out, and only while it listens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.sammed.test_assist import QUICK, annotated
from workers.sammed import AnnotatedSlice, NotEnoughSlices, SamModel
from workers.sammed.assist import AssistConfig, learn_prompt
from workers.sammed.guards import judge, listens


def test_a_prompt_that_learned_nothing_gains_nothing(bundled_model: SamModel) -> None:
    slices = annotated(bundled_model, shape_hw=(96, 128))
    verdict = judge(bundled_model, slices, AssistConfig(steps=1, learning_rate=0.0, kind="boxes"))
    assert verdict.gain == 0.0 and verdict.reason in ("no_gain", "deaf") and not verdict.active
    assert verdict.folds == 2 and 0 <= verdict.plain <= 1


def test_every_fold_is_counted_for_the_progress(small_model: SamModel) -> None:
    seen: list[tuple[int, int]] = []
    verdict = judge(
        small_model, annotated(small_model, 5), QUICK, on_step=lambda step, steps: seen.append((step, steps))
    )
    assert verdict.folds == 3  # of five slices, three are left out in turn
    assert seen[-1] == (9, 9) and [step for step, _ in seen] == list(range(1, 10))


def test_the_verdict_depends_on_the_seed_alone(small_model: SamModel) -> None:
    slices = annotated(small_model)
    assert judge(small_model, slices, QUICK, seed=1) == judge(small_model, slices, QUICK, seed=1)


def test_one_slice_cannot_be_judged(small_model: SamModel) -> None:
    first, second = annotated(small_model)
    with pytest.raises(NotEnoughSlices):
        judge(small_model, [first, replace(second, mask=np.zeros_like(second.mask))], QUICK)


def test_instances_of_one_slice_are_left_out_together(small_model: SamModel) -> None:
    first, second = annotated(small_model)
    with pytest.raises(NotEnoughSlices):
        judge(small_model, [first, replace(second, index=first.index)], QUICK)
    steps: list[tuple[int, int]] = []
    lessons = [first, first, second, second]
    verdict = judge(small_model, lessons, QUICK, on_step=lambda step, of: steps.append((step, of)))
    assert verdict.folds == 2 and steps[-1][0] == steps[-1][1]
    assert verdict.plain == judge(small_model, [first, second], QUICK).plain  # asked for with the same prompts


def test_a_prompt_that_answers_always_alike_is_deaf(bundled_model: SamModel) -> None:
    """Embeddings of all point labels made equal and overwhelming: the mask no longer depends on the point's label."""
    slices: list[AnnotatedSlice] = annotated(bundled_model, shape_hw=(96, 128))
    learned = learn_prompt(bundled_model, slices, replace(QUICK, steps=1))
    rng = np.random.default_rng(0)
    assert listens(bundled_model, slices[0], rng)
    for name, tensor in learned.tensors.items():
        if name.startswith("point_embeddings") or name == "hint_embeddings":
            learned.tensors[name] = np.full_like(tensor, 0.0)
    assert not listens(bundled_model.with_prompt(learned), slices[0], rng)
