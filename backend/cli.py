"""`sammed`: the commands that start, feed and look after an installation.

Commands that need the models (`models`, `segment`, `evaluate`) are handed over to `python -m workers`, because nothing
in this package imports torch. Everything heavy is imported where it is used, so that `sammed --help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from backend.errors import AppError, Rejected
from backend.settings import ENV_PREFIX, Settings, has_display

if TYPE_CHECKING:
    from backend.client import Client
    from backend.wiring import Services

EXIT_PROBLEM = 1
TOKEN_LIFE = timedelta(hours=12)

app = typer.Typer(
    name="sammed",
    help="Annotate medical images in the browser: click, get a mask. Begin with `sammed up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
user_app = typer.Typer(no_args_is_help=True, help="People who may sign in.")
app.add_typer(user_app, name="user")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of everything that is kept.")]


class InvalidSettings(Rejected):
    """A variable SAMMED_... or an option has a value that cannot be used."""

    code = "invalid_settings"
    title = "A setting has a wrong value"


def load_settings(**options: Any) -> Settings:
    """Settings from the environment; options that were given on the command line win. Raises `InvalidSettings`."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        lines = [f"{ENV_PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors() if e["loc"]]
        raise InvalidSettings("; ".join(lines), hint="README.md lists all settings.") from error


# -- running ----------------------------------------------------------------------------------------------------------
@app.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Sets of worker processes.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser window.")] = False,
) -> None:
    """Run everything on this machine: private Postgres and Redis (unless addresses are set), workers, web server."""
    settings = load_settings(host=host, port=port, data_dir=data_dir, workers=workers)

    from backend.logs import configure_logging
    from backend.supervisor import run_up

    configure_logging(settings)
    login_urls: list[str] = []

    def prepare(complete: Settings) -> None:
        login_urls.extend(_migrate(complete))

    def on_ready() -> None:
        stack.callback(settings.address_path.unlink, missing_ok=True)
        settings.address_path.write_text(settings.base_url, encoding="utf-8")
        print(f"ready: {settings.base_url}", flush=True)
        for url in login_urls:
            print(f"sign in as administrator (works once): {url}", flush=True)
        if not no_browser and has_display():
            webbrowser.open(login_urls[0] if login_urls else settings.base_url)

    with ExitStack() as stack:
        run_up(settings, prepare=prepare, on_ready=on_ready)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Run the web server alone. The addresses of Postgres and Redis must be set."""
    import uvicorn

    from backend.logs import configure_logging
    from backend.main import create_app
    from backend.wiring import build_services

    settings = load_settings(host=host, port=port)
    configure_logging(settings)
    services = build_services(settings)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # uvicorn raises it again when it is done
    try:
        uvicorn.run(
            create_app(services),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=settings.log_level == "debug",
            timeout_graceful_shutdown=2,  # event streams stay open until then
        )
    finally:
        services.close()


@app.command()
def worker(queues: Annotated[list[str], typer.Argument(help="Queues to serve, the most urgent first.")]) -> None:
    """Run one worker process: click, encode, train, evaluate, io. The addresses of Postgres and Redis must be set."""
    from backend.supervisor import worker_command

    load_settings()  # a wrong setting is said here, by name
    _become(*worker_command(queues))


@app.command("dicom-node")
def dicom_node(
    project: Annotated[str, typer.Option(help="Name or id of the project that receives.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 11112,
    ae_title: Annotated[str, typer.Option(help="Application entity title of this node.")] = "SAMMED",
    allow: Annotated[list[str] | None, typer.Option(help="AE title that may send; all may without.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Receive images from modalities by DICOM C-STORE into a project, until it is stopped."""
    from backend.dicom_node import DicomNode
    from backend.logs import configure_logging

    settings = load_settings(data_dir=data_dir)
    configure_logging(settings)
    with _services_here(settings) as services:
        who = services.accounts.administrator()
        node = DicomNode(
            services.dicom_store,
            who,
            services.dicom_projects.named(project),
            ae_title=ae_title,
            allowed=allow or (),
        )
        node.start(host, port)
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        print(f"ready: {ae_title} on {host}:{port}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass
        finally:
            node.stop()


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema and make the first administrator. Safe to repeat."""
    settings = load_settings()
    urls = _migrate(settings)
    print("the database has the newest schema")
    for url in urls:
        print(f"sign in as administrator (works once): {url}")


def _migrate(settings: Settings) -> list[str]:
    """Migrate; returns the one-time login address of the first administrator while they have no password."""
    from backend.db.migrate import migrate as to_newest
    from backend.wiring import build_services

    services = build_services(settings)
    try:
        to_newest(services.db)
        one_time = services.accounts.bootstrap(settings.bootstrap_token).one_time
    finally:
        services.close()
    return [_login_url(settings, one_time)] if one_time else []


def _login_url(settings: Settings, one_time: str) -> str:
    return f"{settings.url or settings.base_url}/login?token={one_time}"


# -- people -----------------------------------------------------------------------------------------------------------
@user_app.command("add")
def user_add(
    email: str,
    name: Annotated[str, typer.Option(help="Name that others see.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May manage the whole installation.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Add a person and print the address with which they sign in the first time."""
    settings = load_settings(data_dir=data_dir)
    with _services_here(settings) as services:
        secret = services.accounts.create_user(
            services.accounts.administrator(), email, name or email.partition("@")[0], is_admin=admin
        )
    print(f"sign in (works once): {_login_url(_where_it_runs(settings), secret.value)}")


@user_app.command("list")
def user_list(data_dir: DataDir = None) -> None:
    """List the people who have an account."""
    with _services_here(load_settings(data_dir=data_dir)) as services:
        for user in services.accounts.users(services.accounts.administrator()):
            marks = [word for word, on in (("administrator", user.is_admin), ("disabled", user.disabled_at)) if on]
            print("\t".join([user.email, user.name, ", ".join(marks)]).rstrip())


@user_app.command("reset")
def user_reset(email: str, data_dir: DataDir = None) -> None:
    """Print a new one-time address for somebody who cannot sign in."""
    settings = load_settings(data_dir=data_dir)
    with _services_here(settings) as services:
        secret = services.accounts.reset(services.accounts.administrator(), email)
    print(f"sign in (works once): {_login_url(_where_it_runs(settings), secret.value)}")


@contextmanager
def _services_here(settings: Settings) -> Iterator[Services]:
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


def _where_it_runs(settings: Settings) -> Settings:
    """The settings with the address of the installation that serves this data folder, if one does."""
    if settings.url is None and settings.address_path.exists():
        return settings.model_copy(update={"url": settings.address_path.read_text(encoding="utf-8")})
    return settings


# -- images in, masks out ---------------------------------------------------------------------------------------------
@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A file, an archive, or a folder with one or many series.")],
    project: Annotated[str, typer.Option(help="Name of the project; made if there is none of that name.")],
    url: Annotated[str | None, typer.Option(help="Server; by default the one on this machine.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Send images to a running server and report what became of every file."""
    with _client(load_settings(url=url, data_dir=data_dir)) as client:
        target = client.project(project) or client.create_project(project)
        job = client.wait(client.upload(target["id"], path), on_change=_say_progress)
    result = job.get("result") or {}
    for series in result.get("series", []):
        warnings = "".join(f"\n  {warning}" for warning in series.get("warnings", []))
        print(f"{series['modality']}\t{series['slices']} slices\t{series['name']}{warnings}")
    refused = [file for file in result.get("files", []) if file["outcome"] == "rejected"]
    for file in refused:
        hint = f" {file['hint']}" if file.get("hint") else ""
        print(f"refused: {file['name']}: {file.get('detail', '')}{hint}", file=sys.stderr)
    if refused and not result.get("series"):
        raise typer.Exit(EXIT_PROBLEM)


@app.command()
def export(
    case: Annotated[str, typer.Argument(help="Id of the case, as in the address of its page.")],
    format: Annotated[str, typer.Option(help="nifti or dicom-seg.")] = "nifti",
    out: Annotated[Path, typer.Option(help="Folder for the file.")] = Path("."),
    url: Annotated[str | None, typer.Option(help="Server; by default the one on this machine.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Download the masks of a case."""
    with _client(load_settings(url=url, data_dir=data_dir)) as client:
        print(client.export(case, format, out))


def _say_progress(job: dict[str, Any]) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{job['progress']:4.0%} {job['message'] or ''}", end="", file=sys.stderr, flush=True)
        if job["state"] == "done":
            print("\r\033[K", end="", file=sys.stderr, flush=True)


@contextmanager
def _client(settings: Settings) -> Iterator[Client]:
    """A client with the configured token; for the installation on this machine, with a token made for the moment."""
    from backend.client import Client, ServerUnreachable

    if settings.token:
        with Client(_where_it_runs(settings).url or settings.base_url, settings.token) as client:
            yield client
        return
    if settings.url:
        raise InvalidSettings(
            f"A token is needed for {settings.url}.", hint=f"Make one on its page `Tokens` and set {ENV_PREFIX}TOKEN."
        )
    here = _where_it_runs(settings)
    if here.url is None:
        raise ServerUnreachable(
            f"No sammed runs on {settings.data_dir}.",
            hint="Start it with `sammed up`, or name another server with --url.",
        )
    with _services_here(settings) as services:
        administrator = services.accounts.administrator()
        expires_at = datetime.now(UTC) + TOKEN_LIFE
        secret = services.accounts.create_token(administrator, "command line", expires_at)
        try:
            with Client(here.url, secret.value) as client:
                yield client
        finally:
            services.accounts.revoke_token(administrator, secret.credential.id)


# -- the machine ------------------------------------------------------------------------------------------------------
@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Check what works on this machine and what does not."""
    from backend.doctor import examine, print_json, print_table

    findings = examine(load_settings(data_dir=data_dir))
    (print_json if as_json else print_table)(findings)
    if any(finding.is_fatal for finding in findings):
        raise typer.Exit(EXIT_PROBLEM)


# -- handed over to the workers ---------------------------------------------------------------------------------------
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def _become(*command: str) -> NoReturn:
    """Turn this process into another program: same pid, same terminal, same signals."""
    sys.stdout.flush()
    os.execv(command[0], command)


def _hand_over(context: typer.Context) -> NoReturn:
    load_settings()
    _become(sys.executable, "-m", "workers", str(context.info_name), *context.args)


HANDED_OVER = {
    "models": "List and download models.",
    "segment": "Segment one object of one picture from points or a box.",
    "evaluate": "Measure the method on annotated volumes or sets of pictures.",
}
for _name, _help in HANDED_OVER.items():
    app.command(_name, help=_help, context_settings=PASS_ON, add_help_option=False)(_hand_over)


def main() -> None:
    """Entry point of the command `sammed`: problems become one readable message and an exit code."""
    try:
        app()
    except AppError as problem:
        print(f"{problem.title}: {problem.detail}", file=sys.stderr)
        if problem.hint:
            print(problem.hint, file=sys.stderr)
        sys.exit(EXIT_PROBLEM)
