"""The rules that are checked at submit, on masks small enough to see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from backend.domain.label_rules import Finding, LabelRules, Level, Rule, check
from backend.imaging.masks import BoolMask


def planes(**drawn: str) -> dict[int, BoolMask]:
    """Slices by their number, rows divided by a bar, `#` is a voxel."""
    return {
        int(name.removeprefix("s")): np.array([[cell == "#" for cell in row] for row in text.split("|")])
        for name, text in drawn.items()
    }


SQUARE = "....|.##.|.##.|...."
RING = "###.|#.#.|###.|...."
TWO = "#...|....|....|...#"
EMPTY = "....|....|....|...."


def found(
    rules: dict[str, Any], mask: dict[int, BoolMask], *others: dict[int, BoolMask]
) -> list[tuple[str, Any, float]]:
    findings = check(LabelRules.model_validate(rules), mask, others, slices=9, voxel_mm3=250.0)
    return [(finding.rule, finding.slice_index, finding.amount) for finding in findings]


@pytest.mark.parametrize(
    ("rules", "mask", "expected"),
    [
        ({"required": "block"}, {}, [("required", None, 0)]),
        ({"required": "block"}, planes(s1=EMPTY), [("required", None, 0)]),
        ({"required": "block"}, planes(s1=SQUARE), []),
        ({"islands": "warn"}, planes(s3=SQUARE, s4=SQUARE), []),
        ({"islands": "warn"}, planes(s3=SQUARE, s5=SQUARE), [("islands", 3, 2)]),
        ({"islands": "warn"}, planes(s3=TWO), [("islands", 3, 2)]),
        ({"islands": "warn", "max_islands": 2}, planes(s3=TWO), []),
        ({"islands": "warn", "max_islands": 5, "min_island_mm3": 500}, planes(s2=SQUARE, s7=TWO), [("islands", 7, 3)]),
        ({"islands": "warn"}, planes(s3="#...|....|....|....", s4=".#..|....|....|...."), []),  # over an edge
        ({"holes": "warn"}, planes(s2=SQUARE, s3=RING), [("holes", 3, 1)]),
        ({"holes": "warn"}, planes(s2="###.|#.#.|#.#.|...."), []),  # open
        ({"missing_slices": "warn"}, planes(s2=SQUARE, s3=EMPTY, s6=SQUARE), [("missing_slices", 3, 3)]),
        ({"missing_slices": "warn"}, planes(s2=SQUARE, s3=SQUARE), []),
        ({"volume": "warn", "max_ml": 0.9}, planes(s2=TWO, s3=SQUARE), [("volume", 3, 1.5)]),
        ({"volume": "warn", "min_ml": 2}, planes(s3=SQUARE), [("volume", 3, 1.0)]),
        ({"volume": "warn", "min_ml": 1, "max_ml": 1}, planes(s3=SQUARE), []),
    ],
)
def test_one_label(rules: dict[str, Any], mask: dict[int, BoolMask], expected: list[Any]) -> None:
    assert found(rules, mask) == expected
    assert found({}, mask) == []


def test_labels_that_share_voxels_or_touch() -> None:
    left, right = planes(s4="##..|##..|....|...."), planes(s4=".##.|....|....|....")
    assert found({"overlap": "block"}, left, right) == [("overlap", 4, 1)]
    beside = planes(s4="..#.|....|....|....")
    assert found({"overlap": "block"}, left, beside) == []
    assert found({"touching": "block"}, left, beside) == [("touching", 4, 1)]
    assert found({"touching": "block"}, left, planes(s4="...#|..#.|....|....")) == [("touching", 4, 1)]
    assert found({"touching": "block"}, left, planes(s4="...#|...#|..#.|....")) == []  # over a corner
    assert found({"touching": "block"}, left, planes(s3="#...|....|....|....")) == [("touching", 3, 1)]
    assert found({"touching": "block"}, left, planes(s2="#...|....|....|....")) == []


def test_the_level_comes_with_the_finding() -> None:
    rules = LabelRules(holes=Level.BLOCK, required=Level.WARN)
    assert check(rules, planes(s0=RING), [], slices=1, voxel_mm3=1) == [Finding(Rule.HOLES, Level.BLOCK, 0, 1)]
    assert rules.active and not LabelRules().active


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValidationError, match="larger than the largest"):
        LabelRules(min_ml=3, max_ml=2)
