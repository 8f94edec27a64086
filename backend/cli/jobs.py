"""`sammed jobs`: background work of a project of a running server."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.asking import OutFolder, ProjectName, Told, asks, fetched, group, id_of, waited

if TYPE_CHECKING:
    from backend.client import Client

jobs_app = group("Background work of a running server: imports, exports, learning, measuring.")

JobId = Annotated[str, typer.Argument(help="Id of the job, as `sammed jobs list` shows it.")]


@jobs_app.command("list")
@asks
def jobs_list(
    client: Client,
    project: ProjectName,
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 50,
) -> Told:
    """List what runs and ran, the newest first."""
    found = list(itertools.islice(client.jobs(id_of(client, project)), limit))
    rows = []
    for job in found:
        how_far = f"{job['progress']:.0%}" if job["state"] == "running" else ""
        why = job["problem"]["detail"] if job["problem"] else how_far
        rows.append([job["id"], job["created_at"], job["kind"], job["state"], why])
    return Told(found, rows)


@jobs_app.command("wait")
@asks
def jobs_wait(client: Client, job: JobId) -> Told:
    """Wait until a job is done."""
    found = client.job(job)
    return Told(waited(client, found, found["kind"].replace("_", " ").capitalize()), "done")


@jobs_app.command("cancel")
@asks
def jobs_cancel(client: Client, job: JobId) -> Told:
    """Stop a job."""
    found = client.cancel_job(job)
    return Told(found, found["state"])


@jobs_app.command("download")
@asks
def jobs_download(client: Client, job: JobId, out: OutFolder = Path(".")) -> Told:
    """Download what a job made, such as an export, and print its path."""
    return fetched("Downloading", lambda on_bytes: client.download(job, out, on_bytes=on_bytes))
