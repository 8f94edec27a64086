"""Whether a learned prompt deserves to be used: it must be better than the plain model on slices that it did not learn
from, and must still listen to its user (DESIGN: guards).

Both are measured by leaving one annotated slice out, learning on the others, and answering the same simulated prompts
on the slice left out with and without what was learned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from typing import Any

import numpy as np
from numpy.random import Generator

from workers.sammed.assist import AssistConfig, LearnedPrompt, learn_prompt
from workers.sammed.metrics import dice, iou
from workers.sammed.sam import SamModel
from workers.sammed.sampling import PromptKind, draw_prompts
from workers.sammed.types import AnnotatedSlice, NotEnoughSlices, Prompts

MOST_FOLDS = 3
"""Of more annotated slices, so many are left out, one at a time: the estimate has to come in seconds."""

FOLD_STEPS_SHARE = 0.6
"""A fold learns for so much of the steps: enough to tell better from worse."""

SAME_MASK_IOU = 0.9
"""Two masks this alike count as the same answer."""

TRIALS: tuple[tuple[PromptKind, int, int], ...] = (
    ("points", 1, 0),
    ("points", 1, 1),
    ("points", 3, 3),
    ("boxes", 0, 0),
)
"""Kind, foreground points and background points of the prompts that a held-out slice is asked with, each twice."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What leaving slices out said about a learned prompt."""

    active: bool
    """whether it should answer clicks"""
    plain: float
    """mean Dice of the plain model on held-out slices"""
    learned: float
    """mean Dice with the learned prompt, same slices, same prompts"""
    gain: float
    folds: int
    sensitive: bool
    """whether the mask follows its prompts: an inverted or a far point gives another mask"""
    reason: str
    """`better`, `no_gain` or `deaf`"""

    def to_json(self) -> dict[str, Any]:
        """As stored with the learned prompt."""
        return asdict(self)


def judge(
    model: SamModel,
    slices: Sequence[AnnotatedSlice],
    config: AssistConfig | None = None,
    *,
    seed: int = 0,
    min_gain: float = 0.005,
    start: LearnedPrompt | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Leave-one-slice-out estimate of what SAM^assist gains with these slices, config and seed. Several of one index
    are instances on one slice: they are left out together and asked for one after the other.

    `on_step(step, steps)` counts over all folds and may raise to abort. Raises NotEnoughSlices with fewer than two
    slices that show the label."""
    config = config or AssistConfig()
    shown = [s for s in slices if s.mask.any()]
    indices = list(dict.fromkeys(s.index for s in shown))
    if len(indices) < 2:
        raise NotEnoughSlices("One annotated slice cannot be left out and learned from.", "Annotate a second slice.")
    fold_config = replace(config, steps=max(1, int(config.steps * FOLD_STEPS_SHARE)))
    held_out = np.unique(np.linspace(0, len(indices) - 1, min(MOST_FOLDS, len(indices))).round().astype(int))
    plain: list[float] = []
    learned: list[float] = []
    heard: list[bool] = []
    for fold, position in enumerate(held_out):
        others = [s for s in shown if s.index != indices[position]]
        left_out = [s for s in shown if s.index == indices[position]]

        def count(step: int, steps: int, before: int = fold) -> None:
            if on_step:
                on_step(before * steps + step, len(held_out) * steps)

        prompt = learn_prompt(model, others, fold_config, seed=seed, start=start, on_step=count)
        with_prompt = model.with_prompt(prompt)
        rng = np.random.default_rng([seed, int(position)])
        for asked, (kind, n_positive, n_negative) in zip(cycle(left_out), TRIALS * 2, strict=False):
            if config.kind not in ("any", kind):
                continue
            prompts = draw_prompts(asked.mask, kind, n_positive, n_negative, rng)
            plain.append(dice(model.decode(asked.embedding, prompts).mask, asked.mask))
            learned.append(dice(with_prompt.decode(asked.embedding, prompts).mask, asked.mask))
        heard.append(listens(with_prompt, left_out[0], rng))
    before, after = float(np.mean(plain)), float(np.mean(learned))
    sensitive = all(heard)
    reason = "deaf" if not sensitive else "better" if after - before >= min_gain else "no_gain"
    return Verdict(
        active=reason == "better",
        plain=round(before, 4),
        learned=round(after, 4),
        gain=round(after - before, 4),
        folds=len(held_out),
        sensitive=sensitive,
        reason=reason,
    )


def listens(model: SamModel, annotated: AnnotatedSlice, rng: Generator) -> bool:
    """Whether the mask follows a foreground point of the object when that point is made a background point, or moved to
    somewhere outside the object: a prompt that has learned the slice by heart answers all three alike."""
    inside = draw_prompts(annotated.mask, "points", 1, 0, rng, scheme="center")
    answer = model.decode(annotated.embedding, inside).mask
    inverted = Prompts(inside.points_xy, 1 - inside.point_labels)
    asked = [inverted]
    if not annotated.mask.all():
        away = draw_prompts(~annotated.mask, "points", 1, 0, rng, scheme="center", per_instance=False)
        asked.append(away)
    return all(iou(model.decode(annotated.embedding, p).mask, answer) < SAME_MASK_IOU for p in asked)
