"""Signing in with the account of an organisation, against a provider that is a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from backend.db.tables import AuditEvent, Credential, Identity, Member, User
from backend.main import create_app
from backend.services.access import Principal
from backend.services.accounts import PasswordsOff
from backend.services.oidc_provider import Provider, ProviderUnavailable
from backend.settings import Settings
from backend.wiring import Services, build_services
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, FAULTS, LOGOUT_FAULTS
from tests.operations.installation import free_port

LOCAL = "http://testserver"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.oidc_provider", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}"
        process.kill()


@dataclass
class Place:
    """An installation that knows the provider."""

    services: Services
    issuer: str

    @property
    def admin(self) -> Principal:
        return self.services.accounts.administrator()

    def tell(self, **told: Any) -> None:
        httpx.post(f"{self.issuer}/tell", json=told).raise_for_status()

    def announced(self, **told: Any) -> str:
        """A logout token of the provider."""
        answer = httpx.post(f"{self.issuer}/announce", json=told).raise_for_status()
        return str(answer.json()["logout_token"])

    def end(self, **told: Any) -> Any:
        """The provider tells that a session is over."""
        return self.browser().post("/api/auth/oidc/logout", data={"logout_token": self.announced(**told)})

    def browser(self) -> TestClient:
        return TestClient(create_app(self.services), follow_redirects=False)

    def go(self, browser: TestClient, **told: Any) -> str:
        """There and back; the address that the browser ends at."""
        if told:
            self.tell(**told)
        return self.come_back(browser, self.callback(self.begin(browser)))

    @staticmethod
    def begin(browser: TestClient, next: str = "/work") -> str:
        answer = browser.get("/api/auth/oidc", params={"next": next})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    @staticmethod
    def callback(url: str) -> str:
        answer = httpx.get(url)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    @staticmethod
    def come_back(browser: TestClient, url: str) -> str:
        answer = browser.get(url)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])


@pytest.fixture(scope="module")
def places(settings: Settings, issuer: str) -> Iterator[list[Services]]:
    built: list[Services] = []
    yield built
    for services in built:
        services.close()


@pytest.fixture(scope="module")
def new_place(settings: Settings, issuer: str, places: list[Services]) -> Any:
    """`new_place(oidc_only=True)`: the installation with other settings, on the same database."""

    def build(**changes: Any) -> Place:
        known = {"oidc_issuer": issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
        services = build_services(settings.model_copy(update=known | changes))
        services.accounts.bootstrap(None)
        places.append(services)
        return Place(services, issuer)

    return build


@pytest.fixture(scope="module")
def place(new_place: Any) -> Place:
    found: Place = new_place()
    return found


def invited(place: Place, email: str, **claims: Any) -> dict[str, Any]:
    """What to tell of somebody who has an account here."""
    place.services.accounts.create_user(place.admin, email, email.partition("@")[0].title())
    return {"sub": f"sub of {email}", "claims": {"email": email, "email_verified": True} | claims}


def test_the_first_time_an_account_is_found_by_its_verified_address(place: Place) -> None:
    told = invited(place, "ada@example.org")
    browser = place.browser()
    assert browser.get("/api/auth/options").json()["oidc"] == {"name": "your organisation", "url": "/api/auth/oidc"}
    assert place.go(browser, **told) == "/work"
    me = browser.get("/api/me").json()
    assert (me["email"], me["has_password"], me["must_set_password"]) == ("ada@example.org", False, False)
    assert place.go(place.browser(), sub=told["sub"], claims={"email": "married@example.org"}) == "/work"
    with place.services.db.begin() as session:
        user = session.scalars(sa.select(User).where(User.email == "ada@example.org")).one()
        sub = session.scalars(sa.select(Identity.subject).where(Identity.user_id == user.id)).one()
        logged = session.execute(
            sa.select(AuditEvent.action, AuditEvent.detail)
            .where(AuditEvent.actor_id == user.id)
            .order_by(AuditEvent.id)
        ).all()
    assert sub == told["sub"]
    assert logged == [
        ("user.identity_linked", {}),
        ("session.started", {"via": "oidc"}),
        ("session.started", {"via": "oidc"}),
    ]
    person = next(p for p in place.services.people.search(place.admin, text="ada@", limit=5, cursor=None).items)
    assert person.has_identity


def test_signing_out_leads_to_the_provider(place: Place) -> None:
    browser = place.browser()
    place.go(browser, **invited(place, "leaves@example.org"))
    left = browser.post("/api/auth/logout", headers={"X-Sammed-CSRF": "1"}).json()["provider_url"]
    assert left.startswith(f"{place.issuer}/bye?")
    query = parse_qs(urlsplit(left).query)
    claims = json.loads(urlsafe_b64decode(query.pop("id_token_hint")[0].split(".")[1] + "=="))
    assert claims["sub"] == "sub of leaves@example.org" and claims["iss"] == place.issuer
    assert query == {"client_id": [CLIENT_ID], "post_logout_redirect_uri": [f"{LOCAL}/login"]}
    assert browser.get("/api/me").status_code == 401
    link = place.services.accounts.create_user(place.admin, "bylink@example.org", "By link")
    browser.post("/api/auth/one-time", json={"token": link.value})
    assert browser.post("/api/auth/logout", headers={"X-Sammed-CSRF": "1"}).json() == {"provider_url": None}


def test_the_provider_ends_one_session_or_all_of_a_person(place: Place) -> None:
    told = invited(place, "roams@example.org")
    browsers = {}
    for sid in ("desk", "ward", "home"):
        browsers[sid] = place.browser()
        place.go(browsers[sid], sub=told["sub"], claims=told["claims"] | {"sid": sid})
    by_link = place.browser()
    by_link.post(
        "/api/auth/one-time", json={"token": place.services.accounts.reset(place.admin, "admin@localhost").value}
    )

    def signed_in() -> set[str]:
        return {sid for sid, browser in browsers.items() if browser.get("/api/me").status_code == 200}

    token = place.announced(sid="desk", sub=told["sub"])
    answer = place.browser().post("/api/auth/oidc/logout", data={"logout_token": token})
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, b"", "no-store")
    assert signed_in() == {"ward", "home"}
    again = place.browser().post("/api/auth/oidc/logout", data={"logout_token": token})
    assert (again.status_code, again.json()["code"]) == (400, "oidc_bad_logout")
    for other in ({"sid": "ward", "sub": "another"}, {"sid": "elsewhere"}):  # nobody here has those
        assert place.end(**other).status_code == 200 and signed_in() == {"ward", "home"}
    assert place.end(sid="ward").status_code == 200 and signed_in() == {"home"}
    assert place.end(sub=told["sub"]).status_code == 200 and signed_in() == set()
    assert by_link.get("/api/me").status_code == 200
    with place.services.db.begin() as session:
        log = sa.select(AuditEvent.detail).where(AuditEvent.action == "session.ended_by_provider")
        assert list(session.scalars(log)) == [{"count": 1}] * 3


def test_what_does_not_prove_a_logout_ends_no_session(place: Place) -> None:
    told = invited(place, "stays@example.org")
    browser, courier = place.browser(), place.browser()
    place.go(browser, sub=told["sub"], claims=told["claims"] | {"sid": "stays"})
    tokens = {fault: place.announced(sid="stays", sub=told["sub"], fault=fault) for fault in LOGOUT_FAULTS}
    with place.services.db.begin() as session:
        kept = session.scalars(sa.select(Credential.id_token).where(Credential.provider_session == "stays")).one()
    for fault, token in {**tokens, "id token": kept, "nothing": ""}.items():
        answer = courier.post("/api/auth/oidc/logout", data={"logout_token": token})
        assert (answer.status_code, answer.json()["code"]) == (400, "oidc_bad_logout"), fault
        assert browser.get("/api/me").status_code == 200, fault
    assert place.end(sid="stays", sub=told["sub"]).status_code == 200 and browser.get("/api/me").status_code == 401


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in ("new_key", "userinfo_other")])
def test_what_proves_nobodys_identity_signs_nobody_in(place: Place, fault: str) -> None:
    told = {"sub": "anybody", "claims": {"email": "admin@localhost", "email_verified": True}, "fault": fault}
    browser = place.browser()
    expected = {"code": "oidc_refused", "down_token": "oidc_unavailable"}.get(fault, "oidc_bad_identity")
    assert place.go(browser, **told) == f"/login?failed={expected}"
    assert browser.get("/api/me").status_code == 401
    with place.services.db.begin() as session:
        assert session.scalar(sa.select(Identity).where(Identity.subject == "anybody")) is None


def test_a_provider_may_change_its_key(place: Place) -> None:
    assert place.go(place.browser(), **invited(place, "rotates@example.org"), fault="new_key") == "/work"


def test_the_address_may_stand_in_the_user_info_of_the_same_person(place: Place) -> None:
    told = invited(place, "thin@example.org")
    thin = {"sub": told["sub"], "userinfo": told["claims"]}
    assert place.go(place.browser(), **thin, fault="userinfo_other") == "/login?failed=oidc_bad_identity"
    assert place.go(place.browser(), **thin) == "/work"


def test_a_sign_in_belongs_to_one_browser_and_works_once(place: Place) -> None:
    told = invited(place, "once@example.org")
    place.tell(**told)
    mine, another = place.browser(), place.browser()
    back = place.callback(place.begin(mine))
    assert place.come_back(another, back) == "/login?failed=oidc_stale"
    assert place.come_back(mine, back) == "/login?failed=oidc_stale"  # who tried it has used it up
    back = place.callback(place.begin(mine))
    assert place.come_back(mine, back.replace("state=", "state=x")) == "/login?failed=oidc_stale"
    assert place.come_back(mine, back) == "/work"
    assert place.come_back(mine, back) == "/login?failed=oidc_stale"


def test_two_tabs_may_sign_in_at_a_time(place: Place) -> None:
    place.tell(**invited(place, "tabs@example.org"))
    browser = place.browser()
    backs = [place.callback(place.begin(browser)) for _ in range(2)]
    assert [place.come_back(browser, back) for back in backs] == ["/work", "/work"]


@pytest.mark.parametrize("wanted", ["//elsewhere.example.org", "/\\elsewhere.example.org", "https://x.org", "/a\r\nb"])
def test_the_way_back_never_leads_elsewhere(place: Place, wanted: str) -> None:
    place.tell(**invited(place, f"{abs(hash(wanted))}@example.org"))
    browser = place.browser()
    assert place.come_back(browser, place.callback(place.begin(browser, wanted))) == "/"


@pytest.mark.parametrize(("error", "code"), [("access_denied", "oidc_denied"), ("server_error", "oidc_refused")])
def test_errors_of_the_provider_come_back_without_its_words(place: Place, error: str, code: str) -> None:
    assert place.go(place.browser(), error=error) == f"/login?failed={code}"


def test_who_was_deactivated_stays_out(place: Place) -> None:
    told = invited(place, "left@example.org")
    place.go(place.browser(), **told)
    with place.services.db.begin() as session:
        user_id = session.scalars(sa.select(User.id).where(User.email == "left@example.org")).one()
    place.services.people.change(place.admin, user_id, {"active": False})
    assert place.go(place.browser(), **told) == "/login?failed=account_deactivated"
    assert place.go(place.browser(), **told | {"sub": "a new one"}) == "/login?failed=account_deactivated"
    place.services.people.change(place.admin, user_id, {"active": True})
    assert place.go(place.browser(), **told) == "/work"


def test_an_address_with_a_new_owner_needs_an_administrator(place: Place) -> None:
    told = invited(place, "desk@example.org")
    assert place.go(place.browser(), **told) == "/work"
    assert place.go(place.browser(), **told | {"sub": "successor"}) == "/login?failed=oidc_other_identity"
    place.services.accounts.reset(place.admin, "desk@example.org")
    assert place.go(place.browser(), **told | {"sub": "successor"}) == "/work"
    assert place.go(place.browser(), **told) == "/login?failed=oidc_other_identity"


@pytest.mark.parametrize("said", [{"email_verified": False}, {"email_verified": "true"}, {"email_verified": None}])
def test_an_address_that_is_not_verified_finds_nobody(place: Place, said: dict[str, Any]) -> None:
    told = {"sub": "unverified", "claims": {"email": "admin@localhost"} | said}
    assert place.go(place.browser(), **told) == "/login?failed=oidc_email"


def test_the_settings_may_trust_addresses_and_name_their_claim(new_place: Any) -> None:
    trusting = new_place(oidc_trust_email=True, oidc_email_claim="upn")
    told = invited(trusting, "upn@example.org")
    claims = {"upn": "UPN@example.org", "email": "another@example.org"}
    assert trusting.go(trusting.browser(), sub=told["sub"], claims=claims) == "/work"
    denied = claims | {"email_verified": False}
    assert trusting.go(trusting.browser(), sub="another", claims=denied) == "/login?failed=oidc_email"
    strict = new_place(oidc_email_claim="upn")
    assert strict.go(strict.browser(), sub="another", claims=claims | {"email_verified": True}) == (
        "/login?failed=oidc_email"  # what is verified is another address
    )


def test_people_without_an_account_are_refused_unless_settings_let_them_in(place: Place, new_place: Any) -> None:
    told = {"sub": "new", "claims": {"email": "new@uni.example.org", "email_verified": True, "name": "Nora New"}}
    assert place.go(place.browser(), **told) == "/login?failed=oidc_person_unknown"
    project = place.services.projects.create(place.admin, "For all new people", "", []).project
    roles = {"For all new people": "annotator", "no such project": "viewer"}
    closed = new_place(oidc_new_people="admit", oidc_domains="example.org")
    assert closed.go(closed.browser(), **told) == "/login?failed=oidc_person_unknown"
    open_place = new_place(oidc_new_people="admit", oidc_domains="example.org, Uni.example.org", oidc_roles=roles)
    browser = open_place.browser()
    assert open_place.go(browser, **told) == "/work"
    me = browser.get("/api/me").json()
    assert (me["name"], me["is_admin"], me["must_set_password"]) == ("Nora New", False, False)
    with place.services.db.begin() as session:
        rows = session.execute(sa.select(Member.project_id, Member.role).where(Member.user_id == me["id"])).all()
    assert [tuple(row) for row in rows] == [(project.id, "annotator")]


def test_without_passwords_only_administrators_come_in_by_link(new_place: Any) -> None:
    only = new_place(oidc_only=True)
    browser = only.browser()
    assert browser.get("/api/auth/options").json()["passwords"] is False
    refused = browser.post("/api/auth/login", json={"email": "admin@localhost", "password": "a long password"})
    assert (refused.status_code, refused.json()["code"]) == (403, "passwords_off")
    link = only.services.accounts.create_user(only.admin, "guest@example.org", "Guest")
    assert browser.post("/api/auth/one-time", json={"token": link.value}).json()["code"] == "passwords_off"
    with pytest.raises(PasswordsOff):
        only.services.accounts.set_password(only.admin, "a long password", None)
    emergency = only.services.accounts.reset(only.admin, "admin@localhost")
    came_in = browser.post("/api/auth/one-time", json={"token": emergency.value}).json()
    assert (came_in["email"], came_in["must_set_password"]) == ("admin@localhost", False)


def test_an_installation_without_a_provider_says_so(client: TestClient) -> None:
    assert client.get("/api/auth/options").json() == {"passwords": True, "oidc": None}
    answer = client.get("/api/auth/oidc", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?failed=oidc_off")


def test_a_provider_that_is_away_or_another_is_told(place: Place, new_place: Any) -> None:
    away = new_place(oidc_issuer=f"http://127.0.0.1:{free_port()}")
    answer = away.browser().get("/api/auth/oidc")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?failed=oidc_unavailable")
    another_name = place.issuer.replace("127.0.0.1", "localhost")
    with pytest.raises(ProviderUnavailable, match="another address"):
        Provider(another_name, CLIENT_ID, None).authorization_url(
            redirect_uri="", state="", nonce="", verifier="a" * 43
        )


def test_a_wrong_secret_is_refused(new_place: Any) -> None:
    wrong = new_place(oidc_client_secret="another secret")
    assert wrong.go(wrong.browser(), **invited(wrong, "wrong@example.org")) == "/login?failed=oidc_refused"


def test_no_secret_is_logged_or_kept(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    browser = place.browser()
    place.tell(**invited(place, "quiet@example.org"), fault="nonce")
    back = place.callback(place.begin(browser))
    query = parse_qs(urlsplit(back).query)
    assert place.come_back(browser, back) == "/login?failed=oidc_bad_identity"
    logged = "".join(capsys.readouterr())
    secrets = [query["code"][0], query["state"][0], CLIENT_SECRET, browser.cookies["sammed_oidc"], "quiet@example.org"]
    assert "an identity was not accepted" in logged
    assert [secret for secret in secrets if secret in logged] == []
    place.tell(**invited(place, "hashed@example.org"))
    assert place.go(browser) == "/work"
    with place.services.db.begin() as session:
        stored = session.scalars(sa.select(Credential.secret_hash)).all()
    assert browser.cookies["sammed_session"] not in stored
