"""Rows of the protocol -> the paper's tables, as Markdown. Dice in percent, mean ± standard deviation.

Within a data set every row (case, label, repeat) counts alike. "All data sets" is the mean of the data sets' means, and
its ± their spread: a large set does not outvote a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from workers.sammed.cases import Row

_K = TypeVar("_K")

ALL = "All data sets"

PROMPT_ORDER = ("coarse", "points", "boxes", "composite")

METHOD_NAMES = {
    "plain": "plain model",
    "assist": "SAM^assist",
    "grabcut": "GrabCut",
    "random_walker": "random walker",
    "region_growing": "region growing",
    "interpolation": "shape between slices",
    "propagation": "propagation",
    "classification": "classification",
    "sapnet": "SAP-Net",
}


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and spread of some rows; `count` rows, or data sets for ALL."""

    mean: float
    spread: float
    count: int

    def percent(self) -> str:
        """`71.2 ± 9.8`; the mean alone where there is nothing to spread."""
        mean = f"{100 * self.mean:.1f}"
        return f"{mean} ± {100 * self.spread:.1f}" if self.count > 1 else mean


def summarise(values: Sequence[float]) -> Summary | None:
    """None for no values."""
    if not values:
        return None
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Summary(float(np.mean(values)), spread, len(values))


def datasets_of(rows: Iterable[Row]) -> list[str]:
    """Names of the data sets, sorted."""
    return sorted({row.dataset for row in rows})


def by_dataset(rows: Sequence[Row], figure: Callable[[Row], float] = lambda row: row.dice) -> dict[str, Summary]:
    """Data set -> summary of a figure; with ALL, last, when there is more than one."""
    result = {}
    for name in datasets_of(rows):
        summary = summarise([figure(row) for row in rows if row.dataset == name])
        assert summary is not None
        result[name] = summary
    overall = summarise([summary.mean for summary in result.values()])
    if overall is not None and len(result) > 1:
        result[ALL] = overall
    return result


def markdown_table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A GitHub table; the first column is text, the others are figures. Names may hold a `|`."""

    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    return "\n".join([row(header), f"|---|{'---:|' * (len(header) - 1)}", *map(row, lines)]) + "\n"


def method_name(method: str, slices: int | None = None) -> str:
    """`SAM^assist, 2 slices`; what learns nothing has no number of slices."""
    name = METHOD_NAMES.get(method, method)
    return f"{name}, {slices} {'slice' if slices == 1 else 'slices'}" if slices is not None else name


def setting_name(prompts: str, points: int) -> str:
    """`3 points`, `box`, `box + 5 corrections`."""
    if prompts == "boxes":
        return "box"
    if prompts == "composite":
        return f"box + {points} corrections"
    return f"{points} point" + "s" * (points != 1)


# ---- SAM^assist -----------------------------------------------------------------------------------------------------


def assist_methods(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """The lines of a table of SAM^assist: name and rows. What learns nothing stands there once: its rows are the same
    for every number of slices, so those of the fewest are taken (fewest are most: few slices leave no label out)."""
    lines = []
    fewest = {key: min(r.slices for r in group) for key, group in _groups(rows, lambda r: (r.case, r.label)).items()}
    first = [r for r in rows if r.slices == fewest[r.case, r.label]]
    order = list(METHOD_NAMES)
    methods = sorted({r.method for r in rows if r.method != "assist"}, key=order.index)
    lines += [(method_name(m), [r for r in first if r.method == m]) for m in methods]
    for slices in sorted({r.slices for r in rows}):
        lines.append((method_name("assist", slices), [r for r in rows if r.method == "assist" and r.slices == slices]))
    return [lines[0], *lines[len(methods) :], *lines[1 : len(methods)]] if methods else lines


def settings_of(rows: Iterable[Row]) -> list[tuple[str, int]]:
    """(prompts, points) in the order points, boxes, composite."""
    return sorted({(r.prompts, r.points) for r in rows}, key=lambda s: (PROMPT_ORDER.index(s[0]), s[1]))


def assist_table(rows: Sequence[Row], dataset: str) -> str:
    """Methods x prompts for one data set, or for ALL."""
    settings = settings_of(rows)
    lines = []
    for name, members in assist_methods(rows):
        cells = [by_dataset([r for r in members if (r.prompts, r.points) == s]).get(dataset) for s in settings]
        if any(cells):
            lines.append([name, *(cell.percent() if cell else "" for cell in cells)])
    return markdown_table(["", *(setting_name(*s) for s in settings)], lines)


def label_table(rows: Sequence[Row], slices: int) -> str:
    """Table 2: label by label, the plain model -> SAM^assist with so many slices, for every prompt."""
    rows = [r for r in rows if r.slices == slices and r.method in ("plain", "assist")]
    settings = settings_of(rows)
    lines = []
    for (dataset, label), members in sorted(_groups(rows, lambda r: (r.dataset, r.label)).items()):
        cells = []
        for setting in settings:
            means = [_mean_dice(members, method, setting) for method in ("plain", "assist")]
            cells.append(" → ".join("" if mean is None else f"{100 * mean:.1f}" for mean in means))
        lines.append([f"{dataset}: {label}" if dataset else label, *cells])
    return markdown_table(["plain model → SAM^assist", *(setting_name(*s) for s in settings)], lines)


def _mean_dice(rows: Sequence[Row], method: str, setting: tuple[str, int]) -> float | None:
    summary = summarise([r.dice for r in rows if r.method == method and (r.prompts, r.points) == setting])
    return summary.mean if summary else None


def seconds_table(rows: Sequence[Row]) -> str:
    """Table 3: seconds of learning a prompt, per data set."""
    taught = [r for r in rows if r.method == "assist"]
    columns = sorted({(r.prompts, r.slices) for r in taught}, key=lambda c: (PROMPT_ORDER.index(c[0]), c[1]))
    names = list(by_dataset(taught))
    cells = [
        by_dataset([r for r in taught if (r.prompts, r.slices) == c], figure=lambda row: row.seconds) for c in columns
    ]
    lines = [[name, *(f"{c[name].mean:.1f}" if name in c else "" for c in cells)] for name in names]
    return markdown_table(["", *(f"{prompts}, {n} slices" for prompts, n in columns)], lines)


def composite_table(rows: Sequence[Row]) -> str:
    """Table 4: SAM^assist with the fewest slices by points (5, or the nearest number that was measured), box and both,
    and the prompts that were given in the mean."""
    slices = min(r.slices for r in rows)
    settings = settings_of(rows)
    points = sorted((s for s in settings if s[0] == "points"), key=lambda s: abs(s[1] - 5))[:1]
    chosen = points + [s for s in settings if s[0] in ("boxes", "composite")]
    lines = []
    for method in ("plain", "assist"):
        members = [r for r in rows if r.method == method and r.slices == slices]
        cells = [by_dataset([r for r in members if (r.prompts, r.points) == s]) for s in chosen]
        spent = by_dataset([r for r in members if r.prompts == "composite"], figure=lambda row: row.interactions)
        name = method_name(method, slices if method == "assist" else None)
        for dataset in by_dataset(members):
            figures = [c[dataset].percent() if dataset in c else "" for c in cells]
            prompts = f"{spent[dataset].mean:.1f}" if dataset in spent else ""
            lines.append([f"{dataset}, {name}" if dataset else name, *figures, prompts])
    return markdown_table(["", *(setting_name(*s) for s in chosen), "points and boxes given in the last"], lines)


def losses_of_assist(rows: Sequence[Row]) -> list[str]:
    """Where SAM^assist is worse than the plain model: one line per data set, label, prompt and number of slices."""
    lines = []
    asked = [r for r in rows if r.method in ("plain", "assist")]
    groups = _groups(asked, lambda r: (r.dataset, r.label, r.prompts, r.points, r.slices, r.scheme))
    for (dataset, label, prompts, points, slices, scheme), members in sorted(groups.items()):
        plain, taught = ([r.dice for r in members if r.method == method] for method in ("plain", "assist"))
        if plain and taught and np.mean(taught) < np.mean(plain):
            where = f"{dataset}: {label}" if dataset else label
            setting = setting_name(prompts, points) + (f" ({scheme})" if scheme != "uniform" else "")
            figures = f"{100 * np.mean(plain):.1f} → {100 * np.mean(taught):.1f}"
            lines.append(f"{where}, {setting}, {slices} slices: {figures}")
    return lines


# ---- SAM^auto and the ablation --------------------------------------------------------------------------------------


def generator_table(rows: Sequence[Row], methods: Sequence[str], slices: int) -> str:
    """Methods x data sets for one number of annotated slices: after SAM, and the coarse mask alone."""
    members = [r for r in rows if r.slices == slices]
    names = list(by_dataset(members))
    lines = []
    for method in methods:
        for coarse in (True, False):
            cells = by_dataset([r for r in members if r.method == method and (r.prompts == "coarse") == coarse])
            if cells:
                name = method_name(method) + (", coarse mask" if coarse else "")
                lines.append([name, *(cells[d].percent() if d in cells else "" for d in names)])
    return markdown_table(["", *(name or "Dice" for name in names)], lines)


def run_seconds_table(rows: Sequence[Row], methods: Sequence[str]) -> str:
    """Seconds of a whole run of SAM^auto, and of how many slices."""
    lines = []
    for method in methods:
        for slices in sorted({r.slices for r in rows}):
            runs = [r for r in rows if r.method == method and r.slices == slices and r.prompts != "coarse"]
            seconds, tested = summarise([r.seconds for r in runs]), summarise([r.tested for r in runs])
            if seconds and tested:
                lines.append([method_name(method, slices), f"{seconds.mean:.1f}", f"{tested.mean:.0f}"])
    return markdown_table(["", "seconds", "slices segmented"], lines)


def falls_of_ablation(rows: Sequence[Row], methods: Sequence[str]) -> list[str]:
    """The steps of the ablation after which Dice is lower than before, by data set."""
    lines = []
    for slices in sorted({r.slices for r in rows}):
        members = [r for r in rows if r.slices == slices and r.prompts == "coarse"]
        means = {m: by_dataset([r for r in members if r.method == m]) for m in methods}
        for before, after in pairwise(methods):
            for dataset in means[after]:
                change = means[after][dataset].mean - means[before][dataset].mean
                if change < 0:
                    where = f"{dataset}, " if dataset else ""
                    lines.append(f"{where}{slices} slices, {after}: {100 * change:+.1f} points on {before}")
    return lines


def _groups(rows: Iterable[Row], key: Callable[[Row], _K]) -> dict[_K, list[Row]]:
    groups: dict[_K, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
