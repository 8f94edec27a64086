"""Webhooks on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.db import tables
from backend.domain.webhooks import DeliveryState, WebhookEvent

Url = Annotated[str, Field(max_length=2000)]


class WebhookIn(Schema):
    url: Url
    events: list[WebhookEvent]


class WebhookPatch(Schema):
    events: list[WebhookEvent] | None = None
    active: bool | None = Field(default=None, description="true switches on again what failed too often")


class Webhook(Schema):
    id: UUID
    url: str
    events: list[WebhookEvent]
    created_at: datetime
    failures: int = Field(description="Failed attempts in a row")
    disabled_at: datetime | None

    @classmethod
    def of(cls, row: tables.Webhook) -> Webhook:
        return cls(
            id=row.id,
            url=row.url,
            events=[WebhookEvent(event) for event in row.events],
            created_at=row.created_at,
            failures=row.failures,
            disabled_at=row.disabled_at,
        )


class NewWebhook(Webhook):
    secret: str = Field(description="Shown this once. Messages are signed with it.")


class Delivery(Schema):
    id: UUID
    event: WebhookEvent
    state: DeliveryState
    attempts: int
    next_at: datetime
    status: int | None = Field(description="HTTP, of the last attempt")
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: tables.WebhookDelivery) -> Delivery:
        return cls(
            id=row.id,
            event=WebhookEvent(row.event),
            state=DeliveryState(row.state),
            attempts=row.attempts,
            next_at=row.next_at,
            status=row.status,
            error=row.error,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )
