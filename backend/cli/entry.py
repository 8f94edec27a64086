"""`sammed`: the commands that start, feed and look after an installation.

Commands that need the models (`models`, `segment`, `evaluate`) are handed over to `python -m workers`, because nothing
in this package imports torch. Everything heavy is imported where it is used, so that `sammed --help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import webbrowser
from contextlib import ExitStack
from typing import Annotated, NoReturn

import typer

from backend.cli.account import account_app, status
from backend.cli.base import EXIT_BAD_INPUT, EXIT_PROBLEM, DataDir, load_settings, login_url, services_here
from backend.cli.cases import cases_app
from backend.cli.comments import comments_app
from backend.cli.comparisons import comparisons_app
from backend.cli.evaluation import evaluation_app
from backend.cli.importing import import_
from backend.cli.jobs import jobs_app
from backend.cli.labels import labels_app
from backend.cli.learned import learned_app
from backend.cli.masks import export, masks_app
from backend.cli.measurements import measurements_app
from backend.cli.people import people_app
from backend.cli.privacy import privacy_app
from backend.cli.projects import project_app
from backend.cli.readings import readings_app
from backend.cli.remote import remote_app
from backend.cli.reports import agreement, log, statistics
from backend.cli.users import user_app
from backend.cli.webhooks import webhooks_app
from backend.errors import AppError
from backend.settings import Settings, has_display

app = typer.Typer(
    name="sammed",
    help="Annotate medical images in the browser: click, get a mask. Begin with `sammed up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
GROUPS = {
    "user": user_app,
    "project": project_app,
    "people": people_app,
    "labels": labels_app,
    "cases": cases_app,
    "comments": comments_app,
    "readings": readings_app,
    "masks": masks_app,
    "measurements": measurements_app,
    "privacy": privacy_app,
    "remote": remote_app,
    "learned": learned_app,
    "evaluation": evaluation_app,
    "comparisons": comparisons_app,
    "webhooks": webhooks_app,
    "jobs": jobs_app,
    "account": account_app,
}
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)
app.command("import")(import_)
for _command in (export, statistics, agreement, log, status):
    app.command()(_command)


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
    with services_here(settings) as services:
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
    return [login_url(settings, one_time)] if one_time else []


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
        sys.exit(EXIT_BAD_INPUT if problem.is_bad_input else EXIT_PROBLEM)
