"""`sammed account` and `status`: who the token speaks for, its sessions and tokens; and what works on the server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.asking import Told, asks, group, id_of
from backend.cli.base import EXIT_PROBLEM
from backend.domain.workflow import TokenScope

if TYPE_CHECKING:
    from backend.client import Client

account_app = group("One's own account on a running server: sessions and tokens.")


@account_app.command("show")
@asks
def account_show(client: Client) -> Told:
    """Tell who you are to the server."""
    me = client.me()
    return Told(me, [[me["email"], me["name"], "administrator" if me["is_admin"] else ""]])


@account_app.command("tokens")
@asks
def account_tokens(client: Client) -> Told:
    """List your personal tokens."""
    found = client.tokens()
    return Told(found, [[one["id"], one["name"], one["scope"], one["expires_at"] or "never ends"] for one in found])


@account_app.command("token")
@asks
def account_token(
    client: Client,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    days: Annotated[int | None, typer.Option(min=1, help="It ends after so many days; never without.")] = None,
    scope: Annotated[TokenScope, typer.Option(help="All rights of yours, or reading alone.")] = TokenScope.ALL,
    dicomweb: Annotated[
        str | None, typer.Option(help="Project that DICOMweb addresses without one mean with it.")
    ] = None,
) -> Told:
    """Make a personal token and print it. It is shown this once."""
    ends = (datetime.now(UTC) + timedelta(days=days)).isoformat() if days else None
    project_id = id_of(client, dicomweb) if dicomweb else None
    made = client.create_token(name, expires_at=ends, scope=scope, dicomweb_project_id=project_id)
    return Told(made, made["token"])


@account_app.command("revoke")
@asks
def account_revoke(
    client: Client, token: Annotated[str, typer.Argument(help="Id of the token, as `sammed account tokens` shows it.")]
) -> Told:
    """End a personal token."""
    client.revoke_token(token)
    return Told({"id": token}, "revoked")


@account_app.command("sessions")
@asks
def account_sessions(client: Client) -> Told:
    """List the browsers in which you are signed in."""
    found = client.sessions()
    return Told(found, [[one["id"], one["last_used_at"] or one["created_at"], one["browser"]] for one in found])


@account_app.command("end")
@asks
def account_end(
    client: Client,
    session: Annotated[str | None, typer.Argument(help="Id of one session; all of them without.")] = None,
) -> Told:
    """Sign yourself out in a browser, or in all of them. Tokens go on."""
    if session is None:
        ended = len(client.sessions())
        client.end_all_sessions()
        return Told({"ended": ended}, f"{ended} sessions ended")
    client.end_session(session)
    return Told({"ended": 1}, "ended")


@asks
def status(client: Client) -> Told:
    """Tell what works on a running server and what does not."""
    found = client.system()
    rows = [["version", found["version"]], ["model", found["model"]]]
    rows += [[part, found[part]] for part in ("database", "redis", "cache")]
    rows += [[f"workers of {queue}", count] for queue, count in found["workers"].items()]
    aside = [" ".join(filter(None, (problem["detail"], problem["hint"]))) for problem in found["problems"]]
    return Told(found, rows, aside, EXIT_PROBLEM if aside else 0)
