"""Dealing cases: loads become as even as they can, and equal loads are dealt in turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.assignment import deal, deal_to_several


def test_equal_loads_are_dealt_in_turn() -> None:
    assert deal(5, {"ann": 0, "bob": 0, "cho": 0}) == ["ann", "bob", "cho", "ann", "bob"]


def test_who_has_less_gets_more() -> None:
    assert deal(4, {"ann": 3, "bob": 0}) == ["bob", "bob", "bob", "ann"]


def test_somebody_is_needed() -> None:
    with pytest.raises(ValueError, match="nobody"):
        deal(1, {})


@given(st.integers(0, 60), st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_nobody_who_got_a_case_has_two_more_than_another(count: int, loads: list[int]) -> None:
    dealt = deal(count, dict(enumerate(loads)))
    after = [load + dealt.count(person) for person, load in enumerate(loads)]
    assert len(dealt) == count
    for person in set(dealt):
        assert after[person] <= min(after) + 1


@given(st.integers(0, 40), st.lists(st.integers(0, 9), min_size=2, max_size=6), st.data())
def test_a_case_that_several_read_has_different_readers(count: int, loads: list[int], data: st.DataObject) -> None:
    each = data.draw(st.integers(1, len(loads)))
    dealt = deal_to_several(count, dict(enumerate(loads)), each)
    assert [len(set(readers)) for readers in dealt] == [each] * count
    after = [load + sum(person in readers for readers in dealt) for person, load in enumerate(loads)]
    assert sum(after) == sum(loads) + each * count


def test_several_cases_of_two_are_dealt_evenly() -> None:
    assert deal_to_several(3, {"ann": 0, "bob": 0, "cho": 0}, 2) == [["ann", "bob"], ["cho", "ann"], ["bob", "cho"]]
    with pytest.raises(ValueError, match="cannot read"):
        deal_to_several(1, {"ann": 0}, 2)
