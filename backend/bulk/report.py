"""What became of a tree: a line for each series, as a table, JSON and CSV. Not here: how files are sent."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from backend.bulk.tree import SeriesKey, Skipped, TreeFile

Json = dict[str, Any]


class Fate(StrEnum):
    """What became of a file. Of a series: of all its files, or `partly`."""

    IMPORTED = "imported"
    THERE = "already there"
    REFUSED = "refused"
    SKIPPED = "skipped"
    UNFINISHED = "unfinished"
    """not sent or not read yet; the same command goes on"""


PARTLY = "partly"


@dataclass(frozen=True, slots=True)
class FileFate:
    fate: Fate
    code: str = ""
    reason: str = ""


@dataclass(slots=True)
class SeriesReport:
    """One line. `seconds`: so long its study travelled and was read; waiting for a worker does not count."""

    about: SeriesKey
    files: int = 0
    size_bytes: int = 0
    sent: int = 0
    seconds: float = 0.0
    fates: Counter[Fate] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    volumes: dict[str, Json] = field(default_factory=dict)  # id -> what the import's result says of it

    def add(self, file: TreeFile, fate: FileFate) -> None:
        self.files += 1
        self.size_bytes += file.size_bytes
        self.fates[fate.fate] += 1
        if fate.reason:
            self.reasons[fate.reason] += 1

    @property
    def outcome(self) -> str:
        """Files that were skipped, such as reports beside images, say nothing of the rest."""
        told = [str(fate) for fate, count in self.fates.items() if count and fate is not Fate.SKIPPED]
        return PARTLY if len(told) > 1 else told[0] if told else str(Fate.SKIPPED)

    @property
    def reason(self) -> str:
        return " ".join(
            reason if len(self.fates) == 1 and len(self.reasons) == 1 else f"{count} x: {reason}"
            for reason, count in self.reasons.most_common(3)
        )

    @property
    def slices(self) -> int:
        return sum(volume.get("slices", 0) for volume in self.volumes.values())

    def to_json(self) -> Json:
        return {
            "name": self.about.title,
            "modality": self.about.modality,
            "folder": self.about.folder,
            "outcome": self.outcome,
            "files": self.files,
            "size_bytes": self.size_bytes,
            "sent": self.sent,
            **{fate.replace(" ", "_"): self.fates[fate] for fate in Fate},
            "slices": self.slices,
            "seconds": round(self.seconds, 2),
            "reason": self.reason,
            "cases": sorted({volume["case_id"] for volume in self.volumes.values() if "case_id" in volume}),
            "volumes": sorted(self.volumes),
            "warnings": sorted({said for volume in self.volumes.values() for said in volume.get("warnings", [])}),
        }


@dataclass(slots=True)
class Report:
    """All lines, and every file that was not imported."""

    series: dict[SeriesKey, SeriesReport] = field(default_factory=dict)
    files: list[Json] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def line(self, about: SeriesKey) -> SeriesReport:
        return self.series.setdefault(about, SeriesReport(about))

    def file(self, file: TreeFile, fate: FileFate) -> None:
        self.line(file.series).add(file, fate)
        entry = {"name": file.name, "outcome": str(fate.fate), "code": fate.code, "detail": fate.reason}
        self.files.append({key: value for key, value in entry.items() if value})

    @property
    def counts(self) -> Counter[Fate]:
        total: Counter[Fate] = Counter({Fate.SKIPPED: len(self.skipped)})
        for line in self.series.values():
            total += line.fates
        return total

    def to_json(self) -> Json:
        skipped = [{"name": s.name, "outcome": "skipped", "code": s.code, "detail": s.reason} for s in self.skipped]
        return {
            "series": [line.to_json() for line in self.series.values()],
            "files": [*self.files, *skipped],
            "counts": {fate.replace(" ", "_"): self.counts[fate] for fate in Fate},
        }


def write_csv(report: Report, path: Path) -> None:
    """One row for each series; lists have spaces between their items."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [line.to_json() for line in report.series.values()]
    columns = list(SeriesReport(SeriesKey("", "", "", "", "")).to_json())
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)


def print_table(report: Report) -> None:
    """For people: the lines and the files that are no images. A pipe gets the whole width."""
    console = Console(width=None if Console().is_terminal else 200)
    table = Table("folder", "series", "outcome", box=None, pad_edge=False)
    for name in ("files", "sent", "slices", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("why")
    for line in report.series.values():
        title = f"{line.about.modality} {line.about.title}".strip()
        numbers = (str(line.files), str(line.sent), str(line.slices), f"{line.seconds:.1f}")
        table.add_row(line.about.folder, title, line.outcome, *numbers, line.reason, style=_STYLE.get(line.outcome))
    if report.series:
        console.print(table, markup=False)
    for reason, files in _by_reason(report.skipped).items():
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        console.print(f"skipped: {', '.join(files[:3])}{more}: {reason}", markup=False, highlight=False)
    said = ", ".join(f"{count} {fate}" for fate in Fate if (count := report.counts[fate]))
    console.print(f"files: {said or 'none'}", markup=False, highlight=False)


_STYLE = {str(Fate.REFUSED): "red", str(Fate.UNFINISHED): "yellow", PARTLY: "yellow", str(Fate.SKIPPED): "dim"}


def _by_reason(skipped: Iterable[Skipped]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in skipped:
        found.setdefault(file.reason, []).append(file.name)
    return found


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    # a cell that begins like a formula is one to a spreadsheet
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
