"""One child process: started so that it cannot outlive us, watched, and stopped in order.

Every child is the leader of a session of its own, so that Ctrl+C in a terminal reaches only the supervisor, which then
stops the children in the right order, and so that a child is ended together with everything it started. Start children
from a thread that lives as long as the program (the main thread): Linux ties the death signal to the thread.

Not here: which children there are (`backend/embedded.py`, `backend/supervisor.py`) and what runs inside the child
before its program (`backend/launch.py`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Account:
    """A user to become, because a program refuses to run as root."""

    uid: int
    gid: int


class Child:
    """A running child process and how to end it."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
        self.name = name
        self._process = process
        self._stop_signal = stop_signal

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    def ask_to_stop(self) -> None:
        if self.alive:
            self._process.send_signal(self._stop_signal)

    def wait(self, patience_s: float) -> bool:
        """Wait for the end; after `patience_s` seconds end the whole process group. True if it went by itself."""
        try:
            self._process.wait(patience_s)
            orderly = True
        except subprocess.TimeoutExpired:
            orderly = False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # whatever is left of the group
        self._process.wait()
        return orderly

    def stop(self, patience_s: float) -> bool:
        self.ask_to_stop()
        return self.wait(patience_s)


def start_child(
    name: str,
    command: Sequence[str],
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    account: Account | None = None,
) -> Child:
    """Start `command` as a child that is told to stop (`stop_signal`) when this process dies, even by SIGKILL.

    `output` takes standard output and error; None means our standard error, since our standard output is for answers.
    """
    process = subprocess.Popen(
        [*launcher(parent_pid=os.getpid(), stop_signal=stop_signal, account=account), *command],
        env=None if environment is None else {**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if output is None else output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Child(name, process, stop_signal)


def launcher(
    *, parent_pid: int | None = None, stop_signal: signal.Signals = signal.SIGTERM, account: Account | None = None
) -> list[str]:
    """The words to put before a command, see `backend/launch.py`."""
    words = [sys.executable, "-I", "-S", str(LAUNCHER)]
    if parent_pid is not None:
        words += ["--parent", str(parent_pid), "--signal", str(int(stop_signal))]
    if account is not None:
        words += ["--account", f"{account.uid}:{account.gid}", "--reach"]
    return [*words, "--"]


def end_orphans(program_names: Sequence[str], path: str, stop_signal: signal.Signals, patience_s: float) -> list[int]:
    """End programs of these names that were started on `path` by a supervisor which was killed. Returns their pids.

    Call it only while holding the lock of the folder that `path` lies in: then nobody else owns them.
    """
    orphans = []
    for process in psutil.process_iter(["name", "cmdline", "cwd"]):
        if process.info["name"] in program_names and _serves(process.info["cmdline"] or [], process.info["cwd"], path):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(stop_signal)
                orphans.append(process)
    _, stubborn = psutil.wait_procs(orphans, timeout=patience_s)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience_s)
    return [process.pid for process in orphans]


def _serves(command_line: Sequence[str], working_folder: str | None, path: str) -> bool:
    """Whether a process belongs to the server on `path`. All processes of a Postgres work in its folder, and its first
    keeps its arguments; Redis replaces them by a title that ends in the socket it listens on."""
    title = " ".join(command_line).rstrip()
    return path in command_line or path == working_folder or title.endswith(f" unixsocket:{path}")
