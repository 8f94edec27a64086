"""Roles, what each role may do, and the states of a case: one table each, read by the services."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A person's part in one project. Administrators of the installation act as managers everywhere."""

    MANAGER = "manager"
    REVIEWER = "reviewer"
    ANNOTATOR = "annotator"
    VIEWER = "viewer"


class TokenScope(StrEnum):
    """What a personal token is good for: everything that its owner may do, or reading alone."""

    ALL = "all"
    READ = "read"


class Action(StrEnum):
    """What a route needs. Every route names exactly one."""

    VIEW = "view"
    ANNOTATE = "annotate"
    UPLOAD = "upload"
    EXPORT = "export"
    REVIEW = "review"
    MANAGE = "manage"
    IDENTIFY = "look up identities"


ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.VIEW}),
    Role.ANNOTATOR: frozenset({Action.VIEW, Action.ANNOTATE}),
    Role.REVIEWER: frozenset({Action.VIEW, Action.ANNOTATE, Action.REVIEW, Action.EXPORT}),
    Role.MANAGER: frozenset(Action),
}


class CaseState(StrEnum):
    """Where a case stands in its life."""

    NEW = "new"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    RETURNED = "returned"


# state -> next state -> the action that the person must be allowed to do
TRANSITIONS: dict[CaseState, dict[CaseState, Action]] = {
    CaseState.NEW: {
        CaseState.ASSIGNED: Action.MANAGE,
        CaseState.IN_PROGRESS: Action.ANNOTATE,
        CaseState.SUBMITTED: Action.ANNOTATE,
    },
    CaseState.ASSIGNED: {
        CaseState.NEW: Action.MANAGE,
        CaseState.IN_PROGRESS: Action.ANNOTATE,
        CaseState.SUBMITTED: Action.ANNOTATE,
    },
    CaseState.IN_PROGRESS: {CaseState.SUBMITTED: Action.ANNOTATE, CaseState.ASSIGNED: Action.MANAGE},
    CaseState.SUBMITTED: {
        CaseState.ACCEPTED: Action.REVIEW,
        CaseState.RETURNED: Action.REVIEW,
        CaseState.IN_PROGRESS: Action.ANNOTATE,
    },
    CaseState.ACCEPTED: {CaseState.RETURNED: Action.MANAGE},  # a result is taken back by who answers for it
    CaseState.RETURNED: {
        CaseState.IN_PROGRESS: Action.ANNOTATE,
        CaseState.SUBMITTED: Action.ANNOTATE,
        CaseState.ASSIGNED: Action.MANAGE,
    },
}

LOCKED_STATES = (CaseState.SUBMITTED, CaseState.ACCEPTED)
"""States in which the annotator's masks stand as they are."""

OPEN_STATES = (CaseState.ASSIGNED, CaseState.IN_PROGRESS, CaseState.RETURNED)
"""States in which the ball is with the annotator."""
