"""SAM^auto: masks without a user (PAPER.md section 3, Eq. 2).

A generator learns from a few annotated slices where the object is, its coarse mask gives prompts, and the model with
its learned prompt (SAM^assist) turns them into the mask. Slice by slice, each with a confidence; nothing is remembered.
In a volume, the shape between the annotated slices joins the generator's evidence, and the pixels near the border of
the annotated slices tell where exactly the border runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from workers.sammed.border import Border, BorderConfig, Evidence, learn_border
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
    border: BorderConfig | None = field(default_factory=BorderConfig)
    """how the border is learned from the pixels near it, in a volume; None: it runs where SAM says (as in the paper)"""
    coarse_weight: float = 4.0
    """weight of the coarse mask's log odds beside SAM's in the final mask (0 in the paper: SAM's alone)"""
    least_area: float = 0.1
    """a coarse mask below this share of the smallest annotated area counts as nothing found"""


_PANET = SapNetConfig(
    features="pixels", whitening=None, prototypes=1, loss="cross_entropy", beta=1.0, top_k=None, learning_rate=1e-2
)
_PAPER = SapNetConfig(whitening=None, prototypes=1, learning_rate=1e-2)

WITH_SHAPE = "+ shape between slices"
WITH_BORDER = "+ border of the pixels"
VOLUMES_ONLY = (WITH_SHAPE, WITH_BORDER)
"""Rows of the ablation that say nothing of a set of pictures."""

_UP_TO_WHITENING = SapNetConfig(prototypes=1)

ABLATION: dict[str, AutoConfig] = {
    "PANet": AutoConfig(sapnet=_PANET, shape=False, border=None),
    "+ SAM features": AutoConfig(sapnet=replace(_PANET, features="sam"), shape=False, border=None),
    "+ position encoding": AutoConfig(sapnet=replace(_PANET, features="sam+position"), shape=False, border=None),
    "+ biased Dice": AutoConfig(sapnet=replace(_PAPER, top_k=None), shape=False, border=None),
    "+ top-K": AutoConfig(sapnet=_PAPER, shape=False, border=None),
    "+ whitening": AutoConfig(sapnet=_UP_TO_WHITENING, shape=False, border=None),
    WITH_SHAPE: AutoConfig(sapnet=_UP_TO_WHITENING, border=None),
    "+ prototypes": AutoConfig(border=None),
    WITH_BORDER: AutoConfig(),
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
    instance_boxes: FloatArray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    """[n, 4] x0, y0, x1, y1: where one prompt for each instance had a box, and there is no one prompt to show"""


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
    shown = [s for s in support if s.mask.any()]
    smallest = min(np.count_nonzero(s.mask) / s.mask.size for s in shown)

    def ask(index: int, coarse: CoarseMask) -> _Answer | None:
        """Draws depend on seed and slice alone, not on which slices came before."""
        return _ask(model, slices.embedding(index), coarse, rule, np.random.default_rng([seed, index]))

    border = _border(slices, shown, segment, ask, config, seed) if targets else None
    for done, index in enumerate(targets):
        coarse = segment(index)
        if np.count_nonzero(coarse.mask) < config.least_area * smallest * coarse.mask.size:
            coarse = CoarseMask(coarse.probability, np.zeros_like(coarse.mask))
        answer = ask(index, coarse)
        if answer is None:
            nothing = 1 - float(coarse.probability.max())
            yield SliceProposal(index, coarse.mask, nothing, None, coarse.mask)
        else:
            mask = answer.logits + config.coarse_weight * coarse.logits > 0
            if border is not None:
                mask = border.refine(Evidence(slices.image(index), answer.logits, coarse.logits, mask))
            yield _proposal(index, mask, coarse, answer)
        report(LEARNING_SHARE + (1 - LEARNING_SHARE) * (done + 1) / len(targets), "Segmenting")


class _Generator(Protocol):
    """From the number of a slice to its coarse mask. `without`: as if this slice were not annotated, as far as the
    shape between the slices goes."""

    def __call__(self, index: int, without: int | None = None) -> CoarseMask: ...


def _generator(
    slices: Slices,
    support: Sequence[AnnotatedSlice],
    config: AutoConfig,
    seed: int,
    report: ProgressCallback,
    on_learned: LearnedCallback | None,
) -> _Generator:
    """What was learned, the shape between the slices, or both."""
    if config.generator != "interpolation" and not (config.shape and config.positional):
        learned = _learn(slices, support, config, seed, report, on_learned)
        return lambda index, without=None: learned(index)
    whole = ShapeBetween(support)

    def expected(index: int, without: int | None) -> FloatArray:
        shape = whole if without is None else ShapeBetween([s for s in support if s.index != without])
        return shape.logits(index, _half_cell(slices.embedding(index)))

    if config.generator == "interpolation":
        return lambda index, without=None: _coarse(expected(index, without), config.top_k)
    taught = support
    if config.generator == "sapnet":  # the shape knows where nothing is; episodes are better spent on the label
        taught = [s for s in support if s.mask.any()]
    segment = _learn(slices, taught, config, seed, report, on_learned)
    return lambda index, without=None: _coarse(segment(index).logits + expected(index, without), config.top_k)


def _border(
    slices: Slices,
    shown: Sequence[AnnotatedSlice],
    segment: _Generator,
    ask: Callable[[int, CoarseMask], _Answer | None],
    config: AutoConfig,
    seed: int,
) -> Border | None:
    """Learned from what would have been proposed on the annotated slices, had each not been annotated."""
    if config.border is None or not config.positional or config.generator == "interpolation" or len(shown) < 2:
        return None
    examples = []
    for annotated in shown:
        coarse = segment(annotated.index, without=annotated.index)
        answer = ask(annotated.index, coarse)
        if answer is not None:
            mask = answer.logits + config.coarse_weight * coarse.logits > 0
            picture = slices.image(annotated.index)
            examples.append((Evidence(picture, answer.logits, coarse.logits, mask), annotated.mask))
    return learn_border(examples, _half_cell(shown[0].embedding), config.border, seed=seed)


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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What SAM said to the prompts that were drawn from a coarse mask."""

    asked: list[Prompts]
    logits: FloatArray
    """[H, W]; of several prompts, the union"""
    score: float


def _ask(
    model: SamModel, embedding: SliceEmbedding, coarse: CoarseMask, rule: PromptRule, rng: np.random.Generator
) -> _Answer | None:
    """Coarse mask -> prompts -> SAM; None where the coarse mask is empty."""
    asked = prompts_from(coarse, rule, rng)
    if not asked:
        return None
    answers = [model.decode(embedding, prompts) for prompts in asked]
    union = np.max([answer.low_res_logits for answer in answers], axis=0)  # [h4, w4]
    logits = model.logits_of_slice(union, embedding)
    return _Answer(asked, logits, float(np.mean([answer.score for answer in answers])))


def _proposal(index: int, mask: BoolArray, coarse: CoarseMask, answer: _Answer) -> SliceProposal:
    """Several prompts are shown as one: all points. Boxes of many instances are no one prompt."""
    asked, confidence = answer.asked, _confidence(coarse, answer)
    if len(asked) == 1:
        return SliceProposal(index, mask, confidence, asked[0], coarse.mask)
    boxes = [p.box_xyxy for p in asked if p.box_xyxy is not None]
    if boxes:
        return SliceProposal(index, mask, confidence, None, coarse.mask, np.stack(boxes))
    points = np.concatenate([p.points_xy for p in asked])
    whole = Prompts(points, np.concatenate([p.point_labels for p in asked]))
    return SliceProposal(index, mask, confidence, whole, coarse.mask)


def _confidence(coarse: CoarseMask, answer: _Answer) -> float:
    """How alike the coarse mask and SAM's are, and how sure SAM is; from the scale of the IoU to that of Dice."""
    alike = float(np.sqrt(iou(coarse.mask, answer.logits > 0) * answer.score))
    return 2 * alike / (1 + alike)
