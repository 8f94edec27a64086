"""Signing out at the provider: it tells us, not by way of a browser, whose sessions are over (back-channel logout).

The message is a signed token. That it is the provider's, for us and of now is checked in services.oidc_provider; here,
that it means a logout, was not sent before, and which sessions it ends.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import structlog
from redis import Redis, RedisError
from sqlalchemy import delete, select

from backend.db.session import Database
from backend.db.tables import Credential, Identity
from backend.errors import Malformed
from backend.services import audit
from backend.services.accounts import secret_hash
from backend.services.oidc import SingleSignOnOff
from backend.services.oidc_provider import LEEWAY_S, BadIdentity, Json, Provider, ProviderUnavailable

log = structlog.get_logger(__name__)

EVENT = "http://schemas.openid.net/event/backchannel-logout"
OLDEST_S = 600
"""Seconds after which a message that was signed comes too late."""
LONGEST = 255


class LogoutRefused(Malformed):
    """A message does not prove that the provider ended a session, or came before. Raised by services.oidc_logout."""

    code = "oidc_bad_logout"
    title = "This does not end a session"


class ProviderLogout:
    def __init__(self, db: Database, redis: Redis, provider: Provider | None) -> None:
        self._db = db
        self._redis = redis
        self._provider = provider

    def end(self, logout_token: str) -> int:
        """End the sessions here that the token names, by the provider's session or by its person. Returns how many.
        Raises LogoutRefused, SingleSignOnOff, ProviderUnavailable."""
        if self._provider is None:
            raise SingleSignOnOff("No provider is configured.")
        try:
            claims = self._provider.announced(logout_token)
        except BadIdentity as error:
            raise _refused("it is not signed by the sign-in service, for this installation, now") from error
        _check(claims)
        once = f"oidc-logout:{secret_hash(claims['jti'])}"
        try:
            first = self._redis.set(once, "1", ex=OLDEST_S + 2 * LEEWAY_S, nx=True)
        except RedisError as error:
            raise ProviderUnavailable("Redis, which this needs, does not answer.", hint="Send it again.") from error
        if not first:
            raise _refused("it was sent before")
        try:
            return self._ended(claims)
        except Exception:
            self._redis.delete(once)  # so that the provider may try again
            raise

    def _ended(self, claims: Json) -> int:
        identities = select(Identity.id).where(Identity.issuer == claims["iss"])
        if "sub" in claims:
            identities = identities.where(Identity.subject == claims["sub"])
        gone = delete(Credential).where(Credential.kind == "session", Credential.identity_id.in_(identities))
        if "sid" in claims:
            gone = gone.where(Credential.provider_session == claims["sid"])
        with self._db.begin() as session:
            ended = Counter(session.scalars(gone.returning(Credential.user_id)))
            for user_id, count in ended.items():
                audit.record(session, None, "session.ended_by_provider", subject=user_id, count=count)
        log.info("the sign-in service ended sessions", count=ended.total())
        return ended.total()


def _check(claims: Json) -> None:
    """That a token of the provider means a logout. Raises LogoutRefused."""
    events: Any = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise _refused("it announces no logout")
    if "nonce" in claims:
        raise _refused("it is a token for signing in")
    if claims["iat"] < time.time() - OLDEST_S:
        raise _refused("it is too old")
    if "sub" not in claims and "sid" not in claims:
        raise _refused("it names neither a person nor a session")
    for name in ("jti", *(name for name in ("sub", "sid") if name in claims)):
        if not isinstance(claims.get(name), str) or not 1 <= len(claims[name]) <= LONGEST:
            raise _refused(f"its {name} is not a text of 1 to {LONGEST} characters")


def _refused(reason: str) -> LogoutRefused:
    log.warning("a logout was not accepted", reason=reason)
    return LogoutRefused(f"The logout token ends nothing: {reason}.")
