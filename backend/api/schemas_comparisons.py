"""Blinded comparisons on the wire, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from backend.api.schemas_base import Rle, Schema
from backend.api.schemas_jobs import Job
from backend.api.schemas_people import Person
from backend.api.schemas_statistics import plain
from backend.domain.comparison import MOST_PAIRS, MOST_READERS, Choice, ComparisonSettings, Source
from backend.services.comparison_tally import TallyRow, VoteRow
from backend.services.comparisons import ComparisonState, ComparisonView, ReaderProgress
from backend.services.judging import Judged, Turn


class ComparisonIn(Schema):
    """Two sources of masks to compare on slices of accepted masks, drawn by the seed."""

    name: str = Field(description="Readers see it: it should not say what is compared")
    settings: ComparisonSettings
    label_ids: list[UUID]
    case_ids: list[UUID] | None = Field(default=None, description="Accepted cases; null: all of them")
    slices: dict[UUID, list[int]] | None = Field(
        default=None, description="Of these of the chosen cases only these slices, from 0; of pictures it says nothing"
    )
    reader_ids: Annotated[list[UUID], Field(max_length=MOST_READERS)]
    pairs: Annotated[int, Field(ge=1, le=MOST_PAIRS)] = 40

    @model_validator(mode="after")
    def _of_chosen_cases(self) -> Self:
        if self.slices and not set(self.slices) <= set(self.case_ids or ()):
            raise ValueError("Slices are chosen of cases that are chosen.")
        return self

    @property
    def cases(self) -> dict[UUID, list[int] | None] | None:
        """Case -> its chosen slices, None: any of them; None: all accepted cases."""
        slices = self.slices or {}
        return None if self.case_ids is None else {case_id: slices.get(case_id) for case_id in self.case_ids}


class ReadersIn(Schema):
    reader_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_READERS)]


class ReaderProgressOut(Schema):
    reader: Person
    judged: int
    finished_at: datetime | None

    @classmethod
    def of(cls, one: ReaderProgress) -> ReaderProgressOut:
        return cls(reader=Person.of(one.reader), judged=one.judged, finished_at=one.finished_at)


class ComparisonOut(Schema):
    id: UUID
    project_id: UUID
    name: str
    created_at: datetime
    closed_at: datetime | None = Field(description="Since when nobody judges any more")
    state: ComparisonState
    job: Job | None = Field(description="That computes masks, as long as it is not done")
    pairs: int
    identical: int = Field(description="Slices left out because both masks are the same")
    settings: ComparisonSettings | None = Field(description="null to who still judges")
    readers: list[ReaderProgressOut] = Field(description="For managers; else one's own")
    mine: ReaderProgressOut | None

    @classmethod
    def of(cls, view: ComparisonView) -> ComparisonOut:
        row = view.comparison
        shown = view.job is not None and view.state is not ComparisonState.READY
        return cls(
            id=row.id,
            project_id=row.project_id,
            name=row.name,
            created_at=row.created_at,
            closed_at=row.closed_at,
            state=view.state,
            job=Job.of(view.job) if shown and view.job else None,
            pairs=view.pairs,
            identical=row.identical,
            settings=view.settings,
            readers=[ReaderProgressOut.of(one) for one in view.readers],
            mine=ReaderProgressOut.of(view.mine) if view.mine else None,
        )


class TurnOut(Schema):
    """A pair as its reader sees it; which mask is whose is nowhere in it."""

    position: int
    of: int
    volume_id: UUID
    label_name: str
    label_color: str
    slice: int
    left: Rle
    right: Rle
    choice: Choice | None = Field(description="What was said of it")

    @classmethod
    def of_turn(cls, turn: Turn) -> TurnOut:
        size = (turn.volume.rows, turn.volume.columns)
        return cls(
            position=turn.position,
            of=turn.of,
            volume_id=turn.volume.id,
            label_name=turn.label.name,
            label_color=turn.label.color,
            slice=turn.slice_index,
            left=Rle(size=size, counts=turn.left_counts),
            right=Rle(size=size, counts=turn.right_counts),
            choice=turn.choice,
        )


class VoteIn(Schema):
    id: UUID = Field(description="Made by the client (UUIDv7): sending it again changes nothing")
    position: int = Field(ge=0)
    choice: Choice
    seconds: float | None = Field(default=None, ge=0, le=86_400, description="Since the pair was shown")


class JudgedOut(Schema):
    judged: int
    of: int
    next: int | None = Field(description="The first pair of which nothing is said; null: none is left")

    @classmethod
    def of_judged(cls, done: Judged) -> JudgedOut:
        return cls(judged=done.judged, of=done.of, next=done.next)


class TallyRowOut(Schema):
    label_id: UUID | None = Field(description="null: all labels")
    label_name: str | None
    reader: Person | None = Field(description="null: of each pair what most readers prefer")
    first: int
    second: int
    none: int
    share: float | None = Field(description="Of the first source, of the pairs with a preference")
    low: float | None = Field(description="Wilson's 95 % interval of the share")
    high: float | None
    p_value: float | None = Field(description="Exact two-sided sign test")

    @classmethod
    def of(cls, row: TallyRow) -> TallyRowOut:
        low, high = row.tally.interval or (None, None)
        return cls(
            label_id=row.label.id if row.label else None,
            label_name=row.label.name if row.label else None,
            reader=Person.of(row.reader) if row.reader else None,
            first=row.tally.first,
            second=row.tally.second,
            none=row.tally.none,
            share=row.tally.share,
            low=low,
            high=high,
            p_value=row.tally.p_value,
        )


class TallyOut(Schema):
    first: Source
    second: Source
    rows: list[TallyRowOut]


def tally_csv(out: TallyOut) -> str:
    """A line for each label and reader; empty: all of them."""
    text = io.StringIO()
    writer = csv.writer(text)
    figures = ("first", "second", "none", "share", "low", "high", "p_value")
    writer.writerow(["first_source", "second_source", "label", "reader", *figures])
    sources = [f"{source.what} ({source.how})" for source in (out.first, out.second)]
    for row in out.rows:
        names = plain(row.label_name or ""), plain(row.reader.name if row.reader else "")
        writer.writerow([*sources, *names, *(getattr(row, name) for name in figures)])
    return text.getvalue()


def votes_csv(votes: list[VoteRow]) -> str:
    """A line for each pair and reader, with where both masks are from."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        "case volume label slice reader position left choice winner seconds at first_from second_from".split()
    )
    for row in votes:
        names = (row.case.name, row.volume.name, row.label.name)
        writer.writerow(
            [
                *(plain(name) for name in names),
                row.pair.slice_index,
                plain(row.reader.name),
                row.turn.position,
                "first" if row.turn.first_is_left else "second",
                row.vote.choice,
                row.winner,
                row.vote.seconds,
                row.vote.created_at.isoformat(),
                json.dumps(row.pair.first_from),
                json.dumps(row.pair.second_from),
            ]
        )
    return text.getvalue()
