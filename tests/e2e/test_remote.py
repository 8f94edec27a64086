"""An archive of others in a real browser: a study is found and pulled, its masks are pushed back, and both are said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from playwright.sync_api import Browser, expect

from backend.domain.ids import new_id
from backend.imaging import masks
from tests.dicomweb.conftest import SLICES, write_study
from tests.e2e.test_outcome import sign_in
from tests.operations.installation import Installation, running
from tests.operations.orthanc import Orthanc, is_installed, running_orthanc

pytestmark = pytest.mark.e2e


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    if not is_installed():
        pytest.skip("no Orthanc with DICOMweb: install Debian's packages orthanc and orthanc-dicomweb")
    (tmp_path / "orthanc").mkdir()
    with running_orthanc(tmp_path / "orthanc", {}) as started:
        yield started


@pytest.fixture
def connected(orthanc: Orthanc, tmp_path: Path) -> Iterator[Installation]:
    """An installation that knows Orthanc, and a server that nobody runs."""
    servers = {"orthanc": {"url": f"{orthanc.url}/dicom-web"}, "gone": {"url": "http://127.0.0.1:9"}}
    with running(tmp_path / "data", dicomweb_servers=json.dumps(servers)) as started:
        yield started


def test_a_study_is_pulled_and_its_masks_are_pushed_back(
    browser: Browser, connected: Installation, orthanc: Orthanc, tmp_path: Path, screenshots: Path
) -> None:
    datasets = write_study(tmp_path / "one", seed=21)
    for dataset in [*datasets, *write_study(tmp_path / "two", seed=22)]:
        orthanc.client.post("/instances", content=Path(dataset.filename).read_bytes()).raise_for_status()
    before = orthanc.instances()
    context = browser.new_context(base_url=connected.url, viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    sign_in(page, connected)
    page.get_by_role("button", name="New project").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("From the archive")
    dialog.get_by_label("Patients in the images").select_option("none")  # results go back to the archive
    dialog.get_by_role("button", name="Create project").click()

    page.get_by_role("link", name="Archives").click()
    page.get_by_label("Archive", exact=True).select_option("gone")
    expect(page.get_by_text("cannot be talked to", exact=False)).to_be_visible()
    page.screenshot(path=screenshots / "remote-gone.png")
    page.get_by_label("Archive", exact=True).select_option("orthanc")
    expect(page.get_by_text("Doe, Planted")).to_have_count(2)
    page.get_by_label("Patient ID").fill("*21")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Doe, Planted")).to_have_count(1)
    page.get_by_role("checkbox", name="Select the study of").check()
    page.screenshot(path=screenshots / "remote-found.png")
    page.get_by_role("button", name="Pull 1 study into the project").click()
    expect(page.get_by_text(f"{SLICES} images are here", exact=False)).to_be_visible(timeout=60_000)
    page.screenshot(path=screenshots / "remote-pulled.png")
    page.get_by_role("link", name="To the cases").click()
    row = page.get_by_role("row").filter(has_text="P-21")
    expect(row).to_be_visible(timeout=60_000)

    # nothing is drawn: there is nothing to send, which the menu says
    row.get_by_role("button", name="More for").click()
    expect(page.get_by_role("menuitem", name="Send DICOM SEG to orthanc")).to_be_disabled()
    page.screenshot(path=screenshots / "remote-nothing.png")
    page.keyboard.press("Escape")
    _draw(connected)
    page.reload()
    row.get_by_role("button", name="More for").click()
    page.screenshot(path=screenshots / "remote-menu.png")
    page.get_by_role("menuitem", name="Send DICOM SEG to gone").click()
    expect(page.get_by_text("cannot be talked to", exact=False)).to_be_visible(timeout=60_000)
    page.screenshot(path=screenshots / "remote-not-pushed.png")
    row.get_by_role("button", name="More for").click()
    page.get_by_role("menuitem", name="Send DICOM SEG to orthanc").click()
    expect(page.get_by_text("orthanc has the masks of", exact=False)).to_be_visible(timeout=60_000)
    page.screenshot(path=screenshots / "remote-pushed.png")
    context.close()

    assert orthanc.instances() == before + 1
    series = orthanc.client.get("/series?expand").json()
    (made,) = [found for found in series if found["MainDicomTags"]["Modality"] == "SEG"]
    parent = orthanc.client.get(f"/series/{made['ID']}/study").json()
    assert parent["MainDicomTags"]["StudyInstanceUID"] == datasets[0].StudyInstanceUID
    stored = orthanc.client.get(f"/instances/{made['Instances'][0]}/file").content
    (tmp_path / "back.dcm").write_bytes(stored)
    seg = pydicom.dcmread(tmp_path / "back.dcm")
    assert seg.SegmentSequence[0].SegmentLabel == "Liver" and seg.PatientID == "P-21"


def _draw(installation: Installation) -> None:
    """One dot by the interface, in the only case."""
    with installation.client() as client:
        (project,) = client.get("/api/projects").json()["items"]
        (case,) = client.get(f"/api/projects/{project['id']}/cases").json()["items"]
        label = client.post(f"/api/projects/{project['id']}/labels", json={"name": "Liver", "color": "#dd8265"}).json()
        asked = {"volume_id": case["volumes"][0]["id"], "label_id": label["id"]}
        annotation = client.post("/api/annotations", json=asked).json()
        dot = np.zeros((48, 48), bool)
        dot[10:20, 10:20] = True
        change = {"slice": 2, "flips": masks.encode(dot)}
        body = {"id": str(new_id()), "parent": None, "origin": "manual", "slices": [change]}
        client.post(f"/api/annotations/{annotation['id']}/revisions", json=body).raise_for_status()
