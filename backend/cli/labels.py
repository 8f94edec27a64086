"""`sammed labels`: the label set of a project of a running server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import ProjectName, Told, asks, group, id_of
from backend.errors import NotFound, Rejected

if TYPE_CHECKING:
    from backend.client import Client

labels_app = group("The labels of a project of a running server.")

LabelName = Annotated[str, typer.Argument(help="Name of the label.")]
Color = Annotated[str | None, typer.Option(help="#rrggbb.")]
Key = Annotated[str | None, typer.Option(help="The key that chooses it.")]
Group = Annotated[str | None, typer.Option(help="Labels of one group stand together.")]
Sct = Annotated[str | None, typer.Option(help="SNOMED CT code, such as 10200004.")]
Rule = Annotated[
    list[str] | None,
    typer.Option(help="RULE=VALUE, such as islands=block or max_ml=2000; repeatable. The rules are in /api/docs."),
]

COLORS = ("#e19669", "#694bff", "#78ffff", "#c32d78", "#f0f000", "#96a5f0", "#a57800", "#f04ba5")
"""The first of the page's palette (frontend/src/panels/palette.ts), told apart by the colour-blind too."""


class NotALabelFile(Rejected):
    """A file holds no label set."""

    code = "not_a_label_file"
    title = "This file holds no labels"


class NotInTheCatalogue(NotFound):
    """No structure of the catalogue has this name."""

    code = "not_in_the_catalogue"
    title = "The catalogue has no such structure"


@labels_app.command("list")
@asks
def labels_list(client: Client, project: ProjectName) -> Told:
    """List the labels in their order."""
    found = client.labels(id_of(client, project))
    return Told(found, [[one["value"], one["name"], one["color"], _coded(one), one["group"]] for one in found])


@labels_app.command("catalogue")
@asks
def labels_catalogue(
    client: Client, search: Annotated[str, typer.Argument(help="Words of a name; without: everything.")] = ""
) -> Told:
    """List the structures of the catalogue, with the colours and SNOMED CT codes that a label of their name gets."""
    found = client.anatomy(search)
    return Told(found, [[one["name"], one["color"], _coded(one), one["group"]] for one in found])


@labels_app.command("add")
@asks
def labels_add(
    client: Client,
    project: ProjectName,
    name: LabelName,
    color: Color = None,
    key: Key = None,
    group: Group = None,
    sct: Sct = None,
    rule: Rule = None,
) -> Told:
    """Add a label and print its id. Without a colour it is a structure of `sammed labels catalogue`, with its code."""
    draft = {"name": name} if color else _structure(client, name)
    made = client.add_label(id_of(client, project), draft | _changes(name, color, key, group, sct, rule, {}))
    return Told(made, made["id"])


@labels_app.command("change")
@asks
def labels_change(
    client: Client,
    project: ProjectName,
    name: LabelName,
    rename: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    color: Color = None,
    key: Key = None,
    group: Group = None,
    sct: Sct = None,
    rule: Rule = None,
) -> Told:
    """Change a label; what is not named stays."""
    label = client.find_label(id_of(client, project), name)
    changes = _changes(rename or name, color, key, group, sct, rule, label["rules"])
    made = client.change_label(label["id"], **({"name": rename} if rename else {}), **changes)
    return Told(made, f"{made['name']} is changed")


@labels_app.command("remove")
@asks
def labels_remove(client: Client, project: ProjectName, name: LabelName) -> Told:
    """Delete a label that nothing was drawn for."""
    label = client.find_label(id_of(client, project), name)
    client.delete_label(label["id"])
    return Told(label, f"{label['name']} is deleted")


@labels_app.command("order")
@asks
def labels_order(
    client: Client,
    project: ProjectName,
    name: Annotated[list[str], typer.Argument(help="All labels, the first first.")],
) -> Told:
    """Put the labels in another order."""
    project_id = id_of(client, project)
    client.order_labels(project_id, [client.label_id(project_id, one) for one in name])
    return Told(client.labels(project_id), "ordered")


@labels_app.command("versions")
@asks
def labels_versions(client: Client, project: ProjectName) -> Told:
    """List what the label set was, the newest first."""
    found = client.label_versions(id_of(client, project))
    rows = []
    for one in found:
        author = one["author"]["email"] if one["author"] else None
        rows.append([one["version"], one["created_at"], author, ", ".join(label["name"] for label in one["labels"])])
    return Told(found, rows)


@labels_app.command("export")
@asks
def labels_export(
    client: Client,
    project: ProjectName,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output without.")] = None,
) -> Told:
    """Write the label set as a file for another project."""
    found = client.export_labels(id_of(client, project))
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if out is None:
        return Told(found, text)
    out.write_text(text + "\n", encoding="utf-8")
    return Told({"path": str(out)}, str(out))


@labels_app.command("import")
@asks
def labels_import(
    client: Client,
    project: ProjectName,
    file: Annotated[Path, typer.Argument(help="What `sammed labels export` made.")],
) -> Told:
    """Bring in labels; those whose names are there stay as they are."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotALabelFile(f"{file}: {error}", hint="`sammed labels export` makes one.") from error
    return _taken(client.import_labels(id_of(client, project), content))


@labels_app.command("copy")
@asks
def labels_copy(
    client: Client,
    project: ProjectName,
    source: Annotated[str, typer.Option("--from", help="Name or id of the project whose labels are copied.")],
) -> Told:
    """Bring in the labels of another project."""
    return _taken(client.copy_labels(id_of(client, project), id_of(client, source)))


def drafts(client: Client, texts: Sequence[str]) -> list[dict[str, Any]]:
    """New labels: each NAME=#rrggbb; or a NAME, which gets the colour and code of the structure of this name in the
    catalogue, if there is one."""
    made = []
    for n, text in enumerate(texts):
        name, _, color = text.partition("=")
        known = None if color else _known(client, name)
        made.append(known or {"name": name, "color": color or COLORS[n % len(COLORS)]})
    return made


def _known(client: Client, name: str) -> dict[str, Any] | None:
    return next((one for one in client.anatomy(name) if one["name"].lower() == name.strip().lower()), None)


def _structure(client: Client, name: str) -> dict[str, Any]:
    known = _known(client, name)
    if known is None:
        near = ", ".join(one["name"] for one in client.anatomy(name)[:5])
        hint = f"Near it: {near}." if near else "Name a colour, --color #rrggbb, to make a label of your own."
        raise NotInTheCatalogue(f"'{name}' is not in it.", hint=hint)
    return known


def _taken(taken: dict[str, Any]) -> Told:
    kept = f", there already: {', '.join(taken['kept'])}" if taken["kept"] else ""
    differs = "They were meant to " + ("overlap" if taken["exclusive"] else "exclude each other")
    aside = [f"{differs}; this project stays as it is."] if taken["differs"] else []
    return Told(taken, f"{taken['added']} added{kept}", aside)


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
