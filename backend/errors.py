"""Every error type that a user can meet, in one leaf module that all layers may import.

An error carries a stable `code`, a `title` (the kind of thing that went wrong), a `detail` (what exactly, with the
numbers) and, where there is a way out, a `hint`. The HTTP status of each family is in `backend/api/errors.py` and
nowhere else.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AppError(Exception):
    """Root of all errors that have a reader. Raise a subclass; never this one."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str, *, hint: str | None = None, context: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.context = context or {}

    def to_problem(self) -> dict[str, Any]:
        """The body of RFC 9457 without the HTTP status: what jobs store and pages show."""
        problem: dict[str, Any] = {
            "type": f"urn:sammed:error:{self.code}",
            "title": self.title,
            "code": self.code,
            "detail": self.detail,
        }
        if self.hint:
            problem["hint"] = self.hint
        if self.context:
            problem["context"] = self.context
        return problem


# -- families ---------------------------------------------------------------------------------------------------------
class Rejected(AppError):
    """The input is understood and cannot be accepted. The user can fix it."""

    code = "rejected"
    title = "The input cannot be accepted"


class NotFound(AppError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"
    title = "Not found"


class Conflict(AppError):
    """The request contradicts the present state. Reload, then decide."""

    code = "conflict"
    title = "The present state does not allow this"


class Unauthenticated(AppError):
    """Nobody is signed in, or the token is not valid."""

    code = "unauthenticated"
    title = "Sign in first"


class Forbidden(AppError):
    """The caller is known and may not do this."""

    code = "forbidden"
    title = "You may not do this"


class TooLarge(AppError):
    """The request is larger than this installation allows."""

    code = "too_large"
    title = "Too large"


class TooManyRequests(AppError):
    """The caller has to wait before trying again."""

    code = "too_many_requests"
    title = "Too many requests"


class Unavailable(AppError):
    """A part of the installation that the request needs is not working right now."""

    code = "unavailable"
    title = "Not available right now"


class Broken(AppError):
    """A fault of the application itself. The detail never carries data of a patient."""

    code = "internal_error"
    title = "An error in sammed itself"
