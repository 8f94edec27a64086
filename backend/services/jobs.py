"""Background jobs: rows that are the record, a queue that is only the courier.

A job is claimed by exactly one worker (`claim`), which reports progress and a heartbeat through `Progress`. The sweeper
sends queued rows again when the courier lost them, and gives a job whose worker went silent one more try.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Job, Project
from backend.domain.jobs import (
    QUEUE_OF,
    JobCancelled,
    JobIsOver,
    JobKind,
    JobMessage,
    JobState,
    QueueUnavailable,
    WorkerLost,
    WorkerStopping,
)
from backend.domain.workflow import Action
from backend.errors import AppError, NotFound, to_record
from backend.services import audit, outbox
from backend.services.access import Principal, may, require, require_may_stop, role_in, sees_own_work_only
from backend.services.content import discard
from backend.services.paging import Page, page
from backend.stores.queue import JobQueue

log = structlog.get_logger(__name__)

HEARTBEAT_S = 5.0
SILENT_AFTER = timedelta(seconds=30)
LOST_BY_COURIER_AFTER = timedelta(seconds=10)
MAX_ATTEMPTS = 2

Clock = Callable[[], datetime]
Postpone = Callable[[float, Callable[[], None]], None]
"""Calls something after so many seconds, or never when the process ends before."""


class JobNotFound(NotFound):
    """No such job among those the caller may see. Raised by services.jobs."""

    code = "job_not_found"
    title = "There is no such job"


def utc_now() -> datetime:
    return datetime.now(UTC)


def in_a_thread(delay_s: float, act: Callable[[], None]) -> None:
    """Postpone by a timer of this process."""
    timer = threading.Timer(delay_s, act)
    timer.daemon = True
    timer.start()


class Jobs:
    def __init__(
        self, db: Database, queue: JobQueue, clock: Clock = utc_now, *, postpone: Postpone = in_a_thread
    ) -> None:
        self._db = db
        self._queue = queue
        self._clock = clock
        self._postpone = postpone

    # -- for people ---------------------------------------------------------------------------------------------------
    def add(
        self,
        session: Session,
        who: Principal,
        kind: JobKind,
        payload: BaseModel,
        *,
        project_id: UUID | None,
        id: UUID,
        subject: str | None = None,
    ) -> Job:
        """A queued row in the caller's unit of work, of a project or of none. Call `dispatch` after the commit. With a
        subject the row takes the place of older ones of its kind and subject: queued ones are cancelled, running ones
        are asked to stop."""
        if subject is not None:
            self._supersede(session, kind, subject)
        job = Job(
            id=id,
            kind=kind,
            payload=payload.model_dump(mode="json"),
            project_id=project_id,
            created_by=who.id,
            subject=subject,
        )
        session.add(job)
        session.flush()
        session.refresh(job)
        audit.record(session, who, f"job.{kind}", project_id=project_id, subject=id)
        return job

    def dispatch(self, job: Job) -> None:
        """Hand a committed row to the courier. When Redis is away the row waits: the sweeper sends it later."""
        try:
            self._queue.submit(job.id, QUEUE_OF[JobKind(job.kind)], attempt=job.attempts)
        except QueueUnavailable as error:
            log.warning("job not dispatched", job=str(job.id), reason=error.detail)

    def dispatch_later(self, job: Job, delay_s: float) -> None:
        """Like `dispatch`, but a job that is cancelled within the delay never reaches a worker. Should this process end
        before, the sweeper sends the row."""
        self._postpone(delay_s, lambda: self.dispatch(job))

    def get(self, who: Principal, job_id: UUID) -> Job:
        with self._db.begin() as session:
            return self._visible(session, who, job_id)

    def of_project(self, who: Principal, project_id: UUID, *, limit: int, cursor: str | None) -> Page[Job]:
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            query = select(Job).where(Job.project_id == project_id)
            if sees_own_work_only(session, who, project):
                query = query.where(Job.created_by == who.id)
            if not may(session, who, project_id, Action.REVIEW):
                query = query.where(Job.kind != JobKind.EVALUATE)
            return page(session, query, Job.id, limit=limit, cursor=cursor)

    def cancel(self, who: Principal, job_id: UUID) -> Job:
        """Cancel a queued job at once; ask a running one to stop. Raises JobOfOthers, JobIsOver."""
        with self._db.begin() as session:
            job = self._visible(session, who, job_id, lock=True)
            require_may_stop(session, who, job)
            if JobState(job.state).is_final:
                raise JobIsOver(f"This job is {job.state} already.")
            if job.state == JobState.QUEUED:
                job.state, job.finished_at, job.message = JobState.CANCELLED, self._clock(), JobMessage.CANCELLED
            else:
                job.cancel_requested = True
            audit.record(session, who, "job.cancelled", project_id=job.project_id, subject=job.id)
            return job

    def _supersede(self, session: Session, kind: JobKind, subject: str) -> None:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{kind}/{subject}", 0))))
        older = session.scalars(
            select(Job)
            .where(Job.subject == subject, Job.kind == kind, Job.state.in_((JobState.QUEUED, JobState.RUNNING)))
            .with_for_update()
        )
        for job in older:
            if job.state == JobState.QUEUED:
                job.state, job.finished_at = JobState.CANCELLED, self._clock()
                job.message = JobMessage.SUPERSEDED
            else:
                job.cancel_requested = True

    def _visible(self, session: Session, who: Principal, job_id: UUID, *, lock: bool = False) -> Job:
        job = session.get(Job, job_id, with_for_update=lock)
        if job is None or not _may_see(session, who, job):
            raise JobNotFound("This job does not exist or belongs to a project that you are not a member of.")
        return job

    # -- for workers --------------------------------------------------------------------------------------------------
    def claim(self, job_id: UUID) -> Job | None:
        """The job, now running, for the first worker who asks; None for the others and for cancelled jobs."""
        with self._db.begin() as session:
            now = self._clock()
            return session.scalar(
                update(Job)
                .where(Job.id == job_id, Job.state == JobState.QUEUED)
                .values(
                    state=JobState.RUNNING,
                    started_at=now,
                    heartbeat_at=now,
                    attempts=Job.attempts + 1,
                    progress=0.0,
                    message="",
                    message_params={},
                )
                .returning(Job)
            )

    def heartbeat(self, job_id: UUID) -> None:
        with self._db.begin() as session:
            session.execute(
                update(Job).where(Job.id == job_id, Job.state == JobState.RUNNING).values(heartbeat_at=self._clock())
            )

    def report(self, job_id: UUID, progress: float, message: str, params: dict[str, int] | None = None) -> None:
        """Write progress in 0..1 and what is being done: a JobMessage with its numbers, or a sentence.

        Raises JobCancelled when somebody asked the job to stop, or when it is no longer this worker's."""
        with self._db.begin() as session:
            go_on = session.scalar(
                update(Job)
                .where(Job.id == job_id, Job.state == JobState.RUNNING)
                .values(
                    progress=min(max(progress, 0.0), 1.0),
                    message=message,
                    message_params=params or {},
                    heartbeat_at=self._clock(),
                )
                .returning(Job.cancel_requested)
            )
        if go_on is not False:
            raise JobCancelled("The job was asked to stop.")

    def finish(self, job_id: UUID, result: dict[str, Any]) -> None:
        """The job is done; one that makes a file is cancelled if it was asked to stop: the file is not to be had."""
        with self._db.begin() as session:
            job = session.get_one(Job, job_id, with_for_update=True)
            if job.cancel_requested and job.kind in (JobKind.EXPORT, JobKind.ARCHIVE):
                discard(session, [f"exports/{job_id}"])
                self._end_within(session, job_id, state=JobState.CANCELLED, message=JobMessage.CANCELLED)
            else:
                self._end_within(session, job_id, state=JobState.DONE, progress=1.0, result=result)

    def fail(self, job_id: UUID, error: AppError) -> None:
        self._end(job_id, state=JobState.FAILED, problem=to_record(error))

    def cancelled(self, job_id: UUID) -> None:
        self._end(job_id, state=JobState.CANCELLED, message=JobMessage.CANCELLED)

    def release(self, job_id: UUID) -> None:
        """Give a claimed job back: its worker is to stop. That is no failed attempt; the sweeper sends it again."""
        with self._db.begin() as session:
            job = session.get(Job, job_id, with_for_update=True)
            if job is None or job.state != JobState.RUNNING:
                return
            if job.cancel_requested:
                job.state, job.finished_at, job.message = JobState.CANCELLED, self._clock(), JobMessage.CANCELLED
            else:
                job.state, job.attempts, job.progress, job.message = JobState.QUEUED, job.attempts - 1, 0.0, ""

    def _end(self, job_id: UUID, **values: Any) -> None:
        with self._db.begin() as session:
            self._end_within(session, job_id, **values)

    def _end_within(self, session: Session, job_id: UUID, **values: Any) -> None:
        ended = session.scalar(
            update(Job)
            .where(Job.id == job_id, Job.state == JobState.RUNNING)
            .values(finished_at=self._clock(), **values)
            .returning(Job)
            .execution_options(populate_existing=True)
        )
        if ended is not None:
            outbox.tell_of_job(session, ended)

    # -- for the sweeper ----------------------------------------------------------------------------------------------
    def sweep(self) -> int:
        """Send again what the courier lost; retry or end what a silent worker held. Returns how many rows it touched.

        Safe in several processes at once: rows are locked, locked rows are skipped.
        """
        touched: list[Job] = []
        now = self._clock()
        with self._db.begin() as session:
            silent = session.scalars(
                select(Job)
                .where(Job.state == JobState.RUNNING, Job.heartbeat_at < now - SILENT_AFTER)
                .with_for_update(skip_locked=True)
            )
            for job in silent:
                if job.cancel_requested:
                    job.state, job.finished_at = JobState.CANCELLED, now
                elif job.attempts < MAX_ATTEMPTS:
                    job.state, job.message = JobState.QUEUED, JobMessage.WORKER_LOST
                    touched.append(job)
                else:
                    error = WorkerLost(
                        f"The worker stopped without a word {job.attempts} times.",
                        hint="Its log tells more. Was it out of memory?",
                    )
                    job.state, job.finished_at, job.problem = JobState.FAILED, now, to_record(error)
                    outbox.tell_of_job(session, job)
                log.warning("silent job", job=str(job.id), kind=job.kind, now=job.state)
            waiting = session.scalars(
                select(Job)
                .where(
                    Job.state == JobState.QUEUED,
                    or_(Job.created_at < now - LOST_BY_COURIER_AFTER, Job.attempts > 0),
                )
                .with_for_update(skip_locked=True)
            )
            touched.extend(job for job in waiting if job not in touched)
        sent = 0
        for job in touched:
            queue = QUEUE_OF[JobKind(job.kind)]
            if not self._queue.is_waiting(job.id, queue, attempt=job.attempts):
                self._queue.submit(job.id, queue, attempt=job.attempts)
                sent += 1
        return sent


def _may_see(session: Session, who: Principal, job: Job) -> bool:
    if job.kind == JobKind.EVALUATE:  # its result quotes the report, which is for those who review
        return job.project_id is not None and may(session, who, job.project_id, Action.REVIEW)
    if job.created_by == who.id:
        return True
    project = session.get(Project, job.project_id) if job.project_id else None
    if project is None or role_in(session, who, project.id) is None:
        return False
    return not sees_own_work_only(session, who, project)


class Progress:
    """What a running job holds: `progress(0.4, JobMessage.PROPOSING, done=3, of=9)` writes at most four times a second.
    In place of a JobMessage it takes a sentence."""

    def __init__(
        self,
        jobs: Jobs,
        job_id: UUID,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stopping`: whether the worker was asked to end."""
        self._jobs = jobs
        self._job_id = job_id
        self._monotonic = monotonic
        self._stopping = stopping
        self._last = float("-inf")
        self._said: tuple[float, str, dict[str, int]] = (0.0, "", {})

    def __call__(self, fraction: float, message: str, **params: int) -> None:
        """Raises JobCancelled when the job was asked to stop, WorkerStopping when its worker was."""
        if self._stopping():
            raise WorkerStopping("The worker was asked to stop; the job is done by another one.")
        self._said = (fraction, message, params)
        now = self._monotonic()
        if now - self._last >= 0.25:
            self._last = now
            self._jobs.report(self._job_id, fraction, message, params)

    def at_once(self, fraction: float, message: str) -> None:
        """Written now, however lately something else was: nothing may follow for a while. Raises as a call does."""
        self._last = float("-inf")
        self(fraction, message)

    def checkpoint(self) -> None:
        """A place to stop at in the middle of a step: says the same once more. Raises as a call does."""
        fraction, message, params = self._said
        self(fraction, message, **params)
