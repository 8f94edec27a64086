"""Every page passes axe's rules of WCAG 2.2 AA, light and dark and in both languages; so do dialogs and panels."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pycocotools.mask import encode

from backend.domain.ids import new_id
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.annotating import AnnotatePage
from tests.e2e.people import invite, project_with
from tests.e2e.test_outcome import sign_in
from tests.operations.installation import Installation
from tests.series_of_one_study import write_study

pytestmark = pytest.mark.e2e

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SWITCH_THEME = """async theme => {
  document.documentElement.dataset.theme = theme
  const changing = document.getAnimations().filter(animation => animation instanceof CSSTransition)
  await Promise.allSettled(changing.map(({ finished }) => finished))
}"""
TO_CHINESE = "localStorage.setItem('sammed.language', 'zh')"
ROUTER = (Path(__file__).parents[2] / "frontend" / "src" / "pages" / "router.ts").read_text(encoding="utf-8")
TABS = re.findall(r"'(\w+)'", ROUTER.split("PROJECT_TABS = [")[1].split("]")[0])


@dataclass(frozen=True)
class Place:
    """A project in which people have worked: a case that Ann submitted with a mask, and a comment on it. And a blinded
    comparison that the administrator judges."""

    project_id: str
    case_id: str
    comparison_id: str

    @property
    def project(self) -> str:
        return f"/projects/{self.project_id}"

    def paths(self) -> dict[str, list[str]]:
        """The pages of router.ts that need no more than this place, with their addresses."""
        return {
            "projects": ["/projects"],
            "project": [self.project, *(f"{self.project}/{tab}" for tab in TABS if tab != "cases")],
            "annotate": [f"/cases/{self.case_id}", f"/cases/{self.case_id}?reader=own"],
            "blank": [f"/cases/{self.case_id}/blank"],
            "judge": [f"/comparisons/{self.comparison_id}"],
            "account": ["/account"],
            "work": ["/work"],
            "people": ["/people", "/people/log"],
            "missing": ["/nowhere"],
        }


@pytest.fixture(scope="module")
def place(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Place:
    files = write_study(tmp_path_factory.mktemp("study"))
    with installation.client() as client, httpx.Client(base_url=installation.url, timeout=30) as ann:
        project_id = project_with(client, "For everybody", files, ("Liver", "Tumour"))
        link = invite(client, project_id, (("Ann", "annotator"),))["Ann"]
        me = ann.post("/api/auth/one-time", json={"token": link.partition("=")[2]}).raise_for_status().json()
        client.patch(f"/api/projects/{project_id}/cases", json={"assign_to": [me["id"]]}).raise_for_status()
        case = client.get(f"/api/projects/{project_id}/cases").json()["items"][0]
        label = client.get(f"/api/projects/{project_id}/labels").json()["items"][0]
        ann.headers["X-Sammed-CSRF"] = "1"
        volume_id = next(volume["id"] for volume in case["volumes"] if volume["modality"] == "CT")
        about = {"volume_id": volume_id, "label_id": label["id"]}
        mine = ann.post("/api/annotations", json=about).raise_for_status().json()
        mask = np.zeros((128, 128), np.uint8)
        mask[20:40, 15:35] = 1
        flips = encode(np.asfortranarray(mask))
        drawn = {"slice": 2, "flips": {"size": [128, 128], "counts": flips["counts"].decode()}}
        revision = {"id": str(new_id()), "parent": None, "origin": "manual", "slices": [drawn]}
        ann.post(f"/api/annotations/{mine['id']}/revisions", json=revision).raise_for_status()
        ann.patch(f"/api/cases/{case['id']}", json={"state": "submitted", "confirmed": True}).raise_for_status()
        said = {"body": "The rim is missing.", **about, "slice": 2, "place": {"x": 30, "y": 30}}
        client.post(f"/api/cases/{case['id']}/comments", json=said).raise_for_status()
    return Place(project_id, case["id"], comparison(installation, tmp_path_factory))


def comparison(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of what a model drew with what a hand made of it, in a project of its own."""
    files = write_dicom_series(abdominal_phantom((3, 64, 64), (40.0, 6.0, 6.0), seed=7), tmp_path_factory.mktemp("ct"))
    with installation.client() as client:
        project_id = project_with(client, "Blinded", files)
        case = client.get(f"/api/projects/{project_id}/cases").json()["items"][0]
        label = client.get(f"/api/projects/{project_id}/labels").json()["items"][0]["id"]
        about = {"volume_id": case["volumes"][0]["id"], "label_id": label}
        annotation = client.post("/api/annotations", json=about).json()["id"]
        parent = None
        for origin, rows in (("sam", slice(20, 40)), ("manual", slice(40, 44))):
            mask = np.zeros((64, 64), np.uint8)
            mask[rows, 15:35] = 1
            flips = encode(np.asfortranarray(mask))
            drawn = {"slice": 1, "flips": {"size": [64, 64], "counts": flips["counts"].decode()}}
            revision = {"id": str(new_id()), "parent": parent, "origin": origin, "slices": [drawn]}
            client.post(f"/api/annotations/{annotation}/revisions", json=revision).raise_for_status()
            parent = revision["id"]
        me = client.get("/api/me").json()["id"]
        for change in ({"state": "submitted"}, {"state": "accepted", "result_by_id": me}):
            client.patch(f"/api/cases/{case['id']}", json=change).raise_for_status()
        wanted = {
            "name": "Which is better?",
            "settings": {"first": {"what": "plain"}, "second": {"what": "human"}},
            "label_ids": [label],
            "reader_ids": [me],
        }
        made = client.post(f"/api/projects/{project_id}/comparisons", json=wanted).raise_for_status()
        return str(made.json()["id"])


def faults(page: Page) -> list[str]:
    """What axe finds on the page as it stands: rule and first element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(
        "rules => axe.run({ runOnly: rules, resultTypes: ['violations'] }).then(({ violations }) => violations)", RULES
    )
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"][:2]]


def settled(page: Page, path: str) -> None:
    """The page stands as it is going to stand."""
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".skeleton, .login-wait")).to_have_count(0)


def test_every_page_of_the_router_is_looked_at(place: Place) -> None:
    named = set(re.findall(r"readonly page: '(\w+)'", ROUTER))
    assert {"project", "annotate"} <= named
    elsewhere = {"login", "judge"}  # below, and in test_blind_comparison.py
    assert named == place.paths().keys() | elsewhere, "say where the page is, in Place.paths"


def test_axe_finds_no_fault_on_the_pages(page: Page, installation: Installation, place: Place) -> None:
    found: dict[str, list[str]] = {}
    page.goto("/login")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    found["login"] = faults(page)
    sign_in(page, installation)
    for path in itertools.chain.from_iterable(place.paths().values()):
        settled(page, path)
        for theme in ("light", "dark"):
            page.evaluate(SWITCH_THEME, theme)
            found[f"{path} {theme}"] = faults(page)
    page.evaluate(TO_CHINESE)
    for paths in place.paths().values():
        settled(page, paths[0])
        expect(page.locator("html")).to_have_attribute("lang", "zh")
        found[f"{paths[0]} in Chinese"] = faults(page)
    assert {where: what for where, what in found.items() if what} == {}


def test_axe_finds_no_fault_in_dialogs_and_panels(page: Page, installation: Installation, place: Place) -> None:
    sign_in(page, installation)
    found: dict[str, list[str]] = {}

    def look(name: str, path: str, *buttons: str, keys: str | None = None, shown: str = "[open]") -> None:
        settled(page, path)
        for button in buttons:
            page.get_by_role("button", name=button).first.click()
        if keys:
            AnnotatePage(page).picture.press(keys)
        expect(page.locator(shown)).to_be_visible()
        found[name] = faults(page)

    annotate = f"/cases/{place.case_id}"
    look("new project", "/projects", "New project")
    look("import", "/projects", "Import")
    look("account menu", "/projects", "Account of", shown=".menu")
    look("invite", "/people", "Invite")
    look("upload menu", place.project, "Upload", shown=".menu")
    settled(page, place.project)
    page.get_by_label("Select all on this page").check()
    for button, answer in (("Assign", "Cancel"), ("Due date", "Cancel")):
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        found[f"cases: {button}"] = faults(page)
        page.get_by_role("dialog").get_by_role("button", name=answer).click()
    look("keys", annotate, keys="?")
    look("palette", annotate, keys="Control+k")
    look("measurements", annotate, keys="Shift+U")
    look("other series", annotate, keys="Shift+Digit7", shown=".pane.companion canvas:not([aria-hidden])")
    page.locator(".pane.companion").get_by_role("button").click()
    expect(page.locator(".pane.companion .menu")).to_be_visible()
    found["window menu of another series"] = faults(page)
    look("comments", annotate, "Comments", shown=".comments")
    look("compare", annotate, "Compare", shown=".compare")
    assert {where: what for where, what in found.items() if what} == {}
