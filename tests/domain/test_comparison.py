"""The figures of a blinded comparison against those of a library, and what makes a winner."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from scipy.stats import binomtest

from backend.domain.comparison import (
    Choice,
    ComparisonSettings,
    MaskSource,
    Source,
    Tally,
    Winner,
    majority,
    sign_test,
    wilson,
    winner_of,
)

HUMAN, PLAIN = Source(what=MaskSource.HUMAN), Source(what=MaskSource.PLAIN, how="computed")


@pytest.mark.parametrize(("wins", "losses"), [(0, 1), (1, 0), (5, 5), (9, 1), (17, 4), (240, 260), (0, 500)])
def test_figures_are_those_of_the_textbook(wins: int, losses: int) -> None:
    known = binomtest(wins, wins + losses)
    assert sign_test(wins, losses) == pytest.approx(known.pvalue, rel=1e-9)
    interval = known.proportion_ci(method="wilson")
    assert wilson(wins, wins + losses) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_a_tally_without_preferences_has_no_share() -> None:
    tally = Tally.of([Winner.NONE, Winner.NONE])
    assert (tally.first, tally.second, tally.none) == (0, 0, 2)
    assert tally.share is None and tally.interval is None and tally.p_value is None


def test_who_wins_depends_on_the_side() -> None:
    assert winner_of(Choice.LEFT, first_is_left=True) is Winner.FIRST
    assert winner_of(Choice.LEFT, first_is_left=False) is Winner.SECOND
    assert winner_of(Choice.RIGHT, first_is_left=False) is Winner.FIRST
    assert winner_of(Choice.NONE, first_is_left=True) is Winner.NONE


def test_most_readers_decide_and_a_draw_is_no_difference() -> None:
    assert majority([Winner.FIRST, Winner.NONE, Winner.SECOND, Winner.FIRST]) is Winner.FIRST
    assert majority([Winner.FIRST, Winner.SECOND, Winner.NONE]) is Winner.NONE
    assert majority([Winner.NONE, Winner.SECOND]) is Winner.SECOND


@pytest.mark.parametrize(
    ("first", "second"), [(HUMAN, HUMAN), (PLAIN, PLAIN), (Source(what=MaskSource.HUMAN, how="computed"), PLAIN)]
)
def test_what_cannot_be_compared_is_refused(first: Source, second: Source) -> None:
    with pytest.raises(ValidationError):
        ComparisonSettings(first=first, second=second)


def test_only_what_learns_needs_slices_to_learn_from() -> None:
    assert not ComparisonSettings(first=PLAIN, second=HUMAN).learns
    assert ComparisonSettings(first=Source(what=MaskSource.AUTO, how="computed"), second=HUMAN).learns
    assert not ComparisonSettings(first=Source(what=MaskSource.AUTO), second=HUMAN).learns
