"""Everything that fails, fails in one shape."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

import backend
from backend import errors
from backend.api.errors import STATUS, status_of


def all_errors() -> list[type[errors.AppError]]:
    for module in pkgutil.walk_packages(backend.__path__, "backend."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def below(parent: type[errors.AppError]) -> Iterator[type[errors.AppError]]:
        for child in parent.__subclasses__():
            yield child
            yield from below(child)

    return sorted(set(below(errors.AppError)), key=lambda error: error.__name__)


ON_THE_COMMAND_LINE = "backend.client."
"""It passes on what a server has answered."""

NEVER_ANSWERED_WITH = ("Relayed", "JobCancelled", "WorkerStopping")
"""The first answers with what it carries, the others end a job."""


def test_every_error_has_a_status_a_title_a_code_and_says_who_raises_it() -> None:
    families = set(STATUS)
    codes: dict[str, str] = {}
    for error in all_errors():
        if error.__module__.startswith(ON_THE_COMMAND_LINE) or error.__name__ in NEVER_ANSWERED_WITH:
            continue
        assert any(family in error.__mro__ for family in families), f"{error.__name__} has no status"
        assert error.__doc__, f"{error.__name__} does not say when it is raised"
        if error not in families:
            assert error.title != errors.AppError.title, f"{error.__name__} has no title"
            assert error.code not in codes, f"{error.__name__} and {codes.get(error.code)} share a code"
            codes[error.code] = error.__name__


def test_an_error_told_by_a_worker_keeps_its_status() -> None:
    record = errors.to_record(errors.Conflict("Twice.", hint="Once."))
    relayed = errors.Relayed(record)
    assert status_of(relayed) == 409
    assert relayed.to_problem() == errors.Conflict("Twice.", hint="Once.").to_problem()
    assert errors.to_record(relayed) == record


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/me", 401, "not_signed_in"),
        ("GET", "/api/nothing-here", 404, "route_not_found"),
        ("PUT", "/api/me", 405, "method_not_allowed"),
        ("POST", "/api/auth/login", 422, "invalid_request"),
        ("POST", "/api/auth/one-time", 422, "invalid_request"),
    ],
)
def test_problem_details(anonymous: TestClient, method: str, path: str, status: int, code: str) -> None:
    response = anonymous.request(method, path)
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == f"urn:sammed:error:{code}" and body["title"] and body["detail"]


def test_a_fault_of_ours_tells_nothing_of_its_inside(
    services: object, monkeypatch: pytest.MonkeyPatch, anonymous: TestClient
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("backend.services.accounts.Accounts.login", broken)
    response = anonymous.post("/api/auth/login", json={"email": "a@b", "password": "x"})
    assert response.status_code == 500 and response.json()["code"] == "internal_error"
    assert "secret" not in response.text
