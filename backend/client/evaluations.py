"""Measuring the method on a project's accepted masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backend.client.files import OnBytes, ignore
from backend.client.transport import Json, Server


class Evaluations(Server):
    def evaluation_cases(self, project_id: str) -> Iterator[Json]:
        """Cases with masks, and of each label on how many slices."""
        return self._pages(f"/api/projects/{project_id}/evaluation-cases")

    def start_evaluation(self, project_id: str, **settings: Any) -> Json:
        """The job that measures. `settings`: case_ids, label_ids, protocol (`assist` or `auto`) and what else
        /api/docs names."""
        return self._json("POST", "/api/jobs", json={"kind": "evaluate", "project_id": project_id, **settings})

    def evaluations(self, project_id: str) -> Iterator[Json]:
        """What was measured, the newest first."""
        return self._pages(f"/api/projects/{project_id}/evaluations")

    def evaluation(self, evaluation_id: str) -> Json:
        return self._json("GET", f"/api/evaluations/{evaluation_id}")

    def download_evaluation(self, evaluation_id: str, folder: Path, *, on_bytes: OnBytes = ignore) -> Path:
        """The whole report as a zip: tables, plots and what is needed to measure again. Returns the path."""
        name = f"evaluation-{evaluation_id}.zip"
        return self._save(f"/api/evaluations/{evaluation_id}/download", folder, name, on_bytes=on_bytes)

    def evaluation_file(self, evaluation_id: str, name: str, folder: Path) -> Path:
        """One file of the report, such as `results.csv`. Returns the path."""
        return self._save(f"/api/evaluations/{evaluation_id}/files/{quote(name)}", folder, Path(name).name)
