"""Cases: found, queued, assigned one by one or all at once, opened under a lease, seen by those who should."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from backend.db.tables import AuditEvent, Case, Lease, VolumeRow
from backend.domain.ids import new_id
from backend.domain.workflow import CaseState, Role
from backend.errors import NotFound
from backend.services import readings
from backend.services.access import (
    CaseNotFound,
    CaseOfAnother,
    Principal,
    RoleForbids,
    VolumeNotFound,
    require_unlocked,
)
from backend.services.case_changes import ForbiddenTransition
from backend.services.case_dealing import AssigneeNotAMember, CaseChange
from backend.services.case_finding import CaseFilter, CaseOrder
from backend.services.paging import BadCursor
from backend.wiring import Services
from tests.services.conftest import World, new_volume, person


def add_cases(services: Services, project_id: UUID, count: int, **columns: Any) -> list[UUID]:
    """Cases without pictures, oldest first."""
    with services.db.begin() as session:
        cases = [
            Case(
                id=new_id(), project_id=project_id, study_key=str(new_id()), name=f"study {n:03d}", study={}, **columns
            )
            for n in range(count)
        ]
        session.add_all(cases)
        return [case.id for case in cases]


@pytest.fixture
def project_id(services: Services, world: World) -> UUID:
    """An empty project of the manager in which the annotator is a member."""
    view = services.projects.create(world.manager, "Cases", "", [])
    services.projects.set_member(world.manager, view.project.id, world.annotator.email, Role.ANNOTATOR)
    return view.project.id


def names(services: Services, who: Principal, project_id: UUID, where: CaseFilter, **how: Any) -> list[str]:
    """Names of all matching cases, read three a page."""
    found: list[str] = []
    cursor = None
    while True:
        page = services.cases.search(who, project_id, where, limit=3, cursor=cursor, **how)
        found += [view.case.name for view in page.items]
        if (cursor := page.next_cursor) is None:
            return found


# -- finding ----------------------------------------------------------------------------------------------------------
def test_pages_of_a_queue_follow_priority_date_and_age(services: Services, world: World, project_id: UUID) -> None:
    ids = add_cases(services, project_id, 8)
    changes: dict[int, dict[str, Any]] = {
        5: {"priority": 2},
        1: {"due_on": date(2031, 1, 2)},
        4: {"due_on": date(2031, 1, 1)},
        7: {"priority": 2, "due_on": date(2035, 1, 1)},
        0: {"priority": -1},
    }
    for n, change in changes.items():
        services.cases.change(world.manager, ids[n], change)
    seen = names(services, world.manager, project_id, CaseFilter(), order=CaseOrder.URGENT)
    assert seen == [f"study {n:03d}" for n in (7, 5, 4, 1, 2, 3, 6, 0)]
    assert names(services, world.manager, project_id, CaseFilter()) == [f"study {n:03d}" for n in reversed(range(8))]
    with pytest.raises(BadCursor):
        services.cases.search(world.manager, project_id, CaseFilter(), order=CaseOrder.URGENT, limit=3, cursor="1~x~y")


def test_filters_by_state_assignee_label_and_text(services: Services, world: World) -> None:
    annotation = services.annotations.create(world.annotator, world.volume_id, world.labels[0], None)
    assert annotation.annotation.volume_id == world.volume_id
    others = add_cases(services, world.project_id, 2)
    services.cases.change(world.manager, others[0], {"assignee_id": world.annotator.id})
    case = "case 1.2.3"
    for where, expected in (
        (CaseFilter(label_id=world.labels[0]), [case]),
        (CaseFilter(label_id=world.labels[1]), []),
        (CaseFilter(text="UDY 001"), ["study 001"]),
        (CaseFilter(assignee=world.annotator.id), ["study 000"]),
        (CaseFilter(assignee="nobody"), ["study 001", case]),
        (CaseFilter(state=CaseState.ASSIGNED), ["study 000"]),
    ):
        assert names(services, world.manager, world.project_id, where) == expected, where


def test_the_place_of_a_case(services: Services, world: World, project_id: UUID) -> None:
    ids = add_cases(services, project_id, 3)
    places = [services.cases.place(world.annotator, case_id) for case_id in reversed(ids)]
    assert [(place.index, place.total) for place in places] == [(0, 3), (1, 3), (2, 3)]
    assert [place.previous_id for place in places] == [None, ids[2], ids[1]]
    assert [place.next_id for place in places] == [ids[1], ids[0], None]


# -- assigning --------------------------------------------------------------------------------------------------------
def test_cases_are_dealt_so_that_everybody_has_as_many(services: Services, world: World, project_id: UUID) -> None:
    services.projects.invite(world.manager, project_id, "two@example.org", "Two", Role.ANNOTATOR)
    members = {user.name: user.id for user, _ in services.projects.members(world.manager, project_id)}
    people = [world.annotator.id, members["Two"]]
    ids = add_cases(services, project_id, 7)
    services.cases.change_many(world.manager, project_id, ids[:3], CaseChange(assign_to=people[:1]))

    changed, refused = services.cases.change_many(
        world.manager, project_id, CaseFilter(assignee="nobody"), CaseChange(assign_to=people, priority=1)
    )

    assert (changed, refused) == (4, [])
    loads = [len(names(services, world.manager, project_id, CaseFilter(assignee=who))) for who in people]
    assert loads == [4, 3]
    assert names(services, world.manager, project_id, CaseFilter(state=CaseState.NEW)) == []
    services.cases.change_many(world.manager, project_id, CaseFilter(), CaseChange(assign_to=[]))
    assert len(names(services, world.manager, project_id, CaseFilter(state=CaseState.NEW))) == 7


def test_what_cannot_change_comes_back_with_the_reason(services: Services, world: World, project_id: UUID) -> None:
    accepted, fresh = (
        add_cases(services, project_id, 1, state="accepted", assignee_id=world.annotator.id)[0],
        add_cases(services, project_id, 1)[0],
    )
    changed, refused = services.cases.change_many(
        world.manager, project_id, CaseFilter(), CaseChange(assign_to=[world.manager.id])
    )
    assert changed == 1
    assert [(refusal.case.id, refusal.error.code) for refusal in refused] == [(accepted, "forbidden_transition")]
    assert services.cases.get(world.manager, fresh).case.assignee_id == world.manager.id
    assert services.cases.get(world.manager, accepted).case.assignee_id == world.annotator.id


def test_only_members_who_annotate_and_have_not_left_get_cases(
    services: Services, admin: Principal, world: World, project_id: UUID
) -> None:
    [case_id] = add_cases(services, project_id, 1)
    viewer = person(services, admin, "viewer@cases.example.org")
    services.projects.set_member(world.manager, project_id, viewer.email, Role.VIEWER)
    left = person(services, admin, "left@cases.example.org")
    services.projects.set_member(world.manager, project_id, left.email, Role.ANNOTATOR)
    services.people.change(admin, left.id, {"active": False})
    for who in (viewer, left, world.outsider):
        with pytest.raises(AssigneeNotAMember):
            services.cases.change(world.manager, case_id, {"assignee_id": who.id})
        with pytest.raises(AssigneeNotAMember):
            services.cases.change_many(world.manager, project_id, [case_id], CaseChange(assign_to=[who.id]))


def test_a_case_walks_through_its_states_and_the_log_tells(
    services: Services, admin: Principal, world: World, project_id: UUID
) -> None:
    [case_id] = add_cases(services, project_id, 1)
    steps: list[tuple[Principal, dict[str, Any], str]] = [
        (world.manager, {"assignee_id": world.annotator.id}, "assigned"),
        (world.annotator, {"state": "submitted"}, "submitted"),
        (world.manager, {"state": "returned"}, "returned"),
        (world.annotator, {"state": "submitted"}, "submitted"),
        (world.manager, {"state": "accepted"}, "accepted"),
    ]
    for who, change, state in steps:
        assert services.cases.change(who, case_id, change).case.state == state
    for who, change, error in (
        (world.annotator, {"state": "returned"}, RoleForbids),
        (world.manager, {"state": "in_progress"}, ForbiddenTransition),
        (world.manager, {"assignee_id": None}, ForbiddenTransition),
        (world.annotator, {"priority": 5}, RoleForbids),
    ):
        with pytest.raises(error):
            services.cases.change(who, case_id, change)
    reviewer = person(services, admin, "reopens@cases.example.org")
    services.projects.set_member(world.manager, project_id, reviewer.email, Role.REVIEWER)
    with pytest.raises(RoleForbids, match="counts as a result") as refused:
        services.cases.change(reviewer, case_id, {"state": "returned"})
    assert refused.value.hint is not None and "manager" in refused.value.hint
    with services.db.begin() as session:
        events = session.scalars(
            sa.select(AuditEvent).where(AuditEvent.subject == str(case_id)).order_by(AuditEvent.id)
        ).all()
    assert [event.detail["state"][1] for event in events] == [state for _, _, state in steps]
    assert services.cases.change(world.manager, case_id, {"state": "returned"}).state == "returned"


def test_what_is_somebody_elses_is_not_submitted_or_begun_by_who_only_annotates(
    services: Services, admin: Principal, world: World, project_id: UUID
) -> None:
    another = person(services, admin, "another@cases.example.org")
    services.projects.set_member(world.manager, project_id, another.email, Role.ANNOTATOR)
    [case_id] = add_cases(services, project_id, 1, assignee_id=world.annotator.id, state="assigned")
    for state in ("submitted", "in_progress"):
        with pytest.raises(ForbiddenTransition, match="somebody else"):
            services.cases.change(another, case_id, {"state": state})
    with services.db.begin() as session:
        with pytest.raises(CaseOfAnother):
            require_unlocked(session, another, case_id)
        require_unlocked(session, world.manager, case_id)  # who reviews may help
        readings.started(session, another, case_id)
    assert services.cases.get(world.manager, case_id).case.state == "assigned"
    with services.db.begin() as session:
        readings.started(session, world.annotator, case_id)
    assert services.cases.get(world.manager, case_id).case.state == "in_progress"


# -- one's own work ---------------------------------------------------------------------------------------------------
def test_my_work_is_what_is_assigned_to_me_and_open(services: Services, world: World, project_id: UUID) -> None:
    ids = add_cases(services, project_id, 3, assignee_id=world.annotator.id, state="assigned")
    services.cases.change(world.manager, ids[2], {"priority": 9})
    services.cases.change(world.annotator, ids[0], {"state": "submitted"})

    def mine() -> list[UUID]:
        work = services.cases.work(world.annotator, limit=100, cursor=None).items
        return [view.case.id for view, project in work if project.id == project_id]

    assert mine() == [ids[2], ids[1]]
    services.projects.change(world.manager, project_id, {"archived": True})
    assert mine() == []


def test_who_sees_only_their_own_cases_finds_no_others(services: Services, world: World, admin: Principal) -> None:
    view = services.projects.create(world.manager, "Own cases", "", [])
    project = view.project.id
    services.projects.set_member(world.manager, project, world.annotator.email, Role.ANNOTATOR)
    mine = services.imports.store(project, new_volume(services, seed=71, study_key="mine"))
    other = services.imports.store(project, new_volume(services, seed=72, study_key="other"))
    services.cases.change(world.manager, mine.case_id, {"assignee_id": world.annotator.id})
    imported = services.imports.submit_samples(world.manager, project)
    assert services.cases.get(world.annotator, other.case_id).case.name == "case other"
    assert services.jobs.get(world.annotator, imported.id).id == imported.id

    services.projects.change(world.manager, project, {"own_cases_only": True})

    assert names(services, world.annotator, project, CaseFilter()) == ["case mine"]
    assert services.projects.get(world.annotator, project).cases == 1
    assert services.cases.place(world.annotator, mine.case_id).total == 1
    for ask in (
        lambda: services.cases.get(world.annotator, other.case_id),
        lambda: services.cases.change(world.annotator, other.case_id, {"state": "submitted"}),
        lambda: services.leases.take(world.annotator, other.case_id),
    ):
        with pytest.raises(CaseNotFound):
            ask()
    for look in (
        lambda: services.volumes.get(world.annotator, other.volume_id),
        lambda: services.annotations.mine(world.annotator, other.volume_id),
    ):
        with pytest.raises(VolumeNotFound):
            look()
    with pytest.raises(NotFound):
        services.exports.submit(world.annotator, other.case_id, "nifti")
    assert services.jobs.of_project(world.annotator, project, limit=10, cursor=None).items == []
    with pytest.raises(NotFound):
        services.jobs.get(world.annotator, imported.id)
    assert services.volumes.get(world.annotator, mine.volume_id).volume.id == mine.volume_id
    assert len(names(services, world.manager, project, CaseFilter())) == 2


# -- leases -----------------------------------------------------------------------------------------------------------
def test_the_second_who_opens_a_case_learns_who_has_it(services: Services, world: World) -> None:
    assert services.leases.take(world.annotator, world.case_id).is_mine
    second = services.leases.take(world.manager, world.case_id)
    assert (second.holder.id, second.is_mine) == (world.annotator.id, False)
    opened_by = services.cases.get(world.manager, world.case_id).opened_by
    assert opened_by is not None and opened_by.id == world.annotator.id

    assert services.leases.take(world.manager, world.case_id, take_over=True).is_mine
    assert not services.leases.take(world.annotator, world.case_id).is_mine
    services.leases.release(world.annotator, world.case_id)  # not theirs any more: nothing happens
    assert not services.leases.take(world.annotator, world.case_id).is_mine
    with services.db.begin() as session:  # the manager's page was closed without a word, long ago
        session.execute(sa.update(Lease).values(expires_at=sa.func.now() - sa.text("interval '1 second'")))
    assert services.leases.take(world.annotator, world.case_id).is_mine


def test_a_volume_is_opened_with_its_projects_window_and_the_models_stays(services: Services, world: World) -> None:
    def presented() -> tuple[list[str], object]:
        view = services.volumes.get(world.annotator, world.volume_id)
        return [window.name for window in view.windows], view.volume.presentation["model_window"]

    with services.db.begin() as session:
        volume = session.get_one(VolumeRow, world.volume_id)
        own = [{"name": "Soft tissue", "width": 400, "center": 40}, {"name": "Lung", "width": 1500, "center": -600}]
        volume.presentation = volume.presentation | {"windows": own}
    _, model_window = presented()
    kidney = {"first": "Kidney", "presets": [{"name": "Kidney", "width": 300, "center": 60}]}
    for windows, names in (
        ({"CT": kidney}, ["Kidney", "Soft tissue", "Lung"]),
        ({"CT": {"first": "Lung", "presets": []}}, ["Lung", "Soft tissue"]),
        ({"MR": kidney}, ["Soft tissue", "Lung"]),
        ({}, ["Soft tissue", "Lung"]),
    ):
        assert (
            services.projects.change(world.manager, world.project_id, {"windows": windows}).project.windows == windows
        )
        assert presented() == (names, model_window)
    with pytest.raises(RoleForbids):
        services.projects.change(world.annotator, world.project_id, {"windows": {}})
