"""What the jobs of the server say of files -> the report. Not here: sending and waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.bulk.report import Fate, FileFate, Report
from backend.bulk.tree import Group, TreeFile

Json = dict[str, Any]

FATE_OF = {"imported": Fate.IMPORTED, "duplicate": Fate.THERE, "ignored": Fate.SKIPPED, "rejected": Fate.REFUSED}
"""What an import's result says of a file -> what it is called here."""


@dataclass(slots=True)
class Delivered:
    """A group whose files have all arrived. `where`: the intake of each file and what its job calls it; `before`: what
    had arrived before this run; `told`: what never gets there; `jobs`: by the ids of intakes; `sending_s`: how long the
    files travelled."""

    group: Group
    sending_s: float = 0.0
    where: dict[TreeFile, tuple[str, str]] = field(default_factory=dict)
    before: set[TreeFile] = field(default_factory=set)
    told: dict[TreeFile, FileFate] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)


class Result:
    """What a finished job says, found by the names of files."""

    def __init__(self, job: Json) -> None:
        result = job.get("result") or {}
        problem = job.get("problem") or {"code": job["state"], "detail": f"The import was {job['state']}."}
        self.without_word = FileFate(Fate.UNFINISHED, problem["code"], problem["detail"])
        self.seconds = _seconds_of(job)
        self.volumes: dict[str, Json] = {volume["volume_id"]: volume for volume in result.get("series", [])}
        self._files: dict[str, list[Json]] = {}
        for entry in result.get("files", []):
            self._files.setdefault(entry["name"], []).append(entry)

    def of(self, name: str) -> list[Json]:
        """What it says of a file; of an archive, of all its members."""
        if name in self._files:
            return self._files[name]
        return [entry for said, entries in self._files.items() if said.startswith(f"{name}/") for entry in entries]


def tell(report: Report, delivered: Delivered) -> None:
    """Write a group that has been read into the report."""
    for file, fate in delivered.told.items():
        report.file(file, fate)
    results = {intake_id: Result(job) for intake_id, job in delivered.jobs.items()}
    for file, (intake_id, name) in delivered.where.items():
        result = results[intake_id]
        line = report.line(file.series)
        line.sent += file not in delivered.before
        line.seconds = delivered.sending_s + sum(each.seconds for each in results.values())
        entries = result.of(name)
        if not entries:
            report.file(file, result.without_word)
        for entry in entries:
            report.file(file, _fate(entry, is_news=file not in delivered.before))
            volume = result.volumes.get(entry.get("volume_id", ""))
            if volume is not None:
                line.volumes[volume["volume_id"]] = volume


def _seconds_of(job: Json) -> float:
    """How long a worker had a job; not how long it waited for one."""
    started, finished = job.get("started_at"), job.get("finished_at")
    if not started or not finished:
        return 0.0
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()


def _fate(entry: Json, *, is_news: bool) -> FileFate:
    fate = FATE_OF[entry["outcome"]]
    if fate is Fate.IMPORTED and not is_news:
        fate = Fate.THERE
    return FileFate(fate, entry.get("code", ""), entry.get("detail", ""))
