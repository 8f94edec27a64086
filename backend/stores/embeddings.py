"""SAM's image embeddings in Redis, under a memory bound of their own so that eviction can never touch jobs.

A value is what workers.sammed made of a SliceEmbedding (fp16, self-describing); we never look inside. Keys are
`embedding:<EmbeddingKey.digest()>`, which begin with the hash of the voxels; reading renews the time to live.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis import Redis, RedisError

from backend.domain.prompts import HASH_LETTERS
from backend.errors import Unavailable

CLAIM_S = 60
"""So long a slice counts as being encoded. A question that waits longer is dropped, and may be asked anew."""


class EmbeddingsUnavailable(Unavailable):
    """The embedding cache does not answer. Raised by stores.embeddings."""

    code = "embedding_cache_unavailable"
    title = "The embedding cache cannot be reached"


class Embeddings:
    """Get, put and look up embeddings by digest."""

    def __init__(self, cache_redis_url: str, *, ttl_s: int) -> None:
        self._redis = Redis.from_url(cache_redis_url, socket_timeout=10, socket_connect_timeout=3)
        self._ttl_s = ttl_s

    def get(self, digest: str) -> bytes | None:
        with _translated():
            value = self._redis.getex(_key(digest), ex=self._ttl_s)
        return value  # type: ignore[return-value]

    def put(self, digest: str, value: bytes) -> None:
        """Store and release the claim."""
        with _translated():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.set(_key(digest), value, ex=self._ttl_s)
            pipeline.delete(_claim(digest))
            pipeline.execute()

    def ready(self, digests: Sequence[str]) -> list[bool]:
        """For each digest, whether its embedding is there."""
        if not digests:
            return []
        with _translated():
            pipeline = self._redis.pipeline(transaction=False)
            for digest in digests:
                pipeline.exists(_key(digest))
            return [bool(found) for found in pipeline.execute()]

    def forget(self, voxels_hash: str) -> None:
        """Delete the embeddings of all slices of a volume, of whatever model."""
        with _translated():
            for key in self._redis.scan_iter(match=_key(f"{voxels_hash[:HASH_LETTERS]}*"), count=1000):
                self._redis.delete(key)

    def claim(self, digest: str) -> bool:
        """True for the first who asks within CLAIM_S: who claims, has it encoded. Keeps work from being queued
        twice."""
        with _translated():
            return bool(self._redis.set(_claim(digest), b"1", nx=True, ex=CLAIM_S))

    def release(self, digest: str) -> None:
        with _translated():
            self._redis.delete(_claim(digest))

    def ping(self) -> None:
        with _translated():
            self._redis.ping()

    def close(self) -> None:
        self._redis.close()


def _key(digest: str) -> str:
    return f"embedding:{digest}"


def _claim(digest: str) -> str:
    return f"encoding:{digest}"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise EmbeddingsUnavailable(
            "Redis (embedding cache) does not answer.", hint="It is tried again with the next click."
        ) from error
