"""`sammed people`: who may use a running server, and who is invited into projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.asking import Told, asks, group
from backend.domain.workflow import Role

if TYPE_CHECKING:
    from backend.client import Client

people_app = group("People who may use a running server.")

Email = Annotated[str, typer.Argument(help="E-mail address.")]


@people_app.command("list")
@asks
def people_list(
    client: Client, search: Annotated[str | None, typer.Option(help="Part of a name or an e-mail address.")] = None
) -> Told:
    """List the accounts. For administrators."""
    found = list(client.people(search))
    rows = []
    for person in found:
        marks = {"administrator": person["is_admin"], "invited": person["invited"], "deactivated": not person["active"]}
        said = ", ".join(mark for mark, on in marks.items() if on)
        rows.append([person["email"], person["name"], f"{person['open_cases']} open cases", said])
    return Told(found, rows)


@people_app.command("invite")
@asks
def people_invite(
    client: Client,
    email: Email,
    name: Annotated[str, typer.Option(help="Name that others see; by default the first part of the address.")] = "",
    project: Annotated[str | None, typer.Option(help="Make them a member of this project.")] = None,
    role: Annotated[Role, typer.Option(help="Their role there.")] = Role.ANNOTATOR,
    admin: Annotated[bool, typer.Option("--admin", help="May manage the whole installation.")] = False,
) -> Told:
    """Print a first sign-in address for somebody new; somebody known becomes a member of the project. Into a project
    its managers may invite, else administrators."""
    called = name or email.partition("@")[0]
    target = client.find_project(project) if project else None
    if admin or target is None:
        invitation = client.invite_person(email, called, is_admin=admin)
        if target is not None:
            client.set_member(target["id"], email, role)
    else:
        asked = client.invite_member(target["id"], email, called, role)
        if asked is None:
            return Told({"email": email, "link": None}, f"{email} has an account and is a member now")
        invitation = asked
    return _link(client, email, invitation["token"], admin=admin)


@people_app.command("link")
@asks
def people_link(client: Client, email: Email) -> Told:
    """Print a new one-time sign-in address for somebody, whose password and sessions end. For administrators."""
    person = client.find_person(email)
    return _link(client, email, client.new_link(person["id"])["token"], admin=person["is_admin"])


@people_app.command("change")
@asks
def people_change(
    client: Client,
    email: Email,
    name: Annotated[str | None, typer.Option(help="Name that others see.")] = None,
    admin: Annotated[bool | None, typer.Option("--admin/--no-admin", help="May manage the whole installation.")] = None,
) -> Told:
    """Change somebody's name, or whether they administer. For administrators."""
    changes = {field: value for field, value in {"name": name, "is_admin": admin}.items() if value is not None}
    return Told(client.change_person(client.find_person(email)["id"], **changes), f"{email} is changed")


@people_app.command("deactivate")
@asks
def people_deactivate(client: Client, email: Email) -> Told:
    """Sign somebody out everywhere and keep them out. What they did stays."""
    return Told(client.change_person(client.find_person(email)["id"], active=False), f"{email} is deactivated")


@people_app.command("activate")
@asks
def people_activate(client: Client, email: Email) -> Told:
    """Let somebody in again who was deactivated."""
    return Told(client.change_person(client.find_person(email)["id"], active=True), f"{email} is active")


def _link(client: Client, email: str, token: str, *, admin: bool) -> Told:
    options = client.sign_in_options()
    if options["passwords"] or admin:
        link = f"{client.url}/login?token={token}"
        return Told({"email": email, "link": link}, f"sign in (works once): {link}")
    link = f"{client.url}/"
    return Told({"email": email, "link": link}, f"sign in with {options['oidc']['name']}: {link}")
