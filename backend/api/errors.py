"""Errors on the wire: the one table family -> HTTP status, and problem details (RFC 9457) for everything that fails."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from backend import errors

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[errors.AppError], int] = {
    errors.Rejected: 422,
    errors.Malformed: 400,
    errors.NotAcceptable: 406,
    errors.UnsupportedMedia: 415,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.TooLarge: 413,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.Broken: 500,
}

_FAMILIES = {family.__name__: status for family, status in STATUS.items()}


def status_of(error: errors.AppError) -> int:
    """The HTTP status of an error's family; 500 for one of no family."""
    if isinstance(error, errors.Relayed):
        return status_of_record({"family": error.family})
    return next((STATUS[family] for family in type(error).__mro__ if family in STATUS), 500)


def status_of_record(record: dict[str, Any]) -> int:
    """The HTTP status of an error that was stored (`errors.to_record`)."""
    return _FAMILIES.get(record.get("family", ""), 500)


def problem(status: int, body: dict[str, Any]) -> JSONResponse:
    headers = {"Retry-After": "2"} if status == 503 else {}
    return JSONResponse({**body, "status": status}, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Every way to fail ends in the same shape."""

    @app.exception_handler(errors.AppError)
    def app_error(request: Request, error: errors.AppError) -> JSONResponse:
        status = status_of(error)
        if status >= 500:
            log.warning("request failed", path=request.url.path, code=error.code, status=status)
        answer = problem(status, error.to_problem())
        if status == 401 and request.url.path.startswith("/dicom-web"):
            answer.headers["WWW-Authenticate"] = 'Basic realm="sammed", charset="UTF-8"'  # what archives wait for
        return answer

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {"where": ".".join(str(part) for part in fault["loc"]), "what": fault["msg"]} for fault in error.errors()
        ]
        first = faults[0] if faults else {"where": "the request", "what": "is not valid"}
        return problem(
            422,
            {
                "type": "urn:sammed:error:invalid_request",
                "title": "The request is not valid",
                "code": "invalid_request",
                "detail": f"{first['where']}: {first['what']}.",
                "hint": "The form of every request is in /api/docs.",
                "context": {"faults": faults},
            },
        )

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        names = {404: "route_not_found", 405: "method_not_allowed"}
        code = names.get(error.status_code, "http_error")
        return problem(
            error.status_code,
            {
                "type": f"urn:sammed:error:{code}",
                "title": str(error.detail),
                "code": code,
                "detail": f"{request.method} {request.url.path}: {error.detail}",
            },
        )

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("unexpected error", path=request.url.path, exc_info=error)
        return problem(500, errors.Broken("An unexpected error. The server's log has the details.").to_problem())
