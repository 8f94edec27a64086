"""Projects, their label sets and their members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from backend.db.session import Database
from backend.db.tables import Annotation, Case, LabelRow, LabelSet, LearnedPromptRow, Member, Project, User, VolumeRow
from backend.domain.annotation import Code, InvalidLabel, Label
from backend.domain.label_rules import LabelRules
from backend.domain.privacy import Privacy
from backend.domain.workflow import Action, Role
from backend.errors import Conflict, NotFound, Rejected
from backend.services import audit
from backend.services.access import Principal, require, role_in, seen_cases, state_for
from backend.services.accounts import Accounts, Secret, UserNotFound
from backend.services.learned_prompts import LearnedPromptNotFound
from backend.services.paging import Page, page
from backend.services.programs import PERSON

NO_RULES = LabelRules()


class InvalidProject(Rejected):
    """A project's name is missing or too long. Raised by services.projects."""

    code = "invalid_project"
    title = "This project cannot be made"


class LabelNotFound(NotFound):
    """No such label in the caller's projects. Raised by services.projects, for itself and others."""

    code = "label_not_found"
    title = "There is no such label"


class LabelInUse(Conflict):
    """A label that has annotations cannot be deleted. Raised by services.projects."""

    code = "label_in_use"
    title = "This label is in use"


class LabelTaken(Conflict):
    """Another label of the project has this name, value or shortcut. Raised by services.projects."""

    code = "label_taken"
    title = "This label clashes with another"


class LastManager(Conflict):
    """A project would be left without a manager. Raised by services.projects."""

    code = "last_manager"
    title = "A project needs a manager"


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project as one person sees it."""

    project: Project
    labels: Sequence[LabelRow]
    role: Role
    cases: int
    volumes: int
    cases_by_state: dict[str, int]


@dataclass(frozen=True, slots=True)
class LabelDraft:
    """A label as asked for; without a value it gets the lowest free one."""

    name: str
    color: str
    value: int | None = None
    code: Code | None = None
    shortcut: str | None = None
    group: str = ""
    rules: LabelRules = NO_RULES


class Projects:
    def __init__(self, db: Database, accounts: Accounts) -> None:
        self._db = db
        self._accounts = accounts

    # -- projects -----------------------------------------------------------------------------------------------------
    def create(
        self,
        who: Principal,
        name: str,
        description: str,
        labels: Sequence[LabelDraft],
        privacy: Privacy = Privacy.RETAIN_UIDS,
        *,
        keep_originals: bool = True,
        exclusive_labels: bool = False,
    ) -> ProjectView:
        """`exclusive_labels`: a voxel belongs to one label at most."""
        with self._db.begin() as session:
            project = Project(
                name=_name(name),
                description=description.strip(),
                created_by=who.id,
                privacy=privacy,
                keep_originals=keep_originals,
                exclusive_labels=exclusive_labels,
            )
            session.add(project)
            session.flush()
            session.add(Member(project_id=project.id, user_id=who.id, role=Role.MANAGER))
            for draft in labels:
                insert_label(session, project.id, draft)
            session.add(_label_set(session, project, 1, who))
            audit.record(session, who, "project.created", project_id=project.id)
            session.refresh(project)
            return self._view(session, who, project)

    def mine(self, who: Principal, *, limit: int, cursor: str | None, archived: bool) -> Page[ProjectView]:
        with self._db.begin() as session:
            query = select(Project).where(
                Project.archived_at.is_not(None) if archived else Project.archived_at.is_(None)
            )
            if not who.is_admin:
                query = query.join(Member).where(Member.user_id == who.id)
            found = page(session, query.options(selectinload(Project.labels)), Project.id, limit=limit, cursor=cursor)
            return Page([self._view(session, who, project) for project in found.items], found.next_cursor)

    def get(self, who: Principal, project_id: UUID) -> ProjectView:
        with self._db.begin() as session:
            return self._view(session, who, require(session, who, project_id, Action.VIEW))

    def change(self, who: Principal, project_id: UUID, changes: dict[str, Any]) -> ProjectView:
        """Change `name`, `description`, `archived`, `own_cases_only`, `exclusive_labels`, `windows` (all of them, as
        domain.windows.ProjectWindows in JSON) or `privacy`, which is for what comes from then on."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.MANAGE)
            if "name" in changes:
                project.name = _name(changes["name"])
            if "description" in changes:
                project.description = changes["description"].strip()
            if "archived" in changes:
                project.archived_at = datetime.now(UTC) if changes["archived"] else None
            if "own_cases_only" in changes:
                project.own_cases_only = changes["own_cases_only"]
            if "windows" in changes:
                project.windows = changes["windows"]
            if "privacy" in changes:
                project.privacy = changes["privacy"]
            if "keep_originals" in changes:
                project.keep_originals = changes["keep_originals"]
            if changes.get("exclusive_labels", project.exclusive_labels) != project.exclusive_labels:
                project.exclusive_labels = changes["exclusive_labels"]
                new_version(session, who, project)
            audit.record(session, who, "project.changed", project_id=project.id, fields=sorted(changes))
            session.flush()
            return self._view(session, who, project)

    @staticmethod
    def _view(session: Session, who: Principal, project: Project) -> ProjectView:
        seen = seen_cases(session, who, project)
        state = state_for(session, who, project.id)
        cases = seen.with_only_columns(state, func.count()).group_by(state)
        volumes = select(func.count()).where(VolumeRow.case_id.in_(seen.with_only_columns(Case.id)))
        by_state = dict(session.execute(cases).all())
        role = role_in(session, who, project.id)
        assert role is not None  # callers checked access
        count = session.scalar(volumes) or 0
        return ProjectView(project, list(project.labels), role, sum(by_state.values()), count, by_state)

    # -- labels -------------------------------------------------------------------------------------------------------
    def labels(self, who: Principal, project_id: UUID) -> Sequence[LabelRow]:
        with self._db.begin() as session:
            return list(require(session, who, project_id, Action.VIEW).labels)

    def add_label(self, who: Principal, project_id: UUID, draft: LabelDraft) -> LabelRow:
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.MANAGE)
            row = insert_label(session, project_id, draft)
            new_version(session, who, project)
            audit.record(session, who, "label.created", project_id=project_id, subject=row.id)
            return row

    def change_label(self, who: Principal, label_id: UUID, changes: dict[str, Any]) -> LabelRow:
        """Change `name`, `color`, `code`, `shortcut`, `group`, `rules` or `warm_start_id`, the learned prompt that the
        label's next cases start from. The value stays: exports rely on it. Raises LearnedPromptNotFound."""
        with self._db.begin() as session:
            row = self._label(session, who, label_id)
            name = changes.get("name", row.name).strip()
            if name.casefold() != row.name.casefold():
                _need_free_name(session, row.project_id, name)
            label = Label(
                name=name,
                color=changes.get("color", row.color),
                value=row.value,
                code=changes.get("code", code_of(row)),
                shortcut=changes.get("shortcut", row.shortcut),
                group=changes.get("group", row.group_name).strip(),
            )
            before = _describe(row)
            _fill(row, label)
            if "rules" in changes:
                row.rules = changes["rules"].model_dump(mode="json", exclude_defaults=True)
            if "warm_start_id" in changes:
                row.warm_start_id = _warm_start(session, row, changes["warm_start_id"])
            _flush_label(session, label)
            if _describe(row) != before:
                new_version(session, who, session.get_one(Project, row.project_id))
            audit.record(session, who, "label.changed", project_id=row.project_id, subject=row.id)
            return row

    def delete_label(self, who: Principal, label_id: UUID) -> None:
        with self._db.begin() as session:
            row = self._label(session, who, label_id)
            used = session.scalar(select(func.count()).where(Annotation.label_id == row.id)) or 0
            if used:
                raise LabelInUse(
                    f"'{row.name}' has annotations on {used} volume{'s' if used > 1 else ''}.",
                    hint="Rename it instead; history is never deleted.",
                )
            session.delete(row)
            new_version(session, who, session.get_one(Project, row.project_id))
            audit.record(session, who, "label.deleted", project_id=row.project_id, subject=label_id)

    @staticmethod
    def _label(session: Session, who: Principal, label_id: UUID) -> LabelRow:
        row = session.get(LabelRow, label_id)
        if row is None or role_in(session, who, row.project_id) is None:
            raise LabelNotFound("This label does not exist or is not in one of your projects.")
        require(session, who, row.project_id, Action.MANAGE)
        return row

    # -- members ------------------------------------------------------------------------------------------------------
    def members(self, who: Principal, project_id: UUID) -> list[tuple[User, Role]]:
        with self._db.begin() as session:
            require(session, who, project_id, Action.VIEW)
            rows = session.execute(
                select(User, Member.role).join(Member).where(Member.project_id == project_id).order_by(User.name)
            )
            return [(user, Role(role)) for user, role in rows]

    def invite(self, who: Principal, project_id: UUID, email: str, name: str, role: Role) -> Secret:
        """A new account that is a member from the start, and its one-time login. Raises InvalidUser, UserExists."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.MANAGE)
            secret = self._accounts.create_within(session, who, email, name)
            user_id = secret.credential.user_id
            session.add(Member(project_id=project_id, user_id=user_id, role=role))
            audit.record(session, who, "member.set", project_id=project_id, subject=user_id, role=role)
            return secret

    def set_member(self, who: Principal, project_id: UUID, email: str, role: Role | None) -> None:
        """Give somebody a role; None removes them. Raises UserNotFound, LastManager."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.MANAGE)
            user = session.scalar(select(User).where(User.email == email.strip().lower(), User.kind == PERSON))
            if user is None:
                raise UserNotFound(f"There is no account for {email}.", hint="Invite them with their name.")
            member = session.get(Member, (project_id, user.id), with_for_update=True)
            if member is not None and member.role == Role.MANAGER and role is not Role.MANAGER:
                managers = session.scalar(
                    select(func.count()).where(Member.project_id == project_id, Member.role == Role.MANAGER)
                )
                if managers == 1:
                    raise LastManager(f"{user.name} is the only manager.", hint="Make somebody else a manager first.")
            if role is None:
                if member is not None:
                    session.delete(member)
            elif member is None:
                session.add(Member(project_id=project_id, user_id=user.id, role=role))
            else:
                member.role = role
            audit.record(session, who, "member.set", project_id=project_id, subject=user.id, role=role)


def labels_of(session: Session, project_id: UUID) -> list[LabelRow]:
    """The labels of a project in its order."""
    query = select(LabelRow).where(LabelRow.project_id == project_id)
    return list(session.scalars(query.order_by(LabelRow.position, LabelRow.value)))


def insert_label(session: Session, project_id: UUID, draft: LabelDraft) -> LabelRow:
    """Add a label at the end; without a value it gets the lowest free one. Raises InvalidLabel, LabelTaken."""
    there = session.execute(select(LabelRow.value, LabelRow.position).where(LabelRow.project_id == project_id)).all()
    value = draft.value
    if value is None:
        used = {used for used, _ in there}
        value = next((n for n in range(1, 256) if n not in used), None)
        if value is None:
            raise InvalidLabel("This project has 255 labels already.", hint="Delete labels that are not used.")
    _need_free_name(session, project_id, draft.name.strip())
    label = Label(draft.name.strip(), draft.color.lower(), value, draft.code, draft.shortcut, draft.group.strip())
    row = LabelRow(project_id=project_id, position=max((position for _, position in there), default=0) + 1)
    _fill(row, label)
    row.rules = draft.rules.model_dump(mode="json", exclude_defaults=True)
    session.add(row)
    _flush_label(session, label)
    return row


def _need_free_name(session: Session, project_id: UUID, name: str) -> None:
    """Raises LabelTaken where another label has this name, in whichever case; the project is held, so that nobody
    else takes it meanwhile."""
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update())
    other = next((row for row in labels_of(session, project_id) if row.name.casefold() == name.casefold()), None)
    if other is not None:
        raise LabelTaken(
            f"Another label has the name '{other.name}'.", hint="Choose another; capitals do not tell names apart."
        )


def new_version(session: Session, who: Principal, project: Project) -> None:
    """The project's labels have changed: keep them as its newest version, which revisions name from now on."""
    session.flush()
    session.refresh(project, with_for_update=True)
    project.label_set_version += 1
    session.flush()
    session.add(_label_set(session, project, project.label_set_version, who))
    session.flush()
    session.expire(project, ["labels"])


def _label_set(session: Session, project: Project, version: int, who: Principal) -> LabelSet:
    """The labels of a project as they are, to be kept as a version."""
    return LabelSet(
        project_id=project.id,
        version=version,
        labels=_described(session, project.id),
        exclusive=project.exclusive_labels,
        author_id=who.id,
    )


def _described(session: Session, project_id: UUID) -> list[dict[str, Any]]:
    return [_describe(row) for row in labels_of(session, project_id)]


def _describe(row: LabelRow) -> dict[str, Any]:
    """A label as a version keeps it."""
    code = code_of(row)
    return {
        "id": str(row.id),
        "name": row.name,
        "color": row.color,
        "value": row.value,
        "code": asdict(code) if code else None,
        "shortcut": row.shortcut,
        "group": row.group_name,
        "rules": dict(row.rules),
    }


def _flush_label(session: Session, label: Label) -> None:
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError as error:
        key = f" or the key {label.shortcut}" if label.shortcut else ""
        raise LabelTaken(
            f"Another label has the name '{label.name}', the value {label.value}{key}.", hint="Choose others."
        ) from error


def label_on(session: Session, volume: VolumeRow, label_id: UUID) -> LabelRow:
    """The label, which must be of the volume's project. Raises LabelNotFound."""
    label = session.get(LabelRow, label_id)
    if label is None or label.project_id != volume.project_id:
        raise LabelNotFound("The project of this volume has no such label.")
    return label


def code_of(row: LabelRow) -> Code | None:
    """The coded concept of a label's row."""
    if row.code_scheme is None or row.code_value is None:
        return None
    return Code(row.code_scheme, row.code_value, row.code_meaning or row.name)


def _warm_start(session: Session, row: LabelRow, learned_prompt_id: UUID | None) -> UUID | None:
    learned = session.get(LearnedPromptRow, learned_prompt_id) if learned_prompt_id else None
    if learned_prompt_id and (learned is None or learned.label_id != row.id):
        raise LearnedPromptNotFound(f"'{row.name}' has no such learned prompt.")
    return learned_prompt_id


def _fill(row: LabelRow, label: Label) -> None:
    row.name, row.color, row.value, row.shortcut = label.name, label.color, label.value, label.shortcut
    row.group_name = label.group
    row.code_scheme = label.code.scheme if label.code else None
    row.code_value = label.code.value if label.code else None
    row.code_meaning = label.code.meaning if label.code else None


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise InvalidProject("A project needs a name of 1 to 120 characters.")
    return name
