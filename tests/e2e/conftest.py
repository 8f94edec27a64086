"""A whole installation and a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.people import PASSWORD
from tests.operations.installation import Installation, running

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
LONGEST_WAIT_MS = 30_000


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`sammed up` in an empty data folder."""
    with running(tmp_path_factory.mktemp("e2e")) as started:
        yield started


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=LONGEST_WAIT_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, installation: Installation) -> Iterator[Page]:
    """A fresh browser profile at the size the pages are designed for. Errors on the page fail the test."""
    context = browser.new_context(
        base_url=installation.url, viewport={"width": 1440, "height": 900}, locale="en-US", accept_downloads=True
    )
    context.set_default_timeout(LONGEST_WAIT_MS)
    opened = context.new_page()
    failures: list[str] = []
    opened.on("pageerror", lambda error: failures.append(str(error)))
    yield opened
    context.close()
    assert failures == [], "errors on the page"


@pytest.fixture
def enter(browser: Browser, installation: Installation) -> Iterator[Callable[[str], Page]]:
    """The browser of one more person, who has followed their link. Errors on any of the pages fail the test."""
    contexts, failures = [], []

    def arrive(link: str) -> Page:
        context = browser.new_context(
            base_url=installation.url, viewport={"width": 1440, "height": 900}, locale="en-US"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(link)
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("Once more").fill(PASSWORD)
        page.get_by_role("button", name="Save and continue").click()
        expect(page.get_by_role("link", name="My work")).to_be_visible()
        return page

    yield arrive
    for context in contexts:
        context.close()
    assert failures == [], "errors on a page"


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: a folder to look at, `SAMMED_SCREENSHOTS` to keep them."""
    folder = Path(os.environ.get("SAMMED_SCREENSHOTS", tmp_path_factory.mktemp("screenshots")))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
