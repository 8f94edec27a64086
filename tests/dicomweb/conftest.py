"""A real web server process and a real worker, for peers that speak DICOM over the network."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pydicom
import pytest

from backend.domain.privacy import Privacy
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.settings import RemoteServer, Settings
from backend.wiring import Services, build_services
from tests.operations.installation import free_port

TOKEN = "a-token-for-the-tests-of-dicomweb"
PATIENCE_S = 120.0
SLICES = 6


@dataclass(frozen=True)
class Server:
    """A running web server with one worker of the queue `io`, and the only project in it."""

    url: str
    project_id: str
    services: Services
    settings: Settings

    @property
    def dicomweb_url(self) -> str:
        return f"{self.url}/dicom-web/projects/{self.project_id}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE_S)

    def wait_for_volume(self, study_uid: str, slices: int) -> dict[str, object]:
        """The only volume of the case that the study became, once it has all its slices."""
        deadline, cases = time.monotonic() + PATIENCE_S, []
        with self.client() as client:
            while time.monotonic() < deadline:
                cases = client.get(f"/api/projects/{self.project_id}/cases").json()["items"]
                for case in cases:
                    whole = client.get(f"/api/cases/{case['id']}").json()
                    depths = [volume["shape_kji"][0] for volume in whole["volumes"]]
                    if whole["study"].get("study_instance_uid") == study_uid and depths == [slices]:
                        return dict(whole["volumes"][0])
                time.sleep(0.2)  # polls another process
        raise AssertionError(f"the study did not become a case with one volume of {slices} slices: {cases}")


@pytest.fixture(scope="module")
def services(settings: Settings) -> Iterator[Services]:
    built = build_services(settings)
    built.accounts.bootstrap(TOKEN)
    yield built
    built.close()


@pytest.fixture(scope="module")
def port() -> int:
    """Where the server will listen."""
    return free_port()


@pytest.fixture(scope="module")
def remote_servers() -> dict[str, RemoteServer]:
    """The DICOMweb servers that this one can pull from; a module that has some overrides this."""
    return {}


@pytest.fixture(scope="module")
def server(
    services: Services,
    settings: Settings,
    port: int,
    remote_servers: dict[str, RemoteServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    admin = services.accounts.administrator()
    project = services.projects.create(admin, "Received", "", [], Privacy.NONE).project
    known = settings.model_copy(update={"dicomweb_servers": remote_servers})
    log = tmp_path_factory.mktemp("server") / "log"
    environment = {**os.environ, **known.environment(), "SAMMED_PORT": str(port), "SAMMED_LOG_LEVEL": "debug"}
    environment["SAMMED_URL"] = f"http://127.0.0.1:{port}"  # dicomweb-client sends a Host without the port
    commands = (["backend", "serve"], ["workers", "worker", "--queues", "io"])
    with log.open("w") as output:
        processes = [
            subprocess.Popen([sys.executable, "-m", *words], env=environment, stdout=output, stderr=output)
            for words in commands
        ]
        made = Server(f"http://127.0.0.1:{port}", str(project.id), services, settings)
        try:
            _wait_until_it_answers(made.url, processes, log)
            yield made
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=30)
    assert "Doe^Planted" not in log.read_text(), "the log names a patient"


def _wait_until_it_answers(url: str, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes), f"a process ended:\n{log.read_text()}"
        try:
            if httpx.get(f"{url}/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer:\n{log.read_text()}")


def write_study(folder: Path, seed: int) -> list[pydicom.FileDataset]:
    """A small CT of a patient named Doe^Planted, in a study of its own."""
    paths = write_dicom_series(abdominal_phantom((SLICES, 48, 48), (20.0, 8.0, 8.0), seed=seed), folder)
    datasets = []
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.PatientName = "Doe^Planted"
        dataset.PatientID = f"P-{seed}"
        dataset.StudyTime = "101530"
        dataset.save_as(path)
        datasets.append(dataset)
    return datasets
