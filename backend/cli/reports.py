"""`sammed statistics`, `agreement`, `log`: what a project of a running server tells about its work."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import ProjectName, Told, asks, file_told, id_of, progress_bar, waited

if TYPE_CHECKING:
    from backend.client import Client

CsvFolder = Annotated[Path | None, typer.Option("--csv", help="Download it as a table into this folder.")]
Tolerance = Annotated[
    float | None, typer.Option("--tolerance", min=0.01, max=100, help="Surfaces so near agree, in mm; 2 without.")
]
COUNTED = ("seconds", "slices", "clicks", "boxes", "strokes")


@asks
def statistics(client: Client, project: ProjectName, csv: CsvFolder = None) -> Told:
    """Work by person and label: hours, slices, clicks and boxes, strokes, slices changed after a model drew them."""
    project_id = id_of(client, project)
    with progress_bar("Counting") as show:
        most = 1

        def pending(left: int) -> None:
            nonlocal most
            most = max(most, left)
            show(most - left, most)

        found = client.statistics(project_id, on_pending=pending)
    if csv is not None:
        return file_told(client.statistics_csv(project_id, csv))
    rows: list[list[str]] = []
    for about in ("person", "label"):
        sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for work in found["work"]:
            for name in (*COUNTED, "slices_by_model", "edits_after_model"):
                sums[work[about]["name"]][name] += work[name]
        rows += [["", "hours", "slices", "clicks", "strokes", "changed after a model"]] if sums else []
        rows += [[name, *_told(one)] for name, one in sorted(sums.items())]
    return Told(found, rows)


def _told(one: dict[str, float]) -> list[str]:
    changed = f"{one['edits_after_model']:.0f} of {one['slices_by_model']:.0f}"
    clicks = f"{one['clicks'] + one['boxes']:.0f}"
    return [f"{one['seconds'] / 3600:.2f}", f"{one['slices']:.0f}", clicks, f"{one['strokes']:.0f}", changed]


@asks
def agreement(
    client: Client,
    project: ProjectName,
    tests: Annotated[bool, typer.Option("--tests", help="How near people came to gold cases, instead.")] = False,
    tolerance: Tolerance = None,
    csv: CsvFolder = None,
) -> Told:
    """How far blind readers agree, by label and pair; what has changed is computed first."""
    if tests and csv is not None:
        raise typer.BadParameter("Tests with gold cases are given as rows or with --json.", param_hint="--csv")
    project_id = id_of(client, project)
    ask = client.tests if tests else client.agreement
    told = compared(
        client, lambda: ask(project_id, tolerance), project_id, "scores" if tests else "means", tolerance=tolerance
    )
    return told if csv is None else file_told(client.agreement_csv(project_id, csv, tolerance))


def compared(
    client: Client, ask: Callable[[], dict[str, Any]], project_id: str, shown: str, *, tolerance: float | None = None
) -> Told:
    """What `ask` answers when nothing of it is missing any more; `shown`: the list in it that people see."""
    found = ask()
    if found["missing"]:
        waited(client, client.compute_agreement(project_id, tolerance), "Comparing")
        found = ask()
    rows = [_scored(one) for one in found[shown]]
    return Told(found, [["label", "who", "masks", "Dice", "surface Dice", "HD95 mm"], *rows] if rows else [])


def _scored(one: dict[str, Any]) -> list[Any]:
    who = one["person"]["name"] if "person" in one else f"{one['first']['name']} / {one['second']['name']}"
    hd95 = None if one["hd95_mm"] is None else f"{one['hd95_mm']:.2f}"
    figures = [f"{one['dice']:.3f}", f"{one['surface_dice']:.3f}", hd95]
    return [one["label_name"], who, one.get("masks", 1), *figures]


@asks
def log(
    client: Client,
    project: Annotated[str | None, typer.Argument(help="Name or id; without: everything, for administrators.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 100,
) -> Told:
    """Who did what, the newest first."""
    project_id = id_of(client, project) if project else None
    found = list(itertools.islice(client.log(project_id), limit))
    rows = []
    for event in found:
        who = event["actor"]["email"] if event["actor"] else "-"
        about = event["names"].get(event["subject"], event["subject"])
        detail = ", ".join(f"{name}={event['names'].get(str(value), value)}" for name, value in event["detail"].items())
        rows.append([event["at"], who, event["action"], about, detail])
    return Told(found, rows)
