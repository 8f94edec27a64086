"""Rows of the protocol -> plots as in the paper's Fig. 7, 9, 10 and 12 and its Table 5, each as PNG and SVG.

Matplotlib's object interface, without its global state; the same rows give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workers.sammed.cases import Row
from workers.sammed.tables import Summary, assist_methods, by_dataset, method_name

COLOURS = ("#555555", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
"""Grey for the first, which is mostly the plain model; then Okabe and Ito's, which the colour-blind can tell apart."""

PANEL_WIDTH_IN, PANEL_HEIGHT_IN, PANELS_PER_ROW = 3.2, 2.6, 3
LEGEND_ENTRY_IN = 1.75
LEAST_WIDTH_IN = 2 * LEGEND_ENTRY_IN + 1.5


def save_figure(figure: Figure, folder: Path, name: str) -> str:
    """Write `name.png` and `name.svg`; returns the name of the PNG."""
    with matplotlib.rc_context({"svg.hashsalt": "sammed", "svg.fonttype": "none"}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
    return f"{name}.png"


def points_figure(rows: Sequence[Row]) -> Figure:
    """As in the paper's Fig. 7: Dice against points per instance, one panel per data set, mean and spread."""
    rows = [r for r in rows if r.prompts == "points"]
    figure, panels = _panels(list(by_dataset(rows)))
    for name, axes in panels.items():
        for number, (method, members) in enumerate(assist_methods(rows)):
            points = sorted({r.points for r in members})
            cells = [by_dataset([r for r in members if r.points == p]).get(name) for p in points]
            _line(axes, points, cells, method, number)
        _points_axis(axes, rows)
    _legend(figure, panels.values())
    return figure


def schemes_figure(rows: Sequence[Row]) -> Figure:
    """As in the paper's Fig. 9: SAM^assist with the fewest slices under each sampling scheme."""
    fewest = min(r.slices for r in rows)
    rows = [r for r in rows if r.prompts == "points" and r.method == "assist" and r.slices == fewest]
    figure, panels = _panels(list(by_dataset(rows)))
    for name, axes in panels.items():
        for number, scheme in enumerate(dict.fromkeys(r.scheme for r in rows)):
            points = sorted({r.points for r in rows})
            cells = [by_dataset([r for r in rows if r.points == p and r.scheme == scheme]).get(name) for p in points]
            _line(axes, points, cells, scheme, number + 1)
        _points_axis(axes, rows)
    _legend(figure, panels.values())
    return figure


def _points_axis(axes: Axes, rows: Sequence[Row]) -> None:
    """One tick for each number of points, in its middle also when there is one alone."""
    points = sorted({r.points for r in rows})
    axes.set_xlabel("points per instance")
    axes.set_xticks(points)
    axes.set_xlim(points[0] - 1, points[-1] + 1)


def boxes_figure(rows: Sequence[Row]) -> Figure:
    """As in the paper's Fig. 10: Dice with a box, plain model and SAM^assist, bars with the spread."""
    rows = [r for r in rows if r.prompts == "boxes" and r.method in ("plain", "assist")]
    return _bars([(name, by_dataset(members)) for name, members in assist_methods(rows)], "Dice with a box")


def generators_figure(rows: Sequence[Row], methods: Sequence[str], slices: int) -> Figure:
    """As in the paper's Fig. 12: what each generator reaches after SAM, and SAM^assist with a user, on top."""
    rows = [r for r in rows if r.slices == slices and r.prompts != "coarse"]
    series = [(method_name(m), by_dataset([r for r in rows if r.method == m])) for m in methods]
    return _bars(series, f"Dice, {slices} annotated slices")


def ablation_figure(rows: Sequence[Row], methods: Sequence[str], slices: int) -> Figure:
    """Table 5 as bars: the coarse mask of SAP-Net, part by part."""
    rows = [r for r in rows if r.slices == slices and r.prompts == "coarse"]
    return _bars(
        [(m, by_dataset([r for r in rows if r.method == m])) for m in methods],
        f"Dice of the coarse mask, {slices} annotated slices",
    )


# ---- parts ----------------------------------------------------------------------------------------------------------


def _panels(names: Sequence[str]) -> tuple[Figure, dict[str, Axes]]:
    """One panel per data set, all with Dice from 0 to 1."""
    columns = min(PANELS_PER_ROW, len(names))
    lines = math.ceil(len(names) / columns)
    width = max(LEAST_WIDTH_IN, PANEL_WIDTH_IN * columns)
    figure = Figure(figsize=(width, PANEL_HEIGHT_IN * lines + 0.5), layout="constrained")
    panels = {}
    for number, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, number + 1)
        axes.set_title(name, fontsize=9)
        axes.set_ylabel("Dice")
        _dress(axes)
        panels[name] = axes
    return figure, panels


def _dress(axes: Axes) -> None:
    axes.set_ylim(0, 1)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _line(axes: Axes, x: Sequence[int], cells: Sequence[Summary | None], name: str, number: int) -> None:
    """A line with error bars, moved aside a little so that bars do not hide each other."""
    known = [(at, cell) for at, cell in zip(x, cells, strict=True) if cell]
    if not known:
        return
    aside = 0.08 * (number - 2)
    axes.errorbar(
        [at + aside for at, _ in known],
        [cell.mean for _, cell in known],
        yerr=[cell.spread for _, cell in known],
        label=name,
        color=COLOURS[number % len(COLOURS)],
        marker="o",
        markersize=3,
        linewidth=1.3,
        elinewidth=0.7,
        capsize=2,
    )


def _bars(series: Sequence[tuple[str, dict[str, Summary]]], y_label: str) -> Figure:
    """Groups of bars: one group per data set, one bar per method."""
    names = list(dict.fromkeys(name for _, cells in series for name in cells))
    figure = Figure(figsize=(max(LEAST_WIDTH_IN, 0.22 * len(names) * len(series) + 1.5), 3.4), layout="constrained")
    axes = figure.add_subplot()
    width = min(0.25, 0.8 / len(series))
    for number, (method, cells) in enumerate(series):
        places = [i + (number - (len(series) - 1) / 2) * width for i, name in enumerate(names) if name in cells]
        present = [cells[name] for name in names if name in cells]
        axes.bar(
            places,
            [cell.mean for cell in present],
            width,
            yerr=[cell.spread for cell in present],
            label=method,
            color=COLOURS[number % len(COLOURS)],
            error_kw={"elinewidth": 0.7, "capsize": 1.5},
        )
    axes.set_xticks(
        range(len(names)), names, rotation=30 if len(names) > 3 else 0, ha="right" if len(names) > 3 else "center"
    )
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel(y_label, fontsize=9)
    _dress(axes)
    _legend(figure, [axes])
    return figure


def _legend(figure: Figure, panels: Iterable[Axes]) -> None:
    """One legend for all panels, below them."""
    entries: dict[str, Artist] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    columns = max(1, min(len(entries), int(figure.get_figwidth() / LEGEND_ENTRY_IN)))
    figure.legend(
        list(entries.values()), list(entries), loc="outside lower center", ncols=columns, fontsize=8, frameon=False
    )
