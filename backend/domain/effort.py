"""How far a little work gets: actions until a slice is nearly what it ended as. Pure.

Counted at what was accepted: a revision's actions count whole, also where the last of them changed little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.imaging.masks import BoolMask

NEARLY = 0.9
"""Dice with the final mask from which a slice is nearly done."""


@dataclass(frozen=True, slots=True)
class Step:
    """One accepted change of a slice: its mask from then on, and the points, boxes and strokes spent on it."""

    mask: BoolMask
    """[rows, columns] bool"""
    actions: int


def actions_until(steps: Sequence[Step], share: float = NEARLY) -> int | None:
    """Actions up to and with the first step whose mask has this Dice with the last step's; 0 for a proposal that was
    accepted as it was. None when nothing is left on the slice in the end."""
    if not steps or not steps[-1].mask.any():
        return None
    final = steps[-1].mask
    spent = 0
    for step in steps:
        spent += step.actions
        dice = 2 * int(np.count_nonzero(step.mask & final)) / (int(step.mask.sum()) + int(final.sum()))
        if dice >= share:
            break
    return spent
