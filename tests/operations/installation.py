"""A whole installation as a subprocess, for tests: `sammed up` on a free port, its lines, its processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import httpx
import psutil

TOKEN = "a-token-for-the-first-administrator"
READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Lines:
    """The lines of a stream as they come, read by a thread so that waiting for one can time out."""

    def __init__(self, stream: Iterator[str]) -> None:
        self._queue: Queue[str | None] = Queue()
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: Iterator[str]) -> None:
        for line in stream:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def heard(self) -> list[str]:
        """All lines so far."""
        with suppress(Empty):
            while (line := self._queue.get_nowait()) is not None:
                self.seen.append(line)
        return self.seen

    def drain(self) -> None:
        """Wait for the end of the stream, which comes when the last process that holds it has ended."""
        self._thread.join(STOP_TIMEOUT_S)

    def wait_for(self, words: str, timeout_s: float) -> str:
        """The next line that contains `words`. AssertionError with all that was said if none comes."""
        while True:
            try:
                line = self._queue.get(timeout=timeout_s)
            except Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line with {words!r} among:\n" + "\n".join(self.seen[-40:]))
            self.seen.append(line)
            if words in line:
                return line


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@dataclass
class Installation:
    """A running `sammed up`."""

    process: subprocess.Popen[str]
    url: str
    login_url: str
    data_dir: Path
    output: Lines
    log: Lines

    @property
    def family(self) -> list[psutil.Process]:
        """Every process that descends from it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def worker(self, queues: str) -> psutil.Process:
        """The process that serves exactly these queues, named as on its command line. A start is logged a moment before
        the new process has its command line."""
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while True:
            found = [p for p in self.family if _command_line(p)[-2:] == ["--queues", queues]]
            if len(found) == 1:
                return found[0]
            assert time.monotonic() < deadline_s, f"{len(found)} processes serve {queues}"
            time.sleep(0.1)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)

    def wait_for_workers(self) -> dict[str, int]:
        """The number of workers of each queue, once there is at least one for each. On a busy machine they come after
        the first answer."""
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        with self.client() as client:
            while True:
                workers: dict[str, int] = client.get("/api/system").json()["workers"]
                if min(workers.values()) >= 1:
                    return workers
                assert time.monotonic() < deadline_s, f"queues without a worker: {workers}"
                time.sleep(0.5)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(STOP_TIMEOUT_S)


@contextmanager
def running(data_dir: Path, *words: str, port: int | None = None, **settings: str) -> Iterator[Installation]:
    """`sammed up` until the end of the `with`; killed if it still runs then. `settings`: by their names in small
    letters, without the prefix."""
    port = port or free_port()
    command = [sys.executable, "-m", "backend", "up", "--no-browser", "--port", str(port), "--data-dir", str(data_dir)]
    process = subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env={
            **os.environ,
            "SAMMED_BOOTSTRAP_TOKEN": TOKEN,
            "SAMMED_LOG_FORMAT": "json",
            **{f"SAMMED_{name.upper()}": value for name, value in settings.items()},
        },
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        output, log = Lines(process.stdout), Lines(process.stderr)
        try:
            try:
                ready = output.wait_for("ready: ", READY_TIMEOUT_S)
            except AssertionError:
                process.kill()
                log.wait_for("(a line that never comes, to show the log)", 5)
                raise
            login = output.wait_for("/login?token=", 5).split(": ", 1)[1]
            yield Installation(process, ready.removeprefix("ready: "), login, data_dir, output, log)
        finally:
            process.kill()
            output.drain()
            log.drain()
