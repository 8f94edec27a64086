"""Proposals: masks that nobody accepted yet, and the verbs that decide about them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_learning import (
    AcceptedOut,
    AcceptedPicturesOut,
    AcceptIn,
    AcceptPicturesIn,
    DecidedOut,
    Proposal,
    ProposalBrief,
    RejectIn,
    SelectionIn,
)
from backend.domain.learning import ProposalState

router = APIRouter(prefix="/api", tags=["learning"])

VOLUME = "/volumes/{volume_id}/proposals"


@router.get(VOLUME, operation_id="list_proposals")
def list_proposals(
    volume_id: UUID,
    user: CurrentUser,
    s: ServicesDep,
    label_id: UUID | None = None,
    state: ProposalState | None = ProposalState.OPEN,
    after: UUID | None = None,
) -> Page[Proposal]:
    """The caller's proposals with their masks, oldest first. While a job runs, `after` the newest known one gives what
    has come since. At most one is open a slice: a newer one takes its place."""
    volume, rows = s.proposals.of_volume(user, volume_id, label_id=label_id, state=state, after=after)
    return Page(items=[Proposal.of(row, volume) for row in rows])


@router.get("/projects/{project_id}/proposals", operation_id="list_project_proposals")
def list_project_proposals(
    project_id: UUID,
    label_id: UUID,
    user: CurrentUser,
    s: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Page[ProposalBrief]:
    """The caller's open proposals of a label in a project, least certain first: the way through a set of pictures."""
    rows = s.proposals.of_project(user, project_id, label_id, limit=limit)
    return Page(items=[ProposalBrief.of(row, case_id) for row, case_id in rows])


@router.post("/projects/{project_id}/proposals/accept", operation_id="accept_pictures")
def accept_pictures(project_id: UUID, body: AcceptPicturesIn, user: CurrentUser, s: ServicesDep) -> AcceptedPicturesOut:
    """Accept the caller's open proposals of a label on all pictures of a project at once, from a confidence on."""
    return AcceptedPicturesOut.of(s.proposals.accept_pictures(user, project_id, body.label_id, body.min_confidence))


@router.post(f"{VOLUME}/accept", operation_id="accept_proposals")
def accept_proposals(volume_id: UUID, body: AcceptIn, user: CurrentUser, s: ServicesDep) -> AcceptedOut:
    """Make the chosen open proposals one revision of the caller's annotation."""
    return AcceptedOut.of(
        s.proposals.accept(
            user,
            volume_id,
            body.label_id,
            body.selection(),
            revision_id=body.revision_id,
            parent=body.parent,
            telemetry=body.telemetry,
        )
    )


@router.post(f"{VOLUME}/reject", operation_id="reject_proposals")
def reject_proposals(volume_id: UUID, body: RejectIn, user: CurrentUser, s: ServicesDep) -> DecidedOut:
    """Turn the chosen open proposals down; with `absent` also say that their slices do not show the label."""
    state = ProposalState.ABSENT if body.absent else ProposalState.REJECTED
    decided = s.proposals.decide(user, volume_id, body.label_id, body.selection(), state)
    return DecidedOut(state=state, slices=[row.slice_index for row in decided])


@router.post(f"{VOLUME}/reopen", operation_id="reopen_proposals")
def reopen_proposals(volume_id: UUID, body: SelectionIn, user: CurrentUser, s: ServicesDep) -> DecidedOut:
    """Take a decision back: the newest proposal of each chosen slice is open again. A revision that accepting made is
    taken back by a revision, as always."""
    decided = s.proposals.decide(user, volume_id, body.label_id, body.selection(), ProposalState.OPEN)
    return DecidedOut(state=ProposalState.OPEN, slices=[row.slice_index for row in decided])
