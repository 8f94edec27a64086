"""What was learned of labels, and proposals made with it."""

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
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.tables.base import Base, id_, now


class LearnedPromptRow(Base):
    """What SAM^assist learned of a label. Without a volume it was learned on the project's pictures."""

    __tablename__ = "learned_prompts"

    id: Mapped[UUID] = id_()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    volume_id: Mapped[UUID | None] = mapped_column(ForeignKey("volumes.id"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id"))
    annotator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"), unique=True)
    model: Mapped[str] = mapped_column(String(120))
    model_checksum: Mapped[str] = mapped_column(String(64))
    checksum: Mapped[str] = mapped_column(String(64))  # of the tensors
    tensors: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)  # safetensors, about 15 kB
    provenance: Mapped[dict[str, Any]]  # config, seed, steps, seconds, and `examples`: volume, slice, revision
    verdict: Mapped[dict[str, Any]]  # domain.learning.Verdict
    created_at: Mapped[datetime] = now()

    __table_args__ = (
        Index("learned_prompts_by_label", "label_id", "annotator_id", "volume_id"),
        Index("learned_prompts_by_project", "project_id", "id"),
    )


class ActivePrompt(Base):
    """Which learned prompt answers an annotator's clicks on a label of a volume (none: of the project's pictures). A
    row without a learned prompt says that the plain model does."""

    __tablename__ = "active_prompts"

    id: Mapped[UUID] = id_()
    volume_id: Mapped[UUID | None] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id", ondelete="CASCADE"))
    annotator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    learned_prompt_id: Mapped[UUID | None] = mapped_column(ForeignKey("learned_prompts.id"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    __table_args__ = (UniqueConstraint("label_id", "annotator_id", "volume_id", postgresql_nulls_not_distinct=True),)


class Proposal(Base):
    """A mask of one slice that nobody accepted yet, and later what became of it. At most one is open a slice."""

    __tablename__ = "proposals"

    id: Mapped[UUID] = id_()
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"))
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("labels.id"))
    annotator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    slice_index: Mapped[int] = mapped_column(Integer)
    counts: Mapped[str] = mapped_column(Text)
    voxels: Mapped[int] = mapped_column(Integer)
    confidence: Mapped[float] = mapped_column(Float)
    prompts: Mapped[dict[str, Any] | None]
    generator: Mapped[str] = mapped_column(String(16))
    learned_prompt_id: Mapped[UUID | None] = mapped_column(ForeignKey("learned_prompts.id"))
    model: Mapped[str] = mapped_column(String(120))
    model_checksum: Mapped[str] = mapped_column(String(64))
    seed: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), default="open")
    revision_id: Mapped[UUID | None] = mapped_column(ForeignKey("revisions.id"))  # that accepting made
    made_at: Mapped[datetime] = now()
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state in ('open', 'accepted', 'corrected', 'rejected', 'absent')", name="proposal_state"),
        CheckConstraint("confidence between 0 and 1", name="proposal_confidence"),
        Index("proposals_by_volume", "volume_id", "label_id", "annotator_id", "id"),
        Index(
            "one_open_proposal_a_slice",
            "volume_id",
            "label_id",
            "annotator_id",
            "slice_index",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
    )
