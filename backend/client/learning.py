"""What was learned in a project: prompts and networks, and which of them a label's next cases start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from backend.client.transport import Json, Server


class Learning(Server):
    def learned_prompts(self, project_id: str, label_id: str | None = None) -> Iterator[Json]:
        """The newest first, each with its verdict and where it is in use."""
        return self._pages(f"/api/projects/{project_id}/learned-prompts", label_id=label_id)

    def learned_prompt(self, learned_prompt_id: str) -> Json:
        return self._json("GET", f"/api/learned-prompts/{learned_prompt_id}")

    def switch_learned_prompt(self, learned_prompt_id: str, active: bool) -> Json:
        """Let it answer the caller's clicks where it was learned, or let the plain model do so."""
        return self._json("PATCH", f"/api/learned-prompts/{learned_prompt_id}", json={"active": active})

    def keep_learned_prompt(self, label_id: str, learned_prompt_id: str | None) -> Json:
        """Keep it for the project: the label's next cases start from it; None: from the plain model. The label."""
        return self._json("PATCH", f"/api/labels/{label_id}", json={"warm_start_id": learned_prompt_id})

    def download_learned_prompt(self, learned_prompt_id: str, folder: Path) -> Path:
        """As safetensors, for `LearnedPrompt.load` of `workers.sammed`. Returns the path."""
        path = f"/api/learned-prompts/{learned_prompt_id}/download"
        return self._save(path, folder, f"{learned_prompt_id}.safetensors")

    def networks(self, project_id: str, label_id: str | None = None) -> Iterator[Json]:
        """The SAP-Nets that were trained, the newest first."""
        return self._pages(f"/api/projects/{project_id}/networks", label_id=label_id)

    def download_network(self, job_id: str, folder: Path) -> Path:
        """As safetensors, for `SapNet.load` of `workers.sammed`. Returns the path."""
        return self._save(f"/api/networks/{job_id}/download", folder, f"{job_id}.safetensors")

    def models(self) -> list[Json]:
        """The models that running workers can load."""
        return self._items("/api/models")
