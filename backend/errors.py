"""The families of errors that a user can meet, in one leaf module that all layers may import. The errors themselves
stand beside the code that raises them, those of imaging in `imaging.errors` and `imaging.dicom.errors`.

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

    @property
    def is_bad_input(self) -> bool:
        """Whether who asked can do better: the command line then ends with code 2."""
        return isinstance(self, Rejected | NotFound)

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


class Relayed(AppError):
    """An error that happened elsewhere (in a worker, in a finished job) and is told again here, word for word."""

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__(record["detail"], hint=record.get("hint"), context=record.get("context"))
        self.code = record["code"]  # type: ignore[misc]
        self.title = record["title"]  # type: ignore[misc]
        self.family: str = record["family"]


def to_record(error: AppError) -> dict[str, Any]:
    """What is stored of an error or sent between processes: the problem and the name of its family."""
    if isinstance(error, Relayed):
        return {**error.to_problem(), "family": error.family}
    family = next(c for c in type(error).__mro__ if AppError in c.__bases__)
    return {**error.to_problem(), "family": family.__name__}


# -- families ---------------------------------------------------------------------------------------------------------
class Rejected(AppError):
    """The input is understood and cannot be accepted. The user can fix it."""

    code = "rejected"
    title = "The input cannot be accepted"


class Malformed(AppError):
    """The request is not of the form that its standard gives it."""

    code = "malformed"
    title = "The request is not well-formed"


class NotAcceptable(AppError):
    """The answer cannot be given in any of the forms that the caller accepts."""

    code = "not_acceptable"
    title = "No accepted form of the answer is available"


class UnsupportedMedia(AppError):
    """The body is of a kind that this address does not take."""

    code = "unsupported_media"
    title = "This kind of body is not taken here"


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
