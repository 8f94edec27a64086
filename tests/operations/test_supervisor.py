"""The rules of keeping processes running, with time as an argument and processes that do what the test says."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from backend import supervisor
from backend.errors import Unavailable
from backend.settings import Settings
from backend.supervisor import Plan, PortInUse, Processes, check_port, is_ready, process_plans, stop_on_signals


@dataclass
class ScriptedChild:
    """Stands where a process stands; dies when the test says so, and stops when asked unless it is stubborn."""

    name: str
    journal: list[str]
    stubborn: bool = False
    pid: int = 1
    exit_code: int | None = None

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    def ask_to_stop(self) -> None:
        self.journal.append(f"ask {self.name}")
        if not self.stubborn:
            self.exit_code = 0

    def wait(self, patience_s: float) -> bool:
        orderly = not self.alive
        self.journal.append(f"{'end' if orderly else 'kill'} {self.name}")
        self.exit_code = 0 if orderly else -9
        return orderly


@dataclass
class Scene:
    plans: list[Plan]
    started: list[ScriptedChild] = field(default_factory=list)
    journal: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.processes = Processes(self.plans, {}, start=self._start)

    def _start(self, plan: Plan, environment: Mapping[str, str]) -> ScriptedChild:  # type: ignore[override]
        child = ScriptedChild(plan.name, self.journal)
        self.started.append(child)
        return child


def plan(name: str, patience_s: float = 0.2) -> Plan:
    return Plan(name, ("program",), patience_s)


def test_everything_is_started_once() -> None:
    scene = Scene([plan("api"), plan("worker")])
    scene.processes.step(0.0)
    scene.processes.step(1.0)
    assert [child.name for child in scene.started] == ["api", "worker"]


def test_what_dies_is_started_again_ever_more_slowly() -> None:
    scene = Scene([plan("worker")])
    now_s = 0.0
    scene.processes.step(now_s)
    pauses_s = []
    for _ in range(9):
        scene.started[-1].exit_code = 1
        scene.processes.step(now_s)
        born = len(scene.started)
        waited_s = 0.0
        while len(scene.started) == born:
            waited_s += 0.25
            scene.processes.step(now_s + waited_s)
        pauses_s.append(waited_s)
        now_s += waited_s
    assert pauses_s == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert scene.processes.deaths_of("worker") == 9


def test_after_a_steady_time_a_death_is_forgiven() -> None:
    scene = Scene([plan("worker")])
    scene.processes.step(0.0)
    for now_s in (0.0, 1.0, 3.0):
        scene.started[-1].exit_code = 1
        scene.processes.step(now_s)
        scene.processes.step(now_s + 10.0)
    scene.started[-1].exit_code = 1
    before = len(scene.started)
    scene.processes.step(13.0 + supervisor.STEADY_AFTER_S)
    assert len(scene.started) == before + 1


def test_a_worker_that_keeps_dying_is_not_waited_for() -> None:
    scene = Scene([plan("api"), plan("worker")])
    for now_s in (0.0, 100.0, 200.0, 300.0):
        assert not scene.processes.is_hopeless()
        scene.processes.step(now_s)
        if now_s < 300.0:
            scene.started[-1].exit_code = 1
    assert scene.processes.is_hopeless()


def test_the_api_stops_before_the_workers() -> None:
    scene = Scene([plan("api"), plan("worker a"), plan("worker b")])
    scene.processes.step(0.0)
    scene.processes.stop(hurry=lambda: False)
    assert scene.journal == ["ask api", "end api", "ask worker a", "ask worker b", "end worker a", "end worker b"]


def test_who_does_not_stop_is_ended() -> None:
    scene = Scene([plan("worker")])
    scene.processes.step(0.0)
    scene.started[0].stubborn = True
    scene.processes.stop(hurry=lambda: False)
    assert scene.journal == ["ask worker", "kill worker"]


def test_a_second_ctrl_c_waits_for_nobody() -> None:
    scene = Scene([plan("worker", patience_s=3600)])
    scene.processes.step(0.0)
    scene.started[0].stubborn = True
    scene.processes.stop(hurry=lambda: True)
    assert scene.journal == ["ask worker", "kill worker"]


def test_signals_count() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as request:
        assert not request
        os.kill(os.getpid(), signal.SIGTERM)
        assert request
        assert not request.urgent
        os.kill(os.getpid(), signal.SIGINT)
        assert request.urgent
    assert signal.getsignal(signal.SIGTERM) is before


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not request
    finally:
        signal.signal(signal.SIGHUP, before)


class Ready(BaseHTTPRequestHandler):
    """A server that is ready and nothing else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_proxy_is_not_asked_about_our_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert is_ready(Settings(port=server.server_port))
        server.shutdown()
    assert not is_ready(Settings(port=server.server_port))


def test_one_process_serves_clicks_and_nothing_else() -> None:
    commands = [plan.command for plan in process_plans(Settings(workers=2))]
    assert commands[0] == (sys.executable, "-m", "backend", "serve")
    served = [command[-1] for command in commands[1:]]
    assert served == ["click", "encode,click", "train,evaluate", "io"] * 2


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port} of 127.0.0.1"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Unavailable, match=r"Cannot listen on 192\.0\.2\.1"):
        check_port("192.0.2.1", 8000)
