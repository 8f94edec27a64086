"""Background work: watching it, waiting for its end, fetching what it made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from backend.client.files import OnBytes, ignore
from backend.client.transport import Json, Server, ServerRefused

POLL_S = 0.5
FINAL_STATES = frozenset({"done", "failed", "cancelled"})


class Jobs(Server):
    def jobs(self, project_id: str) -> Iterator[Json]:
        """What runs and ran for a project, the newest first."""
        return self._pages("/api/jobs", project_id=project_id)

    def job(self, job_id: str) -> Json:
        return self._json("GET", f"/api/jobs/{job_id}")

    def cancel_job(self, job_id: str) -> Json:
        return self._json("DELETE", f"/api/jobs/{job_id}")

    def wait(
        self,
        job: Json,
        *,
        on_change: Callable[[Json], None] = lambda job: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Json:
        """Wait for the end of a job; raises `ServerRefused` with the job's own problem if it failed."""
        while job["state"] not in FINAL_STATES:
            sleep(POLL_S)
            job = self.job(job["id"])
            on_change(job)
        if job["state"] != "done":
            raise ServerRefused(job.get("problem") or {"code": job["state"], "detail": f"The job was {job['state']}."})
        return job

    def start_export(self, case_id: str, format: str, *, annotator_id: str | None = None) -> Json:
        """The job that exports somebody's masks of a case, by default the caller's; `download` fetches what it made."""
        body = {"kind": "export", "case_id": case_id, "format": format, "annotator_id": annotator_id}
        return self._json("POST", "/api/jobs", json=body)

    def download(self, job_id: str, folder: Path, *, on_bytes: OnBytes = ignore) -> Path:
        """Download what a job made into `folder`; the server names the file. Returns its path."""
        return self._save(f"/api/jobs/{job_id}/download", folder, job_id, on_bytes=on_bytes)
