"""Agreement of readers and consensus on the wire, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean
from typing import Annotated
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.api.schemas_statistics import plain
from backend.domain.reading import ConsensusMethod
from backend.services.agreements import DEFAULT_TOLERANCE_MM, Agreed, AgreementView

Tolerance = Annotated[float, Field(gt=0, le=100, description="Surfaces so near to each other agree, in mm")]


class AgreementIn(Schema):
    tolerance_mm: Tolerance = DEFAULT_TOLERANCE_MM


class ConsensusIn(Schema):
    """`majority` and `staple` take two readers or more, `reader` takes one."""

    method: ConsensusMethod
    reader_ids: list[UUID]


class PairOut(Schema):
    """Two people's masks of a label on a volume."""

    case_id: UUID
    case_name: str
    volume_id: UUID
    volume_name: str
    label_id: UUID
    label_name: str
    first: Person
    second: Person
    dice: float
    surface_dice: float
    hd95_mm: float | None = Field(description="null: one of the masks is empty")
    first_ml: float
    second_ml: float
    volume_difference_ml: float = Field(description="The second's volume less the first's")
    volume_difference_percent: float = Field(description="Of the mean of both volumes")
    worst_slice: int = Field(description="From 0; with the most voxels in one mask only")

    @classmethod
    def of(cls, view: AgreementView) -> PairOut:
        row = view.numbers
        return cls(
            case_id=view.case.id,
            case_name=view.case.name,
            volume_id=view.volume.id,
            volume_name=view.volume.name,
            label_id=view.label.id,
            label_name=view.label.name,
            first=Person.of(view.first),
            second=Person.of(view.second),
            dice=row.dice,
            surface_dice=row.surface_dice,
            hd95_mm=row.hd95_mm,
            first_ml=row.first_ml,
            second_ml=row.second_ml,
            volume_difference_ml=row.second_ml - row.first_ml,
            volume_difference_percent=200 * (row.second_ml - row.first_ml) / (row.first_ml + row.second_ml),
            worst_slice=row.worst_slice,
        )


class MeanOut(Schema):
    """Mean over the masks of a label that two people drew; of differences of volume the size counts, not the sign."""

    label_id: UUID
    label_name: str
    first: Person
    second: Person
    masks: int
    dice: float
    surface_dice: float
    hd95_mm: float | None = Field(description="Over the masks where both are not empty")
    volume_difference_ml: float
    volume_difference_percent: float


class AgreementOut(Schema):
    tolerance_mm: float
    missing: int = Field(description="Pairs that are not computed yet or have changed since: start the job")
    pairs: list[PairOut]
    means: list[MeanOut]

    @classmethod
    def of(cls, found: Agreed, tolerance_mm: float) -> AgreementOut:
        pairs = [PairOut.of(view) for view in found.found]
        return cls(tolerance_mm=tolerance_mm, missing=found.missing, pairs=pairs, means=_means(pairs))


class TestScore(Schema):
    """How near one person came to gold masks of a label."""

    __test__ = False  # no test case, whatever its name begins with

    person: Person
    label_id: UUID
    label_name: str
    masks: int
    dice: float
    surface_dice: float
    hd95_mm: float | None
    volume_difference_percent: float


class TestsOut(Schema):
    __test__ = False

    tolerance_mm: float
    missing: int
    scores: list[TestScore]
    pairs: list[PairOut]

    @classmethod
    def of(cls, found: Agreed, tolerance_mm: float) -> TestsOut:
        by: dict[tuple[UUID, UUID], list[tuple[Person, PairOut]]] = defaultdict(list)
        for view in found.found:
            tested = view.second if view.first.id == view.case.result_by_id else view.first
            by[tested.id, view.label.id].append((Person.of(tested), PairOut.of(view)))
        scores = []
        for rows in by.values():
            mean = _mean([pair for _, pair in rows])
            scores.append(
                TestScore(
                    person=rows[0][0],
                    label_id=mean.label_id,
                    label_name=mean.label_name,
                    masks=mean.masks,
                    dice=mean.dice,
                    surface_dice=mean.surface_dice,
                    hd95_mm=mean.hd95_mm,
                    volume_difference_percent=mean.volume_difference_percent,
                )
            )
        scores.sort(key=lambda score: (score.person.name, score.label_name))
        pairs = [pair for rows in by.values() for _, pair in rows]
        return cls(tolerance_mm=tolerance_mm, missing=found.missing, scores=scores, pairs=pairs)


def _means(pairs: Iterable[PairOut]) -> list[MeanOut]:
    """By label and pair of people, in this order."""
    by: dict[tuple[UUID, UUID, UUID], list[PairOut]] = defaultdict(list)
    for pair in pairs:
        by[pair.label_id, pair.first.id, pair.second.id].append(pair)
    means = [_mean(rows) for rows in by.values()]
    return sorted(means, key=lambda mean: (mean.label_name, mean.first.name, mean.second.name))


def _mean(rows: list[PairOut]) -> MeanOut:
    distances = [row.hd95_mm for row in rows if row.hd95_mm is not None]
    return MeanOut(
        label_id=rows[0].label_id,
        label_name=rows[0].label_name,
        first=rows[0].first,
        second=rows[0].second,
        masks=len(rows),
        dice=fmean(row.dice for row in rows),
        surface_dice=fmean(row.surface_dice for row in rows),
        hd95_mm=fmean(distances) if distances else None,
        volume_difference_ml=fmean(abs(row.volume_difference_ml) for row in rows),
        volume_difference_percent=fmean(abs(row.volume_difference_percent) for row in rows),
    )


_NUMBERS = (
    "dice surface_dice hd95_mm first_ml second_ml volume_difference_ml volume_difference_percent worst_slice".split()
)


def agreement_csv(found: Agreed, tolerance_mm: float) -> str:
    """A line for each pair of masks."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["case", "volume", "label", "first", "second", "tolerance_mm", *_NUMBERS])
    for pair in AgreementOut.of(found, tolerance_mm).pairs:
        names = (pair.case_name, pair.volume_name, pair.label_name, pair.first.name, pair.second.name)
        numbers = (getattr(pair, name) for name in _NUMBERS)
        writer.writerow([*(plain(name) for name in names), tolerance_mm, *numbers])
    return text.getvalue()
