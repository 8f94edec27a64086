"""Other DICOMweb servers: what can be pulled from them, and results pushed back. Searches are POST requests, so that no
address ever holds a patient's name."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, field_validator

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Schema
from backend.api.schemas_jobs import Job
from backend.imaging.dicom.attributes import is_uid
from backend.services.dicom_remote import RemoteStudy, StudySearch

router = APIRouter(prefix="/api", tags=["dicomweb"])

_DATE = r"^(\d{8})?$"


class StudySearchIn(Schema):
    """Texts may hold * and ?; what is empty matches all."""

    patient_name: str = Field(default="", max_length=200)
    patient_id: str = Field(default="", max_length=64)
    modality: str = Field(default="", max_length=16)
    date_from: str = Field(default="", pattern=_DATE, description="YYYYMMDD")
    date_to: str = Field(default="", pattern=_DATE, description="YYYYMMDD")
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0)


class RemoteStudyOut(Schema):
    study_uid: str
    patient_name: str
    patient_id: str
    date: str
    description: str
    modalities: list[str]
    series: int | None
    instances: int | None

    @classmethod
    def of(cls, study: RemoteStudy) -> RemoteStudyOut:
        return cls(
            study_uid=study.study_uid,
            patient_name=study.patient_name,
            patient_id=study.patient_id,
            date=study.date,
            description=study.description,
            modalities=list(study.modalities),
            series=study.series,
            instances=study.instances,
        )


class RemoteStudies(Schema):
    items: list[RemoteStudyOut]
    more: bool = Field(description="There are further studies, at a larger offset")


class DicomServers(Schema):
    items: list[str] = Field(description="Names of the configured servers")


class PullIn(Schema):
    study_uids: list[str] = Field(min_length=1, max_length=200)

    @field_validator("study_uids")
    @classmethod
    def _are_uids(cls, uids: list[str]) -> list[str]:
        if not all(map(is_uid, uids)):
            raise ValueError("every study_uid is a UID: digits with dots between them")
        return uids


class PushIn(Schema):
    server: str
    annotator_id: UUID | None = None


@router.get("/projects/{project_id}/dicom-servers", operation_id="list_dicom_servers")
def list_dicom_servers(project_id: UUID, user: CurrentUser, s: ServicesDep) -> DicomServers:
    """The servers to pull studies from and to push masks to, as SAMMED_DICOMWEB_SERVERS names them."""
    return DicomServers(items=s.dicom_remote.names(user, project_id))


@router.post("/projects/{project_id}/dicom-servers/{name}/search", operation_id="search_dicom_server")
def search_dicom_server(
    project_id: UUID, name: str, body: StudySearchIn, user: CurrentUser, s: ServicesDep
) -> RemoteStudies:
    """The studies of a server that match."""
    studies, more = s.dicom_remote.search(user, project_id, name, StudySearch(**body.model_dump()))
    return RemoteStudies(items=[RemoteStudyOut.of(study) for study in studies], more=more)


@router.post("/projects/{project_id}/dicom-servers/{name}/pull", operation_id="pull_from_dicom_server", status_code=202)
def pull_from_dicom_server(project_id: UUID, name: str, body: PullIn, user: CurrentUser, s: ServicesDep) -> Job:
    """Fetch studies into the project; each becomes a case."""
    return Job.of(s.dicom_remote.submit_pull(user, project_id, name, body.study_uids))


@router.post("/cases/{case_id}/push", operation_id="push_to_dicom_server", status_code=202)
def push_to_dicom_server(case_id: UUID, body: PushIn, user: CurrentUser, s: ServicesDep) -> Job:
    """Send somebody's masks of a case to a server, as DICOM SEG; whose, as for an export."""
    return Job.of(s.dicom_remote.submit_push(user, case_id, body.server, body.annotator_id))
