"""`sammed measurements`: what was measured on a case of a running server, and the figures of its labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import CaseId, Told, asks, file_told, group

if TYPE_CHECKING:
    from backend.client import Client

measurements_app = group("Measurements on a case of a running server.")


@measurements_app.command("list")
@asks
def measurements_list(
    client: Client,
    case: CaseId,
    csv: Annotated[Path | None, typer.Option("--csv", help="Download all of it as a table into this folder.")] = None,
) -> Told:
    """List what was measured, and volume and values of the labels that you drew."""
    if csv is not None:
        return file_told(client.measurements_csv(case, csv))
    found = client.case(case)
    measured = client.measurements(case)
    names = {label["id"]: label["name"] for label in client.labels(found["project_id"])}
    labels = [
        {**figures, "volume_id": volume["id"], "label": names.get(figures["label_id"])}
        for volume in found["volumes"]
        for figures in client.label_figures(volume["id"])
    ]
    rows = [
        [one["id"], one["kind"], f"slice {one['slice'] + 1}", one["author"]["name"], _figures(one["figures"])]
        for one in measured
    ]
    rows += [["-", one["label"], "label", "", _figures(one["figures"])] for one in labels]
    return Told({"measurements": measured, "labels": labels}, rows)


@measurements_app.command("remove")
@asks
def measurements_remove(
    client: Client,
    measurement: Annotated[str, typer.Argument(help="Id of the measurement, as `sammed measurements list` shows it.")],
) -> Told:
    """Remove a measurement."""
    client.remove_measurement(measurement)
    return Told({"id": measurement}, "removed")


def _figures(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
