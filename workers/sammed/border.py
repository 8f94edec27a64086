"""Where exactly the border of a label runs, learned from the pixels near it on the annotated slices.

A cell of the embedding is several pixels wide, so what SAM and the coarse masks say of a border is right to within a
cell. How the pixels of this very label differ from those beside it is learned here, by randomised trees, from the
annotated slices of the same volume, and decides in a band along the border. Not in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.ensemble import ExtraTreesClassifier

from workers.sammed.metrics import dice
from workers.sammed.shape import signed_distance
from workers.sammed.types import BoolArray, FloatArray

SIGMAS = (0.0, 0.7, 1.5, 3.0)
"""Pixels: how much the picture is smoothed for the features that are grey values."""
EDGE_SIGMAS = (0.7, 1.5)
WINDOWS = (3, 5)
"""Pixels: the sides of the windows of median, minimum and maximum."""
TEXTURE_SIGMA = 2.0
NEARBY = 9
"""Pixels: the side of the window of the mean."""
INNER = 1.0
"""Pixels: farther inside than this, a pixel is taken for one of the object."""


@dataclass(frozen=True, slots=True)
class BorderConfig:
    """How wide the band is, and how the trees grow."""

    band: float = 4.0
    """half the width of the band, in halves of a cell of the embedding"""
    trees: int = 60
    least_leaf: int = 8
    """pixels in a leaf"""
    features_share: float = 0.5
    """share of the features that each split looks at"""
    least_alike: float = 0.6
    """a mask whose Dice with the one before is below this is a mistake of the trees, and is not taken"""
    least_slices: int = 3
    """annotated slices that show the label, from which the border is learned at all"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one slice before its pixels are looked at."""

    picture: NDArray[np.uint8]
    """[H, W] or [H, W, 3]"""
    sam: FloatArray
    """[H, W] log odds"""
    coarse: FloatArray
    """[H, W] log odds"""
    mask: BoolArray
    """[H, W] bool: what both together say"""


class Border:
    """The border of one label. Draws nothing that is not determined by what it learned from and the seed."""

    def __init__(self, config: BorderConfig, half_cell: float, trees: ExtraTreesClassifier) -> None:
        self._config = config
        self._half_cell = half_cell
        self._trees = trees

    def refine(self, evidence: Evidence) -> BoolArray:
        """The mask [H, W] with its border where the pixels say; as it was where they say something else entirely."""
        if not evidence.mask.any():
            return evidence.mask
        features, distance = _features(evidence)
        band = np.abs(distance) < self._config.band * self._half_cell
        refined = evidence.mask.copy()
        refined[band] = self._trees.predict_proba(features[band])[:, 1] > 0.5
        return refined if dice(refined, evidence.mask) >= self._config.least_alike else evidence.mask


def learn_border(
    examples: Sequence[tuple[Evidence, BoolArray]], half_cell: float, config: BorderConfig, *, seed: int
) -> Border | None:
    """From what was known of each annotated slice, as if it were not annotated, and its mask [H, W]. `half_cell`:
    pixels. None where too few of the slices show the label, or nothing near their borders can be told apart."""
    shown = [(evidence, mask) for evidence, mask in examples if mask.any() and evidence.mask.any()]
    if len(shown) < config.least_slices:
        return None
    rows, inside = [], []
    for evidence, mask in shown:
        features, distance = _features(evidence)
        looked_at = (np.abs(distance) < config.band * half_cell) | (evidence.mask ^ mask)
        rows.append(features[looked_at])
        inside.append(mask[looked_at])
    truth = np.concatenate(inside)
    if truth.all() or not truth.any():
        return None
    trees = ExtraTreesClassifier(
        config.trees,
        min_samples_leaf=config.least_leaf,
        max_features=config.features_share,
        random_state=np.random.RandomState(seed % 2**32),
    )
    trees.fit(np.concatenate(rows), truth)
    return Border(config, half_cell, trees)


def _features(evidence: Evidence) -> tuple[FloatArray, FloatArray]:
    """[H, W, n] float32 of every pixel, and its signed distance [H, W] to the border, in pixels."""
    distance = signed_distance(evidence.mask)
    core = distance > INNER
    if not core.any():
        core = evidence.mask
    picture = evidence.picture.astype(np.float32) / np.float32(255)
    channels = [picture] if picture.ndim == 2 else list(np.moveaxis(picture, 2, 0))
    features = [evidence.sam, evidence.coarse, distance]
    for channel in channels:
        features += _of_channel(channel, core)
    return np.stack(features, axis=-1, dtype=np.float32), distance


def _of_channel(channel: FloatArray, core: BoolArray) -> list[FloatArray]:
    """Grey values at several scales and beside those of the object, edges, and what lies around. Each [H, W]."""
    smoothed = [ndimage.gaussian_filter(channel, sigma) if sigma else channel for sigma in SIGMAS]
    found = [*smoothed, smoothed[1] - channel[core].mean()]
    for sigma in EDGE_SIGMAS:
        found += [ndimage.gaussian_gradient_magnitude(channel, sigma), ndimage.gaussian_laplace(channel, sigma)]
    for side in WINDOWS:
        found += [f(channel, side) for f in (ndimage.median_filter, ndimage.minimum_filter, ndimage.maximum_filter)]
    mean = ndimage.gaussian_filter(channel, TEXTURE_SIGMA)
    variance = ndimage.gaussian_filter(channel * channel, TEXTURE_SIGMA) - mean * mean
    return [*found, ndimage.uniform_filter(channel, NEARBY), variance]
