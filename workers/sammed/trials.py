"""What is measured on one label of one case: SAM^assist beside the plain model and the classical methods, SAM^auto with
its generators, the ablation of SAP-Net. PAPER.md sections 1 to 3; each trial yields its rows as they are made.

Within a repeat, few annotated slices are a part of the many, and the same slices and prompts test every method: rows
differ by the method alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from workers.sammed.assist import learn_prompt
from workers.sammed.auto import ABLATION, VOLUMES_ONLY, AutoConfig, auto_segment
from workers.sammed.baselines import BASELINES
from workers.sammed.cases import Case, ProtocolConfig, Row, Subject, TrialName, Unit, evenly, stream
from workers.sammed.metrics import dice
from workers.sammed.sam import EncodedSlices, SamModel
from workers.sammed.sampling import PromptKind, Scheme, choose_slices, draw_prompts, next_correction
from workers.sammed.types import AnnotatedSlice, BoolArray, Prompts, SliceEmbedding

AUTO_POINTS = 5
"""Points per instance of the user whose SAM^assist stands beside SAM^auto (Fig. 12)."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How a trial is watched by whoever runs it."""

    clock: Callable[[], float] = time.perf_counter
    """in seconds; it should stand still while a trial is interrupted"""
    pause: Callable[[], None] | None = None
    """called between steps of learning; it may take its time, or raise to stop the trial"""

    def on_step(self, step: int, steps: int) -> None:
        """What learning calls after each step."""
        if self.pause:
            self.pause()

    def on_progress(self, share: float, what: str) -> None:
        """What SAM^auto calls while it learns and proposes."""
        if self.pause:
            self.pause()


class TimedSlices(EncodedSlices):
    """Encoded slices that remember what encoding each of them took."""

    def __init__(self, model: SamModel, case: Case, watch: Watch | None = None) -> None:
        super().__init__(model, case.images)
        self.watch = watch or Watch()
        self._seconds: dict[int, float] = {}

    def encode_all(self, indices: Sequence[int]) -> float:
        """Encode these slices where that was not done yet.  -> the seconds that encoding them took, now or earlier"""
        for index in indices:
            self.embedding(index)
        return sum(self._seconds[index] for index in set(indices))

    def embedding(self, index: int) -> SliceEmbedding:
        """As in EncodedSlices."""
        started = self.watch.clock()
        embedding = super().embedding(index)
        self._seconds.setdefault(index, self.watch.clock() - started)
        return embedding


@dataclass(slots=True)
class Tally:
    """Answers against the reference, slice by slice."""

    dices: list[float] = field(default_factory=list)
    overlap: int = 0
    total: int = 0
    tested: int = 0
    interactions: int = 0
    seconds: float = 0.0

    def add(self, answer: BoolArray, reference: BoolArray, interactions: int = 0, seconds: float = 0.0) -> None:
        """One slice. A slice without the label counts in the union alone: Dice says nothing about it."""
        if reference.any():
            self.dices.append(dice(answer, reference))
        self.overlap += int(np.count_nonzero(answer & reference))
        self.total += int(np.count_nonzero(answer)) + int(np.count_nonzero(reference))
        self.tested += 1
        self.interactions += interactions
        self.seconds += seconds

    def row(self, subject: Subject, setting: Setting, method: str, slices: int, *, main: str, seconds: float) -> Row:
        """`main` says which Dice the tables show: `slices` or `union`."""
        per_slice = float(np.mean(self.dices)) if self.dices else 0.0
        union = 2 * self.overlap / self.total if self.total else 1.0
        return Row(
            dataset=subject.case.dataset,
            case=subject.case.name,
            label=subject.name,
            method=method,
            prompts=setting.kind,
            points=setting.points,
            slices=slices,
            scheme=setting.scheme,
            repeat=setting.repeat,
            dice=round(per_slice if main == "slices" else union, 6),
            dice_slices=round(per_slice, 6),
            dice_union=round(union, 6),
            tested=self.tested,
            interactions=round(self.interactions / max(1, self.tested), 2),
            seconds=round(seconds, 3),
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """What the rows of several methods share."""

    kind: PromptKind | Literal["coarse"]
    points: int
    scheme: Scheme
    repeat: int


class Trial:
    """One repeat on one label of one case: which slices are annotated, which are left, and the learning on them."""

    def __init__(
        self, model: SamModel, encoded: TimedSlices, subject: Subject, unit: Unit, config: ProtocolConfig, repeat: int
    ) -> None:
        self.model, self.encoded, self.subject, self.config, self.repeat = model, encoded, subject, config, repeat
        self._words = (subject.case.name, subject.name, repeat)
        shown = subject.shown()
        most = max(unit.slices)
        rng = stream(config.seed, *self._words, "slices")
        if subject.case.is_volume:
            annotated = choose_slices(shown, most, rng)
        else:  # pictures have no middle
            annotated = sorted(int(i) for i in rng.choice(shown, most, replace=False))
        self.annotated = {
            n: annotated if n == most else sorted(int(i) for i in rng.choice(annotated, n, replace=False))
            for n in sorted(unit.slices, reverse=True)
        }
        """number of annotated slices -> their indices"""
        empty = [i for i in range(len(subject.case.labels)) if i not in set(shown)]
        count = min(config.background_slices, len(empty))
        self.background = sorted(int(i) for i in rng.choice(empty, count, replace=False)) if count else []
        """indices of the background slices of SAM^auto, drawn uniformly"""
        self.left = [i for i in shown if i not in set(annotated)]
        """indices of the slices that show the label and that nobody annotated"""

    def rng(self, *words: str | int) -> np.random.Generator:
        """Random numbers for one purpose within this repeat."""
        return stream(self.config.seed, *self._words, *words)

    def support(self, slices: int) -> list[AnnotatedSlice]:
        """The annotated slices with the whole label on each."""
        return [self.annotate(i, self.subject.mask(i)) for i in self.annotated[slices]]

    def annotate(self, index: int, mask: BoolArray) -> AnnotatedSlice:
        """A slice with this mask for a reference."""
        return AnnotatedSlice(index, self.encoded.embedding(index), mask)

    def objects(self, index: int) -> list[BoolArray]:
        """The objects to prompt on a slice; of many instances, a fixed random few."""
        objects = self.subject.objects(index)
        if len(objects) <= self.config.instances:
            return objects
        chosen = self.rng("instances", index).choice(len(objects), self.config.instances, replace=False)
        return [objects[i] for i in sorted(chosen)]

    def learn(self, slices: int, kind: PromptKind, scheme: Scheme) -> tuple[SamModel, float]:
        """SAM^assist from so many annotated slices, and the seconds of learning. The instances of a merged label are
        learned one by one, as they are prompted one by one."""
        lessons = [self.annotate(i, mask) for i in self.annotated[slices] for mask in self.objects(i)]
        config = replace(self.config.assist, kind=kind, scheme=scheme)
        if not self.subject.case.is_volume:
            config = replace(config, position_grid=0)  # pictures of a set do not show the object in one place
        seed = int(self.rng("learning", slices, kind, scheme).integers(2**31))
        watch = self.encoded.watch
        started = watch.clock()
        learned = learn_prompt(self.model, lessons, config, seed=seed, label=self.subject.name, on_step=watch.on_step)
        return self.model.with_prompt(learned), watch.clock() - started

    def tally(self, questions: Sequence[Question], answer: Callable[[Question], tuple[BoolArray, int]]) -> Tally:
        """Answers to all questions, timed one by one."""
        clock = self.encoded.watch.clock
        tally = Tally()
        for question in questions:
            started = clock()
            mask, interactions = answer(question)
            tally.add(mask, question.reference, interactions, clock() - started)
        return tally


# ---- SAM^assist -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """One tested slice with the prompts for its objects."""

    index: int
    objects: list[BoolArray]
    asked: list[Prompts]

    @property
    def reference(self) -> BoolArray:
        """[H, W] bool, all objects that are asked for"""
        united: BoolArray = np.logical_or.reduce(self.objects)
        return united


def assist_rows(trial: Trial, slices: Sequence[int]) -> Iterator[Row]:
    """Plain model, SAM^assist and the classical methods on the same prompts (Fig. 7, 9 and 10, Tables 2 to 4)."""
    config = trial.config
    tested = evenly(trial.left, config.test_slices)
    for scheme in config.schemes:
        for kind in config.prompts:
            if kind != "points" and scheme != config.schemes[0]:
                continue  # schemes are about points; corrections go where the mask is wrong
            models = {n: trial.learn(n, kind, scheme) for n in slices}
            for points in {"points": config.points, "boxes": (0,), "composite": (config.corrections,)}[kind]:
                setting = Setting(kind, points, scheme, trial.repeat)
                questions = [_question(trial, index, setting) for index in tested]
                yield from _compare(trial, questions, setting, models)


def _question(trial: Trial, index: int, setting: Setting) -> Question:
    """Points, or a jittered box; the box alone for composite, whose points follow from the answers."""
    assert setting.kind != "coarse"
    kind: PromptKind = "boxes" if setting.kind == "composite" else setting.kind
    rng = trial.rng("prompts", kind, setting.points, setting.scheme, index)
    objects = trial.objects(index)
    n = setting.points
    return Question(index, objects, [draw_prompts(mask, kind, n, n, rng, scheme=setting.scheme) for mask in objects])


def _compare(
    trial: Trial, questions: Sequence[Question], setting: Setting, models: dict[int, tuple[SamModel, float]]
) -> Iterator[Row]:
    composite = setting.kind == "composite"
    ask = _ask_actively if composite else _ask
    once = {"plain": trial.tally(questions, partial(ask, trial, trial.model))}
    if not composite:  # active correction is a dialogue with a model
        few = evenly(questions, trial.config.baseline_slices)
        for name in trial.config.baselines:
            once[name] = trial.tally(few, partial(_ask_baseline, trial, name))
    for n, (model, seconds) in models.items():
        for method, tally in once.items():
            mean_s = tally.seconds / tally.tested
            yield tally.row(trial.subject, setting, method, n, main="slices", seconds=mean_s)
        taught = trial.tally(questions, partial(ask, trial, model))
        yield taught.row(trial.subject, setting, "assist", n, main="slices", seconds=seconds)


def _ask(trial: Trial, model: SamModel, question: Question) -> tuple[BoolArray, int]:
    """Each object is asked for on its own. -> union of the masks [H, W], points and boxes given"""
    embedding = trial.encoded.embedding(question.index)
    masks = [model.decode(embedding, prompts).mask for prompts in question.asked]
    return np.logical_or.reduce(masks), sum(_count(prompts) for prompts in question.asked)


def _ask_baseline(trial: Trial, name: str, question: Question) -> tuple[BoolArray, int]:
    image = trial.encoded.image(question.index)
    masks = [BASELINES[name](image, prompts) for prompts in question.asked]
    return np.logical_or.reduce(masks), sum(_count(prompts) for prompts in question.asked)


def _ask_actively(trial: Trial, model: SamModel, question: Question) -> tuple[BoolArray, int]:
    """The box first, then corrective points one at a time; of each object the best mask along the way counts."""
    embedding = trial.encoded.embedding(question.index)
    best_masks, interactions = [], 0
    for number, (mask, prompts) in enumerate(zip(question.objects, question.asked, strict=True)):
        rng = trial.rng("corrections", question.index, number)
        best: tuple[float, BoolArray, int] | None = None
        for _ in range(trial.config.corrections + 1):
            answer = model.decode(embedding, prompts).mask
            score = dice(answer, mask)
            if best is None or score > best[0]:
                best = (score, answer, _count(prompts))
            click = next_correction(mask, answer, rng)
            if click is None:
                break
            prompts = replace(
                prompts,
                points_xy=np.concatenate([prompts.points_xy, click[0][None]]),
                point_labels=np.append(prompts.point_labels, np.int32(click[1])),
            )
        assert best is not None
        best_masks.append(best[1])
        interactions += best[2]
    return np.logical_or.reduce(best_masks), interactions


def _count(prompts: Prompts) -> int:
    return len(prompts.points_xy) + (prompts.box_xyxy is not None)


# ---- SAM^auto -------------------------------------------------------------------------------------------------------


def auto_rows(trial: Trial, slices: Sequence[int]) -> Iterator[Row]:
    """The generators, each with its coarse mask alone, beside SAM^assist with a user (Fig. 12)."""
    case = trial.subject.case
    kind = _auto_kind(trial)
    for n in slices:
        model, learning_s = trial.learn(n, kind, "uniform")
        for generator in trial.config.generators:
            if generator in ("interpolation", "propagation") and not case.is_volume:
                continue  # pictures have no neighbours
            config = replace(trial.config.auto, generator=generator)
            yield from _generated(trial, model, n, config, generator, learning_s)
        setting = Setting(kind, AUTO_POINTS if kind == "points" else 0, "uniform", trial.repeat)
        questions = [_question(trial, index, setting) for index in evenly(trial.left, trial.config.test_slices)]
        helped = trial.tally(questions, partial(_ask, trial, model))
        main = "union" if case.is_volume else "slices"
        yield helped.row(trial.subject, setting, "assist", n, main=main, seconds=learning_s)


def ablation_rows(trial: Trial, slices: Sequence[int]) -> Iterator[Row]:
    """The rows of Table 5: SAP-Net part by part, its coarse mask and what SAM^assist makes of it."""
    for n in slices:
        model, learning_s = trial.learn(n, _auto_kind(trial), "uniform")
        for name, row in ABLATION.items():
            if name in VOLUMES_ONLY and not trial.subject.case.is_volume:
                continue
            config = replace(
                trial.config.auto, generator="sapnet", sapnet=row.sapnet, shape=row.shape, border=row.border
            )
            yield from _generated(trial, model, n, config, name, learning_s)


def _auto_kind(trial: Trial) -> PromptKind:
    """Points for volumes, boxes for many instances (section 3.3 of the paper)."""
    return "boxes" if trial.subject.case.merged else "points"


def _generated(
    trial: Trial, model: SamModel, slices: int, config: AutoConfig, method: str, learning_s: float
) -> Iterator[Row]:
    """Run SAM^auto on every slice that nobody annotated, with the label or without (at most `test_slices`)."""
    case, kind = trial.subject.case, _auto_kind(trial)
    taken = {*max(trial.annotated.values(), key=len), *trial.background}
    targets = evenly([i for i in range(len(case.labels)) if i not in taken], trial.config.test_slices)
    support = trial.support(slices) + [trial.annotate(i, trial.subject.mask(i)) for i in trial.background]
    config = replace(config, prompts=kind, per_component=bool(case.merged), positional=case.is_volume)
    encoding_s = trial.encoded.encode_all([*(s.index for s in support), *targets])
    seed = int(trial.rng("auto", slices).integers(2**31))
    watch = trial.encoded.watch
    started = watch.clock()
    proposals = list(
        auto_segment(model, trial.encoded, support, targets, config, seed=seed, on_progress=watch.on_progress)
    )
    seconds = encoding_s + learning_s + watch.clock() - started
    whole, coarse = Tally(), Tally()
    for proposal in proposals:
        reference = trial.subject.mask(proposal.index)
        whole.add(proposal.mask, reference)
        if proposal.coarse is not None:
            coarse.add(proposal.coarse, reference)
    main = "union" if case.is_volume else "slices"
    rule = config.rule
    settings = [(coarse, Setting("coarse", 0, "uniform", trial.repeat))] if coarse.tested else []
    settings.append((whole, Setting(kind, rule.n_points if kind == "points" else 0, "uniform", trial.repeat)))
    for tally, setting in settings:
        yield tally.row(trial.subject, setting, method, slices, main=main, seconds=seconds)


TRIALS: dict[TrialName, Callable[[Trial, Sequence[int]], Iterator[Row]]] = {
    "assist": assist_rows,
    "auto": auto_rows,
    "ablation": ablation_rows,
}
