"""The parts of SAP-Net that hold no state of an annotation: T and the backbone on pixels, prototypes, the biased Dice.

Letters in the shape comments as in sapnet.py: B slices, C channels, F features, K prototypes, h w cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from workers.sammed.coarse import cells_of_slice
from workers.sammed.types import SliceEmbedding

PIXELS_PER_CELL = 4
"""Pixels of the input of the `pixels` backbone along one cell of the grid."""

CLUSTERED_CELLS = 2000
"""Of more cells than this, a regular sample decides where the prototypes of a class begin."""


def biased_dice_loss(probability: Tensor, target: Tensor, weight: Tensor, beta: float) -> Tensor:
    """Eq. 7 with soft counts: 1 - 2 TP / (2 TP + beta FP + FN), one cell added to both so that an empty target is
    defined. probability, target, weight [B, h, w] in [0, 1] -> [B]"""
    true_positive = (weight * probability * target).sum((-2, -1))
    false_positive = (weight * probability * (1 - target)).sum((-2, -1))
    false_negative = (weight * (1 - probability) * target).sum((-2, -1))
    return 1 - (2 * true_positive + 1) / (2 * true_positive + beta * false_positive + false_negative + 1)


def pooled_prototype(features: Tensor, share: Tensor) -> Tensor:
    """Masked average pooling: the mean feature of each slice under its mask, averaged over the slices that show it.

    features [B, h, w, F], share [B, h, w] in [0, 1] -> [F]; zeros when no slice shows anything."""
    mass = share.sum((-2, -1))  # [B]
    sums = share.flatten(1)[:, None] @ features.flatten(1, 2)  # [B, 1, F]
    means = sums[:, 0] / (mass + 1e-5)[:, None]
    shown = (mass > 0.5).float()
    return (means * shown[:, None]).sum(0) / shown.sum().clamp_min(1)


def clustered_prototypes(features: Tensor, share: Tensor, count: int) -> Tensor:
    """`count` prototypes of a class by k-means on directions, started on cells that lie far apart.  -> [count, F]

    The clusters are found without gradient; the prototypes are weighted means with one."""
    weight = share.flatten()  # [n]
    points = features.flatten(0, 2)  # [n, F]
    chosen = weight > 0.5
    if int(chosen.sum()) < count:
        return pooled_prototype(features, share).expand(count, -1)
    points, weight = points[chosen], weight[chosen]
    with torch.no_grad():
        sample = F.normalize(points[:: 1 + len(points) // CLUSTERED_CELLS], dim=1)
        centres = F.normalize(sample.mean(0, keepdim=True), dim=1)
        while len(centres) < count:
            farthest = (sample @ centres.T).amax(1).argmin()
            centres = torch.cat([centres, sample[farthest : farthest + 1]])
        for _ in range(5):
            member = F.one_hot((sample @ centres.T).argmax(1), count).float()
            centres = F.normalize(member.T @ sample + 1e-5 * centres, dim=1)
        member = F.one_hot((points @ centres.T).argmax(1), count).float() * weight[:, None]  # [n, K]
    return (member.T @ points) / (member.sum(0)[:, None] + 1e-5)


class Fcn(nn.Module):
    """T of Eq. 5: a layer over single cells, then layers over 3 x 3 cells with a shortcut.  -> [B, h, w, width]"""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, width)
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth - 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x).permute(0, 3, 1, 2)  # a view: torch calls this layout channels_last
        for layer in self.layers:
            x = x + layer(F.relu(x))
        return x.permute(0, 2, 3, 1)


class PixelBackbone(nn.Module):
    """[B, 3, 4 h, 4 w] -> [B, h, w, 64], trained from nothing."""

    WIDTH = 64

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 2, 1)
        self.conv2 = nn.Conv2d(16, 32, 3, 2, 1)
        self.conv3 = nn.Conv2d(32, self.WIDTH, 3, 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        x = F.relu(self.conv1(pixels))
        x = F.relu(self.conv2(x))
        return F.relu(self.conv3(x)).permute(0, 2, 3, 1)


def whitening(embeddings: Sequence[SliceEmbedding], added_share: float | None) -> tuple[Tensor, Tensor]:
    """Mean [C] and matrix [C, C] that make the channels of these slices' cells, (x - mean) @ matrix, alike.

    Along each principal axis the variance v becomes v / (v + added_share * mean of v), without a rotation, so that the
    sign of an axis does not matter; None: each channel gets variance 1 on its own."""
    cells = [e.features[:, cells_of_slice(e) > 0.5].astype(np.float64) for e in embeddings]  # [C, n] each
    x = np.concatenate(cells, axis=1)
    mean = x.mean(axis=1, keepdims=True)
    if added_share is None:
        matrix = np.diag(1 / (x.std(axis=1) + 1e-5))
    else:
        variance, axes = np.linalg.eigh(np.cov(x - mean, bias=True))
        added = added_share * max(float(variance.mean()), 1e-12)
        matrix = axes / np.sqrt(variance.clip(0) + added) @ axes.T
    return torch.from_numpy(mean[:, 0]).float(), torch.from_numpy(matrix).float()


def pixels_on_square(embedding: SliceEmbedding, image: NDArray[np.uint8]) -> Tensor:
    """[3, 4 h, 4 w] pixels in [-1, 1] with padding 0, on the square of the embedding."""
    side = max(embedding.input_hw)
    rows, columns = (PIXELS_PER_CELL * n for n in embedding.features.shape[1:])
    height = max(1, round(embedding.input_hw[0] / side * rows))
    width = max(1, round(embedding.input_hw[1] / side * columns))
    planes = np.repeat(image[None], 3, 0) if image.ndim == 2 else image.transpose(2, 0, 1)
    pixels = torch.from_numpy(planes.astype(np.float32))[None] / 127.5 - 1
    scaled = F.interpolate(pixels, (height, width), mode="bilinear", antialias=True)[0]
    return F.pad(scaled, (0, columns - width, 0, rows - height))
