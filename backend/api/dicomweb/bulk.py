"""WADO-RS: long binary values, at the addresses that metadata gives (PS3.18 10.4.1.1.5)."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response

from backend.api.deps import ServicesDep
from backend.api.dicomweb.accept import nothing_acceptable, wanted
from backend.api.dicomweb.frames import OCTETS
from backend.api.dicomweb.parts import Part, multipart
from backend.api.dicomweb.project import BaseUrl, DicomUser, InstanceUid, ProjectId, SeriesUid, StudyUid
from backend.api.dicomweb.wado import address
from backend.imaging.dicom.attributes import read_bulk
from backend.services.dicom_query import DicomNotFound

router = APIRouter()

_PLACE = re.compile(r"([0-9A-Fa-f]{8}\.[0-9]{1,6}\.){0,8}[0-9A-Fa-f]{8}")


@router.get("/studies/{study}/series/{series}/instances/{instance}/bulkdata/{place}", operation_id="retrieve_bulk")
def retrieve_bulk(
    study: StudyUid,
    series: SeriesUid,
    instance: InstanceUid,
    place: str,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    base: BaseUrl,
    s: ServicesDep,
) -> Response:
    """The bytes of one attribute as they are stored."""
    [row] = s.dicom_query.instances(who, project_id, study, series, instance)
    chosen = next((range_ for range_ in wanted(request) if range_.covers(OCTETS)), None)
    if chosen is None:
        raise nothing_acceptable([OCTETS])
    found = None
    if _PLACE.fullmatch(place):
        with s.objects.as_file(f"originals/{row.sha256}") as path:
            found = s.isolation.run(read_bulk, path, place)
    if found is None:
        raise DicomNotFound("The instance has no binary value at this place.")
    if not chosen.is_multipart:
        return Response(found, media_type=OCTETS)
    return multipart(OCTETS, [Part(OCTETS, f"{address(base, row)}/bulkdata/{place}", (found,))])
