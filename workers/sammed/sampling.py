"""Simulated users: points, boxes and corrective clicks drawn from a reference mask (PAPER.md section 3.3). Training and
evaluation use the same functions. NumPy only; every draw comes from the caller's generator.

Masks are [H, W] bool; points (x, y) = (column, row) at pixel centres; boxes (x0, y0, x1, y1) with inclusive corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from workers.sammed.types import BoolArray, EmptyMask, FloatArray, Prompts

Scheme = Literal["uniform", "center", "boundary"]
PromptKind = Literal["points", "boxes", "composite"]

MOST_POINTS = 64
"""More points than this are not drawn for one slice, however many instances it shows: nobody clicks so often."""


def depth_px(mask: BoolArray) -> NDArray[np.float32]:
    """[H, W] float32: distance of every pixel of the mask to the nearest pixel outside, in pixels; 0 outside. What lies
    beyond the picture counts as outside."""
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1].astype(np.float32, copy=False)


def draw_pixels(mask: BoolArray, count: int, rng: Generator, scheme: Scheme = "uniform") -> FloatArray:
    """`count` pixels of the mask, with replacement only where it has fewer.  -> [count, 2] float32 (x, y).

    uniform: every pixel alike; center: weight grows with the square of the depth; boundary: it falls with the square.
    Raises EmptyMask."""
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        raise EmptyMask("There is no pixel to draw a point from.")
    weight = None
    if scheme != "uniform":
        depth = depth_px(mask)[rows, columns].astype(np.float64)
        weight = depth**2 if scheme == "center" else 1.0 / depth**2
        weight /= weight.sum()
    chosen = rng.choice(rows.size, size=count, replace=count > rows.size, p=weight)
    return np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float32)


def sample_points(
    mask: BoolArray, n_positive: int, n_negative: int, rng: Generator, scheme: Scheme = "uniform"
) -> tuple[FloatArray, NDArray[np.int32]]:
    """Foreground points by `scheme` and background points uniformly outside the mask.

    Returns points [n, 2] float32 and labels [n] int32 (1 first, then 0). A mask that fills the picture has no
    background points. Raises EmptyMask when foreground points are asked of an empty mask."""
    positive = draw_pixels(mask, n_positive, rng, scheme) if n_positive else np.zeros((0, 2), np.float32)
    outside = ~mask
    n_negative = n_negative if outside.any() else 0
    negative = draw_pixels(outside, n_negative, rng) if n_negative else np.zeros((0, 2), np.float32)
    labels = np.repeat(np.array([1, 0], np.int32), [len(positive), len(negative)])
    return np.concatenate([positive, negative]), labels


def points_per_instance(
    mask: BoolArray, per_instance: int, rng: Generator, scheme: Scheme = "uniform", *, min_area_px: int = 1
) -> FloatArray:
    """`per_instance` foreground points for each connected part (8-neighbourhood) of at least `min_area_px` pixels.
    -> [n, 2] float32. Raises EmptyMask when no part is large enough."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    chosen = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= min_area_px]
    if not chosen:
        raise EmptyMask("No connected part is large enough for a point.")
    return np.concatenate([draw_pixels(parts == i, per_instance, rng, scheme) for i in chosen])


def tight_box(mask: BoolArray) -> FloatArray:
    """[4] float32, the smallest box around the mask. Raises EmptyMask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        raise EmptyMask("There is no pixel to put a box around.")
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float32)


def jittered_box(mask: BoolArray, rng: Generator, inwards_px: float, outwards_px: float) -> FloatArray:
    """The tight box with each side moved at random by [-inwards_px, +outwards_px], inside the picture and never
    beyond the middle of the tight box.  -> [4] float32. Raises EmptyMask."""
    height, width = mask.shape
    tight = tight_box(mask)
    left, top, right, bottom = rng.uniform(-inwards_px, outwards_px, size=4)
    middle = (tight[:2] + tight[2:]) / 2
    upper = np.minimum(tight[:2] - np.array([left, top]), middle)
    lower = np.maximum(tight[2:] + np.array([right, bottom]), middle)
    limit = np.array([width - 1, height - 1])
    return np.concatenate([np.clip(upper, 0, limit), np.clip(lower, 0, limit)]).astype(np.float32)


def next_correction(
    mask: BoolArray, predicted: BoolArray, rng: Generator, scheme: Scheme = "center"
) -> tuple[FloatArray, int] | None:
    """Where a user would click next: in the larger of the largest missed part and the largest false part.

    center: the deepest pixel of that part (ties by `rng`); otherwise drawn from it by `scheme`.
    Returns the point [2] float32 and its label (1 for a missed part, 0 for a false one); None when nothing is wrong."""
    best: tuple[int, BoolArray, int] | None = None
    for wrong, label in ((mask & ~predicted, 1), (predicted & ~mask, 0)):
        count, parts, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=8)
        if count == 1:
            continue
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        area = int(stats[largest, cv2.CC_STAT_AREA])
        if best is None or area > best[0]:
            best = (area, parts == largest, label)
    if best is None:
        return None
    _, part, label = best
    if scheme != "center":
        return draw_pixels(part, 1, rng, scheme)[0], label
    depth = depth_px(part)
    return draw_pixels(depth == depth.max(), 1, rng)[0], label


def draw_prompts(
    mask: BoolArray,
    kind: PromptKind,
    n_positive: int,
    n_negative: int,
    rng: Generator,
    *,
    scheme: Scheme = "uniform",
    per_instance: bool = True,
    inwards_px: float = 0.0,
    outwards_px: float = 0.0,
) -> Prompts:
    """What a user might give for this mask: points, a jittered box, or both (composite).

    `n_positive` foreground points for each connected instance (in all, without `per_instance`) and `n_negative`
    background points. `inwards_px` and `outwards_px` are the jitter's d_in and d_out; both 0: a twentieth of the mean
    side of the tight box each. Raises EmptyMask."""
    points = np.zeros((0, 2), np.float32)
    labels = np.zeros(0, np.int32)
    if kind != "boxes":
        if per_instance:
            positive = points_per_instance(mask, n_positive, rng, scheme)
            if len(positive) > MOST_POINTS:
                positive = positive[rng.choice(len(positive), MOST_POINTS, replace=False)]
        else:
            positive = draw_pixels(mask, n_positive, rng, scheme)
        negative = sample_points(mask, 0, n_negative, rng)[0]
        points = np.concatenate([positive, negative])
        labels = np.repeat(np.array([1, 0], np.int32), [len(positive), len(negative)])
    if kind == "points":
        return Prompts(points, labels)
    if inwards_px == outwards_px == 0.0:
        tight = tight_box(mask)
        inwards_px = outwards_px = float((tight[2:] - tight[:2] + 1).mean()) / 20
    return Prompts(points, labels, jittered_box(mask, rng, inwards_px, outwards_px))


def choose_slices(foreground: Sequence[int], count: int, rng: Generator) -> list[int]:
    """Which slices a user annotates first: `count` of the foreground slices, drawn from N(m, s^2) without replacement,
    m their median and s the standard deviation of their indices (PAPER.md section 1).  -> sorted indices

    All of them where there are no more."""
    candidates = np.array(sorted(foreground))
    if len(candidates) <= count:
        return [int(k) for k in candidates]
    middle, spread = np.median(candidates), max(float(candidates.std()), 0.5)
    weight = np.exp(-((candidates - middle) ** 2) / (2 * spread**2))
    chosen = rng.choice(candidates, size=count, replace=False, p=weight / weight.sum())
    return sorted(int(k) for k in chosen)
