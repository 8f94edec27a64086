"""Sends a tree of images: several connections, batches of bounded size, and only what has not arrived.

What has arrived is the server's knowledge, asked for by the sha256 of every file before anything is sent and after
every failure; there is no journal. Each group of files (a study) is one intake, read when all of it is there.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol, TypeVar

from backend.bulk.outcomes import Delivered, Result, tell
from backend.bulk.report import Fate, FileFate, Report
from backend.bulk.tree import Group, Tree, TreeFile
from backend.client import FINAL_STATES, Client, ServerRefused, ServerUnreachable

Json = dict[str, Any]
T = TypeVar("T")

CONNECTIONS = 4
GROUPS_AT_ONCE = 2
BATCH_BYTES = 32 * 2**20
BATCH_FILES = 100
PATIENCE_S = 60.0
"""So long a server that does not answer is asked again."""
POLL_S = 0.3
POLLED_AT_ONCE = 4

AWAY = frozenset({429, 502, 503, 504})
"""Answers that mean: later."""
TOO_MUCH = frozenset({413, 422})


class Shown(Protocol):
    """Who watches: called from several threads."""

    def sent(self, size_bytes: int) -> None: ...
    def read(self, series: int) -> None: ...


class Interrupted(Exception):
    """Inside this module: somebody asked to stop."""


class Sending:
    """One run. `failure` is why it ended early, if it did."""

    def __init__(
        self,
        client: Client,
        project_id: str,
        *,
        shown: Shown,
        again: bool = False,
        connections: int = CONNECTIONS,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`again`: files that were refused before are sent once more."""
        self.failure: Exception | None = None
        self._client = client
        self._project_id = project_id
        self._shown = shown
        self._again = again
        self._patience_s = patience_s
        self._clock = clock
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._counted: set[TreeFile] = set()
        self._groups = ThreadPoolExecutor(GROUPS_AT_ONCE, "group")
        self._senders = ThreadPoolExecutor(connections, "send")

    def run(self, tree: Tree) -> Report:
        """Send everything and wait until it has been read. A report comes in any case; KeyboardInterrupt ends the
        sending and is kept as the failure: then threads may still wait for answers."""
        report = Report(skipped=tree.skipped)
        told: set[int] = set()
        try:
            for delivered in self._finished(tree):
                tell(report, delivered)
                told.add(id(delivered.group))
                self._shown.read(len({file.series for file in delivered.group.files}))
        except (KeyboardInterrupt, ServerRefused, ServerUnreachable, OSError) as error:
            self.failure = error if isinstance(error, Exception) else InterruptedError("It was interrupted.")
        finally:
            self._stop.set()  # a request that hangs is not waited for
            for pool in (self._groups, self._senders):
                pool.shutdown(wait=False, cancel_futures=True)
        for group in tree.groups:
            if id(group) not in told:
                for file in group.files:
                    report.file(file, FileFate(Fate.UNFINISHED))
        return report

    def _finished(self, tree: Tree) -> Iterator[Delivered]:
        """Groups as they have been read."""
        sending: set[Future[Delivered]] = {self._groups.submit(self._deliver, group) for group in tree.groups}
        reading: list[Delivered] = []
        while sending or reading:
            done, sending = wait(sending, POLL_S, FIRST_COMPLETED) if sending else (set(), sending)
            reading += [future.result() for future in done]
            for delivered in reading[:POLLED_AT_ONCE]:
                for intake_id, job in delivered.jobs.items():
                    if job["state"] not in FINAL_STATES:
                        delivered.jobs[intake_id] = self._job(intake_id)
            over = [d for d in reading if all(job["state"] in FINAL_STATES for job in d.jobs.values())]
            reading = [d for d in reading if d not in over]
            yield from over
            if not sending and reading:
                time.sleep(POLL_S)

    # -- one group ----------------------------------------------------------------------------------------------------
    def _deliver(self, group: Group) -> Delivered:
        while True:
            try:
                return self._delivered(group)
            except ServerRefused as error:
                if error.code != "intake_closed":  # somebody else sends the same and was first: ask once more
                    raise

    def _delivered(self, group: Group) -> Delivered:
        made, started = Delivered(group), self._clock()
        files = self._hashed(group, made)
        known = self._known([file.sha256 for file in files])
        if self._again:
            known = self._without_refused(known)
        rest = list(_incomplete(files, known))
        settled = [file for file in files if file not in rest]
        made.before.update(settled)
        made.where.update((file, (known[file.sha256]["intake_id"], known[file.sha256]["name"])) for file in settled)
        if rest:
            intake_id = self._patiently(lambda: self._client.open_intake(self._project_id, group.key))
            waiting = {sha256: a for sha256, a in known.items() if a["intake_id"] == intake_id}
            there = [file for file in rest if file.sha256 in waiting]
            made.before.update(there)
            made.where.update((file, (intake_id, waiting[file.sha256]["name"])) for file in there)
            self._send(intake_id, [file for file in rest if file not in there], made)
        for file in made.before:
            self._arrived(file)
        made.sending_s = self._clock() - started
        for intake_id in dict.fromkeys(intake_id for intake_id, _ in made.where.values()):
            made.jobs[intake_id] = self._completed(intake_id)
        return made

    def _hashed(self, group: Group, made: Delivered) -> list[TreeFile]:
        """The files that can be read, each content once."""
        first: dict[str, TreeFile] = {}
        for file in group.files:
            self._go_on()
            try:
                with file.path.open("rb") as opened:
                    file.sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            except OSError as error:
                made.told[file] = FileFate(Fate.REFUSED, "unreadable", f"It cannot be read ({error.strerror}).")
            else:
                same = first.setdefault(file.sha256, file)
                if same is not file:
                    made.told[file] = FileFate(Fate.SKIPPED, "same_file", f"The same file as {same.name}.")
            if file in made.told:
                self._arrived(file)
        return list(first.values())

    def _known(self, sha256s: Sequence[str]) -> dict[str, Json]:
        found = self._patiently(lambda: self._client.known_files(self._project_id, sha256s))
        return {arrived["sha256"]: arrived for arrived in found}

    def _without_refused(self, known: dict[str, Json]) -> dict[str, Json]:
        done = {arrived["intake_id"] for arrived in known.values() if arrived["state"] == "done"}
        results = {intake_id: Result(self._job(intake_id)) for intake_id in done}
        return {
            sha256: arrived
            for sha256, arrived in known.items()
            if arrived["intake_id"] not in done
            or all(entry["outcome"] != "rejected" for entry in results[arrived["intake_id"]].of(arrived["name"]))
        }

    def _job(self, job_id: str) -> Json:
        return self._patiently(lambda: self._client.job(job_id))

    def _completed(self, intake_id: str) -> Json:
        return self._patiently(lambda: self._client.complete_intake(intake_id))

    # -- batches ------------------------------------------------------------------------------------------------------
    def _send(self, intake_id: str, files: Sequence[TreeFile], made: Delivered) -> None:
        futures = [self._senders.submit(self._send_batch, intake_id, batch, made) for batch in batches(files)]
        try:
            for future in futures:
                future.result()
        finally:
            for future in futures:
                future.cancel()

    def _send_batch(self, intake_id: str, batch: Sequence[TreeFile], made: Delivered) -> None:
        """Until all of it has arrived or was refused."""
        rest, give_up = list(batch), self._clock() + self._patience_s
        while rest:
            self._go_on()
            try:
                kept = self._client.send_files(intake_id, [(file.name, file.path) for file in rest])
            except OSError:
                rest = self._readable(rest, made)
                continue
            except (ServerUnreachable, ServerRefused) as error:
                if isinstance(error, ServerRefused) and error.status in TOO_MUCH:
                    if len(rest) > 1:
                        half = len(rest) // 2
                        self._send_batch(intake_id, rest[:half], made)
                        self._send_batch(intake_id, rest[half:], made)
                    else:
                        made.told[rest[0]] = FileFate(Fate.REFUSED, error.code, error.detail)
                        self._arrived(rest[0])
                    return
                self._wait_or_give_up(error, give_up)
                kept_before = self._known([file.sha256 for file in rest])
                kept = [kept_before.get(file.sha256, {}) for file in rest]
            left = []
            for file, arrived in zip(rest, kept, strict=True):
                if arrived.get("intake_id") == intake_id:
                    made.where[file] = (intake_id, arrived["name"])
                    self._arrived(file)
                else:
                    left.append(file)
            rest = left

    def _readable(self, files: Sequence[TreeFile], made: Delivered) -> list[TreeFile]:
        """Without those that have gone since they were looked at."""
        readable = []
        for file in files:
            try:
                file.path.open("rb").close()
            except OSError as error:
                made.told[file] = FileFate(Fate.REFUSED, "unreadable", f"It cannot be read ({error.strerror}).")
                self._arrived(file)
            else:
                readable.append(file)
        return readable

    def _patiently(self, ask: Callable[[], T]) -> T:
        give_up = self._clock() + self._patience_s
        while True:
            self._go_on()
            try:
                return ask()
            except (ServerUnreachable, ServerRefused) as error:
                self._wait_or_give_up(error, give_up)

    def _wait_or_give_up(self, error: ServerUnreachable | ServerRefused, give_up: float) -> None:
        """Returns when it is time to try once more; raises the error where that is of no use."""
        is_away = isinstance(error, ServerUnreachable) or error.status in AWAY
        if not is_away or self._clock() > give_up:
            raise error
        self._stop.wait(1.0)

    def _arrived(self, file: TreeFile) -> None:
        """Show it, once."""
        with self._lock:
            is_news = file not in self._counted
            self._counted.add(file)
        if is_news:
            self._shown.sent(file.size_bytes)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Interrupted


def batches(files: Sequence[TreeFile]) -> Iterator[list[TreeFile]]:
    """Files in their order, in batches of BATCH_FILES and BATCH_BYTES at most; a larger file travels alone."""
    batch: list[TreeFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.size_bytes > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size_bytes
    if batch:
        yield batch


def _incomplete(files: Sequence[TreeFile], known: dict[str, Json]) -> Iterator[TreeFile]:
    """What has to be in the intake of this run: series that are not all in one intake, because one job reads them
    whole, and other files that have not arrived."""
    series: dict[object, list[TreeFile]] = {}
    for file in files:
        series.setdefault(file.series if file.series.uid else file, []).append(file)
    for members in series.values():
        intakes = {known[file.sha256]["intake_id"] if file.sha256 in known else None for file in members}
        if None in intakes or len(intakes) > 1:
            yield from members
