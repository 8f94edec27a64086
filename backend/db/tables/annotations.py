"""What people drew and said, and figures that are computed from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.db.tables.base import Base, id_, now


class Annotation(Base):
    __tablename__ = "annotations"

    id: Mapped[UUID] = id_()
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id"), index=True)
    annotator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = now()

    __table_args__ = (UniqueConstraint("volume_id", "label_id", "annotator_id"),)


class Revision(Base):
    """One accepted change. Two writers cannot both win: (annotation, sequence) is unique."""

    __tablename__ = "revisions"

    id: Mapped[UUID] = mapped_column(primary_key=True)  # made by the client, so that a retry is a no-op
    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id"))
    sequence: Mapped[int] = mapped_column(Integer)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    origin: Mapped[str] = mapped_column(String(16))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    prompts: Mapped[dict[str, Any] | None]
    model: Mapped[dict[str, Any] | None]
    reverts_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    telemetry: Mapped[dict[str, Any]] = mapped_column(default=dict)
    label_set_version: Mapped[int | None] = mapped_column(Integer)  # None: made before label sets had versions
    created_at: Mapped[datetime] = now()

    slices: Mapped[list[RevisionSlice]] = relationship(order_by="RevisionSlice.slice_index", viewonly=True)

    __table_args__ = (UniqueConstraint("annotation_id", "sequence"),)


class RevisionSlice(Base):
    """The voxels of one slice that a revision flips, COCO compressed RLE counts for [rows, columns] of the volume."""

    __tablename__ = "revision_slices"

    revision_id: Mapped[UUID] = mapped_column(ForeignKey("revisions.id"), primary_key=True)
    slice_index: Mapped[int] = mapped_column(Integer, primary_key=True)
    counts: Mapped[str] = mapped_column(Text)
    flipped_voxels: Mapped[int] = mapped_column(Integer)


class CurrentMask(Base):
    """The mask of a slice after all revisions: a cache of history, written in the same transaction, never the truth."""

    __tablename__ = "current_masks"

    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True)
    slice_index: Mapped[int] = mapped_column(Integer, primary_key=True)
    counts: Mapped[str] = mapped_column(Text)
    voxels: Mapped[int] = mapped_column(Integer)


class AnnotationWork(Base):
    """What an annotation took one person one way (origin and model): a cache of history for statistics. Project, case
    and label are the annotation's, written again so that a project's rows are summed without joins."""

    __tablename__ = "annotation_work"

    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(16), primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)  # empty: none
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id", ondelete="CASCADE"))
    revisions: Mapped[int] = mapped_column(Integer)
    slices: Mapped[int] = mapped_column(Integer)  # of which this was the newest change
    seconds: Mapped[float] = mapped_column(Float)
    clicks: Mapped[int] = mapped_column(Integer)
    boxes: Mapped[int] = mapped_column(Integer)
    strokes: Mapped[int] = mapped_column(Integer)
    undos: Mapped[int] = mapped_column(Integer)
    slices_by_model: Mapped[int] = mapped_column(Integer)  # that a model drew
    edits_after_model: Mapped[int] = mapped_column(Integer)  # of these, changed by hand afterwards
    voxels_by_model: Mapped[int] = mapped_column(BigInteger)
    voxels_changed: Mapped[int] = mapped_column(BigInteger)  # flipped by hand on these slices afterwards


class CountedAnnotation(Base):
    """An annotation whose AnnotationWork tells of its newest revision: appending takes the row away."""

    __tablename__ = "counted_annotations"

    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True)


class AnnotationEffort(Base):
    """How directly an annotation came about, as it was when its case was submitted last: sums over the slices that had
    a mask (services.effort)."""

    __tablename__ = "annotation_efforts"

    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"), primary_key=True)
    slices: Mapped[int] = mapped_column(Integer)
    seconds: Mapped[float] = mapped_column(Float)
    actions: Mapped[int] = mapped_column(Integer)
    actions_until_nearly: Mapped[int] = mapped_column(Integer)
    measured_at: Mapped[datetime] = now()


class Agreement(Base):
    """How far two people's masks of a label on a volume agree: a cache, computed from the revisions named. The person
    with the lower id comes first."""

    __tablename__ = "agreements"

    id: Mapped[UUID] = id_()
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id", ondelete="CASCADE"))
    first_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    second_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    tolerance_mm: Mapped[float] = mapped_column(Float)
    first_revision_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    second_revision_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))
    dice: Mapped[float] = mapped_column(Float)
    surface_dice: Mapped[float] = mapped_column(Float)
    hd95_mm: Mapped[float | None] = mapped_column(Float)  # None: one of the masks is empty
    first_ml: Mapped[float] = mapped_column(Float)
    second_ml: Mapped[float] = mapped_column(Float)
    worst_slice: Mapped[int] = mapped_column(Integer)  # with the most voxels in one mask only
    created_at: Mapped[datetime] = now()

    __table_args__ = (
        UniqueConstraint("volume_id", "label_id", "first_id", "second_id", "tolerance_mm"),
        CheckConstraint("first_id < second_id", name="agreement_pair"),
    )


class Comment(Base):
    """What somebody said about a case, pinned as exactly as they did. Answers name the first comment as `thread_id`.
    Of a blind reading only `reader_id` sees a thread, besides those who review; threads of no reader only these do."""

    __tablename__ = "comments"

    id: Mapped[UUID] = id_()
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"))
    thread_id: Mapped[UUID | None] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reader_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(Text)
    volume_id: Mapped[UUID | None] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    label_id: Mapped[UUID | None] = mapped_column(ForeignKey("labels.id", ondelete="SET NULL"))
    slice_index: Mapped[int | None] = mapped_column(Integer)
    x: Mapped[float | None] = mapped_column(Float)  # column
    y: Mapped[float | None] = mapped_column(Float)  # row
    created_at: Mapped[datetime] = now()
    resolved_at: Mapped[datetime | None]  # of a thread, on its first comment
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))

    __table_args__ = (
        CheckConstraint("(x is null) = (y is null)", name="comment_place"),
        CheckConstraint("x is null or slice_index is not null", name="comment_place_on_a_slice"),
        CheckConstraint("slice_index is null or volume_id is not null", name="comment_slice_of_a_volume"),
        Index("comments_by_case", "case_id", "id"),
    )


class Measurement(Base):
    """Something measured on a slice, with what came out: what a person read is what is kept."""

    __tablename__ = "measurements"

    id: Mapped[UUID] = id_()
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(16))
    axis: Mapped[int] = mapped_column(SmallInteger)
    slice_index: Mapped[int] = mapped_column(Integer)
    points: Mapped[list[Any]]  # [column, row] each
    figures: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = now()

    __table_args__ = (Index("measurements_by_volume", "volume_id", "id"),)
