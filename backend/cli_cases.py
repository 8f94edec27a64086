"""`sammed cases`: finding, assigning, changing and commenting on the cases of a project of a running server."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from backend.cli_base import AsJson, DataDir, ProjectName, Url, connected, print_json, print_rows

cases_app = typer.Typer(no_args_is_help=True, help="Cases of a project of a running server.")

State = Annotated[str | None, typer.Option(help="Only cases in this state, such as `submitted`.")]
Assignee = Annotated[
    str | None, typer.Option(help="Only cases of this person (e-mail), of `nobody`, or of people who have `left`.")
]
Chosen = Annotated[list[str] | None, typer.Option(help="Id of a case; repeatable. Without: all that match.")]
PRIORITIES = {"high": 1, "normal": 0, "low": -1}


@cases_app.command("list")
def cases_list(
    project: ProjectName,
    state: State = None,
    assignee: Assignee = None,
    search: Annotated[str | None, typer.Option(help="Only cases whose names hold this.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only open cases whose due date is past.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the cases of a project, the newest first."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        whose = _assignee(client, target, assignee)
        found = list(client.cases(target["id"], state=state, assignee=whose, search=search, overdue=overdue))
    if as_json:
        return print_json(found)
    print_rows([[c["id"], c["name"], c["state"], c["assignee"]["email"] if c["assignee"] else None] for c in found])


@cases_app.command("assign")
def cases_assign(
    project: ProjectName,
    to: Annotated[list[str], typer.Option(help="E-mail address; with several, cases are dealt out evenly.")],
    readers: Annotated[int, typer.Option(min=1, help="So many of them read each case; from 2 on blind.")] = 1,
    case: Chosen = None,
    state: State = None,
    assignee: Assignee = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Assign cases: those named, or all that match."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        people = [client.member_id(target["id"], email) for email in to]
        chosen = _chosen(client, target, case, state, assignee)
        _said(client.change_cases(target["id"], **chosen, assign_to=people, readers=readers), as_json=as_json)


@cases_app.command("change")
def cases_change(
    project: ProjectName,
    priority: Annotated[str | None, typer.Option(help="high, normal or low.")] = None,
    due: Annotated[str | None, typer.Option(help="Due date as YYYY-MM-DD, or `none`.")] = None,
    gold: Annotated[bool | None, typer.Option("--gold/--no-gold", help="What readers are tested against.")] = None,
    test: Annotated[list[str] | None, typer.Option(help="Hide gold cases in this person's queue; repeatable.")] = None,
    unassign: Annotated[bool, typer.Option("--unassign", help="Take them from whoever has them.")] = False,
    case: Chosen = None,
    state: State = None,
    assignee: Assignee = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Change priority, due date or what is gold: of the cases named, or of all that match."""
    if priority is not None and priority not in PRIORITIES:
        raise typer.BadParameter(f"'{priority}' is not high, normal or low.", param_hint="--priority")
    change: dict[str, Any] = {"clear_due": True} if due == "none" else {"due_on": due} if due else {}
    change |= {} if priority is None else {"priority": PRIORITIES[priority]}
    change |= {} if gold is None else {"gold": gold}
    change |= {"assign_to": []} if unassign else {}
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        if test:
            change["test"] = [client.member_id(target["id"], email) for email in test]
        chosen = _chosen(client, target, case, state, assignee)
        _said(client.change_cases(target["id"], **chosen, **change), as_json=as_json)


@cases_app.command("comments")
def cases_comments(
    case: Annotated[str, typer.Argument(help="Id of the case.")],
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List what was said about a case."""
    with connected(url, data_dir) as client:
        found = client.comments(case)
    if as_json:
        return print_json(found)
    for thread in found:
        where = "case" if thread["slice"] is None else f"slice {thread['slice'] + 1}"
        mark = "done" if thread["resolved_at"] else ""
        for said in [thread["first"], *thread["answers"]]:
            print_rows([[said["id"], where, said["author"]["name"], said["body"], mark]])


@cases_app.command("comment")
def cases_comment(
    case: Annotated[str, typer.Argument(help="Id of the case.")],
    body: Annotated[str, typer.Argument(help="What is to be said.")],
    slice_: Annotated[int | None, typer.Option("--slice", min=1, help="Pin it to this slice, from 1.")] = None,
    label: Annotated[str | None, typer.Option(help="Pin it to this label.")] = None,
    send_back: Annotated[bool, typer.Option("--send-back", help="Return the case to its annotator, too.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Say something about a case, pinned to a slice and a label."""
    with connected(url, data_dir) as client:
        found = client.case(case)
        pin: dict[str, Any] = {}
        if slice_ is not None:
            pin = {"volume_id": found["volumes"][0]["id"], "slice": slice_ - 1}
        if label is not None:
            pin["label_id"] = client.label_id(found["project_id"], label)
        made = client.comment(case, body, **pin)
        if send_back:
            client.change_case(case, state="returned")
    print_json(made) if as_json else print(made["first"]["id"])


@cases_app.command("state")
def cases_state(
    project: ProjectName,
    new_state: Annotated[str, typer.Argument(help="assigned, in_progress, submitted, accepted, returned or new.")],
    case: Chosen = None,
    state: State = None,
    assignee: Assignee = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Move cases on: those named, or all that match."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        chosen = _chosen(client, target, case, state, assignee)
        _said(client.change_cases(target["id"], **chosen, state=new_state), as_json=as_json)


def _assignee(client: Any, project: dict[str, Any], assignee: str | None) -> str | None:
    return assignee if assignee in (None, "nobody", "left") else client.member_id(project["id"], assignee)


def _chosen(
    client: Any, project: dict[str, Any], cases: list[str] | None, state: str | None, assignee: str | None
) -> dict[str, Any]:
    if cases:
        return {"cases": cases}
    return {"filter": {"state": state, "assignee": _assignee(client, project, assignee)}}


def _said(changed: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(changed)
    else:
        print(f"{changed['changed']} changed")
        for refused in changed["refused"]:
            print(f"unchanged: {refused['name']}: {refused['detail']}", file=sys.stderr)
    if changed["refused"] and not changed["changed"]:
        raise typer.Exit(1)
