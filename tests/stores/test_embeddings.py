"""The embedding cache on a real Redis."""

from __future__ import annotations

import pytest
import redis

from backend.stores.embeddings import Embeddings, EmbeddingsUnavailable


@pytest.fixture
def embeddings(cache_redis_url: str) -> Embeddings:
    return Embeddings(cache_redis_url, ttl_s=100)


def test_what_is_put_is_ready_and_reading_renews_it(embeddings: Embeddings, cache_redis_url: str) -> None:
    embeddings.put("a", b"\x00\x01")
    assert embeddings.ready(["a", "b"]) == [True, False]
    assert embeddings.ready([]) == []
    with redis.Redis.from_url(cache_redis_url) as client:
        client.expire("embedding:a", 5)
        assert embeddings.get("a") == b"\x00\x01"
        assert client.ttl("embedding:a") > 50
    assert embeddings.get("b") is None


def test_only_the_first_claims_an_encoding(embeddings: Embeddings) -> None:
    assert embeddings.claim("c")
    assert not embeddings.claim("c")
    embeddings.release("c")
    assert embeddings.claim("c")
    embeddings.put("c", b"done")
    assert embeddings.claim("c")  # evicted and asked for again: somebody may encode it anew


def test_a_cache_that_is_away_is_named() -> None:
    with pytest.raises(EmbeddingsUnavailable):
        Embeddings("redis://127.0.0.1:1", ttl_s=1).get("a")
