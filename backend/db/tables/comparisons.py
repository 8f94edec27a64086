"""Blinded comparisons of two sources of masks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.tables.base import Base, id_, now


class Comparison(Base):
    """Two sources of masks that readers compare without knowing which is which (domain.comparison)."""

    __tablename__ = "comparisons"

    id: Mapped[UUID] = id_()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(120))
    settings: Mapped[dict[str, Any]]  # domain.comparison.ComparisonSettings
    plan: Mapped[list[Any]]  # domain.comparison.PlannedGroup
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"))  # that computes masks
    identical: Mapped[int] = mapped_column(Integer, default=0)  # pairs of equal masks, which nobody is shown
    ready_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]  # nobody judges any more
    deleted_at: Mapped[datetime | None]  # out of every list; what was said stays, as all history does
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = now()

    __table_args__ = (Index("comparisons_by_project", "project_id", "id"),)


class ComparisonReader(Base):
    """Who compares; `finished_at`: since when they see the tally and say nothing more."""

    __tablename__ = "comparison_readers"

    comparison_id: Mapped[UUID] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    finished_at: Mapped[datetime | None]


class ComparisonPair(Base):
    """Two masks of one slice, and where each is from. `annotation_id`: the accepted mask."""

    __tablename__ = "comparison_pairs"

    id: Mapped[UUID] = id_()
    comparison_id: Mapped[UUID] = mapped_column(ForeignKey("comparisons.id"))
    annotation_id: Mapped[UUID] = mapped_column(ForeignKey("annotations.id"))
    slice_index: Mapped[int] = mapped_column(Integer)
    first_counts: Mapped[str] = mapped_column(Text)
    second_counts: Mapped[str] = mapped_column(Text)
    first_from: Mapped[dict[str, Any]]
    second_from: Mapped[dict[str, Any]]

    __table_args__ = (UniqueConstraint("comparison_id", "annotation_id", "slice_index"),)


class ComparisonTurn(Base):
    """When a reader is shown a pair, and on which side, as it was drawn."""

    __tablename__ = "comparison_turns"

    pair_id: Mapped[UUID] = mapped_column(ForeignKey("comparison_pairs.id"), primary_key=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    comparison_id: Mapped[UUID] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)  # from 0
    first_is_left: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (UniqueConstraint("comparison_id", "reader_id", "position"),)


class ComparisonVote(Base):
    """What a reader said of a pair. Who thinks again says something more: the highest `number` counts."""

    __tablename__ = "comparison_votes"

    id: Mapped[UUID] = mapped_column(primary_key=True)  # made by the client, so that a retry is a no-op
    pair_id: Mapped[UUID] = mapped_column(ForeignKey("comparison_pairs.id"))
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    number: Mapped[int] = mapped_column(Integer)  # of this reader on this pair, from 1
    choice: Mapped[str] = mapped_column(String(8))
    seconds: Mapped[float | None] = mapped_column(Float)  # since the pair was shown
    created_at: Mapped[datetime] = now()

    __table_args__ = (
        UniqueConstraint("pair_id", "reader_id", "number"),
        CheckConstraint("choice in ('left', 'right', 'none')", name="comparison_choice"),
    )
