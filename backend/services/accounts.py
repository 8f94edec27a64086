"""People and how they prove who they are: passwords, browser sessions, personal tokens, one-time login links.

Passwords are argon2id; every other secret is 256 random bits of which only the sha256 is stored. Signing in with the
account of another organisation is in services.oidc.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Credential, Identity, User
from backend.domain.workflow import Action, TokenScope
from backend.errors import Conflict, Forbidden, NotFound, Rejected, Unauthenticated
from backend.services import audit
from backend.services.access import Principal, principal_of, require, require_admin
from backend.services.login_limits import LoginLimits

SESSION_LIFE = timedelta(days=14)
ONE_TIME_LIFE = timedelta(hours=24)
MIN_PASSWORD = 10

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class BadLogin(Unauthenticated):
    """E-mail and password do not belong together. Raised by services.accounts; never says which of them is wrong."""

    code = "bad_login"
    title = "Signing in failed"


class BadLink(Unauthenticated):
    """A one-time login link was used before, is too old or was never made. Raised by services.accounts."""

    code = "bad_link"
    title = "This link does not work any more"


class NotSignedIn(Unauthenticated):
    """No valid session or token came with the request. Raised by services.accounts."""

    code = "not_signed_in"
    title = "Sign in first"


class WeakPassword(Rejected):
    """A password is too short. Raised by services.accounts."""

    code = "weak_password"
    title = "This password is too weak"


class InvalidUser(Rejected):
    """An e-mail address or a name is not usable. Raised by services.accounts."""

    code = "invalid_user"
    title = "This account cannot be made"


class PasswordsOff(Forbidden):
    """People sign in to this installation with accounts of another organisation. Raised by services.accounts."""

    code = "passwords_off"
    title = "There are no passwords here"


class UserExists(Conflict):
    """There is an account with this e-mail address. Raised by services.accounts."""

    code = "user_exists"
    title = "This account exists"


class UserNotFound(NotFound):
    """No account has this id or e-mail address. Raised by services.accounts and services.projects."""

    code = "user_not_found"
    title = "There is no such account"


class AccountDeactivated(Conflict):
    """A deactivated account gets no login link and lets nobody in. Raised by services.accounts and services.oidc."""

    code = "account_deactivated"
    title = "This account is deactivated"


class TokenNotFound(NotFound):
    """The caller has no such token. Raised by services.accounts."""

    code = "token_not_found"
    title = "There is no such token"


@dataclass(frozen=True, slots=True)
class Secret:
    """A fresh secret. `value` is shown once and stored nowhere."""

    credential: Credential
    value: str


@dataclass(frozen=True, slots=True)
class SignedOut:
    """A session that is over. `by_provider`: it began at the sign-in service, with this `id_token`."""

    by_provider: bool
    id_token: str | None


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What `sammed up` prints: a one-time login for the first administrator, None when one has a password already."""

    one_time: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """A person as they see themselves. `has_identity`: they can sign in with an account of another organisation."""

    user: User
    has_identity: bool
    must_set_password: bool


_BEHIND = (
    select(
        User.id,
        User.name,
        User.email,
        User.is_admin,
        User.disabled_at,
        Credential.id.label("credential_id"),
        Credential.scope,
        Credential.expires_at,
        Credential.last_used_at,
        Credential.dicomweb_project_id,
    )
    .join(Credential, Credential.user_id == User.id)
    .where(Credential.secret_hash == bindparam("secret_hash"), Credential.kind == bindparam("kind"))
)
"""Every request asks who is behind its session or token."""


class Accounts:
    def __init__(self, db: Database, limits: LoginLimits, *, passwords: bool = True) -> None:
        """`passwords`: whether people sign in with passwords and links; where not, only administrators do, by link."""
        self._db = db
        self._limits = limits
        self._passwords = passwords
        self._hasher = PasswordHasher()
        self._dummy_hash = self._hasher.hash(secrets.token_hex(16))

    # -- first start --------------------------------------------------------------------------------------------------
    def bootstrap(self, token: str | None) -> Bootstrap:
        """Make the first administrator if there is none; give them the configured token and, until they have a
        password, a one-time login."""
        with self._db.begin() as session:
            admin = session.scalar(select(User).where(User.is_admin).order_by(User.created_at).limit(1))
            if admin is None:
                admin = User(email="admin@localhost", name="Administrator", is_admin=True)
                session.add(admin)
                session.flush()
                audit.record(session, None, "user.created", subject=admin.id, is_admin=True, via="link")
            if token and not session.scalar(select(Credential.id).where(Credential.secret_hash == secret_hash(token))):
                session.add(
                    Credential(user_id=admin.id, kind="token", secret_hash=secret_hash(token), name="bootstrap")
                )
            if admin.password_hash:
                return Bootstrap(None, None)
            secret = self._new(session, admin.id, "one_time", life=ONE_TIME_LIFE)
            return Bootstrap(secret.value, admin.email)

    # -- proving who one is -------------------------------------------------------------------------------------------
    def login(self, email: str, password: str, *, address: str, browser: str = "") -> Secret:
        """A new session of this browser. Raises BadLogin, TooManyLogins, PasswordsOff."""
        self._need_passwords()
        email = email.strip().lower()
        buckets = (f"login:{address}", f"login:{email}")
        self._limits.check(*buckets)
        with self._db.begin() as session:
            user = session.scalar(select(User).where(User.email == email))
            stored = user.password_hash if user and user.password_hash and not user.disabled_at else None
            try:
                self._hasher.verify(stored or self._dummy_hash, password)
                valid = stored is not None
            except VerificationError:
                valid = False
            if user is None or not valid:
                self._limits.count(*buckets)
                raise BadLogin(
                    "The e-mail address and the password do not belong together.",
                    hint="`sammed user reset EMAIL` on the server prints a new one-time link.",
                )
            if self._hasher.check_needs_rehash(user.password_hash or ""):
                user.password_hash = self._hasher.hash(password)
            return self.begin_session(session, user, "password", browser=browser)

    def login_once(self, token: str, *, browser: str = "") -> Secret:
        """A new session of this browser for a one-time link, which then is used up. Raises BadLink, PasswordsOff."""
        with self._db.begin() as session:
            credential = session.scalar(
                delete(Credential)
                .where(
                    Credential.secret_hash == secret_hash(token),
                    Credential.kind == "one_time",
                    Credential.expires_at > func.now(),
                )
                .returning(Credential)
            )
            if credential is None:
                raise BadLink(
                    "This one-time link was used before or is older than a day.",
                    hint="An administrator can make a new one; so can `sammed user reset EMAIL` on the server.",
                )
            user = session.get_one(User, credential.user_id)
            if not user.is_admin:
                self._need_passwords()
            return self.begin_session(session, user, "link", browser=browser)

    def begin_session(self, session: Session, user: User, via: str, *, browser: str) -> Secret:
        """A session of this browser for somebody who has proved who they are, in the unit of work of the proof. `via`:
        password, link or oidc, for the log."""
        secret = self._new(session, user.id, "session", name=browser, life=SESSION_LIFE)
        audit.record(session, principal_of(user), "session.started", subject=secret.credential.id, via=via)
        return secret

    def authenticate(self, secret: str | None, *, kind: str) -> Principal:
        """The person behind a session or a token. Raises NotSignedIn."""
        with self._db.begin() as session:
            row = session.execute(_BEHIND, {"secret_hash": secret_hash(secret or ""), "kind": kind}).first()
            now = datetime.now(UTC)
            if row is None or row.disabled_at or (row.expires_at and row.expires_at < now):
                raise NotSignedIn("There is no valid session or token with this request.", hint="Sign in again.")
            if row.last_used_at is None or now - row.last_used_at > timedelta(minutes=1):
                session.execute(update(Credential).where(Credential.id == row.credential_id).values(last_used_at=now))
            is_reading = row.scope == TokenScope.READ
            return Principal(row.id, row.name, row.email, row.is_admin, is_reading, row.dicomweb_project_id)

    def logout(self, secret: str) -> SignedOut:
        """End a session."""
        with self._db.begin() as session:
            gone = delete(Credential).where(Credential.secret_hash == secret_hash(secret))
            row = session.execute(gone.returning(Credential.identity_id, Credential.id_token)).one_or_none()
            return SignedOut(row is not None and row[0] is not None, row[1] if row else None)

    def set_password(self, who: Principal, password: str, current: str | None) -> None:
        """Set one's password; the present one is asked for once there is one. Raises BadLogin, WeakPassword,
        PasswordsOff."""
        self._need_passwords()
        if len(password) < MIN_PASSWORD:
            raise WeakPassword(f"It has {len(password)} characters.", hint=f"Use at least {MIN_PASSWORD}.")
        bucket = f"password:{who.id}"
        self._limits.check(bucket)
        with self._db.begin() as session:
            user = session.get_one(User, who.id)
            if user.password_hash:
                try:
                    self._hasher.verify(user.password_hash, current or "")
                except VerificationError as error:
                    self._limits.count(bucket)
                    raise BadLogin("The present password is not right.") from error
            user.password_hash = self._hasher.hash(password)
            audit.record(session, who, "user.password_set", subject=user.id)

    # -- tokens -------------------------------------------------------------------------------------------------------
    def create_token(
        self,
        who: Principal,
        name: str,
        expires_at: datetime | None,
        scope: TokenScope = TokenScope.ALL,
        *,
        dicomweb_project_id: UUID | None = None,
    ) -> Secret:
        """A personal token. `dicomweb_project_id`: what DICOMweb addresses without a project mean with it. Raises
        ProjectNotFound when that is none of the caller's."""
        if not name.strip():
            raise Rejected("A token needs a name that tells where it is used.")
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise Rejected("The token would have expired already.", hint="Choose a date in the future.")
        with self._db.begin() as session:
            if dicomweb_project_id is not None:
                require(session, who, dicomweb_project_id, Action.VIEW)
            secret = self._new(session, who.id, "token", name=name.strip(), expires_at=expires_at, scope=scope)
            secret.credential.dicomweb_project_id = dicomweb_project_id
            audit.record(session, who, "token.created", subject=secret.credential.id, scope=scope)
            return secret

    def tokens(self, who: Principal) -> list[Credential]:
        with self._db.begin() as session:
            return list(
                session.scalars(
                    select(Credential)
                    .where(Credential.user_id == who.id, Credential.kind == "token")
                    .order_by(Credential.id)
                )
            )

    def revoke_token(self, who: Principal, token_id: UUID) -> None:
        with self._db.begin() as session:
            credential = session.get(Credential, token_id)
            if credential is None or credential.user_id != who.id or credential.kind != "token":
                raise TokenNotFound("You have no such token.")
            session.delete(credential)
            audit.record(session, who, "token.revoked", subject=token_id)

    # -- people -------------------------------------------------------------------------------------------------------
    def me(self, who: Principal) -> OwnAccount:
        with self._db.begin() as session:
            return self._own(session, session.get_one(User, who.id))

    def change_me(
        self,
        who: Principal,
        *,
        auto_learn: bool | None = None,
        keys: Mapping[str, Sequence[str]] | None = None,
        label_patterns: bool | None = None,
    ) -> OwnAccount:
        """Change one's own preferences, those that are given: whether learning starts by itself; the keys of the
        annotate page's commands (all that are not the usual ones, by the command's id); whether labels have patterns.
        """
        changed: dict[str, Any] = {}
        if auto_learn is not None:
            changed["auto_learn"] = auto_learn
        if label_patterns is not None:
            changed["label_patterns"] = label_patterns
        if keys is not None:
            changed["keys"] = {command: list(chords) for command, chords in keys.items()}
        with self._db.begin() as session:
            user = session.get_one(User, who.id)
            for name, value in changed.items():
                setattr(user, name, value)
            audit.record(session, who, "user.changed", subject=user.id, **changed)
            return self._own(session, user)

    def create_user(self, who: Principal, email: str, name: str, *, is_admin: bool = False) -> Secret:
        """A new account and its one-time login. Raises InvalidUser, UserExists, AdministratorsOnly."""
        require_admin(who)
        with self._db.begin() as session:
            return self.create_within(session, who, email, name, is_admin=is_admin)

    def create_within(
        self, session: Session, who: Principal, email: str, name: str, *, is_admin: bool = False
    ) -> Secret:
        """`create_user` in the unit of work of a caller who has checked that `who` may do this."""
        user = self.add_user(session, who, email, name, is_admin=is_admin)
        return self._new(session, user.id, "one_time", life=ONE_TIME_LIFE)

    @staticmethod
    def add_user(
        session: Session, who: Principal | None, email: str, name: str, *, is_admin: bool = False, via: str = "link"
    ) -> User:
        """An account without a secret. `who` None: the installation's settings let the person in. Raises InvalidUser,
        UserExists."""
        email = email.strip().lower()
        if not _EMAIL.fullmatch(email) or len(email) > 254:
            raise InvalidUser(f"'{email}' is not an e-mail address.")
        if session.scalar(select(User.id).where(User.email == email)):
            raise UserExists(f"There is an account for {email}.")
        user = User(email=email, name=usable_name(name), is_admin=is_admin)
        session.add(user)
        session.flush()
        audit.record(session, who, "user.created", subject=user.id, is_admin=is_admin, via=via)
        return user

    def reset(self, who: Principal, email: str) -> Secret:
        """Forget a password and identities, and end all sessions of an account; a new one-time login. Raises
        UserNotFound, AccountDeactivated."""
        require_admin(who)
        with self._db.begin() as session:
            user = session.scalar(select(User).where(User.email == email.strip().lower()))
            if user is None:
                raise UserNotFound(f"There is no account for {email}.")
            if user.disabled_at is not None:
                raise AccountDeactivated(f"{user.name} cannot sign in.", hint="Activate the account first.")
            user.password_hash = None
            session.execute(delete(Credential).where(Credential.user_id == user.id, Credential.kind != "token"))
            session.execute(delete(Identity).where(Identity.user_id == user.id))
            audit.record(session, who, "user.reset", subject=user.id)
            return self._new(session, user.id, "one_time", life=ONE_TIME_LIFE)

    def users(self, who: Principal) -> list[User]:
        require_admin(who)
        with self._db.begin() as session:
            return list(session.scalars(select(User).order_by(User.email)))

    def administrator(self) -> Principal:
        """The first administrator: who acts when the command line of the server is used."""
        with self._db.begin() as session:
            user = session.scalar(
                select(User).where(User.is_admin, User.disabled_at.is_(None)).order_by(User.id).limit(1)
            )
            if user is None:
                raise UserNotFound("This installation has no administrator yet.", hint="Start it once: `sammed up`.")
            return principal_of(user)

    def forget_expired(self) -> int:
        """Delete secrets that no longer work. Returns how many."""
        with self._db.begin() as session:
            forgotten = session.scalars(
                delete(Credential).where(Credential.expires_at < func.now()).returning(Credential.id)
            )
            return len(forgotten.all())

    # -- inside -------------------------------------------------------------------------------------------------------
    @staticmethod
    def _new(
        session: Session,
        user_id: UUID,
        kind: str,
        *,
        name: str = "",
        life: timedelta | None = None,
        expires_at: datetime | None = None,
        scope: TokenScope = TokenScope.ALL,
    ) -> Secret:
        value = ("sammed_" if kind == "token" else "") + secrets.token_urlsafe(32)
        credential = Credential(
            user_id=user_id,
            kind=kind,
            secret_hash=secret_hash(value),
            name=name[:120],
            scope=scope,
            expires_at=datetime.now(UTC) + life if life else expires_at,
        )
        session.add(credential)
        session.flush()
        session.refresh(credential)
        return Secret(credential, value)

    def _need_passwords(self) -> None:
        if not self._passwords:
            raise PasswordsOff(
                "People sign in to this installation with the account of their organisation.",
                hint="Use the button on the sign-in page. Administrators come in with `sammed user reset EMAIL` too.",
            )

    def _own(self, session: Session, user: User) -> OwnAccount:
        has_identity = session.scalar(select(Identity.id).where(Identity.user_id == user.id).limit(1)) is not None
        must = self._passwords and user.password_hash is None and not has_identity
        return OwnAccount(user, has_identity, must)


def usable_name(name: str) -> str:
    """A person's name without blanks around it. Raises InvalidUser."""
    if not 1 <= len(name.strip()) <= 120:
        raise InvalidUser("An account needs a name of 1 to 120 characters.")
    return name.strip()


def secret_hash(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
