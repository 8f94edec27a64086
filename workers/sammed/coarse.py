"""Coarse masks: what a prompt generator finds before SAM is asked, and the prompts that are drawn from it.

A coarse mask lives on the grid of the embedding (64 x 64 for SAM); the slice lives in its own pixels. The way between
the two grids is here, once, for SAP-Net and for prompt classification. Cells beyond the slice are padding.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from torch import Tensor

from workers.sammed.sampling import MOST_POINTS, PromptKind, draw_pixels, tight_box
from workers.sammed.types import BoolArray, FloatArray, Prompts, SliceEmbedding

CERTAIN = 1 - 1e-4


@dataclass(frozen=True, slots=True)
class CoarseMask:
    """Where a generator believes the object to be."""

    probability: FloatArray
    """[H, W] float32 in [0, 1], in the pixels of the slice"""
    mask: BoolArray
    """[H, W] bool: above one half, and what post-processing left of it"""

    @property
    def logits(self) -> FloatArray:
        """[H, W] float32 log odds of the probability, which counts as no more certain than `CERTAIN`."""
        p = self.probability.clip(1 - CERTAIN, CERTAIN)
        log_odds: FloatArray = np.log(p / (1 - p))
        return log_odds


def probability_of(logits: FloatArray) -> FloatArray:
    """The logistic function."""
    probability: FloatArray = 0.5 + 0.5 * np.tanh(0.5 * logits)
    return probability


def share_on_grid(mask: BoolArray, embedding: SliceEmbedding) -> FloatArray:
    """[H, W] bool -> [h, w] float32: the share of each cell of the embedding's grid that the mask covers."""
    height, width = embedding.input_hw
    side = max(embedding.input_hw)
    rows, columns = embedding.features.shape[1:]
    image = torch.from_numpy(mask.astype(np.float32))[None, None]
    scaled = F.interpolate(image, (height, width), mode="bilinear", antialias=True)
    square = F.pad(scaled, (0, side - width, 0, side - height))
    share: FloatArray = F.interpolate(square, (rows, columns), mode="area")[0, 0].numpy()
    return share


def cells_of_slice(embedding: SliceEmbedding) -> FloatArray:
    """[h, w] float32: the share of each cell that shows the slice; 0 in the padding."""
    side = max(embedding.input_hw)
    shares = [
        np.clip(length / side * cells - np.arange(cells), 0, 1)
        for length, cells in zip(embedding.input_hw, embedding.features.shape[1:], strict=True)
    ]
    return np.outer(shares[0], shares[1]).astype(np.float32)


def pixels_from_grid(values: Tensor, embedding: SliceEmbedding) -> FloatArray:
    """[h, w] on the grid -> [H, W] float32 in the pixels of the slice, bilinear."""
    height, width = embedding.input_hw
    side = max(embedding.input_hw)
    square = F.interpolate(values[None, None].float(), (side, side), mode="bilinear")
    pixels = F.interpolate(square[..., :height, :width], embedding.original_hw, mode="bilinear")
    result: FloatArray = pixels[0, 0].cpu().numpy()
    return result


def components(mask: BoolArray) -> list[BoolArray]:
    """Connected parts (8-neighbourhood), largest first, each [H, W] bool."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    order = 1 + np.argsort(-stats[1:count, cv2.CC_STAT_AREA], kind="stable")
    return [parts == i for i in order]


def keep_largest(mask: BoolArray, count: int) -> BoolArray:
    """The `count` largest connected parts of a mask: top-K of section 4.3 of the paper."""
    kept = np.zeros_like(mask)
    for part in components(mask)[:count]:
        kept |= part
    return kept


@dataclass(frozen=True, slots=True)
class PromptRule:
    """How prompts are drawn from a coarse mask. The paper says only: points for volumes, boxes for nuclei."""

    kind: PromptKind = "points"
    per_component: bool = False
    """one prompt for each connected part, their masks united: for many instances, as in microscopy"""
    n_points: int = 8
    """foreground points for each connected part"""
    n_negative: int = 8
    """background points in all, from near the object"""
    confident_share: float = 1.0
    """foreground points come from this most probable share of the part's pixels; 1: from all of it, as they were drawn
    when the prompt was learned"""
    certain_outside: float = 0.2
    """background points come from where the probability is below this"""
    reach: float = 2.0
    """they lie within this many radii (of a disc of the object's area) of the coarse mask"""
    box_margin: float = 0.0
    """each side of a box lies this share of the box further out"""


def prompts_from(coarse: CoarseMask, rule: PromptRule, rng: Generator) -> list[Prompts]:
    """Prompts for SAM^assist from a coarse mask: one, or one per component; none for an empty mask."""
    parts = components(coarse.mask)
    if not parts:
        return []
    groups = [[part] for part in parts] if rule.per_component else [parts]
    return [_prompts_of(group, coarse, rule, rng) for group in groups]


def _prompts_of(parts: list[BoolArray], coarse: CoarseMask, rule: PromptRule, rng: Generator) -> Prompts:
    whole = np.logical_or.reduce(parts)
    box = _box(whole, rule.box_margin) if rule.kind != "points" else None
    if rule.kind == "boxes":
        return Prompts(box_xyxy=box)
    positive = np.concatenate([_inside(part, coarse.probability, rule, rng) for part in parts])
    if len(positive) > MOST_POINTS:
        positive = positive[rng.choice(len(positive), MOST_POINTS, replace=False)]
    negative = _outside(whole, coarse.probability, rule, rng)
    labels = np.repeat(np.array([1, 0], np.int32), [len(positive), len(negative)])
    return Prompts(np.concatenate([positive, negative]), labels, box)


def _inside(part: BoolArray, probability: FloatArray, rule: PromptRule, rng: Generator) -> FloatArray:
    """[n, 2] float32, among the most probable pixels of one part."""
    threshold = np.quantile(probability[part], 1 - rule.confident_share)
    return draw_pixels(part & (probability >= threshold), rule.n_points, rng)


def _outside(whole: BoolArray, probability: FloatArray, rule: PromptRule, rng: Generator) -> FloatArray:
    """[n, 2] float32, near the object and surely not part of it; empty where there is no such place."""
    distance = cv2.distanceTransform((~whole).astype(np.uint8), cv2.DIST_L2, 3)
    radius = float(np.sqrt(np.count_nonzero(whole) / np.pi))
    near = (distance > 1) & (distance <= 2 + rule.reach * radius)
    candidates = near & (probability < rule.certain_outside)
    if not candidates.any():
        return np.zeros((0, 2), np.float32)
    return draw_pixels(candidates, rule.n_negative, rng)


def _box(mask: BoolArray, margin: float) -> FloatArray:
    height, width = mask.shape
    box = tight_box(mask)
    further = margin * (box[2:] - box[:2] + 1)
    limit = np.array([width - 1, height - 1], np.float32)
    return np.concatenate([np.clip(box[:2] - further, 0, limit), np.clip(box[2:] + further, 0, limit)]).astype(
        np.float32
    )
