"""What Chromium's main thread did while somebody worked on the page, from its own trace: processor time, which a busy
machine does not lengthen, apart from the clock. And the mouse of that somebody."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

CATEGORIES = ["toplevel", "devtools.timeline"]
TASK = "ThreadControllerImpl::RunTask"
FRAME = "FireAnimationFrame"
DISPATCH = "EventDispatch"
MAIN_THREAD = "CrRendererMain"


@dataclass
class Frames:
    """One entry per frame that the page drew."""

    work_ms: list[float] = field(default_factory=list)
    """Processor time of the main thread: everything since the frame before was done, this one included (events,
    scripts, style, layout, paint, answers of the server, garbage)."""

    wall_ms: list[float] = field(default_factory=list)
    """The frame's own task by the clock: longer than its processor time where the machine had others to serve."""

    gaps_ms: list[float] = field(default_factory=list)
    """From one frame to the next by the clock."""

    key_ms: list[float] = field(default_factory=list)
    """One entry per key that was pressed: processor time of the main thread until the next frame was done."""

    @property
    def work(self) -> str:
        return f"{_spread(self.work_ms)} of processor ({_spread(self.wall_ms)} by the clock)"

    @property
    def rate(self) -> str:
        return f"{1000 / float(np.median(self.gaps_ms)):.0f} frames/s by the clock"

    def within(self, budget_ms: float) -> bool:
        """Whether 95 of 100 frames take no more of the processor."""
        return bool(np.percentile(self.work_ms, 95) <= budget_ms)


def _spread(milliseconds: list[float]) -> str:
    median, high = np.percentile(milliseconds, [50, 95])
    return f"{median:.1f} ms median, {high:.1f} ms 95th"


@contextmanager
def traced(browser: Browser, page: Page) -> Iterator[Frames]:
    """Records the page inside the `with`; the result is filled at its end."""
    frames = Frames()
    browser.start_tracing(page=page, categories=CATEGORIES)
    try:
        yield frames
    finally:
        events = json.loads(browser.stop_tracing())["traceEvents"]
    _fill(frames, events)


def _fill(frames: Frames, events: list[dict[str, Any]]) -> None:
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e.get("name") == "thread_name"}
    drawn = [e for e in events if e.get("name") == FRAME and names.get((e["pid"], e["tid"])) == MAIN_THREAD]
    if not drawn:
        raise AssertionError("the page drew no frame while it was traced")
    thread = max({(e["pid"], e["tid"]) for e in drawn}, key=lambda at: sum((e["pid"], e["tid"]) == at for e in drawn))
    here = [e for e in events if (e["pid"], e["tid"]) == thread]
    tasks = sorted((e["ts"], e["dur"], e.get("tdur", e["dur"])) for e in here if e.get("name") == TASK and "dur" in e)
    begins = [begin for begin, _, _ in tasks]
    spent = np.cumsum([work for _, _, work in tasks])  # microseconds, each with the task that it ends

    def task_at(at_us: float) -> int:
        return bisect_right(begins, at_us) - 1

    held = sorted({n for n in (task_at(e["ts"]) for e in here if e.get("name") == FRAME) if n >= 0})
    frames.wall_ms = [tasks[n][1] / 1000 for n in held]
    frames.work_ms = [float(work) / 1000 for work in np.diff(spent[held])]
    frames.gaps_ms = [float(gap) / 1000 for gap in np.diff([begins[n] for n in held])]
    pressed = [task_at(e["ts"]) for e in here if e.get("name") == DISPATCH and e["args"]["data"]["type"] == "keydown"]
    done = [(task, bisect_right(held, task)) for task in pressed if task > 0]
    frames.key_ms = [float(spent[held[n]] - spent[task - 1]) / 1000 for task, n in done if n < len(held)]


class Hand:
    """A mouse over a page. Its events go to the browser without what Playwright runs in the page for each of its own,
    which costs as much as a frame; each waits until the page has handled the one before."""

    def __init__(self, page: Page) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._at = (0.0, 0.0)
        self._down = False

    def _send(self, kind: str, **words: Any) -> None:
        x, y = self._at
        event = {"type": kind, "x": x, "y": y, "buttons": int(self._down), "button": "left" if self._down else "none"}
        self._devtools.send("Input.dispatchMouseEvent", event | words)

    def processor_ms(self) -> float:
        """What the page's main thread has had of the processor since its process began."""
        self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        return 1000 * next(float(entry["value"]) for entry in metrics if entry["name"] == "ThreadTime")

    def move(self, x: float, y: float) -> None:
        self._at = (x, y)
        self._send("mouseMoved")

    def press(self) -> None:
        self._down = True
        self._send("mousePressed", clickCount=1)

    def release(self) -> None:
        self._send("mouseReleased", buttons=0, clickCount=1)
        self._down = False

    def wheel(self, x: float, y: float, delta_y: float, px_a_second: float) -> None:
        """Turns the wheel for as long as that takes, an event a frame; down is positive."""
        gesture = {"x": x, "y": y, "yDistance": -delta_y, "speed": px_a_second, "gestureSourceType": "mouse"}
        self._devtools.send("Input.synthesizeScrollGesture", gesture | {"preventFling": True})
