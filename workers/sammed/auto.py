"""SAM^auto: masks without a user (PAPER.md section 3, Eq. 2).

A generator learns from a few annotated slices where the object is, its coarse mask gives prompts, and the model with
its learned prompt (SAM^assist) turns them into the mask. Slice by slice, each with a confidence; nothing is remembered.
In a volume, the shape between the annotated slices joins the generator's evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch

from workers.sammed.classification import ClassifierConfig, train_classifier
from workers.sammed.coarse import CoarseMask, PromptRule, keep_largest, probability_of, prompts_from
from workers.sammed.metrics import iou
from workers.sammed.propagation import PropagationConfig, propagate_all
from workers.sammed.sam import SamModel
from workers.sammed.sampling import PromptKind
from workers.sammed.sapnet import SapNet, SapNetConfig, train_sapnet
from workers.sammed.shape import ShapeBetween
from workers.sammed.types import (
    AnnotatedSlice,
    BoolArray,
    FloatArray,
    NotEnoughSlices,
    Prompts,
    SammedError,
    SliceEmbedding,
    Slices,
)

ProgressCallback = Callable[[float, str], None]
"""Called with the share done, in [0, 1], and what is being done; may raise to abort."""

LearnedCallback = Callable[[SapNet], None]

LEARNING_SHARE = 0.3
"""Share of the progress that learning counts for."""


@dataclass(frozen=True, slots=True)
class AutoConfig:
    """Which generator, which prompts, and the parts' own choices."""

    generator: Literal["sapnet", "classification", "propagation", "interpolation"] = "sapnet"
    """`interpolation`: the shape between the annotated slices alone, which looks at no picture"""
    prompts: PromptKind = "points"
    per_component: bool = False
    """one prompt for each connected part of the coarse mask: for many instances, as in microscopy"""
    positional: bool = True
    """the slices are of one volume; False for a set of pictures: PANet without positions, no shape, no propagation"""
    top_k: int | None = None
    """how many targets a slice shows at most; None: what `sapnet` and `classification` say"""
    rule: PromptRule = field(default_factory=PromptRule)
    """how points and boxes are drawn; its kind and per_component are set from here"""
    sapnet: SapNetConfig = field(default_factory=SapNetConfig)
    classification: ClassifierConfig = field(default_factory=ClassifierConfig)
    propagation: PropagationConfig = field(default_factory=PropagationConfig)
    shape: bool = True
    """the coarse masks of a volume also follow the shape between the annotated slices (not in the paper)"""
    coarse_weight: float = 4.0
    """weight of the coarse mask's log odds beside SAM's in the final mask (0 in the paper: SAM's alone)"""
    least_area: float = 0.1
    """a coarse mask below this share of the smallest annotated area counts as nothing found"""


_PANET = SapNetConfig(
    features="pixels", whitening=None, prototypes=1, loss="cross_entropy", beta=1.0, top_k=None, learning_rate=1e-2
)
_PAPER = SapNetConfig(whitening=None, prototypes=1, learning_rate=1e-2)

WITH_SHAPE = "+ shape between slices"

ABLATION: dict[str, AutoConfig] = {
    "PANet": AutoConfig(sapnet=_PANET, shape=False),
    "+ SAM features": AutoConfig(sapnet=replace(_PANET, features="sam"), shape=False),
    "+ position encoding": AutoConfig(sapnet=replace(_PANET, features="sam+position"), shape=False),
    "+ biased Dice": AutoConfig(sapnet=replace(_PAPER, top_k=None), shape=False),
    "+ top-K": AutoConfig(sapnet=_PAPER, shape=False),
    "+ whitening": AutoConfig(sapnet=SapNetConfig(prototypes=1), shape=False),
    WITH_SHAPE: AutoConfig(sapnet=SapNetConfig(prototypes=1)),
    "+ prototypes": AutoConfig(),
}
"""The rows of Table 5, each with one part more, and our own additions below. PANet's own backbone is a VGG, trained on
photographs; in its place a small convolutional network learns from the pixels alone, in the same episodes."""


@dataclass(frozen=True, slots=True)
class SliceProposal:
    """What SAM^auto proposes for one slice."""

    index: int
    mask: BoolArray
    """[H, W] bool; empty when nothing was found"""
    confidence: float
    """in [0, 1]; ranks the slices of one run by how good their masks probably are, roughly as a Dice"""
    prompts: Prompts | None
    """what SAM was asked; with one prompt per component, all their points; None: nothing found, or many boxes"""
    coarse: BoolArray | None
    """[H, W] bool, the generator's own mask; None for propagation, which has none"""


def auto_segment(
    model: SamModel,
    slices: Slices,
    support: Sequence[AnnotatedSlice],
    targets: Sequence[int],
    config: AutoConfig | None = None,
    *,
    seed: int = 0,
    on_progress: ProgressCallback | None = None,
    on_learned: LearnedCallback | None = None,
) -> Iterator[SliceProposal]:
    """Learn from `support` (slices with the label, and background slices), then propose a mask for each target as it is
    made. Closing the iterator or raising from `on_progress` stops it. `on_learned` gets the SAP-Net, where one was
    trained, before the first proposal.

    `model` is best given with the label's learned prompt. Raises NotEnoughSlices when no annotated slice shows the
    label, SammedError for propagation in a set of pictures, IndexError for a target that does not exist."""
    config = config or AutoConfig()
    if not any(s.mask.any() for s in support):
        raise NotEnoughSlices("None of the annotated slices shows the label.", "Annotate one slice at least.")
    if config.generator in ("propagation", "interpolation") and not config.positional:
        raise SammedError(
            f"There is no {config.generator} in a set of pictures: neighbours are not slices of one object.",
            "Choose sapnet or classification.",
        )
    for index in targets:
        if not 0 <= index < len(slices):
            raise IndexError(f"There is no slice {index} among {len(slices)}.")
    report = on_progress or (lambda share, text: None)
    if config.generator == "propagation":
        return _by_propagation(model, slices, support, targets, config, seed, report)
    return _by_coarse_mask(model, slices, support, targets, config, seed, report, on_learned)


def _by_propagation(
    model: SamModel,
    slices: Slices,
    support: Sequence[AnnotatedSlice],
    targets: Sequence[int],
    config: AutoConfig,
    seed: int,
    report: ProgressCallback,
) -> Iterator[SliceProposal]:
    def on_slice(done: int, most: int) -> None:
        report(done / most, "Following the points")

    found = propagate_all(model, slices, support, config.propagation, np.random.default_rng(seed), on_slice=on_slice)
    for index in targets:
        if index not in found:
            yield SliceProposal(index, np.zeros(slices.image(index).shape[:2], np.bool_), 0.5, None, None)
            continue
        votes, prompts = found[index]
        agreement = float(votes.probability[votes.mask].mean()) if votes.mask.any() else 0.0
        yield SliceProposal(index, votes.mask, agreement, prompts, None)
    report(1.0, "Done")


def _by_coarse_mask(
    model: SamModel,
    slices: Slices,
    support: Sequence[AnnotatedSlice],
    targets: Sequence[int],
    config: AutoConfig,
    seed: int,
    report: ProgressCallback,
    on_learned: LearnedCallback | None,
) -> Iterator[SliceProposal]:
    segment = _generator(slices, support, config, seed, report, on_learned)
    rule = replace(config.rule, kind=config.prompts, per_component=config.per_component)
    smallest = min(np.count_nonzero(s.mask) / s.mask.size for s in support if s.mask.any())
    for done, index in enumerate(targets):
        coarse = segment(index)
        if np.count_nonzero(coarse.mask) < config.least_area * smallest * coarse.mask.size:
            coarse = CoarseMask(coarse.probability, np.zeros_like(coarse.mask))
        yield _propose(model, slices.embedding(index), index, coarse, rule, config.coarse_weight, seed)
        report(LEARNING_SHARE + (1 - LEARNING_SHARE) * (done + 1) / len(targets), "Segmenting")


def _generator(
    slices: Slices,
    support: Sequence[AnnotatedSlice],
    config: AutoConfig,
    seed: int,
    report: ProgressCallback,
    on_learned: LearnedCallback | None,
) -> Callable[[int], CoarseMask]:
    """From the number of a slice to its coarse mask: what was learned, the shape between the slices, or both."""
    if config.generator == "interpolation":
        shape = ShapeBetween(support)
        return lambda index: _coarse(shape.logits(index, _half_cell(slices.embedding(index))), config.top_k)
    if not (config.shape and config.positional):
        return _learn(slices, support, config, seed, report, on_learned)
    shape = ShapeBetween(support)
    if config.generator == "sapnet":  # the shape knows where nothing is; episodes are better spent on the label
        support = [s for s in support if s.mask.any()]
    segment = _learn(slices, support, config, seed, report, on_learned)

    def segment_with_shape(index: int) -> CoarseMask:
        expected = shape.logits(index, _half_cell(slices.embedding(index)))
        return _coarse(segment(index).logits + expected, config.top_k)

    return segment_with_shape


def _coarse(logits: FloatArray, top_k: int | None) -> CoarseMask:
    """[H, W] log odds -> the coarse mask. Without a `top_k` all parts stay: the shape has left out the far ones."""
    return CoarseMask(probability_of(logits), logits > 0 if top_k is None else keep_largest(logits > 0, top_k))


def _half_cell(embedding: SliceEmbedding) -> float:
    """Half the side of a cell of the embedding's grid, in pixels of the slice."""
    cells: int = max(embedding.features.shape[1:])
    return max(embedding.original_hw) / cells / 2


def _learn(
    slices: Slices,
    support: Sequence[AnnotatedSlice],
    config: AutoConfig,
    seed: int,
    report: ProgressCallback,
    on_learned: LearnedCallback | None,
) -> Callable[[int], CoarseMask]:
    """The trained generator as a function from the number of a slice to its coarse mask."""

    def on_step(step: int, steps: int) -> None:
        report(LEARNING_SHARE * step / steps, "Learning")

    if config.generator == "classification":
        chosen = replace(config.classification, top_k=config.top_k or config.classification.top_k)
        classifier = train_classifier(support, chosen, on_step=on_step)
        return lambda index: classifier.segment(slices.embedding(index))
    sapnet_config = config.sapnet
    if config.top_k is not None:
        sapnet_config = replace(sapnet_config, top_k=config.top_k)
    if not config.positional and sapnet_config.features == "sam+position":
        sapnet_config = replace(sapnet_config, features="sam")
    net = train_sapnet(support, sapnet_config, images=slices, seed=seed, on_step=on_step)
    if on_learned:
        on_learned(net)

    def segment(index: int) -> CoarseMask:
        image = slices.image(index) if sapnet_config.features == "pixels" else None
        return net.segment(slices.embedding(index), image)

    return segment


def _propose(
    model: SamModel,
    embedding: SliceEmbedding,
    index: int,
    coarse: CoarseMask,
    rule: PromptRule,
    coarse_weight: float,
    seed: int,
) -> SliceProposal:
    """Coarse mask -> prompts -> SAM. Draws depend on seed and slice alone, not on which slices came before."""
    asked = prompts_from(coarse, rule, np.random.default_rng([seed, index]))
    if not asked:
        return SliceProposal(index, coarse.mask, 1 - float(coarse.probability.max()), None, coarse.mask)
    answers = [model.decode(embedding, prompts) for prompts in asked]
    low = torch.from_numpy(np.max([answer.low_res_logits for answer in answers], axis=0))  # the union, [h4, w4]
    logits = model.upscale(low[None, None].to(model.device), embedding)[0, 0].cpu().numpy()
    mask = logits + coarse_weight * coarse.logits > 0
    score = float(np.mean([answer.score for answer in answers]))
    alike = float(np.sqrt(iou(coarse.mask, logits > 0) * score))
    confidence = 2 * alike / (1 + alike)  # from the scale of the IoU, which SAM estimates, to that of Dice
    return SliceProposal(index, mask, confidence, _shown(asked), coarse.mask)


def _shown(asked: Sequence[Prompts]) -> Prompts | None:
    """Several prompts as one, to be shown and changed: all points. Boxes of many instances are no one prompt."""
    if len(asked) == 1:
        return asked[0]
    if any(p.box_xyxy is not None for p in asked):
        return None
    return Prompts(np.concatenate([p.points_xy for p in asked]), np.concatenate([p.point_labels for p in asked]))
