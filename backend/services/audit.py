"""The trail of who did what. Written inside the unit of work it records, so that both are there or neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import AuditEvent, User
from backend.domain.workflow import Action
from backend.services.access import Principal, require, require_admin
from backend.services.paging import Page, page


def record(
    session: Session,
    who: Principal | None,
    action: str,
    *,
    project_id: UUID | None = None,
    subject: UUID | str = "",
    **detail: Any,
) -> None:
    """Append one event. `detail` holds ids and numbers: no pixel data, no names of patients, no secrets."""
    session.add(
        AuditEvent(
            actor_id=who.id if who else None,
            action=action,
            project_id=project_id,
            subject=str(subject),
            detail=detail,
        )
    )


@dataclass(frozen=True, slots=True)
class EventView:
    """An event and who caused it; nobody: the system itself."""

    event: AuditEvent
    actor: User | None


class AuditLog:
    def __init__(self, db: Database) -> None:
        self._db = db

    def events(self, who: Principal, *, project_id: UUID | None, limit: int, cursor: str | None) -> Page[EventView]:
        """The newest first: of one project, for its managers, or of everything, for administrators."""
        with self._db.begin() as session:
            query = select(AuditEvent)
            if project_id is None:
                require_admin(who)
            else:
                require(session, who, project_id, Action.MANAGE)
                query = query.where(AuditEvent.project_id == project_id)
            found = page(session, query, AuditEvent.id, limit=limit, cursor=cursor)
            ids = {event.actor_id for event in found.items}
            actors = {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
            views = [EventView(event, actors.get(event.actor_id) if event.actor_id else None) for event in found.items]
            return Page(views, found.next_cursor)
