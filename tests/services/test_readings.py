"""Blind readings: two people read one case, and neither learns anything of what the other does; gold cases hidden in
a queue; whose masks are the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pytest

from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import JobKind, LearnPromptPayload
from backend.domain.learning import Verdict
from backend.domain.workflow import CaseState, Role
from backend.imaging import masks
from backend.services.access import CaseNotFound, Principal, RoleForbids, VolumeNotFound
from backend.services.case_changes import ForbiddenTransition
from backend.services.case_dealing import AssigneeNotAMember, CaseChange
from backend.services.case_finding import CaseFilter
from backend.services.comments import CommentNotFound, Pin
from backend.services.learned_prompts import LearnedPromptNotFound, NewLearnedPrompt
from backend.services.projects import LabelDraft
from backend.services.readings import CannotBeRead
from backend.services.rounds import RevisionNotFound, Round
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, new_volume, person


@dataclass(frozen=True)
class Clinic:
    """A project with a label, a manager, a reviewer and three annotators, Ada, Ben and Cem."""

    project_id: UUID
    label_id: UUID
    manager: Principal
    reviewer: Principal
    ada: Principal
    ben: Principal
    cem: Principal


@pytest.fixture(scope="module")
def clinic(services: Services, admin: Principal) -> Clinic:
    people = {name: person(services, admin, f"{name}@readings.org") for name in ("boss", "rev", "ada", "ben", "cem")}
    project = services.projects.create(people["boss"], "Readings", "", [LabelDraft("kidney", "#b96653")])
    for name, role in {
        "rev": Role.REVIEWER,
        "ada": Role.ANNOTATOR,
        "ben": Role.ANNOTATOR,
        "cem": Role.ANNOTATOR,
    }.items():
        services.projects.set_member(people["boss"], project.project.id, people[name].email, role)
    boss, rev, ada, ben, cem = people.values()
    return Clinic(project.project.id, project.labels[0].id, boss, rev, ada, ben, cem)


@dataclass(frozen=True)
class Scan:
    case_id: UUID
    volume_id: UUID


_seeds = iter(range(100, 200))


def scan(services: Services, clinic: Clinic) -> Scan:
    """A new case with a volume."""
    seed = next(_seeds)
    stored = services.imports.store(clinic.project_id, new_volume(services, seed, study_key=f"9.{seed}"))
    return Scan(stored.case_id, stored.volume_id)


def assign(services: Services, clinic: Clinic, case: Scan, people: Sequence[Principal], readers: int = 2) -> None:
    change = CaseChange(assign_to=[who.id for who in people], readers=readers)
    changed, refused = services.cases.change_many(clinic.manager, clinic.project_id, [case.case_id], change)
    assert (changed, refused) == (1, [])


def draw(services: Services, clinic: Clinic, who: Principal, case: Scan, rows: slice) -> UUID:
    """Flip some rows of slice 2; the annotation's id."""
    view = services.annotations.create(who, case.volume_id, clinic.label_id, None)
    plane = np.zeros(SHAPE_KJI[1:], bool)
    plane[rows] = True
    flips = SliceFlips(2, (SHAPE_KJI[1], SHAPE_KJI[2]), masks.encode(plane)["counts"])
    services.annotations.append(who, view.annotation.id, RevisionDraft(new_id(), view.head, Origin.MANUAL, (flips,)))
    return view.annotation.id


def state(services: Services, who: Principal, case: Scan) -> CaseState:
    return services.cases.get(who, case.case_id).state


def submit(services: Services, who: Principal, case: Scan) -> None:
    services.cases.change(who, case.case_id, {"state": CaseState.SUBMITTED})


def work(services: Services, who: Principal) -> set[UUID]:
    return {view.case.id for view, _ in services.cases.work(who, limit=100, cursor=None).items}


def test_each_reader_has_a_case_of_their_own_until_both_are_done(services: Services, clinic: Clinic) -> None:
    case = scan(services, clinic)
    assign(services, clinic, case, [clinic.ada, clinic.ben])
    assert case.case_id in work(services, clinic.ada) & work(services, clinic.ben)
    draw(services, clinic, clinic.ada, case, slice(2, 6))
    submit(services, clinic.ada, case)

    hers, his = services.cases.get(clinic.ada, case.case_id), services.cases.get(clinic.ben, case.case_id)
    assert (hers.state, hers.annotated_slices) == (CaseState.SUBMITTED, 1)
    assert hers.assignee is not None and hers.assignee.id == clinic.ada.id
    assert (his.state, his.annotated_slices, his.readings) == (CaseState.ASSIGNED, 0, ())
    assert his.assignee is not None and his.assignee.id == clinic.ben.id
    assert state(services, clinic.reviewer, case) is CaseState.IN_PROGRESS
    assert case.case_id not in work(services, clinic.ada)

    draw(services, clinic, clinic.ben, case, slice(3, 6))
    submit(services, clinic.ben, case)
    seen = services.cases.get(clinic.reviewer, case.case_id)
    assert seen.state is CaseState.SUBMITTED
    assert {(view.reader.id, view.reading.state) for view in seen.readings} == {
        (clinic.ada.id, "submitted"),
        (clinic.ben.id, "submitted"),
    }


def test_nothing_of_one_reader_reaches_another(services: Services, clinic: Clinic) -> None:
    case = scan(services, clinic)
    assign(services, clinic, case, [clinic.ada, clinic.ben])
    annotation_id = draw(services, clinic, clinic.ada, case, slice(2, 6))
    services.leases.take(clinic.ada, case.case_id)
    services.comments.add(clinic.ada, case.case_id, "Is this the cortex?", Pin())
    learned = _learn(services, clinic, clinic.ada, case)

    assert services.annotations.mine(clinic.ben, case.volume_id) == []
    for forbidden in (services.annotations.drawn, services.annotations.revisions):
        with pytest.raises(RoleForbids):
            forbidden(clinic.ben, annotation_id)
    with pytest.raises(RoleForbids):
        services.cases.readers(clinic.ben, case.case_id)
    assert services.cases.get(clinic.ben, case.case_id).opened_by is None
    assert services.leases.take(clinic.ben, case.case_id).is_mine
    assert services.comments.of_case(clinic.ben, case.case_id) == []
    drawn = CaseFilter(label_id=clinic.label_id)
    found = services.cases.search(clinic.ben, clinic.project_id, drawn, limit=100, cursor=None)
    assert case.case_id not in {view.case.id for view in found.items}

    prompts, jobs, networks = services.learned_prompts, services.jobs, services.networks
    assert prompts.of_project(clinic.ben, clinic.project_id, label_id=None, limit=50, cursor=None).items == []
    assert jobs.of_project(clinic.ben, clinic.project_id, limit=50, cursor=None).items == []
    assert networks.of_project(clinic.ben, clinic.project_id, label_id=None, limit=50, cursor=None).items == []
    with pytest.raises(LearnedPromptNotFound):
        prompts.get(clinic.ben, learned)
    services.projects.change_label(clinic.manager, clinic.label_id, {"warm_start_id": learned})
    assert prompts.warm_start(clinic.label_id, clinic.ada.id, "a" * 64, pictures=False) is not None
    assert prompts.warm_start(clinic.label_id, clinic.ben.id, "a" * 64, pictures=False) is None

    with pytest.raises(CaseNotFound):
        services.cases.get(clinic.cem, case.case_id)  # who does not read it does not see it
    with pytest.raises(VolumeNotFound):
        services.annotations.create(clinic.cem, case.volume_id, clinic.label_id, None)


def _learn(services: Services, clinic: Clinic, who: Principal, case: Scan) -> UUID:
    """A learned prompt as a job keeps it."""
    payload = LearnPromptPayload(volume_id=case.volume_id, label_id=clinic.label_id, annotator_id=who.id)
    with services.db.begin() as session:
        job = services.jobs.add(session, who, JobKind.LEARN_PROMPT, payload, project_id=clinic.project_id, id=new_id())
    kept = services.learned_prompts.keep(
        NewLearnedPrompt(
            job_id=job.id,
            project_id=clinic.project_id,
            volume_id=case.volume_id,
            label_id=clinic.label_id,
            annotator_id=who.id,
            model="sammed-small",
            model_checksum="a" * 64,
            checksum="b" * 64,
            tensors=b"tensors",
            provenance={"examples": [], "warm_start": None},
            verdict=Verdict(active=True, plain=0.5, learned=0.6, gain=0.1, folds=2, sensitive=True, reason="better"),
        )
    )
    return kept.id


def test_one_reader_is_sent_back_with_a_comment_of_their_own(services: Services, clinic: Clinic) -> None:
    case = scan(services, clinic)
    assign(services, clinic, case, [clinic.ada, clinic.ben])
    for who in (clinic.ada, clinic.ben):
        draw(services, clinic, who, case, slice(2, 6))
        submit(services, who, case)
    pin = Pin(case.volume_id, clinic.label_id, 2, (3, 4))
    thread = services.comments.add(clinic.reviewer, case.case_id, "Too large", pin, reader_id=clinic.ben.id)
    services.readings.send_back(clinic.reviewer, case.case_id, clinic.ben.id)

    states = {who.name: state(services, who, case) for who in (clinic.ada, clinic.ben, clinic.reviewer)}
    assert states == {"Ada": CaseState.SUBMITTED, "Ben": CaseState.RETURNED, "Rev": CaseState.RETURNED}
    assert len(services.comments.of_case(clinic.ben, case.case_id)) == 1
    assert services.comments.of_case(clinic.ada, case.case_id) == []
    with pytest.raises(CommentNotFound):
        services.comments.answer(clinic.ada, thread.first.comment.id, "Me too?")
    submit(services, clinic.ben, case)
    assert state(services, clinic.reviewer, case) is CaseState.SUBMITTED


def test_the_round_before_is_what_was_sent_back(services: Services, clinic: Clinic) -> None:
    case = scan(services, clinic)
    assign(services, clinic, case, [clinic.ada, clinic.ben])
    annotation_id = draw(services, clinic, clinic.ben, case, slice(2, 6))
    for who in (clinic.ada, clinic.ben):
        submit(services, who, case)

    def voxels(round: Round) -> int:
        drawn = services.annotations.drawn(clinic.reviewer, annotation_id, round=round).by_slice
        return sum(masks.area(rle) for rle in drawn.values())

    with pytest.raises(RevisionNotFound, match="never sent back"):
        voxels(Round.PREVIOUS)
    services.readings.send_back(clinic.reviewer, case.case_id, clinic.ben.id)
    draw(services, clinic, clinic.ben, case, slice(5, 8))  # row 5 goes, rows 6 and 7 come
    assert (voxels(Round.PREVIOUS), voxels(Round.NOW)) == (4 * SHAPE_KJI[2], 5 * SHAPE_KJI[2])


def test_who_reviews_says_whose_masks_are_the_result(services: Services, clinic: Clinic) -> None:
    case = scan(services, clinic)
    assign(services, clinic, case, [clinic.ada, clinic.ben])
    for who in (clinic.ada, clinic.ben):
        draw(services, clinic, who, case, slice(2, 6))
        submit(services, who, case)
    accept = {"state": CaseState.ACCEPTED}
    with pytest.raises(ForbiddenTransition, match="Several people"):
        services.cases.change(clinic.reviewer, case.case_id, accept)
    services.cases.change(clinic.reviewer, case.case_id, {**accept, "result_by_id": clinic.ben.id})
    seen = services.cases.get(clinic.reviewer, case.case_id)
    assert seen.result_by is not None and seen.result_by.id == clinic.ben.id
    with pytest.raises(ForbiddenTransition, match="accepted"):
        services.cases.change(clinic.ada, case.case_id, {"state": CaseState.IN_PROGRESS})
    services.cases.change(clinic.manager, case.case_id, {"state": CaseState.RETURNED})
    assert {state(services, who, case) for who in (clinic.ada, clinic.ben)} == {CaseState.RETURNED}


def test_who_left_is_found_and_replaced_and_who_began_goes_on(
    services: Services, admin: Principal, clinic: Clinic
) -> None:
    dan = person(services, admin, "dan@leaves.example.org")
    services.projects.set_member(clinic.manager, clinic.project_id, dan.email, Role.ANNOTATOR)
    case = scan(services, clinic)
    assign(services, clinic, case, [clinic.ada, dan])
    draw(services, clinic, clinic.ada, case, slice(2, 6))
    draw(services, clinic, dan, case, slice(3, 6))

    def of_who_left() -> list[UUID]:
        found = services.cases.search(
            clinic.manager, clinic.project_id, CaseFilter(assignee="left"), limit=50, cursor=None
        )
        return [view.case.id for view in found.items]

    assert case.case_id not in of_who_left()
    services.projects.set_member(clinic.manager, clinic.project_id, dan.email, None)
    assert case.case_id in of_who_left()
    assign(services, clinic, case, [clinic.ben, clinic.cem])
    reading = {view.reader.id: view.reading.state for view in services.readings.of_case(clinic.manager, case.case_id)}
    assert reading.pop(clinic.ada.id) == CaseState.IN_PROGRESS
    assert list(reading.values()) == [CaseState.ASSIGNED] and reading.keys() <= {clinic.ben.id, clinic.cem.id}
    assert case.case_id not in of_who_left()


def test_who_may_read_blind_and_until_when_readers_change(services: Services, clinic: Clinic) -> None:
    case = scan(services, clinic)
    with pytest.raises(AssigneeNotAMember, match="cannot read blind"):
        assign(services, clinic, case, [clinic.ada, clinic.reviewer])
    with pytest.raises(CannotBeRead):
        assign(services, clinic, case, [clinic.ada])
    assign(services, clinic, case, [clinic.ada, clinic.ben])
    assign(services, clinic, case, [clinic.ben, clinic.cem])
    assert {view.reader.id for view in services.readings.of_case(clinic.reviewer, case.case_id)} == {
        clinic.ben.id,
        clinic.cem.id,
    }
    draw(services, clinic, clinic.cem, case, slice(2, 6))
    people = CaseChange(assign_to=[clinic.ada.id])
    changed, refused = services.cases.change_many(clinic.manager, clinic.project_id, [case.case_id], people)
    assert (changed, [refusal.error.code for refusal in refused]) == (0, ["cannot_be_read"])
    with pytest.raises(ForbiddenTransition, match="follows its readers"):
        services.cases.change(clinic.manager, case.case_id, {"state": CaseState.SUBMITTED})


def test_cases_of_two_are_dealt_evenly_and_can_be_taken_back(services: Services, clinic: Clinic) -> None:
    cases = [scan(services, clinic) for _ in range(3)]
    ids = [case.case_id for case in cases]
    everybody = CaseChange(assign_to=[clinic.ada.id, clinic.ben.id, clinic.cem.id], readers=2)
    services.cases.change_many(clinic.manager, clinic.project_id, ids, everybody)
    given = [services.readings.of_case(clinic.reviewer, case_id) for case_id in ids]
    assert [len(views) for views in given] == [2, 2, 2]
    services.cases.change_many(clinic.manager, clinic.project_id, ids, CaseChange(assign_to=[]))
    assert {state(services, clinic.manager, case) for case in cases} == {CaseState.NEW}
    services.cases.change(clinic.manager, ids[0], {"assignee_id": clinic.ada.id})
    assert state(services, clinic.ada, cases[0]) is CaseState.ASSIGNED


def test_a_gold_case_looks_like_any_other_in_the_queue(services: Services, clinic: Clinic) -> None:
    case = scan(services, clinic)
    services.cases.change(clinic.manager, case.case_id, {"assignee_id": clinic.ada.id})
    draw(services, clinic, clinic.ada, case, slice(2, 6))
    services.comments.add(clinic.manager, case.case_id, "Our best one", Pin())
    submit(services, clinic.ada, case)

    def change(**what: object) -> list[str]:
        _, refused = services.cases.change_many(
            clinic.manager,
            clinic.project_id,
            [case.case_id],
            CaseChange(**what),  # type: ignore[arg-type]
        )
        return [refusal.error.code for refusal in refused]

    assert change(gold=True) == ["forbidden_transition"]
    services.cases.change(clinic.reviewer, case.case_id, {"state": CaseState.ACCEPTED})
    assert change(test=[clinic.ben.id]) == ["cannot_be_read"]
    assert change(gold=True) == []
    assert change(test=[clinic.ada.id]) == ["cannot_be_read"]
    assert change(test=[clinic.ben.id]) == []

    seen = services.cases.get(clinic.ben, case.case_id)
    assert (seen.state, seen.is_gold, seen.result_by, seen.annotated_slices) == (CaseState.ASSIGNED, False, None, 0)
    assert seen.assignee is not None and seen.assignee.id == clinic.ben.id
    assert case.case_id in work(services, clinic.ben)
    assert services.comments.of_case(clinic.ben, case.case_id) == []
    draw(services, clinic, clinic.ben, case, slice(3, 6))
    submit(services, clinic.ben, case)
    assert state(services, clinic.ben, case) is CaseState.SUBMITTED
    assert state(services, clinic.manager, case) is CaseState.ACCEPTED
    assert services.cases.get(clinic.manager, case.case_id).readings == []
    assert change(state=CaseState.RETURNED) == ["forbidden_transition"]
