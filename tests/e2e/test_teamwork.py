"""A day of a manager, an annotator and a reviewer: invited by a link, assigned, submitted, sent back with a comment on
a place, corrected, accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.annotating import AnnotatePage
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e

PASSWORD = "a long enough password"
PROJECT = "Teamwork"


@pytest.fixture(scope="module")
def project(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The address of a project with one small CT, and the one-time link of its manager."""
    files = write_dicom_series(abdominal_phantom((8, 96, 96), (30.0, 4.0, 4.0), seed=9), tmp_path_factory.mktemp("ct"))
    with installation.client() as client:
        labels = [{"name": "Liver", "color": "#dd8265"}]
        project = client.post("/api/projects", json={"name": PROJECT, "privacy": "none", "labels": labels}).json()
        parts = [("files", (path.name, path.read_bytes())) for path in files]
        job = client.post(f"/api/projects/{project['id']}/uploads", files=parts).json()
        while job["state"] in ("queued", "running"):
            job = client.get(f"/api/jobs/{job['id']}").json()
        assert job["state"] == "done", job
        somebody = {"email": "mia@team.example.org", "name": "Mia Boss", "role": "manager"}
        invited = client.post(f"/api/projects/{project['id']}/invitations", json=somebody).raise_for_status().json()
        return f"/projects/{project['id']}", f"/login?token={invited['token']}"


@pytest.fixture
def open_page(browser: Browser, installation: Installation) -> Iterator[Callable[[], Page]]:
    """A browser of one more person. Errors on any of the pages fail the test."""
    contexts, failures = [], []

    def new() -> Page:
        context = browser.new_context(
            base_url=installation.url, viewport={"width": 1440, "height": 900}, locale="en-US"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        return page

    yield new
    for context in contexts:
        context.close()
    assert failures == [], "errors on a page"


def invite(manager: Page, project_path: str, name: str, email: str, role: str) -> str:
    """Add somebody new on the members' tab; the address of their one-time link."""
    manager.goto(f"{project_path}/members")
    expect(manager.get_by_role("button", name="Add member")).to_be_visible()
    manager.get_by_label("E-mail").fill(email)
    manager.get_by_label("Role", exact=True).select_option(role)
    manager.get_by_role("button", name="Add member").click()
    manager.get_by_label("Name of the new person").fill(name)
    manager.get_by_role("button", name="Invite").click()
    link = manager.get_by_role("textbox", name=f"Sign-in link for {name}")
    expect(link).to_be_visible()
    return link.input_value()


def arrive(page: Page, link: str) -> None:
    """Follow the link and choose a password."""
    page.goto(link)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("link", name="My work")).to_be_visible()


def stroke(page: Page, annotate: AnnotatePage, below: float) -> None:
    """One stroke with the brush on the slice in view, so far below its middle, stored."""
    annotate.wait_until_ready()  # nobody paints on what is not shown
    annotate.picture.focus()
    page.keyboard.press("b")
    box = annotate.picture.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + below
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 10, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()


def test_a_case_goes_from_the_manager_to_the_annotator_to_the_reviewer_and_back(
    open_page: Callable[[], Page], project: tuple[str, str], screenshots: Path
) -> None:
    manager, annotator, reviewer = open_page(), open_page(), open_page()
    project_path, manager_link = project
    arrive(manager, manager_link)
    arrive(annotator, invite(manager, project_path, "Ann Lee", "ann@team.example.org", "annotator"))
    arrive(reviewer, invite(manager, project_path, "Rosa Gruber", "rosa@team.example.org", "reviewer"))

    manager.goto(project_path)
    manager.get_by_label("Select all on this page").check()
    manager.get_by_role("button", name="Assign", exact=True).click()
    manager.get_by_role("dialog").get_by_label("Ann Lee").check()
    manager.get_by_role("dialog").get_by_role("button", name="Assign", exact=True).click()
    expect(manager.get_by_text("1 case changed.")).to_be_visible()

    annotator.goto("/work")
    expect(annotator.get_by_text("1 case waits for you.")).to_be_visible()
    annotator.keyboard.press("n")
    drawing = AnnotatePage(annotator)
    expect(drawing.picture).to_be_visible()
    stroke(annotator, drawing, below=0)
    annotator.get_by_role("button", name="Submit").click()
    expect(annotator.get_by_text("submitted").first).to_be_visible()

    reviewer.goto(project_path)
    reviewer.get_by_role("button", name="Review the next case").click()
    whose = reviewer.get_by_label("Whose masks are shown")
    expect(whose.locator("option:checked")).to_have_text("Ann Lee: 1 slice")
    reviewer.get_by_role("button", name="Comments").click()
    reviewer.get_by_label("What should change?").fill("The rim is missing.")
    reviewer.get_by_role("button", name="Choose a place").click()
    box = AnnotatePage(reviewer).picture.bounding_box()
    assert box is not None
    reviewer.mouse.move(box["x"] + 400, box["y"] + 420)
    reviewer.mouse.down()
    reviewer.mouse.up()
    reviewer.get_by_role("button", name="Comment", exact=True).click()
    place = reviewer.locator(".thread-where .link")
    expect(place).to_be_visible()
    where = place.inner_text()
    reviewer.screenshot(path=screenshots / "teamwork-review.png")
    reviewer.get_by_role("button", name="Send back").click()
    expect(reviewer).to_have_url(re.compile(f"{project_path}$"))

    annotator.goto("/work")
    annotator.get_by_role("link", name="Open the next case").click()
    comments = annotator.get_by_role("region", name="Comments")
    expect(comments).to_contain_text("The rim is missing.")
    drawing.go_to_slice(2)
    comments.get_by_role("button", name=where).click()
    expect(drawing.picture).to_have_attribute("aria-label", re.compile(re.escape(where.split(" · ")[0]) + " /"))
    comments.get_by_role("button", name="Done").click()
    expect(comments.get_by_text("done", exact=True)).to_be_visible()
    stroke(annotator, drawing, below=60)
    annotator.get_by_role("button", name="Submit").click()
    expect(annotator.get_by_text("submitted").first).to_be_visible()

    reviewer.goto(project_path)
    reviewer.get_by_role("button", name="Review the next case").click()
    reviewer.get_by_role("button", name="Accept", exact=True).click()
    expect(reviewer.get_by_text("accepted").first).to_be_visible()
    manager.goto(f"{project_path}/statistics")
    row = manager.get_by_role("row").filter(has_text="Ann Lee")
    expect(row.get_by_role("cell").nth(6)).to_have_text("2")  # strokes
    manager.screenshot(path=screenshots / "teamwork-statistics.png")
