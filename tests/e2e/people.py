"""Projects with people in them, made over HTTP before the browser begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import httpx

PASSWORD = "a long enough password"


def project_with(client: httpx.Client, name: str, files: Iterable[Path], labels: Sequence[str] = ("Liver",)) -> str:
    """The id of a project with these files as cases and these labels."""
    colors = ("#dd8265", "#9d6ca2")
    wanted = [{"name": label, "color": color} for label, color in zip(labels, colors, strict=False)]
    project = client.post("/api/projects", json={"name": name, "privacy": "none", "labels": wanted}).json()
    parts = [("files", (path.name, path.read_bytes())) for path in files]
    job = client.post(f"/api/projects/{project['id']}/uploads", files=parts).json()
    while job["state"] in ("queued", "running"):
        job = client.get(f"/api/jobs/{job['id']}").json()
    assert job["state"] == "done", job
    return str(project["id"])


def invite(client: httpx.Client, project_id: str, people: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name -> one-time link, of people given by name and role."""
    invited = {}
    for name, role in people:
        somebody = {"email": f"{name}@{project_id}.example.org", "name": name, "role": role}
        answer = client.post(f"/api/projects/{project_id}/invitations", json=somebody).raise_for_status()
        invited[name] = f"/login?token={answer.json()['token']}"
    return invited
