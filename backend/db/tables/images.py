"""Cases and what they are made of: volumes, original files, DICOM instances, and what is still coming in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.db.tables.base import Base, id_, now


class Case(Base):
    """A study in a project: what is assigned and reviewed. `study_key` is the Study Instance UID or a file's hash."""

    __tablename__ = "cases"

    id: Mapped[UUID] = id_()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    study_key: Mapped[str] = mapped_column(String(128))
    name: Mapped[str] = mapped_column(String(200))
    study: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(16), default="new")
    priority: Mapped[int] = mapped_column(SmallInteger, default=0)  # more is sooner
    due_on: Mapped[date | None]
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    is_blind: Mapped[bool] = mapped_column(Boolean, default=False)  # several read it (Reading); it has no assignee
    is_gold: Mapped[bool] = mapped_column(Boolean, default=False)  # its result is what readers are tested against
    result_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # whose masks were accepted
    submitted_at: Mapped[datetime | None]  # the last time
    created_at: Mapped[datetime] = now()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    volumes: Mapped[list[VolumeRow]] = relationship(order_by="VolumeRow.created_at, VolumeRow.id", viewonly=True)

    __table_args__ = (
        UniqueConstraint("project_id", "study_key"),
        Index("cases_by_birth", "project_id", "id"),
        Index("cases_by_state", "project_id", "state", "id"),
        Index("cases_by_assignee", "assignee_id", "state"),
    )


NO_DUE_DATE = text("'infinity'::date")
URGENCY = (-Case.priority, func.coalesce(Case.due_on, NO_DUE_DATE), Case.id)
"""The order of a queue: high priority first, then what is due sooner, then what came first."""

Index("cases_by_urgency", Case.project_id, *URGENCY)


class Lease(Base):
    """Who has a case open right now, renewed by their page. Says that somebody is there; forbids nothing."""

    __tablename__ = "leases"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    holder_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class Reading(Base):
    """One person's blind reading of a case (domain.reading). `is_test`: hidden, against the masks of a gold case."""

    __tablename__ = "readings"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), default="assigned")
    is_test: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = now()
    submitted_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state in ('assigned', 'in_progress', 'submitted', 'returned')", name="reading_state"),
        Index("readings_by_reader", "reader_id", "state"),
    )


class VolumeRow(Base):
    """One voxel grid of a case. Its voxels lie in the object store under `voxels_hash`, once for all rows."""

    __tablename__ = "volumes"

    id: Mapped[UUID] = id_()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    content_hash: Mapped[str] = mapped_column(String(64))  # voxels, geometry, modality
    former_hashes: Mapped[list[Any]] = mapped_column(default=list)  # content_hash before parts of it were blanked
    voxels_hash: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    modality: Mapped[str] = mapped_column(String(16))
    dtype: Mapped[str] = mapped_column(String(16))
    channels: Mapped[int] = mapped_column(SmallInteger)
    slices: Mapped[int] = mapped_column(Integer)
    rows: Mapped[int] = mapped_column(Integer)
    columns: Mapped[int] = mapped_column(Integer)
    geometry: Mapped[dict[str, Any]]
    presentation: Mapped[dict[str, Any]]  # value range, windows, the model's window
    series: Mapped[dict[str, Any]] = mapped_column(default=dict)
    source: Mapped[dict[str, Any]] = mapped_column(default=dict)  # kind, and what export needs of the original grid
    warnings: Mapped[list[Any]] = mapped_column(default=list)
    text_risk: Mapped[str | None] = mapped_column(String(24))  # why its pixels may show text (imaging.dicom.text_risk)
    text_checked_at: Mapped[datetime | None]  # when somebody saw that they show none
    text_checked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = now()

    __table_args__ = (
        UniqueConstraint("project_id", "content_hash"),
        Index("volumes_blanked", "project_id", postgresql_where=text("former_hashes <> '[]'")),
    )

    @property
    def warns_of_text(self) -> str | None:
        """The text_risk that nobody has looked into yet."""
        return None if self.text_checked_at else self.text_risk


class Original(Base):
    """One file that a volume was read from, as the project's policy lets it be kept; `is_kept`: if it is at all.

    `instance` holds the DICOM identity where there is one."""

    __tablename__ = "originals"

    id: Mapped[UUID] = id_()
    volume_id: Mapped[UUID] = mapped_column(ForeignKey("volumes.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)  # order of the files within the volume
    sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    instance: Mapped[dict[str, Any]] = mapped_column(default=dict)
    is_kept: Mapped[bool] = mapped_column(Boolean, default=True)

    __table_args__ = (UniqueConstraint("volume_id", "position"),)


class Intake(Base):
    """Files that come in many requests and are read together by one import, whose job has this id. `key`: what the
    sender calls them, as a digest. `closed_at`: all have come."""

    __tablename__ = "intakes"

    id: Mapped[UUID] = id_()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = now()
    touched_at: Mapped[datetime] = now()
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("intakes_open", "project_id", "key", unique=True, postgresql_where=text("closed_at IS NULL")),
    )


class IntakeFile(Base):
    """One file of an intake. `digest`: of its bytes as they were sent, which tells what need not be sent again;
    `name`: what the import's result calls it."""

    __tablename__ = "intake_files"

    intake_id: Mapped[UUID] = mapped_column(ForeignKey("intakes.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    object_key: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("intake_files_by_digest", "digest"),)


class DicomInstance(Base):
    """A DICOM object of a project as DICOMweb shows it; its file lies in the object store under `originals/<sha256>`.
    `awaits_import`: it was received, and no import has looked at it yet."""

    __tablename__ = "dicom_instances"

    id: Mapped[UUID] = id_()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    study_uid: Mapped[str] = mapped_column(String(64))
    series_uid: Mapped[str] = mapped_column(String(64))
    sop_instance_uid: Mapped[str] = mapped_column(String(64))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    transfer_syntax_uid: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    attributes: Mapped[dict[str, Any]]  # DICOM JSON model, what can be searched for
    awaits_import: Mapped[bool] = mapped_column(Boolean)
    received_at: Mapped[datetime] = now()

    __table_args__ = (
        UniqueConstraint("project_id", "sop_instance_uid"),
        Index("dicom_instances_by_series", "project_id", "study_uid", "series_uid", "id"),
        Index(
            "dicom_instances_by_attribute",
            "attributes",
            postgresql_using="gin",
            postgresql_ops={"attributes": "jsonb_path_ops"},
        ),
        Index("dicom_instances_awaiting", "project_id", "study_uid", postgresql_where=text("awaits_import")),
    )


class DiscardedObject(Base):
    """An object that nobody wants any more, written with what made it so; services.content deletes it."""

    __tablename__ = "discarded_objects"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    created_at: Mapped[datetime] = now()
