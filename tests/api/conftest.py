"""The application over HTTP (in process), with real workers where a test needs them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.imaging.phantom import Phantom, abdominal_phantom
from backend.main import create_app
from backend.settings import Settings
from backend.wiring import Services, build_services

TOKEN = "a-token-for-the-tests-of-the-api"


@pytest.fixture(scope="module")
def services(settings: Settings) -> Iterator[Services]:
    built = build_services(settings)
    built.accounts.bootstrap(TOKEN)
    yield built
    built.close()


@pytest.fixture(scope="module")
def client(services: Services) -> Iterator[TestClient]:
    """The administrator, by token."""
    with TestClient(create_app(services), headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


@pytest.fixture(scope="module")
def anonymous(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield client


@contextmanager
def running_workers(settings: Settings, services: Services, log: Path, *queue_sets: str) -> Iterator[None]:
    """A real worker process for each set of queues; ready when all have announced themselves."""
    with log.open("w") as output:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "workers", "worker", "--queues", queues],
                env={**os.environ, **settings.environment()},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            for queues in queue_sets
        ]
        try:
            deadline = time.monotonic() + 280
            awaited = {queue for queues in queue_sets for queue in queues.split(",")}
            while not awaited <= {queue for queue, count in services.queue.worker_counts().items() if count}:
                assert all(p.poll() is None for p in processes), f"a worker ended:\n{log.read_text()}"
                assert time.monotonic() < deadline, f"no worker was announced:\n{log.read_text()}"
                time.sleep(0.2)  # polls a process that has no other way to tell
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=30)


@pytest.fixture(scope="module")
def workers(settings: Settings, services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Real worker processes on all queues. Learning that nobody asked for is off: it would hold the worker of `io`."""
    services.accounts.change_me(services.accounts.administrator(), auto_learn=False)
    log = tmp_path_factory.mktemp("workers") / "log"
    with running_workers(settings, services, log, "click,encode", "io,train,evaluate"):
        yield


@pytest.fixture(scope="module")
def wait(client: TestClient) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Wait for the end of a job."""

    def until_over(job: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while job["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, f"the job does not end: {job}"
            time.sleep(0.1)  # polls another process
            job = client.get(f"/api/jobs/{job['id']}").json()
        return job

    return until_over


@pytest.fixture(scope="module")
def project(client: TestClient) -> dict[str, Any]:
    labels = [
        {"name": "Liver", "color": "#dd8265", "code": {"scheme": "SCT", "value": "10200004", "meaning": "Liver"}},
        {"name": "Left kidney", "color": "#b96653", "shortcut": "2"},
    ]
    response = client.post("/api/projects", json={"name": "Abdomen", "privacy": "none", "labels": labels})
    assert response.status_code == 201, response.text
    return dict(response.json())


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """A small abdominal CT with known organs."""
    return abdominal_phantom(shape_kji=(20, 128, 128), spacing_kji_mm=(12.0, 3.0, 3.0))


@pytest.fixture(scope="session")
def phantom_zip(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The phantom as a zip of DICOM files."""
    from backend.imaging.phantom_files import write_dicom_series

    folder = tmp_path_factory.mktemp("phantom")
    write_dicom_series(phantom, folder)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(Path(folder).rglob("*.dcm")):
            archive.write(path, f"phantom/{path.name}")
    return packed.getvalue()
