"""Masks of other programs in a real browser: found, matched, imported as one's own and as those of a program."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Page, expect

from backend.imaging.phantom import LIVER, ORGANS, Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.rtstruct import StructureSetAbout, write_rtstruct
from backend.imaging.seg import SegAbout, SourceSlice, write_seg
from tests.e2e.annotating import AnnotatePage
from tests.e2e.test_outcome import sign_in, upload
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e

WHEN = datetime(2026, 3, 1)  # noqa: DTZ001 - DICOM dates are local


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom((10, 96, 96), (22.0, 4.0, 4.0))


@pytest.fixture
def files(phantom: Phantom, tmp_path: Path) -> dict[str, list[Path]]:
    """The series, its organs as SEG and as RTSTRUCT, and a SEG of somebody else."""
    series = write_dicom_series(phantom, tmp_path / "series")
    sources, geometry = [SourceSlice(file) for file in series], phantom.volume.geometry
    seg, structures, other = tmp_path / "organs.seg.dcm", tmp_path / "plan.dcm", tmp_path / "other.seg.dcm"
    write_seg(seg, sources, geometry, ORGANS, phantom.mask, SegAbout(WHEN, "9"))
    write_rtstruct(structures, sources, geometry, [LIVER], phantom.mask, StructureSetAbout(WHEN, "9"))
    dataset = pydicom.dcmread(seg)
    dataset.PatientID = "SOMEBODY-ELSE"
    dataset.save_as(other)
    return {"series": series, "seg": [seg], "structures": [structures], "other": [other]}


def test_masks_come_in_from_the_menu_of_a_case(
    page: Page, installation: Installation, files: dict[str, list[Path]], screenshots: Path
) -> None:
    sign_in(page, installation)
    page.get_by_role("button", name="New project").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Other programs")
    dialog.get_by_role("button", name="Create project").click()
    upload(page, *files["series"])
    page.get_by_role("button", name="Close").first.click()

    page.get_by_role("button", name="More for").first.click()
    page.get_by_role("menuitem", name="Import masks…").click()
    page.screenshot(path=screenshots / "masks-choose.png")
    dialog.get_by_label("Choose files").set_input_files([*files["other"], *files["structures"]])
    other = dialog.get_by_role("region", name="other.seg.dcm")
    expect(other.get_by_text("The file names another patient than the case.")).to_be_visible()
    go = dialog.get_by_role("button", name="Import", exact=False).last
    expect(go).to_be_disabled()
    other.get_by_label("It is meant").check()
    expect(go).to_be_enabled()
    spleen = other.get_by_label("Label for Spleen", exact=True)
    spleen.select_option(label="Leave out")
    other.get_by_label("Name of the new label for Aorta").fill("")
    expect(go).to_be_disabled()
    other.get_by_label("Name of the new label for Aorta").fill("Abdominal aorta")
    page.screenshot(path=screenshots / "masks-found.png")
    go.click()
    expect(dialog.get_by_text("Abdominal aorta: ", exact=False).first).to_be_visible()
    expect(dialog.get_by_text("Liver: ", exact=False).first).to_be_visible()
    page.screenshot(path=screenshots / "masks-stored.png")
    dialog.get_by_role("link", name="Open the case").click()

    annotating = AnnotatePage(page)
    annotating.wait_until_ready()
    expect(annotating.labels.get_by_role("listitem").filter(has_text="Liver")).to_be_visible()
    assert annotating.millilitres("Liver") != ""
    expect(annotating.labels.get_by_role("listitem").filter(has_text="Spleen")).to_have_count(0)
    page.screenshot(path=screenshots / "masks-open.png")

    page.get_by_role("button", name="Import masks…").click()
    dialog.get_by_label("Those of a program").check()
    dialog.get_by_label("Name of the program").fill("nnU-Net 2.5")
    dialog.get_by_label("Choose files").set_input_files(files["seg"])
    expect(go).to_be_enabled()
    page.screenshot(path=screenshots / "masks-program.png")
    go.click()
    expect(dialog.get_by_text("Liver: ", exact=False).first).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_label("Second").locator("option:checked")).to_have_text("My masks")
    expect(page.get_by_text("The two masks are the same.")).to_be_visible()
    page.screenshot(path=screenshots / "masks-compare.png")

    page.get_by_role("link", name="Other programs").first.click()
    page.get_by_role("button", name="More for").first.click()
    whose = page.get_by_label("Whose masks")
    expect(whose.locator("option")).to_have_count(3)
    expect(whose.locator("option:checked")).to_have_text("The assigned reader’s, else mine")
    whose.select_option(label="nnU-Net 2.5")
    page.screenshot(path=screenshots / "masks-whose.png")
    with page.expect_download() as downloaded:
        page.get_by_role("menuitem", name="Export RTSTRUCT").click()
    structures = pydicom.dcmread(downloaded.value.path())
    assert "nnU-Net" in str(structures.get("OperatorsName")), structures.get("OperatorsName")
