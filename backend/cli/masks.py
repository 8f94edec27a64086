"""`sammed masks` and `export`: masks of other programs into a case, and the masks of a case out.

What comes in is the start of an annotation, or a reading of its own.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import CaseId, OutFolder, ProjectName, Told, asks, fetched, group, id_of, progress_bar, waited
from backend.cli.base import EXIT_BAD_INPUT
from backend.errors import Conflict

if TYPE_CHECKING:
    from backend.client import Client

masks_app = group("Masks of cases of a running server: those of other programs in, accepted ones out.")


class NotAccepted(Conflict):
    """The accepted masks are wanted of a case that is not accepted."""

    code = "not_accepted"
    title = "This case is not accepted"


OPTION_OF = {
    "mask_of_another_patient": "--other-patient",
    "mask_needs_resampling": "--resample",
    "mask_reaches_outside": "--crop",
}
"""What allows that which a file was refused for."""


@masks_app.command("import")
@asks
def masks_import(
    client: Client,
    case: CaseId,
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
    volume: Annotated[
        str | None, typer.Option(help="Id of the volume; else the one that the file was drawn on.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Fractional SEG: from this fraction on a voxel is inside.")
    ] = 0.5,
    resample: Annotated[bool, typer.Option("--resample", help="Take the nearest voxels of a mask on another grid.")] = (
        False
    ),
    crop: Annotated[bool, typer.Option("--crop", help="Leave out what lies outside the volume.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Draw over slices that the label has already.")] = False,
    other_patient: Annotated[
        bool, typer.Option("--other-patient", help="The images of the file are others on purpose.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen and keep nothing.")] = False,
) -> Told:
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
    with progress_bar("Sending") as show:
        job = client.import_masks(case, [file, *_beside(file)], options, on_bytes=show)
    result = waited(client, job, f"Reading {file.name}")["result"]
    rows: list[list[Any]] = []
    aside: list[str] = []
    for told in result["files"]:
        _say(told, rows, aside)
    refused = [told["problem"] for told in result["files"] if told["outcome"] == "refused"]
    for problem in refused:
        aside += [f"{problem['title']}: {problem['detail']}", *([problem["hint"]] if problem.get("hint") else [])]
        aside += [f"{OPTION_OF[problem['code']]} does so."] if problem["code"] in OPTION_OF else []
    return Told(result, rows, aside, EXIT_BAD_INPUT if refused else 0)


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


def _goes_to(segment: dict[str, Any]) -> str:
    if segment["label"]:
        return str(segment["label"])
    return f"{segment['new_label']['name']} (new)" if segment["new_label"] else "-"


def _say(told: dict[str, Any], rows: list[list[Any]], aside: list[str]) -> None:
    if told["outcome"] == "ready":
        for need in told["needs"]:
            rows.append([f"needs --{need['option'].replace('_', '-')}: {need['detail']}"])
        aside.append(f"drawn on {told['series']}")
        rows += [[s["number"], s["name"], f"{s['volume_ml']:.2f} ml", _goes_to(s)] for s in told["segments"]]
    for label in told.get("labels", []):
        rows.append([label["label"], f"{len(label['slices'])} slices"])
        if label["kept"]:
            kept = f"{len(label['kept'])} slices drawn before stay as they are (--replace)"
            aside.append(f"{label['label']}: {kept}")
    if told.get("skipped"):
        aside.append(f"skipped, no label of this code or name: {', '.join(told['skipped'])}")


Format = Annotated[
    str, typer.Option(help="nifti, nrrd, dicom-seg, dicom-seg-labelmap, rtstruct, dicom-sr, png or coco.")
]


@masks_app.command("export")
@asks
def masks_export(
    client: Client,
    project: ProjectName,
    format: Format = "nifti",
    out: OutFolder = Path("."),
    label: Annotated[str | None, typer.Option(help="Only cases where somebody drew this label.")] = None,
) -> Told:
    """Download the accepted masks of all accepted cases of a project, each case into a folder of its own."""
    from backend.client import ServerRefused

    project_id = id_of(client, project)
    label_id = client.label_id(project_id, label) if label else None
    cases = list(client.cases(project_id, state="accepted", label_id=label_id))
    done, without = [], []
    with progress_bar("Writing") as show:
        for n, case in enumerate(cases):
            try:
                job = client.wait(_export(client, case, format))
            except ServerRefused as refusal:
                if refusal.code != "nothing_to_export":
                    raise
                without.append(case["name"])
            else:
                path = client.download(job["id"], out / _folder(case, cases))
                done.append({"case_id": case["id"], "case": case["name"], "path": str(path)})
            show(n + 1, len(cases))
    aside = [f"without masks: {', '.join(without)}"] if without else []
    return Told({"exported": done, "without_masks": without}, [[one["path"]] for one in done], aside)


@asks
def export(
    client: Client,
    case: CaseId,
    format: Format = "nifti",
    of: Annotated[
        str | None,
        typer.Option(help="Masks of this reader (e-mail address) or program; `accepted`: what was accepted."),
    ] = None,
    out: OutFolder = Path("."),
) -> Told:
    """Download masks of a case: what was accepted, else of who the case is assigned to, else your own."""
    if of == "accepted":
        job = _export(client, client.case(case), format)
    else:
        job = client.start_export(case, format, annotator_id=client.find_reader(case, of) if of else None)
    done = waited(client, job, "Writing")
    return fetched("Downloading", lambda on_bytes: client.download(done["id"], out, on_bytes=on_bytes))


def _export(client: Client, case: dict[str, Any], format: str) -> dict[str, Any]:
    """The job that writes the masks with which a case was accepted. Raises NotAccepted."""
    if case["result_by"] is None:
        raise NotAccepted(f"{case['name']} is {case['state']}.", hint="--of names whose masks you want, too.")
    return client.start_export(case["id"], format, annotator_id=case["result_by"]["id"])


def _folder(case: dict[str, Any], cases: list[dict[str, Any]]) -> str:
    """Named as the case is; with the end of its id where others are called the same."""
    name = re.sub(r"[^\w .()+-]", "_", case["name"]).strip(". ") or "case"
    return name if sum(other["name"] == case["name"] for other in cases) == 1 else f"{name} {case['id'][-6:]}"
