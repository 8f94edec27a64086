"""How people may sign in, and the way to their organisation's sign-in service and back, which browsers walk.

The way back answers with a redirect, whatever happens: to the page that was wanted, or to the sign-in page with the
code of what went wrong. Nothing that the sign-in service says is passed on.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.api.deps import ServicesDep, origin_of, set_session
from backend.api.schemas_people import OidcOptions, SignInOptions
from backend.errors import AppError
from backend.services.oidc import LIFE_S

router = APIRouter(prefix="/api/auth", tags=["accounts"])
log = structlog.get_logger(__name__)

BEGIN = "/api/auth/oidc"
COOKIE, COOKIE_PATH = "sammed_oidc", BEGIN


@router.get("/options", operation_id="get_sign_in_options")
def get_sign_in_options(s: ServicesDep) -> SignInOptions:
    oidc = OidcOptions(name=s.settings.oidc_name, url=BEGIN) if s.single_sign_on.is_on else None
    return SignInOptions(passwords=not s.settings.oidc_only, oidc=oidc)


@router.get("/oidc", operation_id="begin_oidc", status_code=303, response_class=RedirectResponse)
def begin_oidc(request: Request, s: ServicesDep, next: str | None = None) -> RedirectResponse:
    """To the sign-in service of the organisation."""
    try:
        begun = s.single_sign_on.begin(
            next=next,
            redirect_uri=f"{origin_of(request)}{BEGIN}/callback",
            browser=request.cookies.get(COOKIE),
            address=request.client.host if request.client else "",
        )
    except AppError as error:
        return _failed(error)
    answer = RedirectResponse(begun.url, 303)
    answer.set_cookie(
        COOKIE,
        begun.browser,
        max_age=LIFE_S,
        path=COOKIE_PATH,
        httponly=True,
        samesite="lax",
        secure=s.settings.cookie_secure,
    )
    return answer


@router.get("/oidc/callback", operation_id="finish_oidc", status_code=303, response_class=RedirectResponse)
def finish_oidc(request: Request, s: ServicesDep) -> RedirectResponse:
    """Back from there, with a code that proves who it is, or with an error."""
    try:
        arrived = s.single_sign_on.finish(
            dict(request.query_params),
            browser=request.cookies.get(COOKIE),
            browser_name=request.headers.get("User-Agent", ""),
        )
    except AppError as error:
        return _failed(error)
    answer = RedirectResponse(arrived.next, 303)
    set_session(answer, arrived.secret, s)
    return answer


@router.post("/oidc/logout", operation_id="end_oidc_sessions", status_code=200, response_class=Response)
def end_oidc_sessions(s: ServicesDep, logout_token: Annotated[str, Form()] = "") -> Response:
    """For the sign-in service, not for browsers: a session there is over, and those that it began here (OpenID Connect
    back-channel logout)."""
    s.provider_logout.end(logout_token)
    return Response(headers={"Cache-Control": "no-store"})


def _failed(error: AppError) -> RedirectResponse:
    log.info("nobody was signed in", code=error.code)
    return RedirectResponse(f"/login?{urlencode({'failed': error.code})}", 303)
