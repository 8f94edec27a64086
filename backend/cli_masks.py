"""`sammed masks`: masks of other programs as the start of an annotation, or as a reading of their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli_base import AsJson, DataDir, Url, connected, print_json, print_rows, waited
from backend.client import ServerRefused

masks_app = typer.Typer(no_args_is_help=True, help="Masks of other programs, for cases of a running server.")


class MasksRefused(ServerRefused):
    """A file of masks was not taken in; nothing of it was stored."""

    @property
    def is_bad_input(self) -> bool:
        return True


@masks_app.callback()
def _group() -> None:
    """Makes `masks` a group of commands although it has one."""


@masks_app.command("import")
def masks_import(
    case: Annotated[str, typer.Argument(help="Id of the case, as in the address of its page.")],
    file: Annotated[Path, typer.Argument(help="DICOM SEG, RTSTRUCT, NIfTI, NRRD, .seg.nrrd, or a zip of them.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="SEGMENT=LABEL, the segment by name or number; repeatable. Else by code and name."),
    ] = None,
    new_labels: Annotated[
        bool, typer.Option("--new-labels", help="Make labels of segments that match none; for managers.")
    ] = False,
    reader: Annotated[
        str | None, typer.Option(help="Keep the masks as those of a program of this name; for who reviews.")
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
    other_patient: Annotated[
        bool, typer.Option("--other-patient", help="Patient, study or frame of reference differ on purpose.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen and keep nothing.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Take masks from a file into a case: into your own annotation, or as a reading of a program."""
    options: dict[str, Any] = {
        "dry_run": dry_run,
        "volume_id": volume,
        "reader": reader,
        "targets": [_target(text) for text in map_ or []],
        "new_labels": new_labels,
        "threshold": threshold,
        "resample": resample,
        "crop": crop,
        "replace": replace,
        "other_patient": other_patient,
    }
    with connected(url, data_dir) as client:
        job = client.import_masks(case, [file, *_beside(file)], options)
        result = waited(client, job, f"Reading {file.name}")["result"]
    if as_json:
        print_json(result)
    for told in result["files"]:
        if not as_json:
            _say(told)
    refused = [told["problem"] for told in result["files"] if told["outcome"] == "refused"]
    if refused:
        raise MasksRefused(refused[0])


def _target(text: str) -> dict[str, Any]:
    segment, equals, label = text.rpartition("=")
    if not (segment and equals and label):
        raise typer.BadParameter(f"'{text}' is not SEGMENT=LABEL.", param_hint="--map")
    return {"segment": segment, "label": label}


def _beside(file: Path) -> list[Path]:
    """What our NIfTI export wrote beside a label map: the JSON with the names, and files of single labels."""
    sidecar = file.with_name(file.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    if sidecar == file or not file.name.endswith((".nii", ".nii.gz")) or not sidecar.is_file():
        return []
    try:
        labels = json.loads(sidecar.read_text(encoding="utf-8"))["labels"]
        own = [file.with_name(Path(label["file"]).name) for label in labels if label.get("file")]
    except (KeyError, TypeError, ValueError):
        own = []  # the server says what is wrong with it
    return [sidecar, *(path for path in own if path.is_file())]


def _say(told: dict[str, Any]) -> None:
    if told["outcome"] == "ready":
        for need in told["needs"]:
            print(f"needs --{need['option'].replace('_', '-')}: {need['detail']}")
        rows = [[s["number"], s["name"], f"{s['volume_ml']:.2f} ml", s["label_id"] or "-"] for s in told["segments"]]
        print_rows(rows)
    for label in told.get("labels", []):
        print(f"{label['label']}\t{len(label['slices'])} slices")
        if label["kept"]:
            kept = f"{len(label['kept'])} slices drawn before stay as they are (--replace)"
            print(f"{label['label']}: {kept}", file=sys.stderr)
    if told.get("skipped"):
        print(f"skipped, no label of this code or name: {', '.join(told['skipped'])}", file=sys.stderr)
