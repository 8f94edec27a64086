"""People, the identities that they sign in with, and their sessions and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.tables.base import Base, id_, now


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = id_()
    email: Mapped[str] = mapped_column(String(254), unique=True)  # stored in lower case
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(16), server_default="person")  # program: services.programs
    password_hash: Mapped[str | None] = mapped_column(Text)  # argon2id; None until the first password is set
    is_admin: Mapped[bool] = mapped_column(Boolean, default=False)
    auto_learn: Mapped[bool] = mapped_column(Boolean, default=True)  # learn from annotated slices without being asked
    keys: Mapped[dict[str, Any]] = mapped_column(default=dict)  # command -> its keys, where they are not the usual ones
    label_patterns: Mapped[bool] = mapped_column(Boolean, default=False)  # labels are told apart by patterns, too
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now()

    __table_args__ = (CheckConstraint("kind in ('person', 'program')", name="user_kind"),)


class Identity(Base):
    """Who somebody is at an OpenID Connect provider: what they are known by from their first sign-in on."""

    __tablename__ = "identities"

    id: Mapped[UUID] = id_()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = now()

    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="identity_once"),
        UniqueConstraint("user_id", "issuer", name="identity_of_user"),
    )


class Credential(Base):
    """A secret that stands for a user, stored as sha256: a browser session, a personal token or a one-time login."""

    __tablename__ = "credentials"

    id: Mapped[UUID] = id_()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # session | token | one_time
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(120), default="")  # of a token, or the browser of a session
    scope: Mapped[str] = mapped_column(String(16), default="all")  # all | read
    dicomweb_project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="SET NULL"))
    identity_id: Mapped[UUID | None] = mapped_column(ForeignKey("identities.id", ondelete="CASCADE"))  # a session's
    provider_session: Mapped[str | None] = mapped_column(String(255))  # as the sign-in service calls it
    id_token: Mapped[str | None] = mapped_column(Text)  # that began a session; shown to the service to end its own
    created_at: Mapped[datetime] = now()
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("kind in ('session', 'token', 'one_time')", name="credential_kind"),
        CheckConstraint("scope in ('all', 'read')", name="credential_scope"),
        Index("credentials_by_provider_session", "provider_session"),
    )
