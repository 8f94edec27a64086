"""Blinded comparisons of two sources of masks: what is compared, what readers say, the figures of the tally. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.domain.annotation import Origin

MOST_PAIRS = 500
MOST_READERS = 20


class MaskSource(StrEnum):
    """Who or what drew a mask."""

    PLAIN = "plain"
    """the model as it came"""
    ASSIST = "assist"
    """the model with a prompt learned of the label"""
    AUTO = "auto"
    """SAM^auto, without a user"""
    HUMAN = "human"
    """what was accepted in the end"""


ORIGIN_OF = {MaskSource.PLAIN: Origin.SAM, MaskSource.ASSIST: Origin.ASSIST, MaskSource.AUTO: Origin.AUTO}
"""The origin of the stored revisions that a source drew."""


class Source(BaseModel):
    """`stored`: as revisions of accepted cases have it. `computed`: by a worker, with prompts that are drawn, by the
    comparison's seed, from the accepted mask."""

    model_config = ConfigDict(frozen=True)

    what: MaskSource
    how: Literal["stored", "computed"] = "stored"


class ComparisonSettings(BaseModel):
    """`prompts` and `points` (positive and negative ones each) are for what is computed of a click; `support` slices of
    the accepted mask, or of pictures so many others with the label, teach what is learned, and are not compared."""

    model_config = ConfigDict(frozen=True)

    first: Source
    second: Source
    prompts: Literal["points", "boxes"] = "points"
    points: int = Field(default=3, ge=1, le=20)
    support: int = Field(default=5, ge=2, le=20)
    seed: int = Field(default=0, ge=0, lt=2**31)
    model: str | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.first == self.second:
            raise ValueError("The two sources are the same.")
        if Source(what=MaskSource.HUMAN, how="computed") in (self.first, self.second):
            raise ValueError("What a person draws cannot be computed.")
        return self

    @property
    def computed(self) -> tuple[Source, ...]:
        return tuple(source for source in (self.first, self.second) if source.how == "computed")

    @property
    def learns(self) -> bool:
        """Whether slices are needed to learn from."""
        return any(source.what is not MaskSource.PLAIN for source in self.computed)


class PlannedGroup(BaseModel):
    """Slices of one accepted mask that are compared, and those of the same volume that may teach. Of a picture, which
    has one slice, the accepted masks of other pictures teach: `pictures`, as annotations."""

    model_config = ConfigDict(frozen=True)

    annotation_id: UUID
    volume_id: UUID
    label_id: UUID
    slices: tuple[int, ...]
    support: tuple[int, ...] = ()
    pictures: tuple[UUID, ...] = ()


class Choice(StrEnum):
    """What a reader says of a pair."""

    LEFT = "left"
    RIGHT = "right"
    NONE = "none"
    """no difference"""


class Winner(StrEnum):
    FIRST = "first"
    SECOND = "second"
    NONE = "none"


def winner_of(choice: Choice, *, first_is_left: bool) -> Winner:
    if choice is Choice.NONE:
        return Winner.NONE
    return Winner.FIRST if (choice is Choice.LEFT) == first_is_left else Winner.SECOND


def majority(winners: Sequence[Winner]) -> Winner:
    """What most readers of a pair prefer; no difference where neither source has more than the other."""
    lead = winners.count(Winner.FIRST) - winners.count(Winner.SECOND)
    return Winner.NONE if lead == 0 else Winner.FIRST if lead > 0 else Winner.SECOND


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each source was preferred, and how often there was no difference."""

    first: int
    second: int
    none: int

    @classmethod
    def of(cls, winners: Iterable[Winner]) -> Tally:
        found = list(winners)
        return cls(*(found.count(winner) for winner in (Winner.FIRST, Winner.SECOND, Winner.NONE)))

    @property
    def share(self) -> float | None:
        """Of the pairs with a preference, those where the first source had it; None without any."""
        decided = self.first + self.second
        return self.first / decided if decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of `share`."""
        decided = self.first + self.second
        return wilson(self.first, decided) if decided else None

    @property
    def p_value(self) -> float | None:
        """Of the two-sided sign test: how probable a lead so large is where neither source is better."""
        return sign_test(self.first, self.second) if self.first + self.second else None


def wilson(wins: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a share, of at least one trial; 95 % unless `z` says otherwise."""
    share, z2 = wins / trials, z * z
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def sign_test(wins: int, losses: int) -> float:
    """The exact two-sided p value of so many wins and losses, ties left out."""
    trials = wins + losses
    tail: int = sum(math.comb(trials, k) for k in range(min(wins, losses) + 1))
    return min(1.0, math.ldexp(tail, 1 - trials))
