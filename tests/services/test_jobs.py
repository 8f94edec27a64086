"""The row is the record, the queue is the courier: nothing is lost when Redis or a worker is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import redis

from backend.domain.ids import new_id
from backend.domain.jobs import ImportPayload, JobCancelled, JobIsOver, JobKind, JobState
from backend.errors import Rejected
from backend.services.access import JobOfOthers, Principal
from backend.services.jobs import SILENT_AFTER, JobNotFound, Jobs, Progress
from backend.wiring import Services
from tests.services.conftest import World


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, delta: timedelta) -> None:
        self.now += delta


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(services: Services, clock: Clock) -> Jobs:
    return Jobs(services.db, services.queue, clock)


@pytest.fixture
def job_id(services: Services, world: World, jobs: Jobs) -> UUID:
    with services.db.begin() as session:
        job = jobs.add(
            session,
            world.manager,
            JobKind.IMPORT,
            ImportPayload(project_id=world.project_id, samples=True),
            project_id=world.project_id,
            id=new_id(),
        )
    jobs.dispatch(job)
    return job.id


def carried(services: Services, job_id: UUID) -> list[str]:
    """The ids that wait in Redis, read around our own code."""
    with redis.Redis.from_url(services.settings.redis_url or "") as client:
        return [entry.decode() for entry in client.lrange("rq:queue:io", 0, -1) if str(job_id) in entry.decode()]


def state(services: Services, world: World, job_id: UUID) -> Any:
    return services.jobs.get(world.manager, job_id)


def test_one_worker_claims_a_job_and_ends_it(services: Services, world: World, jobs: Jobs, job_id: UUID) -> None:
    assert carried(services, job_id) == [f"{job_id}-0"]
    claimed = jobs.claim(job_id)
    assert claimed is not None and claimed.attempts == 1
    assert jobs.claim(job_id) is None
    jobs.report(job_id, 0.5, "halfway")
    assert (state(services, world, job_id).progress, state(services, world, job_id).message) == (0.5, "halfway")
    jobs.finish(job_id, {"files": []})
    done = state(services, world, job_id)
    assert (done.state, done.progress, done.result) == (JobState.DONE, 1.0, {"files": []})


def test_a_failed_job_keeps_its_reason(services: Services, world: World, jobs: Jobs, job_id: UUID) -> None:
    jobs.claim(job_id)
    jobs.fail(job_id, Rejected("This file is empty.", hint="Send another."))
    problem = state(services, world, job_id).problem
    assert problem["code"] == "rejected" and problem["detail"] == "This file is empty."
    assert problem["family"] == "Rejected"


def test_redis_wiped_the_sweeper_sends_the_row_again(
    services: Services, jobs: Jobs, clock: Clock, job_id: UUID
) -> None:
    with redis.Redis.from_url(services.settings.redis_url or "") as client:
        client.flushall()
    clock.now = datetime.now(UTC) + timedelta(minutes=1)
    assert carried(services, job_id) == []
    jobs.sweep()
    assert carried(services, job_id) == [f"{job_id}-0"]
    jobs.sweep()
    assert carried(services, job_id) == [f"{job_id}-0"]  # not twice


def test_a_silent_worker_costs_one_retry_then_the_job_fails(
    services: Services, world: World, jobs: Jobs, clock: Clock, job_id: UUID
) -> None:
    jobs.claim(job_id)
    clock.forward(SILENT_AFTER / 2)
    jobs.sweep()
    assert state(services, world, job_id).state == JobState.RUNNING
    clock.forward(SILENT_AFTER)
    jobs.sweep()
    assert state(services, world, job_id).state == JobState.QUEUED
    assert f"{job_id}-1" in carried(services, job_id)
    retried = jobs.claim(job_id)
    assert retried is not None and retried.attempts == 2
    clock.forward(SILENT_AFTER * 2)
    jobs.sweep()
    lost = state(services, world, job_id)
    assert lost.state == JobState.FAILED and lost.problem["code"] == "worker_lost"


def test_a_heartbeat_keeps_a_job_alive(
    services: Services, world: World, jobs: Jobs, clock: Clock, job_id: UUID
) -> None:
    jobs.claim(job_id)
    for _ in range(5):
        clock.forward(SILENT_AFTER * 0.8)
        jobs.heartbeat(job_id)
        jobs.sweep()
    assert state(services, world, job_id).state == JobState.RUNNING


def test_cancelling(services: Services, world: World, jobs: Jobs, job_id: UUID) -> None:
    jobs.claim(job_id)
    services.jobs.cancel(world.manager, job_id)
    progress = Progress(jobs, job_id)
    with pytest.raises(JobCancelled):
        progress(0.2, "working")
    jobs.cancelled(job_id)
    assert state(services, world, job_id).state == JobState.CANCELLED
    with pytest.raises(JobIsOver):
        services.jobs.cancel(world.manager, job_id)


def test_who_started_a_job_and_who_manages_stop_it(
    services: Services, world: World, admin: Principal, jobs: Jobs
) -> None:
    def started_by(who: Principal) -> UUID:
        payload = ImportPayload(project_id=world.project_id, samples=True)
        with services.db.begin() as session:
            return jobs.add(session, who, JobKind.IMPORT, payload, project_id=world.project_id, id=new_id()).id

    of_the_manager = started_by(world.manager)
    assert services.jobs.get(world.annotator, of_the_manager).state == JobState.QUEUED
    with pytest.raises(JobOfOthers):
        services.jobs.cancel(world.annotator, of_the_manager)
    with pytest.raises(JobNotFound):
        services.jobs.cancel(world.outsider, of_the_manager)
    assert services.jobs.cancel(admin, of_the_manager).state == JobState.CANCELLED
    for stops in (world.annotator, world.manager):
        assert services.jobs.cancel(stops, started_by(world.annotator)).state == JobState.CANCELLED


def test_a_queued_job_is_cancelled_at_once_and_never_claimed(
    services: Services, world: World, jobs: Jobs, job_id: UUID
) -> None:
    assert services.jobs.cancel(world.manager, job_id).state == JobState.CANCELLED
    assert jobs.claim(job_id) is None


def test_progress_is_written_at_most_four_times_a_second(
    services: Services, world: World, jobs: Jobs, job_id: UUID
) -> None:
    jobs.claim(job_id)
    seconds = iter([0.0, 0.1, 0.2, 0.3])
    progress = Progress(jobs, job_id, monotonic=lambda: next(seconds))
    progress(0.1, "a")
    progress(0.2, "b")
    progress(0.3, "c")
    assert state(services, world, job_id).message == "a"
    progress(0.4, "d")
    assert state(services, world, job_id).message == "d"


def test_outsiders_see_no_jobs(services: Services, world: World, job_id: UUID) -> None:
    with pytest.raises(JobNotFound):
        services.jobs.get(world.outsider, job_id)
    assert services.jobs.get(world.annotator, job_id).id == job_id


def test_who_does_not_review_sees_no_measurements(services: Services, world: World, jobs: Jobs) -> None:
    asked = ImportPayload(project_id=world.project_id)  # any payload: nothing runs
    with services.db.begin() as session:
        job = jobs.add(session, world.manager, JobKind.EVALUATE, asked, project_id=world.project_id, id=new_id())
    assert services.jobs.get(world.manager, job.id).id == job.id
    with pytest.raises(JobNotFound):
        services.jobs.get(world.annotator, job.id)
    for who, found in ((world.manager, True), (world.annotator, False)):
        listed = services.jobs.of_project(who, world.project_id, limit=100, cursor=None).items
        assert (job.id in [row.id for row in listed]) == found
    services.jobs.cancel(world.manager, job.id)
