"""The report says what the rows say: tables against figures worked out by hand, whole files, and the same bytes for the
same rows."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from workers.sammed import figures, tables
from workers.sammed.auto import ABLATION
from workers.sammed.cases import ProtocolConfig, Row
from workers.sammed.report import PLOTS, PROTOCOL, REPORT, RESULTS, document, write_report


def row(dice: float, **changes: Any) -> Row:
    return replace(
        Row(
            dataset="livers",
            case="livers/a",
            label="liver",
            method="plain",
            prompts="points",
            points=1,
            slices=2,
            scheme="uniform",
            repeat=1,
            dice=dice,
            dice_slices=dice,
            dice_union=dice,
            tested=20,
            interactions=2.0,
            seconds=0.03,
        ),
        **changes,
    )


def protocol(command: str, **config: Any) -> dict[str, Any]:
    return {
        "command": command,
        "model": "sammed-small",
        "model_checksum": "0123456789abcdef",
        "config": asdict(ProtocolConfig(**config)),
        "skipped": ["livers/z, cyst: only 1 slice shows it."],
    }


GAINS = (("points", 1, 0.2), ("points", 5, 0.2), ("boxes", 0, -0.05), ("composite", 5, 0.0))


def assist_rows() -> list[Row]:
    """Two data sets of one and two cases; learning gains 20 points with points and loses 5 with a box on the livers."""
    rows = []
    for dataset, case, base in (("livers", "a", 0.5), ("livers", "b", 0.7), ("spines", "c", 0.2)):
        for slices in (2, 5):
            for prompts, points, gain in (
                ("points", 1, 0.2),
                ("points", 5, 0.2),
                ("boxes", 0, -0.05),
                ("composite", 5, 0),
            ):
                gain = 0.1 if dataset == "spines" else gain
                where = {"dataset": dataset, "case": f"{dataset}/{case}", "slices": slices, "prompts": prompts}
                rows.append(row(base, points=points, **where))
                rows.append(row(base + gain, method="assist", points=points, seconds=4.0, **where))
                rows.append(row(0.1, method="grabcut", points=points, **where))
    return rows


def test_the_mean_of_all_counts_data_sets_not_cases() -> None:
    plain = [r for r in assist_rows() if r.method == "plain" and r.prompts == "points" and r.slices == 2]
    means = tables.by_dataset(plain)
    assert means["livers"].mean == pytest.approx(0.6) and means["spines"].mean == pytest.approx(0.2)
    assert means[tables.ALL].mean == pytest.approx(0.4) and means[tables.ALL].count == 2
    assert means["livers"].spread == pytest.approx(0.1155, abs=1e-4)  # of 0.5, 0.5, 0.7, 0.7
    assert tables.ALL not in tables.by_dataset([r for r in plain if r.dataset == "spines"])


def test_the_table_of_a_data_set() -> None:
    lines = tables.assist_table(assist_rows(), "spines").splitlines()
    assert lines[0] == "|  | 1 point | 5 points | box | box + 5 corrections |"
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| plain model",
        "| SAM^assist, 2 slices",
        "| SAM^assist, 5 slices",
        "| GrabCut",
    ]
    assert lines[2] == "| plain model | 20.0 | 20.0 | 20.0 | 20.0 |"
    assert lines[4].startswith("| SAM^assist, 5 slices | 30.0 | 30.0 |")


def test_what_learns_nothing_is_counted_once_though_its_rows_repeat() -> None:
    rows = [*assist_rows(), row(0.9, case="livers/few", slices=2)]  # too few slices for five
    plain = dict(tables.assist_methods(rows))["plain model"]
    assert len([r for r in plain if r.case == "livers/a" and r.prompts == "boxes"]) == 1
    assert [r.dice for r in plain if r.case == "livers/few"] == [0.9]


def test_the_losses_are_named_and_only_they() -> None:
    assert tables.losses_of_assist(assist_rows()) == [
        "livers: liver, box, 2 slices: 60.0 → 55.0",
        "livers: liver, box, 5 slices: 60.0 → 55.0",
    ]


def test_the_assist_report_tells_all(tmp_path: Path) -> None:
    write_report(tmp_path, assist_rows(), protocol("assist"))
    text = (tmp_path / REPORT).read_text()
    assert "With 1 point, SAM^assist from 2 slices reaches 55.0 where the plain model reaches 40.0 (+15.0)" in text
    assert "it is better on 2 of 2 data sets" in text
    for words in ("Fig. 7", "Fig. 10", "Table 2", "Table 3", "Table 4", "livers: liver, box, 2 slices: 60.0 → 55.0"):
        assert words in text
    assert "Fig. 9" not in text  # one scheme is no comparison
    assert "- livers/z, cyst: only 1 slice shows it." in text
    for line in text.splitlines():
        if line.startswith("!["):
            assert (tmp_path / line.split("](")[1].rstrip(")")).stat().st_size > 5000
    with (tmp_path / RESULTS).open() as file:
        assert [float(r["dice"]) for r in csv.DictReader(file)] == [r.dice for r in assist_rows()]
    assert json.loads((tmp_path / PROTOCOL).read_text())["config"]["slices"] == [2, 5]


def test_schemes_are_compared_where_there_are_several(tmp_path: Path) -> None:
    rows = assist_rows()
    rows += [replace(r, scheme="center", dice=0.99) for r in rows if r.prompts == "points"]
    write_report(tmp_path, rows, protocol("assist", schemes=("uniform", "center")))
    assert "Fig. 9" in (tmp_path / REPORT).read_text() and (tmp_path / PLOTS / "fig9_schemes.svg").exists()
    assert "99.0" not in (tmp_path / REPORT).read_text()  # the other tables are of the first scheme


def test_the_auto_report_shows_coarse_masks_and_the_user(tmp_path: Path) -> None:
    rows = [
        row(dice, method=method, prompts=prompts, points=5, slices=5, seconds=12.5, tested=90)
        for method, prompts, dice in (
            ("propagation", "points", 0.4),
            ("sapnet", "coarse", 0.6),
            ("sapnet", "points", 0.8),
            ("assist", "points", 0.9),
        )
    ]
    write_report(tmp_path, rows, protocol("auto", test_slices=None))
    text = (tmp_path / REPORT).read_text()
    order = ["| propagation | 40.0 |", "| SAP-Net, coarse mask | 60.0 |", "| SAP-Net | 80.0 |", "| SAM^assist | 90.0 |"]
    assert sorted(order, key=text.index) == order
    assert "| SAP-Net, 5 slices | 12.5 | 90 |" in text and (tmp_path / PLOTS / "fig12_auto_5.svg").exists()


def test_the_ablation_names_the_steps_that_fall(tmp_path: Path) -> None:
    dices = dict(zip(ABLATION, (0.5, 0.6, 0.55, 0.7, 0.8, 0.9, 0.92, 0.95, 0.95), strict=True))
    rows = [row(d, method=m, prompts=p, slices=5) for m, d in dices.items() for p in ("coarse", "points")]
    assert tables.falls_of_ablation(rows, list(dices)) == [
        "livers, 5 slices, + position encoding: -5.0 points on + SAM features"
    ]
    write_report(tmp_path, rows, protocol("ablation"))
    text = (tmp_path / REPORT).read_text()
    assert "Table 5" in text and "+ position encoding: -5.0 points" in text


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(tmp_path / name, assist_rows(), protocol("assist"))
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 3 + 2 * 2
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_an_interrupted_report_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(tmp_path, assist_rows(), protocol("assist"))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def interrupted(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(figures, "save_figure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(tmp_path, [row(0.1), row(0.2, method="assist")], protocol("assist"))
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_the_document_is_json_with_the_fields_that_programs_read() -> None:
    again = json.loads(json.dumps(document(assist_rows(), protocol("assist")), allow_nan=False))
    assert {"case", "label", "method", "prompts", "points", "slices", "repeat", "dice", "seconds"} <= set(
        again["rows"][0]
    )
    assert again["protocol"]["command"] == "assist"


def test_no_rows_are_no_report(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no rows"):
        write_report(tmp_path / "out", [], protocol("assist"))
    assert not (tmp_path / "out").exists()


def test_a_name_may_hold_what_separates_columns() -> None:
    assert tables.markdown_table(["", "a|b"], [["left|right", "1"]]).splitlines()[::2] == [
        "|  | a\\|b |",
        "| left\\|right | 1 |",
    ]
