"""Review: comments are pinned, answered, resolved; who reviews sees what others drew, and nobody else does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.workflow import Role
from backend.imaging import masks
from backend.services.access import Principal, RoleForbids, VolumeNotFound
from backend.services.comments import CommentNotFound, InvalidComment, Pin
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, person


def draw(services: Services, world: World, who: Principal) -> None:
    """One row of one slice."""
    annotation = services.annotations.create(who, world.volume_id, world.labels[0], None).annotation
    plane = np.zeros(SHAPE_KJI[1:], bool)
    plane[3] = True
    drawn = masks.encode(plane)
    flips = SliceFlips(2, (SHAPE_KJI[1], SHAPE_KJI[2]), drawn["counts"])
    services.annotations.append(who, annotation.id, RevisionDraft(new_id(), None, Origin.MANUAL, (flips,)))


def test_a_thread_is_pinned_answered_resolved_and_opened_again(services: Services, world: World) -> None:
    pin = Pin(world.volume_id, world.labels[1], 4, (9.0, 11.0))
    general = services.comments.add(world.manager, world.case_id, "Nice work otherwise.", Pin())
    thread = services.comments.add(world.manager, world.case_id, " The rim is missing. ", pin)
    first = thread.first.comment
    assert (first.body, first.slice_index, first.x, first.y) == ("The rim is missing.", 4, 9.0, 11.0)

    answered = services.comments.answer(world.annotator, first.id, "Added.")
    assert [answer.author.id for answer in answered.answers] == [world.annotator.id]
    resolved = services.comments.resolve(world.annotator, answered.answers[0].comment.id, resolved=True)
    assert resolved.resolved_by is not None and resolved.resolved_by.id == world.annotator.id
    seen = services.comments.of_case(world.annotator, world.case_id)
    assert [thread.first.comment.id for thread in seen] == [general.first.comment.id, first.id]  # open ones first

    again = services.comments.answer(world.manager, first.id, "Still missing on the left.")
    assert again.resolved_by is None and again.first.comment.resolved_at is None
    assert len(again.answers) == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"slice_index": SHAPE_KJI[0]},
        {"slice_index": 0, "point_xy": (SHAPE_KJI[2], 0)},
        {"point_xy": (1, 1)},
        {"volume_id": None, "slice_index": 1},
        {"volume_id": new_id()},
        {"label_id": new_id()},
    ],
)
def test_a_pin_lies_on_the_case(services: Services, world: World, fault: dict[str, Any]) -> None:
    with pytest.raises(InvalidComment):
        services.comments.add(world.manager, world.case_id, "Here", Pin(**{"volume_id": world.volume_id, **fault}))


def test_an_empty_comment_is_none(services: Services, world: World) -> None:
    with pytest.raises(InvalidComment):
        services.comments.add(world.manager, world.case_id, "  ", Pin())


def test_strangers_and_viewers_say_nothing(services: Services, world: World, admin: Principal) -> None:
    viewer = person(services, admin, "looks@review.example.org")
    services.projects.set_member(world.manager, world.project_id, viewer.email, Role.VIEWER)
    thread = services.comments.add(world.manager, world.case_id, "A remark", Pin())
    with pytest.raises(CommentNotFound):
        services.comments.answer(world.outsider, thread.first.comment.id, "Hello")
    with pytest.raises(RoleForbids):
        services.comments.answer(viewer, thread.first.comment.id, "Hello")
    assert services.comments.of_case(viewer, world.case_id)


def test_who_reviews_sees_what_others_drew(services: Services, world: World, admin: Principal) -> None:
    reviewer = person(services, admin, "reviewer@review.example.org")
    services.projects.set_member(world.manager, world.project_id, reviewer.email, Role.REVIEWER)
    draw(services, world, world.annotator)

    assert [(user.id, slices) for user, slices in services.cases.readers(reviewer, world.case_id)] == [
        (world.annotator.id, 1)
    ]
    [view] = services.annotations.of(reviewer, world.volume_id, world.annotator.id)
    assert view.slices == (2,)
    assert set(services.annotations.drawn(reviewer, view.annotation.id).by_slice) == {2}

    other = person(services, admin, "other@review.example.org")
    services.projects.set_member(world.manager, world.project_id, other.email, Role.ANNOTATOR)
    with pytest.raises(RoleForbids):
        services.annotations.of(other, world.volume_id, world.annotator.id)
    with pytest.raises(RoleForbids):
        services.cases.readers(other, world.case_id)
    with pytest.raises(VolumeNotFound):
        services.annotations.of(world.outsider, world.volume_id, world.annotator.id)
