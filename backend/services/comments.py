"""Comments on a case: threads pinned to a label, a slice and a place, answered and resolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Case, Comment, LabelRow, Reading, User, VolumeRow
from backend.domain.workflow import Action
from backend.errors import NotFound, Rejected
from backend.services import audit
from backend.services.access import CaseNotFound, Principal, blind_reading, require_case

LONGEST = 4000


class CommentNotFound(NotFound):
    """No such comment in the caller's cases. Raised by services.comments."""

    code = "comment_not_found"
    title = "There is no such comment"


class InvalidComment(Rejected):
    """A comment is empty or too long, or its pin lies outside of the case. Raised by services.comments."""

    code = "invalid_comment"
    title = "This comment cannot be kept"


@dataclass(frozen=True, slots=True)
class Pin:
    """What a comment is about, as exactly as its author said: a volume of the case, a label, a slice of the
    acquisition plane, a place on it as (column, row) in voxels."""

    volume_id: UUID | None = None
    label_id: UUID | None = None
    slice_index: int | None = None
    point_xy: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class CommentView:
    comment: Comment
    author: User


@dataclass(frozen=True, slots=True)
class Thread:
    """A comment with its answers, oldest first. `resolved_by`: who said that it is done."""

    first: CommentView
    answers: Sequence[CommentView]
    resolved_by: User | None


class Comments:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of_case(self, who: Principal, case_id: UUID) -> list[Thread]:
        """All threads, those that are not resolved first, then by age."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            query = select(Comment).where(Comment.case_id == case_id)
            if blind_reading(session, who, case) is not None:
                query = query.where(Comment.reader_id == who.id)
            rows = session.scalars(query.order_by(Comment.id)).all()
            return _threads(session, rows)

    def add(self, who: Principal, case_id: UUID, body: str, pin: Pin, *, reader_id: UUID | None = None) -> Thread:
        """Begin a thread. On a case that is read blind, who reads it sees only their own threads: those that they
        began, and those that somebody who reviews addressed to them by `reader_id`. Raises InvalidComment."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.ANNOTATE)
            _check_pin(session, case, pin)
            if blind_reading(session, who, case) is not None:
                reader_id = who.id
            elif reader_id is not None and session.get(Reading, (case.id, reader_id)) is None:
                raise InvalidComment("This person does not read the case blind.")
            x, y = pin.point_xy or (None, None)
            comment = Comment(
                case_id=case.id,
                author_id=who.id,
                reader_id=reader_id,
                body=_body(body),
                volume_id=pin.volume_id,
                label_id=pin.label_id,
                slice_index=pin.slice_index,
                x=x,
                y=y,
            )
            return self._added(session, who, case, comment)

    def answer(self, who: Principal, comment_id: UUID, body: str) -> Thread:
        """Answer in the thread of a comment; a resolved one is open again. Raises InvalidComment."""
        with self._db.begin() as session:
            case, first = self._open(session, who, comment_id)
            first.resolved_at = first.resolved_by = None
            return self._added(
                session,
                who,
                case,
                Comment(
                    case_id=case.id,
                    thread_id=first.id,
                    author_id=who.id,
                    reader_id=first.reader_id,
                    body=_body(body),
                ),
            )

    def resolve(self, who: Principal, comment_id: UUID, *, resolved: bool) -> Thread:
        """Say that the thread of a comment is done, or that it is not."""
        with self._db.begin() as session:
            case, first = self._open(session, who, comment_id)
            if resolved != (first.resolved_at is not None):
                first.resolved_at = datetime.now(UTC) if resolved else None
                first.resolved_by = who.id if resolved else None
                action = "comment.resolved" if resolved else "comment.reopened"
                audit.record(session, who, action, project_id=case.project_id, subject=first.id, case=str(case.id))
                session.flush()
            return self._thread(session, first.id)

    # -- inside -------------------------------------------------------------------------------------------------------
    @staticmethod
    def _open(session: Session, who: Principal, comment_id: UUID) -> tuple[Case, Comment]:
        """The case and the first comment of the thread, locked."""
        comment = session.get(Comment, comment_id)
        try:
            if comment is None:
                raise CommentNotFound("This comment does not exist.")
            case = require_case(session, who, comment.case_id, Action.ANNOTATE)
        except CaseNotFound as error:
            raise CommentNotFound("This comment is not on one of your cases.") from error
        if blind_reading(session, who, case) is not None and comment.reader_id != who.id:
            raise CommentNotFound("This comment is not on one of your cases.")
        return case, session.get_one(Comment, comment.thread_id or comment.id, with_for_update=True)

    def _added(self, session: Session, who: Principal, case: Case, comment: Comment) -> Thread:
        session.add(comment)
        session.flush()
        action = "comment.answered" if comment.thread_id else "comment.added"
        audit.record(session, who, action, project_id=case.project_id, subject=comment.id, case=str(case.id))
        return self._thread(session, comment.thread_id or comment.id)

    @staticmethod
    def _thread(session: Session, first_id: UUID) -> Thread:
        rows = session.scalars(
            select(Comment)
            .where((Comment.id == first_id) | (Comment.thread_id == first_id))
            .order_by(Comment.id)
            .execution_options(populate_existing=True)
        ).all()
        return _threads(session, rows)[0]


def _threads(session: Session, rows: Sequence[Comment]) -> list[Thread]:
    people = {row.author_id for row in rows} | {row.resolved_by for row in rows if row.resolved_by}
    users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(people)))}
    answers: dict[UUID, list[CommentView]] = {row.id: [] for row in rows if row.thread_id is None}
    for row in rows:
        if row.thread_id is not None:
            answers[row.thread_id].append(CommentView(row, users[row.author_id]))
    threads = [
        Thread(
            CommentView(row, users[row.author_id]),
            answers[row.id],
            users[row.resolved_by] if row.resolved_by else None,
        )
        for row in rows
        if row.thread_id is None
    ]
    return sorted(threads, key=lambda thread: thread.first.comment.resolved_at is not None)


def _body(body: str) -> str:
    body = body.strip()
    if not 1 <= len(body) <= LONGEST:
        raise InvalidComment(f"A comment has 1 to {LONGEST} characters; this one has {len(body)}.")
    return body


def _check_pin(session: Session, case: Case, pin: Pin) -> None:
    if pin.label_id is not None:
        label = session.get(LabelRow, pin.label_id)
        if label is None or label.project_id != case.project_id:
            raise InvalidComment("The label is not one of this project.")
    if pin.volume_id is None:
        if pin.slice_index is not None or pin.point_xy is not None:
            raise InvalidComment("A slice or a place needs to say of which volume.")
        return
    volume = session.get(VolumeRow, pin.volume_id)
    if volume is None or volume.case_id != case.id:
        raise InvalidComment("The volume is not one of this case.")
    if pin.slice_index is None:
        if pin.point_xy is not None:
            raise InvalidComment("A place needs to say on which slice.")
        return
    if not 0 <= pin.slice_index < volume.slices:
        raise InvalidComment(f"There is no slice {pin.slice_index}; the volume has {volume.slices}.")
    if pin.point_xy is not None:
        x, y = pin.point_xy
        if not (0 <= x < volume.columns and 0 <= y < volume.rows):
            raise InvalidComment(f"The place ({x:g}, {y:g}) lies outside of the slice.")
