"""Who asks over DICOMweb, and which project they mean."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request
from starlette.concurrency import run_in_threadpool

from backend.api.deps import ServicesDep, current_user, origin_of, token_user
from backend.errors import Malformed
from backend.imaging.dicom.attributes import is_uid
from backend.services.access import Principal, ProjectNotFound
from backend.services.accounts import NotSignedIn

ROOT = "/dicom-web"


class MalformedUid(Malformed):
    """A UID in the address is no UID. Raised by api.dicomweb."""

    code = "malformed_uid"
    title = "This is no UID"


async def dicom_user(request: Request, s: ServicesDep) -> Principal:
    """As everywhere, and by HTTP Basic with a personal token as the password and any user name: many archives know
    nothing else."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return await run_in_threadpool(current_user, request, s)
    try:
        _, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotSignedIn("The Authorization header cannot be read.") from error
    return await run_in_threadpool(token_user, request, s, token)


DicomUser = Annotated[Principal, Depends(dicom_user)]


async def project(request: Request, who: DicomUser, s: ServicesDep) -> UUID:
    """The project in the address, else the one that is meant without. Raises ProjectNotFound, ProjectNotChosen."""
    named = request.path_params.get("project_id")
    if named is None:
        return await run_in_threadpool(s.dicom_projects.meant_by, who)
    try:
        return UUID(named)
    except ValueError as error:
        raise ProjectNotFound("This project does not exist or you are not a member of it.") from error


ProjectId = Annotated[UUID, Depends(project)]


def _uid(value: str) -> str:
    if not is_uid(value):
        raise MalformedUid("A UID has at most 64 characters, digits with dots between them.")
    return value


def _study(study: Annotated[str, Path(description="Study Instance UID")]) -> str:
    return _uid(study)


def _series(series: Annotated[str, Path(description="Series Instance UID")]) -> str:
    return _uid(series)


def _instance(instance: Annotated[str, Path(description="SOP Instance UID")]) -> str:
    return _uid(instance)


StudyUid = Annotated[str, Depends(_study)]
SeriesUid = Annotated[str, Depends(_series)]
InstanceUid = Annotated[str, Depends(_instance)]


def base_url(request: Request, s: ServicesDep) -> str:
    """The address that DICOMweb was reached at, as it stands before `/studies`."""
    scope = request.path_params.get("project_id")
    root = origin_of(request) + ROOT
    return f"{root}/projects/{scope}" if scope else root


BaseUrl = Annotated[str, Depends(base_url)]
