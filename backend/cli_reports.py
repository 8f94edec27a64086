"""`sammed statistics`, `agreement`, `log`: what a project of a running server tells about its work."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli_base import AsJson, DataDir, ProjectName, Url, connected, print_json, print_rows, progress_bar, waited

CsvFolder = Annotated[Path | None, typer.Option("--csv", help="Download it as a table into this folder.")]
COUNTED = ("seconds", "slices", "clicks", "boxes", "strokes")


def statistics(
    project: ProjectName, csv: CsvFolder = None, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Work by person and label: hours, slices, clicks and boxes, strokes, slices changed after a model drew them."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        with progress_bar("Counting") as show:
            most = 1

            def pending(left: int) -> None:
                nonlocal most
                most = max(most, left)
                show(1 - left / most, "Counting")

            found = client.statistics(target["id"], on_pending=pending)
        if csv is not None:
            return print(client.statistics_csv(target["id"], csv))
    if as_json:
        return print_json(found)
    for about in ("person", "label"):
        sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for work in found["work"]:
            for name in (*COUNTED, "slices_by_model", "edits_after_model"):
                sums[work[about]["name"]][name] += work[name]
        print_rows([["", "hours", "slices", "clicks", "strokes", "changed after a model"]] if sums else [])
        print_rows([[name, *_told(one)] for name, one in sorted(sums.items())])


def _told(one: dict[str, float]) -> list[str]:
    changed = f"{one['edits_after_model']:.0f} of {one['slices_by_model']:.0f}"
    clicks = f"{one['clicks'] + one['boxes']:.0f}"
    return [f"{one['seconds'] / 3600:.2f}", f"{one['slices']:.0f}", clicks, f"{one['strokes']:.0f}", changed]


def agreement(
    project: ProjectName,
    tests: Annotated[bool, typer.Option("--tests", help="How near people came to gold cases, instead.")] = False,
    csv: CsvFolder = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """How far blind readers agree, by label and pair; what has changed is computed first."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        waiting = (client.tests if tests else client.agreement)(target["id"])["missing"]
        if waiting:
            waited(client, client.compute_agreement(target["id"]), "Comparing")
        if csv is not None and not tests:
            return print(client.agreement_csv(target["id"], csv))
        found = (client.tests if tests else client.agreement)(target["id"])
    if as_json:
        return print_json(found)
    rows = [_scored(one) for one in found["scores" if tests else "means"]]
    print_rows([["label", "who", "masks", "Dice", "surface Dice", "HD95 mm"], *rows] if rows else [])


def _scored(one: dict[str, Any]) -> list[Any]:
    who = one["person"]["name"] if "person" in one else f"{one['first']['name']} / {one['second']['name']}"
    hd95 = None if one["hd95_mm"] is None else f"{one['hd95_mm']:.2f}"
    return [one["label_name"], who, one["masks"], f"{one['dice']:.3f}", f"{one['surface_dice']:.3f}", hd95]


def log(
    project: Annotated[str | None, typer.Argument(help="Name or id; without: everything, for administrators.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 100,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Who did what, the newest first."""
    with connected(url, data_dir) as client:
        project_id = client.find_project(project)["id"] if project else None
        found = list(itertools.islice(client.log(project_id), limit))
    if as_json:
        return print_json(found)
    for event in found:
        who = event["actor"]["email"] if event["actor"] else "-"
        about = event["names"].get(event["subject"], event["subject"])
        detail = ", ".join(f"{name}={event['names'].get(str(value), value)}" for name, value in event["detail"].items())
        print_rows([[event["at"], who, event["action"], about, detail]])
