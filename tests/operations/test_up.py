"""`sammed up` from outside: one real installation, used, hurt, and stopped."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import nibabel as nib
import numpy as np
import psutil
import pytest
from pycocotools import mask as mask_utils

from backend.domain.ids import new_id
from tests.operations.installation import TOKEN, Installation, free_port, running

pytestmark = pytest.mark.timeout(600)


def sammed(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("installation") / "data") as started:
        yield started


def test_it_serves_requests_when_it_says_ready(installation: Installation) -> None:
    assert httpx.get(f"{installation.url}/healthz").status_code == 200
    assert httpx.get(f"{installation.url}/readyz").status_code == 200
    workers = installation.wait_for_workers()
    assert set(workers) == {"click", "encode", "train", "evaluate", "io"}


def test_the_bootstrap_token_is_the_first_administrators(installation: Installation) -> None:
    with installation.client() as client:
        assert client.get("/api/me").json()["is_admin"] is True
    assert httpx.get(f"{installation.url}/api/me").status_code == 401


def test_the_printed_address_signs_in_once(installation: Installation) -> None:
    assert installation.login_url.startswith(f"{installation.url}/login?token=")
    (token,) = parse_qs(urlsplit(installation.login_url).query)["token"]
    first = httpx.post(f"{installation.url}/api/auth/one-time", json={"token": token}, headers={"X-Sammed-CSRF": "1"})
    assert first.status_code == 200
    assert first.json()["must_set_password"] is True
    again = httpx.post(f"{installation.url}/api/auth/one-time", json={"token": token}, headers={"X-Sammed-CSRF": "1"})
    assert again.status_code == 401


def test_it_listens_on_this_machine_only(installation: Installation) -> None:
    pids = {installation.process.pid, *(process.pid for process in installation.family)}
    listening = [c.laddr.ip for c in psutil.net_connections("inet") if c.pid in pids and c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert stat.S_IMODE(installation.data_dir.stat().st_mode) == 0o700


def test_a_second_one_on_the_same_folder_is_refused(installation: Installation) -> None:
    refused = sammed("up", "--no-browser", "--port", str(free_port()), "--data-dir", str(installation.data_dir))
    assert refused.returncode == 1
    assert f"in use by process {installation.process.pid} " in refused.stderr
    assert "--data-dir" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_in_use_is_refused_before_anything_starts(installation: Installation, tmp_path: Path) -> None:
    port = str(urlsplit(installation.url).port)
    refused = sammed("up", "--no-browser", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert refused.returncode == 1
    assert f"listens on port {port}" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_people_are_managed_while_it_runs(installation: Installation) -> None:
    folder = ("--data-dir", str(installation.data_dir))
    added = sammed("user", "add", "ada@example.org", "--name", "Ada", *folder)
    assert added.returncode == 0, added.stderr
    assert f"{installation.url}/login?token=" in added.stdout
    listed = sammed("user", "list", *folder)
    assert "ada@example.org\tAda\n" in listed.stdout
    assert "administrator" in listed.stdout
    twice = sammed("user", "add", "ada@example.org", *folder)
    assert twice.returncode == 1
    assert "Traceback" not in twice.stderr


def test_images_go_in_and_masks_come_out_on_the_command_line(installation: Installation, tmp_path: Path) -> None:
    """A folder with a volume and a file that is none; a mask accepted over HTTP; the exported file has its voxels."""
    folder = ("--data-dir", str(installation.data_dir))
    scans = tmp_path / "scans"
    scans.mkdir()
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    nib.save(nib.Nifti1Image(np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6), affine), scans / "head.nii.gz")
    (scans / "notes.txt").write_text("no image")
    installation.wait_for_workers()
    sent = sammed("import", str(scans), "--project", "From the shell", *folder)
    assert sent.returncode == 0, sent.stderr
    [line] = [line for line in sent.stdout.splitlines() if "head.nii.gz" in line]
    assert line.split()[:5] == ["head.nii.gz", "imported", "1", "1", "6"]
    assert "skipped: notes.txt" in sent.stdout

    with installation.client() as client:
        (project,) = [p for p in client.get("/api/projects").json()["items"] if p["name"] == "From the shell"]
        (case,) = client.get(f"/api/projects/{project['id']}/cases").json()["items"]
        refused = sammed("export", case["id"], "--out", str(tmp_path), *folder)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
        _accept_one_voxel(client, project["id"], case)
        assert [token["name"] for token in client.get("/api/tokens").json()["items"]] == ["bootstrap"]

    written = sammed("export", case["id"], "--format", "nifti", "--out", str(tmp_path / "masks"), *folder)
    assert written.returncode == 0, written.stderr
    (mask,) = _images(Path(written.stdout.strip()), tmp_path / "unpacked")
    assert mask.affine == pytest.approx(affine)
    assert np.count_nonzero(np.asarray(mask.dataobj)) == 1

    (file,) = (tmp_path / "unpacked").rglob("*.nii.gz")
    planned = sammed("masks", "import", case["id"], str(file), "--dry-run", *folder)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.strip().split("\t")[1:] == ["Spot", "0.02 ml", "Spot"]
    taken = sammed("masks", "import", case["id"], str(file), *folder)
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.endswith("\t0 slices\n")  # the very same mask is there already


def test_a_manager_needs_no_page(installation: Installation, tmp_path: Path) -> None:
    """A project made, somebody invited, cases dealt, moved on, packed and brought in again: all on the command line."""
    remote = {"SAMMED_TOKEN": TOKEN, "SAMMED_URL": installation.url}

    def manage(*words: str) -> str:
        done = sammed(*words, **remote)
        assert done.returncode == 0, done.stderr
        return done.stdout

    project = manage("project", "create", "Shell", "--label", "Liver=#dd8265", "--label", "Spot").strip()
    assert f"{project}\tShell\t0 cases\tmanager\n" in manage("project", "list")
    scan = tmp_path / "head.nii.gz"
    nib.save(nib.Nifti1Image(np.arange(4 * 5 * 7, dtype=np.int16).reshape(4, 5, 7), np.eye(4)), scan)
    installation.wait_for_workers()
    sent = json.loads(manage("import", str(scan), "--project", "Shell", "--json"))
    assert [file["outcome"] for file in sent["files"]] == ["imported"]
    assert "/login?token=" in manage("people", "invite", "eve@shell.example.org", "--project", "Shell")
    assert "invited" in manage("people", "list", "--search", "eve@")
    assert manage("cases", "assign", "Shell", "--to", "eve@shell.example.org", "--assignee", "nobody") == "1 changed\n"
    manage("cases", "state", "Shell", "submitted", "--assignee", "eve@shell.example.org")
    (case,) = json.loads(manage("cases", "list", "Shell", "--state", "submitted", "--json"))
    assert case["assignee"]["email"] == "eve@shell.example.org"
    assert "is deactivated" in manage("people", "deactivate", "eve@shell.example.org")
    packed = Path(manage("project", "export", "Shell", "--out", str(tmp_path)).strip())
    copy = json.loads(manage("project", "import", str(packed), "--name", "Shell again", "--json"))
    assert (copy["name"], copy["people_kept"]) == ("Shell again", 0)
    (again,) = json.loads(manage("cases", "list", copy["project_id"], "--json"))
    assert (again["state"], again["assignee"]) == (case["state"], case["assignee"])

    here_already = sammed("project", "import", str(packed), **remote)
    assert here_already.returncode == 1 and "another name" in here_already.stderr
    wrong = [
        ("project", "export", "Nowhere"),
        ("people", "deactivate", "nobody@example.org"),
        ("project", "import", "x"),
    ]
    for words in [*wrong, ("cases", "state", "Shell", "eaten")]:
        refused = sammed(*words, **remote)
        assert refused.returncode == 2 and "Traceback" not in refused.stderr, words


def _accept_one_voxel(client: httpx.Client, project_id: str, case: dict[str, Any]) -> None:
    label = client.post(
        f"/api/projects/{project_id}/labels", json={"name": "Spot", "color": "#e6194b", "value": 7}
    ).json()
    volume = client.get(f"/api/volumes/{case['volumes'][0]['id']}").json()
    _, rows, columns = volume["shape_kji"]
    flips = np.zeros((rows, columns), dtype=np.uint8, order="F")
    flips[1, 2] = 1
    rle = mask_utils.encode(flips)
    drawn = {"size": [rows, columns], "counts": rle["counts"].decode()}
    annotation = client.post("/api/annotations", json={"volume_id": volume["id"], "label_id": label["id"]}).json()
    revision = {"id": str(new_id()), "parent": None, "origin": "manual", "slices": [{"slice": 2, "flips": drawn}]}
    stored = client.post(f"/api/annotations/{annotation['id']}/revisions", json=revision)
    assert stored.status_code == 201, stored.text


def _images(path: Path, unpacked: Path) -> list[nib.Nifti1Image]:
    """The NIfTI files of an export: one file, or those in the archive."""
    if path.suffix != ".zip":
        return [nib.load(path)]
    with zipfile.ZipFile(path) as archive:
        archive.extractall(unpacked)
    return [nib.load(file) for file in sorted(unpacked.rglob("*.nii.gz"))]


def test_import_and_export_say_what_is_missing(tmp_path: Path) -> None:
    nobody = sammed("import", str(tmp_path), "--project", "P", "--data-dir", str(tmp_path))
    assert nobody.returncode == 1
    assert "sammed up" in nobody.stderr
    no_token = sammed("export", "x", "--url", "http://127.0.0.1:1")
    assert no_token.returncode == 2
    assert "SAMMED_TOKEN" in no_token.stderr
    unreachable = sammed("export", "x", "--url", "http://127.0.0.1:1", SAMMED_TOKEN="t")
    assert unreachable.returncode == 1
    assert "No answer from http://127.0.0.1:1" in unreachable.stderr


def test_a_dead_worker_is_reported_and_replaced(installation: Installation) -> None:
    installation.wait_for_workers()
    victim = installation.worker("io")
    victim.kill()
    report = installation.log.wait_for("died and is started again", 30)
    assert "worker io 1" in report
    installation.log.wait_for('"process": "worker io 1"', 30)
    assert installation.worker("io").pid != victim.pid
    assert httpx.get(f"{installation.url}/healthz").status_code == 200


def test_dead_private_servers_are_revived(installation: Installation) -> None:
    names = ("postgres", "redis-server", "valkey-server")
    servers = [p for p in psutil.Process(installation.process.pid).children() if p.name() in names]
    assert len(servers) == 3
    for server in servers:
        server.kill()
    reports = [installation.log.wait_for("died and was started again", 60) for _ in servers]
    assert [word for word in ("postgres", "redis-queue", "redis-cache") if not any(word in r for r in reports)] == []
    with installation.client() as client:
        assert client.get("/api/me").json()["is_admin"] is True  # the data is still there


def test_kill_9_leaves_nothing_running_and_the_next_start_recovers(installation: Installation) -> None:
    """The last test of the installation; the start that follows stops in order, which is the other half."""
    family = installation.family
    assert len(family) > 8
    installation.process.kill()
    _, left = psutil.wait_procs(family, timeout=60)
    assert alive(left) == []
    assert (installation.data_dir / "postgres" / "PG_VERSION").exists()
    with running(installation.data_dir) as second:
        with second.client() as client:
            assert client.get("/api/me").json()["is_admin"] is True
            kept = {project["name"] for project in client.get("/api/projects").json()["items"]}
            assert "From the shell" in kept
        family = second.family
        assert len(family) > 8
        assert second.stop(signal.SIGINT) == 0
        _, left = psutil.wait_procs(family, timeout=10)
        assert alive(left) == []
        assert not (installation.data_dir / "address").exists()


def test_a_wrong_setting_is_named() -> None:
    refused = sammed("up", SAMMED_PORT="eighty")
    assert refused.returncode == 2
    assert "SAMMED_PORT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_serving_alone_needs_addresses() -> None:
    refused = sammed("serve")
    assert refused.returncode == 2
    assert "SAMMED_DATABASE_URL" in refused.stderr
    assert TOKEN not in refused.stderr
