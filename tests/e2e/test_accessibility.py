"""The pages around the picture pass axe's rules of WCAG 2.2 AA, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_outcome import sign_in
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SWITCH_THEME = """async theme => {
  document.documentElement.dataset.theme = theme
  const changing = document.getAnimations().filter(animation => animation instanceof CSSTransition)
  await Promise.allSettled(changing.map(({ finished }) => finished))
}"""
TABS = ("", "/labels", "/members", "/settings", "/statistics", "/evaluation", "/log")


@pytest.fixture(scope="module")
def project_path(installation: Installation) -> str:
    """A project with two labels and no images."""
    with installation.client() as client:
        labels = [{"name": "Liver", "color": "#dd8265", "group": "Abdomen"}, {"name": "Tumor", "color": "#90ee90"}]
        made = (
            client.post("/api/projects", json={"name": "For everybody", "privacy": "none", "labels": labels})
            .raise_for_status()
            .json()
        )
    return f"/projects/{made['id']}"


def faults(page: Page) -> list[str]:
    """What axe finds on the page as it stands: rule and first element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(
        "rules => axe.run({ runOnly: rules, resultTypes: ['violations'] }).then(({ violations }) => violations)", RULES
    )
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"][:2]]


def test_axe_finds_no_fault_on_the_pages(page: Page, installation: Installation, project_path: str) -> None:
    found: dict[str, list[str]] = {}
    page.goto("/login")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    found["login"] = faults(page)
    sign_in(page, installation)
    for path in ("/projects", "/people", "/work", "/account", *(project_path + tab for tab in TABS)):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".skeleton")).to_have_count(0)
        for theme in ("light", "dark"):
            page.evaluate(SWITCH_THEME, theme)
            found[f"{path} {theme}"] = faults(page)
    assert {where: what for where, what in found.items() if what} == {}
