"""The annotate page as a person uses it: find a voxel on the screen, click it, wait for what the page says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

VOXEL = re.compile(r"\((\d+), (\d+), (\d+)\)")


@dataclass(frozen=True)
class Voxel:
    """Column, row, slice, as the page writes them."""

    i: int
    j: int
    k: int


class AnnotatePage:
    """Wraps the page; every wait is for something that a user sees."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.picture: Locator = page.get_by_role("img").last
        self.assistant = page.get_by_role("region", name="Assistant")
        self.word = self.assistant.locator(".assistant-word")
        self.labels = page.get_by_role("region", name="Labels")

    def wait_until_ready(self) -> None:
        """The slice is shown and the assistant has it encoded."""
        expect(self.word).to_have_text("Ready", timeout=60_000)

    @property
    def slice_number(self) -> int:
        """Counted from 1, as the page does."""
        name = self.picture.get_attribute("aria-label") or ""
        return int(name.rsplit("Slice ", 1)[1].split(" / ")[0])

    def go_to_slice(self, number: int) -> None:
        """With the arrow keys."""
        self.picture.focus()
        for _ in range(2000):
            now = self.slice_number
            if now == number:
                return
            before = self.picture.get_attribute("aria-label")
            self.page.keyboard.press("ArrowDown" if number > now else "ArrowUp")
            expect(self.picture).not_to_have_attribute("aria-label", before or "")
        raise AssertionError(f"slice {number} is not reached")

    def voxel_at(self, x: float, y: float) -> Voxel:
        """What the page says lies under a screen position."""
        self.page.mouse.move(x, y)
        match = VOXEL.search(self.page.locator(".readout").inner_text())
        assert match, "the page names no voxel under the pointer"
        i, j, k = (int(number) for number in match.groups())
        return Voxel(i, j, k)

    def screen_of(self, i: float, j: float) -> tuple[float, float]:
        """Where voxel (i, j) of the shown slice lies on the screen, found with the page's own read-out."""
        box = self.picture.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        step = 60.0
        here, right, below = self.voxel_at(x, y), self.voxel_at(x + step, y), self.voxel_at(x, y + step)
        di_dx, dj_dx = (right.i - here.i) / step, (right.j - here.j) / step
        di_dy, dj_dy = (below.i - here.i) / step, (below.j - here.j) / step
        determinant = di_dx * dj_dy - di_dy * dj_dx
        for _ in range(4):  # the read-out is rounded to voxels: walk there
            here = self.voxel_at(x, y)
            off_i, off_j = i - here.i, j - here.j
            if (off_i, off_j) == (0, 0):
                return x, y
            x += (off_i * dj_dy - off_j * di_dy) / determinant
            y += (off_j * di_dx - off_i * dj_dx) / determinant
        here = self.voxel_at(x, y)
        assert abs(here.i - i) <= 1 and abs(here.j - j) <= 1, f"voxel ({i}, {j}) is not found: {here}"
        return x, y

    def click_voxel(self, i: int, j: int, *, positive: bool = True) -> None:
        x, y = self.screen_of(i, j)
        self.page.mouse.click(x, y, button="left" if positive else "right")
        self._rendered()

    def box_voxels(self, i0: int, j0: int, i1: int, j1: int) -> None:
        start, end = self.screen_of(i0, j0), self.screen_of(i1, j1)
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
        self.page.mouse.move(*end, steps=4)
        self.page.mouse.up()
        self._rendered()

    def _rendered(self) -> None:
        """The panels have drawn what the last gesture changed: a button that was enabled before is looked at anew."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def wait_for_proposal(self) -> None:
        expect(self.assistant.get_by_role("button", name="Accept")).to_be_enabled(timeout=60_000)

    def accept(self) -> None:
        self.page.keyboard.press("Enter")
        expect(self.assistant.get_by_role("button", name="Accept")).to_be_disabled()

    def wait_until_saved(self) -> None:
        expect(self.page.get_by_text("Saved", exact=True).first).to_be_visible(timeout=30_000)

    def millilitres(self, label: str) -> str:
        return self.labels.get_by_role("listitem").filter(has_text=label).locator(".label-volume").inner_text()
