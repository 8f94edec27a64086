"""Losses on mask logits. Each takes logits [N, H, W] and a target [N, H, W] in [0, 1] (soft where a coarse grid cell
is partly covered) and gives one value for each of the N masks, so that callers can choose among several masks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FOCAL_GAMMA = 2.0
FOCAL_ALPHA = 0.5
"""Inside and outside weigh alike: with SAM's 0.25 the bundled model found objects too small."""


def focal_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy that looks away from what is already right, mean over pixels.  -> [N]"""
    probability = logits.sigmoid()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = probability * target + (1 - probability) * (1 - target)
    alpha = FOCAL_ALPHA * target + (1 - FOCAL_ALPHA) * (1 - target)
    return (alpha * (1 - right) ** FOCAL_GAMMA * cross_entropy).mean(dim=(-2, -1))


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """1 - soft Dice, with one pixel added to both counts so that an empty target is defined.  -> [N]"""
    probability = logits.sigmoid()
    overlap = (probability * target).sum(dim=(-2, -1))
    return 1 - (2 * overlap + 1) / (probability.sum(dim=(-2, -1)) + target.sum(dim=(-2, -1)) + 1)


@torch.no_grad()
def hard_iou(logits: Tensor, target: Tensor) -> Tensor:
    """IoU of the thresholded logits with the thresholded target.  -> [N]"""
    predicted, truth = logits > 0, target > 0.5
    union = (predicted | truth).sum(dim=(-2, -1))
    return (predicted & truth).sum(dim=(-2, -1)) / union.clamp_min(1)
