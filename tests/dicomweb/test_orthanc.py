"""Orthanc, an archive by others, pushes to us and retrieves from us; we pull from it and push results to it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pydicom
import pytest

from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.privacy import Privacy
from backend.imaging import masks
from backend.services.projects import LabelDraft
from backend.settings import RemoteServer
from tests.dicomweb.conftest import PATIENCE_S, SLICES, TOKEN, Server, write_study
from tests.operations.orthanc import Orthanc, is_installed, running_orthanc


@pytest.fixture(scope="module")
def orthanc(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    if not is_installed():
        pytest.skip("no Orthanc with DICOMweb: install Debian's packages orthanc and orthanc-dicomweb")
    us = {"Url": f"http://127.0.0.1:{port}/dicom-web/", "Username": "orthanc", "Password": TOKEN}
    with running_orthanc(tmp_path_factory.mktemp("orthanc"), {"sammed": us}) as started:
        yield started


@pytest.fixture(scope="module")
def remote_servers(orthanc: Orthanc) -> dict[str, RemoteServer]:
    return {"orthanc": RemoteServer(url=f"{orthanc.url}/dicom-web"), "gone": RemoteServer(url="http://127.0.0.1:9")}


def _wait(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.2)  # polls another process


def _add(orthanc: Orthanc, datasets: list[pydicom.FileDataset]) -> str:
    """Store by Orthanc's own interface; the archive's id of the study."""
    for dataset in datasets:
        answer = orthanc.client.post("/instances", content=Path(dataset.filename).read_bytes())
        assert answer.is_success, answer.text
    return str(answer.json()["ParentStudy"])


def _finished(client: httpx.Client, job: httpx.Response) -> dict[str, Any]:
    assert job.status_code == 202, job.text
    found: dict[str, Any] = job.json()

    def over() -> bool:
        found.update(client.get(f"/api/jobs/{found['id']}").json())
        return found["state"] not in ("queued", "running")

    _wait(over)
    return found


def test_orthanc_pushes_a_study_and_retrieves_it(server: Server, orthanc: Orthanc, tmp_path: Path) -> None:
    datasets = write_study(tmp_path, seed=11)
    study = _add(orthanc, datasets)
    pushed = orthanc.client.post("/dicom-web/servers/sammed/stow", json={"Resources": [study], "Synchronous": True})
    assert pushed.is_success, pushed.text
    server.wait_for_volume(datasets[0].StudyInstanceUID, SLICES)
    orthanc.client.delete(f"/studies/{study}")
    assert orthanc.instances() == 0
    uid = datasets[0].StudyInstanceUID
    question = {"Uri": "/studies", "Arguments": {"PatientID": "P-11"}}
    found = orthanc.client.post("/dicom-web/servers/sammed/qido", json=question).json()
    assert uid in json.dumps(found) and len(found) == 1
    wanted = {"Resources": [{"Study": uid}], "Synchronous": True}
    retrieved = orthanc.client.post("/dicom-web/servers/sammed/retrieve", json=wanted)
    assert retrieved.is_success, retrieved.text
    assert orthanc.instances() == SLICES


def test_orthanc_takes_a_warning_for_a_success(server: Server, orthanc: Orthanc, tmp_path: Path) -> None:
    """Where the policy replaces attributes, we answer 202 and B000."""
    admin = server.services.accounts.administrator()
    project = server.services.projects.create(admin, "Cleaned", "", [], Privacy.FULL).project
    url = f"{server.url}/dicom-web/projects/{project.id}/"
    cleaned = {"Url": url, "Username": "orthanc", "Password": TOKEN}
    assert orthanc.client.put("/dicom-web/servers/cleaned", json=cleaned).is_success
    study = _add(orthanc, write_study(tmp_path, seed=13))
    pushed = orthanc.client.post("/dicom-web/servers/cleaned/stow", json={"Resources": [study], "Synchronous": True})
    assert pushed.is_success, pushed.text
    orthanc.client.delete(f"/studies/{study}")
    with server.client() as client:
        [found] = client.get(f"{url}studies", headers={"Accept": "application/dicom+json"}).json()
        assert found["00201208"]["Value"] == [SLICES] and found["00100020"]["Value"][0].startswith("P-")


def test_a_study_is_found_pulled_and_its_result_pushed_back(server: Server, orthanc: Orthanc, tmp_path: Path) -> None:
    datasets = write_study(tmp_path, seed=12)
    _add(orthanc, datasets)
    before = orthanc.instances()
    servers = f"/api/projects/{server.project_id}/dicom-servers"
    with server.client() as client:
        assert client.get(servers).json() == {"items": ["gone", "orthanc"]}
        answer = client.post(
            f"{servers}/orthanc/search", json={"patient_id": "P-1?", "patient_name": "doe*", "limit": 1}
        )
        assert len(answer.json()["items"]) == 1 and answer.json()["more"], "there are two such patients"
        answer = client.post(f"{servers}/orthanc/search", json={"patient_id": "*12", "limit": 1})
        assert answer.status_code == 200, answer.text
        [found] = answer.json()["items"]
        assert found["patient_name"] == "Doe^Planted" and found["instances"] == SLICES and not answer.json()["more"]
        pulled = _finished(client, client.post(f"{servers}/orthanc/pull", json={"study_uids": [found["study_uid"]]}))
        imports = pulled["result"].pop("imports")
        assert pulled["result"] == {"studies": 1, "stored": SLICES, "refused": 0}, pulled
        assert [client.get(f"/api/jobs/{job_id}").json()["kind"] for job_id in imports] == ["import"]
        volume = server.wait_for_volume(found["study_uid"], SLICES)
        case_id = _draw(server, UUID(str(volume["id"])))
        pushed = _finished(client, client.post(f"/api/cases/{case_id}/push", json={"server": "orthanc"}))
        assert pushed["result"] == {"stored": 1}, pushed
        assert orthanc.instances() == before + 1
        failed = _finished(client, client.post(f"{servers}/gone/pull", json={"study_uids": [found["study_uid"]]}))
        assert failed["problem"]["code"] == "remote_server_failed"


def _draw(server: Server, volume_id: UUID) -> UUID:
    """A mask on one slice; the case that it is in."""
    services = server.services
    admin = services.accounts.administrator()
    label = services.projects.add_label(admin, UUID(server.project_id), LabelDraft("organ", "#aabbcc"))
    annotation = services.annotations.create(admin, volume_id, label.id, None).annotation
    region = np.zeros((48, 48), dtype=np.bool_)
    region[10:20, 10:20] = True
    change = SliceFlips(2, region.shape, masks.encode(region)["counts"])
    draft = RevisionDraft(id=new_id(), parent=None, origin=Origin.MANUAL, slices=(change,))
    services.annotations.append(admin, annotation.id, draft)
    return services.volumes.get(admin, volume_id).volume.case_id
