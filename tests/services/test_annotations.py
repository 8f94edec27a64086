"""Revisions are facts: appended, idempotent, never overtaken, never changed; masks are their sum."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.exc import DBAPIError

from backend.db.append_only import HistoryIsAppendOnly
from backend.db.tables import Revision, RevisionSlice
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.workflow import CaseState
from backend.errors import AppError
from backend.imaging import masks
from backend.imaging.errors import MaskSizeMismatch
from backend.services.access import NotYourAnnotation, RoleForbids
from backend.services.annotations import (
    AnnotationNotFound,
    InvalidRevision,
    StaleRevision,
)
from backend.services.projects import LabelInUse
from backend.services.rounds import RevisionNotFound
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume

_, ROWS, COLUMNS = SHAPE_KJI


def flips(k: int, region: NDArray[np.bool_]) -> SliceFlips:
    return SliceFlips(k, (ROWS, COLUMNS), masks.encode(region)["counts"])


def box(y0: int, y1: int, x0: int, x1: int) -> NDArray[np.bool_]:
    region = np.zeros((ROWS, COLUMNS), dtype=np.bool_)
    region[y0:y1, x0:x1] = True
    return region


def draft(parent: UUID | None, *slices: SliceFlips, **more: Any) -> RevisionDraft:
    return RevisionDraft(id=new_id(), parent=parent, origin=Origin.MANUAL, slices=slices, **more)


@pytest.fixture
def annotation(services: Services, world: World) -> UUID:
    """A fresh annotation of the annotator on a fresh volume."""
    stored = services.imports.store(world.project_id, new_volume(services, seed=int(new_id()) % 2**32))
    return services.annotations.create(world.annotator, stored.volume_id, world.labels[0], None).annotation.id


def drawn(services: Services, world: World, annotation: UUID, k: int) -> NDArray[np.bool_]:
    found = services.annotations.drawn(world.annotator, annotation).by_slice
    return masks.decode(found[k]) if k in found else np.zeros((ROWS, COLUMNS), dtype=np.bool_)


def test_accepting_a_change_appends_a_revision(services: Services, world: World, annotation: UUID) -> None:
    first = draft(None, flips(2, box(1, 4, 1, 4)), prompts={"points": [[1, 2, True]]}, model={"name": "sammed-small"})
    appended = services.annotations.append(world.annotator, annotation, first)
    assert appended.created and appended.revision.sequence == 1 and appended.revision.parent_id is None
    np.testing.assert_array_equal(drawn(services, world, annotation, 2), box(1, 4, 1, 4))
    second = draft(first.id, flips(2, box(3, 6, 3, 6)), flips(0, box(0, 1, 0, 1)))
    assert services.annotations.append(world.annotator, annotation, second).revision.sequence == 2
    np.testing.assert_array_equal(drawn(services, world, annotation, 2), box(1, 4, 1, 4) ^ box(3, 6, 3, 6))
    history = services.annotations.revisions(world.annotator, annotation)
    assert [revision.sequence for revision, _ in history] == [1, 2]
    assert history[0][0].prompts == {"points": [[1, 2, True]]} and history[0][0].model == {"name": "sammed-small"}
    assert history[0][1].id == world.annotator.id


def test_sending_a_revision_again_changes_nothing(services: Services, world: World, annotation: UUID) -> None:
    once = draft(None, flips(1, box(0, 2, 0, 2)))
    services.annotations.append(world.annotator, annotation, once)
    again = services.annotations.append(world.annotator, annotation, once)
    assert not again.created and again.revision.sequence == 1
    np.testing.assert_array_equal(drawn(services, world, annotation, 1), box(0, 2, 0, 2))


def test_a_stale_parent_is_refused_and_told_what_changed(services: Services, world: World, annotation: UUID) -> None:
    first = draft(None, flips(1, box(0, 2, 0, 2)))
    second = draft(first.id, flips(3, box(0, 2, 0, 2)))
    services.annotations.append(world.annotator, annotation, first)
    services.annotations.append(world.annotator, annotation, second)
    with pytest.raises(StaleRevision) as stale:
        services.annotations.append(world.annotator, annotation, draft(first.id, flips(1, box(5, 6, 5, 6))))
    assert stale.value.context == {"head": str(second.id), "sequence": 2, "changed_slices": [3]}
    with pytest.raises(StaleRevision):
        services.annotations.append(world.annotator, annotation, draft(None, flips(1, box(5, 6, 5, 6))))


def test_of_two_writers_with_one_parent_exactly_one_wins(services: Services, world: World, annotation: UUID) -> None:
    start = threading.Barrier(6)
    outcomes: list[str] = []

    def write(n: int) -> None:
        start.wait()
        try:
            services.annotations.append(world.annotator, annotation, draft(None, flips(0, box(n, n + 1, 0, 3))))
            outcomes.append("won")
        except StaleRevision:
            outcomes.append("stale")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["stale"] * 5 + ["won"]
    assert len(services.annotations.revisions(world.annotator, annotation)) == 1


def test_masks_equal_history_after_any_sequence_of_changes(services: Services, world: World, annotation: UUID) -> None:
    rng = np.random.default_rng(7)
    expected = np.zeros(SHAPE_KJI, dtype=np.bool_)
    states = [expected.copy()]
    parent: UUID | None = None
    for _ in range(12):
        changed = rng.choice(SHAPE_KJI[0], size=rng.integers(1, 4), replace=False)
        change = {int(k): rng.random((ROWS, COLUMNS)) < 0.2 for k in changed}
        revision = draft(parent, *(flips(k, region) for k, region in change.items()))
        services.annotations.append(world.annotator, annotation, revision)
        parent = revision.id
        for k, region in change.items():
            expected[k] ^= region
        states.append(expected.copy())
    for k in range(SHAPE_KJI[0]):
        np.testing.assert_array_equal(drawn(services, world, annotation, k), expected[k])
    rebuilt = services.annotations.rebuild(world.annotator, annotation)
    assert rebuilt == services.annotations.drawn(world.annotator, annotation).by_slice

    restored = services.annotations.restore(
        world.annotator, annotation, revision_id=new_id(), sequence=5, parent=parent
    )
    assert restored.revision.origin == Origin.UNDO and restored.revision.sequence == 13
    for k in range(SHAPE_KJI[0]):
        np.testing.assert_array_equal(drawn(services, world, annotation, k), states[5][k])


def test_restoring_what_never_was_or_already_is(services: Services, world: World, annotation: UUID) -> None:
    first = draft(None, flips(1, box(0, 2, 0, 2)))
    services.annotations.append(world.annotator, annotation, first)
    restore = services.annotations.restore
    with pytest.raises(RevisionNotFound):
        restore(world.annotator, annotation, revision_id=new_id(), sequence=2, parent=first.id)
    with pytest.raises(InvalidRevision):
        restore(world.annotator, annotation, revision_id=new_id(), sequence=1, parent=first.id)


@pytest.mark.parametrize(
    ("slices", "error"),
    [
        ((), InvalidRevision),
        ((flips(0, box(0, 0, 0, 0)),), InvalidRevision),
        ((flips(5, box(0, 1, 0, 1)),), InvalidRevision),
        ((flips(-1, box(0, 1, 0, 1)),), InvalidRevision),
        ((flips(0, box(0, 1, 0, 1)), flips(0, box(1, 2, 0, 1))), InvalidRevision),
        ((SliceFlips(0, (4, 4), masks.encode(np.ones((4, 4), dtype=np.bool_))["counts"]),), MaskSizeMismatch),
        ((SliceFlips(0, (ROWS, COLUMNS), "nonsense~"),), AppError),
    ],
)
def test_what_cannot_be_stored_leaves_nothing(
    services: Services, world: World, annotation: UUID, slices: tuple[SliceFlips, ...], error: type[AppError]
) -> None:
    with pytest.raises(error):
        services.annotations.append(world.annotator, annotation, draft(None, *slices))
    assert services.annotations.revisions(world.annotator, annotation) == []
    assert services.annotations.drawn(world.annotator, annotation).by_slice == {}


def test_history_cannot_be_changed_by_the_orm_nor_by_sql(services: Services, world: World, annotation: UUID) -> None:
    first = draft(None, flips(1, box(0, 2, 0, 2)))
    services.annotations.append(world.annotator, annotation, first)

    def by_attribute() -> None:
        with services.db.begin() as session:
            session.get_one(Revision, first.id).origin = "sam"

    def by_deletion() -> None:
        with services.db.begin() as session:
            session.delete(session.get_one(RevisionSlice, (first.id, 1)))

    def by_bulk() -> None:
        with services.db.begin() as session:
            session.execute(sa.update(Revision).values(origin="sam"))

    for change in (by_attribute, by_deletion, by_bulk):
        with pytest.raises(HistoryIsAppendOnly):
            change()
    for statement in (
        "update revisions set origin = 'sam'",
        "delete from revision_slices",
        "truncate audit_events",
        "delete from audit_events",
    ):
        with pytest.raises(DBAPIError, match="never changed or deleted"), services.db.begin() as session:
            session.execute(sa.text(statement))


def test_only_the_annotator_draws_and_outsiders_see_nothing(services: Services, world: World, annotation: UUID) -> None:
    change = draft(None, flips(1, box(0, 2, 0, 2)))
    with pytest.raises(NotYourAnnotation):
        services.annotations.append(world.manager, annotation, change)
    with pytest.raises(AnnotationNotFound):
        services.annotations.drawn(world.outsider, annotation)
    assert services.annotations.drawn(world.manager, annotation).by_slice == {}  # managers review
    with pytest.raises(RoleForbids):
        mine = services.annotations.create(world.manager, world.volume_id, world.labels[0], None)
        services.annotations.drawn(world.annotator, mine.annotation.id)


def test_an_annotation_is_made_once_and_starts_its_case(services: Services, world: World) -> None:
    stored = services.imports.store(world.project_id, new_volume(services, seed=991, study_key="9.9.1"))
    first = services.annotations.create(world.annotator, stored.volume_id, world.labels[1], new_id())
    again = services.annotations.create(world.annotator, stored.volume_id, world.labels[1], new_id())
    assert first.annotation.id == again.annotation.id
    assert services.cases.get(world.annotator, stored.case_id).case.state == CaseState.NEW
    services.annotations.append(world.annotator, first.annotation.id, draft(None, flips(1, box(0, 2, 0, 2))))
    view = services.cases.get(world.annotator, stored.case_id)
    assert view.case.state == CaseState.IN_PROGRESS and view.annotated_slices == 1
    with pytest.raises(LabelInUse):
        services.projects.delete_label(world.manager, world.labels[1])
