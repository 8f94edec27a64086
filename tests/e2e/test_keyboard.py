"""The day of a manager and of an annotator without a mouse: every step is a key, and the focus is always seen."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.annotating import AnnotatePage
from tests.e2e.keyboard import Keyboard
from tests.e2e.people import PASSWORD
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip with one small CT."""
    folder = tmp_path_factory.mktemp("ct")
    files = write_dicom_series(abdominal_phantom((8, 96, 96), (30.0, 4.0, 4.0), seed=9), folder)
    path = folder / "ct.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return path


@pytest.fixture
def arrive(browser: Browser, installation: Installation) -> Iterator[Callable[[str], Keyboard]]:
    """`arrive(link)`: the browser of one more person, who follows their link and chooses a password. Errors on a page
    fail the test."""
    contexts, failures = [], []

    def follow(link: str) -> Keyboard:
        context = browser.new_context(
            base_url=installation.url, viewport={"width": 1440, "height": 900}, locale="en-US"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(link)
        keys = Keyboard(page)
        expect(page.get_by_label("New password")).to_be_focused()
        keys.type(PASSWORD)
        keys.reach(page.get_by_label("Once more"))
        keys.type(PASSWORD)
        keys.press("Enter")
        expect(page.get_by_role("link", name="My work")).to_be_visible()
        return keys

    yield follow
    for context in contexts:
        context.close()
    assert failures == [], "errors on a page"


def test_a_case_is_made_assigned_annotated_and_reviewed_with_keys_alone(
    installation: Installation, packed: Path, arrive: Callable[[str], Keyboard], screenshots: Path
) -> None:
    with installation.client() as client:
        mia = {"email": "mia@keys.example.org", "name": "Mia Keys"}
        invited = client.post("/api/people", json=mia).raise_for_status().json()
    manager = arrive(f"/login?token={invited['token']}")
    make_project(manager, packed)
    link = invite(manager, "Ann Keys", "ann@keys.example.org")
    assign(manager, "Ann Keys")

    annotator = arrive(link)
    annotator.choose(annotator.page.get_by_role("link", name="My work"))
    expect(annotator.page.get_by_text("1 case waits for you.")).to_be_visible()
    annotator.press("n")
    click_and_accept(annotator)
    annotator.page.screenshot(path=screenshots / "keyboard-annotated.png")
    submit(annotator)

    where = send_back(manager, "The rim is missing.", screenshots)
    annotator.page.goto("/work")
    expect(annotator.page.get_by_text("1 case waits for you.")).to_be_visible()
    annotator.press("n")
    comments = annotator.page.get_by_role("region", name="Comments")
    expect(comments).to_contain_text("The rim is missing.")
    annotator.choose(comments.get_by_role("button", name=where))
    picture = AnnotatePage(annotator.page).picture
    expect(picture).to_have_attribute("aria-label", re.compile(re.escape(where.split(" · ")[0]) + " /"))
    annotator.choose(comments.get_by_role("button", name="Done"))
    expect(comments.get_by_text("done", exact=True)).to_be_visible()
    annotator.need_kept()
    annotator.press("F6")
    expect(picture).to_be_focused()
    annotator.press("ArrowDown")
    click_and_accept(annotator)
    submit(annotator)

    page = manager.page
    page.reload()
    manager.choose(page.get_by_role("button", name="Review the next case"))
    manager.choose(page.get_by_role("button", name="Accept", exact=True))
    expect(page.get_by_text("accepted").first).to_be_visible()


def make_project(manager: Keyboard, packed: Path) -> None:
    """A project with the liver from the catalogue, and a case."""
    page = manager.page
    manager.choose(page.get_by_role("button", name="New project").first)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    manager.type("With keys alone")
    manager.reach(dialog.get_by_placeholder("Liver, kidney, tumour …"))
    manager.type("liver")
    expect(dialog.get_by_role("listbox").get_by_role("option").first).to_be_visible()
    manager.press("Enter")
    expect(dialog.get_by_label("Label name")).to_have_value("Liver")
    manager.need_kept()
    manager.choose(dialog.get_by_role("button", name="Create project"))
    expect(page.get_by_role("heading", name="With keys alone")).to_be_visible()
    _choose_file(manager, packed)
    expect(page.get_by_role("link", name=re.compile("^P-"))).to_be_visible(timeout=60_000)


def _choose_file(manager: Keyboard, file: Path) -> None:
    """By the first item of the menu. A browser opens no dialog for a press that it came to seconds late, as on a busy
    machine: then it is pressed once more."""
    page = manager.page
    for last in (False, True):
        manager.choose(page.get_by_role("button", name="Upload").first)
        expect(page.get_by_role("menuitem").first).to_be_focused()
        try:
            with page.expect_file_chooser(timeout=20_000) as chooser:
                manager.press("Enter")
        except PlaywrightTimeout:
            if last:
                raise
            continue
        chooser.value.set_files(file)
        return


def invite(manager: Keyboard, name: str, email: str) -> str:
    """Somebody new as an annotator; their one-time link."""
    page = manager.page
    manager.choose(page.get_by_role("link", name="Members"))
    manager.reach(page.get_by_label("E-mail"))
    manager.type(email)
    manager.reach(page.get_by_label("Role", exact=True))
    manager.type("ann")
    manager.choose(page.get_by_role("button", name="Add member"))
    expect(page.get_by_label("Name of the new person")).to_be_focused()
    manager.type(name)
    manager.press("Enter")
    link = page.get_by_role("textbox", name=f"Sign-in link for {name}")
    expect(link).to_be_visible()
    expect(page.get_by_label(f"Role of {name}")).to_have_value("annotator")
    return link.input_value()


def assign(manager: Keyboard, name: str) -> None:
    page = manager.page
    manager.choose(page.get_by_role("link", name="Cases"))
    manager.choose(page.get_by_label("Select all on this page"), "Space")
    manager.choose(page.get_by_role("button", name="Assign", exact=True))
    manager.choose(page.get_by_role("dialog").get_by_label(name), "Space")
    manager.press("Enter")
    expect(page.get_by_text("1 case changed.")).to_be_visible()
    manager.need_kept()


def click_and_accept(annotator: Keyboard) -> None:
    """A point at the keyboard's cursor, and the proposal accepted."""
    drawing = AnnotatePage(annotator.page)
    drawing.wait_until_ready()
    annotator.press("p", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowUp", "Shift+Enter")
    drawing.wait_for_proposal()
    drawing.accept()
    drawing.wait_until_saved()


def submit(annotator: Keyboard) -> None:
    annotator.press("Control+Enter")
    expect(annotator.page.get_by_text("submitted").first).to_be_visible()


def send_back(manager: Keyboard, comment: str, screenshots: Path) -> str:
    """Review the next case and send it back with a comment on a place; where that is, in words."""
    page = manager.page
    page.reload()
    manager.choose(page.get_by_role("button", name="Review the next case"))
    manager.choose(page.get_by_role("button", name="Comments"))
    manager.reach(page.get_by_label("What should change?"))
    manager.type(comment)
    manager.choose(page.get_by_role("button", name="Choose a place"))
    manager.need_kept()
    manager.press("Shift+ArrowRight", "Shift+ArrowRight", "Shift+Enter")
    page.screenshot(path=screenshots / "keyboard-place.png")
    manager.choose(page.get_by_role("button", name="Comment", exact=True))
    place = page.locator(".thread-where .link")
    expect(place).to_be_visible()
    where = place.inner_text()
    manager.need_kept()
    manager.choose(page.get_by_role("button", name="Send back"))
    expect(page).to_have_url(re.compile("/projects/[^/]+$"))
    manager.need_kept()
    return where
