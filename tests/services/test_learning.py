"""What there is to learn from, when learning is queued, what answers a click. No model runs here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.db.append_only import HistoryIsAppendOnly
from backend.db.tables import Job, LearnedPromptRow, VolumeRow
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import (
    AutoSegmentPayload,
    JobKind,
    JobState,
    LearnPromptPayload,
    ModelInfo,
    NoWorker,
    PropagatePayload,
    QueueName,
    TooManyJobs,
)
from backend.domain.learning import Generator, NotEnoughExamples, PromptSource, Verdict
from backend.domain.workflow import Role
from backend.imaging import masks
from backend.services import learning as learning_module
from backend.services.access import Principal, RoleForbids, VolumeNotFound
from backend.services.jobs import Jobs
from backend.services.learned_prompts import (
    LearnedPromptNotFound,
    LearnedPromptOfAnotherModel,
    NewLearnedPrompt,
    NotYourLearnedPrompt,
)
from backend.services.learning import NothingToSegment
from backend.services.projects import LabelDraft, LabelNotFound
from backend.services.volumes import SliceNotFound
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume, person

_, ROWS, COLUMNS = SHAPE_KJI
WEIGHTS = "a" * 64
INFO = ModelInfo(checksum=WEIGHTS, preprocessing="1")


def region(seed: int = 0) -> NDArray[np.bool_]:
    drawn = np.zeros((ROWS, COLUMNS), dtype=np.bool_)
    drawn[1 : 3 + seed % 5, 2:6] = True
    return drawn


class Annotator:
    """Draws on one fresh volume (or picture) as the world's annotator."""

    def __init__(self, services: Services, world: World, label: UUID, *, slices: int = SHAPE_KJI[0]) -> None:
        self.services, self.who, self.label = services, world.annotator, label
        new = new_volume(services, seed=int(new_id()) % 2**32, study_key=str(new_id()))
        if slices == 1:
            new = type(new)(**{**{f: getattr(new, f) for f in new.__slots__}, "shape_kji": (1, ROWS, COLUMNS)})
        self.volume = services.imports.store(world.project_id, new).volume_id
        self.annotation = services.annotations.create(self.who, self.volume, label, None).annotation.id
        self.head: UUID | None = None

    def draw(self, k: int, origin: Origin = Origin.SAM, *, seed: int = 0) -> UUID:
        draft = RevisionDraft(
            id=new_id(),
            parent=self.head,
            origin=origin,
            slices=(SliceFlips(k, (ROWS, COLUMNS), masks.encode(region(seed))["counts"]),),
        )
        self.services.annotations.append(self.who, self.annotation, draft)
        self.head = draft.id
        return draft.id

    def learn(self, **more: Any) -> LearnPromptPayload:
        return LearnPromptPayload(volume_id=self.volume, label_id=self.label, annotator_id=self.who.id, **more)

    def jobs(self, kind: JobKind = JobKind.LEARN_PROMPT) -> list[Job]:
        with self.services.db.begin() as session:
            rows = session.query(Job).filter(Job.kind == kind, Job.subject.contains(str(self.label))).order_by(Job.id)
            return list(rows)


@pytest.fixture
def label(services: Services, world: World) -> UUID:
    """A fresh label."""
    return services.projects.add_label(world.manager, world.project_id, LabelDraft(str(new_id()), "#aabbcc")).id


@pytest.fixture
def annotator(services: Services, world: World, label: UUID) -> Annotator:
    return Annotator(services, world, label)


@pytest.fixture
def train_worker(services: Services) -> Iterator[None]:
    """A worker of `train` has announced itself; nothing runs."""
    services.queue.announce_worker("learner", [QueueName.TRAIN], {})
    services.queue._announced = (float("-inf"), [])
    yield
    services.queue.withdraw_worker("learner")
    services.queue._announced = (float("-inf"), [])


@pytest.fixture(autouse=True)
def postponed(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, Callable[[], None]]]:
    """What was to be done later."""
    calls: list[tuple[float, Callable[[], None]]] = []
    monkeypatch.setattr(services.jobs, "_postpone", lambda delay_s, act: calls.append((delay_s, act)))
    return calls


def keep(services: Services, annotator: Annotator, *, active: bool = True, **more: Any) -> LearnedPromptRow:
    """Store a learned prompt as a job would have."""
    volume_id = more.pop("volume_id", annotator.volume)
    payload = LearnPromptPayload(volume_id=volume_id, label_id=annotator.label, annotator_id=annotator.who.id)
    with services.db.begin() as session:
        project_id = session.get_one(VolumeRow, annotator.volume).project_id
        job = services.jobs.add(
            session,
            annotator.who,
            JobKind.LEARN_PROMPT,
            payload,
            project_id=project_id,
            id=new_id(),
            subject=payload.subject,
        )
        job.state = JobState.DONE
    verdict = Verdict(
        active=active,
        plain=0.5,
        learned=0.75,
        gain=0.25,
        folds=2,
        sensitive=True,
        reason="better" if active else "no_gain",
        warm_start_gain=more.pop("warm_start_gain", None),
    )
    new = NewLearnedPrompt(
        job_id=job.id,
        project_id=project_id,
        volume_id=volume_id,
        label_id=annotator.label,
        annotator_id=annotator.who.id,
        model="sammed-small",
        model_checksum=more.pop("model_checksum", WEIGHTS),
        checksum="b" * 64,
        tensors=b"tensors",
        provenance={"examples": [{}, {}], "warm_start": more.pop("warm_start", None)},
        verdict=verdict,
    )
    row = services.learned_prompts.keep(new)
    assert services.learned_prompts.keep(new).id == row.id  # the job ran again
    return row


def answering(
    services: Services, annotator: Annotator, model_checksum: str | None = WEIGHTS
) -> tuple[UUID, PromptSource] | None:
    with services.db.begin() as session:
        volume = session.get_one(VolumeRow, annotator.volume)
        used = services.learned_prompts.answering(session, annotator.who, volume, annotator.label, model_checksum)
        return (used.row.id, used.source) if used else None


# -- what is learned from ---------------------------------------------------------------------------------------------
def test_examples_are_what_a_person_drew_or_corrected(services: Services, annotator: Annotator) -> None:
    first = annotator.draw(0, Origin.MANUAL)
    annotator.draw(1, Origin.AUTO)
    annotator.draw(2, Origin.PROPAGATION)
    corrected = annotator.draw(2, Origin.ASSIST, seed=3)
    annotator.draw(3)
    annotator.draw(3)  # and taken away again
    plan = services.learning.plan(annotator.learn(), "sammed-small", INFO)
    assert {k: e.revision_id for k, e in plan.examples.items()} == {0: first, 2: corrected}
    assert masks.decode({"size": [ROWS, COLUMNS], "counts": plan.examples[0].counts}).sum() == region().sum()
    assert set(plan.annotated) == {0, 1, 2}
    assert [frame.source.slice_index for frame in plan.frames] == list(range(SHAPE_KJI[0]))
    assert len({frame.source.embedding_key for frame in plan.frames}) == SHAPE_KJI[0]


def test_what_was_drawn_across_the_slices_alone_makes_no_examples(services: Services, annotator: Annotator) -> None:
    drawn = annotator.draw(0, Origin.MANUAL)
    annotator.draw(0, Origin.ACROSS, seed=4)  # corrected in another plane, it still is one
    annotator.draw(1, Origin.ACROSS)
    annotator.draw(2)
    plan = services.learning.plan(annotator.learn(), "sammed-small", INFO)
    assert set(plan.examples) == {0, 2} and plan.examples[0].revision_id == drawn
    assert set(plan.annotated) == {0, 1, 2}


def test_an_undone_change_leaves_the_example_it_went_back_to(services: Services, annotator: Annotator) -> None:
    annotator.draw(0)
    second = annotator.draw(0, seed=4)
    services.annotations.restore(annotator.who, annotator.annotation, revision_id=new_id(), sequence=1, parent=second)
    plan = services.learning.plan(annotator.learn(), "sammed-small", INFO)
    assert masks.decode({"size": [ROWS, COLUMNS], "counts": plan.examples[0].counts}).sum() == region().sum()


# -- learning that nobody asked for -----------------------------------------------------------------------------------
def test_learning_starts_by_itself_with_two_slices_and_again_when_there_are_more(
    services: Services, annotator: Annotator, postponed: list[tuple[float, Callable[[], None]]]
) -> None:
    annotator.draw(0)
    assert annotator.jobs() == [] and postponed == []
    annotator.draw(1)
    (job,) = annotator.jobs()
    assert (job.state, job.payload["automatic"], job.payload["volume_id"]) == ("queued", True, str(annotator.volume))
    assert [delay_s for delay_s, _ in postponed] == [learning_module.SETTLE_S]
    annotator.draw(1, seed=2)  # a correction of what is known
    assert len(annotator.jobs()) == 1
    annotator.draw(2, Origin.AUTO)  # nothing learned from oneself
    assert len(annotator.jobs()) == 1
    annotator.draw(3)
    first, second = annotator.jobs()
    assert (first.state, second.state) == (JobState.CANCELLED, JobState.QUEUED)
    assert not services.queue.is_waiting(second.id, QueueName.TRAIN, attempt=0)
    for _, act in postponed:
        act()
    assert services.queue.is_waiting(second.id, QueueName.TRAIN, attempt=0)
    assert services.jobs.claim(first.id) is None


def test_a_newer_example_stops_the_learning_that_runs(services: Services, annotator: Annotator) -> None:
    annotator.draw(0)
    annotator.draw(1)
    (running,) = annotator.jobs()
    assert services.jobs.claim(running.id) is not None
    annotator.draw(2)
    assert [job.cancel_requested for job in annotator.jobs()] == [True, False]


def test_an_annotator_can_switch_it_off(services: Services, annotator: Annotator) -> None:
    services.accounts.change_me(annotator.who, auto_learn=False)
    try:
        annotator.draw(0)
        annotator.draw(1)
        assert annotator.jobs() == []
    finally:
        services.accounts.change_me(annotator.who, auto_learn=True)


# -- learning on request ----------------------------------------------------------------------------------------------
def test_without_a_worker_nothing_is_promised(services: Services, annotator: Annotator) -> None:
    services.queue._announced = (float("-inf"), [])
    with pytest.raises(NoWorker) as refused:
        services.learning.start(annotator.who, annotator.learn())
    assert refused.value.hint


@pytest.mark.usefixtures("train_worker")
def test_what_cannot_be_learned_is_refused_with_a_way_out(
    services: Services, world: World, annotator: Annotator
) -> None:
    start, who = services.learning.start, annotator.who
    annotator.draw(0)
    with pytest.raises(NotEnoughExamples) as few:
        start(who, annotator.learn())
    assert few.value.context == {"have": 1, "need": 2} and few.value.hint
    other = services.projects.create(world.manager, "Other", "", [LabelDraft("liver", "#dd8265")])
    with pytest.raises(LabelNotFound):
        start(who, annotator.learn().model_copy(update={"label_id": other.labels[0].id}))
    with pytest.raises(LabelNotFound):
        start(who, annotator.learn().model_copy(update={"label_id": other.labels[0].id, "volume_id": None}))
    with pytest.raises(VolumeNotFound):
        start(world.outsider, annotator.learn())
    annotator.draw(1)
    base = {"volume_id": annotator.volume, "label_id": annotator.label, "annotator_id": who.id}
    with pytest.raises(SliceNotFound):
        start(who, AutoSegmentPayload(**base, targets=(5,)))
    with pytest.raises(NothingToSegment):
        start(who, AutoSegmentPayload(**base, targets=(0, 1)))
    with pytest.raises(NotEnoughExamples):
        start(who, PropagatePayload(**base, start=3))
    with pytest.raises(SliceNotFound):
        start(who, PropagatePayload(**base, start=-1))
    for k in (2, 3, 4):
        annotator.draw(k)
    with pytest.raises(NothingToSegment):
        start(who, AutoSegmentPayload(**base))


@pytest.mark.usefixtures("train_worker")
def test_a_new_request_takes_the_place_of_the_older_one(
    services: Services, annotator: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotator.draw(0)
    annotator.draw(1)
    with services.db.begin() as session:
        session.query(Job).update({"state": JobState.CANCELLED})
    monkeypatch.setattr(learning_module, "MAX_UNFINISHED", 1)
    first = services.learning.start(annotator.who, annotator.learn())
    second = services.learning.start(annotator.who, annotator.learn(seed=1))
    assert [job.state for job in annotator.jobs()][-2:] == [JobState.CANCELLED, JobState.QUEUED]
    assert second.payload["model"] == services.settings.model and second.id != first.id
    elsewhere = Annotator(services, _world_of(services, annotator), annotator.label)
    elsewhere.draw(0)
    elsewhere.draw(1)
    with pytest.raises(TooManyJobs):
        services.learning.start(elsewhere.who, elsewhere.learn())


def _world_of(services: Services, annotator: Annotator) -> Any:
    with services.db.begin() as session:
        project_id = session.get_one(VolumeRow, annotator.volume).project_id
    return type("Where", (), {"project_id": project_id, "annotator": annotator.who})


# -- what answers a click ---------------------------------------------------------------------------------------------
def test_the_verdict_decides_what_answers(services: Services, annotator: Annotator) -> None:
    assert answering(services, annotator) is None
    first = keep(services, annotator)
    assert answering(services, annotator) == (first.id, PromptSource.VOLUME)
    assert answering(services, annotator, "other weights") is None
    keep(services, annotator, active=False)
    assert answering(services, annotator) is None
    view = services.learned_prompts.set_active(annotator.who, first.id, True)
    assert view.active and answering(services, annotator) == (first.id, PromptSource.VOLUME)
    services.learned_prompts.set_active(annotator.who, first.id, False)
    assert answering(services, annotator) is None
    elsewhere = Annotator(services, _world_of(services, annotator), annotator.label)
    assert answering(services, elsewhere) is None


def test_a_warm_start_answers_where_nothing_was_learned(services: Services, world: World, annotator: Annotator) -> None:
    kept = keep(services, annotator)
    services.projects.change_label(world.manager, annotator.label, {"warm_start_id": kept.id})
    fresh = Annotator(services, world, annotator.label)
    assert answering(services, fresh) == (kept.id, PromptSource.WARM_START)
    own = keep(services, fresh, active=False, warm_start_gain=-0.1)
    assert answering(services, fresh) is None  # measured here, and it does not help
    keep(services, fresh, active=False, warm_start_gain=0.1)
    assert answering(services, fresh) == (kept.id, PromptSource.WARM_START)
    own = keep(services, fresh)
    assert answering(services, fresh) == (own.id, PromptSource.VOLUME)
    with pytest.raises(LearnedPromptNotFound):
        services.projects.change_label(world.manager, world.labels[0], {"warm_start_id": kept.id})
    services.projects.change_label(world.manager, annotator.label, {"warm_start_id": None})
    assert answering(services, Annotator(services, world, annotator.label)) is None


def test_a_warm_start_is_switched_off_where_nothing_was_learned_and_shown_when_it_no_longer_helps(
    services: Services, world: World, annotator: Annotator
) -> None:
    def shown(of: Annotator) -> tuple[int, float | None, bool | None]:
        found = next(f for f in services.learning.status(of.who, of.volume) if f.label.id == of.label).warm_start
        assert found is not None and found.row.id == kept.id
        return found.cases, found.gain, found.helps

    kept = keep(services, annotator)
    with pytest.raises(LearnedPromptNotFound):
        services.learning.use_warm_start(annotator.who, annotator.volume, annotator.label, False)
    services.projects.change_label(world.manager, annotator.label, {"warm_start_id": kept.id})
    fresh = Annotator(services, world, annotator.label)
    services.learning.use_warm_start(fresh.who, fresh.volume, fresh.label, False)
    assert answering(services, fresh) is None
    services.learning.use_warm_start(fresh.who, fresh.volume, fresh.label, True)
    assert answering(services, fresh) == (kept.id, PromptSource.WARM_START)

    assert shown(fresh) == (0, None, None)
    keep(services, fresh, warm_start=str(kept.id), warm_start_gain=0.5)
    keep(services, fresh, warm_start=str(kept.id), warm_start_gain=0.25)
    assert shown(fresh) == (1, 0.25, True)  # the newest of a case counts
    other = Annotator(services, world, annotator.label)
    keep(services, other, warm_start=str(kept.id), warm_start_gain=-0.75)
    assert shown(other) == (2, -0.25, False)


def test_a_named_prompt_must_fit(services: Services, world: World, annotator: Annotator) -> None:
    kept = keep(services, annotator)
    chosen = services.learned_prompts.chosen
    with services.db.begin() as session:
        volume = session.get_one(VolumeRow, annotator.volume)
        assert chosen(session, annotator.who, volume, kept.id, annotator.label, WEIGHTS).source is PromptSource.CHOSEN
        with pytest.raises(LearnedPromptOfAnotherModel):
            chosen(session, annotator.who, volume, kept.id, annotator.label, "other")
        with pytest.raises(LearnedPromptNotFound):
            chosen(session, annotator.who, volume, kept.id, world.labels[0], WEIGHTS)
        with pytest.raises(LearnedPromptNotFound):
            chosen(session, annotator.who, volume, new_id(), None, WEIGHTS)


def test_who_may_see_and_switch(services: Services, world: World, annotator: Annotator) -> None:
    kept = keep(services, annotator)
    assert services.learned_prompts.get(world.manager, kept.id).row.id == kept.id
    with pytest.raises(NotYourLearnedPrompt):
        services.learned_prompts.set_active(world.manager, kept.id, False)
    with pytest.raises(LearnedPromptNotFound):
        services.learned_prompts.get(world.outsider, kept.id)
    found = services.learned_prompts.of_project(
        world.annotator, world.project_id, label_id=annotator.label, limit=10, cursor=None
    )
    assert [view.row.id for view in found.items] == [kept.id]
    (listed,) = found.items
    with services.db.begin() as session:
        case_id = session.get_one(VolumeRow, annotator.volume).case_id
    assert (listed.where.annotator, listed.where.case_id) == (world.annotator.name, case_id)
    assert listed.where.case_name == services.cases.get(world.manager, case_id).case.name
    assert b"".join(services.learned_prompts.file(world.manager, kept.id).chunks) == b"tensors"
    with pytest.raises(RoleForbids):
        services.projects.change_label(world.annotator, annotator.label, {"warm_start_id": kept.id})


def test_who_sees_only_their_own_cases_sees_only_what_they_taught(
    services: Services, admin: Principal, world: World, annotator: Annotator
) -> None:
    kept = keep(services, annotator)
    other = person(services, admin, f"{kept.id}@example.org")
    services.projects.set_member(world.manager, world.project_id, other.email, Role.ANNOTATOR)

    def listed(who: Principal) -> list[UUID]:
        prompts = services.learned_prompts.of_project(
            who, world.project_id, label_id=annotator.label, limit=9, cursor=None
        )
        return [view.row.id for view in prompts.items]

    assert listed(other) == [kept.id]
    services.projects.change(world.manager, world.project_id, {"own_cases_only": True})
    try:
        assert (listed(other), listed(annotator.who)) == ([], [kept.id])
        with pytest.raises(LearnedPromptNotFound):
            services.learned_prompts.file(other, kept.id)
        assert services.learned_prompts.file(annotator.who, kept.id).size_bytes > 0
    finally:
        services.projects.change(world.manager, world.project_id, {"own_cases_only": False})


def test_what_was_learned_is_never_changed(services: Services, annotator: Annotator) -> None:
    kept = keep(services, annotator)
    with pytest.raises(HistoryIsAppendOnly), services.db.begin() as session:
        session.get_one(LearnedPromptRow, kept.id).tensors = b"others"


# -- pictures ---------------------------------------------------------------------------------------------------------
def test_pictures_of_a_project_are_learned_from_together(
    services: Services, world: World, label: UUID, postponed: list[tuple[float, Callable[[], None]]]
) -> None:
    pictures = [Annotator(services, world, label, slices=1) for _ in range(3)]
    pictures[0].draw(0)
    assert pictures[0].jobs() == []
    pictures[1].draw(0)
    (job,) = pictures[1].jobs()
    assert job.payload["volume_id"] is None
    plan = services.learning.plan(LearnPromptPayload.model_validate(job.payload), "sammed-small", INFO)
    frames = [frame.volume_id for frame in plan.frames]
    assert [frames[n] for n in plan.examples] == [pictures[0].volume, pictures[1].volume]
    assert pictures[2].volume in frames
    kept = keep(services, pictures[0], volume_id=None)
    assert answering(services, pictures[2]) == (kept.id, PromptSource.PICTURES)
    services.queue.announce_worker("learner", [QueueName.TRAIN], {})
    services.queue._announced = (float("-inf"), [])
    with pytest.raises(NothingToSegment):
        services.learning.start(
            world.annotator,
            AutoSegmentPayload(
                volume_id=pictures[2].volume,
                label_id=label,
                annotator_id=world.annotator.id,
                generator=Generator.PROPAGATION,
            ),
        )
    services.queue.withdraw_worker("learner")
    services.queue._announced = (float("-inf"), [])


def test_pictures_that_the_annotator_may_not_see_are_no_part_of_it(services: Services, world: World) -> None:
    project = services.projects.create(world.manager, "own", "", [LabelDraft("nucleus", "#aabbcc")])
    own = replace(world, project_id=project.project.id)
    services.projects.set_member(world.manager, own.project_id, world.annotator.email, Role.ANNOTATOR)
    pictures = [Annotator(services, own, project.labels[0].id, slices=1) for _ in range(4)]
    for picture in pictures[:3]:
        picture.draw(0)
    with services.db.begin() as session:
        cases = [session.get_one(VolumeRow, picture.volume).case_id for picture in pictures]
    for case_id in (cases[0], cases[1], cases[3]):
        services.cases.change(world.manager, case_id, {"assignee_id": world.annotator.id})

    def seen() -> tuple[set[UUID], set[UUID]]:
        plan = services.learning.plan(pictures[0].learn().model_copy(update={"volume_id": None}), "sammed-small", INFO)
        return {frame.volume_id for frame in plan.frames}, {plan.frames[n].volume_id for n in plan.examples}

    everything = {picture.volume for picture in pictures}
    assert seen() == (everything, everything - {pictures[3].volume})
    services.projects.change(world.manager, own.project_id, {"own_cases_only": True})
    hidden = pictures[2].volume
    assert seen() == (everything - {hidden}, {pictures[0].volume, pictures[1].volume})
    assert services.learning.status(world.annotator, pictures[0].volume)[0].examples == 2


# -- what the page reads ----------------------------------------------------------------------------------------------
def test_the_state_of_learning_in_one_answer(services: Services, world: World, annotator: Annotator) -> None:
    annotator.draw(0)
    annotator.draw(1)
    kept = keep(services, annotator)
    (state,) = [
        found
        for found in services.learning.status(world.annotator, annotator.volume)
        if found.label.id == annotator.label
    ]
    assert (state.examples, state.pictures, state.proposals) == (2, False, {})
    assert state.answering is not None and state.answering.row.id == kept.id
    assert state.newest is not None and state.newest.active
    assert [job.kind for job in state.jobs] == [JobKind.LEARN_PROMPT]


def test_a_warm_start_is_handed_out_where_it_fits(services: Services, world: World, annotator: Annotator) -> None:
    warm_start = services.learned_prompts.warm_start
    assert warm_start(annotator.label, annotator.who.id, WEIGHTS, pictures=False) is None
    kept = keep(services, annotator)
    services.projects.change_label(world.manager, annotator.label, {"warm_start_id": kept.id})
    found = warm_start(annotator.label, annotator.who.id, WEIGHTS, pictures=False)
    assert found is not None and (found.id, found.tensors) == (kept.id, b"tensors")
    assert warm_start(annotator.label, annotator.who.id, "other weights", pictures=False) is None
    assert warm_start(annotator.label, annotator.who.id, WEIGHTS, pictures=True) is None
    assert answering(services, Annotator(services, world, annotator.label, slices=1)) is None


def test_postponing_is_a_timer_of_the_process(services: Services) -> None:
    import threading

    done = threading.Event()
    Jobs(services.db, services.queue)._postpone(0.0, done.set)
    assert done.wait(10)
