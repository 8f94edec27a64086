"""Judging a blinded comparison: pair by pair, in an order and with sides of one's own, until one has finished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    Annotation,
    ComparisonPair,
    ComparisonReader,
    ComparisonTurn,
    ComparisonVote,
    LabelRow,
    VolumeRow,
)
from backend.domain.comparison import Choice
from backend.errors import Conflict, NotFound
from backend.services import audit
from backend.services.access import Principal
from backend.services.comparisons import ComparisonClosed, ComparisonNotFound, find


class TurnNotFound(NotFound):
    """The comparison has no pair at this place, or is not ready. Raised by services.judging."""

    code = "turn_not_found"
    title = "There is no such pair"


class JudgingIsOver(Conflict):
    """Who has finished has seen the tally and says nothing more. Raised by services.judging."""

    code = "judging_is_over"
    title = "You have finished this comparison"


class NotAllJudged(Conflict):
    """Judging is finished when something is said of every pair. Raised by services.judging."""

    code = "not_all_judged"
    title = "Some pairs are not judged yet"


class VoteIdTaken(Conflict):
    """Another vote has this id. Raised by services.judging."""

    code = "vote_id_taken"
    title = "This vote's id is in use"


@dataclass(frozen=True, slots=True)
class Turn:
    """A pair as its reader sees it: which mask is whose is not in it. `choice`: what they said of it, if anything."""

    position: int
    of: int
    volume: VolumeRow
    label: LabelRow
    slice_index: int
    left_counts: str
    right_counts: str
    choice: Choice | None


@dataclass(frozen=True, slots=True)
class Judged:
    """How far a reader is. `next`: the first pair of which nothing is said, None at the end."""

    judged: int
    of: int
    next: int | None


class Judging:
    def __init__(self, db: Database) -> None:
        self._db = db

    def turn(self, who: Principal, comparison_id: UUID, position: int) -> Turn:
        """The caller's pair at a place, from 0. Raises ComparisonNotFound, TurnNotFound."""
        with self._db.begin() as session:
            _reader(session, who, comparison_id)
            turn, pair = _at(session, who, comparison_id, position)
            annotation = session.get_one(Annotation, pair.annotation_id)
            first, second = pair.first_counts, pair.second_counts
            left, right = (first, second) if turn.first_is_left else (second, first)
            vote = _newest(session, pair.id, who.id)
            return Turn(
                position=position,
                of=_count(session, who, comparison_id),
                volume=session.get_one(VolumeRow, annotation.volume_id),
                label=session.get_one(LabelRow, annotation.label_id),
                slice_index=pair.slice_index,
                left_counts=left,
                right_counts=right,
                choice=Choice(vote.choice) if vote else None,
            )

    def progress(self, who: Principal, comparison_id: UUID) -> Judged:
        """Raises ComparisonNotFound."""
        with self._db.begin() as session:
            _reader(session, who, comparison_id)
            return _judged(session, who, comparison_id)

    def vote(
        self, who: Principal, comparison_id: UUID, vote_id: UUID, position: int, choice: Choice, seconds: float | None
    ) -> Judged:
        """Say which mask of a pair is better; who says something else later thinks again. Sending the same vote again
        changes nothing. Raises ComparisonNotFound, TurnNotFound, JudgingIsOver, ComparisonClosed."""
        with self._db.begin() as session:
            reader = _reader(session, who, comparison_id, lock=True)
            _, pair = _at(session, who, comparison_id, position)
            known = session.get(ComparisonVote, vote_id)
            if known is not None:
                if known.reader_id != who.id or known.pair_id != pair.id:
                    raise VoteIdTaken("Another vote has this id.", hint="Make a new UUIDv7.")
                return _judged(session, who, comparison_id)
            if reader.finished_at is not None:
                raise JudgingIsOver("You have finished, and have seen what was compared.")
            _check_open(session, who, comparison_id)
            before = _newest(session, pair.id, who.id)
            session.add(
                ComparisonVote(
                    id=vote_id,
                    pair_id=pair.id,
                    reader_id=who.id,
                    number=before.number + 1 if before else 1,
                    choice=choice,
                    seconds=seconds,
                )
            )
            try:
                session.flush()
            except IntegrityError as error:
                raise VoteIdTaken("Another vote has this id.", hint="Make a new UUIDv7.") from error
            return _judged(session, who, comparison_id)

    def finish(self, who: Principal, comparison_id: UUID) -> None:
        """From now on the caller sees the tally and says nothing more. Raises NotAllJudged, ComparisonClosed."""
        with self._db.begin() as session:
            reader = _reader(session, who, comparison_id, lock=True)
            if reader.finished_at is not None:
                return
            _check_open(session, who, comparison_id)
            done = _judged(session, who, comparison_id)
            if done.next is not None or done.of == 0:
                raise NotAllJudged(
                    f"{done.judged} of {done.of} pairs are judged.",
                    hint="'No difference' is an answer, too.",
                    context={"next": done.next},
                )
            reader.finished_at = datetime.now(UTC)
            project_id = find(session, who, comparison_id).project_id
            audit.record(session, who, "comparison.judged", project_id=project_id, subject=comparison_id)


def _reader(session: Session, who: Principal, comparison_id: UUID, *, lock: bool = False) -> ComparisonReader:
    find(session, who, comparison_id)
    reader = session.get(ComparisonReader, (comparison_id, who.id), with_for_update=lock)
    if reader is None:
        raise ComparisonNotFound("You are not among the readers of this comparison.")
    return reader


def _check_open(session: Session, who: Principal, comparison_id: UUID) -> None:
    comparison = find(session, who, comparison_id)
    session.refresh(comparison, with_for_update={"read": True})
    if comparison.closed_at is not None:
        raise ComparisonClosed("A manager closed it: what you said until then counts.", hint="Look at the tally.")


def _at(session: Session, who: Principal, comparison_id: UUID, position: int) -> tuple[ComparisonTurn, ComparisonPair]:
    row = session.execute(
        select(ComparisonTurn, ComparisonPair)
        .join(ComparisonPair, ComparisonPair.id == ComparisonTurn.pair_id)
        .where(
            ComparisonTurn.comparison_id == comparison_id,
            ComparisonTurn.reader_id == who.id,
            ComparisonTurn.position == position,
        )
    ).one_or_none()
    if row is None:
        raise TurnNotFound(f"You have no pair {position} in this comparison.", hint="Is it ready?")
    turn, pair = row
    return turn, pair


def _newest(session: Session, pair_id: UUID, reader_id: UUID) -> ComparisonVote | None:
    return session.scalar(
        select(ComparisonVote)
        .where(ComparisonVote.pair_id == pair_id, ComparisonVote.reader_id == reader_id)
        .order_by(ComparisonVote.number.desc())
        .limit(1)
    )


def _count(session: Session, who: Principal, comparison_id: UUID) -> int:
    mine = (ComparisonTurn.comparison_id == comparison_id) & (ComparisonTurn.reader_id == who.id)
    return session.scalar(select(func.count()).select_from(ComparisonTurn).where(mine)) or 0


def _judged(session: Session, who: Principal, comparison_id: UUID) -> Judged:
    said = select(ComparisonVote.pair_id).where(ComparisonVote.reader_id == who.id)
    waiting = session.execute(
        select(func.count(), func.min(ComparisonTurn.position)).where(
            ComparisonTurn.comparison_id == comparison_id,
            ComparisonTurn.reader_id == who.id,
            ComparisonTurn.pair_id.not_in(said),
        )
    ).one()
    total = _count(session, who, comparison_id)
    return Judged(total - waiting[0], total, waiting[1])
