"""Benchmarks: run by `make bench`, each beside what a user would use instead, in one run; one table at the end.

They report and do not judge: a row that misses its target says so, and nothing fails because a machine was busy.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from rich.console import Console
from rich.table import Table

from tests.benchmarks.scanner import write_scanner_ct
from tests.operations.installation import Installation, running


@dataclass(frozen=True)
class Row:
    what: str
    ours: str
    beside: str
    target: str
    verdict: str


class Report:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, what: str, ours: str, *, beside: str = "", target: str = "", met: bool | None = None) -> None:
        verdict = "" if met is None else ("met" if met else "MISSED")
        self.rows.append(Row(what, ours, beside, target, verdict))


_report = Report()


@pytest.fixture(scope="session")
def report() -> Report:
    return _report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not _report.rows:
        return
    title = (
        f"{platform.processor() or platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}"
    )
    table = Table("what", "sammed", "beside it", "target", "", title=title, title_justify="left")
    for row in _report.rows:
        table.add_row(row.what, row.ours, row.beside, row.target, row.verdict)
    Console(file=sys.stdout, width=160).print(table)


def times_ms(act: Callable[[], Any], repeats: int, *, warm_up: int = 3) -> list[float]:
    """Milliseconds of each of `repeats` calls, after some that do not count."""
    for _ in range(warm_up):
        act()
    measured = []
    for _ in range(repeats):
        started = time.perf_counter()
        act()
        measured.append((time.perf_counter() - started) * 1000)
    return measured


def spread(milliseconds: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"{np.median(milliseconds):.1f} ms median, {np.percentile(milliseconds, 95):.1f} ms 95th"


@pytest.fixture(scope="session")
def ct_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A CT of 300 slices of 512 x 512 as DICOM files, uncompressed."""
    return write_scanner_ct(tmp_path_factory.mktemp("ct"))


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`sammed up` as a user starts it."""
    with running(tmp_path_factory.mktemp("data")) as started:
        yield started


@pytest.fixture(scope="session")
def client(installation: Installation) -> Iterator[httpx.Client]:
    with installation.client() as client:
        yield client


@dataclass(frozen=True)
class Imported:
    volume_id: str
    project_id: str
    seconds_upload: float
    seconds_stored: float


@pytest.fixture(scope="session")
def imported(client: httpx.Client, ct_files: list[Path]) -> Imported:
    """The CT, uploaded file by file in one request; the clock runs from the first byte to the finished job."""
    project = client.post("/api/projects", json={"name": "Benchmark", "privacy": "none", "labels": []}).json()
    files = [("files", (path.name, path.read_bytes())) for path in ct_files]
    started = time.perf_counter()
    job = client.post(f"/api/projects/{project['id']}/uploads", files=files, timeout=300).raise_for_status().json()
    uploaded = time.perf_counter()
    while job["state"] in ("queued", "running"):
        time.sleep(0.02)
        job = client.get(f"/api/jobs/{job['id']}").json()
    assert job["state"] == "done", job
    stored = time.perf_counter()
    (series,) = job["result"]["series"]
    return Imported(series["volume_id"], project["id"], uploaded - started, stored - started)
