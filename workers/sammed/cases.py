"""The values of the evaluation protocol: cases, settings, rows, and the plan of what is measured on what.

No model here and no files: `trials.py` measures, `protocol.py` runs the plan, `report.py` writes the tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from workers.sammed.assist import AssistConfig
from workers.sammed.auto import AutoConfig
from workers.sammed.baselines import BASELINES
from workers.sammed.sampling import PromptKind, Scheme
from workers.sammed.types import BoolArray, NotEnoughSlices, SammedError

_T = TypeVar("_T")

GeneratorName = Literal["interpolation", "propagation", "classification", "sapnet"]
TrialName = Literal["assist", "auto", "ablation"]


class InvalidProtocol(SammedError):
    """A setting of the protocol that cannot be measured."""


@dataclass(frozen=True, slots=True)
class Case:
    """One volume, or one set of pictures, with its reference labels."""

    name: str
    """unique among the cases of a report"""
    images: Sequence[NDArray[np.uint8]]
    """each [H, W] or [H, W, 3] uint8, windowed: what the model sees"""
    labels: Sequence[NDArray[Any]]
    """each [H, W] of an integer type, 0 is background"""
    label_names: dict[int, str]
    """the labels to measure, by value; every value must occur. Not looked at when `merged` is set"""
    is_volume: bool
    """whether neighbouring images are neighbouring slices"""
    dataset: str = ""
    """the group under which tables average"""
    merged: str = ""
    """name of the one label whose instances all values number; empty: every value is a label of its own"""


@dataclass(frozen=True, slots=True)
class Subject:
    """One label of one case: what is annotated, learned and tested."""

    case: Case
    value: int
    """0 for a merged label"""

    @property
    def name(self) -> str:
        return self.case.merged or self.case.label_names[self.value]

    def mask(self, index: int) -> BoolArray:
        """[H, W] bool: the whole label on one slice."""
        labels = self.case.labels[index]
        found: BoolArray = labels > 0 if self.case.merged else labels == self.value
        return found

    def objects(self, index: int) -> list[BoolArray]:
        """What a user would prompt one by one: the instances of a merged label, otherwise the label as a whole."""
        if not self.case.merged:
            return [self.mask(index)]
        labels = self.case.labels[index]
        return [labels == value for value in np.unique(labels) if value]

    def shown(self) -> list[int]:
        """Indices of the slices that show the label, ascending."""
        return [index for index in range(len(self.case.labels)) if self.mask(index).any()]


@dataclass(frozen=True, slots=True)
class ProtocolConfig:
    """Everything that decides what the rows say. Raises InvalidProtocol."""

    slices: tuple[int, ...] = (2, 5)
    """numbers of annotated slices"""
    points: tuple[int, ...] = (1, 3, 5, 10)
    """foreground points per instance; as many background points in all (section 3.3, validation)"""
    prompts: tuple[PromptKind, ...] = ("points", "boxes", "composite")
    schemes: tuple[Scheme, ...] = ("uniform",)
    """how points are drawn, in learning and in testing alike (Fig. 9)"""
    generators: tuple[GeneratorName, ...] = ("interpolation", "propagation", "classification", "sapnet")
    repeats: int = 1
    """with other annotated slices and other prompts each time"""
    seed: int = 0
    corrections: int = 5
    """composite prompts: the box, then at most so many corrective points"""
    test_slices: int | None = 20
    """at most so many of the remaining slices are tested, evenly spaced; None: all"""
    baselines: tuple[str, ...] = tuple(BASELINES)
    baseline_slices: int = 5
    """classical methods answer at most so many of the tested slices, evenly spaced: some take seconds for each"""
    instances: int = 16
    """of a merged label, so many instances are prompted on each slice"""
    background_slices: int = 5
    """slices without the label that SAM^auto learns from beside the annotated ones"""
    assist: AssistConfig = field(default_factory=AssistConfig)
    """its kind and scheme are set from here"""
    auto: AutoConfig = field(default_factory=AutoConfig)
    """its generator, prompts, per_component and positional are set from here and from the case"""

    def __post_init__(self) -> None:
        counts: list[tuple[str, tuple[int, ...], int]] = [
            ("slices", self.slices, 1),
            ("points", self.points, 1),
            ("repeats", (self.repeats,), 1),
            ("corrections", (self.corrections,), 0),
            ("test slices", () if self.test_slices is None else (self.test_slices,), 1),
            ("baseline slices", (self.baseline_slices,), 1),
            ("instances", (self.instances,), 1),
            ("background slices", (self.background_slices,), 0),
            ("seed", (self.seed,), 0),
        ]
        for what, numbers, least in counts:
            for number in numbers:
                if number < least:
                    raise InvalidProtocol(f"The number of {what} is {number}; {least} is the least.")
        words: list[tuple[str, tuple[str, ...], Sequence[str]]] = [
            ("prompt kind", self.prompts, get_args(PromptKind)),
            ("sampling scheme", self.schemes, get_args(Scheme)),
            ("generator", self.generators, get_args(GeneratorName)),
            ("baseline", self.baselines, tuple(BASELINES)),
        ]
        for what, given, known in words:
            for word in given:
                if word not in known:
                    raise InvalidProtocol(f"There is no {what} {word}.", f"Known: {', '.join(known)}.")
        if not (self.slices and self.points and self.prompts and self.schemes and self.generators):
            raise InvalidProtocol("Slices, points, prompts, schemes and generators need one entry at least.")


@dataclass(frozen=True, slots=True)
class Row:
    """One method on one label of one case under one setting, once."""

    dataset: str
    case: str
    label: str
    method: str
    """plain, assist, a baseline, a generator, or a row of the ablation"""
    prompts: str
    """points, boxes, composite; coarse: the generator's own mask, before SAM"""
    points: int
    """foreground points per instance; 0 for boxes; for composite the most corrective points"""
    slices: int
    """annotated slices. What learns nothing answers once; its row is repeated for every number, to stand beside"""
    scheme: str
    repeat: int
    """counts from 1"""
    dice: float
    """the figure of the tables: `dice_slices`, but `dice_union` for SAM^auto and the ablation on volumes"""
    dice_slices: float
    """mean Dice over the tested slices that show the label"""
    dice_union: float
    """Dice of all tested slices taken as one volume"""
    tested: int
    """how many slices were tested"""
    interactions: float
    """mean number of points and boxes given for each tested slice; 0 where there was no user"""
    seconds: float
    """assist: of learning the prompt; generators and ablation: of the whole run, with encodings, prompt learning and
    all proposals (both rows of a run carry the same); others: mean of one slice"""


@dataclass(frozen=True, slots=True)
class Unit:
    """One label of one case, with the numbers of annotated slices that it has enough slices for."""

    case: int
    """position in the list of cases"""
    value: int
    slices: tuple[int, ...]


def plan(cases: Sequence[Case], config: ProtocolConfig) -> tuple[list[Unit], list[str]]:
    """What will be measured, and a sentence for all that will not.

    A setting with N annotated slices needs N + 1 slices that show the label: one at least stays for the test. Raises
    NotEnoughSlices when nothing is left."""
    units, skipped = [], []
    for number, case in enumerate(cases):
        for value in [0] if case.merged else sorted(case.label_names):
            subject = Subject(case, value)
            shown = len(subject.shown())
            enough = tuple(sorted(n for n in set(config.slices) if n < shown))
            if missing := sorted(set(config.slices) - set(enough)):
                what = "slice shows" if shown == 1 else "slices show"
                skipped.append(
                    f"{case.name}, {subject.name}: only {shown} {what} it; "
                    f"{', '.join(map(str, missing))} annotated and one to test are too many."
                )
            if enough:
                units.append(Unit(number, value, enough))
    if not units:
        raise NotEnoughSlices("There is nothing to measure. " + " ".join(skipped), "Ask for fewer annotated slices.")
    return units, skipped


def stream(seed: int, *words: str | int) -> Generator:
    """Random numbers that depend on the seed and these words alone: not on the order of the work, nor the machine."""
    digest = hashlib.sha256("\x1f".join(str(word) for word in words).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], "<u4").tolist()])


def evenly(items: Sequence[_T], most: int | None) -> list[_T]:
    """At most `most` of these, evenly spaced, in their order; all for None."""
    if most is None or len(items) <= most:
        return list(items)
    return [items[round(position)] for position in np.linspace(0, len(items) - 1, most)]
