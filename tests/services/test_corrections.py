"""A reviewer corrects the annotator's masks in place: who may and when, what stays of the history, who sees it."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select

from backend.db.tables import AnnotationEffort, AuditEvent, Job
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.workflow import Role
from backend.imaging import masks
from backend.services.access import CaseLocked, NotYourAnnotation, Principal, RoleForbids
from backend.services.annotations import InvalidRevision, StaleRevision
from backend.services.case_changes import ReviewHasBegun
from backend.services.case_dealing import CaseChange
from backend.services.rounds import Round
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume, person

_, ROWS, COLUMNS = SHAPE_KJI


def rows_of(*rows: int, k: int = 2) -> SliceFlips:
    plane = np.zeros((ROWS, COLUMNS), bool)
    plane[list(rows)] = True
    return SliceFlips(k, (ROWS, COLUMNS), masks.encode(plane)["counts"])


class Review:
    """A case in review: the annotator drew rows 3 and 4 of slice 2 and submitted; a reviewer is there."""

    def __init__(self, services: Services, world: World, admin: Principal, *, assigned: bool = True) -> None:
        self.services, self.world = services, world
        self.reviewer = person(services, admin, f"{new_id()}@example.org")
        services.projects.set_member(world.manager, world.project_id, self.reviewer.email, Role.REVIEWER)
        stored = services.imports.store(
            world.project_id, new_volume(services, seed=int(new_id().int % 2**31), study_key=str(new_id()))
        )
        self.volume_id, self.case_id, self.label_id = stored.volume_id, stored.case_id, world.labels[0]
        if assigned:
            services.cases.change(world.manager, self.case_id, {"assignee_id": world.annotator.id})
        mine = services.annotations.create(world.annotator, self.volume_id, self.label_id, None)
        self.annotation_id = mine.annotation.id
        self.head = self.append(world.annotator, rows_of(3, 4), origin=Origin.MANUAL)
        self.to("submitted", world.annotator)

    def to(self, state: str, who: Principal | None = None) -> None:
        self.services.cases.change(who or self.reviewer, self.case_id, {"state": state})

    def append(self, who: Principal, *slices: SliceFlips, origin: Origin = Origin.REVIEW) -> UUID:
        """On top of the newest revision."""
        known = self.services.annotations.of(self.world.manager, self.volume_id, self.world.annotator.id)
        parent = next(view.head for view in known if view.annotation.id == self.annotation_id)
        draft = RevisionDraft(new_id(), parent, origin, slices)
        return self.services.annotations.append(who, self.annotation_id, draft).revision.id

    def rows(self, round: Round = Round.NOW, k: int = 2) -> list[int]:
        drawn = self.services.annotations.drawn(self.world.annotator, self.annotation_id, round=round).by_slice
        return [] if k not in drawn else [int(row) for row in np.flatnonzero(masks.decode(drawn[k])[:, 0])]


@pytest.fixture
def review(services: Services, world: World, admin: Principal) -> Review:
    return Review(services, world, admin)


def test_a_correction_is_a_revision_of_the_annotators_own_by_the_reviewer(services: Services, review: Review) -> None:
    corrected = review.append(review.reviewer, rows_of(4, 5))
    assert review.rows() == [3, 5]
    history = services.annotations.revisions(review.world.annotator, review.annotation_id)
    told = [(revision.origin, author.id) for revision, author in history]
    assert told == [("manual", review.world.annotator.id), ("review", review.reviewer.id)]
    with services.db.begin() as session:
        event = session.scalar(select(AuditEvent).where(AuditEvent.subject == str(corrected)))
        assert event is not None and event.action == "annotation.corrected" and event.actor_id == review.reviewer.id
        assert event.detail["annotator"] == str(review.world.annotator.id) and event.detail["slices"] == 1
        learning = select(Job).where(Job.created_by == review.reviewer.id)
        assert session.scalar(learning) is None  # corrections teach nobody's clicks at once

    services.annotations.restore(
        review.reviewer, review.annotation_id, revision_id=new_id(), sequence=1, parent=corrected
    )
    assert review.rows() == [3, 4]
    assert services.annotations.revisions(review.reviewer, review.annotation_id)[-1][0].origin == Origin.REVIEW


def test_a_label_that_the_annotator_forgot_is_drawn_as_hers(services: Services, review: Review) -> None:
    forgotten, annotator = review.world.labels[1], review.world.annotator
    create = services.annotations.create
    made = create(review.reviewer, review.volume_id, forgotten, None, annotator_id=annotator.id)
    draft = RevisionDraft(new_id(), None, Origin.REVIEW, (rows_of(7, k=0),))
    services.annotations.append(review.reviewer, made.annotation.id, draft)
    assert {view.annotation.label_id for view in services.annotations.mine(annotator, review.volume_id)} == {
        review.label_id,
        forgotten,
    }
    assert services.annotations.mine(review.reviewer, review.volume_id) == []
    with pytest.raises(NotYourAnnotation, match="drew nothing"):
        create(review.reviewer, review.volume_id, forgotten, None, annotator_id=review.world.manager.id)


def test_corrections_end_with_the_review(services: Services, review: Review) -> None:
    review.to("returned")
    with pytest.raises(NotYourAnnotation, match="until the case is submitted"):
        review.append(review.reviewer, rows_of(5))
    review.append(review.world.annotator, rows_of(6), origin=Origin.MANUAL)
    review.to("submitted", review.world.annotator)
    review.to("accepted")
    with pytest.raises(CaseLocked):
        review.append(review.reviewer, rows_of(5))
    assert review.rows() == [3, 4, 6]


def test_nobody_else_corrects(services: Services, world: World, admin: Principal, review: Review) -> None:
    other = person(services, admin, f"{new_id()}@example.org")
    services.projects.set_member(world.manager, world.project_id, other.email, Role.ANNOTATOR)
    with pytest.raises(RoleForbids):
        review.append(other, rows_of(5))
    with pytest.raises(CaseLocked):
        review.append(world.annotator, rows_of(5), origin=Origin.MANUAL)
    services.cases.change(world.manager, review.case_id, {"assignee_id": review.reviewer.id})
    with pytest.raises(NotYourAnnotation, match="yours"):
        review.append(review.reviewer, rows_of(5))


def test_what_is_read_blind_stays_as_it_was_read(services: Services, world: World, admin: Principal) -> None:
    second = person(services, admin, f"{new_id()}@example.org")
    services.projects.set_member(world.manager, world.project_id, second.email, Role.ANNOTATOR)
    review = Review(services, world, admin)
    review.to("returned")
    stored = services.imports.store(world.project_id, new_volume(services, seed=99, study_key=str(new_id())))
    services.cases.change_many(
        world.manager, world.project_id, [stored.case_id], CaseChange([world.annotator.id, second.id], readers=2)
    )
    for who in (world.annotator, second):
        mine = services.annotations.create(who, stored.volume_id, world.labels[0], None).annotation.id
        services.annotations.append(who, mine, RevisionDraft(new_id(), None, Origin.MANUAL, (rows_of(3),)))
        services.cases.change(who, stored.case_id, {"state": "submitted"})
    [view] = services.annotations.of(review.reviewer, stored.volume_id, world.annotator.id)
    draft = RevisionDraft(new_id(), view.head, Origin.REVIEW, (rows_of(4),))
    with pytest.raises(NotYourAnnotation, match="blind") as refused:
        services.annotations.append(review.reviewer, view.annotation.id, draft)
    assert refused.value.hint


@pytest.mark.parametrize(("mine", "origin"), [(True, Origin.REVIEW), (False, Origin.MANUAL), (False, Origin.UNDO)])
def test_the_origin_says_who_drew(services: Services, review: Review, mine: bool, origin: Origin) -> None:
    if mine:
        review.to("returned")
    with pytest.raises(InvalidRevision, match="origin"):
        review.append(review.world.annotator if mine else review.reviewer, rows_of(5), origin=origin)


def test_two_reviewers_do_not_overwrite_each_other(services: Services, review: Review) -> None:
    first = review.append(review.reviewer, rows_of(5))
    draft = RevisionDraft(new_id(), review.head, Origin.REVIEW, (rows_of(6),))
    with pytest.raises(StaleRevision) as stale:
        services.annotations.append(review.world.manager, review.annotation_id, draft)
    assert stale.value.context == {"head": str(first), "sequence": 2, "changed_slices": [2]}


def test_the_reviewers_work_is_not_counted_as_the_annotators(services: Services, review: Review) -> None:
    work = {"slices": [{"slice": 2, "seconds": 7.0, "clicks": 0, "boxes": 0, "strokes": 3, "undos": 0}]}
    draft = RevisionDraft(new_id(), review.head, Origin.REVIEW, (rows_of(5),), telemetry=work)
    services.annotations.append(review.reviewer, review.annotation_id, draft)
    review.to("returned")
    review.to("submitted", review.world.annotator)
    with services.db.begin() as session:
        effort = session.get_one(AnnotationEffort, review.annotation_id)
        assert (effort.actions, effort.seconds) == (0, 0.0)
    assert services.efforts.of_case(review.reviewer, review.case_id).seconds == 7.0


def test_what_is_corrected_is_not_taken_back(services: Services, review: Review) -> None:
    review.append(review.reviewer, rows_of(5))
    with pytest.raises(ReviewHasBegun):
        review.to("in_progress", review.world.annotator)


def test_each_sees_what_the_other_changed_since_their_last_move(services: Services, review: Review) -> None:
    annotator = review.world.annotator
    assert services.rounds.changes(annotator, review.case_id, Round.PREVIOUS).at is None  # it was never sent back
    review.append(review.reviewer, rows_of(4, 5), rows_of(1, k=0))
    review.to("returned")

    [changed] = services.rounds.changes(annotator, review.case_id, Round.SUBMITTED).masks
    told = [(one.slice_index, one.added, one.removed, [who.id for who in one.authors]) for one in changed.slices]
    assert told == [(0, COLUMNS, 0, [review.reviewer.id]), (2, COLUMNS, COLUMNS, [review.reviewer.id])]
    assert review.rows(Round.SUBMITTED) == [3, 4] and review.rows() == [3, 5]

    review.append(annotator, rows_of(8), origin=Origin.MANUAL)
    review.append(annotator, rows_of(1, k=0), origin=Origin.MANUAL)
    review.append(annotator, rows_of(1, k=0), origin=Origin.MANUAL)  # taken back: no change
    review.to("submitted", annotator)
    [changed] = services.rounds.changes(review.reviewer, review.case_id, Round.PREVIOUS).masks
    told = [(one.slice_index, one.added, one.removed, [who.id for who in one.authors]) for one in changed.slices]
    assert told == [(2, COLUMNS, 0, [annotator.id])]
    assert changed.annotator.id == annotator.id and review.rows(Round.PREVIOUS) == [3, 5]
    since = services.rounds.changes(review.reviewer, review.case_id, Round.SUBMITTED)
    assert since.at is not None and since.masks == []
