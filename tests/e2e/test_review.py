"""A review in two rounds: the reviewer corrects the annotator's mask and sends the case back, the annotator sees what
was changed and by whom and goes on, the reviewer sees what changed since, beside and over the round before, accepts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.annotating import AnnotatePage
from tests.e2e.people import invite, project_with
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def links(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """The address of a project with one small CT that is assigned to Ann, and the one-time links of its people."""
    files = write_dicom_series(abdominal_phantom((6, 96, 96), (30.0, 4.0, 4.0), seed=5), tmp_path_factory.mktemp("ct"))
    with installation.client() as client:
        project_id = project_with(client, "Reviews", files)
        people = invite(client, project_id, (("Rosa", "reviewer"), ("Ann", "annotator")))
        members = client.get(f"/api/projects/{project_id}/members").json()["items"]
        ann = next(member["user"]["id"] for member in members if member["user"]["name"] == "Ann")
        changed = client.patch(f"/api/projects/{project_id}/cases", json={"assign_to": [ann]}).json()
        assert changed["changed"] == 1
        return f"/projects/{project_id}", people


def stroke(page: Page, *, right: float, down: float = 0) -> None:
    """With the brush, from the middle of the picture, so many screen pixels; waits until it is stored."""
    annotate = AnnotatePage(page)
    annotate.picture.focus()
    page.keyboard.press("b")
    box = annotate.picture.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + down
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y, steps=5)
    page.mouse.up()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    annotate.wait_until_saved()


def open_next(page: Page) -> None:
    """The one case in the queue."""
    page.goto("/work")
    expect(page.get_by_text("1 case waits for you.")).to_be_visible()
    page.keyboard.press("n")
    AnnotatePage(page).wait_until_ready()


def test_two_rounds_of_review(
    enter: Callable[[str], Page], links: tuple[str, dict[str, str]], screenshots: Path
) -> None:
    project_path, people = links
    ann = enter(people["Ann"])
    open_next(ann)
    stroke(ann, right=120)
    ann.get_by_role("button", name="Submit").click()
    expect(ann.get_by_text("submitted").first).to_be_visible()

    rosa = enter(people["Rosa"])
    rosa.goto(project_path)
    rosa.get_by_role("button", name="Review the next case").click()
    rosa.get_by_role("button", name="Changes").click()
    changes = rosa.get_by_role("region", name="What has changed")
    expect(changes.get_by_text("Nothing has changed since then.")).to_be_visible()
    rosa.get_by_role("button", name="Correct", exact=True).click()
    expect(rosa.get_by_role("button", name="Done correcting")).to_be_visible()
    AnnotatePage(rosa).wait_until_ready()
    stroke(rosa, right=-90)
    stroke(rosa, right=60, down=40)
    rosa.keyboard.press("Control+z")
    AnnotatePage(rosa).wait_until_saved()
    slices = changes.get_by_role("listitem")
    expect(slices).to_have_count(1)
    expect(slices.first).to_contain_text("Rosa")
    expect(changes.get_by_role("button", name="Laid over")).to_have_attribute("aria-pressed", "true")
    AnnotatePage(rosa).picture.hover()
    rosa.screenshot(path=screenshots / "review-corrected.png")
    rosa.get_by_role("button", name="Send back").click()
    expect(rosa.get_by_text("returned").first).to_be_visible()

    open_next(ann)
    seen = ann.get_by_role("region", name="What has changed")
    expect(seen.get_by_role("listitem").first).to_contain_text("Rosa")
    expect(seen.get_by_role("button", name="Next change")).to_be_enabled()
    AnnotatePage(ann).picture.hover()
    ann.screenshot(path=screenshots / "review-seen-by-annotator.png")
    seen.get_by_role("button", name="Close").click()
    AnnotatePage(ann).go_to_slice(2)
    stroke(ann, right=100)
    ann.get_by_role("button", name="Submit").click()
    expect(ann.get_by_text("submitted").first).to_be_visible()

    rosa.goto(project_path)
    rosa.get_by_role("button", name="Review the next case").click()
    rosa.get_by_role("button", name="Changes").click()
    expect(changes.get_by_role("combobox")).to_contain_text("Since it was sent back")
    expect(slices).to_have_count(1)
    expect(slices.first).to_contain_text("Ann")
    slices.first.get_by_role("button").click()
    assert AnnotatePage(rosa).slice_number == 2
    changes.get_by_role("button", name="Side by side").click()
    expect(rosa.get_by_role("img", name="As it was sent back")).to_be_visible()
    AnnotatePage(rosa).picture.hover()
    rosa.screenshot(path=screenshots / "review-side-by-side.png")
    changes.get_by_role("button", name="Laid over").click()
    rosa.keyboard.press(",")
    expect(rosa.get_by_role("status").filter(has_text="As it was sent back")).to_be_visible()
    rosa.keyboard.press(",")
    rosa.get_by_role("button", name="Accept", exact=True).last.click()
    expect(rosa.get_by_role("cell", name="accepted", exact=True)).to_be_visible()
