"""Two people read one case blind; the reviewer sees how far they agree and where not, makes one mask of both, corrects
nothing, and accepts it as the case's result."""

from __future__ import annotations

import re
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
    """The address of a project with one small CT, and the one-time links of its people."""
    files = write_dicom_series(abdominal_phantom((6, 96, 96), (30.0, 4.0, 4.0), seed=4), tmp_path_factory.mktemp("ct"))
    with installation.client() as client:
        project_id = project_with(client, "Readers", files)
        people = (("Mia", "manager"), ("Rosa", "reviewer"), ("Ann", "annotator"), ("Ben", "annotator"))
        return f"/projects/{project_id}", invite(client, project_id, people)


def read(page: Page, length: int) -> None:
    """Open the one case in the queue, draw a stroke of so many screen pixels, submit."""
    page.goto("/work")
    expect(page.get_by_text("1 case waits for you.")).to_be_visible()
    page.keyboard.press("n")
    annotate = AnnotatePage(page)
    annotate.wait_until_ready()
    expect(page.get_by_text("has this case open")).to_have_count(0)
    annotate.picture.focus()
    page.keyboard.press("b")
    box = annotate.picture.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + length, y, steps=5)
    page.mouse.up()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("submitted").first).to_be_visible()


def test_two_read_blind_and_the_reviewer_makes_one_of_both(
    enter: Callable[[str], Page], links: tuple[str, dict[str, str]], screenshots: Path
) -> None:
    project_path, people = links
    manager = enter(people["Mia"])
    manager.goto(project_path)
    manager.get_by_label("Select all on this page").check()
    manager.get_by_role("button", name="Assign", exact=True).click()
    dialog = manager.get_by_role("dialog")
    dialog.get_by_label("Each case is read by").select_option("2")
    expect(dialog.get_by_label("Rosa")).to_have_count(0)  # a reviewer is not blind
    for name in ("Ann", "Ben"):
        dialog.get_by_label(name).check()
    manager.screenshot(path=screenshots / "readers-assign.png")
    dialog.get_by_role("button", name="Assign", exact=True).click()
    expect(manager.get_by_text("1 case changed.")).to_be_visible()

    read(enter(people["Ann"]), length=160)
    read(enter(people["Ben"]), length=90)

    reviewer = enter(people["Rosa"])
    reviewer.goto(project_path)
    reviewer.get_by_role("button", name="Review the next case").click()
    reviewer.get_by_role("button", name="Compare").click()
    compare = reviewer.get_by_role("region", name="Compare readers")
    compare.get_by_role("button", name="where they differ most").click()
    numbers = compare.get_by_role("row").filter(has_text="Liver").get_by_role("cell")
    expect(numbers.first).to_be_visible()
    AnnotatePage(reviewer).picture.hover()
    reviewer.screenshot(path=screenshots / "readers-compare.png")
    assert 0.3 < float(numbers.first.inner_text()) < 1

    compare.get_by_role("button", name="Majority").click()
    expect(reviewer.get_by_label("Whose masks are shown").locator("option:checked")).to_have_text("My masks")
    reviewer.get_by_role("button", name="Compare").click()
    compare.get_by_role("button", name="Accept it on 1 slice").click()
    expect(reviewer.get_by_text("Saved", exact=True)).to_be_visible()
    expect(compare.get_by_role("button", name="Accept it on")).to_have_count(0)
    reviewer.screenshot(path=screenshots / "readers-consensus.png")
    reviewer.get_by_role("button", name="Accept", exact=True).last.click()
    expect(reviewer).to_have_url(re.compile(f"{project_path}$"))
    expect(reviewer.get_by_role("cell", name="accepted", exact=True)).to_be_visible()

    manager.goto(f"{project_path}/statistics")
    expect(manager.get_by_role("heading", name="Between readers")).to_be_visible()
    expect(manager.get_by_role("row").filter(has_text="Ann, Ben")).to_be_visible()
    manager.screenshot(path=screenshots / "readers-statistics.png", full_page=True)
