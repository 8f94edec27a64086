"""Reviewing cases: who drew, what has changed, and what was said about it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import APIRouter

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_cases import ReadingOut
from backend.api.schemas_people import Person
from backend.api.schemas_review import AnswerIn, ChangesOut, CommentIn, Reader, ResolveIn, ThreadOut
from backend.services.programs import PROGRAM
from backend.services.rounds import Round

router = APIRouter(prefix="/api", tags=["review"])


@router.get("/cases/{case_id}/readers", operation_id="list_readers")
def list_readers(case_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[Reader]:
    """Who or which program drew on the case, for those who review it."""
    found = s.cases.readers(user, case_id)
    return Page(
        items=[
            Reader(person=Person.of(person), is_program=person.kind == PROGRAM, slices=slices)
            for person, slices in found
        ]
    )


@router.get("/cases/{case_id}/readings", operation_id="list_readings")
def list_readings(case_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[ReadingOut]:
    """Who reads the case blind, and how far they are, for those who review it. Hidden tests are not among them."""
    found = s.readings.of_case(user, case_id)
    return Page(items=[ReadingOut.of(view) for view in found])


@router.post("/cases/{case_id}/readings/{reader_id}/return", operation_id="return_reading")
def return_reading(case_id: UUID, reader_id: UUID, user: CurrentUser, s: ServicesDep) -> ReadingOut:
    """One reader has to look again; the others keep theirs."""
    return ReadingOut.of(s.readings.send_back(user, case_id, reader_id))


@router.get("/cases/{case_id}/changes", operation_id="list_changes")
def list_changes(
    case_id: UUID, user: CurrentUser, s: ServicesDep, since: Literal[Round.PREVIOUS, Round.SUBMITTED] = Round.PREVIOUS
) -> ChangesOut:
    """On which slices which masks have changed, and by whom, since the case was sent back (`previous`) or `submitted`
    the last time: everybody's for those who review, else one's own."""
    return ChangesOut.of(s.rounds.changes(user, case_id, since))


@router.get("/cases/{case_id}/comments", operation_id="list_comments")
def list_comments(case_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[ThreadOut]:
    """The threads of a case: those that are not resolved first, then by age."""
    return Page(items=[ThreadOut.of(thread) for thread in s.comments.of_case(user, case_id)])


@router.post("/cases/{case_id}/comments", operation_id="add_comment", status_code=201)
def add_comment(case_id: UUID, body: CommentIn, user: CurrentUser, s: ServicesDep) -> ThreadOut:
    return ThreadOut.of(s.comments.add(user, case_id, body.body, body.pin(), reader_id=body.reader_id))


@router.post("/comments/{comment_id}/answers", operation_id="answer_comment", status_code=201)
def answer_comment(comment_id: UUID, body: AnswerIn, user: CurrentUser, s: ServicesDep) -> ThreadOut:
    """Answer in a thread; a resolved one is open again."""
    return ThreadOut.of(s.comments.answer(user, comment_id, body.body))


@router.patch("/comments/{comment_id}", operation_id="resolve_comment")
def resolve_comment(comment_id: UUID, body: ResolveIn, user: CurrentUser, s: ServicesDep) -> ThreadOut:
    return ThreadOut.of(s.comments.resolve(user, comment_id, resolved=body.resolved))
