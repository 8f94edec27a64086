"""Who may do what: the one place that decides. Every service method passes through `require` or `require_admin`."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.tables import Case, Member, Project, VolumeRow
from backend.domain.workflow import ALLOWED, Action, Role
from backend.errors import Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class Principal:
    """The person behind a request, or the system itself (workers, the command line)."""

    id: UUID
    name: str
    email: str
    is_admin: bool
    read_only: bool = False
    """They came with a token that changes nothing."""


class ProjectNotFound(NotFound):
    """No such project, or the caller is not a member of it. Raised by services.access."""

    code = "project_not_found"
    title = "There is no such project"


class CaseNotFound(NotFound):
    """No such case in the caller's projects. Raised by services.access."""

    code = "case_not_found"
    title = "There is no such case"


class VolumeNotFound(NotFound):
    """No such volume in the caller's projects. Raised by services.access."""

    code = "volume_not_found"
    title = "There is no such volume"


class RoleForbids(Forbidden):
    """The caller's role in the project does not include the action. Raised by services.access."""

    code = "role_forbids"
    title = "Your role does not allow this"


class AdministratorsOnly(Forbidden):
    """Only administrators of the installation may do this. Raised by services.access."""

    code = "administrators_only"
    title = "Only administrators may do this"


def role_in(session: Session, who: Principal, project_id: UUID) -> Role | None:
    """The caller's role in a project; administrators are managers everywhere."""
    if who.is_admin:
        return Role.MANAGER
    role = session.scalar(select(Member.role).where(Member.project_id == project_id, Member.user_id == who.id))
    return Role(role) if role else None


def require(session: Session, who: Principal, project_id: UUID, action: Action) -> Project:
    """The project, if the caller may do this in it. Raises ProjectNotFound to outsiders, RoleForbids to members."""
    project = session.get(Project, project_id)
    role = role_in(session, who, project_id) if project else None
    if project is None or role is None:
        raise ProjectNotFound("This project does not exist or you are not a member of it.")
    if action not in ALLOWED[role]:
        raise RoleForbids(
            f"As {role} of '{project.name}' you may not {action}.",
            hint="A manager of the project can change your role.",
        )
    return project


def own_cases_only(session: Session, who: Principal, project: Project) -> bool:
    """Whether the caller sees in this project only what is assigned to them."""
    return project.own_cases_only and role_in(session, who, project.id) is Role.ANNOTATOR


def require_case(session: Session, who: Principal, case_id: UUID, action: Action) -> Case:
    """The case, if the caller sees it and may do this in its project."""
    case = session.get(Case, case_id)
    if case is None or not _sees(session, who, case):
        raise CaseNotFound("This case does not exist, is not in one of your projects or is not assigned to you.")
    require(session, who, case.project_id, action)
    return case


def require_volume(session: Session, who: Principal, volume_id: UUID, action: Action) -> VolumeRow:
    """The volume, if the caller sees its case and may do this in its project."""
    volume = session.get(VolumeRow, volume_id)
    if volume is None or not _sees(session, who, session.get_one(Case, volume.case_id)):
        raise VolumeNotFound("This volume does not exist, is not in one of your projects or is not assigned to you.")
    require(session, who, volume.project_id, action)
    return volume


def _sees(session: Session, who: Principal, case: Case) -> bool:
    if role_in(session, who, case.project_id) is None:
        return False
    project = session.get_one(Project, case.project_id)
    return case.assignee_id == who.id or not own_cases_only(session, who, project)


def require_admin(who: Principal) -> None:
    if not who.is_admin:
        raise AdministratorsOnly("This needs an administrator of the installation.")
