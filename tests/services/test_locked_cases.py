"""Submitted and accepted cases: what was drawn stays, who submitted may take back until the review begins."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import AutoSegmentPayload
from backend.domain.learning import ProposalState
from backend.domain.workflow import Role
from backend.imaging import masks
from backend.services.access import CaseLocked
from backend.services.case_changes import ForbiddenTransition, ReviewHasBegun
from backend.services.comments import Pin
from backend.services.proposals import Selection
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume, person


def change(parent: UUID | None, row: int) -> RevisionDraft:
    plane = np.zeros(SHAPE_KJI[1:], bool)
    plane[row] = True
    flips = SliceFlips(2, (SHAPE_KJI[1], SHAPE_KJI[2]), masks.encode(plane)["counts"])
    return RevisionDraft(new_id(), parent, Origin.MANUAL, (flips,))


class Drawn:
    """A case of its own, assigned to the annotator, in whose first label she drew one revision."""

    def __init__(self, services: Services, world: World, seed: int) -> None:
        stored = services.imports.store(world.project_id, new_volume(services, seed=seed, study_key=f"locked {seed}"))
        self.volume_id, self.case_id, self.label_id = stored.volume_id, stored.case_id, world.labels[0]
        services.cases.change(world.manager, self.case_id, {"assignee_id": world.annotator.id})
        self.annotation_id = services.annotations.create(
            world.annotator, self.volume_id, self.label_id, None
        ).annotation.id
        self.first = change(None, 3)
        services.annotations.append(world.annotator, self.annotation_id, self.first)


@pytest.fixture
def drawn(services: Services, world: World) -> Drawn:
    return Drawn(services, world, seed=int(new_id().int % 2**31))


@pytest.mark.parametrize("last", ["submitted", "accepted"])
def test_what_is_submitted_or_accepted_stays_as_it_is(
    services: Services, world: World, drawn: Drawn, last: str
) -> None:
    services.cases.change(world.annotator, drawn.case_id, {"state": "submitted"})
    if last == "accepted":
        services.cases.change(world.manager, drawn.case_id, {"state": "accepted"})
    who, annotation = world.annotator, drawn.annotation_id
    writes: list[Any] = [
        lambda: services.annotations.append(who, annotation, change(drawn.first.id, 5)),
        lambda: services.annotations.restore(who, annotation, revision_id=new_id(), sequence=0, parent=drawn.first.id),
        lambda: services.annotations.create(who, drawn.volume_id, world.labels[1], None),
        lambda: services.proposals.accept(
            who, drawn.volume_id, drawn.label_id, Selection(), revision_id=new_id(), parent=drawn.first.id
        ),
        lambda: services.proposals.decide(who, drawn.volume_id, drawn.label_id, Selection(), ProposalState.REJECTED),
        lambda: services.learning.start(
            who, AutoSegmentPayload(volume_id=drawn.volume_id, label_id=drawn.label_id, annotator_id=who.id)
        ),
    ]
    for write in writes:
        with pytest.raises(CaseLocked) as refused:
            write()
        assert refused.value.hint
    assert not services.annotations.append(who, annotation, drawn.first).created  # a retry is no new change
    services.cases.change(world.manager, drawn.case_id, {"state": "returned"})
    assert services.annotations.append(who, annotation, change(drawn.first.id, 5)).created


def test_a_reviewer_corrects_what_another_submitted_and_nobody_what_is_accepted(
    services: Services, world: World, drawn: Drawn
) -> None:
    services.cases.change(world.annotator, drawn.case_id, {"state": "submitted"})
    mine = services.annotations.create(world.manager, drawn.volume_id, drawn.label_id, None).annotation.id
    first = change(None, 1)
    assert services.annotations.append(world.manager, mine, first).created
    services.cases.change(world.manager, drawn.case_id, {"state": "accepted"})
    with pytest.raises(CaseLocked):
        services.annotations.append(world.manager, mine, change(first.id, 2))


def test_a_submitted_case_is_taken_back_until_somebody_looks_at_it(
    services: Services, world: World, drawn: Drawn
) -> None:
    def take_back() -> str:
        return services.cases.change(world.annotator, drawn.case_id, {"state": "in_progress"}).case.state

    services.comments.add(world.manager, drawn.case_id, "A good start.", Pin())
    services.cases.change(world.annotator, drawn.case_id, {"state": "submitted"})
    assert take_back() == "in_progress"  # what was said before is no review

    services.cases.change(world.annotator, drawn.case_id, {"state": "submitted"})
    services.leases.take(world.manager, drawn.case_id)
    with pytest.raises(ReviewHasBegun):
        take_back()
    services.leases.release(world.manager, drawn.case_id)
    assert take_back() == "in_progress"

    services.cases.change(world.annotator, drawn.case_id, {"state": "submitted"})
    services.comments.add(world.manager, drawn.case_id, "The rim is missing.", Pin())
    with pytest.raises(ReviewHasBegun):
        take_back()
    assert services.cases.change(world.manager, drawn.case_id, {"state": "in_progress"}).case.state == "in_progress"


def test_nobody_takes_back_what_another_submitted(services: Services, world: World, drawn: Drawn, admin: Any) -> None:
    other = person(services, admin, f"{new_id()}@example.org")
    services.projects.set_member(world.manager, world.project_id, other.email, Role.ANNOTATOR)
    services.cases.change(world.annotator, drawn.case_id, {"state": "submitted"})
    with pytest.raises(ForbiddenTransition):
        services.cases.change(other, drawn.case_id, {"state": "in_progress"})
