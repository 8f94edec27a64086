"""`sammed readings`: who reads a case blind, how far they agree, what has changed, and whose masks count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import CaseId, Told, asks, group, waited
from backend.cli.reports import compared
from backend.domain.reading import ConsensusMethod

if TYPE_CHECKING:
    from backend.client import Client

readings_app = group("Readers of a case of a running server, and what they drew.")

Reader = Annotated[str, typer.Argument(help="E-mail address of the reader.")]


@readings_app.command("list")
@asks
def readings_list(client: Client, case: CaseId) -> Told:
    """List who drew on a case or reads it blind, and how far they are."""
    states = {one["reader"]["id"]: one for one in client.readings(case)}
    drawn = {one["person"]["id"]: one for one in client.readers(case)}
    people = {i: one["person"] for i, one in drawn.items()} | {i: one["reader"] for i, one in states.items()}
    rows, found = [], []
    for i, person in people.items():
        is_program = i in drawn and drawn[i]["is_program"]
        state = states[i]["state"] if i in states else None
        slices = drawn[i]["slices"] if i in drawn else 0
        found.append({"reader": person, "is_program": is_program, "slices": slices, "state": state})
        who = person["name"] if is_program else person["email"]
        rows.append([who, "program" if is_program else state or "not blind", f"{slices} slices"])
    return Told(found, rows)


@readings_app.command("return")
@asks
def readings_return(client: Client, case: CaseId, reader: Reader) -> Told:
    """Send one blind reading back to its reader; the others keep theirs."""
    return Told(client.return_reading(case, client.find_reader(case, reader)), f"returned to {reader}")


@readings_app.command("agreement")
@asks
def readings_agreement(client: Client, case: CaseId) -> Told:
    """How far the blind readers of a case agree; what has changed is computed first."""
    return compared(client, lambda: client.case_agreement(case), client.case(case)["project_id"], "pairs")


@readings_app.command("consensus")
@asks
def readings_consensus(
    client: Client,
    case: CaseId,
    method: Annotated[
        ConsensusMethod, typer.Option(help="What most drew; what is most probable; or what one drew.")
    ] = ConsensusMethod.STAPLE,
    reader: Annotated[
        list[str] | None, typer.Option(help="E-mail address or name of a reader; repeatable. All without.")
    ] = None,
    take: Annotated[
        bool, typer.Option("--take", help="Make them your own masks at once, without a look on the page.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="With --take: accept the case with these masks, too.")
    ] = False,
) -> Told:
    """Make one mask out of several readers', as proposals to you, who review the case."""
    if accept and not take:
        raise typer.BadParameter("What is not taken cannot be accepted: add --take.", param_hint="--accept")
    if reader:
        chosen = [client.find_reader(case, name) for name in reader]
    else:
        chosen = [one["reader"]["id"] for one in client.readings(case)]
    job = waited(client, client.make_consensus(case, method, chosen), "Combining")
    found = client.case(case)
    proposed = [proposal for volume in found["volumes"] for proposal in _of(client, volume["id"], job["id"])]
    if not take:
        said = f"{len(proposed)} slices are proposed to you: {client.url}/cases/{case}"
        return Told({"job": job, "proposed": len(proposed)}, said)
    taken = [_taken(client, volume["id"], job["id"]) for volume in found["volumes"]]
    slices = sum(taken)
    if accept:
        client.change_case(case, state="accepted", result_by_id=client.me()["id"])
    said = f"{slices} slices are yours now{', and the case is accepted' if accept else ''}"
    return Told({"job": job, "proposed": len(proposed), "taken": slices, "accepted": accept}, said)


@readings_app.command("accept")
@asks
def readings_accept(client: Client, case: CaseId, reader: Reader) -> Told:
    """Accept a case with the masks of one reader or program."""
    made = client.change_case(case, state="accepted", result_by_id=client.find_reader(case, reader))
    return Told(made, f"{made['name']} is accepted with the masks of {reader}")


@readings_app.command("changes")
@asks
def readings_changes(
    client: Client,
    case: CaseId,
    submitted: Annotated[
        bool, typer.Option("--submitted", help="Since it was submitted the last time, not since it was sent back.")
    ] = False,
) -> Told:
    """List which slices are not what they were when the case was sent back, and by whom."""
    found = client.changes(case, "submitted" if submitted else "previous")
    names = {label["id"]: label["name"] for label in client.labels(client.case(case)["project_id"])}
    rows: list[list[Any]] = []
    for mask in found["items"]:
        for one in mask["slices"]:
            who = ", ".join(author["name"] for author in one["authors"])
            label = names.get(mask["label_id"])
            rows.append([label, f"slice {one['slice'] + 1}", f"+{one['added']} -{one['removed']} voxels", who])
    return Told(found, rows)


def _of(client: Client, volume_id: str, job_id: str) -> list[dict[str, Any]]:
    return [proposal for proposal in client.proposals(volume_id) if proposal["job_id"] == job_id]


def _taken(client: Client, volume_id: str, job_id: str) -> int:
    """Make a job's proposals on a volume the caller's masks; on how many slices."""
    heads = {one["label_id"]: one["head"] for one in client.annotations(volume_id)}
    by_label: dict[str, list[str]] = {}
    for proposal in _of(client, volume_id, job_id):
        by_label.setdefault(proposal["label_id"], []).append(proposal["id"])
    done = 0
    for label_id, ids in by_label.items():
        accepted = client.accept_proposals(volume_id, label_id, ids, heads.get(label_id))
        done += len(accepted["accepted"])
    return done
