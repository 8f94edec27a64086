"""The protocol: what is annotated and what is tested, that settings are compared on the same prompts, that a seed is a
table, and that many processes give the rows of one."""

from __future__ import annotations

import multiprocessing
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from tests.sammed.evaluation_cases import FAST, cells, volume
from workers.sammed import NotEnoughSlices, SammedError, SamModel
from workers.sammed.auto import ABLATION
from workers.sammed.cases import Subject, Unit, evenly, stream
from workers.sammed.protocol import (
    InvalidProtocol,
    ProtocolConfig,
    Row,
    evaluate,
    evaluate_ablation,
    evaluate_assist,
    evaluate_auto,
    plan,
)
from workers.sammed.trials import Tally, TimedSlices, Trial

BASELINE_METHODS = {"grabcut", "random_walker", "region_growing"}


def without_seconds(rows: list[Row]) -> list[dict[str, Any]]:
    return [{k: v for k, v in asdict(row).items() if k != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def assist_rows(small_model: SamModel) -> list[Row]:
    return list(evaluate_assist(small_model, [volume(both=True)], FAST))


# ---- what is annotated, what is tested --------------------------------------------------------------------------


def trial_of(model: SamModel, repeat: int = 1, **changes: Any) -> Trial:
    case, unit = volume(slices=15), Unit(0, 1, (2, 5))
    return Trial(model, TimedSlices(model, case), Subject(case, 1), unit, replace(FAST, **changes), repeat)


def test_few_annotated_slices_are_a_part_of_the_many_and_none_is_tested(small_model: SamModel) -> None:
    for repeat in range(1, 6):
        trial = trial_of(small_model, repeat)
        assert len(trial.annotated[2]) == 2 and len(trial.annotated[5]) == 5
        assert set(trial.annotated[2]) < set(trial.annotated[5])
        assert set(trial.left) == set(trial.subject.shown()) - set(trial.annotated[5])
        assert not set(trial.background) & set(trial.subject.shown()) and len(trial.background) == 1


def test_repeats_and_seeds_annotate_other_slices(small_model: SamModel) -> None:
    chosen = {tuple(trial_of(small_model, repeat).annotated[5]) for repeat in range(1, 5)}
    chosen |= {tuple(trial_of(small_model, seed=seed).annotated[5]) for seed in range(1, 5)}
    assert len(chosen) > 4


def test_random_numbers_depend_on_the_words_alone() -> None:
    first, again = stream(3, "case", "label", 1), stream(3, "case", "label", 1)
    np.testing.assert_array_equal(first.random(4), again.random(4))
    others = [stream(4, "case", "label", 1), stream(3, "case", "label", 2), stream(3, "caselabel", 1)]
    values = {tuple(rng.random(4)) for rng in (stream(3, "case", "label", 1), *others)}
    assert len(values) == 4


def test_tested_slices_are_spread_evenly() -> None:
    assert evenly(list(range(100)), 5) == [0, 25, 50, 74, 99]
    assert evenly([3, 4, 9], 5) == [3, 4, 9] == evenly([3, 4, 9], None)


def test_labels_with_too_few_slices_are_left_out_with_a_sentence() -> None:
    small = volume("small", slices=5)  # the label is on three slices
    units, skipped = plan([small, volume(both=True)], FAST)
    assert [(u.case, u.value, u.slices) for u in units] == [(0, 1, (2,)), (1, 1, (2, 3)), (1, 2, (2, 3))]
    assert len(skipped) == 1 and "small, ball: only 3 slices show it; 3 annotated" in skipped[0]
    with pytest.raises(NotEnoughSlices, match="only 3 slices"):
        plan([small], replace(FAST, slices=(5,)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"slices": (0, 2)}, "number of slices is 0"),
        ({"points": (-1,)}, "number of points is -1"),
        ({"prompts": ("lines",)}, "no prompt kind lines"),
        ({"schemes": ("random",)}, "no sampling scheme random"),
        ({"generators": ("magic",)}, "no generator magic"),
        ({"baselines": ("magic",)}, "no baseline magic"),
        ({"repeats": 0}, "number of repeats is 0"),
        ({"prompts": ()}, "one entry at least"),
    ],
)
def test_settings_that_mean_nothing_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidProtocol, match=sentence):
        replace(ProtocolConfig(), **change)


# ---- SAM^assist -------------------------------------------------------------------------------------------------


def test_every_setting_has_its_row(assist_rows: list[Row]) -> None:
    for label in ("ball", "marble"):
        for slices in (2, 3):
            rows = [r for r in assist_rows if r.label == label and r.slices == slices]
            settings = {(r.prompts, r.points): {x.method for x in rows if x.prompts == r.prompts} for r in rows}
            assert set(settings) == {("points", 1), ("points", 3), ("boxes", 0), ("composite", 2)}
            assert settings["points", 1] == settings["boxes", 0] == {"plain", "assist"} | BASELINE_METHODS
            assert settings["composite", 2] == {"plain", "assist"}
    assert all(0 <= r.dice <= 1 and r.dice == r.dice_slices and r.seconds >= 0 for r in assist_rows)
    assert {r.tested for r in assist_rows if r.method in ("plain", "assist")} == {3}
    assert {r.tested for r in assist_rows if r.method in BASELINE_METHODS} == {2}


def test_what_learns_nothing_answers_the_same_whatever_is_annotated(assist_rows: list[Row]) -> None:
    for method in {"plain", *BASELINE_METHODS}:
        by_slices: list[list[float]] = [
            [r.dice for r in assist_rows if r.method == method and r.slices == slices] for slices in (2, 3)
        ]
        assert by_slices[0] == by_slices[1] and by_slices[0]


def test_an_unlearned_prompt_answers_like_the_plain_model(small_model: SamModel) -> None:
    """One step at a rate of almost nothing: then both methods saw the same slices and prompts."""
    config = replace(
        FAST, assist=replace(FAST.assist, steps=1, learning_rate=1e-12), points=(3,), prompts=("points", "boxes")
    )
    rows = list(evaluate_assist(small_model, [volume()], config))
    plain = [(r.prompts, r.dice) for r in rows if r.method == "plain"]
    assert plain == [(r.prompts, r.dice) for r in rows if r.method == "assist"]


def test_active_correction_keeps_the_best_mask(small_model: SamModel) -> None:
    """With no corrections it is the box alone; more of them never make it worse."""
    without, with_some = (
        {
            (r.method, r.slices): r.dice
            for r in evaluate_assist(
                small_model, [volume()], replace(FAST, prompts=("composite",), corrections=n, slices=(2,))
            )
        }
        for n in (0, 4)
    )
    assert all(with_some[key] >= without[key] for key in without)


def test_the_same_seed_gives_the_same_rows_in_one_process_and_in_two(
    small_model: SamModel, assist_rows: list[Row]
) -> None:
    steps: list[tuple[int, int, str]] = []
    cases = [volume(both=True)]
    rows = list(evaluate("assist", small_model, cases, FAST, jobs=2, on_progress=lambda *step: steps.append(step)))
    assert without_seconds(rows) == without_seconds(assist_rows)
    assert steps == [(1, 2, "ball, ball"), (2, 2, "ball, marble")]


QUICK = replace(FAST, slices=(2,), prompts=("boxes",), baselines=())


def test_closing_the_iterator_ends_the_processes(small_model: SamModel) -> None:
    rows = evaluate("assist", small_model, [volume("a"), volume("b"), volume("c")], QUICK, jobs=2)
    assert next(rows).case == "a" and len(multiprocessing.active_children()) == 2
    rows.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_ends_the_evaluation_with_a_sentence(small_model: SamModel) -> None:
    cases = [volume(name) for name in "abcdef"]

    def kill(done: int, total: int, name: str) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(SammedError, match="ended from outside"):
        list(evaluate("assist", small_model, cases, QUICK, jobs=2, on_progress=kill))
    assert multiprocessing.active_children() == []


def test_another_seed_gives_other_rows(small_model: SamModel, assist_rows: list[Row]) -> None:
    other = evaluate_assist(small_model, [volume()], replace(FAST, seed=1, slices=(2,), prompts=("points",)))
    same = [r for r in assist_rows if r.label == "ball" and r.slices == 2 and r.prompts == "points"]
    assert without_seconds(list(other)) != without_seconds(same)


def test_schemes_stand_beside_each_other(small_model: SamModel) -> None:
    config = replace(FAST, schemes=("uniform", "center", "boundary"), slices=(2,), baselines=())
    rows = list(evaluate_assist(small_model, [volume()], config))
    assert {r.scheme for r in rows if r.prompts == "points"} == {"uniform", "center", "boundary"}
    assert {r.scheme for r in rows if r.prompts != "points"} == {"uniform"}


def test_instances_are_asked_for_one_by_one(small_model: SamModel) -> None:
    config = replace(FAST, prompts=("boxes",), slices=(2,))
    all_four = list(evaluate_assist(small_model, [cells()], config))
    assert {r.label for r in all_four} == {"cell"} and {r.interactions for r in all_four} == {4.0}
    two = list(evaluate_assist(small_model, [cells()], replace(config, instances=2)))
    assert {r.interactions for r in two} == {2.0}
    found = {r.method: r.dice for r in all_four}
    assert found["region_growing"] > 0.8  # a box for each cell: one box around all would have no seed in any


# ---- SAM^auto and the ablation ----------------------------------------------------------------------------------


def test_every_generator_has_its_rows(small_model: SamModel) -> None:
    rows = list(evaluate_auto(small_model, [volume()], replace(FAST, slices=(2,), test_slices=None)))
    kinds = {(r.method, r.prompts) for r in rows}
    assert kinds == {
        ("interpolation", "coarse"),
        ("interpolation", "points"),
        ("propagation", "points"),
        ("classification", "coarse"),
        ("classification", "points"),
        ("sapnet", "coarse"),
        ("sapnet", "points"),
        ("assist", "points"),
    }
    generated = [r for r in rows if r.method != "assist"]
    assert {r.tested for r in generated} == {9 - 2 - 1}  # all but the annotated and the background slice
    assert all(r.dice == r.dice_union and r.interactions == 0 for r in generated)
    assert all(r.interactions > 0 for r in rows if r.method == "assist")


def test_a_set_of_pictures_has_no_propagation_and_boxes_for_instances(small_model: SamModel) -> None:
    rows = list(evaluate_auto(small_model, [cells()], replace(FAST, slices=(2,))))
    assert {(r.method, r.prompts) for r in rows if r.method != "assist"} == {
        ("classification", "coarse"),
        ("classification", "boxes"),
        ("sapnet", "coarse"),
        ("sapnet", "boxes"),
    }
    assert all(r.dice == r.dice_slices for r in rows)


def test_the_ablation_has_the_rows_of_the_paper_and_repeats_itself(small_model: SamModel) -> None:
    config = replace(FAST, slices=(2,), test_slices=1)
    rows, again = (list(evaluate_ablation(small_model, [volume()], config)) for _ in range(2))
    assert [(r.method, r.prompts) for r in rows] == [(name, kind) for name in ABLATION for kind in ("coarse", "points")]
    assert without_seconds(rows) == without_seconds(again)


def test_generators_repeat_themselves(small_model: SamModel) -> None:
    config = replace(FAST, slices=(2,))
    first, again = (without_seconds(list(evaluate_auto(small_model, [volume()], config))) for _ in range(2))
    assert first == again


def test_an_empty_slice_counts_in_the_union_alone() -> None:
    tally = Tally()
    full, empty = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    tally.add(full, full)
    tally.add(full, empty)  # all of it false
    assert tally.dices == [1.0] and 2 * tally.overlap / tally.total == pytest.approx(2 * 16 / 48)
