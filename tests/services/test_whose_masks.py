"""Whose masks an export or a push has: who reviews gets what was accepted, or the assigned reader's, and may choose."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from backend.db.tables import Case
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.workflow import CaseState, Role
from backend.errors import AppError
from backend.imaging import masks
from backend.imaging.errors import NothingToExport
from backend.services.access import Principal
from backend.services.exports import whose
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume, person, world

__all__ = ["world"]


@pytest.fixture
def case(services: Services, world: World) -> tuple[UUID, UUID]:
    """(case, volume), assigned to nobody."""
    seed = int(new_id()) % 2**32
    stored = services.imports.store(world.project_id, new_volume(services, seed, study_key=f"7.{seed}"))
    return stored.case_id, stored.volume_id


def draw(services: Services, who: Principal, world: World, volume_id: UUID) -> None:
    dot = np.zeros(SHAPE_KJI[1:], bool)
    dot[2, 2] = True
    opened = services.annotations.create(who, volume_id, world.labels[0], None)
    change = SliceFlips(1, SHAPE_KJI[1:], masks.encode(dot)["counts"])
    services.annotations.append(who, opened.annotation.id, RevisionDraft(new_id(), None, Origin.MANUAL, (change,)))


def chosen(services: Services, who: Principal, case_id: UUID, annotator_id: UUID | None = None) -> UUID:
    with services.db.begin() as session:
        return whose(session, who, session.get_one(Case, case_id), annotator_id)


def test_what_was_accepted_else_the_assigned_readers_else_ones_own(
    services: Services, world: World, case: tuple[UUID, UUID]
) -> None:
    case_id, volume_id = case
    manager, reader = world.manager, world.annotator
    assert chosen(services, manager, case_id) == manager.id, "nobody drew"
    draw(services, reader, world, volume_id)
    assert chosen(services, manager, case_id) == reader.id, "a manager who drew nothing meets the only masks"
    draw(services, manager, world, volume_id)
    assert chosen(services, manager, case_id) == manager.id
    services.cases.change(manager, case_id, {"assignee_id": reader.id})
    assert chosen(services, manager, case_id) == reader.id
    assert chosen(services, manager, case_id, manager.id) == manager.id
    services.cases.change(reader, case_id, {"state": CaseState.SUBMITTED})
    services.cases.change(manager, case_id, {"state": CaseState.ACCEPTED, "result_by_id": manager.id})
    assert chosen(services, manager, case_id) == manager.id
    assert chosen(services, manager, case_id, reader.id) == reader.id
    assert services.exports.submit(manager, case_id, "nifti").payload["annotator_id"] == str(manager.id)
    with pytest.raises(NothingToExport):
        chosen(services, manager, case_id, world.outsider.id)


def test_who_annotates_gets_their_own_and_nobody_elses(
    services: Services, admin: Principal, world: World, case: tuple[UUID, UUID]
) -> None:
    """Blind readers, too."""
    case_id, volume_id = case
    other = person(services, admin, f"other-{case_id}@example.org")
    services.projects.set_member(world.manager, world.project_id, other.email, Role.ANNOTATOR)
    draw(services, other, world, volume_id)
    assert chosen(services, world.annotator, case_id) == world.annotator.id
    with pytest.raises(AppError) as refused:
        chosen(services, world.annotator, case_id, other.id)
    assert refused.value.code == "role_forbids"
