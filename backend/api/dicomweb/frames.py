"""WADO-RS: pixel data of frames, as stored or decoded (PS3.18 10.4.1.1.6)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydicom.uid import UID, ExplicitVRLittleEndian

from backend.api.deps import ServicesDep
from backend.api.dicomweb.accept import ANY_SYNTAX, Wanted, nothing_acceptable, wanted
from backend.api.dicomweb.parts import Part, multipart
from backend.api.dicomweb.project import BaseUrl, DicomUser, InstanceUid, ProjectId, SeriesUid, StudyUid
from backend.api.dicomweb.wado import address
from backend.errors import Malformed
from backend.imaging.dicom.serving import plain_frames, stored_frames

router = APIRouter()

OCTETS = "application/octet-stream"
MEDIA_TYPES: dict[str, str] = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70)), "image/jpeg"),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{n}" for n in (80, 81)), "image/jls"),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{n}" for n in (90, 91)), "image/jp2"),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{n}" for n in (92, 93)), "image/jpx"),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{n}" for n in (201, 202, 203)), "image/jphc"),
}
"""Compressed transfer syntax -> the media type of its frames (PS3.18 table 8.7.3-5)."""


class MalformedFrames(Malformed):
    """The list of frames in the address is none. Raised by api.dicomweb."""

    code = "malformed_frames"
    title = "This is no list of frames"


@router.get("/studies/{study}/series/{series}/instances/{instance}/frames/{frames}", operation_id="retrieve_frames")
def retrieve_frames(
    study: StudyUid,
    series: SeriesUid,
    instance: InstanceUid,
    frames: Annotated[str, Path(description="Frame numbers from 1 on, with commas between them")],
    request: Request,
    who: DicomUser,
    project_id: ProjectId,
    base: BaseUrl,
    s: ServicesDep,
) -> Response:
    """Frames as parts: decoded as `application/octet-stream`, compressed as stored by their own media type or by
    `transfer-syntax=*`. One frame can be the body."""
    numbers = frame_numbers(frames)
    [row] = s.dicom_query.instances(who, project_id, study, series, instance)
    chosen, sent_as, syntax = _choose(wanted(request), row.transfer_syntax_uid, len(numbers) == 1)
    compressed = syntax != ExplicitVRLittleEndian
    with s.objects.as_file(f"originals/{row.sha256}") as path:
        pixels = s.isolation.run(stored_frames if compressed else plain_frames, path, numbers)
    if not chosen.is_multipart and chosen.type not in ("*/*", "application/*", "image/*"):
        return Response(pixels[0], media_type=f"{sent_as}; transfer-syntax={syntax}")
    url = f"{address(base, row)}/frames"
    parts = [
        Part(f"{sent_as}; transfer-syntax={syntax}", f"{url}/{n}", (frame,))
        for n, frame in zip(numbers, pixels, strict=True)
    ]
    return multipart(sent_as, parts)


def frame_numbers(text: str) -> list[int]:
    """ "1,3" -> [1, 3]. Raises MalformedFrames."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and int(part) >= 1 for part in parts):
        raise MalformedFrames("Frames are numbers from 1 on, with commas between them.")
    return [int(part) for part in parts]


def _choose(ranges: list[Wanted], stored: str, is_one: bool) -> tuple[Wanted, str, str]:
    """The range to serve, the media type and the transfer syntax to send. Raises NothingAcceptable."""
    compressed = UID(stored).is_compressed and stored in MEDIA_TYPES
    own = MEDIA_TYPES.get(stored, OCTETS)
    for range_ in ranges:
        if not (range_.is_multipart or is_one or range_.type == "*/*"):
            continue
        syntax = range_.transfer_syntax
        if compressed and range_.covers(own) and range_.type != "*/*" and syntax in (None, ANY_SYNTAX, stored):
            return range_, own, stored
        if not range_.covers(OCTETS):
            continue
        if compressed and syntax in (ANY_SYNTAX, stored):
            return range_, own if range_.type == "*/*" else OCTETS, stored
        if syntax in (None, ANY_SYNTAX, str(ExplicitVRLittleEndian)):
            return range_, OCTETS, str(ExplicitVRLittleEndian)
    raise nothing_acceptable([f'multipart/related; type="{kind}"' for kind in dict.fromkeys((OCTETS, own))])
