"""`sammed cases`: finding, assigning, changing and deciding about the cases of a project of a running server."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import CaseId, ProjectName, Told, asks, group, id_of
from backend.cli.base import EXIT_PROBLEM
from backend.domain.workflow import CaseState

if TYPE_CHECKING:
    from backend.client import Client

cases_app = group("Cases of a project of a running server.")


@dataclass(frozen=True)
class Which:
    """Options that choose cases: those named, or all that match."""

    case: Annotated[list[str] | None, typer.Option(help="Id of a case; repeatable. Without: all that match.")] = None
    state: Annotated[CaseState | None, typer.Option(help="Only cases in this state.")] = None
    assignee: Annotated[
        str | None, typer.Option(help="Only cases of this person (e-mail), of `nobody`, or of people who have `left`.")
    ] = None
    search: Annotated[str | None, typer.Option(help="Only cases whose names hold this.")] = None
    label: Annotated[str | None, typer.Option(help="Only cases where somebody drew this label.")] = None
    overdue: Annotated[bool, typer.Option("--overdue", help="Only open cases whose due date is past.")] = False
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many of them, the newest first.")] = None

    def filter(self, client: Client, project_id: str) -> dict[str, Any]:
        """What matches, as the server takes it."""
        person = self.assignee not in (None, "nobody", "left")
        return {
            "state": self.state,
            "assignee": client.member_id(project_id, str(self.assignee)) if person else self.assignee,
            "search": self.search,
            "label_id": client.label_id(project_id, self.label) if self.label else None,
            "overdue": self.overdue,
        }

    def found(self, client: Client, project_id: str) -> list[dict[str, Any]]:
        named = set(self.case or ())
        matching = (
            c for c in client.cases(project_id, **self.filter(client, project_id)) if not named or c["id"] in named
        )
        return list(itertools.islice(matching, self.limit))

    def chosen(self, client: Client, project_id: str) -> dict[str, Any]:
        """Which cases to change, as the server takes it."""
        if self.case:
            return {"cases": self.case}
        if self.limit is not None:
            return {"cases": [case["id"] for case in self.found(client, project_id)]}
        return {"filter": self.filter(client, project_id)}


PRIORITIES = {"high": 1, "normal": 0, "low": -1}


@cases_app.command("list")
@asks
def cases_list(client: Client, project: ProjectName, which: Which) -> Told:
    """List the cases of a project, the newest first."""
    found = which.found(client, id_of(client, project))
    return Told(found, [[case["id"], case["name"], case["state"], _whose(case)] for case in found])


@cases_app.command("show")
@asks
def cases_show(client: Client, case: CaseId) -> Told:
    """Tell about one case: who has it, its images, and the time that it took."""
    found = client.case(case)
    effort = client.effort(case)
    rows = [["id", found["id"]], ["name", found["name"]], ["state", found["state"]], ["whose", _whose(found)]]
    named = {priority: name for name, priority in PRIORITIES.items()}
    rows += [["priority", named.get(found["priority"], found["priority"])], ["due", found["due_on"]]]
    rows += [["gold", "yes"]] if found["gold"] else []
    rows += [["accepted masks of", found["result_by"]["name"]]] if found["result_by"] else []
    rows += [["annotated slices", found["annotated_slices"]], ["seconds", f"{effort['seconds']:.0f}"]]
    for volume in found["volumes"]:
        size = " x ".join(str(n) for n in volume["shape_kji"])
        rows.append(["volume", volume["id"], volume["name"], volume["modality"], size, volume["text_risk"]])
    return Told({**found, "effort": effort}, rows)


@cases_app.command("mine")
@asks
def cases_mine(client: Client) -> Told:
    """List one's own queue in all projects, the most urgent first."""
    found = list(client.work())
    return Told(
        found, [[one["case"]["id"], one["project_name"], one["case"]["name"], one["case"]["state"]] for one in found]
    )


@cases_app.command("assign")
@asks
def cases_assign(
    client: Client,
    project: ProjectName,
    which: Which,
    to: Annotated[list[str], typer.Option(help="E-mail address; with several, cases are dealt out evenly.")],
    readers: Annotated[int, typer.Option(min=1, help="So many of them read each case; from 2 on blind.")] = 1,
) -> Told:
    """Assign cases: those named, or all that match."""
    project_id = id_of(client, project)
    people = [client.member_id(project_id, email) for email in to]
    return _said(client.change_cases(project_id, **which.chosen(client, project_id), assign_to=people, readers=readers))


@cases_app.command("change")
@asks
def cases_change(
    client: Client,
    project: ProjectName,
    which: Which,
    priority: Annotated[str | None, typer.Option(help="high, normal or low.")] = None,
    due: Annotated[str | None, typer.Option(help="Due date as YYYY-MM-DD, or `none`.")] = None,
    gold: Annotated[bool | None, typer.Option("--gold/--no-gold", help="What readers are tested against.")] = None,
    text_checked: Annotated[
        bool | None,
        typer.Option("--text-checked/--text-unchecked", help="Somebody looked: the pixels show no text of a patient."),
    ] = None,
    test: Annotated[list[str] | None, typer.Option(help="Hide gold cases in this person's queue; repeatable.")] = None,
    unassign: Annotated[bool, typer.Option("--unassign", help="Take them from whoever has them.")] = False,
) -> Told:
    """Change priority, due date, what is gold or was looked through for text: of cases named, or of all that match."""
    if priority is not None and priority not in PRIORITIES:
        raise typer.BadParameter(f"'{priority}' is not high, normal or low.", param_hint="--priority")
    change: dict[str, Any] = {"clear_due": True} if due == "none" else {"due_on": due} if due else {}
    change |= {} if priority is None else {"priority": PRIORITIES[priority]}
    change |= {} if gold is None else {"gold": gold}
    change |= {} if text_checked is None else {"text_checked": text_checked}
    change |= {"assign_to": []} if unassign else {}
    project_id = id_of(client, project)
    if test:
        change["test"] = [client.member_id(project_id, email) for email in test]
    return _said(client.change_cases(project_id, **which.chosen(client, project_id), **change))


@cases_app.command("rename")
@asks
def cases_rename(client: Client, case: CaseId, name: Annotated[str, typer.Argument(help="Its new name.")]) -> Told:
    """Give a case another name."""
    made = client.change_case(case, name=name)
    return Told(made, f"{made['name']} is renamed")


@cases_app.command("state")
@asks
def cases_state(
    client: Client,
    project: ProjectName,
    which: Which,
    new_state: Annotated[CaseState, typer.Argument(help="The state that they get.")],
) -> Told:
    """Move cases on: those named, or all that match."""
    project_id = id_of(client, project)
    return _said(client.change_cases(project_id, **which.chosen(client, project_id), state=new_state))


def _whose(case: dict[str, Any]) -> str | None:
    """Who has it; of a case that is read blind, its readers."""
    if case["readings"]:
        return ", ".join(f"{one['reader']['email']} {one['state']}" for one in case["readings"])
    return case["assignee"]["email"] if case["assignee"] else None


def _said(changed: dict[str, Any]) -> Told:
    """Each reason once, with the cases that it holds back."""
    by_reason: dict[str, list[str]] = {}
    for refused in changed["refused"]:
        by_reason.setdefault(refused["detail"], []).append(refused["name"])
    aside = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        aside.append(f"unchanged: {', '.join(names[:3])}{more}: {reason}")
    code = EXIT_PROBLEM if changed["refused"] and not changed["changed"] else 0
    return Told(changed, f"{changed['changed']} changed", aside, code)
