"""`sammed labels`: the label set of a project of a running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli_base import AsJson, DataDir, ProjectName, Url, connected, print_json, print_rows
from backend.errors import Rejected

labels_app = typer.Typer(no_args_is_help=True, help="The labels of a project of a running server.")

LabelName = Annotated[str, typer.Argument(help="Name of the label.")]
Color = Annotated[str | None, typer.Option(help="#rrggbb.")]
Key = Annotated[str | None, typer.Option(help="The key that chooses it.")]
Group = Annotated[str | None, typer.Option(help="Labels of one group stand together.")]
Sct = Annotated[str | None, typer.Option(help="SNOMED CT code, such as 10200004.")]
Rule = Annotated[
    list[str] | None,
    typer.Option(help="RULE=VALUE, such as islands=block or max_ml=2000; repeatable. The rules are in /api/docs."),
]


class NotALabelFile(Rejected):
    """A file holds no label set."""

    code = "not_a_label_file"
    title = "This file holds no labels"


@labels_app.command("list")
def labels_list(project: ProjectName, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the labels in their order."""
    with connected(url, data_dir) as client:
        found = client.labels(client.find_project(project)["id"])
    if as_json:
        return print_json(found)
    print_rows([[label["value"], label["name"], label["color"], _coded(label), label["group"]] for label in found])


@labels_app.command("add")
def labels_add(
    project: ProjectName,
    name: LabelName,
    color: Annotated[str, typer.Option(help="#rrggbb.")],
    key: Key = None,
    group: Group = None,
    sct: Sct = None,
    rule: Rule = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Add a label and print its id."""
    with connected(url, data_dir) as client:
        wanted = {"name": name, **_changes(name, color, key, group, sct, rule, {})}
        made = client.add_label(client.find_project(project)["id"], wanted)
    print_json(made) if as_json else print(made["id"])


@labels_app.command("change")
def labels_change(
    project: ProjectName,
    name: LabelName,
    rename: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    color: Color = None,
    key: Key = None,
    group: Group = None,
    sct: Sct = None,
    rule: Rule = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Change a label; what is not named stays."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        label_id = client.label_id(target["id"], name)
        present = next(label for label in client.labels(target["id"]) if label["id"] == label_id)
        changes = _changes(rename or name, color, key, group, sct, rule, present["rules"])
        made = client.change_label(label_id, **({"name": rename} if rename else {}), **changes)
    print_json(made) if as_json else print(f"{made['name']} is changed")


@labels_app.command("remove")
def labels_remove(project: ProjectName, name: LabelName, url: Url = None, data_dir: DataDir = None) -> None:
    """Delete a label that nothing was drawn for."""
    with connected(url, data_dir) as client:
        client.delete_label(client.label_id(client.find_project(project)["id"], name))
    print(f"{name} is deleted")


@labels_app.command("order")
def labels_order(
    project: ProjectName,
    name: Annotated[list[str], typer.Argument(help="All labels, the first first.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Put the labels in another order."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        client.order_labels(target["id"], [client.label_id(target["id"], one) for one in name])
    print("ordered")


@labels_app.command("versions")
def labels_versions(project: ProjectName, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List what the label set was, the newest first."""
    with connected(url, data_dir) as client:
        found = client.label_versions(client.find_project(project)["id"])
    if as_json:
        return print_json(found)
    rows = []
    for one in found:
        author = one["author"]["email"] if one["author"] else None
        rows.append([one["version"], one["created_at"], author, ", ".join(label["name"] for label in one["labels"])])
    print_rows(rows)


@labels_app.command("export")
def labels_export(
    project: ProjectName,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output without.")] = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Write the label set as a file for another project."""
    with connected(url, data_dir) as client:
        found = client.export_labels(client.find_project(project)["id"])
    if out is None:
        return print_json(found)
    out.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(out)


@labels_app.command("import")
def labels_import(
    project: ProjectName,
    file: Annotated[Path, typer.Argument(help="What `sammed labels export` made.")],
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Bring in labels; those whose names are there stay as they are."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotALabelFile(f"{file}: {error}", hint="`sammed labels export` makes one.") from error
    with connected(url, data_dir) as client:
        _taken(client.import_labels(client.find_project(project)["id"], content), as_json=as_json)


@labels_app.command("copy")
def labels_copy(
    project: ProjectName,
    source: Annotated[str, typer.Option("--from", help="Name or id of the project whose labels are copied.")],
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Bring in the labels of another project."""
    with connected(url, data_dir) as client:
        into, out_of = client.find_project(project), client.find_project(source)
        _taken(client.copy_labels(into["id"], out_of["id"]), as_json=as_json)


def _taken(taken: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        return print_json(taken)
    kept = f", there already: {', '.join(taken['kept'])}" if taken["kept"] else ""
    print(f"{taken['added']} added{kept}")


def _coded(label: dict[str, Any]) -> str | None:
    return f"{label['code']['scheme']} {label['code']['value']}" if label["code"] else None


def _changes(
    name: str,
    color: str | None,
    key: str | None,
    group: str | None,
    sct: str | None,
    rules: list[str] | None,
    present: dict[str, Any],
) -> dict[str, Any]:
    """What the options say, as the server takes it; `present`: the rules that hold, to which others are added."""
    given: dict[str, Any] = {"color": color, "shortcut": key, "group": group}
    changes = {field: value for field, value in given.items() if value is not None}
    if sct is not None:
        changes["code"] = {"scheme": "SCT", "value": sct, "meaning": name[:64]}
    if rules:
        changes["rules"] = present | dict(_rule(text) for text in rules)
    return changes


def _rule(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"'{text}' is not RULE=VALUE.", param_hint="--rule")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
