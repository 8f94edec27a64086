"""The labels of a project as a set: order, versions, files, copies."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_label_sets import LabelCopyIn, LabelOrderIn, LabelSetFile, LabelSetVersion, TakenOut
from backend.api.schemas_projects import Label

router = APIRouter(prefix="/api/projects/{project_id}/labels", tags=["projects"])


@router.put("/order", operation_id="order_labels")
def order_labels(project_id: UUID, body: LabelOrderIn, user: CurrentUser, s: ServicesDep) -> Page[Label]:
    return Page(items=[Label.of(row) for row in s.label_sets.order(user, project_id, body.label_ids)])


@router.get("/versions", operation_id="list_label_versions")
def list_label_versions(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[LabelSetVersion]:
    """The newest first. A revision names the version that it was made with."""
    return Page(items=[LabelSetVersion.of(view) for view in s.label_sets.versions(user, project_id)])


@router.get("/export", operation_id="export_labels")
def export_labels(project_id: UUID, user: CurrentUser, s: ServicesDep) -> LabelSetFile:
    return LabelSetFile.of(*s.label_sets.drafts(user, project_id))


@router.post("/import", operation_id="import_labels")
def import_labels(project_id: UUID, body: LabelSetFile, user: CurrentUser, s: ServicesDep) -> TakenOut:
    """Add the labels of a file, all or none. Those whose name the project has stay as they are."""
    drafts = [label.to_domain() for label in body.labels]
    return TakenOut.of(s.label_sets.bring_in(user, project_id, drafts, body.exclusive))


@router.post("/copy", operation_id="copy_labels")
def copy_labels(project_id: UUID, body: LabelCopyIn, user: CurrentUser, s: ServicesDep) -> TakenOut:
    return TakenOut.of(s.label_sets.copy(user, project_id, body.project_id))
