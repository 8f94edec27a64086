"""A CT on its way in: STOW-RS and `sammed import` beside Orthanc with its DICOMweb plugin, which gets the very same
requests, and dcm2niix on the same files. Each measured by turns, the median of ROUNDS."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

import httpx
import numpy as np
import psutil
import pytest

from tests.benchmarks.conftest import Report, spread, times_ms
from tests.benchmarks.scanner import variant, write_compressed
from tests.operations.installation import TOKEN, Installation
from tests.operations.orthanc import Orthanc, is_installed, running_orthanc

pytestmark = pytest.mark.bench

ROUNDS = 3
COMPRESSED_SLICES = 60
PATIENCE_S = 300.0
BOUNDARY = "a-boundary-that-no-image-holds"


@dataclass
class Laps:
    """Seconds and processor seconds of one contestant, a lap for each round."""

    slices: int
    stored_s: list[float] = field(default_factory=list)
    viewable_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.slices / float(np.median(self.stored_s))

    def __str__(self) -> str:
        cpu_ms = f", {np.median(self.cpu_s) / self.slices * 1000:.1f} ms of processor each" if self.cpu_s else ""
        return f"{self.rate:.0f}/s{cpu_ms}"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc | None]:
    if not is_installed():
        yield None
        return
    with running_orthanc(tmp_path_factory.mktemp("orthanc"), {}) as started:
        yield started


@pytest.fixture(scope="module")
def compressed(ct_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_compressed(ct_files[:COMPRESSED_SLICES], tmp_path_factory.mktemp("compressed"))


def body_of(files: Sequence[bytes]) -> bytes:
    parts = [b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (BOUNDARY.encode(), file) for file in files]
    return b"".join([*parts, b"--%s--\r\n" % BOUNDARY.encode()])


def stow(url: str, body: bytes, **headers: str) -> float:
    """Seconds from the first byte to the answer. By the plainest client there is: it shares the processor."""
    address = urlparse(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE_S)
    kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    started = time.perf_counter()
    connection.request(
        "POST", address.path, body, {"Content-Type": kind, "Accept": "application/dicom+json", **headers}
    )
    answer = connection.getresponse()
    said = answer.read()
    seconds = time.perf_counter() - started
    connection.close()
    assert answer.status in (200, 202), said[:500]  # 202: the policy replaced attributes
    return seconds


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes if process.is_running())


def viewable_after(client: httpx.Client, project_id: str, slices: int, started: float) -> float:
    """Seconds since `started` when a slice of the only volume can be looked at."""
    while True:
        cases = client.get(f"/api/projects/{project_id}/cases").json()["items"]
        if cases and cases[0]["volumes"]:
            volume = client.get(f"/api/cases/{cases[0]['id']}").json()["volumes"][0]
            assert volume["shape_kji"][0] == slices
            client.get(f"/api/volumes/{volume['id']}/slices/0/{slices // 2}").raise_for_status()
            return time.perf_counter() - started
        assert time.perf_counter() - started < PATIENCE_S
        time.sleep(0.05)  # polls another process


def ours(installation: Installation, client: httpx.Client, policy: str, files: Sequence[bytes], laps: Laps) -> None:
    name = f"{policy} {len(files)} {len(laps.stored_s)}"
    project = client.post("/api/projects", json={"name": name, "privacy": policy, "labels": []}).json()
    body, family = body_of(files), installation.family
    before, started = cpu_s(family), time.perf_counter()
    url = f"{installation.url}/dicom-web/projects/{project['id']}/studies"
    laps.stored_s.append(stow(url, body, Authorization=f"Bearer {TOKEN}"))
    laps.cpu_s.append(cpu_s(family) - before)
    laps.viewable_s.append(viewable_after(client, project["id"], len(files), started))


def theirs(orthanc: Orthanc, files: Sequence[bytes], laps: Laps) -> None:
    before = cpu_s([orthanc.process])
    laps.stored_s.append(stow(f"{orthanc.url}/dicom-web/studies", body_of(files)))
    laps.cpu_s.append(cpu_s([orthanc.process]) - before)


def dcm2niix(folder: Path, target: Path) -> float:
    target.mkdir(parents=True, exist_ok=True)
    program = Path(sys.executable).with_name("dcm2niix")
    started = time.perf_counter()
    subprocess.run([program, "-z", "n", "-o", target, folder], check=True, capture_output=True, timeout=PATIENCE_S)
    return time.perf_counter() - started


def by_command(installation: Installation, folder: Path, project: str) -> float:
    """Seconds of `sammed import`, its start and the reading by the server included."""
    environment = {**os.environ, "SAMMED_URL": installation.url, "SAMMED_TOKEN": TOKEN}
    command = [sys.executable, "-m", "backend", "import", str(folder), "--project", project]
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=PATIENCE_S)
    return time.perf_counter() - started


@pytest.mark.parametrize("kind", ["uncompressed", "JPEG 2000"])
def test_a_ct_comes_in(
    kind: str,
    installation: Installation,
    client: httpx.Client,
    orthanc: Orthanc | None,
    ct_files: list[Path],
    compressed: list[Path],
    tmp_path: Path,
    report: Report,
) -> None:
    files = ct_files if kind == "uncompressed" else compressed
    contents = [path.read_bytes() for path in files]
    installation.wait_for_workers()
    laps = {name: Laps(len(files)) for name in ("none", "retain-uids", "orthanc")}
    converted, imported = [], []
    warm_up = [variant(content, 900) for content in contents[:3]]
    ours(installation, client, "retain-uids", warm_up, Laps(3))  # starts the process that cleans
    for turn in range(ROUNDS):
        for n, (name, lap) in enumerate(laps.items()):
            sent = [variant(content, 10 * (turn + 1) + n) for content in contents]
            if name != "orthanc":
                ours(installation, client, name, sent, lap)
            elif orthanc is not None:
                theirs(orthanc, sent, lap)
        folder = tmp_path / str(turn)
        folder.mkdir()
        for n, content in enumerate(contents):
            (folder / f"{n}.dcm").write_bytes(variant(content, 10 * (turn + 1) + 5))
        imported.append(by_command(installation, folder, f"by command {kind} {turn}"))
        converted.append(dcm2niix(folder, tmp_path / "nifti" / str(turn)))
    mark = 2 * laps["orthanc"].rate if orthanc is not None else 418.0
    beside = f"Orthanc: {laps['orthanc']}" if orthanc is not None else "Orthanc is not installed"
    what = f"CT, {len(files)} slices of 512 x 512, {kind}"
    for policy in ("none", "retain-uids"):
        report.add(
            f"{what}: STOW-RS to stored, privacy {policy}",
            str(laps[policy]),
            beside=beside,
            target=f">= 2 x Orthanc = {mark:.0f}/s",
            met=laps[policy].rate >= mark,
        )
        viewable_s = float(np.median(laps[policy].viewable_s))
        report.add(
            f"{what}: STOW-RS to viewable, privacy {policy}",
            f"{viewable_s:.2f} s",
            beside=f"dcm2niix, files to NIfTI: {np.median(converted):.2f} s",
            target="<= 2 s",
            met=viewable_s <= 2,
        )
    report.add(
        f"{what}: sammed import, from nothing to cases",
        f"{np.median(imported):.2f} s",
        beside=f"dcm2niix, files to NIfTI: {np.median(converted):.2f} s",
    )


def test_a_slice_goes_out(client: httpx.Client, orthanc: Orthanc | None, ct_files: list[Path], report: Report) -> None:
    """One after the other from the same images, each over a connection that is kept."""
    project = client.post("/api/projects", json={"name": "Slices", "privacy": "none", "labels": []}).json()
    sent = [variant(path.read_bytes(), 700) for path in ct_files]
    body, started = body_of(sent), time.perf_counter()
    stow(f"{client.base_url}/dicom-web/projects/{project['id']}/studies", body, Authorization=f"Bearer {TOKEN}")
    viewable_after(client, project["id"], len(sent), started)
    [case] = client.get(f"/api/projects/{project['id']}/cases").json()["items"]
    volume_id = client.get(f"/api/cases/{case['id']}").json()["volumes"][0]["id"]
    k = iter(range(len(sent)))
    mine = times_ms(lambda: client.get(f"/api/volumes/{volume_id}/slices/0/{next(k)}").raise_for_status(), 200)
    beside = "Orthanc is not installed"
    if orthanc is not None:
        stow(f"{orthanc.url}/dicom-web/studies", body)
        known, ids = orthanc.client, iter(orthanc.client.get("/instances").json())
        raw = times_ms(lambda: known.get(f"/instances/{next(ids)}/frames/0/raw").raise_for_status(), 200)
        beside = f"Orthanc, raw frame: {spread(raw)}"
    report.add(
        "slice 512 x 512 over HTTP",
        spread(mine),
        beside=beside,
        target="median <= 5 ms",
        met=bool(np.median(mine) <= 5),
    )
