"""Measurements on the wire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.api.schemas_review import PlaceXY
from backend.imaging.measure import MeasureKind
from backend.services.measurements import LabelFigures, MeasurementView


class MeasurementIn(Schema):
    id: UUID | None = Field(default=None, description="Made by the caller, so that sending it again is a no-op")
    kind: MeasureKind
    axis: int = Field(default=0, description="0: the acquisition plane; 1 and 2: across it")
    slice: int = Field(description="Along the axis, counted from 0")
    points: list[PlaceXY] = Field(
        description="Columns and rows of the raw slice: 2 for a length, 3 for an angle (its vertex second), 4 for "
        "bidirectional (long axis, short axis), 2 opposite corners for a rectangle or an ellipse",
        max_length=4,
    )


class MeasurementOut(Schema):
    id: UUID
    volume_id: UUID
    author: Person
    created_at: datetime
    kind: MeasureKind
    axis: int
    slice: int
    points: list[PlaceXY]
    figures: dict[str, float] = Field(
        description="length_mm, long_mm, short_mm, angle_deg, area_mm2; and of the values inside: voxels, mean, sd, "
        "minimum, maximum"
    )

    @classmethod
    def of(cls, view: MeasurementView) -> MeasurementOut:
        row = view.measurement
        return cls(
            id=row.id,
            volume_id=row.volume_id,
            author=Person.of(view.author),
            created_at=row.created_at,
            kind=MeasureKind(row.kind),
            axis=row.axis,
            slice=row.slice_index,
            points=[PlaceXY(x=x, y=y) for x, y in row.points],
            figures=row.figures,
        )


class LabelFiguresOut(Schema):
    label_id: UUID
    figures: dict[str, float] = Field(description="volume_ml, voxels, mean, sd, minimum, maximum")

    @classmethod
    def of(cls, found: LabelFigures) -> LabelFiguresOut:
        return cls(label_id=found.label.id, figures=found.figures)
