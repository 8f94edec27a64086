"""What all commands share: settings, the services of this machine, a client of a running server, what is printed.

Commands that ask a running server are made with `asking.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from backend.errors import Rejected
from backend.settings import ENV_PREFIX, Settings

if TYPE_CHECKING:
    from backend.client import Client
    from backend.services.accounts import Accounts
    from backend.wiring import Services

EXIT_PROBLEM = 1
EXIT_BAD_INPUT = 2
TOKEN_LIFE = timedelta(hours=12)

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="FOLDER", help="Folder of everything that is kept.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class InvalidSettings(Rejected):
    """A variable SAMMED_... or an option has a value that cannot be used."""

    code = "invalid_settings"
    title = "A setting has a wrong value"


def load_settings(**options: Any) -> Settings:
    """Settings from the environment; options that were given on the command line win. Raises `InvalidSettings`."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        lines = [
            f"{ENV_PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" if e["loc"] else e["msg"] for e in error.errors()
        ]
        raise InvalidSettings("; ".join(lines), hint="README.md lists all settings.") from error


@contextmanager
def services_here(settings: Settings) -> Iterator[Services]:
    """The services of this installation: with the addresses that are set, else with the private servers of the data
    folder, which are started for the moment if nobody runs them."""
    from backend.data_dir import DataFolderInUse
    from backend.db.migrate import migrate as to_newest
    from backend.embedded import private_services, running_services
    from backend.wiring import build_services

    with ExitStack() as stack:
        try:
            urls = stack.enter_context(private_services(settings)).urls
        except DataFolderInUse:
            urls = running_services(settings)
        services = build_services(settings.with_services(urls))
        stack.callback(services.close)
        to_newest(services.db)
        yield services


def login_url(settings: Settings, one_time: str) -> str:
    """Where somebody signs in with a one-time secret."""
    return f"{settings.url or settings.base_url}/login?token={one_time}"


def where_it_runs(settings: Settings) -> Settings:
    """The settings with the address of the installation that serves this data folder, if one does."""
    if settings.url is None and settings.address_path.exists():
        return settings.model_copy(update={"url": settings.address_path.read_text(encoding="utf-8")})
    return settings


@contextmanager
def connected(url: str | None, data_dir: Path | None) -> Iterator[Client]:
    """A client with the configured token; for the installation on this machine, with a token made for the moment."""
    from backend.client import Client, ServerUnreachable

    settings = load_settings(url=url, data_dir=data_dir)
    if settings.token:
        with Client(where_it_runs(settings).url or settings.base_url, settings.token) as client:
            yield client
        return
    if settings.url:
        raise InvalidSettings(
            f"A token is needed for {settings.url}.", hint=f"Make one on its page `Tokens` and set {ENV_PREFIX}TOKEN."
        )
    here = where_it_runs(settings)
    if here.url is None:
        raise ServerUnreachable(
            f"No sammed runs on {settings.data_dir}.",
            hint="Start it with `sammed up`, or name another server with --url.",
        )
    with _accounts_of(here) as accounts:
        administrator = accounts.administrator()
        expires_at = datetime.now(UTC) + TOKEN_LIFE
        secret = accounts.create_token(administrator, "command line", expires_at)
        try:
            with Client(here.url, secret.value) as client:
                yield client
        finally:
            accounts.revoke_token(administrator, secret.credential.id)


@contextmanager
def _accounts_of(settings: Settings) -> Iterator[Accounts]:
    """The accounts of the installation that runs on a data folder: all else that `services_here` makes takes seconds.
    Raises ServerUnreachable."""
    from redis import Redis

    from backend.client import ServerUnreachable
    from backend.db.session import Database, DatabaseUnavailable
    from backend.embedded import running_services
    from backend.services.accounts import Accounts
    from backend.services.login_limits import LoginLimits

    urls = running_services(settings)
    with ExitStack() as stack:
        db = Database(urls.database_url)
        stack.callback(db.close)
        redis = stack.enter_context(Redis.from_url(urls.redis_url))
        try:
            db.ping()
        except DatabaseUnavailable as error:
            raise ServerUnreachable(
                f"The sammed on {settings.data_dir} does not answer at {settings.url}.",
                hint="If it has stopped, start it with `sammed up`; else `sammed doctor` tells more.",
            ) from error
        yield Accounts(db, LoginLimits(redis), passwords=not settings.oidc_only)


# -- what is printed --------------------------------------------------------------------------------------------------
def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_rows(rows: Iterable[Sequence[Any]]) -> None:
    """Tab-separated, for people and for `cut`."""
    for row in rows:
        print("\t".join("" if cell is None else str(cell) for cell in row).rstrip())
