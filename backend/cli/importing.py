"""`sammed import`: a file or a tree of thousands into a project of a running server, with bars and a report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.asking import Url
from backend.cli.base import EXIT_BAD_INPUT, EXIT_PROBLEM, AsJson, DataDir, connected, print_json

if TYPE_CHECKING:
    from rich.progress import Progress

    from backend.bulk.tree import Tree


def import_(
    path: Annotated[Path, typer.Argument(help="A file, an archive, or a folder with one or thousands of series.")],
    project: Annotated[str, typer.Option(help="Name of the project; made if there is none of that name.")],
    report: Annotated[Path | None, typer.Option(help="Write the lines of the report into this CSV file.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Send what was refused before once more.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Send images to a running server and report what became of every series. Whatever interrupts it, the same command
    goes on where it was: only what has not arrived is sent."""
    from backend.bulk.report import Fate, print_table, write_csv
    from backend.bulk.sending import Sending

    with connected(url, data_dir) as client, _bars() as bars:
        tree = _scanned(path, bars.seen)
        target = client.project(project) or client.create_project(project)
        bars.begin(tree)
        sending = Sending(client, target["id"], shown=bars, again=again)
        made = sending.run(tree)
    if report is not None:
        write_csv(made, report)
    if as_json:
        print_json({"project_id": target["id"], **made.to_json()})
    else:
        print_table(made)
    if sending.failure is not None:
        _say(sending.failure)
        sys.stdout.flush()
        os._exit(EXIT_PROBLEM)  # at once: a thread may wait for an answer that does not come
    if made.counts[Fate.REFUSED] or made.counts[Fate.UNFINISHED]:
        raise typer.Exit(EXIT_PROBLEM)
    if not tree.groups:
        raise typer.Exit(EXIT_BAD_INPUT)


def _scanned(path: Path, on_file: Callable[[int], None]) -> Tree:
    """What is there to send. Raises NothingToSend."""
    from backend.bulk.tree import scan
    from backend.client import NothingToSend

    tree = scan(path, on_file=on_file)
    if not tree.groups and not tree.skipped:
        raise NothingToSend(f"{path} does not exist or holds no file.")
    return tree


def _say(failure: Exception) -> None:
    from backend.errors import AppError

    print(f"{failure.title}: {failure.detail}" if isinstance(failure, AppError) else str(failure), file=sys.stderr)
    if isinstance(failure, AppError) and failure.hint:
        print(failure.hint, file=sys.stderr)
    print("Nothing that was sent is lost. The same command sends the rest.", file=sys.stderr, flush=True)


class _Bars:
    """Bars on standard error, where that is a terminal: files looked at; then bytes sent, with files, rate and the time
    that is left, and series read."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._looking = progress.add_task("Looking", total=None, said="")
        self._files = self._of_files = self._bytes = self._of_bytes = 0
        self._series = self._of_series = 0

    def seen(self, count: int) -> None:
        self._progress.update(self._looking, said=f"{count} files")

    def begin(self, tree: Tree) -> None:
        files = list(tree.files)
        self._of_files, self._of_series = len(files), len({file.series for file in files})
        self._progress.remove_task(self._looking)
        self._of_bytes = sum(file.size_bytes for file in files)
        self._sending = self._progress.add_task("Sending", total=max(1, self._of_bytes), said=f"{len(files)} files")
        self._reading = self._progress.add_task("Reading", total=max(1, self._of_series), said="")

    def sent(self, size_bytes: int) -> None:
        self._files += 1
        self._bytes += size_bytes
        speed = self._progress.tasks[0].speed
        rate = f", {speed / 1e6:.1f} MB/s" if speed else ""
        said = (
            f"{self._files} of {self._of_files} files, {self._bytes / 1e6:.0f} of {self._of_bytes / 1e6:.0f} MB{rate}"
        )
        self._progress.update(self._sending, advance=size_bytes, said=said)

    def read(self, series: int) -> None:
        self._series += series
        said = f"{self._series} of {self._of_series} series"
        self._progress.update(self._reading, advance=series, said=said)


@contextmanager
def _bars() -> Iterator[_Bars]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[said]}"))
    shown = sys.stderr.isatty()
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not shown) as progress:
        yield _Bars(progress)
