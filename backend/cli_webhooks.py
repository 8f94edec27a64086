"""`sammed webhooks`: whom a project of a running server tells what happens."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer

from backend.cli_base import AsJson, DataDir, ProjectName, Url, connected, print_json, print_rows
from backend.domain.webhooks import WebhookEvent

webhooks_app = typer.Typer(no_args_is_help=True, help="Webhooks of a project of a running server.")

WebhookId = Annotated[str, typer.Argument(help="Id of the webhook, as `sammed webhooks list` shows it.")]


@webhooks_app.command("list")
def webhooks_list(project: ProjectName, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the webhooks of a project."""
    with connected(url, data_dir) as client:
        found = client.webhooks(client.find_project(project)["id"])
    if as_json:
        return print_json(found)
    for one in found:
        print_rows([[one["id"], one["url"], ", ".join(one["events"]), "off" if one["disabled_at"] else ""]])


@webhooks_app.command("add")
def webhooks_add(
    project: ProjectName,
    address: Annotated[str, typer.Argument(help="Where events are sent to.")],
    event: Annotated[list[WebhookEvent] | None, typer.Option(help="Repeatable; all without.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Add a webhook and print its secret, which is shown this once."""
    with connected(url, data_dir) as client:
        made = client.add_webhook(client.find_project(project)["id"], address, [*(event or WebhookEvent)])
    print_json(made) if as_json else print(made["secret"])


@webhooks_app.command("remove")
def webhooks_remove(webhook: WebhookId, url: Url = None, data_dir: DataDir = None) -> None:
    """Delete a webhook."""
    with connected(url, data_dir) as client:
        client.delete_webhook(webhook)
    print("deleted")


@webhooks_app.command("enable")
def webhooks_enable(webhook: WebhookId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """Switch on again what failed too often."""
    with connected(url, data_dir) as client:
        made = client.change_webhook(webhook, active=True)
    print_json(made) if as_json else print("on")


@webhooks_app.command("ping")
def webhooks_ping(webhook: WebhookId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """Send a trial event and print the id of its delivery."""
    with connected(url, data_dir) as client:
        sent = client.ping_webhook(webhook)
    print_json(sent) if as_json else print(sent["id"])


@webhooks_app.command("deliveries")
def webhooks_deliveries(
    webhook: WebhookId,
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 50,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List what was sent, the newest first."""
    with connected(url, data_dir) as client:
        found = list(itertools.islice(client.deliveries(webhook), limit))
    if as_json:
        return print_json(found)
    print_rows([[one["id"], one["created_at"], one["event"], one["state"], one["attempts"]] for one in found])


@webhooks_app.command("redeliver")
def webhooks_redeliver(
    delivery: Annotated[str, typer.Argument(help="Id of the delivery.")],
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Send an event again."""
    with connected(url, data_dir) as client:
        sent = client.redeliver(delivery)
    print_json(sent) if as_json else print("sent again")
