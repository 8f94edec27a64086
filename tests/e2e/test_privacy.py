"""De-identification in a real browser: the policy of a new project, pseudonyms in its list of cases, the key, text in
pixels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.wire import decode_slice
from tests import phantoms
from tests.e2e.test_accessibility import faults
from tests.e2e.test_outcome import sign_in, upload
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e


def test_a_patient_is_a_pseudonym_until_a_manager_looks_it_up(
    page: Page, installation: Installation, tmp_path: Path, screenshots: Path
) -> None:
    sign_in(page, installation)
    page.get_by_role("button", name="New project").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("No names")
    expect(dialog.get_by_label("Patients in the images")).to_have_value("retain-uids")
    page.screenshot(path=screenshots / "privacy-new-project.png")
    dialog.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="No names")).to_be_visible()

    files = write_dicom_series(abdominal_phantom((4, 48, 48), (30.0, 8.0, 8.0)), tmp_path)
    upload(page, *files)
    pseudonym = page.get_by_text(re.compile(r"P-[0-9A-Z]{10}")).first
    expect(pseudonym).to_be_visible()
    code = re.search(r"P-[0-9A-Z]{10}", pseudonym.inner_text())
    assert code is not None
    expect(page.get_by_text("PHANTOM", exact=False)).to_have_count(0)
    page.screenshot(path=screenshots / "privacy-cases.png")

    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Privacy")).to_be_visible()
    page.get_by_label("Pseudonym", exact=True).fill("P-0000000000")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("This project has no such pseudonym.")).to_be_visible()
    page.get_by_label("Pseudonym", exact=True).fill(code[0])
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("status").filter(has_text="Patient ID")).to_be_visible()
    page.screenshot(path=screenshots / "privacy-settings.png", full_page=True)


def test_text_in_the_pixels_is_found_and_blanked_for_good(
    page: Page, installation: Installation, tmp_path: Path, screenshots: Path
) -> None:
    """The upload says that ultrasound may show text; a manager draws over it, sees what will be, and applies it."""
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[0:240, 0:320]
    fan = (np.hypot(yy - 10, xx - 160) < 220) & (np.abs(xx - 160) < (yy + 10))
    frames = np.where(fan, rng.integers(20, 140, (3, 240, 320)), 0).astype(np.uint8)
    for frame in frames:
        written = Image.fromarray(frame)
        ImageDraw.Draw(written).text((8, 6), "DOE^JANE 1961-02-03", fill=255)
        frame[...] = np.asarray(written)
    data = phantoms.image_dataset(frames, sop_class="1.2.840.10008.5.1.4.1.1.3.1", modality="US")
    data.save_as(tmp_path / "us.dcm", enforce_file_format=True)

    sign_in(page, installation)
    page.get_by_role("button", name="New project").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("No text")
    dialog.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="No text")).to_be_visible()
    upload(page, tmp_path / "us.dcm")
    note = page.get_by_role("note").filter(has_text="Ultrasound: its pixels may show who the patient is.")
    expect(note).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Its pixels may show who the patient is"))).to_be_visible()
    page.screenshot(path=screenshots / "text-upload.png")
    page.get_by_role("row").get_by_role("link", name=re.compile("P-")).first.click()
    expect(page.get_by_role("note")).to_be_visible()
    page.screenshot(path=screenshots / "text-annotate.png")

    page.get_by_role("link", name="Look and blank it").click()
    expect(page.get_by_role("heading", name="Text in the pixels", exact=True)).to_be_visible()
    canvas = page.get_by_role("application")
    expect(canvas).to_have_attribute("aria-label", re.compile("slice 2 of 3"))
    box = canvas.bounding_box()
    assert box is not None
    expect(page.get_by_role("button", name="Blank…")).to_be_disabled()
    page.get_by_label("Show it as it will be").uncheck()
    page.get_by_role("button", name="Add a rectangle").click()
    right = page.get_by_role("group", name="Rectangle 1").get_by_label("Right")
    right.fill("140")
    right.press("Tab")
    expect(right).to_have_value("140")
    page.screenshot(path=screenshots / "text-drawn.png")
    canvas.focus()
    canvas.press("Shift+ArrowDown")
    expect(page.get_by_role("group", name="Rectangle 1").get_by_label("Bottom")).to_have_value("20")
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.7)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.8, steps=4)
    page.mouse.up()
    expect(page.get_by_role("group", name="Rectangle 2")).to_be_visible()
    canvas.press("Delete")
    expect(page.get_by_role("group", name="Rectangle 2")).to_have_count(0)
    page.get_by_label("Show it as it will be").check()
    page.screenshot(path=screenshots / "text-preview.png")
    assert faults(page) == []
    page.get_by_role("button", name="Blank…").click()
    page.screenshot(path=screenshots / "text-confirm.png")
    page.get_by_role("dialog").get_by_role("button", name="Blank for good").click()
    expect(page.get_by_text("3 slices are blanked.")).to_be_visible()
    expect(page.get_by_role("note")).to_have_count(0)
    expect(page.get_by_text(re.compile("Checked .*20"))).to_be_visible()
    page.screenshot(path=screenshots / "text-blanked.png")
    page.get_by_role("link", name="Back to the case").click()
    expect(page.get_by_role("note")).to_have_count(0)
    page.screenshot(path=screenshots / "text-after.png")
    with installation.client() as client:
        volume_id = page.url.split("volume=")[1].split("&")[0]
        for k in range(3):
            shown = decode_slice(client.get(f"/api/volumes/{volume_id}/slices/0/{k}").content)
            assert shown.max() < 150
