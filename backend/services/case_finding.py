"""Which cases of a project are meant: filters and orders. Functions within a unit of work; who may: services.cases."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID

from sqlalchemy import Select, exists, func, or_, true
from sqlalchemy.orm import Session

from backend.db.tables import Annotation, Case, Project, Reading, VolumeRow
from backend.domain.workflow import LOCKED_STATES, OPEN_STATES, CaseState, Role
from backend.services.access import Principal, members_here, role_in, seen_cases, state_for


class CaseOrder(StrEnum):
    """Newest first, or as a queue: high priority, then what is due sooner, then what came first."""

    NEWEST = "newest"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases of a project. `assignee` left: of somebody, or read blind by
    somebody, who cannot work on it any more; `label_id`: somebody drew
    this label; `text`: the name holds it; `overdue`: open, and the due date is past."""

    state: CaseState | None = None
    assignee: UUID | Literal["nobody", "left"] | None = None
    label_id: UUID | None = None
    text: str | None = None
    overdue: bool = False


def matching(session: Session, who: Principal, project: Project, where: CaseFilter) -> Select[Case]:
    """Of the cases that the caller sees; nobody learns from a filter what others drew on a case that is read blind."""
    query = seen_cases(session, who, project)
    if where.state is not None:
        query = query.where(state_for(session, who, project.id) == where.state)
    if where.assignee == "nobody":
        query = query.where(Case.assignee_id.is_(None), Case.is_blind.is_(False))
    elif where.assignee == "left":
        here = members_here(project.id)
        reads = exists().where(Reading.case_id == Case.id, Reading.reader_id.not_in(here), Reading.is_test.is_(False))
        reads = reads.where(Reading.state.in_(OPEN_STATES))
        query = query.where(or_(Case.assignee_id.not_in(here), reads), Case.state.in_(OPEN_STATES))
    elif where.assignee is not None:
        shown = true() if where.assignee == who.id else Reading.is_test.is_(False)
        reads = exists().where(Reading.case_id == Case.id, Reading.reader_id == where.assignee, shown)
        query = query.where(or_(Case.assignee_id == where.assignee, reads))
    if where.label_id is not None:
        drawn = exists().where(VolumeRow.case_id == Case.id, Annotation.volume_id == VolumeRow.id)
        drawn = drawn.where(Annotation.label_id == where.label_id)
        if role_in(session, who, project.id) is Role.ANNOTATOR:
            read = exists().where(Reading.case_id == Case.id, Reading.reader_id == who.id)
            drawn = drawn.where(or_(Annotation.annotator_id == who.id, ~read))
        query = query.where(drawn)
    if where.overdue:
        query = query.where(Case.due_on < func.current_date(), Case.state.not_in(LOCKED_STATES))
    if where.text:
        query = query.where(Case.name.icontains(where.text, autoescape=True))
    return query
