"""Hand-computed agreement of masks, and losses that know right from wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workers.sammed.losses import dice_loss, focal_loss, hard_iou
from workers.sammed.metrics import dice, iou

A = np.array([[1, 1, 0, 0]], bool)
B = np.array([[0, 1, 1, 1]], bool)
NONE = np.zeros((1, 4), bool)


def test_dice_and_iou_by_hand() -> None:
    assert dice(A, B) == pytest.approx(2 * 1 / 5)
    assert iou(A, B) == pytest.approx(1 / 4)


def test_two_empty_masks_agree_and_one_empty_mask_does_not() -> None:
    assert dice(NONE, NONE) == iou(NONE, NONE) == 1.0
    assert dice(NONE, A) == iou(A, NONE) == 0.0


def logits_of(mask: np.ndarray, certainty: float) -> torch.Tensor:
    return torch.from_numpy(np.where(mask, certainty, -certainty).astype(np.float32))[None]


def test_losses_fall_as_the_answer_gets_better() -> None:
    target = torch.from_numpy(A.astype(np.float32))[None]
    for loss in (focal_loss, dice_loss):
        wrong, unsure, right = (float(loss(logits_of(m, c), target)) for m, c in ((B, 8.0), (A, 0.1), (A, 8.0)))
        assert wrong > unsure > right >= 0


def test_dice_loss_is_one_minus_soft_dice_with_one_pixel_added() -> None:
    target = torch.from_numpy(A.astype(np.float32))[None]
    assert float(dice_loss(logits_of(B, 50.0), target)) == pytest.approx(1 - (2 * 1 + 1) / (3 + 2 + 1))


def test_focal_loss_of_one_pixel_by_hand() -> None:
    logits, target = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    assert float(focal_loss(logits, target)) == pytest.approx(0.5 * 0.5**2 * np.log(2))


def test_hard_iou_agrees_with_the_metric() -> None:
    assert float(hard_iou(logits_of(A, 3.0), torch.from_numpy(B.astype(np.float32))[None])) == pytest.approx(iou(A, B))
