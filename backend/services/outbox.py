"""Messages for webhooks, written inside the unit of work that they tell of: both are kept or neither.

Sending them is for later (services.webhooks, workers.webhooks). A message holds ids and states: no names, no pixels.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.tables import Job, Webhook, WebhookDelivery
from backend.domain.ids import new_id
from backend.domain.jobs import JobKind, JobState
from backend.domain.webhooks import WebhookEvent


def tell(session: Session, project_id: UUID, event: WebhookEvent, data: dict[str, Any]) -> None:
    """One message to each webhook of the project that asked for this event and is switched on."""
    hooks = session.scalars(select(Webhook).where(Webhook.project_id == project_id, Webhook.disabled_at.is_(None)))
    for hook in hooks:
        if event in hook.events:
            add(session, hook, event, data)


def add(session: Session, hook: Webhook, event: WebhookEvent, data: dict[str, Any]) -> WebhookDelivery:
    """One message to one webhook."""
    id = new_id()
    message = {
        "id": str(id),
        "event": str(event),
        "at": datetime.now(UTC).isoformat(),
        "project_id": str(hook.project_id),
        "data": data,
    }
    delivery = WebhookDelivery(id=id, webhook_id=hook.id, event=event, body=json.dumps(message))
    session.add(delivery)
    return delivery


def tell_of_job(session: Session, job: Job) -> None:
    """A job has ended: done or failed. One that was cancelled is no news."""
    if job.project_id is None or job.state not in (JobState.DONE, JobState.FAILED):
        return
    data: dict[str, Any] = {"job_id": str(job.id), "kind": job.kind}
    if job.state == JobState.FAILED:
        tell(session, job.project_id, WebhookEvent.JOB_FAILED, data | {"code": (job.problem or {}).get("code")})
        return
    tell(session, job.project_id, WebhookEvent.JOB_FINISHED, data)
    if job.kind in (JobKind.EXPORT, JobKind.ARCHIVE):
        ready = data | {"download": f"/api/jobs/{job.id}/download"}
        tell(session, job.project_id, WebhookEvent.EXPORT_READY, ready)
