"""A correction: a mask that is right but for some places changes there alone, by what the model says there.

The model answers prompts with a whole mask, and may spoil elsewhere what was right. So of the difference between its
answer and the mask at hand only the connected parts count that contain a place that was pointed at.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from workers.sammed.types import BoolArray, FloatArray, Prompts

LEAST_SHARE = 0.15
"""Where the model does not want to change anything that is smaller than the object, a disc changes whose radius is
this share of the object's (of a disc of its area)."""


def corrected(
    shown: BoolArray, answer: BoolArray, logits: FloatArray, prompts: Prompts, around_xy: Sequence[tuple[float, float]]
) -> BoolArray:
    """The mask `shown` [H, W], changed into the model's `answer` [H, W] to the prompts where connected parts of the
    difference contain a place (x, y). A place where a point prompt lies becomes what the point says, even where the
    model does not believe it: then as much changes as the model holds for at least as likely (`logits` [H, W])."""
    mask = shown.copy()
    for x, y in around_xy:
        row, column = _pixel(x, y, shown.shape)
        said = _said(prompts, x, y)
        wanted = bool(answer[row, column]) if said is None else said
        if mask[row, column] == wanted:
            continue
        if answer[row, column] == wanted:
            part = _part_at(answer ^ mask, row, column)
        else:
            likelier = logits >= logits[row, column] if wanted else logits <= logits[row, column]
            part = _part_at(likelier & (mask != wanted), row, column)
            if int(np.count_nonzero(part)) > max(1, int(np.count_nonzero(shown))):
                part = _disc(row, column, mask) & (mask != wanted)
        mask ^= part
    return mask


def _said(prompts: Prompts, x: float, y: float) -> bool | None:
    """What the newest point at this very place says; None without one."""
    at = np.flatnonzero((prompts.points_xy == np.array([x, y], np.float32)).all(axis=1))
    return bool(prompts.point_labels[at[-1]]) if len(at) else None


def _pixel(x: float, y: float, shape_hw: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of the pixel that a place lies in."""
    height, width = shape_hw
    return min(height - 1, max(0, round(y))), min(width - 1, max(0, round(x)))


def _part_at(mask: BoolArray, row: int, column: int) -> BoolArray:
    """The connected part (8-neighbourhood) of a mask that holds a pixel of it."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    part: BoolArray = parts == parts[row, column]
    return part


def _disc(row: int, column: int, mask: BoolArray) -> BoolArray:
    radius = max(1.0, LEAST_SHARE * float(np.sqrt(np.count_nonzero(mask) / np.pi)))
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    disc: BoolArray = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return disc
