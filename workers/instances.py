"""Labels of which a picture shows many instances, such as nuclei: how the model is asked for them, and what of them is
learned. An instance is a connected part of the annotator's mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from backend.domain.jobs import AutoSegmentPayload
from backend.domain.learning import PromptKind
from workers.sammed.coarse import components
from workers.sammed.types import AnnotatedSlice, BoolArray

MANY_INSTANCES = 4
"""Parts of a label on the middle one of the annotated pictures from which each is asked for on its own."""

LEARNED_A_PICTURE = 8
"""Instances of one picture that are learned from at most, drawn at random."""

LEAST_AREA = 0.1
"""A part below this share of the picture's median part is a slip of the hand, and teaches nothing."""


def shows_many(volume_id: object | None, drawn: Sequence[BoolArray]) -> bool:
    """Whether the annotated pictures ([H, W] bool each) show many instances. On a volume a part is a piece of one
    body."""
    return volume_id is None and float(np.median([len(components(mask)) for mask in drawn])) >= MANY_INSTANCES


def prompting(payload: AutoSegmentPayload, drawn: Sequence[BoolArray]) -> tuple[PromptKind, bool]:
    """What the model is asked with, and whether each part is asked for on its own: as the request says, else boxes one
    by one where the annotated pictures show many instances, and points for all at once elsewhere."""
    many = shows_many(payload.volume_id, drawn)
    kind = payload.prompts or (PromptKind.BOXES if many else PromptKind.POINTS)
    return kind, many if payload.per_component is None else payload.per_component


def one_by_one(examples: Sequence[AnnotatedSlice], rng: Generator) -> list[AnnotatedSlice]:
    """Each instance with its own mask, as it is clicked on; of each picture LEARNED_A_PICTURE at most."""
    lessons = []
    for example in examples:
        parts = components(example.mask)
        least = LEAST_AREA * float(np.median([part.sum() for part in parts])) if parts else 0.0
        parts = [part for part in parts if part.sum() >= least]
        chosen = rng.permutation(len(parts))[:LEARNED_A_PICTURE]
        lessons += [replace(example, mask=parts[i]) for i in sorted(chosen)]
    return lessons
