"""What Chromium's main thread did while somebody worked on the page, from its own trace."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]
TASK = "ThreadControllerImpl::RunTask"
FRAME = "FireAnimationFrame"
MAIN_THREAD = "CrRendererMain"


@dataclass
class Frames:
    """One entry per frame that the page drew."""

    work_ms: list[float] = field(default_factory=list)
    """Processor time of the frame's task: events that were waiting, scripts, style, layout, paint. What the machine
    does besides does not count."""

    wall_ms: list[float] = field(default_factory=list)
    """The same by the clock."""

    gaps_ms: list[float] = field(default_factory=list)
    """From one frame to the next."""

    @property
    def work(self) -> str:
        median, high = np.percentile(self.work_ms, [50, 95])
        clock = np.percentile(self.wall_ms, 95)
        return f"{median:.1f} ms median, {high:.1f} ms 95th of processor ({clock:.1f} ms by the clock)"

    @property
    def rate(self) -> str:
        median, high = np.percentile(self.gaps_ms, [50, 95])
        return f"{1000 / median:.0f} frames/s median, {high:.1f} ms 95th gap"


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
    starts_us = sorted(e["ts"] for e in drawn if (e["pid"], e["tid"]) == thread)
    whole = [e for e in events if e.get("name") == TASK and (e["pid"], e["tid"]) == thread and "dur" in e]
    tasks = sorted((e["ts"], e["dur"], e.get("tdur", e["dur"])) for e in whole)
    begins = [begin for begin, _, _ in tasks]
    held = [tasks[n] for n in sorted({bisect_right(begins, at) - 1 for at in starts_us}) if n >= 0]
    frames.wall_ms = [wall / 1000 for _, wall, _ in held]
    frames.work_ms = [work / 1000 for _, _, work in held]
    frames.gaps_ms = [float(gap) / 1000 for gap in np.diff([begin for begin, _, _ in held])]
