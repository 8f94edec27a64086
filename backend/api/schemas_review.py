"""Comments and the review of cases on the wire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.services.comments import CommentView, Pin, Thread


class PlaceXY(Schema):
    x: float = Field(description="Column, 0 is the centre of the first")
    y: float = Field(description="Row, 0 is the centre of the first")


class CommentIn(Schema):
    body: str
    volume_id: UUID | None = None
    label_id: UUID | None = None
    slice: int | None = None
    place: PlaceXY | None = None
    reader_id: UUID | None = Field(
        default=None, description="On a case that is read blind: the reader who sees it, besides those who review"
    )

    def pin(self) -> Pin:
        return Pin(self.volume_id, self.label_id, self.slice, (self.place.x, self.place.y) if self.place else None)


class AnswerIn(Schema):
    body: str


class ResolveIn(Schema):
    resolved: bool


class Comment(Schema):
    id: UUID
    author: Person
    body: str
    created_at: datetime

    @classmethod
    def of(cls, view: CommentView) -> Comment:
        comment = view.comment
        return cls(id=comment.id, author=Person.of(view.author), body=comment.body, created_at=comment.created_at)


class ThreadOut(Schema):
    """A comment, where it is pinned, and its answers, oldest first."""

    first: Comment
    answers: list[Comment]
    reader_id: UUID | None = Field(description="The only one who sees it besides those who review, if they read blind")
    volume_id: UUID | None
    label_id: UUID | None
    slice: int | None
    place: PlaceXY | None
    resolved_at: datetime | None
    resolved_by: Person | None

    @classmethod
    def of(cls, thread: Thread) -> ThreadOut:
        row = thread.first.comment
        return cls(
            first=Comment.of(thread.first),
            answers=[Comment.of(answer) for answer in thread.answers],
            reader_id=row.reader_id,
            volume_id=row.volume_id,
            label_id=row.label_id,
            slice=row.slice_index,
            place=PlaceXY(x=row.x, y=row.y) if row.x is not None and row.y is not None else None,
            resolved_at=row.resolved_at,
            resolved_by=Person.of(thread.resolved_by) if thread.resolved_by else None,
        )


class Reader(Schema):
    """Somebody who drew on a case."""

    person: Person
    slices: int = Field(description="With a mask, all labels together")
