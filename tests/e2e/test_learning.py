"""Two annotated slices teach the label, the rest is proposed slice by slice, and a person decides about it: in a real
browser, with a real worker and the bundled model, on a generated CT of which the truth is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from backend.imaging import masks
from backend.imaging.phantom import LIVER, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.annotating import AnnotatePage
from tests.e2e.test_outcome import sign_in
from tests.operations.installation import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

SHAPE_KJI = (14, 128, 128)
LONGEST_MS = 400_000
LEARNED = re.compile(r"Learned from 2 slices, .*Dice on held-out slices")
PROPOSALS = re.compile(r"(\d+) proposals?")


@dataclass(frozen=True)
class Case:
    path: str
    volume_id: str
    label_id: str
    truth: NDArray[np.bool_]
    """[slices, rows, columns] of the liver"""

    def box(self, k: int) -> tuple[int, int, int, int]:
        rows, columns = np.nonzero(self.truth[k])
        return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


@pytest.fixture(scope="module")
def case(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A small CT that was uploaded by a program, with one label."""
    phantom = abdominal_phantom(SHAPE_KJI, (14.0, 3.0, 3.0), seed=7)
    files = write_dicom_series(phantom, tmp_path_factory.mktemp("ct"))
    installation.wait_for_workers()
    with installation.client() as client:
        labels = [{"name": "Liver", "color": "#dd8265"}]
        project = client.post("/api/projects", json={"name": "Learning", "privacy": "none", "labels": labels}).json()
        parts = [("files", (path.name, path.read_bytes())) for path in files]
        job = client.post(f"/api/projects/{project['id']}/uploads", files=parts).json()
        while job["state"] in ("queued", "running"):
            job = client.get(f"/api/jobs/{job['id']}").json()
        series = job["result"]["series"][0]
        return Case(f"/cases/{series['case_id']}", series["volume_id"], project["labels"][0]["id"], phantom.mask(LIVER))


@pytest.fixture
def annotate(page: Page, installation: Installation, case: Case) -> AnnotatePage:
    sign_in(page, installation)
    page.goto(case.path)
    opened = AnnotatePage(page)
    opened.wait_until_ready()
    return opened


def dice(drawn: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * (drawn & truth).sum() / (drawn.sum() + truth.sum()))


def proposed_by(installation: Installation, case: Case, from_confidence: float) -> dict[int, NDArray[np.bool_]]:
    """The open proposals of the server from a confidence on: slice -> mask [rows, columns]."""
    with installation.client() as client:
        found = client.get(f"/api/volumes/{case.volume_id}/proposals").json()["items"]
    return {
        proposal["slice"]: masks.decode(proposal["mask"], case.truth.shape[1:])
        for proposal in found
        if proposal["confidence"] >= from_confidence and proposal["voxels"] > 0
    }


def revisions_of(installation: Installation, case: Case) -> tuple[list[dict[str, Any]], NDArray[np.bool_]]:
    """What the server has: the history of the label, oldest first, and its mask [slices, rows, columns]."""
    with installation.client() as client:
        (annotation,) = client.get("/api/annotations", params={"volume_id": case.volume_id}).json()["items"]
        history = client.get(f"/api/annotations/{annotation['id']}/revisions").json()["items"]
        found = client.get(f"/api/annotations/{annotation['id']}/masks").json()["slices"]
    drawn = np.zeros(case.truth.shape, dtype=np.bool_)
    for k, rle in found.items():
        drawn[int(k)] = masks.decode(rle, drawn.shape[1:])
    return history, drawn


def test_two_slices_teach_the_label_and_the_rest_is_proposed(
    annotate: AnnotatePage, case: Case, installation: Installation, screenshots: Path
) -> None:
    page = annotate.page
    learning = page.get_by_role("region", name="Learning")
    middle = int(case.truth.sum(axis=(1, 2)).argmax())
    expect(learning).to_contain_text("Annotate two slices")
    expect(learning.get_by_role("button", name="Segment the rest")).to_be_disabled()

    # two slices by a box each; nobody asks for learning
    page.keyboard.press("x")
    for k in (middle - 1, middle + 1):
        annotate.go_to_slice(k + 1)
        annotate.wait_until_ready()
        annotate.box_voxels(*case.box(k))
        annotate.wait_for_proposal()
        annotate.accept()
        annotate.wait_until_saved()
    page.screenshot(path=screenshots / "learning-1-two-slices.png")
    expect(learning).to_contain_text(LEARNED, timeout=LONGEST_MS)
    page.screenshot(path=screenshots / "learning-2-learned.png")

    # the rest
    page.keyboard.press("Shift+R")
    expect(learning.get_by_role("progressbar")).to_be_visible()
    expect(learning.locator(".sure")).to_contain_text(PROPOSALS, timeout=LONGEST_MS)
    page.screenshot(path=screenshots / "learning-3-proposing.png")
    expect(learning.get_by_role("button", name="Run again")).to_be_enabled(timeout=LONGEST_MS)
    expect(learning.locator(".sure")).to_contain_text(f"{SHAPE_KJI[0] - 2} proposals")

    # a proposal is not accepted yet: it is offered, and survives a reload
    page.reload()
    annotate.wait_until_ready()
    expect(learning.locator(".sure")).to_contain_text(f"{SHAPE_KJI[0] - 2} proposals")
    annotate.go_to_slice(middle + 1)
    expect(annotate.assistant).to_contain_text("proposed")
    annotate.wait_until_ready()
    page.screenshot(path=screenshots / "learning-4-proposal.png")

    # one is corrected by a box: the mask follows, and accepting it is the person's own revision
    page.keyboard.press("x")
    annotate.box_voxels(*case.box(middle))
    expect(annotate.assistant).not_to_contain_text("proposed")
    annotate.wait_for_proposal()
    page.screenshot(path=screenshots / "learning-5-corrected.png")
    annotate.accept()
    annotate.wait_until_saved()
    expect(learning.locator(".sure")).to_contain_text(f"{SHAPE_KJI[0] - 3} proposals")

    # the least certain is turned down, and Ctrl+Z opens it again
    page.keyboard.press("Shift+N")
    expect(annotate.assistant).to_contain_text("proposed")
    page.keyboard.press("Escape")
    expect(learning.locator(".sure")).to_contain_text(f"{SHAPE_KJI[0] - 4} proposals")
    page.keyboard.press("Control+z")
    expect(learning.locator(".sure")).to_contain_text(f"{SHAPE_KJI[0] - 3} proposals")

    # the sure ones at once, as one step that can be undone
    slider = learning.get_by_role("slider")
    slider.focus()
    for _ in range(6):
        slider.press("ArrowLeft")
    expect(learning.locator(".sure")).to_contain_text("≥ 50 %")
    sure = proposed_by(installation, case, 0.5)
    assert sure
    before, waiting = annotate.millilitres("Liver"), learning.locator(".sure > span").inner_text()
    page.keyboard.press("Shift+A")
    expect(annotate.labels.locator(".label-volume").first).not_to_have_text(before)
    accepted, unsure = annotate.millilitres("Liver"), learning.locator(".sure > span").inner_text()
    assert unsure != waiting
    page.screenshot(path=screenshots / "learning-6-accepted.png")
    page.keyboard.press("Control+z")
    expect(learning.locator(".sure > span")).to_have_text(waiting)
    expect(annotate.labels.locator(".label-volume").first).to_have_text(before)
    annotate.wait_until_saved()
    page.keyboard.press("Control+Shift+z")
    expect(learning.locator(".sure > span")).to_have_text(unsure)
    expect(annotate.labels.locator(".label-volume").first).to_have_text(accepted)
    annotate.wait_until_saved()

    history, drawn = revisions_of(installation, case)
    assert [revision["origin"] for revision in history[2:]] == [history[2]["origin"], "auto", "undo", "undo"]
    assert history[2]["origin"] in ("sam", "assist")
    assert history[2]["model"]["proposal"]
    assert sum(work.get("boxes", 0) for revision in history for work in revision["telemetry"].get("slices", [])) == 3
    for k, mask in sure.items():
        np.testing.assert_array_equal(drawn[k], mask, err_msg=f"slice {k} is not what was proposed")
    assert set(np.flatnonzero(drawn.any(axis=(1, 2)))) == {middle - 1, middle, middle + 1, *sure}
    for k in (middle - 1, middle, middle + 1):
        overlap = dice(drawn[k], case.truth[k])
        assert overlap > 0.6, f"what was drawn on slice {k} has a Dice of {overlap:.2f}"
