"""The evaluation tab: from a submitted case to tables, plots and a download."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.domain.ids import new_id
from backend.imaging import masks
from backend.imaging.phantom import LIVER, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.test_outcome import sign_in
from tests.operations.installation import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

LONGEST_MS = 400_000
"""Learning gives way to everything else on the machine: ten seconds on idle cores, minutes on busy ones."""


@pytest.fixture(scope="module")
def project_path(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A project with one submitted case, whose liver a program has drawn. Nothing is learned from what machines drew,
    so that the worker is free."""
    phantom = abdominal_phantom((8, 96, 96), (30.0, 4.0, 4.0), seed=7)
    files = write_dicom_series(phantom, tmp_path_factory.mktemp("ct"))
    truth = phantom.mask(LIVER)
    with installation.client() as client:
        labels = [{"name": "Liver", "color": "#dd8265"}]
        project = client.post("/api/projects", json={"name": "Measured", "privacy": "none", "labels": labels}).json()
        parts = [("files", (path.name, path.read_bytes())) for path in files]
        job = client.post(f"/api/projects/{project['id']}/uploads", files=parts).json()
        while job["state"] in ("queued", "running"):
            job = client.get(f"/api/jobs/{job['id']}").json()
        (series,) = job["result"]["series"]
        asked = {"volume_id": series["volume_id"], "label_id": project["labels"][0]["id"]}
        annotation = client.post("/api/annotations", json=asked).json()
        slices = [{"slice": k, "flips": masks.encode(plane)} for k, plane in enumerate(truth) if plane.any()]
        change = {"id": str(new_id()), "parent": None, "origin": "interpolation", "slices": slices}
        client.post(f"/api/annotations/{annotation['id']}/revisions", json=change).raise_for_status()
        client.patch(f"/api/cases/{series['case_id']}", json={"state": "submitted"}).raise_for_status()
        return f"/projects/{project['id']}"


def test_measure_and_read_the_report(
    page: Page, installation: Installation, project_path: str, screenshots: Path
) -> None:
    installation.wait_for_workers()
    sign_in(page, installation)
    page.goto(project_path)
    page.get_by_role("link", name="Evaluation").click()
    form = page.locator("form")
    expect(form).to_contain_text("1 label of 1 case")
    form.get_by_text("Settings").click()
    form.get_by_label("Annotated slices").fill("2, x")
    expect(form.get_by_role("button", name="Start measuring")).to_be_disabled()
    form.get_by_label("Annotated slices").fill("2")
    form.get_by_label("Points for each object").fill("1")
    form.get_by_label("Slices to test in each case").fill("2")
    form.get_by_label("box", exact=True).uncheck()
    form.get_by_label("GrabCut").uncheck()
    form.get_by_role("button", name="Start measuring").click()
    expect(page.get_by_role("progressbar", name="Progress of the measurement")).to_be_visible()
    expect(form.get_by_role("button", name="Start measuring")).to_be_disabled()

    report = page.locator(".evaluation-report")
    expect(report.get_by_role("heading", name="SAM^assist: prompts learned from a few slices")).to_be_visible(
        timeout=LONGEST_MS
    )
    expect(report.get_by_role("cell", name="plain model").first).to_be_visible()
    plot = report.get_by_role("img").first
    plot.scroll_into_view_if_needed()
    expect(plot).to_have_js_property("complete", True)
    assert plot.evaluate("picture => picture.naturalWidth") > 100
    expect(page.get_by_role("row", name="Learning while annotating")).to_contain_text("SAM^assist")
    page.screenshot(path=screenshots / "evaluation.png", full_page=True)

    with page.expect_download() as started:
        report.get_by_role("link", name="Download everything").click()
    with zipfile.ZipFile(io.BytesIO(started.value.path().read_bytes())) as archive:
        assert {"report.md", "results.csv", "protocol.json", "plots/fig7_points.png"} <= set(archive.namelist())
