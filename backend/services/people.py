"""The people of the installation, for its administrators: who there is, who may administer, who has left.

Making an account and its one-time link is in services.accounts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Case, Credential, Identity, Member, Reading, User
from backend.domain.workflow import OPEN_STATES
from backend.errors import Conflict
from backend.services import audit
from backend.services.access import Principal, require_admin
from backend.services.accounts import Accounts, Secret, UserNotFound, usable_name
from backend.services.paging import Page, page
from backend.services.programs import PERSON


class LastAdministrator(Conflict):
    """The installation would be left without an administrator. Raised by services.people."""

    code = "last_administrator"
    title = "The installation needs an administrator"


class NotYourself(Conflict):
    """Nobody deactivates the account that they use. Raised by services.people."""

    code = "not_yourself"
    title = "This is your own account"


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as administrators see them. `open_cases`: assigned to them and not finished. `has_identity`: they have
    signed in with the account of their organisation."""

    user: User
    projects: int
    open_cases: int
    last_seen_at: datetime | None
    has_identity: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person and the one-time login that is shown to whoever made it."""

    person: PersonView
    secret: Secret


class People:
    def __init__(self, db: Database, accounts: Accounts) -> None:
        self._db = db
        self._accounts = accounts

    def search(self, who: Principal, *, text: str | None, limit: int, cursor: str | None) -> Page[PersonView]:
        """Accounts, the newest first, of which the name or the e-mail address holds `text`."""
        require_admin(who)
        with self._db.begin() as session:
            query = select(User).where(User.kind == PERSON)
            if text:
                query = query.where(
                    or_(User.name.icontains(text, autoescape=True), User.email.icontains(text, autoescape=True))
                )
            found = page(session, query, User.id, limit=limit, cursor=cursor)
            return Page(_views(session, found.items), found.next_cursor)

    def invite(self, who: Principal, email: str, name: str, *, is_admin: bool) -> Invitation:
        """A new account. Raises InvalidUser, UserExists."""
        secret = self._accounts.create_user(who, email, name, is_admin=is_admin)
        return Invitation(self._view(secret.credential.user_id), secret)

    def new_link(self, who: Principal, user_id: UUID) -> Invitation:
        """Forget the person's password and sessions; a new one-time login. Raises UserNotFound, AccountDeactivated."""
        require_admin(who)
        secret = self._accounts.reset(who, self._view(user_id).user.email)
        return Invitation(self._view(user_id), secret)

    def change(self, who: Principal, user_id: UUID, changes: dict[str, Any]) -> PersonView:
        """Change `name`, `is_admin` or `active`. Who is deactivated is signed out everywhere at once, and their tokens
        are gone; what they did and what is assigned to them stays. Raises LastAdministrator, NotYourself."""
        require_admin(who)
        with self._db.begin() as session:
            administrators = session.scalars(
                select(User.id).where(User.is_admin, User.disabled_at.is_(None)).with_for_update()
            ).all()
            user = session.get(User, user_id, with_for_update=True)
            if user is None or user.kind != PERSON:
                raise UserNotFound("There is no such account.")
            leaves = changes.get("active") is False or changes.get("is_admin") is False
            if leaves and list(administrators) == [user.id]:
                raise LastAdministrator(f"{user.name} is the only one.", hint="Make somebody else one first.")
            if changes.get("active") is False and user.id == who.id:
                raise NotYourself("You would lock yourself out.", hint="Another administrator can do it.")
            if "name" in changes:
                user.name = usable_name(changes["name"])
            if "is_admin" in changes:
                user.is_admin = changes["is_admin"]
            if "active" in changes:
                user.disabled_at = None if changes["active"] else user.disabled_at or datetime.now(UTC)
                if not changes["active"]:
                    session.execute(delete(Credential).where(Credential.user_id == user.id))
            recorded = {key: value for key, value in changes.items() if key != "name"}
            audit.record(session, who, "user.changed", subject=user.id, **recorded)
            session.flush()
            return _views(session, [user])[0]

    def _view(self, user_id: UUID) -> PersonView:
        with self._db.begin() as session:
            user = session.get(User, user_id)
            if user is None or user.kind != PERSON:
                raise UserNotFound("There is no such account.")
            return _views(session, [user])[0]


def _views(session: Session, users: Sequence[User]) -> list[PersonView]:
    ids = [user.id for user in users]
    projects = session.execute(
        select(Member.user_id, func.count()).where(Member.user_id.in_(ids)).group_by(Member.user_id)
    )
    cases = session.execute(
        select(Case.assignee_id, func.count())
        .where(Case.assignee_id.in_(ids), Case.state.in_(OPEN_STATES))
        .group_by(Case.assignee_id)
    )
    readings = session.execute(
        select(Reading.reader_id, func.count())
        .where(Reading.reader_id.in_(ids), Reading.state.in_(OPEN_STATES))
        .group_by(Reading.reader_id)
    )
    seen = session.execute(
        select(Credential.user_id, func.max(Credential.last_used_at))
        .where(Credential.user_id.in_(ids))
        .group_by(Credential.user_id)
    )
    known = set(session.scalars(select(Identity.user_id).where(Identity.user_id.in_(ids))))
    project_counts, last_seen = dict(projects.all()), dict(seen.all())
    case_counts = Counter({person: count for person, count in cases if person is not None})
    case_counts.update(dict(readings.all()))
    return [
        PersonView(
            user,
            project_counts.get(user.id, 0),
            case_counts.get(user.id, 0),
            last_seen.get(user.id),
            user.id in known,
        )
        for user in users
    ]
