"""What becomes of one case: its state, whose it is, whose masks count, and what the log is told. Which state follows
which is in domain.workflow. Functions within a unit of work that holds the case; who sees it is for services.cases.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from backend.db.tables import Annotation, Case, Comment, Lease, Reading, Revision, VolumeRow
from backend.domain.workflow import ALLOWED, TRANSITIONS, Action, CaseState, Role
from backend.errors import Conflict, Rejected
from backend.services import audit, effort, readings
from backend.services.access import Principal, RoleForbids, blind_reading, role_in
from backend.services.submission import require_ready
from backend.services.text_in_pixels import mark_case_checked


class ForbiddenTransition(Conflict):
    """A case cannot go from its state to the one asked for. Raised by services.case_changes."""

    code = "forbidden_transition"
    title = "The case cannot change like this"


class ReviewHasBegun(Conflict):
    """Who submitted a case takes it back only until somebody looks at it. Raised by services.case_changes."""

    code = "review_has_begun"
    title = "The review has begun"


class NothingToAccept(Rejected):
    """The person whose masks shall be a case's result drew nothing on it. Raised by services.case_changes."""

    code = "nothing_to_accept"
    title = "There are no masks to accept"


def apply(session: Session, who: Principal, case: Case, changes: dict[str, Any]) -> None:
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
    people, test, gold, checked = (changes.pop(name, None) for name in ("readers", "test", "gold", "text_checked"))
    if (people or test or gold is not None or checked is not None) and Action.MANAGE not in ALLOWED[role]:
        raise RoleForbids(f"As {role} you may not change this of a case.", hint="A manager of the project can.")
    if "assignee_id" in changes and case.is_blind:
        readings.take_back(session, who, case)
    columns = _changed(role, case, changes)
    if columns["state"] != case.state and Action.REVIEW not in ALLOWED[role] and case.assignee_id not in (None, who.id):
        raise ForbiddenTransition("The case is assigned to somebody else.", hint="A manager can assign it to you.")
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
    if checked is not None:
        mark_case_checked(session, who, case, is_clean=checked)
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
    """Who reviews may open a submitted case again at any time; who annotates until somebody else has it open, has said
    something about it or has corrected it. Raises ReviewHasBegun."""
    if case.state != CaseState.SUBMITTED or to is not CaseState.IN_PROGRESS or Action.REVIEW in ALLOWED[role]:
        return
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
