"""What a manager does, on the command line: `sammed project`, `sammed people`, `export`. Cases are in `cli_cases.py`.

All of it goes over the HTTP interface with a token, to a server on this machine or elsewhere (`backend/client.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli_base import AsJson, DataDir, ProjectName, Url, connected, print_json, print_rows, progress_bar, waited
from backend.domain.privacy import Privacy
from backend.domain.workflow import Role

project_app = typer.Typer(no_args_is_help=True, help="Projects of a running server.")
people_app = typer.Typer(no_args_is_help=True, help="People who may use a running server.")

OutFolder = Annotated[Path, typer.Option(help="Folder for what is downloaded.")]


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


@project_app.command("change")
def project_change(
    project: ProjectName,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    own_cases: Annotated[
        bool | None, typer.Option("--own-cases/--all-cases", help="What annotators see: what is theirs, or all.")
    ] = None,
    exclusive: Annotated[
        bool | None, typer.Option("--exclusive/--overlapping", help="Whether labels exclude each other.")
    ] = None,
    archived: Annotated[bool | None, typer.Option("--archive/--unarchive", help="Put away, or take out again.")] = None,
    privacy: Annotated[Privacy | None, typer.Option(help="How images are de-identified from now on.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Change a project; what is not named stays."""
    given: dict[str, Any] = {
        "name": name,
        "description": description,
        "own_cases_only": own_cases,
        "exclusive_labels": exclusive,
        "archived": archived,
        "privacy": privacy,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    with connected(url, data_dir) as client:
        made = client.change_project(client.find_project(project)["id"], **changes)
    print_json(made) if as_json else print(f"{made['name']} is changed")


@project_app.command("members")
def project_members(project: ProjectName, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List who is in a project, and their roles."""
    with connected(url, data_dir) as client:
        found = client.members(client.find_project(project)["id"])
    if as_json:
        return print_json(found)
    print_rows([[member["user"]["email"], member["user"]["name"], member["role"]] for member in found])


@project_app.command("role")
def project_role(
    project: ProjectName,
    email: Annotated[str, typer.Argument(help="Who.")],
    role: Annotated[str, typer.Argument(help="manager, reviewer, annotator or viewer; `none` removes them.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Give somebody who has an account a role in a project, or remove them."""
    if role not in {*Role, "none"}:
        raise typer.BadParameter(f"'{role}' is no role.", param_hint="ROLE")
    with connected(url, data_dir) as client:
        client.set_member(client.find_project(project)["id"], email, None if role == "none" else role)
    print(f"{email} is no member any more" if role == "none" else f"{email} is {role}")


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
