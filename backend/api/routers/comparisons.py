"""Blinded comparisons of two sources of masks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_comparisons import (
    ComparisonIn,
    ComparisonOut,
    JudgedOut,
    ReadersIn,
    TallyOut,
    TallyRowOut,
    TurnOut,
    VoteIn,
    tally_csv,
    votes_csv,
)
from backend.domain.comparison import ComparisonSettings
from backend.wiring import Services

router = APIRouter(prefix="/api", tags=["comparisons"])

CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}


@router.get("/projects/{project_id}/comparisons", operation_id="list_comparisons")
def list_comparisons(
    project_id: UUID, user: CurrentUser, s: ServicesDep, limit: int = 50, cursor: str | None = None
) -> Page[ComparisonOut]:
    """Newest first: all for managers, else those that the caller judges in."""
    found = s.comparisons.of_project(user, project_id, limit=limit, cursor=cursor)
    return Page(items=[ComparisonOut.of(view) for view in found.items], next_cursor=found.next_cursor)


@router.post("/projects/{project_id}/comparisons", operation_id="create_comparison", status_code=201)
def create_comparison(project_id: UUID, body: ComparisonIn, user: CurrentUser, s: ServicesDep) -> ComparisonOut:
    """Set up a comparison; what has to be computed is computed by a job first."""
    view = s.comparisons.create(
        user,
        project_id,
        body.name,
        body.settings,
        label_ids=body.label_ids,
        cases=body.cases,
        reader_ids=body.reader_ids,
        pairs=body.pairs,
    )
    return ComparisonOut.of(view)


@router.get("/comparisons/{comparison_id}", operation_id="get_comparison")
def get_comparison(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> ComparisonOut:
    return ComparisonOut.of(s.comparisons.get(user, comparison_id))


@router.post("/comparisons/{comparison_id}/readers", operation_id="add_comparison_readers")
def add_comparison_readers(comparison_id: UUID, body: ReadersIn, user: CurrentUser, s: ServicesDep) -> ComparisonOut:
    """More people judge the same pairs, each in an order and with sides of their own."""
    return ComparisonOut.of(s.comparisons.add_readers(user, comparison_id, body.reader_ids))


@router.post("/comparisons/{comparison_id}/close", operation_id="close_comparison")
def close_comparison(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> ComparisonOut:
    """Nobody judges any more, and its readers see the tally of what was said. There is no way back."""
    return ComparisonOut.of(s.comparisons.close(user, comparison_id))


@router.delete("/comparisons/{comparison_id}", operation_id="delete_comparison", status_code=204)
def delete_comparison(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> None:
    """Out of every list and tally. What readers said is kept with the project's history; restoring shows it again."""
    s.comparisons.delete(user, comparison_id)


@router.post("/comparisons/{comparison_id}/restore", operation_id="restore_comparison")
def restore_comparison(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> ComparisonOut:
    """Bring a deleted comparison back."""
    return ComparisonOut.of(s.comparisons.restore(user, comparison_id))


@router.get("/comparisons/{comparison_id}/progress", operation_id="get_judged")
def get_judged(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> JudgedOut:
    """How far the caller is, who judges."""
    return JudgedOut.of_judged(s.judging.progress(user, comparison_id))


@router.get("/comparisons/{comparison_id}/turns/{position}", operation_id="get_turn")
def get_turn(comparison_id: UUID, position: int, user: CurrentUser, s: ServicesDep) -> TurnOut:
    """A pair, from 0, in the caller's own order and with their own sides."""
    return TurnOut.of_turn(s.judging.turn(user, comparison_id, position))


@router.post("/comparisons/{comparison_id}/votes", operation_id="cast_vote")
def cast_vote(comparison_id: UUID, body: VoteIn, user: CurrentUser, s: ServicesDep) -> JudgedOut:
    """Which mask of a pair is better. The last vote on a pair counts; all are kept."""
    done = s.judging.vote(user, comparison_id, body.id, body.position, body.choice, body.seconds)
    return JudgedOut.of_judged(done)


@router.post("/comparisons/{comparison_id}/finish", operation_id="finish_comparison")
def finish_comparison(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> ComparisonOut:
    """The caller has judged all pairs: they see the tally from now on, and say nothing more."""
    s.judging.finish(user, comparison_id)
    return ComparisonOut.of(s.comparisons.get(user, comparison_id))


@router.get("/comparisons/{comparison_id}/tally", operation_id="get_tally")
def get_tally(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> TallyOut:
    """For managers, and for readers who have finished."""
    return _tally(comparison_id, user, s)


@router.get(
    "/comparisons/{comparison_id}/tally.csv",
    operation_id="get_tally_csv",
    response_class=Response,
    responses=CSV,
)
def get_tally_csv(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> Response:
    """The same as a table."""
    return _csv("tally.csv", tally_csv(_tally(comparison_id, user, s)))


@router.get(
    "/comparisons/{comparison_id}/votes.csv",
    operation_id="get_votes_csv",
    response_class=Response,
    responses=CSV,
)
def get_votes_csv(comparison_id: UUID, user: CurrentUser, s: ServicesDep) -> Response:
    """Every vote that counts with where both masks are from, for managers."""
    return _csv("votes.csv", votes_csv(s.comparisons.votes(user, comparison_id)[1]))


def _tally(comparison_id: UUID, user: CurrentUser, s: Services) -> TallyOut:
    view, rows = s.comparisons.tally(user, comparison_id)
    settings = ComparisonSettings.model_validate(view.comparison.settings)
    return TallyOut(first=settings.first, second=settings.second, rows=[TallyRowOut.of(row) for row in rows])


def _csv(name: str, text: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv", headers=headers)
