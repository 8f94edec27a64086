"""Rows of the protocol -> a folder that tells what was measured: results.csv, report.md with its plots, protocol.json.

The folder appears whole or not at all: everything is written beside it first and moved in at the end.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from matplotlib.figure import Figure

from workers.sammed import figures, tables
from workers.sammed.cases import GeneratorName, Row
from workers.sammed.tables import ALL

RESULTS, REPORT, PROTOCOL, PLOTS = "results.csv", "report.md", "protocol.json", "plots"

MOST_LOSSES = 40
"""So many losses are listed in the report; results.csv has all."""


def document(rows: Sequence[Row], protocol: Mapping[str, Any]) -> dict[str, Any]:
    """What `--json` prints: {"protocol": ..., "rows": [...]}."""
    return {"protocol": dict(protocol), "rows": [asdict(row) for row in rows]}


def write_report(folder: Path, rows: Sequence[Row], protocol: Mapping[str, Any]) -> None:
    """Write the report of one command into `folder`, made if need be; an earlier report in it is replaced.

    `protocol` holds at least `command` (assist, auto or ablation), `model`, `model_checksum`, `config` and `skipped`
    (sentences); it is written as it is. Raises ValueError without rows, OSError where the folder cannot be written."""
    if not rows:
        raise ValueError("There are no rows to report.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as name:
        beside = Path(name)
        (beside / PLOTS).mkdir()
        write_results(beside / RESULTS, rows)
        (beside / PROTOCOL).write_text(json.dumps(protocol, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        page = _Page(beside / PLOTS)
        {"assist": _assist, "auto": _auto, "ablation": _ablation}[protocol["command"]](page, rows, protocol)
        (beside / REPORT).write_text("\n\n".join(page.parts) + "\n", encoding="utf-8")
        shutil.rmtree(folder / PLOTS, ignore_errors=True)
        for entry in (PLOTS, RESULTS, PROTOCOL, REPORT):
            (beside / entry).replace(folder / entry)


def write_results(path: Path, rows: Sequence[Row]) -> None:
    """One line per row; the columns are the fields of Row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


@dataclass(slots=True)
class _Page:
    """report.md as it grows."""

    plots: Path
    parts: list[str] = field(default_factory=list)

    def add(self, *texts: str) -> None:
        self.parts += [text.rstrip() for text in texts if text]

    def plot(self, figure: Figure, name: str, caption: str) -> None:
        png = figures.save_figure(figure, self.plots, name)
        self.add(f"![{caption}]({PLOTS}/{png})", f"*{caption}* ([SVG]({PLOTS}/{name}.svg))")


# ---- the three reports ----------------------------------------------------------------------------------------------


def _assist(page: _Page, rows: Sequence[Row], protocol: Mapping[str, Any]) -> None:
    scheme = rows[0].scheme
    main = [r for r in rows if r.scheme == scheme]
    fewest = min(r.slices for r in main)
    config = protocol["config"]
    page.add(
        "# SAM^assist: prompts learned from a few slices",
        f"{_what_was_done(rows, protocol)} For each of them a prompt was learned from the annotated slices, and tested "
        f"on {_slices(config)} of the slices left, with the same simulated prompts for every method: points drawn from "
        "each connected part of the reference and as many in all from its background; a box with each side moved at "
        f"random; and the box followed by up to {config['corrections']} corrective clicks, the best mask of which "
        "counts. GrabCut, random walker and region growing see the same prompts and nothing else, and answer at most "
        f"{config['baseline_slices']} of the slices. Dice is the mean over slices.",
        _headline(main, fewest),
        _left_out(protocol),
        "## Dice by prompt",
        _AVERAGES,
    )
    for dataset in _overall_first(tables.by_dataset(main)):
        page.add(f"### {dataset}" if dataset else "", tables.assist_table(main, dataset))
    if any(r.prompts == "points" for r in main):
        page.plot(
            figures.points_figure(main),
            "fig7_points",
            "As in the paper's Fig. 7: Dice against points per instance; mean and standard deviation.",
        )
    if len({r.scheme for r in rows}) > 1:
        caption = f"As in the paper's Fig. 9: how points are drawn, SAM^assist with {fewest} slices."
        page.add("## Sampling schemes")
        page.plot(figures.schemes_figure(rows), "fig9_schemes", caption)
    if any(r.prompts == "boxes" for r in main):
        page.add("## Boxes")
        page.plot(
            figures.boxes_figure(main),
            "fig10_boxes",
            "As in the paper's Fig. 10: Dice with a jittered box.",
        )
    page.add(f"## Label by label, {fewest} annotated slices (as in the paper's Table 2)")
    page.add(tables.label_table(main, fewest))
    page.add("## Seconds of learning (as in the paper's Table 3)", tables.seconds_table(main))
    if any(r.prompts == "composite" for r in main):
        page.add(f"## Points, box, and both, {fewest} annotated slices (as in the paper's Table 4)")
        page.add(tables.composite_table(main))
    page.add("## Where SAM^assist loses", _losses(tables.losses_of_assist(rows), "SAM^assist is nowhere worse."))


def _auto(page: _Page, rows: Sequence[Row], protocol: Mapping[str, Any]) -> None:
    present = {row.method for row in rows}
    methods = [method for method in (*get_args(GeneratorName), "assist") if method in present]
    page.add(
        "# SAM^auto: the rest of a case without a user",
        f"{_what_was_done(rows, protocol)} Each generator learned from the annotated slices and "
        f"{protocol['config']['background_slices']} background slices, made prompts for {_slices(protocol['config'])} "
        "of the other slices, with the label or without, and SAM^assist turned them into masks. Dice is that of all "
        "these slices as one volume, for sets of pictures the mean over pictures. *Coarse mask* is what the generator "
        "itself found. SAM^assist, last, is helped: a simulated user prompts the slices that show the label, and only "
        "those.",
        _left_out(protocol),
        _AVERAGES,
    )
    for slices in sorted({r.slices for r in rows}):
        page.add(f"## {slices} annotated slices", tables.generator_table(rows, methods, slices))
        caption = f"As in the paper's Fig. 12: the generators with {slices} annotated slices."
        page.plot(figures.generators_figure(rows, methods, slices), f"fig12_auto_{slices}", caption)
    page.add("## Seconds of a whole run, encoding and learning included")
    page.add(tables.run_seconds_table(rows, [m for m in methods if m != "assist"]))


def _ablation(page: _Page, rows: Sequence[Row], protocol: Mapping[str, Any]) -> None:
    methods = list(dict.fromkeys(r.method for r in rows))
    page.add(
        "# Ablation of SAP-Net",
        f"{_what_was_done(rows, protocol)} Each line has one part more than the line above. *Coarse mask* is SAP-Net's "
        "own, the other figure what SAM^assist makes of prompts from it, both on "
        f"{_slices(protocol['config'])} of the slices that nobody annotated. The first line learns a small "
        "convolutional network from the pixels alone: PANet's own backbone was trained on photographs.",
        _left_out(protocol),
        _AVERAGES,
    )
    for slices in sorted({r.slices for r in rows}):
        page.add(f"## {slices} annotated slices (as in the paper's Table 5)")
        page.add(tables.generator_table(rows, methods, slices))
        caption = f"Table 5 as bars: the coarse mask with {slices} annotated slices."
        page.plot(figures.ablation_figure(rows, methods, slices), f"table5_ablation_{slices}", caption)
    falls = tables.falls_of_ablation(rows, methods)
    page.add("## Where a part does not help the coarse mask", _losses(falls, "Every part helps."))


# ---- sentences ------------------------------------------------------------------------------------------------------

_AVERAGES = (
    "Dice in percent, mean ± standard deviation over cases, labels and repeats. "
    f"*{ALL}* is the mean of the data sets' means ± their spread."
)


def _what_was_done(rows: Sequence[Row], protocol: Mapping[str, Any]) -> str:
    cases = {r.case for r in rows}
    pairs = {(r.case, r.label) for r in rows}
    repeats = max(r.repeat for r in rows)
    slices = " and ".join(str(n) for n in sorted({r.slices for r in rows}))
    return (
        f"The model {protocol['model']} (sha256 {protocol['model_checksum'][:12]}) on {_count(len(cases), 'case')} "
        f"with {_count(len(pairs), 'label')} in all, {slices} annotated slices each, {_count(repeats, 'repeat')}, "
        f"seed {protocol['config']['seed']}."
    )


def _headline(rows: Sequence[Row], slices: int) -> str:
    """How much one point gains, in one sentence; nothing where points were not asked for."""
    points = min((r.points for r in rows if r.prompts == "points"), default=None)
    chosen = [r for r in rows if r.prompts == "points" and r.points == points and r.slices == slices]
    means = {m: tables.by_dataset([r for r in chosen if r.method == m]) for m in ("plain", "assist")}
    if points is None or not means["plain"]:
        return ""
    overall = list(means["plain"])[-1]
    plain, taught = means["plain"][overall].mean, means["assist"][overall].mean
    better = sum(means["assist"][d].mean > means["plain"][d].mean for d in means["plain"] if d != ALL)
    total = len(means["plain"]) - (ALL in means["plain"])
    return (
        f"**With {tables.setting_name('points', points)}, SAM^assist from {_count(slices, 'slice')} reaches "
        f"{100 * taught:.1f} where the plain model reaches {100 * plain:.1f} ({100 * (taught - plain):+.1f}); "
        f"it is better on {better} of {_count(total, 'data set')}.**"
    )


def _left_out(protocol: Mapping[str, Any]) -> str:
    skipped = protocol["skipped"]
    return "Left out:\n\n" + "\n".join(f"- {sentence}" for sentence in skipped) if skipped else ""


def _losses(lines: Sequence[str], none: str) -> str:
    if not lines:
        return none
    more = [f"- and {len(lines) - MOST_LOSSES} more, in {RESULTS}"] if len(lines) > MOST_LOSSES else []
    return "\n".join([f"- {line}" for line in lines[:MOST_LOSSES]] + more)


def _slices(config: Mapping[str, Any]) -> str:
    return "all" if config["test_slices"] is None else f"at most {config['test_slices']}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _overall_first(names: Mapping[str, Any]) -> list[str]:
    return sorted(names, key=lambda name: (name != ALL, name))
