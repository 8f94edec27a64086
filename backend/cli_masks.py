"""`sammed masks`: masks of other programs as the start of an annotation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from backend.cli_base import AsJson, DataDir, Url, connected, print_json, print_rows

masks_app = typer.Typer(no_args_is_help=True, help="Masks of other programs, for cases of a running server.")


@masks_app.callback()
def _group() -> None:
    """Makes `masks` a group of commands although it has one."""


@masks_app.command("import")
def masks_import(
    case: Annotated[str, typer.Argument(help="Id of the case, as in the address of its page.")],
    file: Annotated[Path, typer.Argument(help="A DICOM SEG, a NIfTI label map, an NRRD or a .seg.nrrd file.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="SEGMENT=LABEL, the segment by name or number; repeatable. Else by code and name."),
    ] = None,
    volume: Annotated[str | None, typer.Option(help="Id of the volume, where the case has several.")] = None,
    threshold: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Fractional SEG: from this fraction on a voxel is inside.")
    ] = 0.5,
    resample: Annotated[bool, typer.Option("--resample", help="Take the nearest voxels of a mask on another grid.")] = (
        False
    ),
    crop: Annotated[bool, typer.Option("--crop", help="Leave out what lies outside the volume.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Draw over slices that the label has already.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen and write nothing.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Take masks from a file into your annotation of a case."""
    from backend.client_masks import Choices, apply_import, plan_import

    labels = {}
    for text in map_ or []:
        segment, equals, label = text.rpartition("=")
        if not (segment and equals and label):
            raise typer.BadParameter(f"'{text}' is not SEGMENT=LABEL.", param_hint="--map")
        labels[segment] = label
    choices = Choices(labels, volume, threshold, resample, crop, replace)
    with connected(url, data_dir) as client:
        plan = plan_import(client, case, file, choices)
        done = [] if dry_run else apply_import(client, plan, choices)
    if as_json:
        return print_json({**plan.to_json(), "imported": done})
    if dry_run:
        print("same voxels as the volume" if plan.fit.is_exact else "another grid: --resample would be needed")
        print_rows([[p.segment.number, p.segment.name, p.label["name"] if p.label else "-"] for p in plan.segments])
    for label_done in done:
        print(f"{label_done['label']}\t{len(label_done['slices'])} slices")
        if label_done["kept"]:
            print(
                f"{label_done['label']}: {len(label_done['kept'])} slices drawn before stay as they are (--replace)",
                file=sys.stderr,
            )
    if skipped := [p.segment.name for p in plan.segments if p.label is None]:
        print(f"skipped, no label of this code or name: {', '.join(skipped)}", file=sys.stderr)
