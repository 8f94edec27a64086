"""People on the wire: signing in, one's own account, personal tokens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.db import tables


class LoginIn(Schema):
    email: str
    password: str


class OneTimeIn(Schema):
    token: str


class PasswordIn(Schema):
    password: str
    current_password: str | None = None


class Me(Schema):
    id: UUID
    email: str
    name: str
    is_admin: bool
    must_set_password: bool
    auto_learn: bool = Field(description="Learning starts by itself once a label has two annotated slices")

    @classmethod
    def of(cls, user: tables.User) -> Me:
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            is_admin=user.is_admin,
            must_set_password=user.password_hash is None,
            auto_learn=user.auto_learn,
        )


class MePatch(Schema):
    auto_learn: bool


class TokenIn(Schema):
    name: str = Field(max_length=120)
    expires_at: datetime | None = None


class Token(Schema):
    id: UUID
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: tables.Credential) -> Token:
        return cls(
            id=row.id,
            name=row.name,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )


class NewToken(Token):
    token: str = Field(description="Shown this once; only its hash is kept.")


class Person(Schema):
    id: UUID
    name: str
    email: str

    @classmethod
    def of(cls, user: tables.User) -> Person:
        return cls(id=user.id, name=user.name, email=user.email)
