"""Webhooks against a real HTTP server: signed, sent again when it fails, given up in the end, and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest
from sqlalchemy import select

from backend.db.tables import Case, Webhook, WebhookDelivery
from backend.domain.jobs import DeliverCall
from backend.domain.webhooks import BACKOFF, MOST_FAILURES, AddressNotAllowed, InvalidWebhook, WebhookEvent
from backend.domain.workflow import Role
from backend.services.access import Principal, RoleForbids
from backend.services.comments import Pin
from backend.services.webhooks import Webhooks
from backend.settings import Settings
from backend.wiring import Services, build_services
from tests.services.conftest import new_volume, person
from workers.webhooks import Deliver


@dataclass
class Receiver:
    """What a server was sent, and what it answers with."""

    url: str = ""
    status: int = 200
    location: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.got.append((dict(self.headers), body))
            self.send_response(state.status)
            if state.location:
                self.send_header("Location", state.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://localhost:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def services(settings: Settings) -> Iterator[Services]:
    built = build_services(settings.model_copy(update={"webhook_private": True}))
    built.accounts.bootstrap(None)
    yield built
    built.close()


@pytest.fixture
def case(services: Services, admin: Principal) -> Case:
    project_id = services.projects.create(admin, "Hooks", "", []).project.id
    stored = services.imports.store(project_id, new_volume(services, seed=8))
    with services.db.begin() as session:
        return session.get_one(Case, stored.case_id)


def deliver(services: Services, *, webhooks: Webhooks | None = None) -> list[bool]:
    """Carry what is due and send it, as sweeper and worker do; for each whether it arrived."""
    assert (webhooks or services.webhooks).carry() >= 0
    with services.db.begin() as session:
        due = session.scalars(
            select(WebhookDelivery).where(WebhookDelivery.state == "pending", WebhookDelivery.carried_at.is_not(None))
        ).all()
    return [
        bool(Deliver(services).run(DeliverCall(delivery_id=d.id, attempts=d.attempts).model_dump(mode="json"))["sent"])
        for d in due
    ]


def state_of(services: Services, hook: Webhook) -> tuple[Webhook, list[WebhookDelivery]]:
    with services.db.begin() as session:
        rows = session.scalars(
            select(WebhookDelivery).where(WebhookDelivery.webhook_id == hook.id).order_by(WebhookDelivery.id)
        )
        return session.get_one(Webhook, hook.id), list(rows)


def test_what_happens_is_told_signed_and_once(
    services: Services, admin: Principal, case: Case, receiver: Receiver
) -> None:
    events = [WebhookEvent.CASE_STATE_CHANGED, WebhookEvent.COMMENT_ADDED]
    hook = services.webhooks.create(admin, case.project_id, receiver.url, events)
    services.cases.change(admin, case.id, {"priority": 1})  # no event
    services.cases.change(admin, case.id, {"state": "submitted"})
    services.comments.add(admin, case.id, "A name of a patient", Pin())
    services.imports.submit_samples(admin, case.project_id)  # a job, of which nobody wants to hear
    assert deliver(services) == [True, True] and deliver(services) == []
    messages = [json.loads(body) for _, body in receiver.got]
    assert [message["event"] for message in messages] == ["case.state_changed", "comment.added"]
    assert messages[0]["data"] == {"case_id": str(case.id), "by": str(admin.id), "state": ["new", "submitted"]}
    assert messages[1]["data"]["case"] == str(case.id) and "patient" not in receiver.got[1][1].decode()
    for headers, body in receiver.got:
        at, mac = (part.split("=", 1)[1] for part in headers["X-Sammed-Signature"].split(","))
        expected = hmac.new(hook.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(mac, expected)
        assert abs(int(at) - datetime.now(UTC).timestamp()) < 300
        assert headers["X-Sammed-Delivery"] == json.loads(body)["id"]
    assert [d.state for d in state_of(services, hook)[1]] == ["delivered", "delivered"]


def test_a_job_that_ends_is_told(services: Services, admin: Principal, case: Case, receiver: Receiver) -> None:
    events = [WebhookEvent.EXPORT_READY, WebhookEvent.JOB_FAILED]
    services.webhooks.create(admin, case.project_id, receiver.url, events)
    job = services.archives.submit(admin, case.project_id, images=False, masks=False)
    assert services.jobs.claim(job.id)
    services.jobs.finish(job.id, {})
    failed = services.archives.submit(admin, case.project_id, images=False, masks=False)
    assert services.jobs.claim(failed.id)
    services.jobs.fail(failed.id, InvalidWebhook("No."))
    deliver(services)
    ready, broken = (json.loads(body) for _, body in receiver.got)
    assert ready["data"]["download"] == f"/api/jobs/{job.id}/download"
    assert (broken["event"], broken["data"]["code"]) == ("job.failed", "invalid_webhook")


def test_what_fails_is_tried_later_and_given_up_in_the_end(
    services: Services, settings: Settings, admin: Principal, case: Case, receiver: Receiver
) -> None:
    hook = services.webhooks.create(admin, case.project_id, receiver.url, [WebhookEvent.COMMENT_ADDED])
    receiver.status = 500
    services.webhooks.ping(admin, hook.id)
    assert deliver(services) == [False]
    assert deliver(services) == []  # not before its time
    _, (first,) = state_of(services, hook)
    assert (first.state, first.attempts, first.status) == ("pending", 1, 500)
    assert first.next_at > datetime.now(UTC) + BACKOFF[0] - timedelta(minutes=1)
    later = Webhooks(services.db, services.queue, private=True, clock=lambda: datetime.now(UTC) + timedelta(days=1))
    for _ in range(len(BACKOFF)):
        assert deliver(services, webhooks=later) == [False]
    _, (given_up,) = state_of(services, hook)
    assert (given_up.state, given_up.attempts) == ("failed", len(BACKOFF) + 1)
    receiver.status = 204
    services.webhooks.redeliver(admin, given_up.id)
    assert deliver(services) == [True]
    assert receiver.got[0][1] == receiver.got[-1][1], "the very same message"
    assert state_of(services, hook)[0].failures == 0


def test_who_fails_too_often_is_told_nothing_more(
    services: Services, admin: Principal, case: Case, receiver: Receiver
) -> None:
    hook = services.webhooks.create(admin, case.project_id, receiver.url, [WebhookEvent.COMMENT_ADDED])
    receiver.status = 404
    for _ in range(MOST_FAILURES):
        services.webhooks.ping(admin, hook.id)
    assert deliver(services) == [False] * MOST_FAILURES
    assert state_of(services, hook)[0].disabled_at is not None
    services.comments.add(admin, case.id, "Nobody hears this.", Pin())
    assert len(state_of(services, hook)[1]) == MOST_FAILURES
    again = services.webhooks.change(admin, hook.id, events=None, active=True)
    assert (again.disabled_at, again.failures) == (None, 0)


def test_a_redirect_is_not_followed(services: Services, admin: Principal, case: Case, receiver: Receiver) -> None:
    hook = services.webhooks.create(admin, case.project_id, receiver.url, [WebhookEvent.COMMENT_ADDED])
    receiver.status, receiver.location = 307, receiver.url + "/elsewhere"
    services.webhooks.ping(admin, hook.id)
    assert deliver(services) == [False] and len(receiver.got) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]:80/",
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://[::ffff:10.0.0.1]/",
    ],
)
def test_the_servers_own_network_is_out_of_reach(settings: Settings, admin: Principal, case: Case, url: str) -> None:
    careful = build_services(settings)
    try:
        with pytest.raises(AddressNotAllowed):
            careful.webhooks.create(admin, case.project_id, url, [WebhookEvent.COMMENT_ADDED])
    finally:
        careful.close()


def test_a_name_of_the_servers_own_network_is_refused_when_it_is_called(
    services: Services, settings: Settings, admin: Principal, case: Case, receiver: Receiver
) -> None:
    hook = services.webhooks.create(admin, case.project_id, receiver.url, [WebhookEvent.COMMENT_ADDED])
    ping = services.webhooks.ping(admin, hook.id)
    careful = build_services(settings)
    try:
        Deliver(careful).run(DeliverCall(delivery_id=ping.id, attempts=0).model_dump(mode="json"))
    finally:
        careful.close()
    assert receiver.got == []
    _, (refused,) = state_of(services, hook)
    assert refused.error is not None and "not a public address" in refused.error


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "http://", "https://user:secret@example.org/", "file:///etc/passwd"]
)
def test_what_is_no_address_is_refused(services: Services, admin: Principal, case: Case, url: str) -> None:
    with pytest.raises(InvalidWebhook):
        services.webhooks.create(admin, case.project_id, url, [WebhookEvent.COMMENT_ADDED])


def test_webhooks_are_for_managers(services: Services, admin: Principal, case: Case) -> None:
    reviewer = person(services, admin, f"{UUID(int=case.id.int).hex}@hooks.example.org")
    services.projects.set_member(admin, case.project_id, reviewer.email, Role.REVIEWER)
    with pytest.raises(RoleForbids):
        services.webhooks.of_project(reviewer, case.project_id)
