"""A manager sets up a blinded comparison of what the model drew with what was accepted, a reviewer judges it by keys
alone, and both see the tally when she has finished. Computed masks: tests/workers/test_comparison_job.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from backend.domain.ids import new_id
from backend.imaging import masks
from backend.imaging.phantom import LIVER, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.people import invite, project_with
from tests.e2e.test_accessibility import faults
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e

PAIRS = 3


def accepted_case(client: httpx.Client, project_id: str, planes: dict[int, np.ndarray]) -> None:
    """The model draws on the project's one case, hands add what is missing, the administrator accepts it."""
    label = client.get(f"/api/projects/{project_id}").json()["labels"][0]["id"]
    case = client.get(f"/api/projects/{project_id}/cases").json()["items"][0]
    made = client.post("/api/annotations", json={"volume_id": case["volumes"][0]["id"], "label_id": label}).json()
    upper = {k: plane & (np.arange(len(plane)) < 48)[:, None] for k, plane in planes.items()}
    parent = None
    for origin, drawn in (("sam", upper), ("manual", {k: planes[k] ^ upper[k] for k in planes})):
        slices = [{"slice": k, "flips": masks.encode(plane)} for k, plane in drawn.items() if plane.any()]
        revision = {"id": str(new_id()), "parent": parent, "origin": origin, "slices": slices}
        client.post(f"/api/annotations/{made['id']}/revisions", json=revision).raise_for_status()
        parent = revision["id"]
    for change in ({"state": "submitted"}, {"state": "accepted", "result_by_id": client.get("/api/me").json()["id"]}):
        client.patch(f"/api/cases/{case['id']}", json=change).raise_for_status()


@pytest.fixture(scope="module")
def links(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """The address of a project with an accepted liver, and the one-time links of its people."""
    phantom = abdominal_phantom((6, 96, 96), (30.0, 4.0, 4.0), seed=6)
    files = write_dicom_series(phantom, tmp_path_factory.mktemp("ct"))
    liver = phantom.mask(LIVER)
    with installation.client() as client:
        project_id = project_with(client, "Blind", files)
        drawn = {int(k): liver[k] for k in np.flatnonzero(liver.any(axis=(1, 2)))}
        client.patch("/api/me", json={"auto_learn": False}).raise_for_status()  # nobody waits for that here
        accepted_case(client, project_id, drawn)
        client.patch("/api/me", json={"auto_learn": True}).raise_for_status()
        people = invite(client, project_id, (("Mia", "manager"), ("Rosa", "reviewer")))
        return f"/projects/{project_id}/comparisons", people


def test_a_blinded_comparison(
    enter: Callable[[str], Page], links: tuple[str, dict[str, str]], screenshots: Path
) -> None:
    address, people = links
    mia = enter(people["Mia"])
    mia.goto(address)
    mia.get_by_label("Name", exact=True).fill("Which outline is better?")
    mia.get_by_label("First source").select_option("plain stored")
    mia.get_by_label("Pairs").fill(str(PAIRS))
    for name in ("Mia", "Administrator"):
        mia.get_by_role("checkbox", name=name).uncheck()
    mia.screenshot(path=screenshots / "blind-form.png", full_page=True)
    mia.get_by_role("button", name="Set up").click()
    card = mia.get_by_role("region", name="Which outline is better?")
    expect(card.get_by_text("Nobody has judged yet.")).to_be_visible()

    rosa = enter(people["Rosa"])
    rosa.goto(address)
    expect(rosa.get_by_text("hidden until you have finished")).to_be_visible()
    expect(rosa.get_by_text("Plain model")).to_have_count(0)
    rosa.get_by_role("link", name="Judge").click()
    expect(rosa.get_by_role("heading", name="Which outline of Liver is better?")).to_be_visible()
    better = rosa.get_by_role("button", name="A is better")
    expect(better).to_be_enabled()
    rosa.wait_for_function("() => document.querySelector('.judge canvas').width > 300")
    rosa.screenshot(path=screenshots / "blind-pair.png")
    assert faults(rosa) == []
    for position, key in enumerate(("1", "ArrowRight", "0"), start=1):
        expect(rosa.get_by_text(f"Pair {position} of {PAIRS}")).to_be_visible()
        expect(better).to_be_enabled()
        rosa.keyboard.press(key)
    expect(rosa.get_by_role("heading", name=f"All {PAIRS} pairs are judged.")).to_be_visible()
    rosa.keyboard.press("Backspace")
    expect(rosa.get_by_text("You said this before.")).to_be_visible()
    expect(rosa.get_by_role("button", name="No difference")).to_have_attribute("aria-pressed", "true")
    rosa.keyboard.press("0")
    rosa.get_by_role("button", name="Finish and see the tally").click()

    for page in (rosa, mia):
        page.goto(address)
        rows = page.get_by_role("region", name="Which outline is better?").get_by_role("row")
        expect(rows).to_have_count(2)  # the head, and the one reader
        row = rows.last
        counts = [int(cell.inner_text()) for cell in row.get_by_role("cell").all()[:3]]
        assert sum(counts) == PAIRS and counts[2] == 1
    mia.get_by_role("region", name="Which outline is better?").screenshot(path=screenshots / "blind-tally.png")
    expect(rosa.get_by_role("link", name="Votes .csv")).to_have_count(0)
    with mia.expect_download() as download:
        mia.get_by_role("link", name="Votes .csv").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + PAIRS and '""how"": ""stored""' in lines[1]

    card.get_by_role("button", name="Close").click()
    mia.get_by_role("dialog").get_by_role("button", name="Close", exact=True).last.click()
    expect(card.get_by_text("closed", exact=True)).to_be_visible()
    card.get_by_role("button", name="Delete").click()
    expect(card.get_by_text(f"{PAIRS} judgements stay in the record")).to_be_visible()
    card.screenshot(path=screenshots / "blind-deleted.png")
    card.get_by_role("button", name="Bring it back").click()
    expect(card.get_by_role("row")).to_have_count(2)
    mia.get_by_role("radio", name="Chosen ones").check()
    mia.get_by_role("checkbox", name="Choose").first.check()
    mia.get_by_label("Name", exact=True).fill("Again")
    mia.get_by_role("textbox", name="Slices of").fill("400")
    mia.get_by_role("button", name="Set up").click()
    expect(mia.get_by_text("Slices without masks of both sources: 400.")).to_be_visible()
    mia.screenshot(path=screenshots / "blind-cases.png", full_page=True)
