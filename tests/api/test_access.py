"""Routes x roles: every route is walked by nobody, by an outsider and by every role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from backend.api.schemas_evaluations import EvaluateJobIn
from backend.db.tables import Comparison, ComparisonReader
from backend.domain.ids import new_id
from backend.domain.jobs import JobKind, LearnPromptPayload
from backend.domain.learning import Verdict
from backend.domain.webhooks import WebhookEvent
from backend.domain.workflow import Role, TokenScope
from backend.imaging.measure import MeasureKind
from backend.main import create_app
from backend.services.access import Principal
from backend.services.comments import Pin
from backend.services.learned_prompts import NewLearnedPrompt
from backend.wiring import Services
from tests.services.conftest import new_volume, person

Route = tuple[str, str]

PUBLIC = {
    "login",
    "login_once",
    "get_sign_in_options",
    "begin_oidc",
    "finish_oidc",
    "end_oidc_sessions",
    "healthz",
    "readyz",
}
OWN = {
    "get_me",
    "change_me",
    "logout",
    "set_password",
    "list_tokens",
    "create_token",
    "revoke_token",
    "list_sessions",
    "end_session",
    "end_other_sessions",
    "list_my_work",
    "list_models",
    "get_system",
}
LISTS = {"list_projects", "create_project"}
ADMINISTRATION = {"list_people", "invite_person", "change_person", "new_login_link", "import_project"}

ALL = set(Role)
MANAGER = {Role.MANAGER}
ANNOTATE = ALL - {Role.VIEWER}
EXPORT = {Role.MANAGER, Role.REVIEWER}

DICOMWEB_READS = (
    "search_studies search_series search_series_of_study search_instances search_instances_of_study "
    "search_instances_of_series retrieve_study retrieve_series retrieve_instance retrieve_study_metadata "
    "retrieve_series_metadata retrieve_metadata retrieve_frames render_study render_series render_instance "
    "render_frame study_thumbnail series_thumbnail instance_thumbnail retrieve_bulk"
).split()

ALLOWED: dict[str, set[Role]] = {
    "get_project": ALL,
    "change_project": MANAGER,
    "export_project": MANAGER,
    "check_text": MANAGER,
    "blank_rectangles": MANAGER,
    "look_up_pseudonym": MANAGER,
    "get_pseudonyms_csv": MANAGER,
    "list_webhooks": MANAGER,
    "create_webhook": MANAGER,
    "change_webhook": MANAGER,
    "delete_webhook": MANAGER,
    "ping_webhook": MANAGER,
    "list_deliveries": MANAGER,
    "redeliver": MANAGER,
    "list_labels": ALL,
    "add_label": MANAGER,
    "change_label": MANAGER,
    "delete_label": MANAGER,
    "order_labels": MANAGER,
    "list_label_versions": ALL,
    "export_labels": ALL,
    "import_labels": MANAGER,
    "copy_labels": MANAGER,
    "list_members": ALL,
    "set_member": MANAGER,
    "invite_member": MANAGER,
    "list_audit": MANAGER,
    "list_cases": ALL,
    "get_case": ALL,
    "change_case": MANAGER,
    "change_cases": MANAGER,
    "get_case_place": ALL,
    "list_readers": EXPORT,
    "list_readings": EXPORT,
    "return_reading": EXPORT,
    "get_case_agreement": EXPORT,
    "get_agreement": EXPORT,
    "get_agreement_csv": EXPORT,
    "start_agreement": EXPORT,
    "get_tests": MANAGER,
    "start_consensus": EXPORT,
    "list_comparisons": EXPORT,
    "create_comparison": MANAGER,
    "get_comparison": EXPORT,  # managers, and reviewers who judge in it
    "add_comparison_readers": MANAGER,
    "close_comparison": MANAGER,
    "delete_comparison": MANAGER,
    "restore_comparison": MANAGER,
    "get_judged": EXPORT,
    "get_turn": EXPORT,
    "cast_vote": EXPORT,
    "finish_comparison": EXPORT,
    "get_tally": EXPORT,  # not before they have finished
    "get_tally_csv": EXPORT,
    "get_votes_csv": MANAGER,
    "list_changes": ALL,  # of one's own masks; reviewers see those of others
    "list_comments": ALL,
    "get_statistics": EXPORT,
    "get_statistics_csv": EXPORT,
    "get_case_effort": EXPORT,
    "add_comment": ANNOTATE,
    "answer_comment": ANNOTATE,
    "resolve_comment": ANNOTATE,
    "list_measurements": ALL,
    "get_measurements_csv": ALL,
    "get_label_figures": ALL,
    "add_measurement": ANNOTATE,
    "remove_measurement": ANNOTATE,
    "take_lease": ANNOTATE,
    "release_lease": ANNOTATE,
    "export_case": EXPORT,
    "upload_files": MANAGER,
    "load_samples": MANAGER,
    "open_intake": MANAGER,
    "list_known_files": MANAGER,
    "send_intake_files": MANAGER,
    "complete_intake": MANAGER,
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
    "import_masks": ANNOTATE,  # labels made on the way and masks of programs: see tests/workers/test_mask_import.py
    "restore_revision": ANNOTATE,
    "list_learning": ALL,
    "list_learned_prompts": ALL,
    "list_networks": ALL,
    "download_network": ALL,
    "get_learned_prompt": ALL,
    "download_learned_prompt": ALL,
    "switch_learned_prompt": ANNOTATE,  # one's own
    "switch_warm_start": ANNOTATE,  # for one's own clicks
    "list_proposals": ALL,  # one's own
    "list_project_proposals": ALL,  # one's own
    "accept_pictures": ANNOTATE,
    "accept_proposals": ANNOTATE,
    "reject_proposals": ANNOTATE,
    "reopen_proposals": ANNOTATE,
    "start_job": EXPORT,  # of kind export; those that learn: see below
    "list_jobs": ALL,
    "get_job": ALL,
    "cancel_job": MANAGER,  # and who started it
    "watch_job": ALL,
    "download_job": ALL,
    "list_evaluation_cases": EXPORT,
    "list_evaluations": EXPORT,
    "get_evaluation": EXPORT,
    "download_evaluation": EXPORT,
    "get_evaluation_file": EXPORT,
    "list_dicom_servers": EXPORT,
    "search_dicom_server": MANAGER,
    "pull_from_dicom_server": MANAGER,
    "push_to_dicom_server": EXPORT,
    "store_instances": MANAGER,
    "store_instances_of_study": MANAGER,
    **dict.fromkeys(DICOMWEB_READS, EXPORT),  # originals say who the patient is
}


OF_AN_EVALUATION = {"get_evaluation", "download_evaluation", "get_evaluation_file"}


@dataclass
class Actor:
    client: TestClient
    annotation_id: str | None
    learned_prompt_id: str
    measurement_id: str


@pytest.fixture(scope="module")
def routes(services: Services) -> dict[str, Route]:
    """Operation id -> (method, path), of everything in the OpenAPI document."""
    paths = create_app(services).openapi()["paths"]
    return {
        operation["operationId"]: (method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def learned_prompt(services: Services, project_id: UUID, label_id: UUID, who: Principal) -> str:
    """A learned prompt of this person, as a job would have kept it."""
    payload = LearnPromptPayload(volume_id=None, label_id=label_id, annotator_id=who.id)
    with services.db.begin() as session:
        job = services.jobs.add(session, who, JobKind.LEARN_PROMPT, payload, project_id=project_id, id=new_id())
    verdict = Verdict(active=True, plain=0.5, learned=0.6, gain=0.1, folds=2, sensitive=True, reason="better")
    kept = services.learned_prompts.keep(
        NewLearnedPrompt(
            job_id=job.id,
            project_id=project_id,
            volume_id=None,
            label_id=label_id,
            annotator_id=who.id,
            model="sammed-small",
            model_checksum="a" * 64,
            checksum="b" * 64,
            tensors=b"tensors",
            provenance={"examples": []},
            verdict=verdict,
        )
    )
    return str(kept.id)


def comparison(services: Services, project_id: UUID, boss: Principal, readers: list[Principal]) -> str:
    """A blinded comparison in which these people have finished."""
    settings = {"first": {"what": "plain", "how": "stored"}, "second": {"what": "human", "how": "stored"}}
    row = Comparison(id=new_id(), project_id=project_id, name="Blind", settings=settings, plan=[], created_by=boss.id)
    with services.db.begin() as session:
        session.add(row)
        session.flush()
        session.add_all(
            ComparisonReader(comparison_id=row.id, reader_id=who.id, finished_at=datetime.now(UTC)) for who in readers
        )
    return str(row.id)


def evaluation(services: Services, project_id: UUID, who: Principal) -> str:
    """A job that measures, waiting for a worker that never comes."""
    asked = {"kind": "evaluate", "project_id": project_id, "case_ids": [new_id()], "label_ids": [new_id()]}
    payload = EvaluateJobIn.model_validate(asked | {"protocol": "assist"}).to_payload()
    with services.db.begin() as session:
        job = services.jobs.add(session, who, JobKind.EVALUATE, payload, project_id=project_id, id=new_id())
    return str(job.id)


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
    thread = services.comments.add(boss, stored.case_id, "Too large", Pin(stored.volume_id, label.id, 0, (3, 4)))
    app = create_app(services)
    actors: dict[str, Actor] = {}
    judges: list[Principal] = []
    learned = learned_prompt(services, view.project.id, label.id, boss)
    boss_annotation = services.annotations.create(boss, stored.volume_id, label.id, None)
    for role in (*Role, None):
        name = role or "outsider"
        who = person(services, admin, f"{name}@access.example.org")
        annotation_id, learned_prompt_id, measuring = str(boss_annotation.annotation.id), learned, boss
        if role is not None:
            services.projects.set_member(boss, view.project.id, who.email, role)
            judges += [who] if role in EXPORT else []
            if role is not Role.VIEWER:
                mine = services.annotations.create(who, stored.volume_id, label.id, None)
                annotation_id = str(mine.annotation.id)
                learned_prompt_id = learned_prompt(services, view.project.id, label.id, who)
                measuring = who
        measured = services.measurements.add(measuring, stored.volume_id, MeasureKind.LENGTH, 0, 0, [(1, 1), (4, 5)])
        token = services.accounts.create_token(who, "test", None).value
        client = TestClient(app, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)
        actors[name] = Actor(client, annotation_id, learned_prompt_id, str(measured.measurement.id))
    hook = services.webhooks.create(boss, view.project.id, "https://example.org/", [WebhookEvent.COMMENT_ADDED])
    return {
        "actors": actors,
        "webhook_id": str(hook.id),
        "delivery_id": str(services.webhooks.ping(boss, hook.id).id),
        "project_id": str(view.project.id),
        "volume_id": str(stored.volume_id),
        "case_id": str(stored.case_id),
        "label_id": str(label.id),
        "comment_id": str(thread.first.comment.id),
        "job_id": str(job.id),
        "intake_id": str(services.intakes.open(boss, view.project.id, "a series")),
        "comparison_id": comparison(services, view.project.id, boss, judges),
        "evaluation_id": evaluation(services, view.project.id, boss),
    }


def path_of(name: str, path: str, world: dict[str, Any], actor: Actor) -> str:
    values = {key: value for key, value in world.items() if isinstance(value, str)}
    values |= {"annotation_id": actor.annotation_id, "learned_prompt_id": actor.learned_prompt_id}
    values["measurement_id"] = actor.measurement_id
    if name in OF_AN_EVALUATION:
        values |= {"job_id": world["evaluation_id"], "name": "report.md"}
    values |= {"study": "1.2", "series": "1.3", "instance": "1.4", "frames": "1", "frame": "1", "place": "7FE00010"}
    values.setdefault("name", "none")
    values |= {"axis": "0", "index": "0", "k": "0", "position": "0"} | {
        name: str(new_id()) for name in ("token_id", "session_id", "person_id", "reader_id")
    }
    query = {"list_annotations": f"?volume_id={world['volume_id']}", "list_jobs": f"?project_id={world['project_id']}"}
    query["list_audit"] = f"?project_id={world['project_id']}"
    query["list_project_proposals"] = f"?label_id={world['label_id']}"
    return path.format(**values) + query.get(name, "")


def body_of(name: str, world: dict[str, Any]) -> dict[str, Any]:
    """A body that passes validation and then fails, or does nothing that the next actor would miss."""
    bodies: dict[str, dict[str, Any]] = {
        "change_project": {"description": "changed"},
        "export_project": {"images": False},
        "look_up_pseudonym": {"pseudonym": "P-NOBODY"},
        "check_text": {"clean": False},
        "blank_rectangles": {"slice": 0, "rectangles": [], "scope": "slice"},
        "create_webhook": {"url": "https://example.org/hook", "events": ["comment.added"]},
        "change_webhook": {"active": True},
        "add_label": {"name": str(new_id()), "color": "#112233"},
        "change_label": {"color": "#abcdef"},
        "order_labels": {"label_ids": []},
        "import_labels": {"labels": [{"name": "organ", "color": "#112233"}]},
        "copy_labels": {"project_id": world["project_id"]},
        "set_member": {"email": "nobody@example.org", "role": "viewer"},
        "invite_member": {"email": "not an address", "name": "Nobody", "role": "viewer"},
        "invite_person": {"email": "not an address", "name": "Nobody"},
        "change_person": {"active": True},
        "change_case": {"priority": 1},
        "change_cases": {"priority": 1},
        "take_lease": {"take_over": False},
        "add_comment": {"body": "Look at this."},
        "answer_comment": {"body": "Done."},
        "start_agreement": {"tolerance_mm": 1.5},
        "start_consensus": {"method": "staple", "reader_ids": []},
        "create_comparison": {
            "name": "Which?",
            "settings": {"first": {"what": "plain"}, "second": {"what": "human"}},
            "label_ids": [world["label_id"]],
            "reader_ids": [],
        },
        "add_comparison_readers": {"reader_ids": [str(new_id())]},
        "cast_vote": {"id": str(new_id()), "position": 0, "choice": "left"},
        "resolve_comment": {"resolved": True},
        "add_measurement": {"kind": "length", "slice": 0, "points": [{"x": 1, "y": 1}, {"x": 4, "y": 5}]},
        "predict_mask": {"slice": 0, "points": []},
        "encode_ahead": {"slices": [99999]},
        "create_annotation": {"volume_id": world["volume_id"], "label_id": world["label_id"]},
        "append_revision": {"id": str(new_id()), "parent": None, "origin": "manual", "slices": []},
        "restore_revision": {"id": str(new_id()), "parent": None, "sequence": 3},
        "switch_learned_prompt": {"active": True},
        "switch_warm_start": {"warm_start": False},
        "accept_pictures": {"label_id": world["label_id"]},
        "accept_proposals": {"label_id": world["label_id"], "revision_id": str(new_id()), "parent": None},
        "reject_proposals": {"label_id": world["label_id"]},
        "reopen_proposals": {"label_id": world["label_id"]},
        "search_dicom_server": {"limit": 1},
        "pull_from_dicom_server": {"study_uids": ["1.2"]},
        "push_to_dicom_server": {"server": "none"},
        "open_intake": {"key": "another series"},
        "list_known_files": {"sha256": ["0" * 64]},
        "start_job": {"kind": "export", "case_id": world["case_id"], "format": "nifti"},
    }
    return bodies.get(name, {})


def ask(route: Route, name: str, world: dict[str, Any], actor: Actor) -> int:
    method, path = route
    response = actor.client.request(method, path_of(name, path, world, actor), json=body_of(name, world) or None)
    return response.status_code


def test_every_route_is_in_exactly_one_list(routes: dict[str, Route]) -> None:
    lists = [PUBLIC, OWN, LISTS, ADMINISTRATION, set(ALLOWED)]
    for name in routes:
        assert sum(name in names for names in lists) == 1, f"{name}: say who may use it"
    assert set(ALLOWED) <= set(routes)


def test_nobody_gets_in_anywhere(routes: dict[str, Route], world: dict[str, Any], anonymous: TestClient) -> None:
    nobody = Actor(anonymous, str(new_id()), str(new_id()), str(new_id()))
    for name, route in routes.items():
        if name not in PUBLIC:
            assert ask(route, name, world, nobody) == 401, name


def test_an_outsider_finds_nothing(routes: dict[str, Route], world: dict[str, Any]) -> None:
    for name in ALLOWED:
        assert ask(routes[name], name, world, world["actors"]["outsider"]) == 404, name


@pytest.mark.parametrize("name", sorted(ADMINISTRATION))
def test_administration_is_for_administrators(name: str, routes: dict[str, Route], world: dict[str, Any]) -> None:
    for role, actor in world["actors"].items():
        assert ask(routes[name], name, world, actor) == 403, f"{role} may {name}"


def test_a_token_for_reading_changes_nothing(services: Services, anonymous: TestClient) -> None:
    token = services.accounts.create_token(services.accounts.administrator(), "reads", None, TokenScope.READ).value
    headers = {"Authorization": f"Bearer {token}"}
    assert anonymous.get("/api/people", headers=headers).status_code == 200
    refused = anonymous.post("/api/projects", json={"name": "Not made"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "token_only_reads")


# exports wait for a worker and streams do not end; both are walked with their outcome in other tests
WAITING = {"export_case", "watch_job"}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_the_table_says(role: Role, routes: dict[str, Route], world: dict[str, Any]) -> None:
    for name, allowed in ALLOWED.items():
        if role in allowed and (name in WAITING or name in ("delete_label", "delete_webhook")):
            continue
        status = ask(routes[name], name, world, world["actors"][role])
        if role in allowed:
            assert status not in (401, 403, 500), f"{role} should be allowed to {name}: {status}"
        else:
            assert status == 403, f"{role} may {name}: {status}"


@pytest.mark.parametrize("job", [{"kind": "learn_prompt"}, {"kind": "auto_segment"}, {"kind": "propagate", "slice": 0}])
def test_who_annotates_may_start_jobs_that_learn(job: dict[str, Any], world: dict[str, Any]) -> None:
    statuses = {
        name: actor.client.post(
            "/api/jobs", json={**job, "volume_id": world["volume_id"], "label_id": world["label_id"]}
        ).status_code
        for name, actor in world["actors"].items()
    }
    assert statuses == {"outsider": 404, Role.VIEWER: 403} | dict.fromkeys(ANNOTATE, 503)  # 503: there is no worker


def test_who_reviews_may_measure(world: dict[str, Any]) -> None:
    asked = {"kind": "evaluate", "protocol": "assist", "project_id": world["project_id"]}
    asked |= {"case_ids": [world["case_id"]], "label_ids": [world["label_id"]]}
    statuses = {name: actor.client.post("/api/jobs", json=asked).status_code for name, actor in world["actors"].items()}
    refused = {"outsider": 404, Role.VIEWER: 403, Role.ANNOTATOR: 403}
    assert statuses == refused | dict.fromkeys(EXPORT, 503)  # 503: there is no worker


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
