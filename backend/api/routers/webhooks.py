"""Webhooks of a project and the log of what was sent, for its managers."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_webhooks import Delivery, NewWebhook, Webhook, WebhookIn, WebhookPatch

router = APIRouter(prefix="/api", tags=["webhooks"])


@router.get("/projects/{project_id}/webhooks", operation_id="list_webhooks")
def list_webhooks(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[Webhook]:
    return Page(items=[Webhook.of(row) for row in s.webhooks.of_project(user, project_id)])


@router.post("/projects/{project_id}/webhooks", operation_id="create_webhook", status_code=201)
def create_webhook(project_id: UUID, body: WebhookIn, user: CurrentUser, s: ServicesDep) -> NewWebhook:
    made = s.webhooks.create(user, project_id, body.url, body.events)
    return NewWebhook(**Webhook.of(made).model_dump(), secret=made.secret)


@router.patch("/webhooks/{webhook_id}", operation_id="change_webhook")
def change_webhook(webhook_id: UUID, body: WebhookPatch, user: CurrentUser, s: ServicesDep) -> Webhook:
    return Webhook.of(s.webhooks.change(user, webhook_id, events=body.events, active=body.active))


@router.delete("/webhooks/{webhook_id}", operation_id="delete_webhook", status_code=204)
def delete_webhook(webhook_id: UUID, user: CurrentUser, s: ServicesDep) -> None:
    s.webhooks.delete(user, webhook_id)


@router.post("/webhooks/{webhook_id}/ping", operation_id="ping_webhook", status_code=202)
def ping_webhook(webhook_id: UUID, user: CurrentUser, s: ServicesDep) -> Delivery:
    """Send a message that says nothing, to try the address."""
    return Delivery.of(s.webhooks.ping(user, webhook_id))


@router.get("/webhooks/{webhook_id}/deliveries", operation_id="list_deliveries")
def list_deliveries(
    webhook_id: UUID, user: CurrentUser, s: ServicesDep, limit: int = 20, cursor: str | None = None
) -> Page[Delivery]:
    found = s.webhooks.deliveries(user, webhook_id, limit=limit, cursor=cursor)
    return Page(items=[Delivery.of(row) for row in found.items], next_cursor=found.next_cursor)


@router.post("/deliveries/{delivery_id}/redeliver", operation_id="redeliver", status_code=202)
def redeliver(delivery_id: UUID, user: CurrentUser, s: ServicesDep) -> Delivery:
    """Send the very same message once more."""
    return Delivery.of(s.webhooks.redeliver(user, delivery_id))
