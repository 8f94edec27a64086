"""Prompt classification: which positions of a slice would be good foreground or background prompts (PAPER.md 3.2).

The paper names no architecture. Here a class-balanced logistic regression looks at the embedding of single grid cells,
as learned on the annotated slices. Its confident positions become point prompts (`coarse.prompts_from`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from workers.sammed.coarse import CoarseMask, cells_of_slice, components, keep_largest, pixels_from_grid, share_on_grid
from workers.sammed.types import AnnotatedSlice, NotEnoughSlices, SliceEmbedding


@dataclass(frozen=True, slots=True)
class ClassifierConfig:
    """Choices of the logistic regression."""

    steps: int = 120
    learning_rate: float = 0.05
    weight_decay: float = 1e-2
    """on the coefficients of standardised features: there are few slices and many channels"""
    threshold: float = 0.8
    """probability above which a position counts as foreground; classes are balanced, so a half finds too much"""
    top_k: int | None = None
    """connected parts that stay; None: as many as the annotated slice with most parts shows"""


class PromptClassifier:
    """A trained classifier of positions. Made by `train_classifier`."""

    def __init__(self, coefficients: Tensor, intercept: Tensor, config: ClassifierConfig, parts: int) -> None:
        self._coefficients = coefficients  # [C], for raw features
        self._intercept = intercept
        self._config = config
        self._parts = parts

    def grid_probability(self, embedding: SliceEmbedding) -> Tensor:
        """[h, w] float32: probability that a prompt in this cell is a foreground prompt, moved so that the threshold
        lies at one half; 0 in the padding."""
        features = torch.from_numpy(embedding.features.astype(np.float32))
        logits = torch.einsum("chw,c->hw", features, self._coefficients) + self._intercept
        logits = logits - torch.tensor(self._config.threshold).logit()
        return logits.sigmoid() * (torch.from_numpy(cells_of_slice(embedding)) > 0)

    def segment(self, embedding: SliceEmbedding) -> CoarseMask:
        """Confident foreground positions as a coarse mask, and the probability of every pixel."""
        probability = pixels_from_grid(self.grid_probability(embedding), embedding)
        mask = keep_largest(probability > 0.5, self._config.top_k or self._parts)
        return CoarseMask(probability, mask)


def train_classifier(
    slices: Sequence[AnnotatedSlice],
    config: ClassifierConfig | None = None,
    *,
    on_step: Callable[[int, int], None] | None = None,
) -> PromptClassifier:
    """Fit the classifier to all cells of the annotated slices; the problem is convex, so there is no seed.

    Raises NotEnoughSlices when no slice shows the label."""
    config = config or ClassifierConfig()
    if not any(s.mask.any() for s in slices):
        raise NotEnoughSlices("None of the annotated slices shows the label.", "Annotate one slice at least.")
    features, share = [], []
    for annotated in slices:
        inside = cells_of_slice(annotated.embedding) > 0.5
        features.append(annotated.embedding.features[:, inside].astype(np.float32).T)  # [n, C]
        share.append(share_on_grid(annotated.mask, annotated.embedding)[inside])
    x, target = torch.from_numpy(np.concatenate(features)), torch.from_numpy(np.concatenate(share))
    mean, scale = x.mean(0), x.std(0) + 1e-5
    x = (x - mean) / scale
    weight = 0.5 * (target / target.sum() + (1 - target) / (1 - target).sum().clamp_min(1e-5))  # classes alike
    coefficients = torch.zeros(x.shape[1], requires_grad=True)
    intercept = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([coefficients, intercept], lr=config.learning_rate)
    for step in range(1, config.steps + 1):
        loss = F.binary_cross_entropy_with_logits(x @ coefficients + intercept, target, weight=weight, reduction="sum")
        loss = loss + config.weight_decay * coefficients.square().sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if on_step:
            on_step(step, config.steps)
    raw = (coefficients / scale).detach()
    parts = max(len(components(s.mask)) for s in slices)
    return PromptClassifier(raw, intercept.detach() - raw @ mean, config, parts)
