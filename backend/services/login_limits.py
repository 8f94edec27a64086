"""How often signing in may be tried, from one address and for one account, counted in Redis."""

from __future__ import annotations

import structlog
from redis import Redis, RedisError

from backend.errors import TooManyRequests

log = structlog.get_logger(__name__)

LOGIN_TRIES, LOGIN_WINDOW_S = 10, 300


class TooManyLogins(TooManyRequests):
    """Too many failed logins for one address or account. Raised by services.login_limits."""

    code = "too_many_logins"
    title = "Too many attempts"


class LoginLimits:
    """While Redis is away nothing is counted and the log says so: people can still sign in, and argon2 alone slows down
    who guesses."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def check(self, *buckets: str, tries: int = LOGIN_TRIES) -> None:
        """Raises TooManyLogins after `tries` in LOGIN_WINDOW_S in one of the buckets."""
        try:
            counts = [int(self._redis.get(bucket) or 0) for bucket in buckets]
        except RedisError:
            log.warning("logins are not rate-limited: Redis does not answer")
            return
        if max(counts) >= tries:
            raise TooManyLogins(
                f"{tries} attempts were made within {LOGIN_WINDOW_S // 60} minutes.", hint="Wait five minutes."
            )

    def count(self, *buckets: str) -> None:
        try:
            for bucket in buckets:
                pipeline = self._redis.pipeline()
                pipeline.incr(bucket)
                pipeline.expire(bucket, LOGIN_WINDOW_S)
                pipeline.execute()
        except RedisError:
            log.warning("a login is not counted: Redis does not answer")
