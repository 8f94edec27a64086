"""What the pages can do, programs and the command line can: every route of the API has a method of the client and a
command, or stands here with the reason why not. Read from the sources, so that nothing has to run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
import typer

from backend.cli import app
from backend.main import create_app
from backend.wiring import Services

BACKEND = Path(__file__).parents[2] / "backend"
ASKED_BY = (BACKEND / "cli", BACKEND / "bulk")

Route = tuple[str, str]

SIGN_IN = "a browser signs in; programs have a token"
PICTURES = "needs eyes on a picture, or a hand that draws on one"
OPEN_PAGE = "keeps an open page up to date"
PROBES = "for load balancers"

PAGE_ONLY = {
    "login": SIGN_IN,
    "login_once": SIGN_IN,
    "logout": SIGN_IN,
    "begin_oidc": SIGN_IN,
    "finish_oidc": SIGN_IN,
    "end_oidc_sessions": "the sign-in service calls it",
    "set_password": SIGN_IN,
    "change_me": "keys, patterns and learning of one's own annotate page",
    "create_annotation": PICTURES,
    "get_masks": PICTURES,
    "get_mask": PICTURES,
    "append_revision": PICTURES,
    "list_revisions": PICTURES,
    "restore_revision": PICTURES,
    "predict_mask": PICTURES,
    "get_slice": PICTURES,
    "add_measurement": PICTURES,
    "list_learning": PICTURES,
    "switch_warm_start": PICTURES,
    "list_project_proposals": PICTURES,
    "accept_pictures": PICTURES,
    "reject_proposals": PICTURES,
    "reopen_proposals": PICTURES,
    "get_turn": PICTURES,
    "cast_vote": PICTURES,
    "get_judged": PICTURES,
    "finish_comparison": PICTURES,
    "encode_ahead": OPEN_PAGE,
    "list_encodings": OPEN_PAGE,
    "take_lease": OPEN_PAGE,
    "release_lease": OPEN_PAGE,
    "get_case_place": OPEN_PAGE,
    "watch_job": OPEN_PAGE,
    "healthz": PROBES,
    "readyz": PROBES,
}

CLIENT_ONLY = {
    "get_project": "commands find projects by name, in the list",
    "get_volume": "a case tells of its volumes",
    "upload_files": "`sammed import` sends in many requests",
    "export_case": "`sammed export` waits for the job",
}


@cache
def operations() -> dict[str, Route]:
    """Operation id -> method and path, with nothing between the braces. DICOMweb has clients of its own."""
    paths = create_app(create_autospec(Services, instance=True)).openapi()["paths"]
    return {
        operation["operationId"]: (method.upper(), re.sub(r"\{[^}]*\}", "{}", path))
        for path, found in paths.items()
        for method, operation in found.items()
        if not path.startswith("/dicom-web")
    }


def functions(folder: Path) -> Iterator[ast.FunctionDef]:
    for file in folder.glob("*.py"):
        yield from (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.FunctionDef))


def text_of(node: ast.expr, names: dict[str, ast.expr]) -> str:
    """A path as it stands in the source, with nothing between the braces."""
    if isinstance(node, ast.Name):
        node = names[node.id]
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    assert isinstance(node, ast.Constant), ast.dump(node)
    return str(node.value)


def asked_in(function: ast.FunctionDef) -> set[Route]:
    names = {
        node.targets[0].id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = set()
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        if (
            isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == "self"
        ):
            if call.func.attr == "_json":
                found.add((text_of(call.args[0], names), text_of(call.args[1], names)))
            elif call.func.attr in ("_items", "_pages", "_save"):
                found.add(("GET", text_of(call.args[0], names)))
    return found


def named(function: ast.FunctionDef, *owners: str) -> set[str]:
    """The attributes of these that a function names."""
    return {
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and (
            (isinstance(node.value, ast.Name) and node.value.id in owners)
            or (isinstance(node.value, ast.Attribute) and node.value.attr in owners)
        )
    }


@cache
def methods() -> dict[str, set[Route]]:
    """Public method of the client -> what it asks, also by other methods."""
    found = {f.name: f for f in functions(BACKEND / "client") if not f.name.startswith("_")}
    asked = {name: asked_in(function) for name, function in found.items()}
    for _ in found:
        before = {name: set(routes) for name, routes in asked.items()}
        for name in asked:
            for other in named(found[name], "self") & asked.keys():
                asked[name] |= asked[other]
        if asked == before:
            break
    return asked


def by_client() -> set[Route]:
    return set().union(*methods().values())


def by_command() -> set[Route]:
    used = set().union(*(named(f, "client", "_client") for folder in ASKED_BY for f in functions(folder)))
    return set().union(*(methods()[name] for name in used & methods().keys()))


def test_the_client_asks_nothing_that_is_not_there() -> None:
    assert by_client() - set(operations().values()) == set()


def test_every_route_has_a_method_of_the_client_or_a_reason() -> None:
    asked = by_client()
    without = {name for name, route in operations().items() if route not in asked}
    assert without - PAGE_ONLY.keys() == set(), "add a method to backend/client, or a reason to PAGE_ONLY"
    assert PAGE_ONLY.keys() - without == set(), "these have a method now, or are gone"


def test_every_method_of_the_client_has_a_command_or_a_reason() -> None:
    asked = by_command()
    without = {name for name, route in operations().items() if route not in asked} - PAGE_ONLY.keys()
    assert without - CLIENT_ONLY.keys() == set(), "add a command to backend/cli, or a reason to CLIENT_ONLY"
    assert CLIENT_ONLY.keys() - without == set(), "these have a command now, or are gone"


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, (*words, name))
    else:
        yield words, command


NO_JSON = {"up", "serve", "worker", "dicom-node", "migrate", "models", "segment", "evaluate"}
"""They run until they are stopped, or are handed over to the workers' own command line."""


@pytest.mark.parametrize(
    ("words", "command"),
    [pytest.param(*found, id=" ".join(found[0])) for found in commands(typer.main.get_command(app))],
)
def test_every_command_explains_itself(words: tuple[str, ...], command: Any) -> None:
    assert command.help, "says what it does"
    said = {option: getattr(p, "help", None) for p in command.params for option in p.opts if option != "--help"}
    assert [option for option, text in said.items() if not text] == []
    assert ("--json" in said) is (words[0] not in NO_JSON)
