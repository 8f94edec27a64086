"""Background jobs, webhooks and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.tables.base import Base, id_, now


class Job(Base):
    """A background job. This row is the record; the queue carries only its id."""

    __tablename__ = "jobs"

    id: Mapped[UUID] = id_()
    kind: Mapped[str] = mapped_column(String(24))
    state: Mapped[str] = mapped_column(String(16), default="queued")
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    subject: Mapped[str | None] = mapped_column(String(120))  # of one kind, only a subject's newest job is wanted
    payload: Mapped[dict[str, Any]]
    progress: Mapped[float] = mapped_column(Float, default=0.0)  # 0..1
    message: Mapped[str] = mapped_column(Text, default="")  # domain.jobs.JobMessage, or a sentence
    message_params: Mapped[dict[str, Any]] = mapped_column(default=dict)  # numbers for the message
    result: Mapped[dict[str, Any] | None]
    problem: Mapped[dict[str, Any] | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = now()
    started_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="job_state"),
        CheckConstraint("progress between 0 and 1", name="job_progress"),
        Index("jobs_by_state", "state", "created_at"),
        Index("jobs_by_project", "project_id", "created_at"),
        Index("jobs_by_subject", "subject", "kind", "id"),
    )


class Webhook(Base):
    """Whom a project tells of its events. The secret is kept as it is: every message is signed with it."""

    __tablename__ = "webhooks"

    id: Mapped[UUID] = id_()
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[Any]]  # domain.webhooks.WebhookEvent
    secret: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = now()
    failures: Mapped[int] = mapped_column(Integer, default=0)  # attempts in a row
    disabled_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One message to one webhook: kept before it is sent, and what became of it. `next_at`: the next attempt."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[UUID] = id_()
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="pending")
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    carried_at: Mapped[datetime | None]  # when the courier took it last
    status: Mapped[int | None] = mapped_column(SmallInteger)  # HTTP, of the last attempt
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = now()
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state in ('pending', 'delivered', 'failed')", name="delivery_state"),
        Index("deliveries_by_webhook", "webhook_id", "id"),
        Index("deliveries_due", "next_at", postgresql_where=text("state = 'pending'")),
    )


class AuditEvent(Base):
    """Who did what to what. Never holds pixel data, names of patients or secrets."""

    __tablename__ = "audit_events"

    id: Mapped[UUID] = id_()
    at: Mapped[datetime] = now()
    actor_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(String(64))
    project_id: Mapped[UUID | None]
    subject: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        Index("audit_by_project", "project_id", "at"),
        Index("audit_by_id", "project_id", "id"),
        Index("audit_by_subject", "subject", "at"),
    )
