"""What routes are handed: the services, and the person behind the request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPBearer

from backend.errors import Forbidden
from backend.services.access import Principal
from backend.services.accounts import SESSION_LIFE, NotSignedIn, Secret
from backend.wiring import Services

SESSION_COOKIE = "sammed_session"
CSRF_HEADER = "X-Sammed-CSRF"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

bearer = HTTPBearer(auto_error=False, description="A personal token", scheme_name="token")


class CsrfHeaderMissing(Forbidden):
    """A browser's request that changes something came without our header. Raised by api.deps."""

    code = "csrf_header_missing"
    title = "The request did not come from our pages"


class TokenOnlyReads(Forbidden):
    """A token of scope `read` came with a request that may change something. Raised by api.deps."""

    code = "token_only_reads"
    title = "This token may only read"


async def services(request: Request) -> Services:
    # async, although it waits for nothing: for any other function each request goes to another thread and back
    found: Services = request.app.state.services
    return found


def current_user(request: Request, s: Annotated[Services, Depends(services)]) -> Principal:
    """By `Authorization: Bearer <token>`, else by the session cookie. A cookie alone cannot change anything: another
    site's form can send it, but not our header."""
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotSignedIn("The Authorization header is not of the form 'Bearer <token>'.")
        return token_user(request, s, token.strip())
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie is None:
        raise NotSignedIn("There is no session and no token with this request.", hint="Sign in, or send a token.")
    if request.method not in _SAFE_METHODS and request.headers.get(CSRF_HEADER) != "1":
        raise CsrfHeaderMissing(f"Requests with a session cookie need the header {CSRF_HEADER}: 1.")
    return s.accounts.authenticate(cookie, kind="session")


def token_user(request: Request, s: Services, token: str) -> Principal:
    """By a personal token; one that only reads changes nothing."""
    who = s.accounts.authenticate(token, kind="token")
    if who.read_only and request.method not in _SAFE_METHODS:
        raise TokenOnlyReads(
            "The token was made for reading.", hint="Make one that may do everything you may, on your account page."
        )
    return who


def set_session(response: Response, secret: Secret, s: Services) -> None:
    """Sign the browser in that gets this answer."""
    response.set_cookie(
        SESSION_COOKIE,
        secret.value,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=s.settings.cookie_secure,
    )


def origin_of(request: Request) -> str:
    """The installation's address as people type it, without a slash at the end."""
    s: Services = request.app.state.services
    return (s.settings.url or str(request.base_url)).rstrip("/")


ServicesDep = Annotated[Services, Depends(services)]
CurrentUser = Annotated[Principal, Depends(current_user)]
