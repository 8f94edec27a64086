"""RQ as a courier, on a real Redis: what callers are told when nobody answers."""

from __future__ import annotations

import pytest
import redis

from backend.domain.jobs import Call, CallTimedOut, EncodeCall, NoWorker, QueueName, QueueUnavailable, SliceSource
from backend.stores.queue import JobQueue

SOURCE = SliceSource(
    voxels_hash="0", slice_index=0, size_hw=(4, 4), window=None, model="sammed-small", embedding_key="0"
)


@pytest.fixture
def queue(redis_url: str) -> JobQueue:
    return JobQueue(redis_url)


def test_without_a_worker_nobody_waits(queue: JobQueue, redis_url: str) -> None:
    with pytest.raises(NoWorker):
        queue.call(QueueName.CLICK, Call.ENCODE, EncodeCall(source=SOURCE), timeout_s=5)
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("rq:queue:click") == 0


def test_a_worker_that_does_not_answer_is_waited_for_as_long_as_was_said(queue: JobQueue, redis_url: str) -> None:
    """Longer than any time-out of the Redis client itself: encoding with a large model takes longer than those."""
    queue.announce_worker("silent", [QueueName.ENCODE], {})
    try:
        with pytest.raises(CallTimedOut):
            queue.call(QueueName.ENCODE, Call.ENCODE, EncodeCall(source=SOURCE), timeout_s=8)
    finally:
        queue.withdraw_worker("silent")
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("rq:queue:encode") == 0, "what nobody waits for any more is taken back"


def test_redis_away_is_said_at_once() -> None:
    with pytest.raises(QueueUnavailable):
        JobQueue("redis://127.0.0.1:1").ping()


def test_a_worker_is_known_by_what_it_announces(redis_url: str) -> None:
    queue = JobQueue(redis_url)
    queue.announce_worker("a", [QueueName.CLICK, QueueName.ENCODE], {"sammed-small": {"checksum": "c"}})
    try:
        assert queue.worker_counts()[QueueName.CLICK] == 1
        assert queue.worker_counts()[QueueName.IO] == 0
        assert queue.workers()[0]["models"] == {"sammed-small": {"checksum": "c"}}
    finally:
        queue.withdraw_worker("a")
