"""The worker process: serves queues, runs jobs and calls, says that it lives.

`python -m workers worker --queues click encode`. A worker is one process without forks (a CUDA context does not survive
them); it loads only what its queues need, so a worker of `io` never imports torch. It records nothing itself: rows of
jobs are written through `backend.services`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from backend.db.tables import Job
from backend.domain.jobs import Call, JobCancelled, JobKind, QueueName, QueueUnavailable, WorkerStopping
from backend.errors import AppError, Broken, to_record
from backend.services.jobs import HEARTBEAT_S, Progress
from backend.settings import Settings
from backend.stores.queue import WORKER_TTL_S
from backend.wiring import Services, build_services
from workers.priority import yield_to_others

log = structlog.get_logger(__name__)

RunJob = Callable[[Job, Progress], dict[str, Any]]
RunCall = Callable[[dict[str, Any]], dict[str, Any]]

MODEL_QUEUES = (QueueName.CLICK, QueueName.ENCODE, QueueName.TRAIN, QueueName.EVALUATE)


class Runtime:
    """What one worker process can do, given its queues."""

    def __init__(self, services: Services, queues: Sequence[QueueName]) -> None:
        self.services = services
        self.queues = list(queues)
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.stopping = threading.Event()
        self.jobs: dict[JobKind, RunJob] = {}
        self.clean_ups: dict[JobKind, Callable[[Job], None]] = {}
        self.calls: dict[Call, RunCall] = {}
        self.models: dict[str, Any] = {}
        if any(queue in MODEL_QUEUES for queue in queues):
            from workers.interactive import Interactive

            interactive = Interactive(services)
            self.models = interactive.models()
            self.calls |= {Call.PREDICT: interactive.predict, Call.ENCODE: interactive.encode}
            if QueueName.TRAIN in queues:
                from workers.batch import Batch

                self.jobs |= Batch(services, interactive).jobs()
            if QueueName.EVALUATE in queues:
                from workers.comparison_job import ComparisonJob
                from workers.evaluation_job import Evaluation

                self.jobs[JobKind.COMPARE] = ComparisonJob(services, interactive, give_way=self.give_way).run
                self.jobs[JobKind.EVALUATE] = Evaluation(services, interactive, give_way=self.give_way).run
        if QueueName.IO in queues:
            from workers.archive import Archive
            from workers.blanking import Blanking
            from workers.comparing import Comparing
            from workers.dicom_transfer import DicomTransfer
            from workers.export import Export
            from workers.ingest import Ingest
            from workers.mask_import import MaskImport
            from workers.restore import Restore
            from workers.webhooks import Deliver

            ingest, restore, mask_import = Ingest(services), Restore(services), MaskImport(services)
            self.jobs |= {JobKind.IMPORT: ingest.run, JobKind.EXPORT: Export(services).run}
            self.jobs[JobKind.IMPORT_MASKS] = mask_import.run
            comparing = Comparing(services)
            self.jobs |= {JobKind.AGREEMENT: comparing.agreement, JobKind.CONSENSUS: comparing.consensus}
            self.calls[Call.DELIVER] = Deliver(services).run
            self.jobs |= {JobKind.ARCHIVE: Archive(services).run, JobKind.RESTORE: restore.run}
            transfer = DicomTransfer(services)
            self.jobs |= {JobKind.PULL: transfer.pull, JobKind.PUSH: transfer.push}
            self.jobs[JobKind.BLANK] = Blanking(services).run
            self.clean_ups = {JobKind.IMPORT: ingest.clean_up, JobKind.RESTORE: restore.clean_up}
            self.clean_ups[JobKind.IMPORT_MASKS] = mask_import.clean_up

    def run_call(self, call: Call, payload: dict[str, Any]) -> dict[str, Any]:
        """The answer, or {"problem": ...} for errors that have a reader. Anything else is a bug and RQ records it."""
        try:
            return self.calls[call](payload)
        except AppError as error:
            return {"problem": to_record(error)}

    def run_job(self, job_id: UUID) -> None:
        """Claim a row, run it, write its end. Nothing to do when somebody else has claimed it."""
        jobs = self.services.jobs
        job = jobs.claim(job_id)
        if job is None:
            log.info("job is not ours", job=str(job_id))
            return
        log.info("job started", job=str(job_id), kind=job.kind, attempt=job.attempts)
        try:
            with self._beating(job_id):
                progress = Progress(jobs, job_id, stopping=self.stopping.is_set)
                result = self.jobs[JobKind(job.kind)](job, progress)
            jobs.finish(job_id, result)
            log.info("job done", job=str(job_id))
        except WorkerStopping:
            jobs.release(job_id)
            log.info("job given back", job=str(job_id))
            return
        except JobCancelled:
            jobs.cancelled(job_id)
            log.info("job cancelled", job=str(job_id))
        except AppError as error:
            jobs.fail(job_id, error)
            log.warning("job failed", job=str(job_id), code=error.code, detail=error.detail)
        except Exception as error:
            log.exception("job broke", job=str(job_id))
            kind = type(error).__name__
            jobs.fail(job_id, Broken(f"The {job.kind} broke with {kind}.", hint="The worker's log has the details."))
        clean_up = self.clean_ups.get(JobKind(job.kind))
        if clean_up is not None:
            clean_up(job)  # only now: until its end is written, the job may have to run again

    def give_way(self, say: Callable[[], None]) -> None:
        """Run what waits to be learned, now, in the middle of an evaluation: that takes hours, and an annotator waits
        for seconds. `say` is called before, if anything waits; both jobs go on beating."""
        queue = self.services.queue
        if QueueName.TRAIN not in self.queues:
            return
        try:
            if not queue.waiting(QueueName.TRAIN):
                return
            say()
            while not self.stopping.is_set() and (job_id := queue.take(QueueName.TRAIN)) is not None:
                self.run_job(job_id)
        except QueueUnavailable as error:
            log.warning("nothing to give way to", reason=error.detail)  # without a courier nothing is learned anyway

    @contextmanager
    def _beating(self, job_id: UUID) -> Iterator[None]:
        """The row's heartbeat, for as long as the job runs."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_S):
                try:
                    self.services.jobs.heartbeat(job_id)
                except AppError as error:
                    log.warning("heartbeat not written", job=str(job_id), code=error.code)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    @contextmanager
    def announced(self) -> Iterator[None]:
        """While inside, Redis knows that this worker lives, what it serves and which models it has."""
        done = threading.Event()

        def announce() -> None:
            while True:
                try:
                    self.services.queue.announce_worker(self.name, self.queues, self.models)
                except AppError as error:
                    log.warning("worker not announced", code=error.code)
                if done.wait(WORKER_TTL_S / 4):
                    return

        thread = threading.Thread(target=announce, name="announce", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            try:
                self.services.queue.withdraw_worker(self.name)
            except AppError as error:
                log.warning("worker not withdrawn", code=error.code)


class StoppableWorker(SimpleWorker):
    """RQ's worker lets the job in hand run to its end when it is asked to stop; ours asks the job to stop too."""

    on_stop: Callable[[], None] | None = None

    def handle_warm_shutdown_request(self) -> None:
        """RQ's hook for the first SIGTERM or SIGINT."""
        super().handle_warm_shutdown_request()
        if self.on_stop is not None:
            self.on_stop()


# RQ calls functions by their dotted path, so the process's runtime has to be found from a module: here, and only here.
_runtime: Runtime | None = None


def run_job(job_id: str) -> None:
    """What RQ runs for a background job (stores.queue.RUN_JOB)."""
    assert _runtime is not None
    _runtime.run_job(UUID(job_id))


def run_call(call: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What RQ runs for an interactive call (stores.queue.RUN_CALL)."""
    assert _runtime is not None
    return _runtime.run_call(Call(call), payload)


def serve(settings: Settings, queues: Sequence[QueueName], *, burst: bool = False) -> None:
    """Serve these queues, the first one first, until SIGTERM or SIGINT; with `burst` until they are empty.

    A job in hand is given back then. A worker that trains lets others go first, unless it answers clicks as well."""
    global _runtime
    if {QueueName.TRAIN, QueueName.EVALUATE}.intersection(queues) and QueueName.CLICK not in queues:
        yield_to_others()
    services = build_services(settings)
    _runtime = Runtime(services, queues)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    connection = services.queue.redis
    worker = StoppableWorker(
        [Queue(queue, connection=connection, serializer=JSONSerializer) for queue in queues],
        connection=connection,
        name=_runtime.name,
        serializer=JSONSerializer,
    )
    worker.on_stop = _runtime.stopping.set
    log.info("worker ready", queues=[str(queue) for queue in queues], models=sorted(_runtime.models))
    try:
        with _runtime.announced():
            worker.work(burst=burst, logging_level="WARNING")
    finally:
        services.close()
