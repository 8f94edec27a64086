"""The DICOM node: what modalities and DCMTK send becomes a case."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE

from tests.dicomweb.conftest import SLICES, Server, write_study
from tests.operations.installation import free_port

VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture(scope="module")
def node_port(server: Server) -> Iterator[int]:
    """`sammed dicom-node` as a process."""
    port = free_port()
    words = ["dicom-node", "--project", "Received", "--port", str(port), "--allow", "SCANNER"]
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", *words],
        env={**os.environ, **server.settings.environment()},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None and process.stdout.readline().startswith("ready: SAMMED on ")
            yield port
        finally:
            process.terminate()


def test_who_is_not_allowed_is_rejected_and_others_are_answered(node_port: int) -> None:
    for title, accepted in (("SCANNER", True), ("STRANGER", False)):
        ours = AE(ae_title=title)
        ours.add_requested_context(VERIFICATION)
        association = ours.associate("127.0.0.1", node_port, ae_title="SAMMED")
        assert association.is_established is accepted
        if accepted:
            assert association.send_c_echo().Status == 0x0000
            association.release()


def test_storescu_sends_a_study(server: Server, node_port: int, tmp_path: Path) -> None:
    program = shutil.which("storescu")
    if program is None:
        pytest.skip("no storescu: install Debian's package dcmtk")
    datasets = write_study(tmp_path, seed=21)
    command = [program, "-aet", "SCANNER", "-aec", "SAMMED", "127.0.0.1", str(node_port)]
    for attempt in ("first", "again"):
        sent = subprocess.run([*command, *map(str, sorted(tmp_path.iterdir()))], capture_output=True, text=True)
        assert sent.returncode == 0, f"{attempt}: {sent.stderr}"
    server.wait_for_volume(datasets[0].StudyInstanceUID, SLICES)
