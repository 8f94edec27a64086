"""De-identification in a real browser: the policy of a new project, pseudonyms in its list of cases, the key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
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
