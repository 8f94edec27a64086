"""Nothing is lost: a worker killed in the middle of an import, Redis wiped, everything killed and started again."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from backend.domain.ids import new_id
from backend.imaging import masks
from backend.imaging.phantom import LIVER, Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.operations.installation import Installation, running

PATIENCE_S = 150.0


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture
def installation(data_dir: Path) -> Iterator[Installation]:
    with running(data_dir) as started:
        yield started


def series(folder: Path, seed: int) -> tuple[Phantom, list[tuple[str, tuple[str, bytes]]]]:
    phantom = abdominal_phantom((60, 256, 256), (4.0, 1.5, 1.5), seed=seed)
    files = write_dicom_series(phantom, folder)
    return phantom, [("files", (path.name, path.read_bytes())) for path in files]


def until_over(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, f"the job does not end: {job}"
        time.sleep(0.1)  # polls another process
        job = client.get(f"/api/jobs/{job['id']}").json()
    return job


def test_a_worker_killed_in_an_import_costs_time_and_nothing_else(installation: Installation, tmp_path: Path) -> None:
    _, files = series(tmp_path, seed=1)
    with installation.client() as client:
        project = client.post("/api/projects", json={"name": "Killed", "privacy": "none", "labels": []}).json()
        job = client.post(f"/api/projects/{project['id']}/uploads", files=files).json()
        deadline = time.monotonic() + PATIENCE_S
        while job["state"] == "queued":
            assert time.monotonic() < deadline
            job = client.get(f"/api/jobs/{job['id']}").json()
        installation.worker("io").kill()
        job = until_over(client, job)
        assert job["state"] == "done", job
        cases = client.get(f"/api/projects/{project['id']}/cases").json()["items"]
        assert len(cases) == 1 and len(cases[0]["volumes"]) == 1


def test_redis_wiped_the_waiting_import_is_done_all_the_same(installation: Installation, tmp_path: Path) -> None:
    _, files = series(tmp_path, seed=2)
    worker = installation.worker("io")
    with installation.client() as client:
        project = client.post("/api/projects", json={"name": "Wiped", "privacy": "none", "labels": []}).json()
        worker.suspend()  # so that the job is still waiting when Redis forgets it
        try:
            job = client.post(f"/api/projects/{project['id']}/uploads", files=files).json()
            with redis.Redis.from_url(worker.environ()["SAMMED_REDIS_URL"]) as queue:
                queue.flushall()
        finally:
            worker.resume()
        job = until_over(client, job)
        assert job["state"] == "done", job


def test_what_was_accepted_survives_kill_minus_nine_of_everything(data_dir: Path, tmp_path: Path) -> None:
    phantom, files = series(tmp_path, seed=3)
    liver = phantom.mask(LIVER)
    with running(data_dir) as first:
        with first.client() as client:
            project = client.post(
                "/api/projects",
                json={"name": "Survives", "privacy": "none", "labels": [{"name": "Liver", "color": "#dd8265"}]},
            ).json()
            job = client.post(f"/api/projects/{project['id']}/uploads", files=files).json()
            (made,) = until_over(client, job)["result"]["series"]
            annotation = client.post(
                "/api/annotations", json={"volume_id": made["volume_id"], "label_id": project["labels"][0]["id"]}
            ).json()
            revision = {
                "id": str(new_id()),
                "parent": None,
                "origin": "manual",
                "slices": [{"slice": 30, "flips": masks.encode(liver[30])}],
            }
            client.post(f"/api/annotations/{annotation['id']}/revisions", json=revision).raise_for_status()
        family = first.family
        first.process.send_signal(signal.SIGKILL)
        for process in family:
            if process.is_running():
                process.kill()
        first.process.wait(30)
    with running(data_dir) as second, second.client() as client:
        found = client.get(f"/api/annotations/{annotation['id']}/masks").json()
        assert found["head"] == revision["id"]
        assert masks.decode(found["slices"]["30"]).sum() == liver[30].sum()
