"""Administering people: invited by link, out at once when deactivated, never without an administrator."""

from __future__ import annotations

import pytest

from backend.domain.workflow import Role
from backend.services.access import Principal
from backend.services.accounts import AccountDeactivated, BadLink, NotSignedIn
from backend.services.people import LastAdministrator, NotYourself
from backend.services.sessions import SessionNotFound
from backend.wiring import Services
from tests.services.conftest import World, person


def test_an_invitation_is_a_link_that_works_once(services: Services, admin: Principal) -> None:
    invitation = services.people.invite(admin, "New@example.org", " New Person ", is_admin=False)
    assert (invitation.person.user.email, invitation.person.user.name) == ("new@example.org", "New Person")
    services.accounts.login_once(invitation.secret.value)
    with pytest.raises(BadLink):
        services.accounts.login_once(invitation.secret.value)
    again = services.people.new_link(admin, invitation.person.user.id)
    services.accounts.login_once(again.secret.value)


def test_who_is_deactivated_is_out_at_once(services: Services, admin: Principal, world: World) -> None:
    leaver = person(services, admin, "leaver@example.org")
    services.projects.set_member(world.manager, world.project_id, leaver.email, Role.ANNOTATOR)
    services.cases.change(world.manager, world.case_id, {"assignee_id": leaver.id})
    token = services.accounts.create_token(leaver, "script", None)
    unused_link = services.people.new_link(admin, leaver.id).secret

    left = services.people.change(admin, leaver.id, {"active": False})

    assert (left.user.disabled_at is not None, left.projects, left.open_cases) == (True, 1, 1)
    with pytest.raises(NotSignedIn):
        services.accounts.authenticate(token.value, kind="token")
    with pytest.raises(BadLink):
        services.accounts.login_once(unused_link.value)
    with pytest.raises(AccountDeactivated):
        services.people.new_link(admin, leaver.id)
    services.people.change(admin, leaver.id, {"active": True})
    back = services.accounts.login_once(services.people.new_link(admin, leaver.id).secret.value)
    assert services.accounts.authenticate(back.value, kind="session").id == leaver.id


def test_the_last_administrator_stays(services: Services, admin: Principal) -> None:
    for changes in ({"active": False}, {"is_admin": False}):
        with pytest.raises(LastAdministrator):
            services.people.change(admin, admin.id, changes)
    other = services.people.invite(admin, "second@example.org", "Second", is_admin=True).person.user
    with pytest.raises(NotYourself):
        services.people.change(admin, admin.id, {"active": False})
    services.people.change(admin, other.id, {"is_admin": False})


def test_people_are_found_by_name_and_address(services: Services, admin: Principal) -> None:
    services.people.invite(admin, "r.gruber@example.org", "Rosa Gruber", is_admin=False)
    for text in ("gruber", "ROSA"):
        found = services.people.search(admin, text=text, limit=10, cursor=None)
        assert [view.user.email for view in found.items] == ["r.gruber@example.org"]


def test_sessions_are_listed_and_ended(services: Services, admin: Principal) -> None:
    secret = services.people.invite(admin, "tabs@example.org", "Tabs", is_admin=False)
    first = services.accounts.login_once(secret.secret.value, browser="Firefox")
    who = services.accounts.authenticate(first.value, kind="session")
    services.accounts.set_password(who, "a long password", None)
    second = services.accounts.login(who.email, "a long password", address="10.1.0.1", browser="Chromium")
    third = services.accounts.login(who.email, "a long password", address="10.1.0.1")

    seen = services.sessions.mine(who, second.value)
    assert [(view.credential.name, view.is_current) for view in seen] == [
        ("", False),
        ("Chromium", True),
        ("Firefox", False),
    ]
    with pytest.raises(SessionNotFound):
        services.sessions.end(admin, third.credential.id)
    services.sessions.end(who, third.credential.id)
    services.sessions.end_others(who, second.value)
    for secret_value in (first.value, third.value):
        with pytest.raises(NotSignedIn):
            services.accounts.authenticate(secret_value, kind="session")
    assert services.accounts.authenticate(second.value, kind="session").id == who.id


def test_a_manager_invites_into_the_project(services: Services, world: World) -> None:
    link = services.projects.invite(world.manager, world.project_id, "guest@example.org", "Guest", Role.REVIEWER)
    guest = services.accounts.authenticate(services.accounts.login_once(link.value).value, kind="session")
    assert services.projects.get(guest, world.project_id).role is Role.REVIEWER
    assert not guest.is_admin


def test_managers_read_what_happened_in_their_project(services: Services, world: World) -> None:
    seen = services.audit_log.events(world.manager, project_id=world.project_id, limit=100, cursor=None).items
    assert {view.event.project_id for view in seen} == {world.project_id}
    assert seen[-1].event.action == "project.created" and seen[-1].actor is not None
    assert seen[-1].actor.id == world.manager.id
    assigned = next(view for view in seen if view.event.action == "case.changed")
    assert assigned.names[str(world.case_id)] == "case 1.2.3"
    assert "Leaver" in assigned.names.values()
    assert assigned.case_id == world.case_id
