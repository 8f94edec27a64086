"""Statistics: time and clicks as the pages counted them, edits after a model from the history, days from the log."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest

from backend.api.schemas_statistics import work_csv
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.imaging import masks
from backend.services.access import RoleForbids
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World


def change(row: int, slice_index: int) -> SliceFlips:
    plane = np.zeros(SHAPE_KJI[1:], bool)
    plane[row] = True
    return SliceFlips(slice_index, (SHAPE_KJI[1], SHAPE_KJI[2]), masks.encode(plane)["counts"])


def test_what_was_done_is_counted_by_person_and_label(services: Services, world: World) -> None:
    assert services.statistics.of_project(world.manager, world.project_id).work == []
    annotation = services.annotations.create(world.annotator, world.volume_id, world.labels[0], None).annotation
    parent: UUID | None = None
    steps: list[tuple[Origin, list[int], dict[str, object]]] = [
        (Origin.SAM, [1, 2], {"slices": [{"slice": 1, "clicks": 3, "seconds": 4.5}, {"slice": 2, "clicks": 2}]}),
        (Origin.MANUAL, [2], {"slices": [{"slice": 2, "strokes": 4, "undos": 1, "seconds": 10.0}]}),
        (Origin.MANUAL, [2, 3], {}),  # by hand after by hand, and on a slice that no model touched
    ]
    for row, (origin, slices, telemetry) in enumerate(steps):
        flips = tuple(change(row, k) for k in slices)
        draft = RevisionDraft(new_id(), parent, origin, flips, telemetry=telemetry)
        parent = services.annotations.append(world.annotator, annotation.id, draft).revision.id
    services.cases.change(world.annotator, world.case_id, {"state": "submitted"})
    services.cases.change(world.manager, world.case_id, {"state": "accepted"})

    found = services.statistics.of_project(world.manager, world.project_id)

    [work] = found.work
    assert (work.person.id, work.label.id) == (world.annotator.id, world.labels[0])
    assert (work.cases, work.slices, work.revisions, work.edits_after_model) == (1, 3, 3, 1)
    assert (work.seconds, work.clicks, work.strokes, work.undos, work.boxes) == (14.5, 5, 4, 1, 0)
    [day] = found.days
    assert (day.day, day.submitted, day.accepted) == (datetime.now(UTC).date(), 1, 1)

    [line] = csv.DictReader(work_csv(found).splitlines())
    assert (line["email"], line["label"], line["seconds"], line["clicks"]) == (
        "annotator@example.org",
        "kidney",
        "14.5",
        "5",
    )


def test_how_long_others_take_is_for_those_who_review(services: Services, world: World) -> None:
    with pytest.raises(RoleForbids):
        services.statistics.of_project(world.annotator, world.project_id)
