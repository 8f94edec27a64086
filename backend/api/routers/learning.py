"""What was learned, and what answers a click. Jobs that learn are started under /api/jobs."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_learning import LabelLearningOut, LearnedPrompt, LearnedPromptPatch, Network, WarmStartPatch
from backend.services.download import Download

router = APIRouter(prefix="/api", tags=["learning"])


@router.get("/volumes/{volume_id}/learning", operation_id="list_learning")
def list_learning(volume_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[LabelLearningOut]:
    """For every label: what there is to learn from, what answers, the newest jobs, and how many proposals there are."""
    return Page(items=[LabelLearningOut.of(found) for found in s.learning.status(user, volume_id)])


@router.patch("/volumes/{volume_id}/learning/{label_id}", operation_id="switch_warm_start", status_code=204)
def switch_warm_start(volume_id: UUID, label_id: UUID, body: WarmStartPatch, user: CurrentUser, s: ServicesDep) -> None:
    """Let what the project keeps for the label answer one's clicks on a volume, or the plain model."""
    s.learning.use_warm_start(user, volume_id, label_id, body.warm_start)


@router.get("/projects/{project_id}/learned-prompts", operation_id="list_learned_prompts")
def list_learned_prompts(
    project_id: UUID,
    user: CurrentUser,
    s: ServicesDep,
    label_id: UUID | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[LearnedPrompt]:
    found = s.learned_prompts.of_project(user, project_id, label_id=label_id, limit=limit, cursor=cursor)
    return Page(items=[LearnedPrompt.of(view) for view in found.items], next_cursor=found.next_cursor)


@router.get("/learned-prompts/{learned_prompt_id}", operation_id="get_learned_prompt")
def get_learned_prompt(learned_prompt_id: UUID, user: CurrentUser, s: ServicesDep) -> LearnedPrompt:
    return LearnedPrompt.of(s.learned_prompts.get(user, learned_prompt_id))


@router.patch("/learned-prompts/{learned_prompt_id}", operation_id="switch_learned_prompt")
def switch_learned_prompt(
    learned_prompt_id: UUID, body: LearnedPromptPatch, user: CurrentUser, s: ServicesDep
) -> LearnedPrompt:
    """Let it answer one's clicks where it was learned, or let the plain model do so."""
    return LearnedPrompt.of(s.learned_prompts.set_active(user, learned_prompt_id, body.active))


@router.get(
    "/learned-prompts/{learned_prompt_id}/download",
    operation_id="download_learned_prompt",
    response_class=StreamingResponse,
)
def download_learned_prompt(learned_prompt_id: UUID, user: CurrentUser, s: ServicesDep) -> StreamingResponse:
    """The learned prompt as a safetensors file, for `LearnedPrompt.load` of `workers.sammed`."""
    return _handed_out(s.learned_prompts.file(user, learned_prompt_id))


@router.get("/projects/{project_id}/networks", operation_id="list_networks")
def list_networks(
    project_id: UUID,
    user: CurrentUser,
    s: ServicesDep,
    label_id: UUID | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Network]:
    """The SAP-Nets that were trained in a project, newest first, with the slices, seed and weights behind them."""
    found = s.networks.of_project(user, project_id, label_id=label_id, limit=limit, cursor=cursor)
    return Page(items=[Network.of(view) for view in found.items], next_cursor=found.next_cursor)


@router.get("/networks/{job_id}/download", operation_id="download_network", response_class=StreamingResponse)
def download_network(job_id: UUID, user: CurrentUser, s: ServicesDep) -> StreamingResponse:
    """The network as a safetensors file, for `SapNet.load` of `workers.sammed`."""
    return _handed_out(s.networks.file(user, job_id))


def _handed_out(made: Download) -> StreamingResponse:
    headers = {
        "Content-Disposition": f"attachment; filename={made.name}",
        "Content-Length": str(made.size_bytes),
    }
    return StreamingResponse(made.chunks, media_type=made.media_type, headers=headers)
