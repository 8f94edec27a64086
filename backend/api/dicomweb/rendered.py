"""WADO-RS: pictures to look at, in full and as thumbnails (PS3.18 10.4.1.1.3)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from fastapi import APIRouter, Request, Response

from backend.api.deps import ServicesDep
from backend.api.dicomweb.accept import accepted, nothing_acceptable, wanted
from backend.api.dicomweb.parts import Part, multipart
from backend.api.dicomweb.project import BaseUrl, DicomUser, InstanceUid, ProjectId, SeriesUid, StudyUid
from backend.api.dicomweb.wado import address
from backend.db.tables import DicomInstance
from backend.errors import Malformed
from backend.imaging.dicom.serving import Look, render
from backend.services.dicom_query import DicomNotFound

router = APIRouter()

JPEG, PNG = "image/jpeg", "image/png"
THUMBNAIL = (200, 200)
MOST_PIXELS = 8192
FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}

_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"


class MalformedRendering(Malformed):
    """A parameter that says how to render cannot be read. Raised by api.dicomweb."""

    code = "malformed_rendering"
    title = "The picture cannot be made so"


@router.get(f"{_INSTANCE}/rendered", operation_id="render_instance")
def render_instance(
    study: StudyUid,
    series: SeriesUid,
    instance: InstanceUid,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    s: ServicesDep,
) -> Response:
    """The instance, the middle frame of many, as JPEG or PNG. Parameters: `window=center,width,linear|linear-exact|
    sigmoid`, `viewport=width,height[,left,top,width,height]`, `quality=1..100`."""
    [row] = s.dicom_query.instances(who, project_id, study, series, instance)
    return _rendered(request, s, row, None)


@router.get(f"{_INSTANCE}/frames/{{frame}}/rendered", operation_id="render_frame")
def render_frame(
    study: StudyUid,
    series: SeriesUid,
    instance: InstanceUid,
    frame: int,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    s: ServicesDep,
) -> Response:
    [row] = s.dicom_query.instances(who, project_id, study, series, instance)
    return _rendered(request, s, row, frame)


@router.get("/studies/{study}/rendered", operation_id="render_study")
def render_study(
    study: StudyUid, request: Request, who: DicomUser, project_id: ProjectId, base: BaseUrl, s: ServicesDep
) -> Response:
    """Every frame of every image as a part, JPEG or PNG; with an `Accept` of one picture (`image/png`), the image in
    the middle. Parameters as for an instance."""
    return _all_rendered(request, s, base, s.dicom_query.instances(who, project_id, study, None, None))


@router.get("/studies/{study}/series/{series}/rendered", operation_id="render_series")
def render_series(
    study: StudyUid,
    series: SeriesUid,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    base: BaseUrl,
    s: ServicesDep,
) -> Response:
    """As of a study."""
    return _all_rendered(request, s, base, s.dicom_query.instances(who, project_id, study, series, None))


@router.get("/studies/{study}/thumbnail", operation_id="study_thumbnail")
def study_thumbnail(
    study: StudyUid, request: Request, who: DicomUser, project_id: ProjectId, s: ServicesDep
) -> Response:
    rows = s.dicom_query.instances(who, project_id, study, None, None)
    return _rendered(request, s, _middle(rows), None, THUMBNAIL)


@router.get("/studies/{study}/series/{series}/thumbnail", operation_id="series_thumbnail")
def series_thumbnail(
    study: StudyUid, series: SeriesUid, request: Request, who: DicomUser, project_id: ProjectId, s: ServicesDep
) -> Response:
    rows = s.dicom_query.instances(who, project_id, study, series, None)
    return _rendered(request, s, _middle(rows), None, THUMBNAIL)


@router.get(f"{_INSTANCE}/thumbnail", operation_id="instance_thumbnail")
def instance_thumbnail(
    study: StudyUid,
    series: SeriesUid,
    instance: InstanceUid,
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    s: ServicesDep,
) -> Response:
    [row] = s.dicom_query.instances(who, project_id, study, series, instance)
    return _rendered(request, s, row, None, THUMBNAIL)


def _images(rows: Sequence[DicomInstance]) -> list[DicomInstance]:
    """Those that have pixels, series by series, by instance number. Raises DicomNotFound when there is none."""
    images = [row for row in rows if "00280010" in row.attributes]
    if not images:
        raise DicomNotFound("There is no image to make a picture of.")
    return sorted(images, key=lambda row: (row.series_uid, _number(row, "00200013")))


def _middle(rows: Sequence[DicomInstance]) -> DicomInstance:
    images = _images(rows)
    return images[len(images) // 2]


def _number(row: DicomInstance, tag: str) -> int:
    return int((row.attributes.get(tag, {}).get("Value") or [0])[0] or 0)


def _all_rendered(request: Request, s: ServicesDep, base: str, rows: Sequence[DicomInstance]) -> Response:
    """Frame by frame while they are sent. Raises NothingAcceptable, MalformedRendering, DicomNotFound."""
    offered = [(range_, kind) for range_ in wanted(request) for kind in (JPEG, PNG) if range_.covers(kind)]
    if not offered:
        raise nothing_acceptable([f'multipart/related; type="{kind}"' for kind in (JPEG, PNG)])
    range_, media_type = offered[0]
    if not range_.is_multipart and range_.type != "*/*":
        return _rendered(request, s, _middle(rows), None)
    look = _look(request, media_type, None)
    frames = ((row, frame) for row in _images(rows) for frame in range(1, max(1, _number(row, "00280008")) + 1))
    parts = (
        Part(media_type, f"{address(base, row)}/frames/{frame}/rendered", _drawn(s, row, frame, look))
        for row, frame in frames
    )
    return multipart(media_type, parts)


def _drawn(s: ServicesDep, row: DicomInstance, frame: int | None, look: Look) -> Iterator[bytes]:
    with s.objects.as_file(f"originals/{row.sha256}") as path:
        yield s.isolation.run(render, path, frame, look)


def _rendered(
    request: Request, s: ServicesDep, row: DicomInstance, frame: int | None, size: tuple[int, int] | None = None
) -> Response:
    look = _look(request, accepted(request, (JPEG, PNG)), size)
    [picture] = _drawn(s, row, frame, look)
    return Response(picture, media_type=look.media_type)


def _look(request: Request, media_type: str, size: tuple[int, int] | None) -> Look:
    """What the parameters ask for; `size` where they name none. Raises MalformedRendering."""
    viewport = _numbers(request, "viewport", (2, 6))
    box = None
    if viewport is not None:
        size = (int(viewport[0]), int(viewport[1]))
        if not all(1 <= side <= MOST_PIXELS for side in size):
            raise MalformedRendering(f"viewport has a width and a height of 1 to {MOST_PIXELS} pixels.")
        if len(viewport) == 6:
            left, top, width, height = (int(value) for value in viewport[2:])
            if not width or not height or max(map(abs, (left, top, width, height))) > 65535:
                raise MalformedRendering("The region of viewport is left, top, width, height in pixels of the image.")
            box = (left, top, width, height)
    quality = _numbers(request, "quality", (1,))
    if quality is not None and not 1 <= quality[0] <= 100:
        raise MalformedRendering("quality is a number from 1 to 100.")
    return Look(media_type, _window(request), size, box, int(quality[0]) if quality else 90)


def _window(request: Request) -> tuple[float, float, str] | None:
    text = request.query_params.get("window")
    if text is None:
        return None
    try:
        center, width, function = text.split(",") if text.count(",") == 2 else [*text.split(","), "linear"]
        values = float(center), float(width)
        if not all(map(math.isfinite, values)) or values[1] <= 0:
            raise ValueError
        return *values, FUNCTIONS[function.lower()]
    except (ValueError, KeyError) as error:
        raise MalformedRendering("window is center,width,function; functions: " + ", ".join(FUNCTIONS)) from error


def _numbers(request: Request, name: str, counts: tuple[int, ...]) -> list[float] | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        values = [float(part) if part.strip() else 0.0 for part in text.split(",")]
    except ValueError as error:
        raise MalformedRendering(f"{name} needs numbers with commas between them.") from error
    if len(values) not in counts or not all(map(math.isfinite, values)):
        raise MalformedRendering(f"{name} has {' or '.join(map(str, counts))} numbers.")
    return values
