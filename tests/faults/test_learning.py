"""Learning beside clicks, and through everything that can end it: the worker that trains hangs, is killed, is asked to
stop; Redis is wiped while proposals arrive. On a whole installation, with real trainings."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import redis
from numpy.typing import NDArray

from backend.domain.ids import new_id
from backend.imaging import masks
from backend.imaging.phantom import LIVER, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.operations.installation import Installation, running

SHAPE_KJI = (32, 96, 96)
PATIENCE_S = 400.0  # trainings let everything else go first


@dataclass(frozen=True)
class Case:
    """A CT with its liver drawn on two slices, so that there is something to learn from."""

    client: httpx.Client
    volume: str
    label: str
    annotation: str
    truth: NDArray[np.bool_]
    """[slices, rows, columns]"""

    def start(self, kind: str, **more: int) -> dict[str, Any]:
        wanted = {"kind": kind, "volume_id": self.volume, "label_id": self.label, **more}
        answer = self.client.post("/api/jobs", json=wanted)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def job(self, job: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/jobs/{job['id']}").json()
        assert found["state"] != "failed", found["problem"]
        return found

    def click(self, k: int) -> httpx.Response:
        rows, columns = np.nonzero(self.truth[k])
        point = {"x": int(columns[0]), "y": int(rows[0]), "positive": True}
        question = {"slice": k, "label_id": self.label, "points": [point]}
        return self.client.post(f"/api/volumes/{self.volume}/predictions", json=question)

    def proposals(self, state: str = "open") -> list[dict[str, Any]]:
        found = self.client.get(f"/api/volumes/{self.volume}/proposals", params={"state": state})
        return list(found.json()["items"])

    def accept(self, *, parent: str | None, slices: list[int]) -> str:
        revision = str(new_id())
        body = {"label_id": self.label, "slices": slices, "revision_id": revision, "parent": parent}
        self.client.post(f"/api/volumes/{self.volume}/proposals/accept", json=body).raise_for_status()
        return revision

    def drawn(self) -> tuple[str, dict[str, Any]]:
        found = self.client.get(f"/api/annotations/{self.annotation}/masks").json()
        return found["head"], found["slices"]


def until(true: Callable[[], Any], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline_s, f"this does not happen: {what}"
        time.sleep(0.05)  # polls other processes


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("learning-faults")) as started:
        started.wait_for_workers()
        yield started


@pytest.fixture(scope="module")
def case(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    phantom = abdominal_phantom(SHAPE_KJI, (6.0, 4.0, 4.0), seed=5)
    files = write_dicom_series(phantom, tmp_path_factory.mktemp("ct"))
    truth = phantom.mask(LIVER)
    with installation.client() as client:
        client.patch("/api/me", json={"auto_learn": False}).raise_for_status()
        labels = [{"name": "Liver", "color": "#dd8265"}]
        project = client.post("/api/projects", json={"name": "Faults", "privacy": "none", "labels": labels}).json()
        parts = [("files", (path.name, path.read_bytes())) for path in files]
        job = client.post(f"/api/projects/{project['id']}/uploads", files=parts).json()
        until(lambda: client.get(f"/api/jobs/{job['id']}").json()["state"] == "done", "the import ends")
        volume = client.get(f"/api/jobs/{job['id']}").json()["result"]["series"][0]["volume_id"]
        label = project["labels"][0]["id"]
        annotation = client.post("/api/annotations", json={"volume_id": volume, "label_id": label}).json()["id"]
        shown = np.flatnonzero(truth.sum(axis=(1, 2)) > 60)
        examples = [int(shown[len(shown) // 3]), int(shown[2 * len(shown) // 3])]
        revision = {
            "id": str(new_id()),
            "parent": None,
            "origin": "manual",
            "slices": [{"slice": k, "flips": masks.encode(truth[k])} for k in examples],
        }
        client.post(f"/api/annotations/{annotation}/revisions", json=revision).raise_for_status()
        yield Case(client, volume, label, annotation, truth)


def test_a_click_is_answered_beside_a_training_that_never_ends(installation: Installation, case: Case) -> None:
    encoded, never_seen = (int(k) for k in np.flatnonzero(case.truth.any(axis=(1, 2)))[[0, -1]])
    assert case.click(encoded).status_code == 200
    training, clicking = installation.worker("train,evaluate"), installation.worker("click")
    assert training.nice() > clicking.nice()
    if sys.platform == "linux" and Path("/proc/self/autogroup").exists():
        assert session_niceness(training) > session_niceness(clicking)

    training.suspend()  # it hangs, whether it has something to do or not
    try:
        assert case.click(never_seen).json()["cached"] is False
        job = case.start("learn_prompt")
        assert case.click(encoded).status_code == 200
    finally:
        training.resume()
    until(lambda: case.job(job)["progress"] > 0, "it learns")
    training.suspend()
    try:
        assert case.click(encoded).status_code == 200
        assert case.click(never_seen - 1).status_code == 200
        assert case.job(job)["state"] == "running"
    finally:
        training.resume()

    # who is asked to stop in the middle of it gives the job back, and the next worker does it
    training.terminate()
    training.wait(PATIENCE_S)
    assert case.job(job)["state"] == "queued"
    until(lambda: case.job(job)["state"] != "queued", "the next worker takes it")
    case.client.delete(f"/api/jobs/{job['id']}").raise_for_status()
    until(lambda: case.job(job)["state"] == "cancelled", "it is cancelled")


def session_niceness(process: psutil.Process) -> int:
    return int(Path(f"/proc/{process.pid}/autogroup").read_text().split()[-1])


def test_the_worker_is_killed_in_trainings(installation: Installation, case: Case) -> None:
    proposing = case.start("auto_segment")
    until(lambda: case.job(proposing) and any(p["voxels"] > 0 for p in case.proposals()), "proposals arrive")
    found = next(proposal["slice"] for proposal in case.proposals() if proposal["voxels"] > 0)
    head = case.accept(parent=case.drawn()[0], slices=[found])
    before = case.drawn()
    installation.worker("train,evaluate").kill()
    assert case.job(proposing)["state"] == "running"
    learning = case.start("learn_prompt")
    until(lambda: case.job(learning)["progress"] > 0, "the next worker learns")
    installation.worker("train,evaluate").kill()
    assert case.job(learning)["state"] == "running"

    until(lambda: case.job(proposing)["state"] == "done", "proposing is done again")
    until(lambda: case.job(learning)["state"] == "done", "learning is done again")
    assert case.drawn() == before and before[0] == head
    assert set(Counter(proposal["slice"] for proposal in case.proposals()).values()) == {1}
    assert {p["slice"] for p in case.proposals()} == set(range(SHAPE_KJI[0])) - {int(k) for k in before[1]}
    learned = case.client.get(f"/api/volumes/{case.volume}/learning").json()["items"][0]
    assert learned["newest"]["id"] == case.job(learning)["result"]["learned_prompt_id"]


def test_redis_is_wiped_while_proposals_arrive(installation: Installation, case: Case) -> None:
    proposing = case.start("auto_segment")
    waiting = case.start("propagate", slice=int(next(iter(case.drawn()[1]))), most_slices=1)
    until(lambda: {p["job_id"] for p in case.proposals()} >= {proposing["id"]}, "proposals arrive")
    environment = installation.worker("train,evaluate").environ()
    for name in ("SAMMED_REDIS_URL", "SAMMED_CACHE_REDIS_URL"):
        with redis.Redis.from_url(environment[name]) as server:
            server.flushall()
    until(lambda: case.job(proposing)["state"] == "done", "proposing ends")
    until(lambda: case.job(waiting)["state"] == "done", "the job that Redis forgot is done")

    free = set(range(SHAPE_KJI[0])) - {int(k) for k in case.drawn()[1]}
    assert Counter(p["slice"] for p in case.proposals()) == dict.fromkeys(free, 1)
    assert {p["job_id"] for p in case.proposals()} == {proposing["id"], waiting["id"]}
    shown = case.client.get(f"/api/volumes/{case.volume}/learning").json()["items"][0]
    assert {job["state"] for job in shown["jobs"]} == {"done"}
    until(lambda: case.click(int(np.flatnonzero(case.truth.any(axis=(1, 2)))[0])).status_code == 200, "clicks work")
