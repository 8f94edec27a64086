"""Text burned into pixels: recorded that there is none, or blanked for good."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_jobs import Job
from backend.api.schemas_text import BlankIn, TextCheckIn
from backend.api.schemas_volumes import Volume

router = APIRouter(prefix="/api", tags=["privacy"])


@router.post("/volumes/{volume_id}/text-checks", operation_id="check_text")
def check_text(volume_id: UUID, body: TextCheckIn, user: CurrentUser, s: ServicesDep) -> Volume:
    """Record that somebody looked for text in the pixels, and silence the warning."""
    s.text_in_pixels.checked(user, volume_id, body.scope, is_clean=body.clean)
    return Volume.of(s.volumes.get(user, volume_id))


@router.post("/volumes/{volume_id}/blankings", operation_id="blank_rectangles", status_code=202)
def blank_rectangles(volume_id: UUID, body: BlankIn, user: CurrentUser, s: ServicesDep) -> Job:
    """Make rectangles of the images blank, in the voxels and in the original files. It cannot be undone."""
    return Job.of(s.text_in_pixels.submit(user, volume_id, body.slice, body.boxes(), body.scope))
