"""Projects, who is in them, and their labels."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.db.tables.base import Base, id_, now


class Project(Base):
    __tablename__ = "projects"

    id: Mapped[UUID] = id_()
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = now()
    archived_at: Mapped[datetime | None]
    own_cases_only: Mapped[bool] = mapped_column(Boolean, default=False)  # annotators see what is assigned to them
    privacy: Mapped[str] = mapped_column(String(16), server_default="none")  # domain.privacy.Privacy
    windows: Mapped[dict[str, Any]] = mapped_column(default=dict)  # modality -> domain.windows.ModalityWindows
    keep_originals: Mapped[bool] = mapped_column(Boolean, default=True)  # else only voxels are kept of what comes

    label_set_version: Mapped[int] = mapped_column(Integer, default=1)  # the newest of label_sets
    exclusive_labels: Mapped[bool] = mapped_column(Boolean, default=False)  # a voxel belongs to one label at most

    labels: Mapped[list[LabelRow]] = relationship(order_by="LabelRow.position, LabelRow.value", viewonly=True)

    __table_args__ = (CheckConstraint("privacy in ('none', 'retain-uids', 'full')", name="project_privacy"),)


class Pseudonym(Base):
    """Whom a pseudonym of a project stands for, sealed with a key that is not in the database (services.privacy)."""

    __tablename__ = "pseudonyms"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    pseudonym: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # patient | study | file
    key_id: Mapped[str] = mapped_column(String(16))  # tells keys apart, and nothing of them
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = now()


class Member(Base):
    __tablename__ = "members"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = now()


class LabelRow(Base):
    __tablename__ = "labels"

    id: Mapped[UUID] = id_()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    color: Mapped[str] = mapped_column(String(7))
    value: Mapped[int] = mapped_column(SmallInteger)
    code_scheme: Mapped[str | None] = mapped_column(String(16))
    code_value: Mapped[str | None] = mapped_column(String(64))
    code_meaning: Mapped[str | None] = mapped_column(String(64))
    shortcut: Mapped[str | None] = mapped_column(String(1))
    group_name: Mapped[str] = mapped_column(String(64), default="")
    position: Mapped[int] = mapped_column(SmallInteger, default=0)  # among the project's labels
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict)  # domain.label_rules.LabelRules, what is not default
    warm_start_id: Mapped[UUID | None] = mapped_column(  # where the label's next cases start from
        ForeignKey("learned_prompts.id", use_alter=True, name="labels_warm_start_id_fkey")
    )
    created_at: Mapped[datetime] = now()

    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        UniqueConstraint("project_id", "value"),
        UniqueConstraint("project_id", "shortcut"),
        CheckConstraint("value between 1 and 255", name="label_value"),
    )


class LabelSet(Base):
    """The labels of a project as they were from a time on: every change of a label makes a version."""

    __tablename__ = "label_sets"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    labels: Mapped[list[Any]]
    exclusive: Mapped[bool] = mapped_column(Boolean, default=False)
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = now()
