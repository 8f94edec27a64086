"""A person without a mouse: walks by Tab, and sees at every step where the focus is."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

MOST_STEPS = 120

FOCUS = """() => {
  const focused = document.activeElement
  const look = getComputedStyle(focused)
  const box = focused.getBoundingClientRect()
  const name = focused.getAttribute('aria-label') ?? focused.innerText ?? ''
  const drawn = look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0
  const inside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth
  return { what: `${focused.tagName} ${name.slice(0, 60)}`, isBody: focused === document.body, drawn, inside }
}"""


@dataclass(frozen=True)
class Keyboard:
    page: Page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def reach(self, target: Locator, *, backwards: bool = False) -> None:
        """Press Tab until the focus is there. At every step it must be seen, and inside the window."""
        expect(target).to_be_visible()
        passed = []
        for _ in range(MOST_STEPS):
            if self.is_on(target):
                return
            self.press("Shift+Tab" if backwards else "Tab")
            passed.append(self.need_seen())
        raise AssertionError(f"{target} is not reached with Tab, only:\n" + "\n".join(passed))

    def choose(self, target: Locator, key: str = "Enter") -> None:
        """Go there and press it."""
        self.reach(target)
        self.press(key)

    def is_on(self, target: Locator) -> bool:
        return bool(target.evaluate("element => element === document.activeElement"))

    def need_seen(self) -> str:
        """What has the focus, which one must see."""
        focus = self.page.evaluate(FOCUS)
        if focus["isBody"]:  # the end of the page: the browser's own controls come next
            return "(the browser)"
        assert focus["drawn"], f"one does not see that the focus is on {focus['what']}"
        assert focus["inside"], f"the focus is outside of the window: {focus['what']}"
        return str(focus["what"])

    def need_kept(self) -> None:
        """The focus is not lost: something has it that is not the whole page."""
        focus = self.page.evaluate(FOCUS)
        assert not focus["isBody"], "the focus is lost: it is back at the beginning of the page"
