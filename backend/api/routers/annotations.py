"""Annotations and their revisions."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_annotations import (
    Annotation,
    AnnotationIn,
    AnnotationMasks,
    AnnotationSlice,
    RestoreIn,
    Revision,
    RevisionIn,
)
from backend.api.schemas_base import Page, rle
from backend.services.rounds import Round

router = APIRouter(prefix="/api", tags=["annotations"])


@router.get("/annotations", operation_id="list_annotations")
def list_annotations(
    volume_id: UUID, user: CurrentUser, s: ServicesDep, annotator_id: UUID | None = None
) -> Page[Annotation]:
    """The caller's annotations of a volume; who reviews may ask for those of somebody else."""
    found = s.annotations.of(user, volume_id, annotator_id or user.id)
    return Page(items=[Annotation.of(view) for view in found])


@router.post("/annotations", operation_id="create_annotation")
def create_annotation(body: AnnotationIn, user: CurrentUser, s: ServicesDep) -> Annotation:
    """The caller's annotation of a label on a volume; made once, found again afterwards. Who reviews the submitted case
    names the annotator whose masks are corrected."""
    view = s.annotations.create(user, body.volume_id, body.label_id, body.id, annotator_id=body.annotator_id)
    return Annotation.of(view)


@router.get("/annotations/{annotation_id}/masks", operation_id="get_masks")
def get_masks(annotation_id: UUID, user: CurrentUser, s: ServicesDep, round: Round = Round.NOW) -> AnnotationMasks:
    """All slices that are not empty: now, in the round before (`previous`: as they were sent back the last time), or as
    they were `submitted` the last time."""
    return AnnotationMasks.of(s.annotations.drawn(user, annotation_id, round=round))


@router.get("/annotations/{annotation_id}/slices/{k}", operation_id="get_mask")
def get_mask(annotation_id: UUID, k: int, user: CurrentUser, s: ServicesDep) -> AnnotationSlice:
    found = s.annotations.drawn_on(user, annotation_id, k)
    return AnnotationSlice(head=found.head, sequence=found.sequence, mask=rle(found.by_slice[k]))


@router.get("/annotations/{annotation_id}/revisions", operation_id="list_revisions")
def list_revisions(annotation_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[Revision]:
    rows = s.annotations.revisions(user, annotation_id)
    return Page(items=[Revision.of(row, list(row.slices), author) for row, author in rows])


@router.post(
    "/annotations/{annotation_id}/revisions",
    operation_id="append_revision",
    status_code=201,
    responses={200: {"description": "This very revision was stored before", "model": Revision}},
)
def append_revision(
    annotation_id: UUID, body: RevisionIn, response: Response, user: CurrentUser, s: ServicesDep
) -> Revision:
    """Append an accepted change. Who corrects the annotator's masks of a submitted case sends the origin `review`."""
    appended = s.annotations.append(user, annotation_id, body.to_domain())
    response.status_code = 201 if appended.created else 200
    return Revision.appended(appended)


@router.post("/annotations/{annotation_id}/restore", operation_id="restore_revision", status_code=201)
def restore_revision(annotation_id: UUID, body: RestoreIn, user: CurrentUser, s: ServicesDep) -> Revision:
    """Bring back an older state by a new revision."""
    return Revision.appended(
        s.annotations.restore(user, annotation_id, revision_id=body.id, sequence=body.sequence, parent=body.parent)
    )
