"""The people of the installation and the audit log, for administrators."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_people import AuditEvent, InvitationOut, PersonDetail, PersonIn, PersonPatch

router = APIRouter(prefix="/api", tags=["people"])


@router.get("/people", operation_id="list_people")
def list_people(
    user: CurrentUser, s: ServicesDep, search: str | None = None, limit: int = 100, cursor: str | None = None
) -> Page[PersonDetail]:
    found = s.people.search(user, text=search, limit=limit, cursor=cursor)
    return Page(items=[PersonDetail.seen(view) for view in found.items], next_cursor=found.next_cursor)


@router.post("/people", operation_id="invite_person", status_code=201)
def invite_person(body: PersonIn, user: CurrentUser, s: ServicesDep) -> InvitationOut:
    """A new account, and the one-time link that its owner signs in with first."""
    return InvitationOut.of(s.people.invite(user, body.email, body.name, is_admin=body.is_admin))


@router.patch("/people/{person_id}", operation_id="change_person")
def change_person(person_id: UUID, body: PersonPatch, user: CurrentUser, s: ServicesDep) -> PersonDetail:
    return PersonDetail.seen(s.people.change(user, person_id, body.model_dump(exclude_none=True)))


@router.post("/people/{person_id}/link", operation_id="new_login_link", status_code=201)
def new_login_link(person_id: UUID, user: CurrentUser, s: ServicesDep) -> InvitationOut:
    """Forget the person's password, end their sessions, and make a new one-time link."""
    return InvitationOut.of(s.people.new_link(user, person_id))


@router.get("/audit", operation_id="list_audit")
def list_audit(
    user: CurrentUser, s: ServicesDep, project_id: UUID | None = None, limit: int = 100, cursor: str | None = None
) -> Page[AuditEvent]:
    """What happened, the newest first: in a project, for its managers, or everywhere, for administrators."""
    found = s.audit_log.events(user, project_id=project_id, limit=limit, cursor=cursor)
    return Page(items=[AuditEvent.of(view) for view in found.items], next_cursor=found.next_cursor)
