"""Proposals live apart until somebody accepts them; accepting makes one revision and overwrites nothing."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from backend.db.tables import VolumeRow
from backend.domain.annotation import Origin
from backend.domain.ids import new_id
from backend.domain.jobs import AutoSegmentPayload, JobKind
from backend.domain.learning import Generator, ProposalState, ProposedSlice
from backend.domain.telemetry import SliceWork, Telemetry
from backend.domain.workflow import Role
from backend.imaging import masks
from backend.services.access import RoleForbids, VolumeNotFound
from backend.services.annotations import StaleRevision
from backend.services.projects import LabelDraft
from backend.services.proposals import Accepted, AcceptedPictures, ProposalNotFound, Run, Selection
from backend.wiring import Services
from tests.services.conftest import World
from tests.services.test_learning import COLUMNS, INFO, ROWS, Annotator, keep, region

ALL = Selection()
EMPTY = np.zeros((ROWS, COLUMNS), dtype=np.bool_)


@pytest.fixture
def annotator(services: Services, world: World) -> Annotator:
    label = services.projects.add_label(world.manager, world.project_id, LabelDraft(str(new_id()), "#aabbcc")).id
    return Annotator(services, world, label)


def new_run(services: Services, annotator: Annotator, *, generator: Generator = Generator.SAPNET) -> Run:
    payload = AutoSegmentPayload(volume_id=annotator.volume, label_id=annotator.label, annotator_id=annotator.who.id)
    learned = keep(services, annotator)
    with services.db.begin() as session:
        job = services.jobs.add(
            session, annotator.who, JobKind.AUTO_SEGMENT, payload, project_id=learned.project_id, id=new_id()
        )
    return Run(job.id, annotator.label, annotator.who.id, generator, learned.id, "sammed-small", "a" * 64, 7)


def propose(
    services: Services, run: Run, annotator: Annotator, k: int, confidence: float, *, empty: bool = False
) -> None:
    mask = EMPTY if empty else region(k)
    prompts = None if empty else {"points": [{"x": 3.0, "y": 2.0, "positive": True}], "box": None}
    counts = masks.encode(mask)["counts"]
    services.proposals.propose(run, ProposedSlice(annotator.volume, k, counts, int(mask.sum()), confidence, prompts))


def states(services: Services, annotator: Annotator) -> dict[int, list[str]]:
    _, rows = services.proposals.of_volume(
        annotator.who, annotator.volume, label_id=annotator.label, state=None, after=None
    )
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row.slice_index, []).append(row.state)
    return found


def accept(services: Services, annotator: Annotator, selection: Selection, revision_id: UUID | None = None) -> Accepted:
    done = services.proposals.accept(
        annotator.who,
        annotator.volume,
        annotator.label,
        selection,
        revision_id=revision_id or new_id(),
        parent=annotator.head,
        telemetry=Telemetry(slices=(SliceWork(slice=2, seconds=1.5),)),
    )
    return done


def test_accepting_makes_one_revision_with_its_whole_history(services: Services, annotator: Annotator) -> None:
    run = new_run(services, annotator)
    annotator.draw(0)
    for k, confidence in ((1, 0.9), (2, 0.4), (3, 0.8)):
        propose(services, run, annotator, k, confidence)
    revision_id = new_id()
    done = accept(services, annotator, Selection(min_confidence=0.5), revision_id)
    assert (done.accepted, done.absent, done.skipped) == ((1, 3), (), ())
    assert done.appended is not None
    revision = done.appended.revision
    assert (revision.origin, revision.sequence, revision.parent_id) == (Origin.AUTO, 2, annotator.head)
    (made_by,) = revision.model["runs"]
    assert made_by == {
        "job": str(run.job_id),
        "generator": "sapnet",
        "seed": 7,
        "model": "sammed-small",
        "model_checksum": "a" * 64,
        "learned_prompt": str(run.learned_prompt_id),
        "learned_prompt_checksum": "b" * 64,
    }
    assert revision.prompts["slices"]["3"]["confidence"] == 0.8
    assert revision.prompts["slices"]["3"]["points"] == [{"x": 3.0, "y": 2.0, "positive": True}]
    assert revision.telemetry == {"slices": [{"slice": 2, "seconds": 1.5}]}
    drawn = services.annotations.drawn(annotator.who, annotator.annotation).by_slice
    assert sorted(drawn) == [0, 1, 3]
    np.testing.assert_array_equal(masks.decode(drawn[3]), region(3))
    assert states(services, annotator) == {1: ["accepted"], 2: ["open"], 3: ["accepted"]}

    again = accept(services, annotator, Selection(min_confidence=0.5), revision_id)
    assert again.accepted == (1, 3) and again.appended is not None and not again.appended.created
    with pytest.raises(StaleRevision):
        accept(services, annotator, ALL)  # its parent is the slice that was drawn first
    assert states(services, annotator)[2] == ["open"]


def test_what_was_drawn_since_is_not_overwritten(services: Services, annotator: Annotator) -> None:
    run = new_run(services, annotator)
    for k in (1, 2):
        propose(services, run, annotator, k, 0.5)
    annotator.draw(1, seed=4)
    assert states(services, annotator) == {1: ["corrected"], 2: ["open"]}
    propose(services, run, annotator, 1, 0.9)  # the job comes too late with this slice
    assert states(services, annotator)[1] == ["corrected"]
    services.proposals.decide(
        annotator.who, annotator.volume, annotator.label, Selection(slices=(1,)), ProposalState.OPEN
    )
    done = accept(services, annotator, ALL)
    assert (done.accepted, done.skipped) == ((2,), (1,))
    drawn = services.annotations.drawn(annotator.who, annotator.annotation).by_slice
    np.testing.assert_array_equal(masks.decode(drawn[1]), region(4))


def test_an_empty_proposal_that_is_accepted_says_that_the_label_is_absent(
    services: Services, annotator: Annotator
) -> None:
    run = new_run(services, annotator)
    propose(services, run, annotator, 4, 0.9, empty=True)
    propose(services, run, annotator, 3, 0.2)
    done = accept(services, annotator, Selection(slices=(4,)))
    assert done.appended is None and done.absent == (4,)
    services.proposals.decide(
        annotator.who, annotator.volume, annotator.label, Selection(slices=(3,)), ProposalState.ABSENT
    )
    plan = services.learning.plan(annotator.learn(), "sammed-small", INFO)
    assert plan.absent == {3, 4}
    annotator.draw(3)
    assert services.learning.plan(annotator.learn(), "sammed-small", INFO).absent == {4}


def test_a_new_run_replaces_what_is_open_and_nothing_else(services: Services, annotator: Annotator) -> None:
    first, second = new_run(services, annotator), new_run(services, annotator)
    for k in (1, 2, 3):
        propose(services, first, annotator, k, 0.5)
    accept(services, annotator, Selection(slices=(1,)))
    _, before = services.proposals.of_volume(
        annotator.who, annotator.volume, label_id=annotator.label, state=ProposalState.OPEN, after=None
    )
    propose(services, second, annotator, 2, 0.7)
    _, since = services.proposals.of_volume(
        annotator.who, annotator.volume, label_id=None, state=ProposalState.OPEN, after=before[-1].id
    )
    assert [(row.slice_index, row.job_id) for row in since] == [(2, second.job_id)]
    assert states(services, annotator) == {1: ["accepted"], 2: ["open"], 3: ["open"]}
    services.proposals.forget_older(second, [annotator.volume])
    assert states(services, annotator) == {1: ["accepted"], 2: ["open"]}


def test_rejecting_and_taking_it_back(services: Services, annotator: Annotator) -> None:
    run = new_run(services, annotator, generator=Generator.PROPAGATION)
    for k in (1, 2):
        propose(services, run, annotator, k, 0.5)

    def decide(state: ProposalState, selection: Selection = ALL) -> list[int]:
        decided = services.proposals.decide(annotator.who, annotator.volume, annotator.label, selection, state)
        return [row.slice_index for row in decided]

    assert decide(ProposalState.REJECTED) == [1, 2]
    with pytest.raises(ProposalNotFound):
        decide(ProposalState.REJECTED)
    assert decide(ProposalState.OPEN, Selection(slices=(2,))) == [2]
    with pytest.raises(ProposalNotFound):
        decide(ProposalState.OPEN, Selection(slices=(2,)))
    done = accept(services, annotator, ALL)
    assert done.appended is not None and done.appended.revision.origin == Origin.PROPAGATION


def test_nobody_else_decides(services: Services, world: World, annotator: Annotator) -> None:
    run = new_run(services, annotator)
    propose(services, run, annotator, 1, 0.5)
    args = (annotator.volume, annotator.label, ALL, ProposalState.REJECTED)
    with pytest.raises(ProposalNotFound):
        services.proposals.decide(world.manager, *args)
    with pytest.raises(VolumeNotFound):
        services.proposals.decide(world.outsider, *args)
    services.projects.set_member(world.manager, world.project_id, world.outsider.email, "viewer")
    try:
        with pytest.raises(RoleForbids):
            services.proposals.decide(world.outsider, *args)
        assert (
            services.proposals.of_volume(world.outsider, annotator.volume, label_id=None, state=None, after=None)[1]
            == []
        )
    finally:
        services.projects.set_member(world.manager, world.project_id, world.outsider.email, None)


def test_all_sure_pictures_are_accepted_at_once_and_asking_again_does_the_rest(
    services: Services, world: World, annotator: Annotator
) -> None:
    pictures = [Annotator(services, world, annotator.label, slices=1) for _ in range(4)]
    run = new_run(services, pictures[0])
    for picture, confidence in zip(pictures, (0.9, 0.8, 0.3, 0.7), strict=True):
        propose(services, run, picture, 0, confidence, empty=picture is pictures[1])
    annotator_of_a_volume = new_run(services, annotator)
    propose(services, annotator_of_a_volume, annotator, 1, 0.9)
    pictures[3].draw(0)  # draws itself: nothing is open there any more

    def accept_all(least: float | None) -> AcceptedPictures:
        return services.proposals.accept_pictures(annotator.who, world.project_id, annotator.label, least)

    assert accept_all(0.5) == AcceptedPictures(accepted=1, absent=1)
    history = services.annotations.revisions(annotator.who, pictures[0].annotation)
    assert [revision.origin for revision, _ in history] == [Origin.AUTO]
    assert states(services, pictures[2]) == {0: ["open"]} and states(services, annotator) == {1: ["open"]}
    assert accept_all(None) == AcceptedPictures(accepted=1)
    with pytest.raises(ProposalNotFound):
        accept_all(None)


def test_proposals_on_pictures_that_were_taken_away_are_left_alone(services: Services, world: World) -> None:
    project = services.projects.create(world.manager, "taken", "", [LabelDraft("nucleus", "#aabbcc")])
    own = replace(world, project_id=project.project.id)
    services.projects.set_member(world.manager, own.project_id, world.annotator.email, Role.ANNOTATOR)
    mine, taken = (Annotator(services, own, project.labels[0].id, slices=1) for _ in range(2))
    for picture in (mine, taken):
        propose(services, new_run(services, picture), picture, 0, 0.9)
    with services.db.begin() as session:
        case_id = session.get_one(VolumeRow, mine.volume).case_id
    services.cases.change(world.manager, case_id, {"assignee_id": world.annotator.id})
    services.projects.change(world.manager, own.project_id, {"own_cases_only": True})
    shown = services.proposals.of_project(world.annotator, own.project_id, mine.label, limit=9)
    assert [seen for _, seen in shown] == [case_id]
    done = services.proposals.accept_pictures(world.annotator, own.project_id, mine.label, None)
    assert done == AcceptedPictures(accepted=1)
    services.projects.change(world.manager, own.project_id, {"own_cases_only": False})
    assert states(services, taken) == {0: ["open"]}
