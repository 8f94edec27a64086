"""Nothing of a patient anywhere: files that name one in every way come in on every way, everything is done with them
that can be, and then all that was written and said is searched."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from pynetdicom import AE

from backend.services.privacy import KEY_FILE
from tests.operations import planted
from tests.operations.installation import Installation, free_port, running

FORMATS = ("nifti", "nrrd", "dicom-seg", "rtstruct", "png", "coco")
LONGEST_JOB_S = 120


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("planted")) as started:
        started.wait_for_workers()
        yield started


class Way:
    """One project and everything that the server said about it: `said` (status, address, headers, body)."""

    def __init__(self, client: httpx.Client, policy: str) -> None:
        self.client = client
        self.said: list[tuple[str, bytes]] = []
        label = {"name": "Organ", "color": "#dd8265", "code": {"scheme": "SCT", "value": "1", "meaning": "Organ"}}
        made = self.ask(
            "POST", "/api/projects", json={"name": f"Policy {policy}", "privacy": policy, "labels": [label]}
        )
        self.id, self.label_id = made.json()["id"], made.json()["labels"][0]["id"]

    def ask(self, method: str, path: str, **about: Any) -> httpx.Response:
        answer = self.client.request(method, path, **about)
        heads = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.said.append((f"{method} {path.partition('?')[0]} {answer.status_code}\n{heads}", answer.content))
        assert answer.status_code < 500, f"{path}: {answer.text}"
        return answer

    def over(self, job: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + LONGEST_JOB_S
        while job["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, job
            time.sleep(0.1)  # another process works
            job = self.client.get(f"/api/jobs/{job['id']}").json()
        self.ask("GET", f"/api/jobs/{job['id']}")
        return job

    def upload(self, files: list[Path]) -> dict[str, Any]:
        parts = [("files", (f"{planted.MARK} dir/{file.name}", file.read_bytes())) for file in files]
        return self.over(self.ask("POST", f"/api/projects/{self.id}/uploads", files=parts).json())

    def store(self, files: list[Path]) -> httpx.Response:
        """STOW-RS. The answer names objects to the sender as the sender did, so it is not searched."""
        boundary = "between-objects"
        parts = [b"Content-Type: application/dicom\r\n\r\n" + file.read_bytes() for file in files]
        body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        answer = self.client.post(
            f"/dicom-web/projects/{self.id}/studies",
            content=body + b"--" + boundary.encode() + b"--\r\n",
            headers={"Content-Type": kind, "Accept": "application/dicom+json"},
        )
        assert answer.status_code < 500, answer.text
        return answer

    def cases(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", f"/api/projects/{self.id}/cases").json()["items"])

    def draw(self, case: dict[str, Any]) -> None:
        """A square on the first slice of every volume."""
        for volume in case["volumes"]:
            _, rows, columns = volume["shape_kji"]
            body = {"volume_id": volume["id"], "label_id": self.label_id}
            annotation = self.ask("POST", "/api/annotations", json=body).json()
            mask = {"size": [rows, columns], "counts": _square(rows, columns)}
            revision = {"id": _uuid(), "parent": None, "origin": "manual", "slices": [{"slice": 0, "flips": mask}]}
            self.ask("POST", f"/api/annotations/{annotation['id']}/revisions", json=revision).raise_for_status()

    def masks(self, cases: list[dict[str, Any]], files: list[Path]) -> None:
        """What another program drew, sent to the first case that it fits."""
        outcomes = set()
        options = json.dumps({"replace": True, "targets": [{"segment": "1", "label": "Organ"}]})
        for case in cases:
            parts = [("files", (f"{planted.MARK} masks/{file.name}", file.read_bytes())) for file in files]
            answer = self.ask("POST", f"/api/cases/{case['id']}/masks", files=parts, data={"options": options})
            if answer.status_code != 202:
                outcomes.add(answer.json()["code"])
                continue
            job = self.over(answer.json())
            outcomes |= {file["outcome"] for file in (job["result"] or {"files": []})["files"]}
        assert {"imported", "refused"} <= outcomes, outcomes

    def export_all(self, case: dict[str, Any]) -> set[str]:
        done = set()
        for format in FORMATS:
            body = {"kind": "export", "case_id": case["id"], "format": format}
            job = self.over(self.ask("POST", "/api/jobs", json=body).json())
            if job["state"] == "done":
                self.ask("GET", f"/api/jobs/{job['id']}/download")
                done.add(format)
        return done

    def read_all(self) -> None:
        """What the API tells of a project."""
        for path in ("", "/statistics", "/statistics.csv", "/labels/export", "/log", "/members", "/cases"):
            self.ask("GET", f"/api/projects/{self.id}{path}")
        self.ask("GET", f"/api/jobs?project_id={self.id}")
        self.ask("GET", f"/api/audit?project_id={self.id}")
        for case in self.cases():
            for path in ("", "/place", "/readers", "/comments"):
                self.ask("GET", f"/api/cases/{case['id']}{path}")
            for volume in case["volumes"]:
                self.ask("GET", f"/api/volumes/{volume['id']}")
        web = f"/dicom-web/projects/{self.id}"
        for study in self.ask("GET", f"{web}/studies?includefield=all").json():
            one = f"{web}/studies/{study['0020000D']['Value'][0]}"
            self.ask("GET", f"{one}/metadata")
            self.ask("GET", one, headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'})
            for instance in self.ask("GET", f"{one}/instances?includefield=all").json():
                at = f"{one}/series/{instance['0020000E']['Value'][0]}/instances/{instance['00080018']['Value'][0]}"
                self.ask("GET", at, headers={"Accept": "application/dicom"})
                self.ask("GET", f"{at}/metadata", headers={"Accept": "application/dicom+json"})
                self.ask("GET", f"{at}/rendered", headers={"Accept": "image/png"})

    def heard(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for head, body in self.said:
            if words := planted.said(head):
                found[head] = words
            found |= planted.in_bytes(body, head.partition("\n")[0])
        return found


def _uuid() -> str:
    from backend.domain.ids import new_id

    return str(new_id())


def _square(rows: int, columns: int) -> str:
    import numpy as np

    from backend.imaging import masks

    mask = np.zeros((rows, columns), bool)
    mask[2:5, 2:5] = True
    return masks.encode(mask)["counts"]


def address(installation: Installation, name: str) -> str:
    return installation.worker("io").environ()[name]


def node_says(installation: Installation, project_id: str, files: list[Path]) -> dict[str, list[str]]:
    """What is planted of what a node writes to its outputs while a modality sends to it by C-STORE."""
    port = free_port()
    words = [sys.executable, "-m", "backend", "dicom-node", "--project", project_id, "--port", str(port)]
    io = installation.worker("io").environ()
    node = subprocess.Popen(words, env=io, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert node.stdout is not None
    said = [node.stdout.readline()]
    while not said[-1].startswith("ready: "):
        assert said[-1], said
        said.append(node.stdout.readline())
    try:
        ours = AE(ae_title=planted.MARK[:16])
        datasets = [pydicom.dcmread(file, force=True) for file in files]
        for sop_class in {dataset.SOPClassUID for dataset in datasets}:
            ours.add_requested_context(sop_class)
        association = ours.associate("127.0.0.1", port, ae_title="SAMMED")
        assert association.is_established
        statuses = [association.send_c_store(dataset).Status for dataset in datasets]
        association.release()
        assert statuses == [0x0000] * len(files)
    finally:
        node.terminate()
    said += node.communicate(timeout=60)[0].splitlines()
    return planted.in_bytes("\n".join(said).encode(), "node")


@pytest.mark.parametrize("policy", ["retain-uids", "full"])
def test_nothing_that_was_planted_is_anywhere(installation: Installation, policy: str, tmp_path: Path) -> None:
    first = planted.dicom_series(tmp_path / "a", f"{policy}-1")
    second = planted.dicom_series(tmp_path / "b", f"{policy}-2")
    files = planted.other_files(tmp_path / "files")
    objects = planted.other_objects(tmp_path / "objects", first[0])
    broken = planted.broken_files(tmp_path / "broken", first[0], files)
    with installation.client() as client:
        client.timeout = 120
        way = Way(client, policy)
        whole = way.upload(first + files + objects)
        assert whole["state"] == "done"
        assert len(whole["result"]["series"]) == 5, whole["result"]
        stored = way.store(second + objects)
        assert stored.status_code == 202, stored.text  # attributes were replaced
        sent = planted.dicom_series(tmp_path / "c", f"{policy}-3")
        found: dict[str, Any] = {"said by the node": node_says(installation, way.id, sent)}
        refused = way.upload(broken)
        assert {file["outcome"] for file in refused["result"]["files"]} >= {"rejected"}
        way.store([file for file in broken if file.suffix == ".dcm"])
        for job in client.get(f"/api/jobs?project_id={way.id}").json()["items"]:
            way.over(job)
        cases = way.cases()
        assert len(cases) >= 5
        exported = set()
        for case in cases:
            way.draw(case)
            exported |= way.export_all(case)
        assert exported == set(FORMATS)
        archive = way.over(
            way.ask("POST", f"/api/projects/{way.id}/export", json={"images": True, "masks": True}).json()
        )
        packed = way.ask("GET", f"/api/jobs/{archive['id']}/download").content
        upload = {"files": (f"{planted.MARK}.zip", packed)}
        again = way.over(way.ask("POST", f"/api/projects/import?name=Again {policy}", files=upload).json())
        assert again["state"] == "done", again
        way.masks(cases, planted.masks(tmp_path / "masks", files))
        way.read_all()
        found["said over HTTP"] = way.heard()
    found["queue"] = planted.in_redis(address(installation, "SAMMED_REDIS_URL"))
    found["cache"] = planted.in_redis(address(installation, "SAMMED_CACHE_REDIS_URL"))
    found["database"] = planted.in_database(address(installation, "SAMMED_DATABASE_URL"))
    assert (installation.data_dir / KEY_FILE).exists()
    found["data folder"] = planted.in_folder(installation.data_dir)
    found["log"] = planted.in_bytes("\n".join(installation.log.heard()).encode(), "log")
    assert {where: what for where, what in found.items() if what} == {}


def test_images_that_are_kept_as_they_come_are_in_no_log(installation: Installation, tmp_path: Path) -> None:
    """Under `none` the images and what lists them say who the patient is; logs, addresses, payloads, messages and the
    texts of errors do not."""
    series = planted.dicom_series(tmp_path / "a", "none")
    files = planted.other_files(tmp_path / "files")
    broken = planted.broken_files(tmp_path / "broken", series[0], files)
    with installation.client() as client:
        client.timeout = 120
        way = Way(client, "none")
        whole = way.upload(series + files)
        assert planted.said(json.dumps(whole["result"]))  # the names of the files
        refused = way.upload(broken)
        way.store([file for file in broken if file.suffix == ".dcm"])
        for job in client.get(f"/api/jobs?project_id={way.id}").json()["items"]:
            way.over(job)
        for case in way.cases():
            way.draw(case)
            way.export_all(case)
        for query in (f"PatientName={planted.MARK}*", f"PatientID={planted.MARK}-id-none", f"Bad={planted.MARK}"):
            way.ask("GET", f"/dicom-web/projects/{way.id}/studies?{query}")
    told = [(file.get("code"), file.get("detail"), file.get("hint")) for file in refused["result"]["files"]]
    assert len({code for code, _, _ in told}) > 4
    found: dict[str, Any] = {"outcomes": planted.said(json.dumps(told))}
    columns = {"jobs.payload", "jobs.problem", "jobs.message", "jobs.subject", "audit_events.detail"}
    database = planted.in_database(address(installation, "SAMMED_DATABASE_URL"))
    assert any(column.startswith(("volumes.", "cases.")) for column in database)
    found["columns"] = sorted(
        name
        for table in database
        for name in (f"{table.partition('.')[0]}.{column}" for column in table.partition(".")[2].split(","))
        if name in columns
    )
    found["queue"] = planted.in_redis(address(installation, "SAMMED_REDIS_URL"))
    found["cache"] = planted.in_redis(address(installation, "SAMMED_CACHE_REDIS_URL"))
    found["keys"] = [key for path in (installation.data_dir / "objects").rglob("*") if planted.said(key := path.name)]
    found["logs"] = planted.in_folder(installation.data_dir / "logs")
    found["log"] = planted.in_bytes("\n".join(installation.log.heard()).encode(), "log")
    assert {where: what for where, what in found.items() if what} == {}


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    """Each file has something to find, else finding nothing would prove nothing."""
    series = planted.dicom_series(tmp_path / "a", "x")
    files = planted.other_files(tmp_path / "files")
    for file in [*series, *files, *planted.other_objects(tmp_path / "objects", series[0])]:
        assert planted.in_bytes(file.read_bytes(), "file"), file
    packed = json.dumps({"inside": planted.MARK}).encode()
    for coded in (packed, packed.hex().encode(), planted.base64.b64encode(packed), planted.gzip.compress(packed)):
        assert planted.in_bytes(coded, "packed")
