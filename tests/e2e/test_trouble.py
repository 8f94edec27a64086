"""When something is away the page says what, and comes back by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Error, Page, expect

from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.annotating import AnnotatePage
from tests.e2e.test_outcome import sign_in
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e

LONGEST_MS = 90_000


@pytest.fixture(scope="module")
def case_path(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an annotate page, for a small CT that was uploaded by a program."""
    files = write_dicom_series(abdominal_phantom((8, 96, 96), (30.0, 4.0, 4.0), seed=4), tmp_path_factory.mktemp("ct"))
    with installation.client() as client:
        labels = [{"name": "Liver", "color": "#dd8265"}]
        project = client.post("/api/projects", json={"name": "Trouble", "privacy": "none", "labels": labels}).json()
        parts = [("files", (path.name, path.read_bytes())) for path in files]
        job = client.post(f"/api/projects/{project['id']}/uploads", files=parts).json()
        while job["state"] in ("queued", "running"):
            job = client.get(f"/api/jobs/{job['id']}").json()
        return f"/cases/{job['result']['series'][0]['case_id']}"


@pytest.fixture
def signed_in(page: Page, installation: Installation) -> Page:
    sign_in(page, installation)
    return page


@pytest.fixture
def clicking_workers(installation: Installation) -> Iterator[list[psutil.Process]]:
    """The processes that answer clicks; they run again afterwards."""
    found = [p for p in installation.family if "--queues" in p.cmdline() and "io" not in p.cmdline()[-1]]
    assert len(found) >= 2
    yield found
    for process in found:
        process.resume()


def test_no_worker_is_said_and_goes_away_by_itself(
    signed_in: Page, case_path: str, clicking_workers: list[psutil.Process], screenshots: Path
) -> None:
    signed_in.goto(case_path)
    annotate = AnnotatePage(signed_in)
    annotate.wait_until_ready()
    for process in clicking_workers:
        process.suspend()
    annotate.click_voxel(48, 48)
    expect(annotate.assistant).to_contain_text("not running", timeout=LONGEST_MS)
    signed_in.screenshot(path=screenshots / "trouble-no-worker.png")
    for process in clicking_workers:
        process.resume()
    expect(annotate.word).to_have_text("Ready", timeout=LONGEST_MS)
    annotate.click_voxel(40, 44)
    annotate.wait_for_proposal()


def stroke(annotate: AnnotatePage, i: int, j: int) -> None:
    x, y = annotate.screen_of(i, j)
    annotate.page.mouse.move(x, y)
    annotate.page.mouse.down()
    annotate.page.mouse.move(x + 50, y + 10, steps=5)
    annotate.page.mouse.up()


def test_what_is_drawn_without_a_connection_survives_a_crash_and_is_sent_when_it_is_back(
    signed_in: Page, case_path: str, screenshots: Path
) -> None:
    signed_in.goto(case_path)
    annotate = AnnotatePage(signed_in)
    annotate.wait_until_ready()
    signed_in.keyboard.press("b")
    reopened = signed_in.context.new_page()
    signed_in.bring_to_front()
    signed_in.context.set_offline(True)
    stroke(annotate, 20, 20)
    signed_in.screenshot(path=screenshots / "trouble-offline.png")
    expect(signed_in.get_by_text("kept here")).to_be_visible(timeout=LONGEST_MS)
    drawn = annotate.millilitres("Liver")
    with pytest.raises(Error):
        signed_in.goto("chrome://crash", timeout=5000)
    signed_in.close()
    signed_in.context.set_offline(False)

    annotate = AnnotatePage(reopened)
    reopened.goto(case_path)
    annotate.wait_until_ready()
    expect(annotate.labels.locator(".label-volume").first).to_have_text(drawn)
    annotate.wait_until_saved()
    reopened.keyboard.press("b")
    reopened.context.set_offline(True)
    stroke(annotate, 20, 60)
    expect(reopened.get_by_text("kept here")).to_be_visible(timeout=LONGEST_MS)
    drawn = annotate.millilitres("Liver")
    reopened.context.set_offline(False)
    annotate.wait_until_saved()
    reopened.reload()
    annotate.wait_until_ready()
    expect(annotate.labels.locator(".label-volume").first).to_have_text(drawn)
