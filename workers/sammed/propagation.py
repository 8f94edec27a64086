"""Prompt propagation (Algorithm 1 of the paper): points walk from an annotated slice to its neighbours.

A point survives on the next slice where the grey value has changed by less than lambda * sigma, sigma the standard
deviation inside the present mask. SAM turns the survivors into the next mask, from which new points are drawn. Known
weakness: in complex anatomy the mask leaks and the points follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from workers.sammed.coarse import CoarseMask
from workers.sammed.sam import SamModel
from workers.sammed.sampling import draw_pixels
from workers.sammed.types import AnnotatedSlice, BoolArray, FloatArray, NotEnoughSlices, Prompts, Slices


@dataclass(frozen=True, slots=True)
class PropagationConfig:
    """Choices of Algorithm 1 and of the ensemble."""

    lam: float = 1.0
    """lambda: how many standard deviations a grey value may change"""
    points: int = 10
    """n: points drawn from every mask"""
    least_sigma: float = 1.0
    """grey values (of 255); a flat region would let no point survive otherwise"""
    vote: float = 0.5
    """share of the runs that reached a slice which must agree on a pixel"""


def propagate(
    model: SamModel,
    slices: Slices,
    start: AnnotatedSlice,
    direction: int,
    config: PropagationConfig,
    rng: Generator,
) -> Iterator[tuple[int, BoolArray, Prompts]]:
    """Slice after slice away from `start`, upwards (+1) or downwards (-1): index, mask [H, W] bool and the surviving
    points. Ends at the end of the volume, where no point survives, and where SAM finds nothing."""
    if direction not in (1, -1):
        raise ValueError(f"A direction is 1 or -1, not {direction}.")
    mask, grey = start.mask, _grey(slices.image(start.index))
    index = start.index + direction
    while 0 <= index < len(slices) and mask.any():
        following = _grey(slices.image(index))
        points_xy = surviving_points(grey, mask, following, config, rng)
        if len(points_xy) == 0:
            return
        prompts = Prompts(points_xy, np.ones(len(points_xy), np.int32))
        mask = model.decode(slices.embedding(index), prompts).mask
        if mask.any():
            yield index, mask, prompts
        grey, index = following, index + direction


def surviving_points(
    grey: FloatArray, mask: BoolArray, following: FloatArray, config: PropagationConfig, rng: Generator
) -> FloatArray:
    """Points of the mask whose grey value stays on the following slice.  -> [n, 2] float32, perhaps none

    grey, following [H, W] float32; mask [H, W] bool, not empty."""
    sigma = max(float(grey[mask].std()), config.least_sigma)
    points = draw_pixels(mask, min(config.points, int(np.count_nonzero(mask))), rng)
    columns, rows = points.astype(np.int64).T
    survives = np.abs(following[rows, columns] - grey[rows, columns]) < config.lam * sigma
    survivors: FloatArray = points[survives]
    return survivors


def propagate_all(
    model: SamModel,
    slices: Slices,
    annotated: Sequence[AnnotatedSlice],
    config: PropagationConfig,
    rng: Generator,
    *,
    on_slice: Callable[[int, int], None] | None = None,
) -> dict[int, tuple[CoarseMask, Prompts]]:
    """From every annotated slice in both directions, the runs ensembled by vote: for each slice that a run reached,
    the share of those runs that hold a pixel for foreground, the mask, and the points of the nearest run.

    `on_slice(done, most)` may raise to abort. Raises NotEnoughSlices when no slice shows the label."""
    starts = [s for s in annotated if s.mask.any()]
    if not starts:
        raise NotEnoughSlices("None of the annotated slices shows the label.", "Annotate one slice at least.")
    votes: dict[int, list[BoolArray]] = {}
    nearest: dict[int, tuple[int, Prompts]] = {}
    for run, start in enumerate(starts):
        steps = 0
        for direction in (1, -1):
            for index, mask, prompts in propagate(model, slices, start, direction, config, rng):
                votes.setdefault(index, []).append(mask)
                distance = abs(index - start.index)
                if index not in nearest or distance < nearest[index][0]:
                    nearest[index] = (distance, prompts)
                steps += 1
                if on_slice:
                    on_slice(run * (len(slices) - 1) + steps, len(starts) * (len(slices) - 1))
    result = {}
    for index, masks in votes.items():
        share: FloatArray = np.stack(masks).mean(axis=0, dtype=np.float32)
        result[index] = (CoarseMask(share, share >= config.vote), nearest[index][1])
    return result


def _grey(image: NDArray[np.uint8]) -> FloatArray:
    """[H, W] or [H, W, 3] uint8 -> [H, W] float32; colours are averaged."""
    grey = image.astype(np.float32)
    return grey if grey.ndim == 2 else grey.mean(axis=2, dtype=np.float32)
