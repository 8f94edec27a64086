"""Small made-up cases for the evaluation protocol: a growing and shrinking disc, two of them, and pictures of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.sammed.conftest import disc, disc_picture
from workers.sammed.assist import AssistConfig
from workers.sammed.auto import AutoConfig
from workers.sammed.protocol import Case, ProtocolConfig
from workers.sammed.sapnet import SapNetConfig

SHAPE_HW = (48, 56)

FAST = ProtocolConfig(
    slices=(2, 3),
    points=(1, 3),
    test_slices=3,
    baseline_slices=2,
    corrections=2,
    background_slices=1,
    assist=AssistConfig(steps=3),
    auto=AutoConfig(sapnet=SapNetConfig(episodes=3)),
)
"""Everything is run, nothing is learned well."""


def volume(name: str = "ball", slices: int = 9, *, both: bool = False, dataset: str = "phantoms") -> Case:
    """A bright ball (label 1) in all slices but the first and the last, and a smaller one beside it, which `both` adds
    as label 2."""
    rng = np.random.default_rng(len(name))
    images, labels = [], []
    for k in range(slices):
        radius = 10 * np.sqrt(max(0.0, 1 - ((k - (slices - 1) / 2) / ((slices - 1) / 2)) ** 2))
        large = disc(SHAPE_HW, (20, 24), radius) & (radius > 0)
        small = disc(SHAPE_HW, (44, 24), radius / 2) & (radius > 0)
        images.append(disc_picture(large | small, rng))
        labels.append((large + 2 * small).astype(np.uint8))
    return Case(name, images, labels, {1: "ball", 2: "marble"} if both else {1: "ball"}, True, dataset)


def cells(name: str = "cells", pictures: int = 6) -> Case:
    """Colour pictures of four cells each: instances of one label."""
    rng = np.random.default_rng(3)
    images: list[NDArray[Any]] = []
    labels: list[NDArray[Any]] = []
    for _ in range(pictures):
        numbered = np.zeros(SHAPE_HW, np.uint8)
        for value, center in enumerate(((12, 12), (40, 14), (14, 34), (42, 36)), start=1):
            shift = rng.uniform(-3, 3, 2)
            numbered[disc(SHAPE_HW, (center[0] + shift[0], center[1] + shift[1]), rng.uniform(4, 7))] = value
        images.append(np.stack([disc_picture(numbered > 0, rng)] * 3, axis=2))
        labels.append(numbered)
    return Case(name, images, labels, {}, False, "microscopy", merged="cell")
