"""RQ as a courier: background jobs travel as an id, interactive calls travel whole and somebody waits for the answer.

Nothing is recorded here; Redis may be wiped at any moment. Payloads are JSON, never pickle.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from redis import Redis, RedisError
from rq import Queue
from rq.job import Job as RqJob
from rq.results import Result
from rq.serializers import JSONSerializer

from backend.domain.jobs import Call, CallTimedOut, NoWorker, QueueName, QueueUnavailable, WorkerFailed
from backend.errors import Relayed

RUN_JOB = "workers.runtime.run_job"
RUN_CALL = "workers.runtime.run_call"

WORKER_TTL_S = 20
"""A worker announces itself this long; without renewal it counts as gone."""

_ANNOUNCED_FOR_S = 1.0
_JOB_TIMEOUT_S = 24 * 3600


class JobQueue:
    """The queues of domain.jobs.QueueName."""

    def __init__(self, redis_url: str) -> None:
        # no time-out of the socket's own (redis-py's default is 5 s): a call waits as long as its caller says
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=3, socket_timeout=None, protocol=2)
        self._queues = {
            name: Queue(name, connection=self._redis, serializer=JSONSerializer, default_timeout=_JOB_TIMEOUT_S)
            for name in QueueName
        }
        self._announced: tuple[float, list[dict[str, Any]]] = (float("-inf"), [])

    @property
    def redis(self) -> Redis:
        return self._redis

    # -- interactive --------------------------------------------------------------------------------------------------
    def call(self, queue: QueueName, call: Call, payload: BaseModel, *, timeout_s: float) -> dict[str, Any]:
        """Ask a worker and wait for its answer (JSON).

        Raises NoWorker when no process serves the queue, CallTimedOut when none answers in time, Relayed with the
        worker's own code when it refused, WorkerFailed when it broke.
        """
        self._need_worker(queue)
        with _translated():
            job = self._enqueue_call(queue, call, payload, at_front=True, ttl_s=int(timeout_s) + 1)
            result = Result.fetch_latest(job, serializer=JSONSerializer, timeout=max(1, round(timeout_s)))
        if result is None:
            with _translated():
                job.delete()
            raise CallTimedOut(
                f"No answer from a worker of the queue '{queue}' within {timeout_s:g} s.",
                hint="It may be busy with a large model, or have stopped. Try again; the system status tells more.",
            )
        if result.type is not Result.Type.SUCCESSFUL or result.return_value is None:
            raise WorkerFailed("A worker failed while answering.", hint="Its log tells why. Trying again may help.")
        answer: dict[str, Any] = result.return_value
        if "problem" in answer:
            raise Relayed(answer["problem"])
        return answer

    def cast(self, queue: QueueName, call: Call, payload: BaseModel, *, ttl_s: int) -> None:
        """Ask a worker and do not wait: work ahead of need, which is dropped after `ttl_s` seconds in the queue."""
        with _translated():
            self._enqueue_call(queue, call, payload, at_front=False, ttl_s=ttl_s)

    def _enqueue_call(self, queue: QueueName, call: Call, payload: BaseModel, *, at_front: bool, ttl_s: int) -> RqJob:
        return self._queues[queue].enqueue_call(
            RUN_CALL,
            args=(str(call), payload.model_dump(mode="json")),
            result_ttl=30,
            failure_ttl=30,
            ttl=ttl_s,
            timeout=600,
            at_front=at_front,
            description=str(call),
        )

    # -- background ---------------------------------------------------------------------------------------------------
    def submit(self, job_id: UUID, queue: QueueName, *, attempt: int) -> None:
        """Send the id of a job's row. Sending it again is harmless: the worker claims the row."""
        with _translated():
            self._queues[queue].enqueue_call(
                RUN_JOB,
                args=(str(job_id),),
                job_id=rq_id(job_id, attempt),
                result_ttl=0,
                failure_ttl=3600,
                timeout=_JOB_TIMEOUT_S,
                description=f"job {job_id}",
            )

    def is_waiting(self, job_id: UUID, queue: QueueName, *, attempt: int) -> bool:
        """Whether the courier still carries this job to a worker. What a worker took and did not claim is lost."""
        with _translated():
            return self._queues[queue].get_job_position(rq_id(job_id, attempt)) is not None

    def waiting(self, queue: QueueName) -> int:
        """How many jobs wait in a queue."""
        with _translated():
            return int(self._queues[queue].count)

    def take(self, queue: QueueName) -> UUID | None:
        """The background job that waits longest, taken from the courier by who will run it now; None: none waits. What
        is taken and not claimed, the sweeper sends again."""
        with _translated():
            carried = self._redis.lpop(self._queues[queue].key)  # RQ's own pop breaks on an empty queue
            if not isinstance(carried, bytes):
                return None
            self._redis.delete(RqJob.key_for(carried.decode()))
        return job_id_of(carried.decode())

    # -- workers ------------------------------------------------------------------------------------------------------
    def announce_worker(self, name: str, queues: list[QueueName], models: dict[str, Any]) -> None:
        """Called by each worker process every few seconds: it lives, serves these queues and has these models."""
        with _translated():
            self._redis.set(
                f"sammed:worker:{name}",
                json.dumps({"queues": [str(q) for q in queues], "models": models}),
                ex=WORKER_TTL_S,
            )

    def withdraw_worker(self, name: str) -> None:
        with _translated():
            self._redis.delete(f"sammed:worker:{name}")

    def workers(self) -> list[dict[str, Any]]:
        """What every living worker announced, at most a second old: `queues` and `models` (name -> checksum, ...)."""
        at, announced = self._announced
        if time.monotonic() - at > _ANNOUNCED_FOR_S:
            with _translated():
                keys = list(self._redis.scan_iter("sammed:worker:*", count=500))
                values = self._redis.mget(keys) if keys else []
            announced = [json.loads(value) for value in values if value]
            self._announced = (time.monotonic(), announced)
        return announced

    def worker_counts(self) -> dict[QueueName, int]:
        """Living workers a queue."""
        counts = dict.fromkeys(QueueName, 0)
        for worker in self.workers():
            for queue in worker["queues"]:
                counts[QueueName(queue)] += 1
        return counts

    def _need_worker(self, queue: QueueName) -> None:
        if not self.worker_counts()[queue]:
            raise NoWorker(
                f"No worker process serves the queue '{queue}'.",
                hint="`sammed up` starts them, else `sammed worker click encode` does. It is tried again by itself.",
            )

    def ping(self) -> None:
        with _translated():
            self._redis.ping()

    def close(self) -> None:
        self._redis.close()


def rq_id(job_id: UUID, attempt: int) -> str:
    return f"{job_id}-{attempt}"


def job_id_of(rq_id: str) -> UUID:
    return UUID(rq_id.rpartition("-")[0])


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise QueueUnavailable(
            "Redis (job queue) does not answer.", hint="Nothing is lost; it is tried again by itself."
        ) from error
