"""`sammed comments`: what is said about a case, pinned to where it is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import CaseId, Told, asks, group
from backend.errors import Rejected

if TYPE_CHECKING:
    from backend.client import Client

comments_app = group("Comments on a case of a running server.")

CommentId = Annotated[str, typer.Argument(help="Id of the comment, as `sammed comments list` shows it.")]
Body = Annotated[str, typer.Argument(help="What is to be said.")]


class NoSuchPlace(Rejected):
    """A comment is to be pinned where the case has nothing."""

    code = "no_such_place"
    title = "The case has no such place"


@comments_app.command("list")
@asks
def comments_list(
    client: Client,
    case: CaseId,
    unresolved: Annotated[bool, typer.Option("--open", help="Only what is not resolved.")] = False,
) -> Told:
    """List what was said about a case, what is open first."""
    found = [thread for thread in client.comments(case) if not (unresolved and thread["resolved_at"])]
    labelled = any(thread["label_id"] for thread in found)
    labels = client.labels(client.case(case)["project_id"]) if labelled else []
    names = {label["id"]: label["name"] for label in labels}
    rows = []
    for thread in found:
        where = "case" if thread["slice"] is None else f"slice {thread['slice'] + 1}"
        where += f", {names[thread['label_id']]}" if thread["label_id"] in names else ""
        mark = "resolved" if thread["resolved_at"] else ""
        rows += [[said["id"], where, said["author"]["name"], said["body"], mark] for said in _said(thread)]
    return Told(found, rows)


@comments_app.command("add")
@asks
def comments_add(
    client: Client,
    case: CaseId,
    body: Body,
    slice_: Annotated[int | None, typer.Option("--slice", min=1, help="Pin it to this slice, from 1.")] = None,
    place: Annotated[
        str | None, typer.Option("--at", help="Pin it to this place of the slice: COLUMN,ROW in pixels from 0.")
    ] = None,
    volume: Annotated[str | None, typer.Option(help="Id of the volume, where the case has several.")] = None,
    label: Annotated[str | None, typer.Option(help="Pin it to this label.")] = None,
    reader: Annotated[
        str | None, typer.Option(help="On a case that is read blind: which reader sees it, by e-mail address.")
    ] = None,
    send_back: Annotated[bool, typer.Option("--send-back", help="Return the case, or the reading, too.")] = False,
) -> Told:
    """Say something about a case, pinned to a slice, a place and a label; print the comment's id."""
    found = client.case(case)
    pin: dict[str, Any] = {}
    if slice_ is not None:
        pin = {"volume_id": _volume(found, slice_, volume), "slice": slice_ - 1}
    if place is not None:
        if slice_ is None:
            raise typer.BadParameter("A place is on a slice: name it with --slice.", param_hint="--at")
        pin["place"] = _place(place)
    if label is not None:
        pin["label_id"] = client.label_id(found["project_id"], label)
    if reader is not None:
        pin["reader_id"] = client.find_reader(case, reader)
    made = client.comment(case, body, **pin)
    if send_back and reader is not None:
        client.return_reading(case, pin["reader_id"])
    elif send_back:
        client.change_case(case, state="returned")
    return Told(made, made["first"]["id"])


@comments_app.command("answer")
@asks
def comments_answer(client: Client, comment: CommentId, body: Body) -> Told:
    """Answer in a thread; a resolved one is open again."""
    made = client.answer(comment, body)
    return Told(made, made["answers"][-1]["id"])


@comments_app.command("resolve")
@asks
def comments_resolve(
    client: Client,
    comment: CommentId,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open it again.")] = False,
) -> Told:
    """Say that a thread is settled."""
    return Told(client.resolve(comment, not reopen), "open again" if reopen else "resolved")


def _said(thread: dict[str, Any]) -> list[dict[str, Any]]:
    return [thread["first"], *thread["answers"]]


def _volume(case: dict[str, Any], slice_: int, chosen: str | None) -> str:
    """The id of the volume that a comment on this slice is about. Raises NoSuchPlace."""
    fits = [v for v in case["volumes"] if chosen in (None, v["id"]) and slice_ <= v["shape_kji"][0]]
    if not fits:
        sizes = ", ".join(f"{v['name']} has {v['shape_kji'][0]} slices" for v in case["volumes"])
        raise NoSuchPlace(f"{case['name']} has no slice {slice_}: {sizes}.", hint="Slices count from 1.")
    if len(fits) > 1:
        ids = ", ".join(f"{v['id']} ({v['name']})" for v in fits)
        raise NoSuchPlace(
            f"{case['name']} has several volumes with a slice {slice_}.", hint=f"--volume is one of {ids}"
        )
    return str(fits[0]["id"])


def _place(text: str) -> dict[str, float]:
    x, _, y = text.partition(",")
    try:
        return {"x": float(x), "y": float(y)}
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not COLUMN,ROW.", param_hint="--at") from error
