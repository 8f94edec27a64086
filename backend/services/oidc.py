"""Signing in with the account of one's organisation: the way there and back, and whose account here it is.

A person is known by the provider's issuer and subject. The first time, an account is found by its e-mail address, which
must be verified; where there is none, the settings say whether one is made. What is asked of the provider, and the
checks of its answer, are in services.oidc_provider.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from redis import Redis, RedisError
from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Identity, Member, Project, User
from backend.errors import Conflict, Forbidden, NotFound, Unauthenticated
from backend.services import audit
from backend.services.access import principal_of
from backend.services.accounts import AccountDeactivated, Accounts, Secret, secret_hash
from backend.services.login_limits import LoginLimits
from backend.services.oidc_provider import Claims, Provider, ProviderUnavailable, SignInRefused

log = structlog.get_logger(__name__)

LIFE_S = 600
"""Seconds in which a sign-in that was begun must come back."""
STARTS = 60
"""Sign-ins begun from one address within the window of services.login_limits."""

_OWN_PATH = re.compile(r"/(?![/\\])[^\x00-\x1f]*")


class SingleSignOnOff(NotFound):
    """No provider is configured. Raised by services.oidc."""

    code = "oidc_off"
    title = "There is no such way to sign in here"


class SignInStale(Unauthenticated):
    """A sign-in came back that this browser has not begun, or that is used up. Raised by services.oidc."""

    code = "oidc_stale"
    title = "This sign-in is over"


class SignInDenied(SignInRefused):
    """The person, or a rule of the provider, said no there. Raised by services.oidc."""

    code = "oidc_denied"
    title = "Signing in was not allowed"


class EmailNotVerified(Forbidden):
    """The provider gives no verified e-mail address of somebody new. Raised by services.oidc."""

    code = "oidc_email"
    title = "The e-mail address is not verified"


class PersonUnknown(Forbidden):
    """There is no account of this person, and none is made. Raised by services.oidc."""

    code = "oidc_person_unknown"
    title = "You have no account here"


class IdentityTaken(Conflict):
    """The account with this e-mail address is known by another subject. Raised by services.oidc."""

    code = "oidc_other_identity"
    title = "This account belongs to another identity"


@dataclass(frozen=True, slots=True)
class Admission:
    """How accounts are found and made. `domains`: of new people's addresses, none: any. `roles`: of new people, by the
    name or id of projects."""

    email_claim: str
    trust_email: bool
    admit_new: bool
    domains: tuple[str, ...]
    roles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in on its way. `browser`: a secret that the browser keeps until it comes back."""

    url: str
    browser: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody who is signed in, and the path that they wanted."""

    secret: Secret
    next: str


class SingleSignOn:
    def __init__(
        self,
        db: Database,
        redis: Redis,
        accounts: Accounts,
        limits: LoginLimits,
        provider: Provider | None,
        admission: Admission,
    ) -> None:
        """`provider` None: nobody signs in this way."""
        self._db = db
        self._redis = redis
        self._accounts = accounts
        self._limits = limits
        self._provider = provider
        self._admission = admission

    @property
    def is_on(self) -> bool:
        return self._provider is not None

    def begin(self, *, next: str | None, redirect_uri: str, browser: str | None, address: str) -> Begun:
        """Send a browser to the provider. `next`: the path of ours that was wanted. `browser`: its secret from another
        sign-in that is under way in another tab. Raises SingleSignOnOff, TooManyLogins, ProviderUnavailable."""
        provider = self._need_provider()
        self._limits.check(f"oidc:{address}", tries=STARTS)
        self._limits.count(f"oidc:{address}")
        browser = browser or secrets.token_urlsafe(32)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        kept = {
            "nonce": nonce,
            "verifier": verifier,
            "redirect_uri": redirect_uri,
            "next": next if next and _OWN_PATH.fullmatch(next) else "/",
            "browser": secret_hash(browser),
        }
        url = provider.authorization_url(redirect_uri=redirect_uri, state=state, nonce=nonce, verifier=verifier)
        try:
            self._redis.set(_key(state), json.dumps(kept), ex=LIFE_S)
        except RedisError as error:
            raise _no_redis() from error
        return Begun(url, browser)

    def finish(self, answer: Mapping[str, str], *, browser: str | None, browser_name: str) -> Arrived:
        """A session for who comes back. `answer`: the query that the provider sent. Raises SingleSignOnOff,
        SignInStale, SignInRefused, SignInDenied, ProviderUnavailable, BadIdentity, EmailNotVerified, PersonUnknown,
        IdentityTaken, AccountDeactivated."""
        provider = self._need_provider()
        if "error" in answer:  # some providers leave out the state then; it would open no door anyhow
            denied = answer["error"] == "access_denied"
            refused = SignInDenied if denied else SignInRefused
            log.warning("the sign-in service refused", denied=denied)
            raise refused("The sign-in service let nobody in.", hint="Sign in again, or ask who runs it.")
        kept = self._taken(answer.get("state", ""), browser or "")
        claims = provider.identify(
            answer.get("code", ""),
            came_from=answer.get("iss"),
            redirect_uri=kept["redirect_uri"],
            nonce=kept["nonce"],
            verifier=kept["verifier"],
        )
        with self._db.begin() as session:
            identity, user = self._known(session, claims) or self._first_time(session, claims)
            if user.disabled_at is not None:
                raise AccountDeactivated(
                    f"{user.name} cannot sign in.", hint="An administrator can activate the account."
                )
            secret = self._accounts.begin_session(session, user, "oidc", browser=browser_name)
            kept_of_it = secret.credential
            kept_of_it.identity_id, kept_of_it.provider_session = identity.id, claims.session
            kept_of_it.id_token = claims.id_token
            return Arrived(secret, kept["next"])

    def logout_url(self, back_to: str, id_token: str | None) -> str | None:
        """Where to sign out of the provider, too. `id_token`: that began the session."""
        return self._provider.logout_url(back_to, id_token) if self._provider else None

    # -- inside -------------------------------------------------------------------------------------------------------
    def _need_provider(self) -> Provider:
        if self._provider is None:
            raise SingleSignOnOff("No provider is configured.", hint="Sign in with e-mail and password.")
        return self._provider

    def _taken(self, state: str, browser: str) -> dict[str, str]:
        """What was kept of a sign-in that this browser began; it works once."""
        try:
            found = self._redis.getdel(_key(state))
        except RedisError as error:
            raise _no_redis() from error
        kept: dict[str, str] | None = json.loads(found) if found else None
        if kept is None or not hmac.compare_digest(kept["browser"], secret_hash(browser)):
            raise SignInStale(
                "It took too long, was used before, or was begun in another browser.", hint="Sign in again."
            )
        return kept

    @staticmethod
    def _known(session: Session, claims: Claims) -> tuple[Identity, User] | None:
        row = session.execute(
            select(Identity, User)
            .join(User, User.id == Identity.user_id)
            .where(Identity.issuer == claims.issuer, Identity.subject == claims.subject)
        ).first()
        return (row[0], row[1]) if row else None

    def _first_time(self, session: Session, claims: Claims) -> tuple[Identity, User]:
        """The account that a new identity belongs to from now on."""
        email = self._verified_email(claims.all)
        user = session.scalar(select(User).where(User.email == email)) or self._new_person(session, email, claims.all)
        _need_active(user)
        values = {"user_id": user.id, "issuer": claims.issuer, "subject": claims.subject}
        session.execute(insert(Identity).values(**values).on_conflict_do_nothing())
        identity = session.scalar(select(Identity).where(Identity.user_id == user.id, Identity.issuer == claims.issuer))
        if identity is None or identity.subject != claims.subject:
            raise IdentityTaken(
                f"The account of {email} is used by somebody else there.",
                hint="If the address has a new owner, an administrator makes a new sign-in link, which forgets this.",
            )
        audit.record(session, principal_of(user), "user.identity_linked", subject=user.id)
        return identity, user

    def _verified_email(self, claims: Mapping[str, Any]) -> str:
        email, said = claims.get(self._admission.email_claim), claims.get("email_verified")
        # what is said to be verified is the claim `email`, whichever claim holds the address
        verified = said is True and email == claims.get("email")
        if not isinstance(email, str) or not (verified or (self._admission.trust_email and said in (None, True))):
            raise EmailNotVerified(
                "The sign-in service gives no e-mail address that it has verified.",
                hint="Verify your address there. Who runs this installation may look at SAMMED_OIDC_EMAIL_CLAIM.",
            )
        return email.strip().lower()

    def _new_person(self, session: Session, email: str, claims: Mapping[str, Any]) -> User:
        """An account for somebody unknown, if the settings let them in."""
        domains = self._admission.domains
        if not self._admission.admit_new or (domains and email.rpartition("@")[2] not in domains):
            raise PersonUnknown(
                f"There is no account for {email}.",
                hint="Ask an administrator or the manager of a project to invite you.",
            )
        name = claims.get("name")
        named = name.strip()[:120] if isinstance(name, str) and name.strip() else email.partition("@")[0]
        user = self._accounts.add_user(session, None, email, named, via="oidc")
        for project, role in self._admission.roles.items():
            self._join(session, user, project, role)
        return user

    @staticmethod
    def _join(session: Session, user: User, project: str, role: str) -> None:
        meant = [Project.name == project]
        with contextlib.suppress(ValueError):
            meant.append(Project.id == UUID(project))
        ids = session.scalars(select(Project.id).where(or_(*meant), Project.archived_at.is_(None))).all()
        if len(ids) != 1:
            log.warning("SAMMED_OIDC_ROLES does not name one project", found=len(ids))
            return
        session.add(Member(project_id=ids[0], user_id=user.id, role=role))
        audit.record(session, None, "member.set", project_id=ids[0], subject=user.id, role=role)


def _need_active(user: User) -> None:
    if user.disabled_at is not None:
        raise AccountDeactivated(f"{user.name} cannot sign in.", hint="An administrator can activate the account.")


def _key(state: str) -> str:
    return f"oidc:{secret_hash(state)}"


def _no_redis() -> ProviderUnavailable:
    log.warning("nobody can sign in with an account of an organisation: Redis does not answer")
    return ProviderUnavailable("Redis, which signing in needs, does not answer.", hint="Try again in a moment.")
