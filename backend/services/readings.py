"""Blind readings (domain.reading): given to people, begun, submitted, sent back, and how the case follows them.

Who sees what of a case that is read blind is in services.access. Cases are dealt out by services.cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, Case, Reading, User, VolumeRow
from backend.domain.reading import MOST_READERS, state_of
from backend.domain.workflow import Action, CaseState
from backend.errors import Conflict, NotFound
from backend.services import audit
from backend.services.access import Principal, blind_reading, members_here, require_case

BEGUN = (CaseState.IN_PROGRESS, CaseState.SUBMITTED, CaseState.RETURNED)


class CannotBeRead(Conflict):
    """A case is not in a state to be read blind by these people. Raised by services.readings."""

    code = "cannot_be_read"
    title = "The case cannot be read like this"


class ReadingNotFound(NotFound):
    """This person does not read the case blind. Raised by services.readings."""

    code = "reading_not_found"
    title = "There is no such reading"


@dataclass(frozen=True, slots=True)
class ReadingView:
    reading: Reading
    reader: User


class Readings:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of_case(self, who: Principal, case_id: UUID) -> list[ReadingView]:
        """All readings of a case but hidden tests, for those who review."""
        with self._db.begin() as session:
            require_case(session, who, case_id, Action.REVIEW)
            return views(session, case_id)

    def send_back(self, who: Principal, case_id: UUID, reader_id: UUID) -> ReadingView:
        """One reader has to look again; the others keep theirs. Raises ReadingNotFound, CannotBeRead."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.REVIEW)
            session.refresh(case, with_for_update=True)
            reading = session.get(Reading, (case.id, reader_id))
            if reading is None:
                raise ReadingNotFound("This person does not read the case blind.")
            if reading.state != CaseState.SUBMITTED:
                raise CannotBeRead(f"The reading is {reading.state}.", hint="It can be sent back when it is submitted.")
            if case.state == CaseState.ACCEPTED:
                raise CannotBeRead("The case is accepted.", hint="A manager of the project can send it back first.")
            move(session, who, case, reading, CaseState.RETURNED)
            return ReadingView(reading, session.get_one(User, reader_id))


def views(session: Session, case_id: UUID) -> list[ReadingView]:
    rows = session.execute(
        select(Reading, User)
        .join(User, User.id == Reading.reader_id)
        .where(Reading.case_id == case_id, Reading.is_test.is_(False))
        .order_by(User.name, User.id)
    )
    return [ReadingView(reading, reader) for reading, reader in rows]


def give(session: Session, who: Principal, case: Case, people: Sequence[UUID]) -> None:
    """Have these people read a case blind, in place of whoever has it. Who has begun and has not left goes on, and the
    others fill up what is free. Raises CannotBeRead."""
    if not 2 <= len(set(people)) <= MOST_READERS:
        raise CannotBeRead(f"{len(set(people))} people were chosen.", hint=f"2 to {MOST_READERS} read one case.")
    going_on = _begun(session, case)
    if len(going_on) >= len(set(people)):
        raise CannotBeRead("Its readers have begun.", hint="Who has not begun, or has left, can be replaced.")
    _need_undecided(case)
    readers = [*going_on, *(person for person in dict.fromkeys(people) if person not in going_on)][: len(set(people))]
    session.execute(delete(Reading).where(Reading.case_id == case.id, Reading.reader_id.not_in(list(going_on))))
    new = [person for person in readers if person not in going_on]
    session.add_all(Reading(case_id=case.id, reader_id=person, state=CaseState.ASSIGNED) for person in new)
    case.is_blind, case.assignee_id = True, None
    case.state = state_of([CaseState(state) for state in going_on.values()] + [CaseState.ASSIGNED] * len(new))
    told = [str(person) for person in readers]
    audit.record(session, who, "readings.given", project_id=case.project_id, subject=case.id, readers=told)


def take_back(session: Session, who: Principal, case: Case) -> None:
    """Nobody reads the case blind any more; it is new. Raises CannotBeRead once somebody has begun who has not left."""
    if _begun(session, case):
        raise CannotBeRead("Somebody has begun to read the case.", hint="Readers can change until then.")
    _need_undecided(case)
    session.execute(delete(Reading).where(Reading.case_id == case.id))
    case.is_blind, case.state = False, CaseState.NEW
    audit.record(session, who, "readings.taken_back", project_id=case.project_id, subject=case.id)


def give_tests(session: Session, who: Principal, case: Case, people: Sequence[UUID]) -> None:
    """Put a gold case into these people's queues, where it looks like any other. Raises CannotBeRead."""
    if not case.is_gold:
        raise CannotBeRead("The case is no gold case.", hint="Mark an accepted case as gold first.")
    drew = set(
        session.scalars(
            select(Annotation.annotator_id)
            .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
            .where(VolumeRow.case_id == case.id, Annotation.annotator_id.in_(people))
        )
    )
    read = set(session.scalars(select(Reading.reader_id).where(Reading.case_id == case.id)))
    known = [person for person in people if person in drew | read or person == case.assignee_id]
    if known:
        names = ", ".join(session.scalars(select(User.name).where(User.id.in_(known)).order_by(User.name)))
        raise CannotBeRead(f"They know the case already: {names}.", hint="Choose others.")
    session.add_all(
        Reading(case_id=case.id, reader_id=person, state=CaseState.ASSIGNED, is_test=True) for person in people
    )
    readers = [str(person) for person in people]
    audit.record(session, who, "tests.given", project_id=case.project_id, subject=case.id, readers=readers)


def move(session: Session, who: Principal, case: Case, reading: Reading, state: CaseState) -> None:
    """A reading goes on, and its case with it. The case is locked, and the change is an allowed one."""
    before, reading.state = reading.state, state
    reading.submitted_at = datetime.now(UTC) if state is CaseState.SUBMITTED else None
    audit.record(
        session,
        who,
        "reading.changed",
        project_id=case.project_id,
        subject=case.id,
        reader=str(reading.reader_id),
        state=[str(before), str(state)],
    )
    session.flush()
    if reading.is_test:
        return
    states = session.scalars(select(Reading.state).where(Reading.case_id == case.id, Reading.is_test.is_(False)))
    now = state_of([CaseState(other) for other in states])
    if now != case.state:
        audit.record(
            session, who, "case.changed", project_id=case.project_id, subject=case.id, state=[str(case.state), str(now)]
        )
        case.state = now


def send_all_back(session: Session, who: Principal, case: Case) -> None:
    """The case was sent back: so are its readings."""
    for reading in session.scalars(select(Reading).where(Reading.case_id == case.id, Reading.is_test.is_(False))):
        if reading.state == CaseState.SUBMITTED:
            move(session, who, case, reading, CaseState.RETURNED)


def started(session: Session, who: Principal, case_id: UUID) -> None:
    """Somebody drew on a case. The first mask says that it, or their reading of it, is begun; what is drawn on a case
    that others have says nothing."""
    case = session.get_one(Case, case_id)
    reading = blind_reading(session, who, case)
    if reading is not None:
        if reading.state in (CaseState.ASSIGNED, CaseState.RETURNED):
            session.refresh(case, with_for_update=True)
            move(session, who, case, reading, CaseState.IN_PROGRESS)
    elif case.is_blind or case.assignee_id not in (None, who.id):
        return
    elif case.state in (CaseState.NEW, CaseState.ASSIGNED, CaseState.RETURNED):
        before, case.state = case.state, CaseState.IN_PROGRESS
        states = [before, CaseState.IN_PROGRESS]
        audit.record(session, who, "case.started", project_id=case.project_id, subject=case.id, state=states)


def _begun(session: Session, case: Case) -> dict[UUID, str]:
    """Who has begun to read a case blind and still works in its project -> the state of their reading."""
    rows = session.execute(
        select(Reading.reader_id, Reading.state).where(
            Reading.case_id == case.id,
            Reading.is_test.is_(False),
            Reading.state.in_(BEGUN),
            Reading.reader_id.in_(members_here(case.project_id)),
        )
    )
    return dict(rows.all())


def _need_undecided(case: Case) -> None:
    """Raises CannotBeRead for what is decided, and for what one person has begun."""
    if case.is_blind and case.state == CaseState.ACCEPTED:
        raise CannotBeRead("The case is accepted.", hint="A manager of the project can send it back first.")
    if not case.is_blind and case.state not in (CaseState.NEW, CaseState.ASSIGNED):
        raise CannotBeRead(f"The case is {case.state}.", hint="Only new and assigned cases are given to several.")
    if case.is_gold:
        raise CannotBeRead("The case is a gold case.")
