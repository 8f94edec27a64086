"""`sammed remote`: studies from other DICOMweb servers, masks to them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import CaseId, ProjectName, Told, asks, group, id_of, waited

if TYPE_CHECKING:
    from backend.client import Client

remote_app = group("Other DICOMweb servers that a running server knows (SAMMED_DICOMWEB_SERVERS).")

ServerName = Annotated[str, typer.Argument(help="Name of the server, as `sammed remote list` shows it.")]


@remote_app.command("list")
@asks
def remote_list(client: Client, project: ProjectName) -> Told:
    """List the servers."""
    found = client.dicom_servers(id_of(client, project))
    return Told(found, [[name] for name in found])


@remote_app.command("search")
@asks
def remote_search(
    client: Client,
    project: ProjectName,
    server: ServerName,
    patient: Annotated[str, typer.Option(help="Name of the patient; may hold * and ?.")] = "",
    patient_id: Annotated[str, typer.Option(help="Id of the patient; may hold * and ?.")] = "",
    modality: Annotated[str, typer.Option(help="Such as CT.")] = "",
    since: Annotated[str, typer.Option(help="From this day on, as YYYY-MM-DD.")] = "",
    until: Annotated[str, typer.Option(help="Up to this day.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200,
) -> Told:
    """List the studies of a server that match."""
    query = {"patient_name": patient, "patient_id": patient_id, "modality": modality}
    days = {"date_from": since.replace("-", ""), "date_to": until.replace("-", "")}
    found = list(itertools.islice(client.search_dicom_server(id_of(client, project), server, **query, **days), limit))
    rows = []
    for study in found:
        who = [study["patient_id"], study["patient_name"]]
        what = ["/".join(study["modalities"]), study["description"], _images(study)]
        rows.append([study["study_uid"], study["date"], *who, *what])
    return Told(found, rows)


@remote_app.command("pull")
@asks
def remote_pull(
    client: Client,
    project: ProjectName,
    server: ServerName,
    study: Annotated[list[str], typer.Argument(help="UIDs of studies, as `sammed remote search` shows them.")],
) -> Told:
    """Fetch studies into a project; each becomes a case."""
    done = waited(client, client.pull(id_of(client, project), server, study), "Fetching")
    return Told(done["result"], "fetched")


@remote_app.command("push")
@asks
def remote_push(
    client: Client,
    case: CaseId,
    server: ServerName,
    of: Annotated[str | None, typer.Option(help="Masks of this reader (e-mail address) or program.")] = None,
) -> Told:
    """Send masks of a case to a server, as DICOM SEG; without --of, those that an export has."""
    job = client.push(case, server, annotator_id=client.find_reader(case, of) if of else None)
    done = waited(client, job, "Sending")
    return Told(done["result"], "sent")


def _images(study: dict[str, Any]) -> str | None:
    return None if study["instances"] is None else f"{study['instances']} images"
