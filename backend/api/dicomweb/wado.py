"""WADO-RS: whole instances and their metadata (PS3.18 10.4)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydicom.uid import UID, ExplicitVRLittleEndian

from backend.api.deps import ServicesDep
from backend.api.dicomweb.accept import ANY_SYNTAX, DICOM_JSON, Wanted, accepted, nothing_acceptable, wanted
from backend.api.dicomweb.parts import Part, multipart
from backend.api.dicomweb.project import BaseUrl, DicomUser, InstanceUid, ProjectId, SeriesUid, StudyUid
from backend.db.tables import DicomInstance
from backend.imaging.dicom.attributes import read_metadata
from backend.imaging.dicom.serving import as_explicit_little_endian
from backend.services.access import Principal

router = APIRouter()

DICOM = "application/dicom"
_CHUNK_BYTES = 1 << 20


@router.get("/studies/{study}", operation_id="retrieve_study")
def retrieve_study(
    study: StudyUid, request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep
) -> Response:
    """All instances as parts. Without a transfer syntax in Accept, compressed ones are sent uncompressed; with
    `transfer-syntax=*` everything is sent as it is stored."""
    return _instances(request, base, s, s.dicom_query.instances(who, project_id, study, None, None), single=False)


@router.get("/studies/{study}/series/{series}", operation_id="retrieve_series")
def retrieve_series(
    study: StudyUid,
    series: SeriesUid,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    base: BaseUrl,
    s: ServicesDep,
) -> Response:
    return _instances(request, base, s, s.dicom_query.instances(who, project_id, study, series, None), single=False)


@router.get("/studies/{study}/series/{series}/instances/{instance}", operation_id="retrieve_instance")
def retrieve_instance(
    study: StudyUid,
    series: SeriesUid,
    instance: InstanceUid,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    base: BaseUrl,
    s: ServicesDep,
) -> Response:
    """One instance, as the only part or, with `Accept: application/dicom`, as the body."""
    return _instances(request, base, s, s.dicom_query.instances(who, project_id, study, series, instance), single=True)


@router.get("/studies/{study}/metadata", operation_id="retrieve_study_metadata")
def retrieve_study_metadata(
    study: StudyUid, request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep
) -> Response:
    """All attributes of all instances; long binary values as addresses."""
    return _metadata(request, who, project_id, base, s, study, None, None)


@router.get("/studies/{study}/series/{series}/metadata", operation_id="retrieve_series_metadata")
def retrieve_series_metadata(
    study: StudyUid,
    series: SeriesUid,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    base: BaseUrl,
    s: ServicesDep,
) -> Response:
    return _metadata(request, who, project_id, base, s, study, series, None)


@router.get("/studies/{study}/series/{series}/instances/{instance}/metadata", operation_id="retrieve_metadata")
def retrieve_metadata(
    study: StudyUid,
    series: SeriesUid,
    instance: InstanceUid,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    base: BaseUrl,
    s: ServicesDep,
) -> Response:
    return _metadata(request, who, project_id, base, s, study, series, instance)


def address(base: str, row: DicomInstance) -> str:
    """Where an instance is found."""
    return f"{base}/studies/{row.study_uid}/series/{row.series_uid}/instances/{row.sop_instance_uid}"


def _instances(request: Request, base: str, s: ServicesDep, rows: Sequence[DicomInstance], *, single: bool) -> Response:
    ranges = wanted(request)
    chosen = next((range_ for range_ in ranges if _fits(range_, rows, single)), None)
    if chosen is None:
        raise nothing_acceptable([f'multipart/related; type="{DICOM}"; transfer-syntax=*'])
    if single and not chosen.is_multipart and chosen.type == DICOM:
        return StreamingResponse(_file(s, rows[0], chosen), media_type=DICOM)
    parts = (
        Part(f"{DICOM}; transfer-syntax={_sent_as(row, chosen)}", address(base, row), _file(s, row, chosen))
        for row in rows
    )
    return multipart(DICOM, parts)


def _fits(range_: Wanted, rows: Sequence[DicomInstance], single: bool) -> bool:
    """Whether all instances can be sent so."""
    if not range_.covers(DICOM) or not (range_.is_multipart or single or range_.type == "*/*"):
        return False
    plain = (None, ANY_SYNTAX, str(ExplicitVRLittleEndian))
    return range_.transfer_syntax in plain or all(row.transfer_syntax_uid == range_.transfer_syntax for row in rows)


def _sent_as(row: DicomInstance, range_: Wanted) -> str:
    stored = row.transfer_syntax_uid
    if range_.transfer_syntax in (ANY_SYNTAX, stored):
        return stored
    if range_.transfer_syntax is None and not UID(stored).is_compressed:
        return stored
    return str(ExplicitVRLittleEndian)


def _file(s: ServicesDep, row: DicomInstance, range_: Wanted) -> Iterator[bytes]:
    key = f"originals/{row.sha256}"
    if _sent_as(row, range_) == row.transfer_syntax_uid:
        yield from s.objects.chunks(key)
        return
    with s.objects.as_file(key) as path, tempfile.TemporaryDirectory(prefix="sammed-dicom-") as folder:
        plain = Path(folder) / "plain"
        s.isolation.run(as_explicit_little_endian, path, plain)
        with plain.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def _metadata(
    request: Request,
    who: Principal,
    project_id: UUID,
    base: str,
    s: ServicesDep,
    study: str,
    series: str | None,
    instance: str | None,
) -> Response:
    media_type = accepted(request, (DICOM_JSON, "application/json"))
    rows = s.dicom_query.instances(who, project_id, study, series, instance)
    return StreamingResponse(_written(s, base, rows), media_type=media_type)


def _written(s: ServicesDep, base: str, rows: Sequence[DicomInstance]) -> Iterator[bytes]:
    """A JSON array, one instance at a time."""
    for n, row in enumerate(rows):
        with s.objects.as_file(f"originals/{row.sha256}") as path:
            made = read_metadata(path, f"{address(base, row)}/bulkdata/{{}}".format)
        made["00083002"] = {"vr": "UI", "Value": [row.transfer_syntax_uid]}
        yield (b"," if n else b"[") + json.dumps(made, separators=(",", ":")).encode()
    yield b"]"
