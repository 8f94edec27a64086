"""The viewer on an oblique volume: layouts, the palette, a measurement, and two tabs that draw on the same slice."""

from __future__ import annotations

import math
import re
from io import BytesIO
from pathlib import Path

import highdicom as hd
import pytest
from playwright.sync_api import Page, expect

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.phantom import Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.volume import Volume
from tests.e2e.annotating import AnnotatePage
from tests.e2e.test_outcome import sign_in
from tests.operations.installation import Installation
from tests.series_of_one_study import write_study

pytestmark = pytest.mark.e2e

TURN = math.radians(20)
SPACING_KJI_MM = (8.0, 3.0, 3.0)


def oblique_phantom() -> Phantom:
    """The phantom with a gantry that was tilted by 20 degrees about the patient's left-right axis."""
    upright = abdominal_phantom((24, 128, 128), SPACING_KJI_MM, seed=6)
    c, s = math.cos(TURN), math.sin(TURN)
    k, j, i = SPACING_KJI_MM
    geometry = VolumeGeometry.from_axes(
        origin_mm=(-190, -190, -90),
        step_k_mm=(0, -k * s, k * c),
        step_j_mm=(0, j * c, j * s),
        step_i_mm=(i, 0, 0),
        shape_kji=upright.volume.geometry.shape_kji,
    )
    return Phantom(Volume(geometry, upright.volume.voxels, "CT"), upright.truth)


@pytest.fixture(scope="module")
def case_path(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> str:
    files = write_dicom_series(oblique_phantom(), tmp_path_factory.mktemp("oblique"))
    with installation.client() as client:
        labels = [{"name": "Liver", "color": "#dd8265"}, {"name": "Spleen", "color": "#9d6ca2"}]
        project = client.post("/api/projects", json={"name": "Oblique", "privacy": "none", "labels": labels}).json()
        parts = [("files", (path.name, path.read_bytes())) for path in files]
        job = client.post(f"/api/projects/{project['id']}/uploads", files=parts).json()
        while job["state"] in ("queued", "running"):
            job = client.get(f"/api/jobs/{job['id']}").json()
        return f"/cases/{job['result']['series'][0]['case_id']}"


def stroke(page: Page, dx: float, dy: float, pane: str = ".pane.main") -> None:
    """With the tool in hand, from a little left of the middle of the main picture, or of another one."""
    box = page.locator(pane).first.locator("canvas").last.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2, steps=3)
    page.mouse.move(x + dx, y + dy, steps=3)
    page.mouse.up()


def test_layouts_palette_and_measurements(
    page: Page, installation: Installation, case_path: str, screenshots: Path
) -> None:
    sign_in(page, installation)
    page.goto(case_path)
    annotate = AnnotatePage(page)
    annotate.wait_until_ready()
    page.keyboard.press("b")
    page.get_by_role("button", name="Ball").click()
    stroke(page, 60, 40)
    annotate.wait_until_saved()
    expect(annotate.labels.locator(".label-volume").first).to_contain_text("ml")

    for keys, panes in (("Shift+Digit5", 3), ("Shift+Digit6", 4), ("Shift+Digit4", 1)):
        page.keyboard.press(keys)
        expect(page.locator(".pane")).to_have_count(panes)
        expect(page.locator(".picture-state")).to_have_count(0)
        if panes == 4:  # the brush draws in every plane
            volume, drawn = annotate.labels.locator(".label-volume").first, annotate.millilitres("Liver")
            stroke(page, 60, 10, ".pane.side")
            expect(volume).not_to_have_text(drawn)
        page.screenshot(path=screenshots / f"viewer-layout-{panes}.png")

    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog")
    palette.get_by_role("combobox").fill("ellipse")
    expect(palette.get_by_role("option")).to_have_count(1)
    page.screenshot(path=screenshots / "viewer-palette.png")
    page.keyboard.press("Enter")
    stroke(page, 80, 60)
    page.keyboard.press("Shift+U")
    expect(page.get_by_role("dialog")).to_contain_text("HU")
    expect(page.get_by_role("dialog").get_by_role("row")).to_have_count(2)  # the head, and the liver
    page.screenshot(path=screenshots / "viewer-measurements.png")
    report = page.request.get(f"/api{case_path}/export", params={"format": "dicom-sr"})
    (group,) = hd.sr.srread(BytesIO(report.body())).content.get_planar_roi_measurement_groups()
    assert [item.name.meaning for item in group.get_measurements()][:2] == ["Area", "Attenuation Coefficient"]


def test_another_series_of_the_case_is_looked_at_beside_it(
    page: Page, installation: Installation, tmp_path: Path, screenshots: Path
) -> None:
    """Its slices lie across, lean and end earlier: plane and place are the same, and where it ends is said."""
    with installation.client() as client:
        project = client.post("/api/projects", json={"name": "Pairs", "privacy": "none", "labels": []}).json()
        parts = [("files", (path.name, path.read_bytes())) for path in write_study(tmp_path)]
        job = client.post(f"/api/projects/{project['id']}/uploads", files=parts).json()
        while job["state"] in ("queued", "running"):
            job = client.get(f"/api/jobs/{job['id']}").json()
    sign_in(page, installation)
    page.goto(f"/cases/{job['result']['series'][0]['case_id']}")
    expect(page.locator(".pane.main canvas").last).to_be_focused()
    page.keyboard.press("Shift+Digit7")
    beside = page.locator(".pane.companion")
    picture = beside.get_by_role("img")
    expect(picture).to_have_attribute("aria-label", re.compile("^PET, Axial, Slice"))
    expect(beside).to_contain_text("leans by 12°")
    page.screenshot(path=screenshots / "viewer-series.png")
    page.get_by_role("button", name="Sagittal").click()
    expect(picture).to_have_attribute("aria-label", re.compile("^PET, Sagittal, Slice"))
    page.get_by_role("button", name="Axial").click()
    page.keyboard.press("End")
    expect(beside.get_by_role("status")).to_contain_text("mm from here")
    page.keyboard.press("Shift+Digit7")
    expect(beside).to_have_count(0)


def test_two_tabs_on_one_slice_are_brought_together(page: Page, installation: Installation, case_path: str) -> None:
    sign_in(page, installation)
    other = page.context.new_page()
    tabs = [AnnotatePage(page), AnnotatePage(other)]
    for tab in tabs:
        tab.page.goto(case_path)
        tab.wait_until_ready()
        tab.page.keyboard.press("b")
        tab.page.keyboard.press("2")
    stroke(page, 50, 20)
    tabs[0].wait_until_saved()
    drawn = tabs[0].millilitres("Spleen")
    stroke(other, -40, 60)
    other.get_by_role("button", name="Changed elsewhere").click()
    other.get_by_role("menuitem", name="Take the other one", exact=True).click()
    tabs[1].wait_until_saved()
    assert tabs[1].millilitres("Spleen") == drawn
    stroke(other, -40, 60)
    tabs[1].wait_until_saved()
    other.reload()
    tabs[1].wait_until_ready()
    assert tabs[1].millilitres("Spleen") != drawn
