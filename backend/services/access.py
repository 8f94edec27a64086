"""Who may do what: the one place that decides. Every service method passes through `require` or `require_admin`."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select, true
from sqlalchemy.orm import Session

from backend.db.tables import Annotation, Case, Job, Member, Project, Reading, User, VolumeRow
from backend.domain.workflow import ALLOWED, LOCKED_STATES, Action, CaseState, Role
from backend.errors import Conflict, Forbidden, NotFound
from backend.services.programs import PROGRAM


@dataclass(frozen=True, slots=True)
class Principal:
    """The person behind a request, or the system itself (workers, the command line)."""

    id: UUID
    name: str
    email: str
    is_admin: bool
    read_only: bool = False
    """They came with a token that changes nothing."""
    dicomweb_project_id: UUID | None = None
    """They came with a token that says which project a DICOMweb address without one means. No restriction."""


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


class CaseLocked(Conflict):
    """Nobody draws in a case that is submitted or accepted. Raised by services.access."""

    code = "case_locked"
    title = "The case is locked"


class CaseOfAnother(Forbidden):
    """Who only annotates does not draw in a case that is assigned to somebody else. Raised by services.access."""

    code = "case_of_another"
    title = "This is somebody else's case"


class NotYourAnnotation(Forbidden):
    """Only the annotator draws in an annotation, and who reviews it once it is submitted. Raised by services.access."""

    code = "not_your_annotation"
    title = "This is somebody else's annotation"


class JobOfOthers(Forbidden):
    """Only who started a job and those who manage its project stop it. Raised by services.access."""

    code = "job_of_others"
    title = "Somebody else started this job"


class AdministratorsOnly(Forbidden):
    """Only administrators of the installation may do this. Raised by services.access."""

    code = "administrators_only"
    title = "Only administrators may do this"


def principal_of(user: User) -> Principal:
    """The person of an account."""
    return Principal(user.id, user.name, user.email, user.is_admin)


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
    _require_role(project, role, action)
    return project


def _require_role(project: Project, role: Role, action: Action) -> None:
    if action not in ALLOWED[role]:
        raise RoleForbids(
            f"As {role} of '{project.name}' you may not {action}.",
            hint="A manager of the project can change your role.",
        )


def may(session: Session, who: Principal, project_id: UUID, action: Action) -> bool:
    """Whether `require` would let the caller pass."""
    role = role_in(session, who, project_id)
    return role is not None and action in ALLOWED[role]


def require_identify(session: Session, who: Principal, project_id: UUID) -> None:
    """Nothing, if the caller may learn whom the pseudonyms of the project stand for: its managers may, and not with a
    token for reading, which programs carry. Raises ProjectNotFound, RoleForbids."""
    require(session, who, project_id, Action.IDENTIFY)
    if who.read_only:
        raise RoleForbids("A token for reading does not tell who patients are.", hint="Use a token with all rights.")


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
    """The volume, if the caller sees its case and may do this in its project. Every slice asks: it is one query, and
    another one or two for those who do not see everything."""
    found = session.execute(_VOLUME, {"volume_id": volume_id}).first()
    role = role_in(session, who, found.Project.id) if found else None
    if found is None or role is None or not _sees_as(session, who, role, found.Case, found.Project):
        raise VolumeNotFound("This volume does not exist, is not in one of your projects or is not assigned to you.")
    _require_role(found.Project, role, action)
    volume: VolumeRow = found.VolumeRow
    return volume


_VOLUME = (
    select(VolumeRow, Case, Project)
    .join(Case, Case.id == VolumeRow.case_id)
    .join(Project, Project.id == VolumeRow.project_id)
    .where(VolumeRow.id == bindparam("volume_id"))
)


def require_unlocked(session: Session, who: Principal, case_id: UUID) -> Case:
    """The case, held until the end of the unit of work, if the caller's masks may change in it: it is neither submitted
    nor accepted, or others submitted it and the caller reviews it; nor is it somebody else's to whom it was assigned,
    where the caller only annotates. Raises CaseLocked, CaseOfAnother."""
    case = session.get_one(Case, case_id, with_for_update={"key_share": True})
    if _is_of_another(session, who, case):
        raise CaseOfAnother("It is assigned to somebody else.", hint="A manager of the project can assign it to you.")
    if is_locked(session, who, case):
        reading = blind_reading(session, who, case)
        state = reading.state if reading else case.state
        hint = "Take it back first." if state == CaseState.SUBMITTED else "A manager of the project can send it back."
        raise CaseLocked(f"This case is {state}: what is drawn stays as it is.", hint=hint)
    return case


def is_locked(session: Session, who: Principal, case: Case) -> bool:
    """Whether the caller's masks in this case stay as they are: of who reads it blind, their reading tells."""
    reading = blind_reading(session, who, case)
    if reading is not None:
        return reading.state == CaseState.SUBMITTED or (case.state == CaseState.ACCEPTED and not reading.is_test)
    if _is_of_another(session, who, case):
        return True
    if case.state not in LOCKED_STATES:
        return False
    role = role_in(session, who, case.project_id)
    reviews = role is not None and Action.REVIEW in ALLOWED[role]
    of_others = case.is_blind or (case.assignee_id is not None and case.assignee_id != who.id)
    return not (case.state == CaseState.SUBMITTED and reviews and of_others)


def _is_of_another(session: Session, who: Principal, case: Case) -> bool:
    """Whether the caller only annotates, and it is assigned to somebody else; what one reads blind is one's own."""
    if case.assignee_id in (None, who.id) or role_in(session, who, case.project_id) is not Role.ANNOTATOR:
        return False
    return blind_reading(session, who, case) is None


def require_drawable(session: Session, who: Principal, case_id: UUID, annotator_id: UUID) -> Case:
    """The case, held until the end of the unit of work, if the caller may change this person's masks in it: their own
    while these are not locked; those of somebody else as a correction in review, as long as the case is submitted and
    one person drew it. Raises RoleForbids, CaseLocked, NotYourAnnotation."""
    if annotator_id == who.id:
        return require_unlocked(session, who, case_id)
    case = session.get_one(Case, case_id, with_for_update={"key_share": True})
    require(session, who, case.project_id, Action.REVIEW)
    if case.state == CaseState.ACCEPTED:
        raise CaseLocked(
            "This case is accepted: what is drawn stays as it is.", hint="A manager of the project can send it back."
        )
    if case.state != CaseState.SUBMITTED:
        raise NotYourAnnotation(
            "Only its annotator draws in an annotation until the case is submitted.", hint="Open the case as your own."
        )
    if case.assignee_id == who.id:
        raise NotYourAnnotation("The case is yours, and somebody else reviews it.")
    if case.is_blind or session.get(Reading, (case.id, annotator_id)) is not None:
        raise NotYourAnnotation(
            "What is read blind stays as its reader drew it.", hint="Make a consensus of the readers and correct that."
        )
    annotator = session.get(User, annotator_id)
    if annotator is not None and annotator.kind == PROGRAM:
        raise NotYourAnnotation(
            "What a program drew stays as it was brought in.", hint="Take it as a proposal and correct that."
        )
    drew = select(Annotation.id).join(VolumeRow).where(VolumeRow.case_id == case.id)
    if annotator_id != case.assignee_id and not session.scalar(
        drew.where(Annotation.annotator_id == annotator_id).limit(1)
    ):
        raise NotYourAnnotation("This person drew nothing on the case.", hint="Open the case as your own.")
    return case


def members_here(project_id: UUID) -> Select[UUID]:
    """The ids of people who work in a project: its members whose account is not deactivated."""
    here = select(Member.user_id).join(User, User.id == Member.user_id)
    return here.where(Member.project_id == project_id, User.disabled_at.is_(None))


def _sees(session: Session, who: Principal, case: Case) -> bool:
    role = role_in(session, who, case.project_id)
    return role is not None and _sees_as(session, who, role, case, session.get_one(Project, case.project_id))


def _sees_as(session: Session, who: Principal, role: Role, case: Case, project: Project) -> bool:
    if role is not Role.ANNOTATOR:
        return True
    return session.scalar(_cases_of_annotator(who, project).where(Case.id == case.id)) is not None


def seen_cases(session: Session, who: Principal, project: Project) -> Select[Case]:
    """The cases of a project that a member sees. Annotators see what they read blind and no other case that is read
    so; with `own_cases_only` also of the rest only what is assigned to them."""
    if role_in(session, who, project.id) is Role.ANNOTATOR:
        return _cases_of_annotator(who, project)
    return select(Case).where(Case.project_id == project.id)


def _cases_of_annotator(who: Principal, project: Project) -> Select[Case]:
    mine = true() if not project.own_cases_only else Case.assignee_id == who.id
    return select(Case).where(
        Case.project_id == project.id,
        or_(
            and_(Case.is_blind.is_(False), mine),
            exists().where(Reading.case_id == Case.id, Reading.reader_id == who.id),
        ),
    )


def seen_case_ids(session: Session, who: Principal, project_id: UUID) -> Select[UUID]:
    """The ids of `seen_cases`."""
    return seen_cases(session, who, session.get_one(Project, project_id)).with_only_columns(Case.id)


def state_for(session: Session, who: Principal, project_id: UUID) -> ColumnElement[str]:
    """The state of a case as the caller sees it: of their own reading where they read it blind."""
    if role_in(session, who, project_id) is not Role.ANNOTATOR:
        return Case.state.expression
    mine = select(Reading.state).where(Reading.case_id == Case.id, Reading.reader_id == who.id)
    return func.coalesce(mine.correlate(Case).scalar_subquery(), Case.state)


def blind_reading(session: Session, who: Principal, case: Case) -> Reading | None:
    """The caller's own reading of a case that they read blind. Who may review is never blind."""
    if role_in(session, who, case.project_id) is not Role.ANNOTATOR:
        return None
    return session.get(Reading, (case.id, who.id))


def reads_blind(session: Session, who: Principal, project_id: UUID) -> bool:
    """Whether the caller reads any case of a project blind: then what others learned or ran there is hidden from them,
    because it may show what they drew."""
    if role_in(session, who, project_id) is not Role.ANNOTATOR:
        return False
    mine = select(Reading.case_id).join(Case).where(Case.project_id == project_id, Reading.reader_id == who.id)
    return session.scalar(mine.limit(1)) is not None


def sees_own_work_only(session: Session, who: Principal, project: Project) -> bool:
    """Whether jobs and what was learned from others are hidden from the caller: what others import or learn from names
    their cases, and shows what they drew."""
    return own_cases_only(session, who, project) or reads_blind(session, who, project.id)


def require_may_stop(session: Session, who: Principal, job: Job) -> None:
    """Nothing, if the caller may stop this job, which they see: they started it, or they manage its project. Raises
    JobOfOthers."""
    manages = who.is_admin or (job.project_id is not None and may(session, who, job.project_id, Action.MANAGE))
    if job.created_by != who.id and not manages:
        raise JobOfOthers(
            "You see this job, but you did not start it.", hint="Ask who started it, or a manager of the project."
        )


def require_admin(who: Principal) -> None:
    if not who.is_admin:
        raise AdministratorsOnly("This needs an administrator of the installation.")
