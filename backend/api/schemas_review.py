"""Comments, changes and the review of cases on the wire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.services.comments import CommentView, Pin, Thread
from backend.services.rounds import CaseChanges, ChangedMask


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
    """Somebody, or a program, whose masks a case has."""

    person: Person
    is_program: bool
    slices: int = Field(description="With a mask, all labels together")


class ChangedSliceOut(Schema):
    slice: int
    added: int = Field(description="Voxels that it has now and had not")
    removed: int = Field(description="Voxels that it had")
    authors: list[Person] = Field(description="Who changed it, the last one last")


class ChangedMaskOut(Schema):
    """Somebody's mask of a label that is not what it was."""

    annotation_id: UUID
    volume_id: UUID
    label_id: UUID
    annotator: Person
    slices: list[ChangedSliceOut]

    @classmethod
    def of(cls, changed: ChangedMask) -> ChangedMaskOut:
        return cls(
            annotation_id=changed.annotation.id,
            volume_id=changed.annotation.volume_id,
            label_id=changed.annotation.label_id,
            annotator=Person.of(changed.annotator),
            slices=[
                ChangedSliceOut(
                    slice=one.slice_index,
                    added=one.added,
                    removed=one.removed,
                    authors=[Person.of(author) for author in one.authors],
                )
                for one in changed.slices
            ],
        )


class ChangesOut(Schema):
    """What has changed on a case since a round ended, by volume and label."""

    at: datetime | None = Field(description="When the round ended; null: it never did")
    items: list[ChangedMaskOut]

    @classmethod
    def of(cls, changes: CaseChanges) -> ChangesOut:
        return cls(at=changes.at, items=[ChangedMaskOut.of(changed) for changed in changes.masks])
