"""`sammed user`: accounts of the installation on this machine, also while it does not run."""

from __future__ import annotations

from typing import Annotated

import typer

from backend.cli.asking import Told, group, tell
from backend.cli.base import AsJson, DataDir, load_settings, login_url, services_here, where_it_runs

user_app = group("Accounts on this machine, also while nothing runs.")

Email = Annotated[str, typer.Argument(help="E-mail address.")]


@user_app.command("add")
def user_add(
    email: Email,
    name: Annotated[str, typer.Option(help="Name that others see.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May manage the whole installation.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add a person and print the address with which they sign in the first time."""
    settings = load_settings(data_dir=data_dir)
    with services_here(settings) as services:
        secret = services.accounts.create_user(
            services.accounts.administrator(), email, name or email.partition("@")[0], is_admin=admin
        )
    here = where_it_runs(settings)
    if settings.oidc_only and not admin:
        link = here.url or here.base_url
        tell(Told({"email": email, "link": link}, f"sign in with {settings.oidc_name}: {link}"), as_json=as_json)
    else:
        _tell_link(email, login_url(here, secret.value), as_json=as_json)


@user_app.command("list")
def user_list(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the people who have an account."""
    with services_here(load_settings(data_dir=data_dir)) as services:
        found = [
            {"email": user.email, "name": user.name, "is_admin": user.is_admin, "active": user.disabled_at is None}
            for user in services.accounts.users(services.accounts.administrator())
        ]
    rows = []
    for one in found:
        marks = [word for word, on in (("administrator", one["is_admin"]), ("disabled", not one["active"])) if on]
        rows.append([one["email"], one["name"], ", ".join(marks)])
    tell(Told(found, rows), as_json=as_json)


@user_app.command("reset")
def user_reset(email: Email, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Print a new one-time address for somebody who cannot sign in."""
    settings = load_settings(data_dir=data_dir)
    with services_here(settings) as services:
        secret = services.accounts.reset(services.accounts.administrator(), email)
    _tell_link(email, login_url(where_it_runs(settings), secret.value), as_json=as_json)


def _tell_link(email: str, link: str, *, as_json: bool) -> None:
    tell(Told({"email": email, "link": link}, f"sign in (works once): {link}"), as_json=as_json)
