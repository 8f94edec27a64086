"""One mask out of several readers' masks of the same structure: what most of them drew, or what STAPLE infers.

STAPLE is the expectation maximisation of Warfield, Zou and Wells (IEEE TMI 2004) for one binary structure: it weighs
each reader by how well they agree with the mask that is inferred at the same time. Voxels with the same votes have the
same probability, so all is computed on the 2^readers patterns of votes and how often each occurs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.imaging.masks import BoolMask

MOST_ITERATIONS = 500
SETTLED = 1e-9
"""Weights that move by less are final."""

FIRST_GUESS = 0.99999
"""Sensitivity and specificity that every reader starts with."""


@dataclass(frozen=True, slots=True)
class Staple:
    """What STAPLE inferred. `inside` tells for each pattern of votes [2^readers] whether its voxels are in the mask;
    reader n votes with bit n."""

    inside: NDArray[np.bool_]
    sensitivity: tuple[float, ...]
    specificity: tuple[float, ...]


def votes(planes: Sequence[BoolMask]) -> NDArray[np.uint8]:
    """The pattern of votes of each voxel [rows, columns]: bit n is set where reader n drew."""
    patterns = np.zeros(planes[0].shape, np.uint8)
    for n, plane in enumerate(planes):
        patterns |= plane.astype(np.uint8) << n
    return patterns


def majority(readers: int) -> NDArray[np.bool_]:
    """For each pattern of votes whether more than half of the readers drew; of two readers, both."""
    drew: NDArray[np.bool_] = 2 * _bits(readers).sum(axis=1) > readers
    return drew


def staple(counts: NDArray[np.int64]) -> Staple:
    """From how often each pattern of votes occurs [2^readers] in the box around everything that anybody drew.

    At least one voxel has to be drawn by somebody. The prior of a voxel is the share of all votes that are for it.
    """
    readers = int(counts.size).bit_length() - 1
    drew = _bits(readers).astype(np.float64)
    prior = float(counts @ drew.sum(axis=1)) / (readers * int(counts.sum()))
    sensitivity = np.full(readers, FIRST_GUESS)
    specificity = np.full(readers, FIRST_GUESS)
    inside = np.zeros(counts.size)
    for _ in range(MOST_ITERATIONS):
        seen = prior * np.prod(np.where(drew == 1, sensitivity, 1 - sensitivity), axis=1)
        unseen = (1 - prior) * np.prod(np.where(drew == 1, 1 - specificity, specificity), axis=1)
        before, inside = inside, seen / np.maximum(seen + unseen, np.finfo(np.float64).tiny)
        in_mask, outside = counts * inside, counts * (1 - inside)
        sensitivity = _share(in_mask @ drew, in_mask.sum())
        specificity = _share(outside @ (1 - drew), outside.sum())
        if np.abs(inside - before).max() < SETTLED:
            break
    return Staple(inside > 0.5, tuple(sensitivity.tolist()), tuple(specificity.tolist()))


def _bits(readers: int) -> NDArray[np.int64]:
    """[2^readers, readers]: who drew in which pattern."""
    return (np.arange(2**readers)[:, None] >> np.arange(readers)) & 1


def _share(part: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
    """Of nothing, the share is the first guess: nothing speaks against the reader."""
    return part / whole if whole > 0 else np.full_like(part, FIRST_GUESS)
