"""People on the wire: signing in, one's own account, personal tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.db import tables
from backend.domain.workflow import TokenScope
from backend.services.accounts import OwnAccount
from backend.services.audit import EventView
from backend.services.people import Invitation, PersonView
from backend.services.sessions import SessionView


class OidcOptions(Schema):
    name: str = Field(description="What stands on the button")
    url: str = Field(description="Where signing in with it begins; takes ?next=/path")


class SignInOptions(Schema):
    passwords: bool = Field(description="Whether people may sign in with a password")
    oidc: OidcOptions | None


class LogoutOut(Schema):
    provider_url: str | None = Field(description="Where to go to sign out of the organisation's account, too")


class LoginIn(Schema):
    email: str
    password: str


class OneTimeIn(Schema):
    token: str


class PasswordIn(Schema):
    password: str
    current_password: str | None = None


Chord = Annotated[str, Field(min_length=1, max_length=40, description="Like 'Ctrl+Shift+z'")]
CommandId = Annotated[str, Field(min_length=1, max_length=60)]
KeyChanges = Annotated[dict[CommandId, Annotated[list[Chord], Field(max_length=4)]], Field(max_length=200)]


class Me(Schema):
    id: UUID
    email: str
    name: str
    is_admin: bool
    has_password: bool
    must_set_password: bool
    auto_learn: bool = Field(description="Learning starts by itself once a label has two annotated slices")
    keys: KeyChanges = Field(description="Keys of commands of the annotate page, where they are not the usual ones")
    label_patterns: bool = Field(description="Labels are told apart by patterns as well as by colours")

    @classmethod
    def of(cls, account: OwnAccount) -> Me:
        user = account.user
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            is_admin=user.is_admin,
            has_password=user.password_hash is not None,
            must_set_password=account.must_set_password,
            auto_learn=user.auto_learn,
            keys=user.keys,
            label_patterns=user.label_patterns,
        )


class MePatch(Schema):
    """What is left out stays as it is."""

    auto_learn: bool | None = None
    keys: KeyChanges | None = Field(default=None, description="In place of all changed keys; {} for the usual ones")
    label_patterns: bool | None = None


class TokenIn(Schema):
    name: str = Field(max_length=120)
    expires_at: datetime | None = None
    scope: TokenScope = TokenScope.ALL
    dicomweb_project_id: UUID | None = Field(
        default=None, description="What DICOMweb addresses without a project mean with this token"
    )


class Token(Schema):
    id: UUID
    name: str
    scope: TokenScope
    dicomweb_project_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: tables.Credential) -> Token:
        return cls(
            id=row.id,
            name=row.name,
            scope=TokenScope(row.scope),
            dicomweb_project_id=row.dicomweb_project_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )


class NewToken(Token):
    token: str = Field(description="Shown this once; only its hash is kept.")


class SessionOut(Schema):
    id: UUID
    browser: str = Field(description="As the browser calls itself")
    current: bool = Field(description="The one that asks")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, view: SessionView) -> SessionOut:
        row = view.credential
        return cls(
            id=row.id,
            browser=row.name,
            current=view.is_current,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )


class Person(Schema):
    id: UUID
    name: str
    email: str

    @classmethod
    def of(cls, user: tables.User) -> Person:
        return cls(id=user.id, name=user.name, email=user.email)


# -- for administrators -----------------------------------------------------------------------------------------------
class PersonDetail(Person):
    is_admin: bool
    active: bool
    invited: bool = Field(description="They have no password yet and have not signed in in another way")
    created_at: datetime
    last_seen_at: datetime | None
    projects: int
    open_cases: int = Field(description="Assigned to them and not finished")

    @classmethod
    def seen(cls, view: PersonView) -> PersonDetail:
        user = view.user
        return cls(
            id=user.id,
            name=user.name,
            email=user.email,
            is_admin=user.is_admin,
            active=user.disabled_at is None,
            invited=user.password_hash is None and not view.has_identity,
            created_at=user.created_at,
            last_seen_at=view.last_seen_at,
            projects=view.projects,
            open_cases=view.open_cases,
        )


class PersonIn(Schema):
    email: str
    name: str
    is_admin: bool = False


class PersonPatch(Schema):
    name: str | None = None
    is_admin: bool | None = None
    active: bool | None = Field(default=None, description="false signs the person out everywhere and keeps them out")


class InvitationOut(Schema):
    person: PersonDetail
    token: str = Field(description="Shown this once. The login link is /login?token=TOKEN")
    expires_at: datetime | None

    @classmethod
    def of(cls, invitation: Invitation) -> InvitationOut:
        secret = invitation.secret
        return cls(
            person=PersonDetail.seen(invitation.person), token=secret.value, expires_at=secret.credential.expires_at
        )


class AuditEvent(Schema):
    id: UUID
    at: datetime
    actor: Person | None = Field(description="null: the system itself")
    action: str
    project_id: UUID | None
    subject: str
    detail: dict[str, Any]
    names: dict[str, str] = Field(
        description="Of the people, projects, cases, labels and volumes that subject and detail mention by id"
    )
    case_id: UUID | None = Field(description="The case that it is about, if it still exists")

    @classmethod
    def of(cls, view: EventView) -> AuditEvent:
        event = view.event
        return cls(
            id=event.id,
            at=event.at,
            actor=Person.of(view.actor) if view.actor else None,
            action=event.action,
            project_id=event.project_id,
            subject=event.subject,
            detail=event.detail,
            names=dict(view.names),
            case_id=view.case_id,
        )
