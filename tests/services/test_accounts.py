"""Signing in: one-time links, passwords, sessions, tokens; nothing secret is stored in the clear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from backend.db.tables import Credential, User
from backend.errors import AppError, Rejected
from backend.services.access import AdministratorsOnly, Principal
from backend.services.accounts import (
    BadLink,
    BadLogin,
    NotSignedIn,
    TokenNotFound,
    UserExists,
    WeakPassword,
)
from backend.services.login_limits import LOGIN_TRIES, TooManyLogins
from backend.wiring import Services
from tests.services.conftest import person


def test_the_first_start_gives_one_link_that_works_once(services: Services, admin: Principal) -> None:
    bootstrap = services.accounts.bootstrap(None)
    assert bootstrap.one_time is not None and bootstrap.email == admin.email
    session = services.accounts.login_once(bootstrap.one_time)
    assert services.accounts.authenticate(session.value, kind="session").id == admin.id
    with pytest.raises(BadLink):
        services.accounts.login_once(bootstrap.one_time)


def test_a_configured_token_is_the_administrators(services: Services, admin: Principal) -> None:
    services.accounts.bootstrap("a-token-for-unattended-use")
    services.accounts.bootstrap("a-token-for-unattended-use")
    assert services.accounts.authenticate("a-token-for-unattended-use", kind="token").id == admin.id


def test_password_and_session(services: Services, admin: Principal) -> None:
    who = person(services, admin, "password@example.org")
    services.accounts.set_password(who, "correct horse battery", None)
    session = services.accounts.login(" Password@Example.org ", "correct horse battery", address="10.0.0.1")
    assert services.accounts.authenticate(session.value, kind="session").id == who.id
    services.accounts.logout(session.value)
    with pytest.raises(NotSignedIn):
        services.accounts.authenticate(session.value, kind="session")
    with pytest.raises(BadLogin):
        services.accounts.set_password(who, "another password", "wrong")
    services.accounts.set_password(who, "another password", "correct horse battery")
    with pytest.raises(WeakPassword):
        services.accounts.set_password(who, "short", "another password")


def test_a_wrong_password_and_an_unknown_address_look_the_same(services: Services, admin: Principal) -> None:
    who = person(services, admin, "known@example.org")
    services.accounts.set_password(who, "correct horse battery", None)
    with pytest.raises(BadLogin) as wrong:
        services.accounts.login("known@example.org", "nope", address="10.0.0.2")
    with pytest.raises(BadLogin) as unknown:
        services.accounts.login("unknown@example.org", "nope", address="10.0.0.2")
    assert wrong.value.to_problem() == unknown.value.to_problem()


def test_logins_are_rate_limited(services: Services) -> None:
    for _ in range(LOGIN_TRIES):
        with pytest.raises(BadLogin):
            services.accounts.login("victim@example.org", "guess", address="10.0.0.3")
    with pytest.raises(TooManyLogins):
        services.accounts.login("victim@example.org", "guess", address="10.0.0.4")
    with pytest.raises(TooManyLogins):
        services.accounts.login("other@example.org", "guess", address="10.0.0.3")


def test_tokens_are_shown_once_and_can_be_revoked(services: Services, admin: Principal) -> None:
    who = person(services, admin, "tokens@example.org")
    secret = services.accounts.create_token(who, "notebook", None)
    assert services.accounts.authenticate(secret.value, kind="token").id == who.id
    with services.db.begin() as session:
        stored = session.get_one(Credential, secret.credential.id)
        assert secret.value not in (stored.secret_hash, stored.name)
    with pytest.raises(NotSignedIn):
        services.accounts.authenticate(secret.value, kind="session")
    with pytest.raises(TokenNotFound):
        services.accounts.revoke_token(admin, secret.credential.id)
    services.accounts.revoke_token(who, secret.credential.id)
    with pytest.raises(NotSignedIn):
        services.accounts.authenticate(secret.value, kind="token")
    with pytest.raises(Rejected):
        services.accounts.create_token(who, "late", datetime.now(UTC) - timedelta(days=1))


def test_expired_and_disabled_do_not_work(services: Services, admin: Principal) -> None:
    who = person(services, admin, "left@example.org")
    secret = services.accounts.create_token(who, "soon", datetime.now(UTC) + timedelta(days=1))
    with services.db.begin() as session:
        session.execute(
            sa.update(Credential)
            .where(Credential.id == secret.credential.id)
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
    with pytest.raises(NotSignedIn):
        services.accounts.authenticate(secret.value, kind="token")
    assert services.accounts.forget_expired() >= 1
    token = services.accounts.create_token(who, "other", None)
    with services.db.begin() as session:
        session.get_one(User, who.id).disabled_at = datetime.now(UTC)
    with pytest.raises(NotSignedIn):
        services.accounts.authenticate(token.value, kind="token")


def test_accounts_are_made_and_reset_by_administrators(services: Services, admin: Principal) -> None:
    who = person(services, admin, "reset@example.org")
    with pytest.raises(UserExists):
        services.accounts.create_user(admin, "RESET@example.org", "Again")
    for forbidden in (
        lambda: services.accounts.create_user(who, "x@example.org", "X"),
        lambda: services.accounts.reset(who, "reset@example.org"),
        lambda: services.accounts.users(who),
    ):
        with pytest.raises(AdministratorsOnly):
            forbidden()
    services.accounts.set_password(who, "correct horse battery", None)
    services.accounts.reset(admin, "reset@example.org")
    with pytest.raises(AppError):
        services.accounts.login("reset@example.org", "correct horse battery", address="10.0.0.9")
