"""Cases: finding them, one's own queue, and what managers, annotators and reviewers change of them.

Which state follows which is in domain.workflow; here is who changes what, one case or many at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, exists, func, inspect, or_, select, true
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    URGENCY,
    Annotation,
    Case,
    Comment,
    CurrentMask,
    Lease,
    Member,
    Project,
    Reading,
    Revision,
    User,
    VolumeRow,
)
from backend.domain.assignment import deal, deal_to_several
from backend.domain.workflow import ALLOWED, LOCKED_STATES, OPEN_STATES, TRANSITIONS, Action, CaseState, Role
from backend.errors import AppError, Conflict, Rejected
from backend.services import audit, effort, readings
from backend.services.access import (
    Principal,
    RoleForbids,
    blind_reading,
    members_here,
    require,
    require_case,
    role_in,
    seen_cases,
    state_for,
)
from backend.services.case_views import CaseView, most_urgent_first, views
from backend.services.paging import Page, page
from backend.services.readings import CannotBeRead
from backend.services.submission import require_ready

MOST_AT_ONCE = 10_000


class ForbiddenTransition(Conflict):
    """A case cannot go from its state to the one asked for. Raised by services.cases."""

    code = "forbidden_transition"
    title = "The case cannot change like this"


class ReviewHasBegun(Conflict):
    """Who submitted a case takes it back only until somebody looks at it. Raised by services.cases."""

    code = "review_has_begun"
    title = "The review has begun"


class AssigneeNotAMember(Rejected):
    """Cases are assigned to members of the project who annotate and have not left. Raised by services.cases."""

    code = "assignee_not_a_member"
    title = "This person cannot get the case"


class NothingToAccept(Rejected):
    """The person whose masks shall be a case's result drew nothing on it. Raised by services.cases."""

    code = "nothing_to_accept"
    title = "There are no masks to accept"


class TooManyCases(Rejected):
    """One request changes so many cases and no more. Raised by services.cases."""

    code = "too_many_cases"
    title = "Too many cases at once"


class CaseOrder(StrEnum):
    """Newest first, or as a queue: high priority, then what is due sooner, then what came first."""

    NEWEST = "newest"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases of a project. `assignee` left: of somebody, or read blind by
    somebody, who cannot work on it any more; `label_id`: somebody drew
    this label; `text`: the name holds it; `overdue`: open, and the due date is past."""

    state: CaseState | None = None
    assignee: UUID | Literal["nobody", "left"] | None = None
    label_id: UUID | None = None
    text: str | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class CasePlace:
    """Where a case stands among those that the caller sees, the newest first; `index` counts from 0."""

    index: int
    total: int
    previous_id: UUID | None
    next_id: UUID | None


@dataclass(frozen=True, slots=True)
class CaseChange:
    """What to change of many cases; None leaves a thing as it is. `assign_to` deals them out so that open cases become
    even; empty takes them from whoever has them. With `readers` of 2 and more each case is read blind by so many of
    them. `gold` makes accepted cases the standard, `test` puts gold cases into these people's queues, where they look
    like any other. `clear_due` forgets the date."""

    assign_to: Sequence[UUID] | None = None
    readers: int = 1
    gold: bool | None = None
    test: Sequence[UUID] | None = None
    priority: int | None = None
    due_on: date | None = None
    clear_due: bool = False
    state: CaseState | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A case that stayed as it was, and why."""

    case: Case
    error: AppError


class Cases:
    def __init__(self, db: Database) -> None:
        self._db = db

    # -- finding ------------------------------------------------------------------------------------------------------
    def search(
        self,
        who: Principal,
        project_id: UUID,
        where: CaseFilter,
        *,
        order: CaseOrder = CaseOrder.NEWEST,
        limit: int,
        cursor: str | None,
    ) -> Page[CaseView]:
        """The cases of a project that the caller sees."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            query = _matching(session, who, project, where)
            if order is CaseOrder.URGENT:
                found = most_urgent_first(session, query, limit=limit, cursor=cursor)
            else:
                found = page(session, query, Case.id, limit=limit, cursor=cursor)
            return Page(views(session, who, found.items), found.next_cursor)

    def work(self, who: Principal, *, limit: int, cursor: str | None) -> Page[tuple[CaseView, Project]]:
        """The caller's queue: what is assigned to them and open, in all projects that are not archived."""
        with self._db.begin() as session:
            query = (
                select(Case)
                .join(Project, Project.id == Case.project_id)
                .join(Member, (Member.project_id == Case.project_id) & (Member.user_id == who.id))
                .outerjoin(Reading, (Reading.case_id == Case.id) & (Reading.reader_id == who.id))
                .where(
                    or_(
                        Reading.state.in_(OPEN_STATES),
                        (Case.assignee_id == who.id) & Case.state.in_(OPEN_STATES) & Reading.case_id.is_(None),
                    ),
                    Project.archived_at.is_(None),
                )
            )
            found = most_urgent_first(session, query, limit=limit, cursor=cursor)
            projects = [session.get_one(Project, case.project_id) for case in found.items]
            return Page(list(zip(views(session, who, found.items), projects, strict=True)), found.next_cursor)

    def get(self, who: Principal, case_id: UUID) -> CaseView:
        with self._db.begin() as session:
            return views(session, who, [require_case(session, who, case_id, Action.VIEW)])[0]

    def readers(self, who: Principal, case_id: UUID) -> list[tuple[User, int]]:
        """Who or which program drew on the case, and on how many slices, for those who review it."""
        with self._db.begin() as session:
            require_case(session, who, case_id, Action.REVIEW)
            rows = session.execute(
                select(User, func.count())
                .join(Annotation, Annotation.annotator_id == User.id)
                .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
                .join(CurrentMask, CurrentMask.annotation_id == Annotation.id)
                .where(VolumeRow.case_id == case_id, CurrentMask.voxels > 0)
                .group_by(User.id)
                .order_by(func.count().desc(), User.id)
            )
            return [(user, slices) for user, slices in rows]

    def place(self, who: Principal, case_id: UUID) -> CasePlace:
        """Where the case stands in its project's list, and its neighbours."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            seen = seen_cases(session, who, session.get_one(Project, case.project_id)).with_only_columns(Case.id)
            newer, older = seen.where(Case.id > case.id), seen.where(Case.id < case.id)
            before = session.scalar(select(func.count()).select_from(newer.subquery())) or 0
            after = session.scalar(select(func.count()).select_from(older.subquery())) or 0
            return CasePlace(
                before,
                before + 1 + after,
                session.scalar(newer.order_by(Case.id).limit(1)),
                session.scalar(older.order_by(Case.id.desc()).limit(1)),
            )

    # -- changing -----------------------------------------------------------------------------------------------------
    def change(self, who: Principal, case_id: UUID, changes: dict[str, Any]) -> CaseView:
        """Change `state`, `assignee_id`, `priority`, `due_on` or `name`; with the state `accepted` also `result_by_id`,
        whose masks count, and with `submitted` `confirmed`, that rules are broken on purpose. Who reads a case blind
        changes the state of their reading. Raises ForbiddenTransition, RoleForbids, ReviewHasBegun, SubmitBlocked,
        SubmitUnconfirmed, AssigneeNotAMember, CannotBeRead."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            session.refresh(case, with_for_update=True)
            if "assignee_id" in changes and changes["assignee_id"] is not None:
                _need_annotators(session, case.project_id, [changes["assignee_id"]])
            _apply(session, who, case, changes)
            session.flush()
            return views(session, who, [case])[0]

    def change_many(
        self, who: Principal, project_id: UUID, where: CaseFilter | Sequence[UUID], change: CaseChange
    ) -> tuple[int, list[Refusal]]:
        """Change all cases that match, or those named, most urgent first. Returns how many changed, and those that
        could not with the reason; the others change all the same. Raises AssigneeNotAMember, TooManyCases."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            if isinstance(where, CaseFilter):
                query = _matching(session, who, project, where)
            else:
                query = seen_cases(session, who, project).where(Case.id.in_(where))
            cases = list(session.scalars(query.order_by(*URGENCY).limit(MOST_AT_ONCE + 1).with_for_update()))
            if len(cases) > MOST_AT_ONCE:
                raise TooManyCases(
                    f"More than {MOST_AT_ONCE} cases match.", hint="Filter, for example by those assigned to nobody."
                )
            refused = []
            for case, changes in self._many(session, project_id, cases, change):
                try:
                    with session.begin_nested():
                        _apply(session, who, case, changes)
                except (Conflict, Rejected) as error:
                    if inspect(case).expired_attributes:  # what was begun of it is undone
                        session.refresh(case)
                    refused.append(Refusal(case, error))
            return len(cases) - len(refused), refused

    @staticmethod
    def _many(
        session: Session, project_id: UUID, cases: Sequence[Case], change: CaseChange
    ) -> list[tuple[Case, dict[str, Any]]]:
        """Every case with its own changes."""
        same: dict[str, Any] = {}
        if change.priority is not None:
            same["priority"] = change.priority
        if change.due_on is not None or change.clear_due:
            same["due_on"] = change.due_on
        if change.state is not None:
            same["state"] = change.state
        if change.gold is not None:
            same["gold"] = change.gold
        if change.test is not None:
            _need_annotators(session, project_id, change.test, blind=True)
            same["test"] = change.test
        if change.assign_to is None:
            return [(case, same) for case in cases]
        if not change.assign_to:
            return [(case, {**same, "assignee_id": None}) for case in cases]
        people = list(dict.fromkeys(change.assign_to))
        _need_annotators(session, project_id, people, blind=change.readers > 1)
        chosen = {case.id for case in cases}
        load = dict.fromkeys(people, 0)
        for case_id, person in [*_assigned(session, project_id, people), *_read(session, project_id, people)]:
            if case_id not in chosen:  # what is dealt anew does not count twice
                load[person] += 1
        if change.readers > 1:
            if len(people) < change.readers:
                raise CannotBeRead(
                    f"{change.readers} people cannot be chosen of {len(people)}.", hint="Choose more of them."
                )
            dealt = deal_to_several(len(cases), load, change.readers)
            return [(case, {**same, "readers": readers}) for case, readers in zip(cases, dealt, strict=True)]
        return [
            (case, {**same, "assignee_id": person}) for case, person in zip(cases, deal(len(cases), load), strict=True)
        ]


def _matching(session: Session, who: Principal, project: Project, where: CaseFilter) -> Select[Case]:
    """Of the cases that the caller sees; nobody learns from a filter what others drew on a case that is read blind."""
    query = seen_cases(session, who, project)
    if where.state is not None:
        query = query.where(state_for(session, who, project.id) == where.state)
    if where.assignee == "nobody":
        query = query.where(Case.assignee_id.is_(None), Case.is_blind.is_(False))
    elif where.assignee == "left":
        here = members_here(project.id)
        reads = exists().where(Reading.case_id == Case.id, Reading.reader_id.not_in(here), Reading.is_test.is_(False))
        reads = reads.where(Reading.state.in_(OPEN_STATES))
        query = query.where(or_(Case.assignee_id.not_in(here), reads), Case.state.in_(OPEN_STATES))
    elif where.assignee is not None:
        shown = true() if where.assignee == who.id else Reading.is_test.is_(False)
        reads = exists().where(Reading.case_id == Case.id, Reading.reader_id == where.assignee, shown)
        query = query.where(or_(Case.assignee_id == where.assignee, reads))
    if where.label_id is not None:
        drawn = exists().where(VolumeRow.case_id == Case.id, Annotation.volume_id == VolumeRow.id)
        drawn = drawn.where(Annotation.label_id == where.label_id)
        if role_in(session, who, project.id) is Role.ANNOTATOR:
            read = exists().where(Reading.case_id == Case.id, Reading.reader_id == who.id)
            drawn = drawn.where(or_(Annotation.annotator_id == who.id, ~read))
        query = query.where(drawn)
    if where.overdue:
        query = query.where(Case.due_on < func.current_date(), Case.state.not_in(LOCKED_STATES))
    if where.text:
        query = query.where(Case.name.icontains(where.text, autoescape=True))
    return query


def _assigned(session: Session, project_id: UUID, people: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Open cases of these people: (case, person)."""
    rows = session.execute(
        select(Case.id, Case.assignee_id).where(
            Case.project_id == project_id, Case.assignee_id.in_(people), Case.state.in_(OPEN_STATES)
        )
    )
    return [(case_id, person) for case_id, person in rows if person is not None]


def _read(session: Session, project_id: UUID, people: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Open blind readings of these people: (case, person)."""
    rows = session.execute(
        select(Reading.case_id, Reading.reader_id)
        .join(Case, Case.id == Reading.case_id)
        .where(Case.project_id == project_id, Reading.reader_id.in_(people), Reading.state.in_(OPEN_STATES))
    )
    return [(case_id, person) for case_id, person in rows]


def _need_annotators(session: Session, project_id: UUID, people: Sequence[UUID], *, blind: bool = False) -> None:
    found = session.execute(
        select(Member.user_id, Member.role, User.is_admin)
        .join(User, User.id == Member.user_id)
        .where(Member.project_id == project_id, Member.user_id.in_(people), User.disabled_at.is_(None))
    ).all()
    roles = {person: Role.MANAGER if blind and is_admin else Role(role) for person, role, is_admin in found}
    for person in people:
        role = roles.get(person)
        if role is None:
            name = session.scalar(select(User.name).where(User.id == person)) or "This person"
            raise AssigneeNotAMember(
                f"{name} is not a member of the project, or has left.",
                hint="Choose somebody else, or add them to the project first.",
            )
        if blind and role is not Role.ANNOTATOR:
            raise AssigneeNotAMember(
                f"A {role} sees what others draw and cannot read blind.", hint="Choose people who only annotate."
            )
        if Action.ANNOTATE not in ALLOWED[role]:
            raise AssigneeNotAMember(f"A {role} does not annotate.", hint="Give them another role first.")


def _apply(session: Session, who: Principal, case: Case, changes: dict[str, Any]) -> None:
    """Change one case, which is locked, or the caller's own reading of it. What it raises leaves the caller to undo."""
    role = role_in(session, who, case.project_id)
    assert role is not None  # callers checked it
    changes = dict(changes)
    confirmed = changes.pop("confirmed", False)
    reading = blind_reading(session, who, case)
    if reading is not None:
        if changes.keys() - {"state"}:
            raise RoleForbids(f"As {role} you may not change this of a case.", hint="A manager of the project can.")
        if "state" in changes:
            if case.state == CaseState.ACCEPTED and not reading.is_test:
                raise ForbiddenTransition("The case is accepted: nobody works on it.")
            now, to = CaseState(reading.state), CaseState(changes["state"])
            if _moved(role, now, to) is not now:
                _check_reading_taken_back(session, who, reading, to)
                if to is CaseState.SUBMITTED:
                    require_ready(session, case, who.id, confirmed=confirmed)
                    effort.measure(session, case.id, who.id)
                readings.move(session, who, case, reading, to)
        return
    people, test, gold = (changes.pop(name, None) for name in ("readers", "test", "gold"))
    if (people or test or gold is not None) and Action.MANAGE not in ALLOWED[role]:
        raise RoleForbids(f"As {role} you may not change this of a case.", hint="A manager of the project can.")
    if "assignee_id" in changes and case.is_blind:
        readings.take_back(session, who, case)
    columns = _changed(role, case, changes)
    _check_taken_back(session, who, role, case, columns["state"])
    if columns["state"] is CaseState.SUBMITTED and case.state != CaseState.SUBMITTED:
        annotator_id = case.assignee_id or who.id
        require_ready(session, case, annotator_id, confirmed=confirmed)
        effort.measure(session, case.id, annotator_id)
    _write(session, who, case, columns)
    if people:
        readings.give(session, who, case, people)
    if gold is not None:
        _mark_gold(session, who, case, gold)
    if test:
        readings.give_tests(session, who, case, test)


def _mark_gold(session: Session, who: Principal, case: Case, gold: bool) -> None:
    if gold and (case.state != CaseState.ACCEPTED or case.result_by_id is None):
        raise ForbiddenTransition(
            "Only an accepted case with masks can be gold.", hint="Accept it, and say whose masks count."
        )
    if case.is_gold != gold:
        case.is_gold = gold
        audit.record(session, who, "case.gold", project_id=case.project_id, subject=case.id, gold=gold)


def _changed(role: Role, case: Case, changes: dict[str, Any]) -> dict[str, Any]:
    """The columns of a case after these changes by somebody of this role. Changes nothing itself. Raises RoleForbids,
    ForbiddenTransition, Rejected."""
    if changes.keys() - {"state", "result_by_id"} and Action.MANAGE not in ALLOWED[role]:
        raise RoleForbids(f"As {role} you may not change this of a case.", hint="A manager of the project can.")
    wanted = {name: value for name, value in changes.items() if name not in ("state", "result_by_id")}
    if "name" in wanted:
        wanted["name"] = wanted["name"].strip()
        if not 1 <= len(wanted["name"]) <= 200:
            raise Rejected("A case needs a name of 1 to 200 characters.")
    state, assignee_id = CaseState(case.state), wanted.get("assignee_id", case.assignee_id)
    if assignee_id != case.assignee_id:
        if state is CaseState.ACCEPTED:
            raise ForbiddenTransition(
                "The case is accepted: nobody works on it.", hint="A manager of the project can send it back first."
            )
        if assignee_id is None and state is CaseState.ASSIGNED:
            state = _moved(role, state, CaseState.NEW)
        elif assignee_id is not None and state in (CaseState.NEW, CaseState.IN_PROGRESS, CaseState.RETURNED):
            state = _moved(role, state, CaseState.ASSIGNED)
    if "state" in changes:
        wanted |= _decided(case, changes)
        state = _moved(role, state, CaseState(changes["state"]))
    elif "result_by_id" in changes:
        raise Rejected("Whose masks count is said when a case is accepted.", hint="Send the state too.")
    if case.is_blind:
        return {**wanted, "state": state}
    if state is CaseState.ASSIGNED and assignee_id is None:
        raise ForbiddenTransition("The case is assigned to nobody.", hint="Say to whom.")
    return {**wanted, "state": state, "assignee_id": None if state is CaseState.NEW else assignee_id}


def _decided(case: Case, changes: dict[str, Any]) -> dict[str, Any]:
    """Whose masks count once the state is as asked for: as said, else those of whoever had the case alone."""
    to, result_by_id = CaseState(changes["state"]), changes.get("result_by_id")
    if case.is_blind and to not in (case.state, CaseState.ACCEPTED, CaseState.RETURNED):
        raise ForbiddenTransition("The case is read blind: its state follows its readers.", hint="Accept or return it.")
    if to is not CaseState.ACCEPTED:
        if result_by_id is not None:
            raise Rejected("Whose masks count is said when a case is accepted.")
        if case.is_gold and to != case.state:
            raise ForbiddenTransition("The case is a gold case.", hint="Take that mark away first.")
        return {"result_by_id": None}
    if case.state == CaseState.ACCEPTED:
        return {} if result_by_id is None else {"result_by_id": result_by_id}
    if result_by_id is None and case.is_blind:
        raise ForbiddenTransition(
            "Several people read the case.", hint="Say whose masks count: a reader's, or your own consensus."
        )
    return {"result_by_id": result_by_id or case.assignee_id}


def _moved(role: Role, now: CaseState, to: CaseState) -> CaseState:
    if to is now:
        return to
    action = TRANSITIONS[now].get(to)
    if action is None:
        allowed = ", ".join(TRANSITIONS[now]) or "nothing"
        raise ForbiddenTransition(f"A case that is {now} cannot become {to}.", hint=f"It can become: {allowed}.")
    if action not in ALLOWED[role]:
        if now is CaseState.ACCEPTED:
            raise RoleForbids(
                f"The case is accepted and counts as a result. As {role} you may not make it {to}.",
                hint="Ask a manager of the project to send it back. A comment on the case tells them why.",
            )
        raise RoleForbids(f"As {role} you may not make a case {to}.", hint="A manager of the project can.")
    return to


def _check_taken_back(session: Session, who: Principal, role: Role, case: Case, to: CaseState) -> None:
    """Who reviews may open a submitted case again at any time; who annotates only what is theirs (or nobody's), and
    until somebody else has it open, has said something about it or has corrected it. Raises ForbiddenTransition,
    ReviewHasBegun."""
    if case.state != CaseState.SUBMITTED or to is not CaseState.IN_PROGRESS or Action.REVIEW in ALLOWED[role]:
        return
    if case.assignee_id not in (None, who.id):
        raise ForbiddenTransition("Only who submitted a case takes it back.", hint="A reviewer can send it back.")
    open_elsewhere = exists().where(Lease.case_id == case.id, Lease.holder_id != who.id, Lease.expires_at > func.now())
    said = exists().where(
        Comment.case_id == case.id, Comment.author_id != who.id, Comment.created_at > case.submitted_at
    )
    corrected = (
        exists()
        .where(Revision.annotation_id == Annotation.id, Annotation.volume_id == VolumeRow.id)
        .where(VolumeRow.case_id == case.id, Revision.created_at > case.submitted_at)
        .where(Revision.author_id != Annotation.annotator_id)
    )
    if session.scalar(select(open_elsewhere | said | corrected)):
        raise ReviewHasBegun("Somebody is looking at the case.", hint="Ask the reviewer to send it back.")


def _check_reading_taken_back(session: Session, who: Principal, reading: Reading, to: CaseState) -> None:
    """A blind reading is taken back until somebody has said something about it to its reader. Raises ReviewHasBegun."""
    if reading.state != CaseState.SUBMITTED or to is not CaseState.IN_PROGRESS:
        return
    said = exists().where(
        Comment.case_id == reading.case_id,
        Comment.reader_id == who.id,
        Comment.author_id != who.id,
        Comment.created_at > reading.submitted_at,
    )
    if session.scalar(select(said)):
        raise ReviewHasBegun("A reviewer has answered.", hint="Ask the reviewer to send it back.")


def _write(session: Session, who: Principal, case: Case, columns: dict[str, Any]) -> None:
    """Set the columns and record what was and what is. Raises NothingToAccept."""
    if columns.get("result_by_id"):
        _need_masks(session, case, columns["result_by_id"])
    before, name_before = _facts(case), case.name
    if columns["state"] is CaseState.SUBMITTED and case.state != CaseState.SUBMITTED:
        case.submitted_at = datetime.now(UTC)
    for name, value in columns.items():
        setattr(case, name, value)
    now = _facts(case)
    changed = {name: [before[name], now[name]] for name in now if now[name] != before[name]}
    if changed or case.name != name_before:
        audit.record(session, who, "case.changed", project_id=case.project_id, subject=case.id, **changed)
    if case.is_blind and case.state == CaseState.RETURNED and before["state"] != CaseState.RETURNED:
        readings.send_all_back(session, who, case)


def _need_masks(session: Session, case: Case, person: UUID) -> None:
    """Raises NothingToAccept unless this person, being named to have the result, drew on the case, or has it alone."""
    drew = select(Annotation.id).join(VolumeRow).where(VolumeRow.case_id == case.id, Annotation.annotator_id == person)
    if person != case.assignee_id and session.scalar(drew.limit(1)) is None:
        raise NothingToAccept("This person drew nothing on the case.", hint="Choose somebody who did.")


def _facts(case: Case) -> dict[str, Any]:
    """What the audit log may know of a case; names of cases can be names of patients."""
    return {
        "state": str(case.state),
        "assignee": str(case.assignee_id) if case.assignee_id else None,
        "priority": case.priority,
        "due_on": case.due_on.isoformat() if case.due_on else None,
        "result_by": str(case.result_by_id) if case.result_by_id else None,
    }
