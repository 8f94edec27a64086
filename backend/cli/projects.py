"""`sammed project`: making, changing, watching and moving the projects of a running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import OutFolder, ProjectName, Told, asks, fetched, group, id_of, progress_bar, waited
from backend.cli.labels import drafts
from backend.domain.privacy import Privacy
from backend.domain.workflow import Role

if TYPE_CHECKING:
    from backend.client import Client

project_app = group("Projects of a running server.")

Exclusive = Annotated[bool | None, typer.Option("--exclusive/--overlapping", help="Whether labels exclude each other.")]


@project_app.command("list")
@asks
def project_list(
    client: Client,
    archived: Annotated[bool, typer.Option("--archived", help="Those that were put away.")] = False,
) -> Told:
    """List the projects."""
    found = list(client.projects(archived=archived))
    return Told(found, [[p["id"], p["name"], f"{p['counts']['cases']} cases", p["role"]] for p in found])


@project_app.command("show")
@asks
def project_show(client: Client, project: ProjectName) -> Told:
    """Tell how far a project is: its cases by state, and how it is set up."""
    found = client.find_project(project)
    counts = found["counts"]
    rows = [["id", found["id"]], ["name", found["name"]], ["description", found["description"]]]
    rows += [["cases", counts["cases"]], *([f"  {state}", n] for state, n in counts["by_state"].items() if n)]
    rows += [["labels", ", ".join(label["name"] for label in found["labels"])]]
    rows += [["labels may", "exclude each other" if found["exclusive_labels"] else "overlap"]]
    rows += [["annotators see", "their own cases" if found["own_cases_only"] else "all cases"]]
    rows += [["de-identified", found["privacy"]], ["originals", "kept" if found["keep_originals"] else "not kept"]]
    return Told(found, rows + ([["archived", "yes"]] if found["archived"] else []))


@project_app.command("create")
@asks
def project_create(
    client: Client,
    name: Annotated[str, typer.Argument(help="Name of the new project.")],
    description: Annotated[str, typer.Option(help="What it is about.")] = "",
    label: Annotated[
        list[str] | None,
        typer.Option(help="A label: NAME=#rrggbb, or a structure of `sammed labels catalogue`; repeatable."),
    ] = None,
    privacy: Annotated[Privacy, typer.Option(help="How images are de-identified.")] = Privacy.RETAIN_UIDS,
    voxels_only: Annotated[bool, typer.Option("--voxels-only", help="Keep no original files of images.")] = False,
    exclusive: Exclusive = None,
) -> Told:
    """Make a project with its labels and print its id."""
    made = client.create_project(
        name,
        description=description,
        labels=drafts(client, label or []),
        privacy=privacy,
        keep_originals=not voxels_only,
        exclusive_labels=bool(exclusive),
    )
    return Told(made, made["id"])


@project_app.command("change")
@asks
def project_change(
    client: Client,
    project: ProjectName,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    own_cases: Annotated[
        bool | None, typer.Option("--own-cases/--all-cases", help="What annotators see: what is theirs, or all.")
    ] = None,
    exclusive: Exclusive = None,
    archived: Annotated[bool | None, typer.Option("--archive/--unarchive", help="Put away, or take out again.")] = None,
    privacy: Annotated[Privacy | None, typer.Option(help="How images are de-identified from now on.")] = None,
    originals: Annotated[
        bool | None, typer.Option("--originals/--voxels-only", help="Whether original files are kept from now on.")
    ] = None,
) -> Told:
    """Change a project; what is not named stays."""
    given: dict[str, Any] = {
        "name": name,
        "description": description,
        "own_cases_only": own_cases,
        "exclusive_labels": exclusive,
        "archived": archived,
        "privacy": privacy,
        "keep_originals": originals,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    made = client.change_project(id_of(client, project), **changes)
    return Told(made, f"{made['name']} is changed")


@project_app.command("members")
@asks
def project_members(client: Client, project: ProjectName) -> Told:
    """List who is in a project, and their roles."""
    found = client.members(id_of(client, project))
    return Told(found, [[one["user"]["email"], one["user"]["name"], one["role"]] for one in found])


@project_app.command("role")
@asks
def project_role(
    client: Client,
    project: ProjectName,
    email: Annotated[str, typer.Argument(help="Who.")],
    role: Annotated[str, typer.Argument(help=f"{', '.join(Role)}; or `none`, which removes them.")],
) -> Told:
    """Give somebody who has an account a role in a project, or remove them."""
    if role not in {*Role, "none"}:
        raise typer.BadParameter(f"'{role}' is no role.", param_hint="ROLE")
    given = None if role == "none" else role
    client.set_member(id_of(client, project), email, given)
    return Told({"email": email, "role": given}, f"{email} is {role}" if given else f"{email} is no member any more")


@project_app.command("samples")
@asks
def project_samples(client: Client, project: ProjectName) -> Told:
    """Load the sample cases into a project."""
    done = waited(client, client.load_samples(id_of(client, project)), "Making sample cases")
    return Told(done["result"], f"{len(done['result']['cases'])} cases")


@project_app.command("export")
@asks
def project_export(
    client: Client,
    project: ProjectName,
    out: OutFolder = Path("."),
    images: Annotated[bool, typer.Option(help="With voxels and original files.")] = True,
    masks: Annotated[bool, typer.Option(help="With masks as NIfTI and DICOM SEG.")] = True,
) -> Told:
    """Download a whole project as one archive and print its path."""
    job = waited(client, client.export_project(id_of(client, project), images=images, masks=masks), "Packing")
    return fetched("Downloading", lambda on_bytes: client.download(job["id"], out, on_bytes=on_bytes))


@project_app.command("import")
@asks
def project_import(
    client: Client,
    archive: Annotated[Path, typer.Argument(help="What `sammed project export` made.")],
    name: Annotated[str | None, typer.Option(help="Import it under this name, also beside the one it was.")] = None,
) -> Told:
    """Bring in a whole project and print its id."""
    with progress_bar("Sending") as show:
        job = client.import_project(archive, name=name, on_bytes=show)
    result = waited(client, job, "Bringing in")["result"]
    kept = result["people_kept"]
    return Told(
        result, result["project_id"], [f"{kept} people have no account here and are names only"] if kept else ()
    )
