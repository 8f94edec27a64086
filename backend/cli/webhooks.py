"""`sammed webhooks`: whom a project of a running server tells what happens."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.asking import ProjectName, Told, asks, group, id_of
from backend.domain.webhooks import WebhookEvent

if TYPE_CHECKING:
    from backend.client import Client

webhooks_app = group("Webhooks of a project of a running server.")

WebhookId = Annotated[str, typer.Argument(help="Id of the webhook, as `sammed webhooks list` shows it.")]
Event = Annotated[list[WebhookEvent] | None, typer.Option(help="Repeatable; all without.")]


@webhooks_app.command("list")
@asks
def webhooks_list(client: Client, project: ProjectName) -> Told:
    """List the webhooks of a project."""
    found = client.webhooks(id_of(client, project))
    rows = [[one["id"], one["url"], ", ".join(one["events"]), "off" if one["disabled_at"] else ""] for one in found]
    return Told(found, rows)


@webhooks_app.command("add")
@asks
def webhooks_add(
    client: Client,
    project: ProjectName,
    address: Annotated[str, typer.Argument(help="Where events are sent to.")],
    event: Event = None,
) -> Told:
    """Add a webhook and print its secret, which is shown this once."""
    made = client.add_webhook(id_of(client, project), address, [*(event or WebhookEvent)])
    return Told(made, made["secret"])


@webhooks_app.command("events")
@asks
def webhooks_events(client: Client, webhook: WebhookId, event: Event = None) -> Told:
    """Choose which events a webhook is told."""
    made = client.change_webhook(webhook, events=[*(event or WebhookEvent)])
    return Told(made, ", ".join(made["events"]))


@webhooks_app.command("remove")
@asks
def webhooks_remove(client: Client, webhook: WebhookId) -> Told:
    """Delete a webhook."""
    client.delete_webhook(webhook)
    return Told({"id": webhook}, "deleted")


@webhooks_app.command("enable")
@asks
def webhooks_enable(client: Client, webhook: WebhookId) -> Told:
    """Switch on again what failed too often, or was switched off."""
    return Told(client.change_webhook(webhook, active=True), "on")


@webhooks_app.command("disable")
@asks
def webhooks_disable(client: Client, webhook: WebhookId) -> Told:
    """Switch a webhook off."""
    return Told(client.change_webhook(webhook, active=False), "off")


@webhooks_app.command("ping")
@asks
def webhooks_ping(client: Client, webhook: WebhookId) -> Told:
    """Send a trial event and print the id of its delivery."""
    sent = client.ping_webhook(webhook)
    return Told(sent, sent["id"])


@webhooks_app.command("deliveries")
@asks
def webhooks_deliveries(
    client: Client,
    webhook: WebhookId,
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 50,
) -> Told:
    """List what was sent, the newest first."""
    found = list(itertools.islice(client.deliveries(webhook), limit))
    return Told(found, [[one["id"], one["created_at"], one["event"], one["state"], one["attempts"]] for one in found])


@webhooks_app.command("redeliver")
@asks
def webhooks_redeliver(client: Client, delivery: Annotated[str, typer.Argument(help="Id of the delivery.")]) -> Told:
    """Send an event again."""
    return Told(client.redeliver(delivery), "sent again")
