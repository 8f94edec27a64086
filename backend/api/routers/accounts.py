"""Signing in and out, passwords, sessions, personal tokens."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.api.deps import SESSION_COOKIE, CurrentUser, ServicesDep, origin_of, set_session
from backend.api.schemas_base import Page
from backend.api.schemas_people import (
    LoginIn,
    LogoutOut,
    Me,
    MePatch,
    NewToken,
    OneTimeIn,
    PasswordIn,
    SessionOut,
    Token,
    TokenIn,
)
from backend.services.accounts import Secret

router = APIRouter(prefix="/api", tags=["accounts"])


@router.post("/auth/login", operation_id="login")
def login(body: LoginIn, request: Request, response: Response, s: ServicesDep) -> Me:
    address = request.client.host if request.client else ""
    secret = s.accounts.login(body.email, body.password, address=address, browser=_browser(request))
    return _signed_in(secret, response, s)


@router.post("/auth/one-time", operation_id="login_once")
def login_once(body: OneTimeIn, request: Request, response: Response, s: ServicesDep) -> Me:
    return _signed_in(s.accounts.login_once(body.token, browser=_browser(request)), response, s)


@router.post("/auth/logout", operation_id="logout")
def logout(request: Request, response: Response, user: CurrentUser, s: ServicesDep) -> LogoutOut:
    ended = s.accounts.logout(request.cookies.get(SESSION_COOKIE, ""))
    response.delete_cookie(SESSION_COOKIE)
    back_to = f"{origin_of(request)}/login"
    return LogoutOut(provider_url=s.single_sign_on.logout_url(back_to, ended.id_token) if ended.by_provider else None)


@router.post("/auth/password", operation_id="set_password", status_code=204)
def set_password(body: PasswordIn, user: CurrentUser, s: ServicesDep) -> None:
    s.accounts.set_password(user, body.password, body.current_password)


@router.get("/me", operation_id="get_me")
def get_me(user: CurrentUser, s: ServicesDep) -> Me:
    return Me.of(s.accounts.me(user))


@router.patch("/me", operation_id="change_me")
def change_me(body: MePatch, user: CurrentUser, s: ServicesDep) -> Me:
    return Me.of(s.accounts.change_me(user, **body.model_dump(exclude_none=True)))


@router.get("/tokens", operation_id="list_tokens")
def list_tokens(user: CurrentUser, s: ServicesDep) -> Page[Token]:
    return Page(items=[Token.of(row) for row in s.accounts.tokens(user)])


@router.post("/tokens", operation_id="create_token", status_code=201)
def create_token(body: TokenIn, user: CurrentUser, s: ServicesDep) -> NewToken:
    secret = s.accounts.create_token(
        user, body.name, body.expires_at, body.scope, dicomweb_project_id=body.dicomweb_project_id
    )
    return NewToken(**Token.of(secret.credential).model_dump(), token=secret.value)


@router.delete("/tokens/{token_id}", operation_id="revoke_token", status_code=204)
def revoke_token(token_id: UUID, user: CurrentUser, s: ServicesDep) -> None:
    s.accounts.revoke_token(user, token_id)


@router.get("/sessions", operation_id="list_sessions")
def list_sessions(request: Request, user: CurrentUser, s: ServicesDep) -> Page[SessionOut]:
    """The browsers in which the caller is signed in."""
    found = s.sessions.mine(user, request.cookies.get(SESSION_COOKIE, ""))
    return Page(items=[SessionOut.of(view) for view in found])


@router.delete("/sessions/{session_id}", operation_id="end_session", status_code=204)
def end_session(session_id: UUID, user: CurrentUser, s: ServicesDep) -> None:
    s.sessions.end(user, session_id)


@router.delete("/sessions", operation_id="end_other_sessions", status_code=204)
def end_other_sessions(request: Request, user: CurrentUser, s: ServicesDep) -> None:
    """Sign the caller out everywhere but in the browser that asks."""
    s.sessions.end_others(user, request.cookies.get(SESSION_COOKIE, ""))


def _browser(request: Request) -> str:
    return request.headers.get("User-Agent", "")


def _signed_in(secret: Secret, response: Response, s: ServicesDep) -> Me:
    set_session(response, secret, s)
    return Me.of(s.accounts.me(s.accounts.authenticate(secret.value, kind="session")))
