"""`sammed privacy`: whom pseudonyms stand for, and text burned into pixels, in a project of a running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.asking import OutFolder, ProjectName, Told, asks, file_told, group, id_of, waited
from backend.domain.jobs import BlankScope

if TYPE_CHECKING:
    from backend.client import Client

privacy_app = group("Pseudonyms, and text in the pixels, of a project of a running server.")

VolumeId = Annotated[str, typer.Argument(help="Id of the volume, as `sammed privacy text` shows it.")]


@privacy_app.command("who")
@asks
def privacy_who(
    client: Client, project: ProjectName, pseudonym: Annotated[str, typer.Argument(help="As images have it.")]
) -> Told:
    """Tell whom a pseudonym stands for. The log says that you asked."""
    found = client.look_up(id_of(client, project), pseudonym)
    return Told(found, [[found["kind"]], *([name, value] for name, value in found["values"].items())])


@privacy_app.command("key")
@asks
def privacy_key(client: Client, project: ProjectName, out: OutFolder = Path(".")) -> Told:
    """Download whom all pseudonyms of a project stand for, as a table. The log says that you did."""
    return file_told(client.pseudonyms_csv(id_of(client, project), out))


@privacy_app.command("text")
@asks
def privacy_text(client: Client, project: ProjectName) -> Told:
    """List the images whose pixels may show text of the patient, and that nobody has looked at."""
    found = [
        {"case_id": case["id"], "case": case["name"], "page": f"{client.url}/cases/{case['id']}/blank", **volume}
        for case in client.cases(id_of(client, project))
        for volume in case["volumes"]
        if volume["text_risk"]
    ]
    return Told(found, [[one["id"], one["case"], one["name"], one["text_risk"], one["page"]] for one in found])


@privacy_app.command("checked")
@asks
def privacy_checked(
    client: Client,
    volume: VolumeId,
    whole_case: Annotated[bool, typer.Option("--whole-case", help="All images of its case.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take that back: the warning stands again.")] = False,
) -> Told:
    """Record that you looked through the images and no text in them says who the patient is."""
    found = client.text_checked(volume, scope="case" if whole_case else "volume", clean=not undo)
    return Told(found, "the warning stands again" if undo else "checked")


@privacy_app.command("blank")
@asks
def privacy_blank(
    client: Client,
    volume: VolumeId,
    box: Annotated[
        list[str], typer.Option(help="LEFT,TOP,RIGHT,BOTTOM in pixels from 0, both ends inside; repeatable.")
    ],
    slice_: Annotated[int, typer.Option("--slice", min=1, help="The slice, from 1, that the boxes were seen on.")] = 1,
    scope: Annotated[
        BlankScope, typer.Option(help="This slice, all slices, or all images of the same size in the case.")
    ] = BlankScope.VOLUME,
) -> Told:
    """Make boxes of images black for good, in the voxels and in the original files. It cannot be undone."""
    job = client.blank(volume, slice_ - 1, [_box(text) for text in box], scope)
    return Told(waited(client, job, "Blanking"), "blanked")


def _box(text: str) -> list[int]:
    try:
        left, top, right, bottom = (int(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not LEFT,TOP,RIGHT,BOTTOM.", param_hint="--box") from error
    return [left, top, right, bottom]
