"""Orthanc, a DICOM archive by others, with its DICOMweb plugin as a process: a peer in tests, a mark in benchmarks."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.operations.installation import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PATIENCE_S = 120.0


def is_installed() -> bool:
    """Debian's packages `orthanc` and `orthanc-dicomweb`."""
    return shutil.which("Orthanc") is not None and PLUGIN.exists()


@dataclass(frozen=True)
class Orthanc:
    """A running archive, empty at first."""

    client: httpx.Client
    url: str
    process: psutil.Process

    def instances(self) -> int:
        return int(self.client.get("/statistics").json()["CountInstances"])


@contextmanager
def running_orthanc(folder: Path, servers: Mapping[str, Any]) -> Iterator[Orthanc]:
    """With `servers`, the DICOMweb servers that it knows, as its configuration names them."""
    port = free_port()
    configuration = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": dict(servers)},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["Orthanc", str(path)], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        try:
            _wait(client)
            yield Orthanc(client, url, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(client: httpx.Client) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if client.get("/system").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)  # polls another process
    raise AssertionError("Orthanc does not answer")
