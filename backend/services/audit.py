"""The trail of who did what. Written inside the unit of work it records, so that both are there or neither."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import AuditEvent, Case, LabelRow, Project, User, VolumeRow
from backend.domain.webhooks import event_of
from backend.domain.workflow import Action
from backend.services import outbox
from backend.services.access import Principal, require, require_admin
from backend.services.paging import Page, page

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def record(
    session: Session,
    who: Principal | None,
    action: str,
    *,
    project_id: UUID | None = None,
    subject: UUID | str = "",
    **detail: Any,
) -> None:
    """Append one event, and tell the project's webhooks that asked for it. `detail` holds ids and numbers: no pixel
    data, no names of patients, no secrets."""
    session.add(
        AuditEvent(
            actor_id=who.id if who else None,
            action=action,
            project_id=project_id,
            subject=str(subject),
            detail=detail,
        )
    )
    event = event_of(action, detail)
    if event is not None and project_id is not None:
        about = "case_id" if action.startswith("case.") else "comment_id"
        outbox.tell(session, project_id, event, {about: str(subject), "by": str(who.id) if who else None, **detail})


@dataclass(frozen=True, slots=True)
class EventView:
    """An event, who caused it (nobody: the system itself) and the case that it is about, if it still exists. `names`:
    of people, projects, cases, labels and volumes (by their cases) that it mentions by id."""

    event: AuditEvent
    actor: User | None
    names: Mapping[str, str]
    case_id: UUID | None


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
            mentioned = {event.id: _ids(event) for event in found.items}
            ids = set().union(*mentioned.values(), (event.actor_id for event in found.items if event.actor_id))
            users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
            of_volume = select(VolumeRow.id, Case.id, Case.name).join(Case, Case.id == VolumeRow.case_id)
            cases = {id: (id, name) for id, name in session.execute(select(Case.id, Case.name).where(Case.id.in_(ids)))}
            cases |= {v: (id, name) for v, id, name in session.execute(of_volume.where(VolumeRow.id.in_(ids)))}
            names = {user.id: user.name for user in users.values()} | {id: name for id, (_, name) in cases.items()}
            for table in (Project, LabelRow):
                names |= dict(session.execute(select(table.id, table.name).where(table.id.in_(ids))).all())
            views = [
                EventView(
                    event,
                    users.get(event.actor_id) if event.actor_id else None,
                    {str(id): names[id] for id in mentioned[event.id] if id in names},
                    next((cases[id][0] for id in mentioned[event.id] if id in cases), None),
                )
                for event in found.items
            ]
            return Page(views, found.next_cursor)


def _ids(event: AuditEvent) -> set[UUID]:
    """What looks like an id in an event's subject and detail, as they are and before and after a change."""
    values = [event.subject]
    for value in event.detail.values():
        values += value if isinstance(value, list) else [value]
    return {UUID(value) for value in values if isinstance(value, str) and _UUID.fullmatch(value)}
