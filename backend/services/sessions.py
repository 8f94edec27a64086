"""Where a person is signed in: their browsers' sessions, and ending them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, select

from backend.db.session import Database
from backend.db.tables import Credential
from backend.errors import NotFound
from backend.services import audit
from backend.services.access import Principal
from backend.services.accounts import secret_hash


class SessionNotFound(NotFound):
    """The caller has no such session. Raised by services.sessions."""

    code = "session_not_found"
    title = "There is no such session"


@dataclass(frozen=True, slots=True)
class SessionView:
    """One browser in which somebody is signed in. `is_current`: the one that asks."""

    credential: Credential
    is_current: bool


class Sessions:
    def __init__(self, db: Database) -> None:
        self._db = db

    def mine(self, who: Principal, current: str) -> Sequence[SessionView]:
        """Sessions that still work, the newest first. `current` is the secret of the one that asks, if it is one."""
        mark = secret_hash(current)
        with self._db.begin() as session:
            rows = session.scalars(
                select(Credential)
                .where(Credential.user_id == who.id, Credential.kind == "session", Credential.expires_at > func.now())
                .order_by(Credential.id.desc())
            )
            return [SessionView(row, row.secret_hash == mark) for row in rows]

    def end(self, who: Principal, session_id: UUID) -> None:
        """Sign out there. Raises SessionNotFound."""
        with self._db.begin() as session:
            row = session.get(Credential, session_id)
            if row is None or row.user_id != who.id or row.kind != "session":
                raise SessionNotFound("You have no such session.")
            session.delete(row)
            audit.record(session, who, "session.ended", subject=session_id)

    def end_others(self, who: Principal, current: str) -> None:
        """Sign out everywhere but here."""
        with self._db.begin() as session:
            ended = session.scalars(
                delete(Credential)
                .where(
                    Credential.user_id == who.id,
                    Credential.kind == "session",
                    Credential.secret_hash != secret_hash(current),
                )
                .returning(Credential.id)
            ).all()
            audit.record(session, who, "session.others_ended", subject=who.id, count=len(ended))
