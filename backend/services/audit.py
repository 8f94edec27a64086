"""The trail of who did what. Written inside the unit of work it records, so that both are there or neither."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.db.tables import AuditEvent
from backend.services.access import Principal


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
