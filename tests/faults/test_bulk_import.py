"""`sammed import` of a tree, interrupted in every way and started again: the same cases, and nothing twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import httpx
import numpy as np
import pytest

from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.settings import Settings
from backend.wiring import build_services
from tests.operations.installation import TOKEN, free_port

PATIENCE_S = 150.0
STUDIES, SLICES, SIZE = 5, 12, 160
PASSED_BYTES = 1_500_000
"""About half of the tree: the wire holds or breaks after so many."""


class Wire:
    """Between the command and the server: passes some bytes on, then holds what comes, until it is cut or repaired."""

    def __init__(self, port: int, limit_bytes: int) -> None:
        self._port = port
        self._left = limit_bytes
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.is_held = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def repair(self) -> None:
        """From now on everything passes."""
        self._open.set()

    def cut(self) -> None:
        """Every connection that is open breaks; new ones are taken."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for end in sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.repair()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._port))
                except OSError:  # the server is away
                    near.close()
                    continue
                with self._lock:
                    self._sockets += [near, far]
                for source, target, counts in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass_on, args=(source, target, counts), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if counts and not self._open.is_set():
                    with self._lock:
                        self._left -= len(data)
                        held = self._left < 0
                    if held:
                        self.is_held.set()
                        self._open.wait()
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for seed in range(STUDIES):
        phantom = abdominal_phantom((SLICES, SIZE, SIZE), (12.0, 2.0, 2.0), seed=seed)
        for path in write_dicom_series(phantom, root / f"{seed}"):
            path.rename(path.with_name(f"{seed}-{path.name}"))
    (root / "notes.txt").write_text("no image")
    return root


class Server:
    """A web server and two workers of the queue `io`, each a process."""

    def __init__(self, settings: Settings, log: IO[str]) -> None:
        self.port = free_port()
        self.services = build_services(settings)
        self.services.accounts.bootstrap(TOKEN)
        self._environment = {**os.environ, **settings.environment(), "SAMMED_PORT": str(self.port)}
        self._log = log
        self._workers = [self._start("workers", "worker", "--queues", "io") for _ in range(2)]
        self._web = self._start("backend", "serve")
        self._wait()

    def kill(self) -> None:
        """The web server, as the machine does when it is out of memory."""
        self._web.kill()
        self._web.wait()

    def start_again(self) -> None:
        self._web = self._start("backend", "serve")
        self._wait()

    def close(self) -> None:
        for process in (self._web, *self._workers):
            process.terminate()
        for process in (self._web, *self._workers):
            process.wait(timeout=30)
        self.services.close()

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=PATIENCE_S)

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", *words]
        return subprocess.Popen(command, env=self._environment, stdout=self._log, stderr=self._log)

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError), self.client() as client:
                if client.get("/healthz").is_success and self.services.queue.worker_counts()["io"] == 2:
                    return
            time.sleep(0.1)  # polls other processes
        raise AssertionError("the server does not answer, or its workers do not")


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with (tmp_path_factory.mktemp("server") / "log").open("w") as log:
        made = Server(settings, log)
        yield made
        made.close()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    made = Wire(server.port, PASSED_BYTES)
    yield made
    made.close()


@contextmanager
def importing(tree: Path, project: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """The command, in the middle of its work or at its end."""
    environment = {**os.environ, "SAMMED_URL": f"http://127.0.0.1:{port}", "SAMMED_TOKEN": TOKEN}
    command = [sys.executable, "-m", "backend", "import", str(tree), "--project", project, "--json"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background, and so would this
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    output, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, json.loads(output or "{}"), errors


def resumed(tree: Path, project: str, server: Server) -> dict[str, Any]:
    with importing(tree, project, server.port) as process:
        code, report, errors = finished(process)
    assert code == 0, errors
    return report


def content(server: Server, project: str) -> list[tuple[int, int, str]]:
    """Each case's number of volumes, slices, and values of its middle slice."""
    found = []
    with server.client() as client:
        [project_id] = [p["id"] for p in client.get("/api/projects").json()["items"] if p["name"] == project]
        for case in client.get(f"/api/projects/{project_id}/cases?limit=100").json()["items"]:
            [volume] = client.get(f"/api/cases/{case['id']}").json()["volumes"]
            picture = client.get(f"/api/volumes/{volume['id']}/slices/0/{SLICES // 2}").raise_for_status().content
            found.append((len(case["volumes"]), volume["shape_kji"][0], str(hash(picture))))
    return sorted(found)


def sent(report: dict[str, Any]) -> int:
    return sum(int(series["sent"]) for series in report["series"])


@pytest.fixture(scope="module")
def whole(tree: Path, server: Server) -> list[tuple[int, int, str]]:
    """What the tree is when nothing happens."""
    report = resumed(tree, "Whole", server)
    assert sent(report) == STUDIES * SLICES and report["counts"]["imported"] == STUDIES * SLICES
    assert [file["name"] for file in report["files"] if file["outcome"] == "skipped"] == ["notes.txt"]
    found = content(server, "Whole")
    assert [(volumes, slices) for volumes, slices, _ in found] == [(1, SLICES)] * STUDIES
    assert len(np.unique([picture for _, _, picture in found])) == STUDIES
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_was_stopped_goes_on(
    how: signal.Signals,
    tree: Path,
    wire: Wire,
    server: Server,
    whole: list[tuple[int, int, str]],
) -> None:
    project = f"Stopped by {how.name}"
    with importing(tree, project, wire.port) as process:
        assert wire.is_held.wait(PATIENCE_S)
        process.send_signal(how)  # while the server does not answer
        code, report, errors = finished(process)
    assert code != 0 and "Traceback" not in errors
    if how is signal.SIGINT:
        assert code == 1 and report["counts"]["unfinished"] > 0 and "The same command sends the rest." in errors
    again = resumed(tree, project, server)
    assert 0 < sent(again) < STUDIES * SLICES, "what had arrived is not sent again"
    assert content(server, project) == whole
    assert sent(resumed(tree, project, server)) == 0
    assert content(server, project) == whole


def test_a_connection_that_breaks_is_made_again(
    tree: Path, wire: Wire, server: Server, whole: list[tuple[int, int, str]]
) -> None:
    with importing(tree, "Broken wire", wire.port) as process:
        assert wire.is_held.wait(PATIENCE_S)
        wire.cut()
        wire.repair()
        code, report, errors = finished(process)
    assert code == 0, errors
    assert report["counts"]["imported"] + report["counts"]["already_there"] == STUDIES * SLICES
    assert content(server, "Broken wire") == whole


def test_a_server_that_is_killed_and_comes_back_is_waited_for(
    tree: Path, wire: Wire, server: Server, whole: list[tuple[int, int, str]]
) -> None:
    with importing(tree, "Killed server", wire.port) as process:
        assert wire.is_held.wait(PATIENCE_S)
        server.kill()
        wire.repair()
        server.start_again()
        code, _, errors = finished(process)
    assert code == 0, errors
    assert content(server, "Killed server") == whole
