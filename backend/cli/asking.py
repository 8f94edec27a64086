"""How a command that asks a running server is made: of a function of a client that returns what there is to say.

    @labels_app.command("list")
    @asks
    def labels_list(client: Client, project: ProjectName) -> Told:
        '''List the labels in their order.'''
        found = client.labels(client.find_project(project)["id"])
        return Told(found, [[label["name"], label["color"]] for label in found])

The command has the options --json, --url and --data-dir besides those of the function.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from backend.cli.base import AsJson, DataDir, connected, print_json, print_rows

if TYPE_CHECKING:
    from backend.client import Client

Url = Annotated[str | None, typer.Option(help="Server; by default the one on this machine.")]
ProjectName = Annotated[str, typer.Argument(help="Name or id of the project.")]
CaseId = Annotated[str, typer.Argument(help="Id of the case, as in the address of its page.")]
OutFolder = Annotated[Path, typer.Option(help="Folder for what is downloaded.")]

PLAIN = (str, int, float, Path, str | None, int | None, float | None, Path | None, list[str], list[str] | None)

SHARED: dict[str, tuple[Any, Any]] = {"as_json": (AsJson, False), "url": (Url, None), "data_dir": (DataDir, None)}


@dataclass(frozen=True, slots=True)
class Told:
    """What a command has to say: `value` as one JSON document, or `text` for people, a sentence or rows of cells.
    `aside` goes to standard error, one line each. The command ends with `code`."""

    value: Any
    text: str | Iterable[Sequence[Any]]
    aside: Sequence[str] = ()
    code: int = 0


def group(help: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(no_args_is_help=True, help=help)


def asks(command: Callable[..., Told]) -> Callable[..., None]:
    """Make a command of a function whose first parameter is a client. A parameter that is a dataclass stands for an
    option for each of its fields, so that several commands share them."""
    sets: dict[str, tuple[Callable[..., Any], list[str]]] = {}
    parameters = []
    for name, hint, default in list(_parameters_of(command))[1:]:
        if isinstance(hint, type) and is_dataclass(hint):
            sets[name] = hint, [field for field, _, _ in _parameters_of(hint)]
            parameters += [_parameter(*field) for field in _parameters_of(hint)]
        else:
            parameters.append(_parameter(name, hint, default))
    parameters += [_parameter(name, hint, default) for name, (hint, default) in SHARED.items()]

    def run(*, as_json: bool, url: str | None, data_dir: Path | None, **words: Any) -> None:
        for name, (made, fields) in sets.items():
            words[name] = made(**{field: words.pop(field) for field in fields})
        with connected(url, data_dir) as client:
            told = command(client, **words)
        tell(told, as_json=as_json)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters_of(made: Callable[..., Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name, type and default of what a function or a dataclass takes."""
    hints = get_type_hints(made, include_extras=True, localns={"Client": Any})  # named for type checkers alone
    for name, parameter in inspect.signature(made).parameters.items():
        yield name, hints[name], parameter.default


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    _say_what_goes_there(name, hint)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _say_what_goes_there(name: str, hint: Any) -> None:
    """In --help: `--out OUT`, not the name of a Python type; flags and choices speak for themselves."""
    for info in getattr(hint, "__metadata__", ()):
        if hint.__origin__ in PLAIN and isinstance(info, OptionInfo | ArgumentInfo) and info.metavar is None:
            info.metavar = name.rstrip("_").upper()


def tell(told: Told, *, as_json: bool) -> None:
    """Print it; raises typer.Exit where something failed."""
    if as_json:
        print_json(told.value)
    elif isinstance(told.text, str):
        print(told.text)
    else:
        print_rows(told.text)
    for line in told.aside:
        print(line, file=sys.stderr)
    if told.code:
        raise typer.Exit(told.code)


# -- what takes a while -----------------------------------------------------------------------------------------------
@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[float, float], None]]:
    """A bar on standard error, where that is a terminal; called with how much is done, and of how much (0: nobody
    knows)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    shown = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda done, of: bar.update(task, completed=done / of if of else 0)


def waited(client: Client, job: dict[str, Any], what: str) -> dict[str, Any]:
    """A job when it is done, with a bar until then. Who does not want to wait any more is told that it goes on."""
    try:
        with progress_bar(what) as show:
            return client.wait(job, on_change=lambda now: show(now["progress"], 1))
    except KeyboardInterrupt:
        print(f"It goes on: `sammed jobs wait {job['id']}`, or `sammed jobs cancel {job['id']}`.", file=sys.stderr)
        raise


def fetched(what: str, download: Callable[..., Path]) -> Told:
    """A file that `download` fetches, with a bar: it takes `on_bytes`."""
    with progress_bar(what) as show:
        path = download(on_bytes=show)
    return file_told(path)


def file_told(path: Path) -> Told:
    """That a file lies here now."""
    return Told({"path": str(path), "size_bytes": path.stat().st_size}, str(path))


def id_of(client: Client, project: str) -> str:
    """The id of the project of this name or id."""
    return str(client.find_project(project)["id"])
