"""What `sammed up` does: start everything one machine needs, keep it running, stop it in order.

    private servers  ->  migrations, first administrator  ->  workers and API  ->  `ready:` line  ->  watch  ->  stop

Here: which processes there are and what happens when one dies. Not here: how a process is started and ended
(`backend/processes.py`), the private servers (`backend/embedded.py`), what the processes do.

Whatever dies is started again, soon the first time and then ever more slowly, and each death is reported. The one
death that ends everything is that of the API before it was ever ready: waiting cannot cure what is wrong then.
"""

from __future__ import annotations

import errno
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import structlog

from backend.embedded import PrivateServices, private_services
from backend.errors import AppError, Conflict, Unavailable
from backend.processes import Child, start_child
from backend.settings import Settings
from backend.stores.queue import JobQueue

log = structlog.get_logger(__name__)

WATCH_EVERY_S = 0.1
STOP_POLL_S = 0.05
READY_EVERY_S = 0.2
READY_TIMEOUT_S = 2.0
STILL_WAITING_AFTER_S = 30.0
WORKERS_MAY_LAG_S = 20.0  # after the first answer; importing torch takes its time
API_PATIENCE_S = 8.0
WORKER_PATIENCE_S = 15.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0
TRIES_BEFORE_READY = 3

# One set of workers: the queues that each process serves, in order of preference. The first serves clicks and nothing
# else, so that a click never waits behind an encoding, a training or an import. Who trains measures at most besides: it
# yields the processor to the others, and nobody who waits for an answer may get it from there.
WORKER_SET: tuple[tuple[str, ...], ...] = (("click",), ("encode", "click"), ("train", "evaluate"), ("io",))

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # our own server is on this machine

ALL_QUEUES = frozenset(queue for queues in WORKER_SET for queue in queues)


class PortInUse(Conflict):
    """Another program listens on the port. Stop it, or choose another port."""

    code = "port_in_use"
    title = "The port is in use"


class ServerDidNotStart(Unavailable):
    """The web server ended several times before it answered once. Its messages are above."""

    code = "server_did_not_start"
    title = "The web server does not start"


@dataclass(frozen=True, slots=True)
class Plan:
    """A process to keep running, and how long it may take to stop."""

    name: str
    command: tuple[str, ...]
    patience_s: float


def process_plans(settings: Settings) -> list[Plan]:
    """The API and `settings.workers` sets of workers, in the order in which they stop."""
    api = Plan("api", (sys.executable, "-m", "backend", "serve"), API_PATIENCE_S)
    workers = [
        Plan(f"worker {'+'.join(queues)} {number}", worker_command(queues), WORKER_PATIENCE_S)
        for number in range(1, settings.workers + 1)
        for queues in WORKER_SET
    ]
    return [api, *workers]


def worker_command(queues: Iterable[str]) -> tuple[str, ...]:
    """The command of one worker process. The only thing this package knows of the other."""
    return (sys.executable, "-m", "workers", "worker", "--queues", ",".join(queues))


def check_port(host: str, port: int) -> None:
    """Raises PortInUse, or Unavailable if the address is none of this machine's."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"Another program listens on port {port} of {host}.", hint="Choose another with --port, or stop it."
                ) from error
            raise Unavailable(
                f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Check --host and --port."
            ) from error


@dataclass(slots=True)
class _Kept:
    """A plan and its present process. `pause_s` grows with each death and falls back after a steady time."""

    plan: Plan
    child: Child | None = None
    started_at_s: float = 0.0
    start_again_at_s: float = 0.0
    pause_s: float = 0.0
    deaths: int = 0


@dataclass
class Processes:
    """Keeps processes running. Time is an argument (`now_s`, monotonic) so that the rules can be tested as they are."""

    plans: Sequence[Plan]
    environment: Mapping[str, str]
    start: Callable[[Plan, Mapping[str, str]], Child] = field(
        default=lambda plan, environment: start_child(plan.name, plan.command, environment=environment)
    )

    def __post_init__(self) -> None:
        self._kept = [_Kept(plan) for plan in self.plans]

    def deaths_of(self, name: str) -> int:
        return sum(kept.deaths for kept in self._kept if kept.plan.name == name)

    def is_hopeless(self) -> bool:
        """Whether some worker has died so often that waiting for it makes no sense."""
        return any(kept.deaths >= TRIES_BEFORE_READY for kept in self._kept)

    def step(self, now_s: float) -> None:
        """Start what does not run and may. Call it again and again."""
        for kept in self._kept:
            if kept.child is not None and not kept.child.alive:
                self._bury(kept, kept.child, now_s)
            if kept.child is None and now_s >= kept.start_again_at_s:
                kept.child = self.start(kept.plan, self.environment)
                kept.started_at_s = now_s
                log.info("started", process=kept.plan.name, pid=kept.child.pid)

    def stop(self, hurry: Callable[[], bool]) -> None:
        """Stop all, the API first; the workers together. With `hurry()` true nobody is waited for."""
        running = [(kept.plan, kept.child) for kept in self._kept if kept.child is not None]
        for group in ([pair for pair in running if pair[0].name == "api"], [p for p in running if p[0].name != "api"]):
            for _, child in group:
                child.ask_to_stop()
            deadline_s = time.monotonic() + max((plan.patience_s for plan, _ in group), default=0.0)
            while any(child.alive for _, child in group) and time.monotonic() < deadline_s and not hurry():
                time.sleep(STOP_POLL_S)
            for plan, child in group:
                if not child.wait(0):
                    log.warning("did not stop in time and was ended", process=plan.name)
        for kept in self._kept:
            kept.child = None

    def _bury(self, kept: _Kept, child: Child, now_s: float) -> None:
        code = child.exit_code
        child.wait(0)  # and whatever it started
        kept.child = None
        kept.deaths += 1
        steady = now_s - kept.started_at_s >= STEADY_AFTER_S
        kept.pause_s = 0.0 if steady else min(LONGEST_PAUSE_S, kept.pause_s * 2 or FIRST_PAUSE_S)
        kept.start_again_at_s = now_s + kept.pause_s
        log.error("died and is started again", process=kept.plan.name, exit_code=code, again_in_s=kept.pause_s)


@dataclass
class StopRequest:
    """How often somebody asked us to stop: once is orderly, twice is now."""

    count: int = 0

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def urgent(self) -> bool:
        return self.count > 1


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Inside, Ctrl+C and SIGTERM only count, and so does a closed terminal, unless `nohup` said to ignore it."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.count += 1

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_ready(settings: Settings) -> bool:
    """Whether the API answers /readyz with 200."""
    try:
        with NO_PROXY.open(f"{settings.base_url}/readyz", timeout=READY_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def served_queues(settings: Settings) -> frozenset[str]:
    """The queues that some living worker has said it serves."""
    queue = JobQueue(str(settings.redis_url))
    try:
        return frozenset(str(name) for name, count in queue.worker_counts().items() if count)
    except AppError:
        return frozenset()
    finally:
        queue.close()


def run_up(
    settings: Settings,
    *,
    prepare: Callable[[Settings], None],
    on_ready: Callable[[], None],
) -> None:
    """Run an installation on this machine until somebody stops it.

    `prepare` gets the complete settings once the services run (migrations, first administrator); `on_ready` is called
    once when requests are served. Raises `AppError` when it cannot start.
    """
    with stop_on_signals() as stopping:
        check_port(settings.host, settings.port)
        with private_services(settings) as services:
            complete = settings.with_services(services.urls)
            prepare(complete)
            processes = Processes(process_plans(complete), complete.environment())
            try:
                _watch(complete, services, processes, stopping, on_ready)
            finally:
                log.info("stopping")
                processes.stop(hurry=lambda: stopping.urgent)


def _watch(
    settings: Settings,
    services: PrivateServices,
    processes: Processes,
    stopping: StopRequest,
    on_ready: Callable[[], None],
) -> None:
    """Keep everything running until asked to stop, and say once when requests are served."""
    ready = told = False
    began_s = asked_s = time.monotonic()
    answers_since_s: float | None = None
    while not stopping:
        now_s = time.monotonic()
        _revive(services)
        processes.step(now_s)
        if not ready and now_s - asked_s >= READY_EVERY_S:
            asked_s = now_s
            if answers_since_s is None and is_ready(settings):
                answers_since_s = now_s
            if answers_since_s is not None:
                missing = ALL_QUEUES - served_queues(settings)
                ready = not missing or now_s - answers_since_s > WORKERS_MAY_LAG_S or processes.is_hopeless()
                if ready:
                    if missing:
                        log.warning("no worker yet for some queues", queues=sorted(missing))
                    on_ready()
            elif processes.deaths_of("api") >= TRIES_BEFORE_READY:
                raise ServerDidNotStart(
                    f"The web server ended {TRIES_BEFORE_READY} times before it answered.",
                    hint="Its messages are above; `sammed doctor` checks this machine.",
                )
            elif not told and now_s - began_s > STILL_WAITING_AFTER_S:
                told = True
                log.warning("not ready yet", waited_s=round(now_s - began_s), address=f"{settings.base_url}/readyz")
        time.sleep(WATCH_EVERY_S)


def _revive(services: PrivateServices) -> None:
    try:
        for name in services.revive():
            log.error("died and was started again", process=name)
    except AppError as error:
        log.error("could not be started again, will try once more", problem=error.detail)
