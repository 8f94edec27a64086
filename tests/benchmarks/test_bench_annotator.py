"""What learning saves an annotator, on one small volume. The program simulated_annotator.py takes more."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from rich.console import Console

from tests.benchmarks.conftest import Report
from tests.benchmarks.simulated_annotator import CLICKS_A_SLICE, WAYS, measure, table, volumes_of

pytestmark = pytest.mark.bench

SET, LABEL = "msd_hippocampus", "anterior hippocampus"


def test_actions_of_an_annotator(client: httpx.Client, shared_data: Path, report: Report) -> None:
    volumes = volumes_of(shared_data / "data" / "eval", [SET], 1)
    done = list(measure(client, volumes, [LABEL], 0, CLICKS_A_SLICE))
    Console(width=160).print(table(done))
    actions = {work.way: work.actions for work in done}
    for work in done:
        beside = "" if work.way == "plain" else f"{100 * work.actions / actions['plain']:.0f} % of plain clicks"
        target = "< 50 % of plain clicks" if work.way == "auto" else ""
        report.add(
            f"annotating {work.slices} slices of the {LABEL} to Dice 0.9: {WAYS[work.way]}",
            f"{work.actions} actions, {work.waiting_s:.1f} s of waiting, {work.drawn} slices by hand",
            beside=beside,
            target=target,
            met=2 * work.actions < actions["plain"] if target else None,
        )
