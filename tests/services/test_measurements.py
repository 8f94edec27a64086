"""Measurements are kept with the case, belong to who made them, and leave as a table with the figures of the labels."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import ExportPayload
from backend.imaging import masks
from backend.imaging.errors import NothingToExport
from backend.imaging.measure import MeasureKind
from backend.services.measurements import (
    InvalidMeasurement,
    MeasurementNotFound,
    MeasurementTaken,
    NotYourMeasurement,
)
from backend.services.volumes import SliceNotFound
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World

POINTS = [(1.0, 1.0), (4.0, 5.0)]


def test_what_is_measured_is_kept_until_its_author_removes_it(services: Services, world: World) -> None:
    made = services.measurements.add(world.annotator, world.volume_id, MeasureKind.LENGTH, 0, 2, POINTS).measurement
    assert made.figures == {"length_mm": pytest.approx(2.5)}  # voxels of 0.5 mm
    (seen,) = services.measurements.of_case(world.manager, world.case_id)
    assert (seen.measurement.id, seen.author.id, seen.measurement.points) == (
        made.id,
        world.annotator.id,
        [[1, 1], [4, 5]],
    )
    with pytest.raises(NotYourMeasurement):
        services.measurements.remove(world.manager, made.id)
    with pytest.raises(MeasurementNotFound):
        services.measurements.remove(world.outsider, made.id)
    services.measurements.remove(world.annotator, made.id)
    assert services.measurements.of_case(world.manager, world.case_id) == []


def test_what_is_sent_again_is_kept_once(services: Services, world: World) -> None:
    id = new_id()
    for _ in range(2):
        again = services.measurements.add(world.annotator, world.volume_id, MeasureKind.LENGTH, 0, 2, POINTS, id)
        assert again.measurement.id == id
    assert [view.measurement.id for view in services.measurements.of_case(world.annotator, world.case_id)] == [id]
    with pytest.raises(MeasurementTaken):
        services.measurements.add(world.annotator, world.volume_id, MeasureKind.LENGTH, 0, 3, POINTS, id)
    with pytest.raises(MeasurementTaken):
        services.measurements.add(world.manager, world.volume_id, MeasureKind.LENGTH, 0, 2, POINTS, id)
    services.measurements.remove(world.annotator, id)


def test_what_lies_outside_or_cannot_be_is_refused(services: Services, world: World) -> None:
    add = services.measurements.add
    with pytest.raises(InvalidMeasurement, match="outside of the slice"):
        add(world.annotator, world.volume_id, MeasureKind.LENGTH, 0, 0, [(0, 0), (SHAPE_KJI[2], 0)])
    with pytest.raises(InvalidMeasurement, match="takes 3 points"):
        add(world.annotator, world.volume_id, MeasureKind.ANGLE, 0, 0, POINTS)
    with pytest.raises(SliceNotFound):
        add(world.annotator, world.volume_id, MeasureKind.LENGTH, 0, SHAPE_KJI[0], POINTS)
    assert services.measurements.of_case(world.manager, world.case_id) == []


def test_the_table_holds_measurements_and_the_labels_that_one_drew(services: Services, world: World) -> None:
    annotation = services.annotations.create(world.annotator, world.volume_id, world.labels[1], None).annotation
    plane = np.zeros(SHAPE_KJI[1:], bool)
    plane[2:4, 3:8] = True
    flips = [SliceFlips(k, (SHAPE_KJI[1], SHAPE_KJI[2]), masks.encode(plane)["counts"]) for k in (1, 3)]
    services.annotations.append(
        world.annotator, annotation.id, RevisionDraft(new_id(), None, Origin.MANUAL, tuple(flips))
    )
    services.measurements.add(world.annotator, world.volume_id, MeasureKind.ELLIPSE, 1, 6, [(2, 1), (7, 3)])

    (label,) = services.measurements.of_labels(world.annotator, world.volume_id)
    voxels = np.random.default_rng(0).integers(-1000, 1000, SHAPE_KJI).astype(np.int16)[[1, 3]][:, plane]
    assert label.figures["volume_ml"] == pytest.approx(20 * 0.5 * 0.5 * 5 / 1000)
    assert (label.figures["mean"], label.figures["sd"]) == (pytest.approx(voxels.mean()), pytest.approx(voxels.std()))

    rows = list(csv.DictReader(io.StringIO(services.measurements.table(world.annotator, world.case_id))))
    assert [(row["kind"], row["label"], row["axis"], row["slice"], row["points"]) for row in rows] == [
        ("ellipse", "", "1", "6", "2,1 7,3"),
        ("label", "liver", "", "", ""),
    ]
    assert float(rows[1]["volume_ml"]) == pytest.approx(0.025) and rows[0]["author"] == "Annotator"
    assert services.measurements.of_labels(world.manager, world.volume_id) == []


def test_a_report_takes_what_one_measured_with_or_without_masks(services: Services, world: World) -> None:
    mine = services.measurements.add(world.annotator, world.volume_id, MeasureKind.LENGTH, 0, 2, POINTS).measurement
    services.measurements.add(world.manager, world.volume_id, MeasureKind.LENGTH, 0, 3, POINTS)
    payload = ExportPayload(case_id=world.case_id, format="dicom-sr", annotator_id=world.annotator.id)
    (volume,) = services.exports.plan(payload).volumes
    assert volume.measured[-1].id == mine.id
    assert {one.author_id for one in volume.measured} == {world.annotator.id}
    for one in volume.measured:
        services.measurements.remove(world.annotator, one.id)
    with pytest.raises(NothingToExport, match="measured nothing"):
        services.exports.plan(payload)
