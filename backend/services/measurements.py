"""Measurements on the slices of a case, and the figures of its labels: kept, listed, handed out as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, CurrentMask, LabelRow, Measurement, User, VolumeRow
from backend.domain.ids import new_id
from backend.domain.workflow import Action
from backend.errors import Conflict, Forbidden, NotFound, Rejected
from backend.imaging import masks
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.measure import MeasureKind, PointXY, measure, statistics
from backend.services import audit
from backend.services.access import Principal, VolumeNotFound, blind_reading, require_case, require_volume
from backend.services.volumes import Volumes
from backend.stores.objects import Objects

FIGURES = (
    "length_mm",
    "long_mm",
    "short_mm",
    "angle_deg",
    "area_mm2",
    "volume_ml",
    "voxels",
    "mean",
    "sd",
    "minimum",
    "maximum",
)
"""The columns of the table."""

_HEAD = ["volume", "kind", "label", "author", "created_at", "axis", "slice", "points", *FIGURES]


class MeasurementNotFound(NotFound):
    """No such measurement in the caller's cases. Raised by services.measurements."""

    code = "measurement_not_found"
    title = "There is no such measurement"


class NotYourMeasurement(Forbidden):
    """Only who made a measurement removes it. Raised by services.measurements."""

    code = "not_your_measurement"
    title = "This is somebody else's measurement"


class MeasurementTaken(Conflict):
    """The id that came with a measurement is that of another one. Raised by services.measurements."""

    code = "measurement_taken"
    title = "This id belongs to another measurement"


class InvalidMeasurement(Rejected):
    """A measurement has the wrong number of points, or points beyond its slice. Raised by services.measurements."""

    code = "invalid_measurement"
    title = "This cannot be measured"


@dataclass(frozen=True, slots=True)
class MeasurementView:
    measurement: Measurement
    author: User


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """The size of a label on a volume and the values inside, as one annotator drew it."""

    volume_id: UUID
    label: LabelRow
    figures: dict[str, float]


class Measurements:
    def __init__(self, db: Database, volumes: Volumes, objects: Objects) -> None:
        self._db = db
        self._volumes = volumes
        self._objects = objects

    def of_case(self, who: Principal, case_id: UUID) -> list[MeasurementView]:
        """All measurements of a case, oldest first; who reads it blind sees their own only."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            query = (
                select(Measurement, User)
                .join(User, User.id == Measurement.author_id)
                .join(VolumeRow, VolumeRow.id == Measurement.volume_id)
                .where(VolumeRow.case_id == case.id)
            )
            if blind_reading(session, who, case) is not None:
                query = query.where(Measurement.author_id == who.id)
            rows = session.execute(query.order_by(Measurement.created_at, Measurement.id))
            return [MeasurementView(measurement, author) for measurement, author in rows]

    def add(
        self,
        who: Principal,
        volume_id: UUID,
        kind: MeasureKind,
        axis: int,
        index: int,
        points_xy: Sequence[PointXY],
        measurement_id: UUID | None = None,
    ) -> MeasurementView:
        """Measure on the slice at `index` along `axis` and keep it. With an id that the caller made, a second time is a
        no-op. Raises SliceNotFound, InvalidMeasurement, MeasurementTaken."""
        view = self._volumes.get(who, volume_id)
        pixels = self._volumes.pixels(self._volumes.plane(who, volume_id, axis, index))
        rows, columns = pixels.shape[:2]
        for x, y in points_xy:
            if not (-0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5):
                raise InvalidMeasurement(f"The point ({x:g}, {y:g}) lies outside of the slice.")
        try:
            figures = measure(kind, points_xy, view.geometry, axis, index, _grey(pixels))
        except ValueError as error:
            raise InvalidMeasurement(str(error)) from error
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.ANNOTATE)
            made = {
                "volume_id": volume.id,
                "author_id": who.id,
                "kind": str(kind),
                "axis": axis,
                "slice_index": index,
                "points": [[float(x), float(y)] for x, y in points_xy],
            }
            id = measurement_id or new_id()
            inserted = insert(Measurement).values(id=id, figures=figures, **made).on_conflict_do_nothing()
            is_new = session.scalar(inserted.returning(Measurement.id)) is not None
            row = session.get_one(Measurement, id)
            if is_new:
                _log(session, who, "measurement.added", row, volume)
            elif any(getattr(row, name) != value for name, value in made.items()):
                raise MeasurementTaken("Another measurement has this id.", hint="Send it with a new id.")
            return MeasurementView(row, session.get_one(User, who.id))

    def remove(self, who: Principal, measurement_id: UUID) -> None:
        """Only who made it removes it. Raises MeasurementNotFound, NotYourMeasurement."""
        with self._db.begin() as session:
            row = session.get(Measurement, measurement_id)
            try:
                if row is None:
                    raise MeasurementNotFound("This measurement does not exist.")
                volume = require_volume(session, who, row.volume_id, Action.ANNOTATE)
            except VolumeNotFound as error:
                raise MeasurementNotFound("This measurement is not in one of your cases.") from error
            if row.author_id != who.id:
                raise NotYourMeasurement("Only who made a measurement removes it.")
            session.delete(row)
            _log(session, who, "measurement.removed", row, volume)

    def of_labels(self, who: Principal, volume_id: UUID) -> list[LabelFigures]:
        """Volume and values of every label that the caller drew on a volume, in the project's order of labels."""
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.VIEW)
            drawn = session.execute(
                select(LabelRow, CurrentMask)
                .join(Annotation, Annotation.label_id == LabelRow.id)
                .join(CurrentMask, CurrentMask.annotation_id == Annotation.id)
                .where(Annotation.volume_id == volume.id, Annotation.annotator_id == who.id, CurrentMask.voxels > 0)
                .order_by(LabelRow.value, CurrentMask.slice_index)
            ).all()
        by_label: dict[UUID, tuple[LabelRow, list[CurrentMask]]] = {}
        for label, mask in drawn:
            by_label.setdefault(label.id, (label, []))[1].append(mask)
        voxel_ml = VolumeGeometry.from_json(volume.geometry).voxel_volume_mm3 / 1000
        found = []
        for label, parts in by_label.values():
            figures = statistics(self._values(volume, parts))
            found.append(LabelFigures(volume.id, label, {"volume_ml": figures["voxels"] * voxel_ml} | figures))
        return found

    def table(self, who: Principal, case_id: UUID) -> str:
        """Measurements of a case and figures of the labels that the caller drew there, as CSV with one row each."""
        with self._db.begin() as session:
            require_case(session, who, case_id, Action.VIEW)
            volumes = list(
                session.scalars(select(VolumeRow).where(VolumeRow.case_id == case_id).order_by(VolumeRow.id))
            )
        names = {volume.id: volume.name for volume in volumes}
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(_HEAD)
        for view in self.of_case(who, case_id):
            writer.writerow(_line(view.measurement, names[view.measurement.volume_id], view.author))
        for volume in volumes:
            for found in self.of_labels(who, volume.id):
                place = [volume.name, "label", found.label.name, who.name, "", "", "", ""]
                writer.writerow([*place, *_columns(found.figures)])
        return out.getvalue()

    def _values(self, volume: VolumeRow, parts: Sequence[CurrentMask]) -> Iterator[NDArray[Any]]:
        """The values inside of the masks, slice by slice."""
        size = [volume.rows, volume.columns]
        for part in parts:
            inside = masks.decode(masks.Rle(size=size, counts=part.counts))
            yield _grey(self._objects.read_slice(volume.voxels_hash, part.slice_index))[inside]


def table_of(session: Session, case_id: UUID, author_id: UUID) -> str | None:
    """What one person measured on a case, as CSV with one row each, to go with their masks; None: nothing."""
    rows = session.execute(
        select(Measurement, VolumeRow.name, User)
        .join(VolumeRow, VolumeRow.id == Measurement.volume_id)
        .join(User, User.id == Measurement.author_id)
        .where(VolumeRow.case_id == case_id, Measurement.author_id == author_id)
        .order_by(Measurement.created_at, Measurement.id)
    ).all()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEAD)
    writer.writerows(_line(row, volume, author) for row, volume, author in rows)
    return out.getvalue() if rows else None


def _line(row: Measurement, volume: str, author: User) -> list[Any]:
    points = " ".join(f"{x:g},{y:g}" for x, y in row.points)
    place = [volume, row.kind, "", author.name, row.created_at.isoformat()]
    return [*place, row.axis, row.slice_index, points, *_columns(row.figures)]


def _grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """[rows, columns]; of colours the mean of the three."""
    return pixels if pixels.ndim == 2 else pixels.mean(axis=2)


def _columns(figures: dict[str, float]) -> list[str]:
    return [f"{figures[name]:.6g}" if name in figures else "" for name in FIGURES]


def _log(session: Session, who: Principal, action: str, row: Measurement, volume: VolumeRow) -> None:
    audit.record(session, who, action, project_id=volume.project_id, subject=row.id, case=str(volume.case_id))
