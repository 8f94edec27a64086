"""QIDO-RS: search for studies, series and instances (PS3.18 10.6)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from backend.api.deps import ServicesDep
from backend.api.dicomweb.accept import DICOM_JSON, accepted
from backend.api.dicomweb.project import BaseUrl, DicomUser, ProjectId, SeriesUid, StudyUid
from backend.api.dicomweb.query import Asked, parse
from backend.services.access import Principal
from backend.services.dicom_query import Found, Level, Query

router = APIRouter()

_STUDY = "00080005 00080020 00080030 00080050 00080090 00080201 00100010 00100020 00100030 00100040 0020000D 00200010"
_SERIES = "00080005 00080060 00080201 0008103E 0020000E 00200011 00400244 00400245"
_INSTANCE = "00080005 00080016 00080018 00080201 00200013 00280008 00280010 00280011 00280100"
RETURNED: dict[Level, list[str]] = {
    Level.STUDIES: _STUDY.split(),
    Level.SERIES: _SERIES.split(),
    Level.INSTANCES: _INSTANCE.split(),
}
ABOVE: dict[Level, str] = {Level.STUDIES: "", Level.SERIES: "0020000D", Level.INSTANCES: "0020000D 0020000E"}
"""Identifiers of what a match lies in."""

FUZZY_WARNING = '299 sammed "The fuzzymatching parameter is not supported. Only literal matching has been performed."'

_PARAMETERS: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "schema": {"type": kind}, "description": text}
        for name, kind, text in (
            ("limit", "integer", "At most so many matches, 1000 at the most"),
            ("offset", "integer", "Leave out so many matches first"),
            ("includefield", "string", "More attributes by keyword or tag, or `all`"),
            ("fuzzymatching", "boolean", "Not supported: answered with a warning and literal matches"),
        )
    ]
}
_FORM: dict[str, Any] = {"openapi_extra": _PARAMETERS}


@router.get("/studies", operation_id="search_studies", **_FORM)
def search_studies(request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep) -> Response:
    """Every other parameter is an attribute that must match, by keyword or tag: values with `*` and `?`, ranges of
    dates and times, lists of UIDs. `X-Total-Count` tells how many match in all."""
    return _search(request, who, project_id, base, s, Level.STUDIES)


@router.get("/series", operation_id="search_series", **_FORM)
def search_series(request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep) -> Response:
    return _search(request, who, project_id, base, s, Level.SERIES)


@router.get("/studies/{study}/series", operation_id="search_series_of_study", **_FORM)
def search_series_of_study(
    study: StudyUid, request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep
) -> Response:
    return _search(request, who, project_id, base, s, Level.SERIES, study)


@router.get("/instances", operation_id="search_instances", **_FORM)
def search_instances(
    request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep
) -> Response:
    return _search(request, who, project_id, base, s, Level.INSTANCES)


@router.get("/studies/{study}/instances", operation_id="search_instances_of_study", **_FORM)
def search_instances_of_study(
    study: StudyUid, request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep
) -> Response:
    return _search(request, who, project_id, base, s, Level.INSTANCES, study)


@router.get("/studies/{study}/series/{series}/instances", operation_id="search_instances_of_series", **_FORM)
def search_instances_of_series(
    study: StudyUid,
    series: SeriesUid,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    base: BaseUrl,
    s: ServicesDep,
) -> Response:
    return _search(request, who, project_id, base, s, Level.INSTANCES, study, series)


def _search(
    request: Request,
    who: Principal,
    project_id: UUID,
    base: str,
    s: ServicesDep,
    level: Level,
    study: str | None = None,
    series: str | None = None,
) -> Response:
    media_type = accepted(request, (DICOM_JSON, "application/json"))
    asked = parse(request.query_params.multi_items())
    answer = s.dicom_query.search(
        who, project_id, Query(level, study, series, asked.matches, asked.limit, asked.offset)
    )
    headers = {"X-Total-Count": str(answer.total)}
    if asked.fuzzy:
        headers["Warning"] = FUZZY_WARNING
    found = [_match(item, level, asked, base, (study, series)) for item in answer.items]
    return JSONResponse(found, media_type=media_type, headers=headers)


def _match(
    found: Found, level: Level, asked: Asked, base: str, within: tuple[str | None, str | None]
) -> dict[str, Any]:
    row = found.row
    known = {**row.attributes, **found.sums}
    tags = {*RETURNED[level], *ABOVE[level].split(), *found.sums, *asked.fields}
    tags |= {match.tag for match in asked.matches}
    study, series = within  # of the levels that the address does not name, the attributes are told, too
    if level is not Level.STUDIES and study is None:
        tags |= set(RETURNED[Level.STUDIES])
    if level is Level.INSTANCES and series is None:
        tags |= set(RETURNED[Level.SERIES])
    made = known if asked.all_fields else {tag: known[tag] for tag in tags if tag in known}
    url = f"{base}/studies/{row.study_uid}"
    if level is not Level.STUDIES:
        url += f"/series/{row.series_uid}"
    if level is Level.INSTANCES:
        url += f"/instances/{row.sop_instance_uid}"
    made = {**made, "00081190": {"vr": "UR", "Value": [url]}, "00080056": {"vr": "CS", "Value": ["ONLINE"]}}
    return dict(sorted(made.items()))
