"""`sammed user`: accounts of the installation on this machine, also while it does not run."""

from __future__ import annotations

from typing import Annotated

import typer

from backend.cli_base import DataDir, load_settings, login_url, print_rows, services_here, where_it_runs

user_app = typer.Typer(no_args_is_help=True, help="Accounts on this machine, also while nothing runs.")


@user_app.command("add")
def user_add(
    email: str,
    name: Annotated[str, typer.Option(help="Name that others see.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May manage the whole installation.")] = False,
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
        print(f"sign in with {settings.oidc_name}: {here.url or here.base_url}")
    else:
        print(f"sign in (works once): {login_url(here, secret.value)}")


@user_app.command("list")
def user_list(data_dir: DataDir = None) -> None:
    """List the people who have an account."""
    with services_here(load_settings(data_dir=data_dir)) as services:
        for user in services.accounts.users(services.accounts.administrator()):
            marks = [word for word, on in (("administrator", user.is_admin), ("disabled", user.disabled_at)) if on]
            print_rows([[user.email, user.name, ", ".join(marks)]])


@user_app.command("reset")
def user_reset(email: str, data_dir: DataDir = None) -> None:
    """Print a new one-time address for somebody who cannot sign in."""
    settings = load_settings(data_dir=data_dir)
    with services_here(settings) as services:
        secret = services.accounts.reset(services.accounts.administrator(), email)
    print(f"sign in (works once): {login_url(where_it_runs(settings), secret.value)}")
