"""The shape of a label between its annotated slices, and how sure that is.

Filling between slices by their signed distances is what a user would do without us (3D Slicer has it). It knows how the
organ goes on but nothing of the picture; the prompt generators know the picture but not what lies near. SAM^auto adds
the two kinds of evidence. Not in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from workers.sammed.types import AnnotatedSlice, BoolArray, FloatArray, NotEnoughSlices

LOGISTIC = 1.702
"""The logistic function of `LOGISTIC * x` is within 0.01 of the normal distribution function of x."""

LEAST_SPAN = 4
"""Annotated slices that lie closer together, or a single one, say as much of the label's extent as if they lay so far
apart."""


def signed_distance(mask: BoolArray) -> FloatArray:
    """[H, W] bool, not empty -> [H, W] float32: pixels to the border, positive inside; off the picture is outside."""
    pixels = np.pad(mask, 1).astype(np.uint8)
    inside = cv2.distanceTransform(pixels, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - pixels, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    padded = np.where(pixels > 0, inside - 0.5, 0.5 - outside)
    return padded[1:-1, 1:-1].astype(np.float32)


class ShapeBetween:
    """Signed distances of the annotated slices of one volume, interpolated along its slices.

    Towards an annotated slice without the label the shape shrinks and is gone half way, and beyond that slice there is
    nothing. Where no such slice lies beyond the outermost that shows the label, it is gone after half as many slices as
    lie between the outermost two. All slices have one size. Raises NotEnoughSlices when none shows the label."""

    def __init__(self, annotated: Sequence[AnnotatedSlice]) -> None:
        self._distances = {s.index: signed_distance(s.mask) if s.mask.any() else None for s in annotated}
        shown = [d for d in self._distances.values() if d is not None]
        if not shown:
            raise NotEnoughSlices("None of the annotated slices shows the label.", "Annotate one slice at least.")
        radius = max(float(d.max()) for d in shown)
        self._nowhere = np.full_like(shown[0], -2 * radius)
        errors = [self._error(s.index) for s in annotated if s.mask.any()]
        rates = [error for error in errors if error is not None]
        self.wander = float(np.median(rates)) if rates else radius
        """pixels by which the border departs from the interpolated one, for each slice to the nearest annotated one:
        the median over the annotated slices, each interpolated from the others"""
        indices = [i for i, d in self._distances.items() if d is not None]
        reach = max(max(indices) - min(indices), LEAST_SPAN)
        if min(indices) == min(self._distances):
            self._distances[min(indices) - reach] = None
        if max(indices) == max(self._distances):
            self._distances[max(indices) + reach] = None

    def at(self, index: int) -> tuple[FloatArray, int]:
        """Interpolated signed distance [H, W] in pixels, and how many slices away the nearest annotated one is: 0 also
        where the label cannot be, so that nothing is found there."""
        return self._between(index, self._distances)

    def logits(self, index: int, resolution: float) -> FloatArray:
        """[H, W] float32: log odds that a pixel is inside, its distance to the border being uncertain by `resolution`
        (pixels: a cell's half width) and by `wander` for each slice to the nearest annotated one."""
        distance, away = self.at(index)
        logits: FloatArray = distance * np.float32(LOGISTIC / np.hypot(resolution, self.wander * away))
        return logits

    def _between(self, index: int, distances: dict[int, FloatArray | None]) -> tuple[FloatArray, int]:
        below = max((i for i in distances if i <= index), default=None)
        above = min((i for i in distances if i >= index), default=None)
        away = min(abs(index - i) for i in (below, above) if i is not None)
        if below is None or above is None or below == above:
            end = distances[below if below is not None else above]  # type: ignore[index]
            return (self._nowhere, 0) if end is None else (end, away)
        first, last = distances[below], distances[above]
        if first is None:
            if last is None:
                return self._nowhere, 0
            first = last - 2 * last.max()
        elif last is None:
            last = first - 2 * first.max()
        share = np.float32((index - below) / (above - below))
        return (1 - share) * first + share * last, away

    def _error(self, index: int) -> float | None:
        """Root mean square of the distances that the others give to the border of this slice, per slice to the nearest
        of them; None when no other shows the label."""
        others = {i: d for i, d in self._distances.items() if i != index}
        if all(d is None for d in others.values()):
            return None
        distance, away = self._between(index, others)
        border = np.abs(self._distances[index]) < 1  # type: ignore[arg-type]
        return float(np.sqrt(np.mean(distance[border] ** 2))) / away
