"""Statistics: time and clicks as the pages counted them, edits after a model from the history, days from the log."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest

from backend.api.schemas_statistics import work_csv
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.effort import Step, actions_until
from backend.domain.ids import new_id
from backend.imaging import masks
from backend.services.access import RoleForbids
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume


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
        model = {"name": "small"} if origin is Origin.SAM else None
        draft = RevisionDraft(new_id(), parent, origin, flips, telemetry=telemetry, model=model)
        parent = services.annotations.append(world.annotator, annotation.id, draft).revision.id
    services.cases.change(world.annotator, world.case_id, {"state": "submitted"})
    services.cases.change(world.manager, world.case_id, {"state": "accepted"})

    found = services.statistics.of_project(world.manager, world.project_id)

    [work] = found.work
    sums = work.sums
    assert (work.person.id, work.label.id) == (world.annotator.id, world.labels[0])
    assert (work.cases, sums.slices, sums.revisions) == (1, 3, 3)
    assert (sums.seconds, sums.clicks, sums.strokes, sums.undos, sums.boxes) == (14.5, 5, 4, 1, 0)
    # of the two slices that the model drew, one was changed, by two revisions of 10 voxels each
    assert (sums.slices_by_model, sums.edits_after_model) == (2, 1)
    assert (sums.voxels_by_model, sums.voxels_changed) == (2 * SHAPE_KJI[2], 2 * SHAPE_KJI[2])
    assert (found.cases_of_person, found.cases_of_label) == ({world.annotator.id: 1}, {world.labels[0]: 1})
    ways = {(way.origin, way.model): (way.sums.slices, way.sums.clicks, way.sums.strokes) for way in found.ways}
    assert ways == {(Origin.SAM, "small"): (1, 5, 0), (Origin.MANUAL, ""): (2, 0, 4)}
    assert work.effort is not None
    assert (work.effort.slices, work.effort.actions, work.effort.actions_until_nearly) == (3, 9, 9)
    [day] = found.days
    assert (day.day, day.submitted, day.accepted) == (datetime.now(UTC).date(), 1, 1)

    [line] = csv.DictReader(work_csv(found).splitlines())
    assert (line["email"], line["label"], line["seconds"], line["clicks"]) == (
        "annotator@example.org",
        "kidney",
        "14.5",
        "5",
    )


def test_what_is_undone_is_no_edit_and_what_came_since_is_counted(services: Services, world: World) -> None:
    stored = services.imports.store(world.project_id, new_volume(services, seed=78, study_key="undone"))
    annotation = services.annotations.create(world.manager, stored.volume_id, world.labels[1], None).annotation
    made: list[UUID] = []

    def append(origin: Origin, row: int, reverts: int | None = None) -> None:
        draft = RevisionDraft(
            new_id(),
            made[-1] if made else None,
            origin,
            (change(row, 1),),
            reverts=None if reverts is None else made[reverts],
        )
        made.append(services.annotations.append(world.manager, annotation.id, draft).revision.id)

    def edited() -> tuple[int, int]:
        found = services.statistics.of_project(world.manager, world.project_id)
        (mine,) = [work.sums for work in found.work if work.label.id == world.labels[1]]
        assert (mine.revisions, mine.slices_by_model, found.pending) == (len(made), 1, 0)
        return mine.edits_after_model, mine.voxels_changed

    append(Origin.AUTO, 0)
    assert edited() == (0, 0)
    append(Origin.MANUAL, 1)
    assert edited() == (1, SHAPE_KJI[2])
    append(Origin.UNDO, 1, reverts=1)
    assert edited() == (0, 0)
    append(Origin.UNDO, 1, reverts=2)  # done again
    assert edited() == (1, SHAPE_KJI[2])


def test_how_long_others_take_is_for_those_who_review(services: Services, world: World) -> None:
    with pytest.raises(RoleForbids):
        services.statistics.of_project(world.annotator, world.project_id)


def test_what_a_case_cost_and_when_its_slices_were_nearly_done(services: Services, world: World) -> None:
    new = new_volume(services, seed=77, study_key="cost")
    stored = services.imports.store(world.project_id, new)
    annotation = services.annotations.create(world.annotator, stored.volume_id, world.labels[0], None).annotation
    parent: UUID | None = None
    first = {"slices": [{"slice": 1, "clicks": 2, "boxes": 1, "seconds": 3.0}, {"slice": 2, "clicks": 4}]}
    steps: list[tuple[Origin, list[tuple[int, int]], dict[str, object]]] = [
        (Origin.SAM, [(0, 1), (0, 2)], first),
        (Origin.MANUAL, [(1, 1)], {"slices": [{"slice": 1, "strokes": 5, "seconds": 6.0}]}),  # twice as large: far off
        (Origin.AUTO, [(3, 3)], {}),  # a proposal, accepted as it was
        (Origin.MANUAL, [(0, 2)], {"slices": [{"slice": 2, "strokes": 1, "seconds": 1.0}]}),  # gone again
    ]
    for origin, changes, telemetry in steps:
        flips = tuple(change(row, k) for row, k in changes)
        draft = RevisionDraft(new_id(), parent, origin, flips, telemetry=telemetry)
        parent = services.annotations.append(world.annotator, annotation.id, draft).revision.id

    found = services.efforts.of_case(world.manager, stored.case_id)

    assert found.seconds == 10.0
    assert [(s.slice_index, s.seconds, s.actions, s.actions_until_nearly) for s in found.slices] == [
        (1, 9.0, 8, 8),
        (3, 0.0, 0, 0),
    ]
    with pytest.raises(RoleForbids):
        services.efforts.of_case(world.annotator, stored.case_id)


def test_the_first_mask_that_is_nearly_the_last_one_counts() -> None:
    def step(columns: int, actions: int) -> Step:
        mask = np.zeros((4, 100), np.bool_)
        mask[:, :columns] = True
        return Step(mask, actions)

    assert actions_until([step(40, 1), step(82, 2), step(100, 4)]) == 3  # Dice 164 / 182
    assert actions_until([step(40, 1), step(81, 2), step(100, 4)]) == 7  # Dice 162 / 181
    assert actions_until([step(40, 1), step(0, 0)]) is None
    assert actions_until([]) is None
