"""The viewer in a real browser, driven by the events of a mouse, a wheel and a keyboard."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import nibabel as nib
import numpy as np
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from backend.imaging.phantom import abdominal_phantom
from tests.benchmarks.browser_trace import Hand, traced
from tests.benchmarks.conftest import Report
from tests.operations.installation import Installation

pytestmark = pytest.mark.bench

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FRAME_MS = 16.7
SLICES = 600
MOVES = 400
PX_A_SLICE = 60
LONGEST_WAIT_MS = 60_000

TIMES = """
window.shownAt = null
window.paints = []
addEventListener('keydown', (event) => requestAnimationFrame(() => setTimeout(() =>
  window.paints.push([event.key, performance.now() - event.timeStamp]))), true)
new MutationObserver(() => {
  if (window.shownAt !== null || !document.querySelector('.pane.main canvas')) return
  if (document.querySelector('.pane.main .picture-state')) return
  requestAnimationFrame(() => { window.shownAt ??= performance.now() })
}).observe(document, { childList: true, subtree: true })
"""


SCRIPT_BYTES = """
performance.getEntriesByType('resource')
  .filter(({ name, startTime }) => name.endsWith('.js') && startTime < window.shownAt)
  .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)
"""


def case_of(client: httpx.Client, folder: Path, shape_kji: tuple[int, int, int]) -> str:
    """The address of a case with a CT of this shape: the small phantom, every voxel drawn out, with fresh noise."""
    small = abdominal_phantom((60, 256, 256), (5.0, 1.5, 1.5)).volume.voxels
    rng = np.random.default_rng(0)
    k, j, i = (np.arange(n) * m // n for n, m in zip(shape_kji, small.shape, strict=True))
    voxels = np.stack([small[one][np.ix_(j, i)] + rng.integers(-12, 13, shape_kji[1:], dtype=np.int16) for one in k])
    path = folder / f"ct_{shape_kji[1]}.nii"
    step_mm = max(1.0, 300 / shape_kji[0])  # thicker than the voxels in the plane: that one is annotated
    affine = np.diag([-384 / shape_kji[2], -384 / shape_kji[1], step_mm, 1])
    nib.Nifti1Image(voxels.T, affine).to_filename(path)
    labels = [{"name": "Liver", "color": "#dd8265"}, {"name": "Spleen", "color": "#9d6ca2"}]
    project = client.post(
        "/api/projects", json={"name": f"Viewer {shape_kji[1]}", "privacy": "none", "labels": labels}
    ).json()
    with path.open("rb") as file:
        url = f"/api/projects/{project['id']}/uploads"
        job = client.post(url, files=[("files", (path.name, file))], timeout=600).raise_for_status().json()
    while job["state"] in ("queued", "running"):
        time.sleep(0.1)
        job = client.get(f"/api/jobs/{job['id']}").json()
    assert job["state"] == "done", job
    return f"/cases/{job['result']['series'][0]['case_id']}"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def page(browser: Browser, installation: Installation) -> Iterator[Page]:
    """Signed in by the printed address, at the size the pages are designed for."""
    context = browser.new_context(base_url=installation.url, viewport={"width": 1440, "height": 900}, locale="en-US")
    context.set_default_timeout(LONGEST_WAIT_MS)
    opened = context.new_page()
    opened.goto(installation.login_url)
    opened.get_by_label("New password").fill("a long password for the benchmark")
    opened.get_by_label("Once more").fill("a long password for the benchmark")
    opened.get_by_role("button", name="Save and continue").click()
    expect(opened.get_by_label("New password")).to_have_count(0, timeout=LONGEST_WAIT_MS)
    opened.add_init_script(TIMES)
    yield opened
    context.close()


@pytest.fixture(scope="module")
def ct_path(client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    return case_of(client, tmp_path_factory.mktemp("large"), (SLICES, 512, 512))


def opened(page: Page, path: str) -> tuple[float, float]:
    """Opens a case and waits for its picture; the middle of the picture on the screen."""
    page.goto(path)
    page.wait_for_function("window.shownAt !== null")
    box = page.locator(".pane.main canvas").last.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_first_picture(page: Page, ct_path: str, report: Report) -> None:
    """From the address to the picture: page, scripts, case, slice. The first time fills the browser's cache."""
    hand, script = Hand(page), 0
    measured, worked = [], []
    for _ in range(6):
        before_ms = hand.processor_ms()
        opened(page, ct_path)
        measured.append(float(page.evaluate("window.shownAt")))
        after_ms = hand.processor_ms()
        worked.append(after_ms - before_ms if after_ms > before_ms else after_ms)  # a new process begins at nothing
        script = page.evaluate(SCRIPT_BYTES) if len(measured) == 1 else script
    first, again = measured[0], sorted(measured[1:])
    report.add(
        f"viewer: first picture of a CT of {SLICES} slices",
        f"{first:.0f} ms the first time, then {np.median(again):.0f} ms median, {again[-1]:.0f} ms slowest"
        f" ({np.median(worked):.0f} ms of processor in the page)",
        target="<= 1 s",
        met=first <= 1000 and again[-1] <= 1000,
    )
    report.add(
        "viewer: script until the first picture, as it is sent",
        f"{script / 1000:.0f} kB",
        target="<= 150 kB",
        met=script <= 150_000,
    )


@pytest.mark.parametrize("side", [512, 1024])
def test_stroke(
    browser: Browser, page: Page, client: httpx.Client, ct_path: str, side: int, tmp_path: Path, report: Report
) -> None:
    """A stroke in loops, with a brush of the usual size."""
    x, y = opened(page, ct_path if side == 512 else case_of(client, tmp_path, (4, side, side)))
    page.keyboard.press("b")
    hand = Hand(page)
    hand.move(x, y)
    hand.press()
    with traced(browser, page) as frames:
        for step in range(MOVES):
            hand.move(x + 180 * math.sin(step / 30), y + 160 * math.sin(step / 19))
    hand.release()
    report.add(
        f"viewer: frame of a brush stroke, {side} x {side}",
        frames.work,
        target="95th of processor <= 16 ms",
        met=frames.within(16),
    )


def test_window_drag(browser: Browser, page: Page, ct_path: str, report: Report) -> None:
    x, y = opened(page, ct_path)
    page.keyboard.press("l")
    hand = Hand(page)
    hand.move(x, y)
    hand.press()
    with traced(browser, page) as frames:
        for step in range(MOVES):
            hand.move(x + 150 * math.sin(step / 40), y + 100 * math.sin(step / 25))
    hand.release()
    report.add(
        "viewer: window dragged, 512 x 512",
        f"{frames.work}; {frames.rate}",
        target="95th of processor <= 16.7 ms",
        met=frames.within(FRAME_MS),
    )


def test_scroll_and_memory(browser: Browser, page: Page, ct_path: str, report: Report) -> None:
    """The wheel to the last slice, back and again, a slice a frame; then what the browser holds."""
    x, y = opened(page, ct_path)
    hand = Hand(page)
    hand.move(x, y)
    with traced(browser, page) as frames:
        for way in (1, -1, 1):
            hand.wheel(x, y, way * PX_A_SLICE * SLICES / 2, PX_A_SLICE * 60)
    report.add(
        "viewer: scrolled by the wheel, 512 x 512",
        f"{frames.work}; {frames.rate}",
        target="95th of processor <= 16.7 ms",
        met=frames.within(FRAME_MS),
    )
    page.keyboard.press("Home")
    for _ in range(SLICES):
        page.keyboard.press("f")
        expect(page.locator(".pane.main .picture-state")).to_have_count(0, timeout=LONGEST_WAIT_MS)  # every one is kept
    expect(page.locator(".slice-number")).to_contain_text(f"{SLICES} / {SLICES}", timeout=LONGEST_WAIT_MS)
    page.wait_for_load_state("networkidle")
    processes = [p for p in psutil.Process().children(recursive=True) if "chrom" in p.name()]
    megabytes = sum(p.memory_full_info().uss for p in processes) / 1e6
    largest = max(p.memory_full_info().uss for p in processes) / 1e6
    report.add(
        f"viewer: memory after leafing through {SLICES} slices of 512 x 512",
        f"{megabytes:.0f} MB, all {len(processes)} processes of the browser; the page's {largest:.0f} MB",
        target="< 1 GB",
        met=megabytes < 1000,
    )


def test_undo_of_a_3d_operation(browser: Browser, page: Page, ct_path: str, report: Report) -> None:
    """Two strokes at the ends, everything between them interpolated, undone and done again: key to painted frame."""
    x, y = opened(page, ct_path)
    page.keyboard.press("b")
    hand = Hand(page)
    for key, offset in (("Home", 0), ("End", 60)):
        page.keyboard.press(key)
        expect(page.locator(".picture-state")).to_have_count(0, timeout=LONGEST_WAIT_MS)
        hand.move(x + offset, y)
        hand.press()
        for step in range(60):
            hand.move(x + offset + 90 * math.sin(step / 8), y + 70 * math.cos(step / 8))
        hand.release()
    page.keyboard.press("ArrowUp")
    page.evaluate("window.paints = []")
    page.keyboard.press("Shift+I")
    page.wait_for_function("window.paints.some(([key]) => key === 'I')")
    filled_ms = float(page.evaluate("window.paints.find(([key]) => key === 'I')[1]"))
    report.add(f"viewer: {SLICES - 2} slices interpolated, key to painted frame", f"{filled_ms:.0f} ms by the clock")
    page.evaluate("window.paints = []")  # what is measured from here on waits for nothing before it
    page.keyboard.down("Control")
    with traced(browser, page) as frames:
        for _ in range(10):
            for key in ("z", "y"):
                page.keyboard.press(key)
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    page.keyboard.up("Control")
    steps, paints = (
        frames.key_ms,
        page.evaluate("window.paints.filter(([key]) => key === 'z' || key === 'y').map(([, ms]) => ms)"),
    )
    report.add(
        f"viewer: undo and redo of a change on {SLICES - 2} slices, key to painted frame",
        f"{np.median(steps):.0f} ms median, {max(steps):.0f} ms slowest of processor"
        f" ({np.median(paints):.0f} and {max(paints):.0f} ms by the clock)",
        target="slowest of processor <= 100 ms",
        met=max(steps) <= 100,
    )
