"""Signing in with the account of an organisation, in a real browser, at a provider that others have written."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_accessibility import faults
from tests.operations.installation import Installation, free_port, running

pytestmark = pytest.mark.e2e

STARTED_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """`oidc-provider-mock` as a process; the address that it calls itself by."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = ["--port", str(port), "--require-registration", "true", "--require-nonce", "true"]
    command = [sys.executable, "-m", "oidc_provider_mock", *words]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + STARTED_TIMEOUT_S
        while True:
            try:
                httpx.get(f"{url}/.well-known/openid-configuration").raise_for_status()
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline and process.poll() is None, "the provider did not start"
                time.sleep(0.1)  # polls a process that has no other way to tell
        yield url
        process.terminate()


@pytest.fixture(scope="module")
def installation(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`sammed up` that knows the provider, and is known there."""
    port = free_port()
    back = f"http://127.0.0.1:{port}/api/auth/oidc/callback"
    client: dict[str, Any] = httpx.post(f"{provider}/oauth2/clients", json={"redirect_uris": [back]}).json()
    with running(
        tmp_path_factory.mktemp("sign-in"),
        port=port,
        oidc_issuer=provider,
        oidc_client_id=client["client_id"],
        oidc_client_secret=client["client_secret"],
        oidc_name="City Hospital",
        oidc_new_people="admit",
        oidc_domains="city.example.org",
    ) as started:
        yield started


def test_there_and_back(page: Page, installation: Installation, provider: str, screenshots: Path) -> None:
    for name, domain in (("nora", "city.example.org"), ("otto", "elsewhere.example.org")):
        claims = {"email": f"{name}@{domain}", "email_verified": True, "name": f"{name.title()} Neu"}
        httpx.put(f"{provider}/users/{name}", json=claims).raise_for_status()
    page.goto("/work")
    button = page.get_by_role("link", name="Sign in with City Hospital")
    expect(button).to_be_visible()
    page.screenshot(path=screenshots / "sign-in-ways.png")
    assert faults(page) == []

    button.click()
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("alert")).to_contain_text("The sign-in service did not allow it.")
    page.screenshot(path=screenshots / "sign-in-denied.png")
    assert faults(page) == []

    page.get_by_role("link", name="Sign in with City Hospital").click()
    page.get_by_placeholder("sub").fill("otto")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("alert")).to_contain_text("You have no account here yet.")
    page.get_by_role("combobox").select_option("zh")
    expect(page.get_by_role("alert")).to_contain_text("您在这里还没有账号")
    page.screenshot(path=screenshots / "sign-in-unknown-zh.png")
    page.get_by_role("combobox").select_option("en")

    page.goto("/work")
    page.get_by_role("link", name="Sign in with City Hospital").click()
    page.get_by_placeholder("sub").fill("nora")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="My work")).to_be_visible()
    assert page.url.endswith("/work"), "back where they wanted to go"
    page.goto("/account")
    expect(page.get_by_role("heading", name="Nora Neu")).to_be_visible()
    expect(page.get_by_text("You sign in with the account of your organisation.")).to_be_visible()
    page.screenshot(path=screenshots / "sign-in-account.png")

    with installation.client() as client:
        said = client.get("/api/audit").raise_for_status().json()["items"]
    started = next(event for event in said if event["action"] == "session.started")
    assert (started["actor"]["name"], started["detail"]) == ("Nora Neu", {"via": "oidc"})

    page.get_by_role("button", name="Account of Nora Neu").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.get_by_role("button", name="End session").click()  # at the provider, too
    expect(page.get_by_role("link", name="Sign in with City Hospital")).to_be_visible()
    assert page.url.startswith(f"{installation.url}/login")

    logged = "\n".join(installation.log.seen)
    assert "nora@" not in logged and "code=" not in logged
