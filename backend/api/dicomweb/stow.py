"""STOW-RS: DICOM objects in, an outcome for each of them out (PS3.18 10.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool

from backend.api.deps import ServicesDep
from backend.api.dicomweb.accept import DICOM_JSON, DICOM_XML, accepted
from backend.api.dicomweb.project import BaseUrl, DicomUser, ProjectId, StudyUid
from backend.api.dicomweb.xml import as_xml
from backend.api.multipart import feed
from backend.errors import Malformed, UnsupportedMedia
from backend.imaging.dicom.attributes import ObjectInfo
from backend.multipart import PartReceiver
from backend.services.access import Principal
from backend.services.dicom_reception import Reception, Refused
from backend.services.dicom_store import StoreReport

router = APIRouter()

DICOM = "application/dicom"

COERCED = 0xB000
"""Warning Reason (0008,1196): attributes of a stored object were replaced (PS3.18 I.2.2)."""

_BODY: dict[str, Any] = {
    "required": True,
    "content": {f'multipart/related; type="{DICOM}"': {"schema": {"type": "string", "format": "binary"}}},
}


class NotDicomParts(UnsupportedMedia):
    """The body of a store request is neither application/dicom nor made of such parts. Raised by api.dicomweb."""

    code = "not_dicom_parts"
    title = "This kind of body cannot be stored"


class EmptyStore(Malformed):
    """A store request without an object. Raised by api.dicomweb."""

    code = "empty_store"
    title = "There is nothing to store"


class _Body(Protocol):
    def feed(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class _WholeBody:
    """A body that is one DICOM object."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        reception.start()

    def feed(self, data: bytes) -> None:
        self._reception.write(data)

    def close(self) -> None:
        self._reception.end()


@router.post("/studies", operation_id="store_instances", openapi_extra={"requestBody": _BODY})
async def store(request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep) -> Response:
    """Store instances of any studies. Answers with what became of each: 200 when all are stored as they came, 202 when
    some are, or all with attributes replaced by the project's policy (warning B000), 409 when none is."""
    return await _store(request, who, project_id, base, s, None)


@router.post("/studies/{study}", operation_id="store_instances_of_study", openapi_extra={"requestBody": _BODY})
async def store_in_study(
    study: StudyUid, request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep
) -> Response:
    """Store instances of one study; those of others are refused."""
    return await _store(request, who, project_id, base, s, study)


async def _store(
    request: Request, who: Principal, project_id: UUID, base: str, s: ServicesDep, study: str | None
) -> Response:
    media_type = accepted(request, (DICOM_JSON, DICOM_XML, "application/json"))
    reception = await run_in_threadpool(s.dicom_store.begin, who, project_id, study)
    try:
        body = _body(request.headers.get("Content-Type", ""), reception)
        await feed(request, body.feed)
        await run_in_threadpool(body.close)
        if not reception.count:
            raise EmptyStore("The request holds no DICOM object.")
        report = await run_in_threadpool(s.dicom_store.keep, who, project_id, reception)
    except BaseException:  # whoever goes away in the middle leaves nothing behind either
        await run_in_threadpool(reception.discard)
        raise
    status = 409 if not report.stored else 202 if report.refused or report.are_coerced else 200
    answer = _answer(report, base)
    if media_type == DICOM_XML:
        return Response(as_xml(answer), status_code=status, media_type=DICOM_XML)
    return JSONResponse(answer, status_code=status, media_type=media_type)


def _body(content_type: str, reception: Reception) -> _Body:
    kind, options = parse_options_header(content_type)
    if kind == DICOM.encode():
        return _WholeBody(reception)
    boundary = options.get(b"boundary")
    if kind != b"multipart/related" or options.get(b"type", DICOM.encode()).lower() != DICOM.encode():
        raise NotDicomParts(
            "The body is not multipart/related with parts of type application/dicom.",
            hint="Metadata with separate bulk data is not taken; send whole DICOM files.",
        )
    if not boundary:
        raise NotDicomParts("The Content-Type names no boundary.")
    return PartReceiver(boundary, reception, _is_dicom)


def _is_dicom(headers: Mapping[str, bytes]) -> str | None:
    kind, _ = parse_options_header(headers.get("content-type", DICOM.encode()))
    if kind != DICOM.encode():
        raise NotDicomParts("A part is not of type application/dicom.")
    return ""


def _answer(report: StoreReport, base: str) -> dict[str, Any]:
    """The store instances response module (PS3.18 I.2), tag -> element in the JSON model."""
    made: dict[str, Any] = {}
    studies = sorted({info.study_uid for info in report.kept_as})
    if len(studies) == 1:
        made["00081190"] = {"vr": "UR", "Value": [f"{base}/studies/{studies[0]}"]}
    failed = [{**_reference(refused.info), **_reason(refused)} for refused in report.refused if refused.info]
    if failed:
        made["00081198"] = {"vr": "SQ", "Value": failed}
    if report.stored:
        warning = {"00081196": {"vr": "US", "Value": [COERCED]}} if report.are_coerced else {}
        items = [
            {**_reference(sent), **_address(kept, base), **warning}
            for sent, kept in zip(report.stored, report.kept_as, strict=True)
        ]
        made["00081199"] = {"vr": "SQ", "Value": items}
    unknown = [_reason(refused) for refused in report.refused if not refused.info]
    if unknown:
        made["0008119A"] = {"vr": "SQ", "Value": unknown}
    return made


def _reference(info: ObjectInfo) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [info.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [info.sop_instance_uid]},
    }


def _address(info: ObjectInfo, base: str) -> dict[str, Any]:
    url = f"{base}/studies/{info.study_uid}/series/{info.series_uid}/instances/{info.sop_instance_uid}"
    return {"00081190": {"vr": "UR", "Value": [url]}}


def _reason(refused: Refused) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [int(refused.reason)]}}
