"""Dealing cases to people so that their loads become even: each case to one, or to several who read it."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import TypeVar

Who = TypeVar("Who")


def deal(count: int, load: Mapping[Who, int]) -> list[Who]:
    """Who gets each of `count` cases: always the one with the fewest, in the order of `load` among equals. With equal
    loads that is round robin.

    `load`: how many open cases each person has already; at least one person.
    """
    if not load:
        raise ValueError("there is nobody to deal to")
    order = list(load)
    waiting = [(cases, place) for place, cases in enumerate(load.values())]
    heapify(waiting)
    dealt = []
    for _ in range(count):
        cases, place = heappop(waiting)
        dealt.append(order[place])
        heappush(waiting, (cases + 1, place))
    return dealt


def deal_to_several(count: int, load: Mapping[Who, int], each: int) -> list[list[Who]]:
    """Who reads each of `count` cases: always the `each` people with the fewest, in the order of `load` among equals.

    `load`: how many open cases each person has already; at least `each` people.
    """
    if not 1 <= each <= len(load):
        raise ValueError(f"{each} of {len(load)} people cannot read one case")
    order = list(load)
    waiting = [(cases, place) for place, cases in enumerate(load.values())]
    heapify(waiting)
    dealt = []
    for _ in range(count):
        fewest = [heappop(waiting) for _ in range(each)]
        dealt.append([order[place] for _, place in fewest])
        for cases, place in fewest:
            heappush(waiting, (cases + 1, place))
    return dealt
