"""Routes x roles: every route is walked by nobody, by an outsider and by every role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.domain.ids import new_id
from backend.domain.workflow import Role
from backend.main import create_app
from backend.wiring import Services
from tests.services.conftest import new_volume, person

Route = tuple[str, str]

PUBLIC = {"login", "login_once", "healthz", "readyz"}
OWN = {"get_me", "logout", "set_password", "list_tokens", "create_token", "revoke_token", "list_models", "get_system"}
LISTS = {"list_projects", "create_project"}

ALL = set(Role)
MANAGER = {Role.MANAGER}
ANNOTATE = ALL - {Role.VIEWER}
EXPORT = {Role.MANAGER, Role.REVIEWER}

ALLOWED: dict[str, set[Role]] = {
    "get_project": ALL,
    "change_project": MANAGER,
    "list_labels": ALL,
    "add_label": MANAGER,
    "change_label": MANAGER,
    "delete_label": MANAGER,
    "list_members": ALL,
    "set_member": MANAGER,
    "list_cases": ALL,
    "get_case": ALL,
    "change_case": MANAGER,
    "export_case": EXPORT,
    "upload_files": MANAGER,
    "load_samples": MANAGER,
    "get_volume": ALL,
    "get_slice": ALL,
    "predict_mask": ANNOTATE,
    "encode_ahead": ANNOTATE,
    "list_encodings": ALL,
    "list_annotations": ALL,
    "create_annotation": ANNOTATE,
    "get_masks": ANNOTATE,  # one's own; reviewers see those of others
    "get_mask": ANNOTATE,  # one's own; reviewers see those of others
    "list_revisions": ANNOTATE,  # one's own; reviewers see those of others
    "append_revision": ANNOTATE,
    "restore_revision": ANNOTATE,
    "start_job": EXPORT,
    "list_jobs": ALL,
    "get_job": ALL,
    "cancel_job": ALL,
    "watch_job": ALL,
    "download_job": ALL,
}


@dataclass
class Actor:
    client: TestClient
    annotation_id: str | None


@pytest.fixture(scope="module")
def routes(services: Services) -> dict[str, Route]:
    """Operation id -> (method, path), of everything in the OpenAPI document."""
    paths = create_app(services).openapi()["paths"]
    return {
        operation["operationId"]: (method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


@pytest.fixture(scope="module")
def world(services: Services) -> dict[str, Any]:
    """A project, a volume, a member of every role and an outsider, each with a token."""
    admin = services.accounts.administrator()
    boss = person(services, admin, "boss@example.org")
    view = services.projects.create(boss, "Access", "", [])
    from backend.services.projects import LabelDraft

    label = services.projects.add_label(boss, view.project.id, LabelDraft("organ", "#aabbcc"))
    stored = services.imports.store(view.project.id, new_volume(services, seed=5))
    job = services.imports.submit_samples(boss, view.project.id)
    app = create_app(services)
    actors: dict[str, Actor] = {}
    boss_annotation = services.annotations.create(boss, stored.volume_id, label.id, None)
    for role in (*Role, None):
        name = role or "outsider"
        who = person(services, admin, f"{name}@access.example.org")
        annotation_id = str(boss_annotation.annotation.id)
        if role is not None:
            services.projects.set_member(boss, view.project.id, who.email, role)
            if role is not Role.VIEWER:
                mine = services.annotations.create(who, stored.volume_id, label.id, None)
                annotation_id = str(mine.annotation.id)
        token = services.accounts.create_token(who, "test", None).value
        client = TestClient(app, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)
        actors[name] = Actor(client, annotation_id)
    return {
        "actors": actors,
        "project_id": str(view.project.id),
        "volume_id": str(stored.volume_id),
        "case_id": str(stored.case_id),
        "label_id": str(label.id),
        "job_id": str(job.id),
    }


def path_of(name: str, path: str, world: dict[str, Any], actor: Actor) -> str:
    values = {key: value for key, value in world.items() if isinstance(value, str)}
    values |= {"annotation_id": actor.annotation_id, "axis": "0", "index": "0", "k": "0", "token_id": str(new_id())}
    query = {"list_annotations": f"?volume_id={world['volume_id']}", "list_jobs": f"?project_id={world['project_id']}"}
    return path.format(**values) + query.get(name, "")


def body_of(name: str, world: dict[str, Any]) -> dict[str, Any]:
    """A body that passes validation and then fails, or does nothing that the next actor would miss."""
    bodies: dict[str, dict[str, Any]] = {
        "change_project": {"description": "changed"},
        "add_label": {"name": str(new_id()), "color": "#112233"},
        "change_label": {"color": "#abcdef"},
        "set_member": {"email": "nobody@example.org", "role": "viewer"},
        "change_case": {"priority": 1},
        "predict_mask": {"slice": 0, "points": []},
        "encode_ahead": {"slices": [99999]},
        "create_annotation": {"volume_id": world["volume_id"], "label_id": world["label_id"]},
        "append_revision": {"id": str(new_id()), "parent": None, "origin": "manual", "slices": []},
        "restore_revision": {"id": str(new_id()), "parent": None, "sequence": 3},
        "start_job": {"kind": "export", "case_id": world["case_id"], "format": "nifti"},
    }
    return bodies.get(name, {})


def ask(route: Route, name: str, world: dict[str, Any], actor: Actor) -> int:
    method, path = route
    response = actor.client.request(method, path_of(name, path, world, actor), json=body_of(name, world) or None)
    return response.status_code


def test_every_route_is_in_exactly_one_list(routes: dict[str, Route]) -> None:
    lists = [PUBLIC, OWN, LISTS, set(ALLOWED)]
    for name in routes:
        assert sum(name in names for names in lists) == 1, f"{name}: say who may use it"
    assert set(ALLOWED) <= set(routes)


def test_nobody_gets_in_anywhere(routes: dict[str, Route], world: dict[str, Any], anonymous: TestClient) -> None:
    nobody = Actor(anonymous, str(new_id()))
    for name, route in routes.items():
        if name not in PUBLIC:
            assert ask(route, name, world, nobody) == 401, name


def test_an_outsider_finds_nothing(routes: dict[str, Route], world: dict[str, Any]) -> None:
    for name in ALLOWED:
        assert ask(routes[name], name, world, world["actors"]["outsider"]) == 404, name


# exports wait for a worker and streams do not end; both are walked with their outcome in other tests
WAITING = {"export_case", "watch_job"}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_the_table_says(role: Role, routes: dict[str, Route], world: dict[str, Any]) -> None:
    for name, allowed in ALLOWED.items():
        if role in allowed and (name in WAITING or name == "delete_label"):
            continue
        status = ask(routes[name], name, world, world["actors"][role])
        if role in allowed:
            assert status not in (401, 403, 500), f"{role} should be allowed to {name}: {status}"
        else:
            assert status == 403, f"{role} may {name}: {status}"


def test_a_cookie_alone_changes_nothing(services: Services, anonymous: TestClient) -> None:
    link = services.accounts.create_user(services.accounts.administrator(), "cookie@example.org", "Cookie")
    assert anonymous.post("/api/auth/one-time", json={"token": link.value}).status_code == 200
    try:
        assert anonymous.get("/api/me").json()["must_set_password"] is True
        refused = anonymous.post("/api/auth/password", json={"password": "long enough password"})
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf_header_missing")
        sent = anonymous.post(
            "/api/auth/password", json={"password": "long enough password"}, headers={"X-Sammed-CSRF": "1"}
        )
        assert sent.status_code == 204
        assert anonymous.get("/api/me").json()["must_set_password"] is False
    finally:
        anonymous.cookies.clear()
