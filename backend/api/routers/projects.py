"""Projects, labels, members."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_people import Person
from backend.api.schemas_projects import (
    Label,
    LabelIn,
    LabelPatch,
    Member,
    MemberIn,
    MemberInvitation,
    MemberInvitationIn,
    Project,
    ProjectIn,
    ProjectPatch,
)

router = APIRouter(prefix="/api", tags=["projects"])


@router.get("/projects", operation_id="list_projects")
def list_projects(
    user: CurrentUser, s: ServicesDep, limit: int = 100, cursor: str | None = None, archived: bool = False
) -> Page[Project]:
    found = s.projects.mine(user, limit=limit, cursor=cursor, archived=archived)
    return Page(items=[Project.of(view) for view in found.items], next_cursor=found.next_cursor)


@router.post("/projects", operation_id="create_project", status_code=201)
def create_project(body: ProjectIn, user: CurrentUser, s: ServicesDep) -> Project:
    labels = [label.to_domain() for label in body.labels]
    made = s.projects.create(
        user,
        body.name,
        body.description,
        labels,
        body.privacy,
        keep_originals=body.keep_originals,
        exclusive_labels=body.exclusive_labels,
    )
    return Project.of(made)


@router.get("/projects/{project_id}", operation_id="get_project")
def get_project(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Project:
    return Project.of(s.projects.get(user, project_id))


@router.patch("/projects/{project_id}", operation_id="change_project")
def change_project(project_id: UUID, body: ProjectPatch, user: CurrentUser, s: ServicesDep) -> Project:
    return Project.of(s.projects.change(user, project_id, body.model_dump(exclude_none=True)))


@router.get("/projects/{project_id}/labels", operation_id="list_labels")
def list_labels(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[Label]:
    return Page(items=[Label.of(row) for row in s.projects.labels(user, project_id)])


@router.post("/projects/{project_id}/labels", operation_id="add_label", status_code=201)
def add_label(project_id: UUID, body: LabelIn, user: CurrentUser, s: ServicesDep) -> Label:
    return Label.of(s.projects.add_label(user, project_id, body.to_domain()))


@router.patch("/labels/{label_id}", operation_id="change_label")
def change_label(label_id: UUID, body: LabelPatch, user: CurrentUser, s: ServicesDep) -> Label:
    return Label.of(s.projects.change_label(user, label_id, body.changes()))


@router.delete("/labels/{label_id}", operation_id="delete_label", status_code=204)
def delete_label(label_id: UUID, user: CurrentUser, s: ServicesDep) -> None:
    s.projects.delete_label(user, label_id)


@router.get("/projects/{project_id}/members", operation_id="list_members")
def list_members(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[Member]:
    members = s.projects.members(user, project_id)
    return Page(items=[Member(user=Person.of(person), role=role) for person, role in members])


@router.post("/projects/{project_id}/members", operation_id="set_member")
def set_member(project_id: UUID, body: MemberIn, user: CurrentUser, s: ServicesDep) -> Page[Member]:
    s.projects.set_member(user, project_id, body.email, body.role)
    return list_members(project_id, user, s)


@router.post("/projects/{project_id}/invitations", operation_id="invite_member", status_code=201)
def invite_member(project_id: UUID, body: MemberInvitationIn, user: CurrentUser, s: ServicesDep) -> MemberInvitation:
    """Make an account for somebody new, as a member of the project, and the one-time link they sign in with first."""
    secret = s.projects.invite(user, project_id, body.email, body.name, body.role)
    return MemberInvitation(token=secret.value, expires_at=secret.credential.expires_at)
