"""Whom the pseudonyms of a project stand for. Each look is written into the log."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_privacy import IdentityOut, LookUpIn, identities_csv

router = APIRouter(prefix="/api", tags=["privacy"])


@router.post("/projects/{project_id}/pseudonyms/look-up", operation_id="look_up_pseudonym")
def look_up_pseudonym(project_id: UUID, body: LookUpIn, user: CurrentUser, s: ServicesDep) -> IdentityOut:
    """Whom a pseudonym stands for."""
    return IdentityOut.of(s.privacy.look_up(user, project_id, body.pseudonym))


@router.get(
    "/projects/{project_id}/pseudonyms.csv",
    operation_id="get_pseudonyms_csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}},
)
def get_pseudonyms_csv(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Response:
    """The whole key of a project, one row for each pseudonym."""
    headers = {"Content-Disposition": 'attachment; filename="pseudonyms.csv"', "Cache-Control": "no-store"}
    content = identities_csv(s.privacy.all(user, project_id))
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
