"""Blind readings: several people read one case, and none of them sees what another does.

A case that one person reads has an assignee and no reading. A case that several read has no assignee and one reading a
reader, each with a state of its own; the case's state follows them until somebody who reviews decides. A reading may
also be a hidden test: it stands beside the accepted case, whose masks are the gold standard, and changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from backend.domain.workflow import CaseState

MOST_READERS = 5
"""So many people may read one case."""


class ConsensusMethod(StrEnum):
    """How several readers' masks become one proposal for the reviewer."""

    MAJORITY = "majority"
    """what more than half of them drew"""
    STAPLE = "staple"
    """what is most probable when readers count for as much as they agree"""
    READER = "reader"
    """what one of them drew"""


def state_of(readings: Collection[CaseState]) -> CaseState:
    """The state of a case from the states of its readings, at least one: submitted when all are, returned when one is,
    assigned as long as nobody has begun."""
    if not readings:
        raise ValueError("a case without readings has a state of its own")
    states = set(readings)
    if states == {CaseState.SUBMITTED}:
        return CaseState.SUBMITTED
    if CaseState.RETURNED in states:
        return CaseState.RETURNED
    return CaseState.ASSIGNED if states == {CaseState.ASSIGNED} else CaseState.IN_PROGRESS
