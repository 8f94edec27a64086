"""What a manager does, on the command line: `sammed project`, `sammed people`, `sammed cases`, `export`.

All of it goes over the HTTP interface with a token, to a server on this machine or elsewhere (`backend/client.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli_base import AsJson, DataDir, ProjectName, Url, connected, print_json, print_rows, progress_bar, waited
from backend.domain.privacy import Privacy

project_app = typer.Typer(no_args_is_help=True, help="Projects of a running server.")
people_app = typer.Typer(no_args_is_help=True, help="People who may use a running server.")
cases_app = typer.Typer(no_args_is_help=True, help="Cases of a project of a running server.")

OutFolder = Annotated[Path, typer.Option(help="Folder for what is downloaded.")]
State = Annotated[str | None, typer.Option(help="Only cases in this state, such as `submitted`.")]
Assignee = Annotated[str | None, typer.Option(help="Only cases of this person (e-mail), or of `nobody`.")]


# -- projects ---------------------------------------------------------------------------------------------------------
@project_app.command("list")
def project_list(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the projects."""
    with connected(url, data_dir) as client:
        found = list(client.projects())
    if as_json:
        return print_json(found)
    print_rows([[p["id"], p["name"], f"{p['counts']['cases']} cases", p["role"]] for p in found])


@project_app.command("create")
def project_create(
    name: Annotated[str, typer.Argument(help="Name of the new project.")],
    description: Annotated[str, typer.Option(help="What it is about.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="A label as NAME or NAME=#rrggbb; repeatable.")] = None,
    privacy: Annotated[Privacy, typer.Option(help="How images are de-identified.")] = Privacy.RETAIN_UIDS,
    voxels_only: Annotated[bool, typer.Option("--voxels-only", help="Keep no original files of images.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Make a project with its labels and print its id."""
    labels = [_label(text, n) for n, text in enumerate(label or [])]
    with connected(url, data_dir) as client:
        made = client.create_project(
            name, description=description, labels=labels, privacy=privacy, keep_originals=not voxels_only
        )
    print_json(made) if as_json else print(made["id"])


@project_app.command("export")
def project_export(
    project: ProjectName,
    out: OutFolder = Path("."),
    images: Annotated[bool, typer.Option(help="With voxels and original files.")] = True,
    masks: Annotated[bool, typer.Option(help="With masks as NIfTI and DICOM SEG.")] = True,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Download a whole project as one archive and print its path."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        job = waited(client, client.export_project(target["id"], images=images, masks=masks), "Packing")
        with progress_bar("Downloading") as show:
            path = client.download(job["id"], out, on_bytes=lambda done, of: show(done / of if of else 0, ""))
    print_json({"path": str(path), "size_bytes": path.stat().st_size}) if as_json else print(path)


@project_app.command("import")
def project_import(
    archive: Annotated[Path, typer.Argument(help="What `sammed project export` made.")],
    name: Annotated[str | None, typer.Option(help="Import it under this name, also beside the one it was.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Bring in a whole project and print its id."""
    with connected(url, data_dir) as client:
        with progress_bar("Sending") as show:
            job = client.import_project(archive, name=name, on_bytes=lambda done, of: show(done / of if of else 0, ""))
        result = waited(client, job, "Bringing in")["result"]
    if as_json:
        return print_json(result)
    print(result["project_id"])
    if result["people_kept"]:
        print(f"{result['people_kept']} people have no account here and are names only", file=sys.stderr)


# -- people -----------------------------------------------------------------------------------------------------------
@people_app.command("list")
def people_list(
    search: Annotated[str | None, typer.Option(help="Part of a name or an e-mail address.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the accounts. For administrators."""
    with connected(url, data_dir) as client:
        found = list(client.people(search))
    if as_json:
        return print_json(found)
    rows = []
    for person in found:
        marks = {"administrator": person["is_admin"], "invited": person["invited"], "deactivated": not person["active"]}
        said = ", ".join(mark for mark, on in marks.items() if on)
        rows.append([person["email"], person["name"], f"{person['open_cases']} open cases", said])
    print_rows(rows)


@people_app.command("invite")
def people_invite(
    email: str,
    name: Annotated[str, typer.Option(help="Name that others see; by default the first part of the address.")] = "",
    project: Annotated[str | None, typer.Option(help="Make them a member of this project.")] = None,
    role: Annotated[str, typer.Option(help="Their role there: manager, reviewer, annotator, viewer.")] = "annotator",
    admin: Annotated[bool, typer.Option("--admin", help="May manage the whole installation.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Print a first sign-in address for somebody new; somebody known becomes a member of the project."""
    with connected(url, data_dir) as client:
        target = client.find_project(project) if project else None
        known = next((p for p in client.people(email) if p["email"] == email.strip().lower()), None)
        if known is not None and target is not None:
            client.set_member(target["id"], email, role)
            return print_json(known) if as_json else print(f"{email} has an account and is a member now")
        made = client.invite_person(email, name or email.partition("@")[0], is_admin=admin)
        if target is not None:
            client.set_member(target["id"], email, role)
        options = client.sign_in_options()
        link = f"{client.url}/login?token={made['token']}"
    if not options["passwords"] and not admin:
        link = f"{client.url}/"
    said = f"sign in (works once): {link}" if "token=" in link else f"sign in with {options['oidc']['name']}: {link}"
    print_json({"person": made["person"], "link": link}) if as_json else print(said)


@people_app.command("deactivate")
def people_deactivate(email: str, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """Sign somebody out everywhere and keep them out. What they did stays."""
    _activate(email, active=False, as_json=as_json, url=url, data_dir=data_dir)


@people_app.command("activate")
def people_activate(email: str, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """Let somebody in again who was deactivated."""
    _activate(email, active=True, as_json=as_json, url=url, data_dir=data_dir)


def _activate(email: str, *, active: bool, as_json: bool, url: str | None, data_dir: Path | None) -> None:
    with connected(url, data_dir) as client:
        person = client.change_person(client.find_person(email)["id"], active=active)
    print_json(person) if as_json else print(f"{email} is {'active' if active else 'deactivated'}")


# -- cases ------------------------------------------------------------------------------------------------------------
@cases_app.command("list")
def cases_list(
    project: ProjectName,
    state: State = None,
    assignee: Assignee = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """List the cases of a project, the newest first."""
    with connected(url, data_dir) as client:
        target = client.find_project(project)
        found = list(client.cases(target["id"], state=state, assignee=_assignee(client, target, assignee)))
    if as_json:
        return print_json(found)
    print_rows([[c["id"], c["name"], c["state"], c["assignee"]["email"] if c["assignee"] else None] for c in found])


@cases_app.command("assign")
def cases_assign(
    project: ProjectName,
    to: Annotated[list[str], typer.Option(help="E-mail address; with several, cases are dealt out evenly.")],
    case: Annotated[list[str] | None, typer.Option(help="Id of a case; repeatable. Without: all that match.")] = None,
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
        _said(client.change_cases(target["id"], **chosen, assign_to=people), as_json=as_json)


@cases_app.command("state")
def cases_state(
    project: ProjectName,
    new_state: Annotated[str, typer.Argument(help="assigned, in_progress, submitted, accepted, returned or new.")],
    case: Annotated[list[str] | None, typer.Option(help="Id of a case; repeatable. Without: all that match.")] = None,
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


# -- masks out ---------------------------------------------------------------------------------------------------------
def export(
    case: Annotated[str, typer.Argument(help="Id of the case, as in the address of its page.")],
    format: Annotated[
        str, typer.Option(help="nifti, nrrd, dicom-seg, dicom-seg-labelmap, rtstruct, png or coco.")
    ] = "nifti",
    out: OutFolder = Path("."),
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Download the masks of a case."""
    with connected(url, data_dir) as client:
        path = client.export(case, format, out)
    print_json({"path": str(path)}) if as_json else print(path)


def _label(text: str, n: int) -> dict[str, str]:
    name, _, color = text.partition("=")
    return {"name": name, "color": color or _COLORS[n % len(_COLORS)]}


# the first of the page's palette (frontend/src/panels/palette.ts), told apart by the colour-blind too
_COLORS = ("#e19669", "#694bff", "#78ffff", "#c32d78", "#f0f000", "#96a5f0", "#a57800", "#f04ba5")


def _assignee(client: Any, project: dict[str, Any], assignee: str | None) -> str | None:
    return assignee if assignee in (None, "nobody") else client.member_id(project["id"], assignee)


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
