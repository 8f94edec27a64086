"""The lines of an import's report, from what jobs say."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from backend.bulk.outcomes import Delivered, tell
from backend.bulk.report import Fate, FileFate, Report, print_table, write_csv
from backend.bulk.tree import Group, SeriesKey, Skipped, TreeFile

CT = SeriesKey("1.2", "1.2.3", "4 =SUM(A1)", "CT", "a")
REPORT = SeriesKey("1.2", "1.2.4", "5 Report", "SR", "a")


@pytest.fixture
def report() -> Report:
    files = [
        TreeFile(Path(name), name, 10, series) for name, series in (("1", CT), ("2", CT), ("3", CT), ("4", REPORT))
    ]
    delivered = Delivered(Group("study:1.2", files), sending_s=1.5)
    delivered.where = {file: ("job", f"kept {file.name}") for file in files[:2] + files[3:]}
    delivered.before = {files[1]}
    delivered.told = {files[2]: FileFate(Fate.REFUSED, "unreadable", "It cannot be read.")}
    volume = {"volume_id": "v", "case_id": "c", "slices": 2, "warnings": ["odd"]}
    entries = [
        {"name": "kept 1", "outcome": "imported", "volume_id": "v"},
        {"name": "kept 2", "outcome": "imported", "volume_id": "v"},
        {"name": "kept 4", "outcome": "ignored", "code": "not_an_image", "detail": "It holds no image."},
    ]
    times = {"started_at": "2026-01-01T10:00:00Z", "finished_at": "2026-01-01T10:00:01+00:00"}
    delivered.jobs = {"job": {"state": "done", "result": {"series": [volume], "files": entries}, **times}}
    made = Report(skipped=[Skipped("notes.txt", "unknown_file_type", "No image.")])
    tell(made, delivered)
    return made


def test_a_line_says_what_became_of_its_files(report: Report) -> None:
    ct, accompanying = report.to_json()["series"]
    assert (ct["outcome"], ct["files"], ct["sent"], ct["slices"], ct["seconds"]) == ("partly", 3, 1, 2, 2.5)
    assert (ct["imported"], ct["already_there"], ct["refused"]) == (1, 1, 1)
    assert (ct["cases"], ct["volumes"], ct["warnings"]) == (["c"], ["v"], ["odd"])
    assert (accompanying["outcome"], accompanying["reason"]) == ("skipped", "It holds no image.")
    assert report.counts == {
        Fate.SKIPPED: 2,
        Fate.IMPORTED: 1,
        Fate.THERE: 1,
        Fate.REFUSED: 1,
    }


def test_a_job_that_failed_leaves_its_files_unfinished() -> None:
    file = TreeFile(Path("1"), "1", 10, CT)
    delivered = Delivered(Group("study:1.2", [file]), where={file: ("job", "1")})
    delivered.jobs = {"job": {"state": "failed", "problem": {"code": "worker_lost", "detail": "The worker stopped."}}}
    made = Report()
    tell(made, delivered)
    assert made.files == [
        {"name": "1", "outcome": "unfinished", "code": "worker_lost", "detail": "The worker stopped."}
    ]


def test_an_archive_is_as_many_files_as_it_holds() -> None:
    file = TreeFile(Path("a.zip"), "a.zip", 10, SeriesKey("", "", "archive a.zip", "", ""))
    delivered = Delivered(Group("file:a.zip", [file]), where={file: ("job", "a.zip")})
    entries = [{"name": f"a.zip/{n}", "outcome": "imported"} for n in range(3)]
    delivered.jobs = {"job": {"state": "done", "result": {"series": [], "files": entries}}}
    made = Report()
    tell(made, delivered)
    [line] = made.to_json()["series"]
    assert (line["files"], line["imported"], line["sent"]) == (3, 3, 1)


def test_the_file_and_the_table(report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(report, tmp_path / "new" / "report.csv")
    with (tmp_path / "new" / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["modality"] for row in rows] == ["CT", "SR"] and rows[0]["cases"] == "c"
    print_table(report)
    shown = capsys.readouterr().out
    assert "4 =SUM(A1)" in shown and "skipped: notes.txt: No image." in shown
    assert "1 imported, 1 already there, 1 refused, 2 skipped" in shown
