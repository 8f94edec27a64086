"""The jobs of learning on real parts: Postgres, Redis, the bundled model, a generated volume. With few steps: what is
checked is that the parts fit, not how good the masks are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backend.db.tables import Job, VolumeRow
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import (
    AutoSegmentPayload,
    JobCancelled,
    JobState,
    LearningPayload,
    LearnPromptPayload,
    ModelInfo,
    PredictAnswer,
    PredictCall,
    PropagatePayload,
    QueueName,
)
from backend.domain.learning import PromptKind, ProposalState, Verdict
from backend.imaging import intensity, masks
from backend.imaging.phantom import LIVER, Phantom, abdominal_phantom
from backend.services.access import Principal
from backend.services.imports import NewVolume
from backend.services.jobs import Progress
from backend.services.projects import LabelDraft
from backend.services.proposals import Selection
from backend.services.segmentation import slice_source
from backend.wiring import Services
from workers.batch import Batch, FrameSlices
from workers.instances import LEARNED_A_PICTURE, one_by_one, prompting
from workers.interactive import Interactive
from workers.runtime import Runtime
from workers.sammed.assist import AssistConfig
from workers.sammed.auto import AutoConfig
from workers.sammed.sapnet import SapNet, SapNetConfig
from workers.sammed.types import AnnotatedSlice, SliceEmbedding

SHAPE_KJI = (10, 96, 96)
FEW = 12


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom(SHAPE_KJI, (20.0, 4.0, 4.0))


@pytest.fixture(scope="module")
def interactive(services: Services) -> Interactive:
    torch.set_num_threads(1)
    return Interactive(services)


@pytest.fixture(scope="module")
def batch(services: Services, interactive: Interactive) -> Batch:
    return Batch(
        services,
        interactive,
        assist=AssistConfig(steps=FEW),
        auto=AutoConfig(sapnet=SapNetConfig(episodes=FEW)),
    )


@pytest.fixture(scope="module")
def runtime(services: Services, batch: Batch) -> Runtime:
    """A worker of `train` in this process; no job reaches it but by `run_job`."""
    services.jobs._postpone = lambda delay_s, act: None
    runtime = Runtime(services, [])
    runtime.jobs = batch.jobs()
    return runtime


class Liver:
    """The administrator, who annotates the phantom's liver in a fresh project."""

    def __init__(self, services: Services, admin: Principal, phantom: Phantom) -> None:
        self.services, self.who = services, admin
        project = services.projects.create(admin, "Livers", "", [LabelDraft("liver", "#dd8265")])
        self.project_id, self.label = project.project.id, project.labels[0].id
        self.truth = phantom.mask(LIVER)
        self.volume = self.add(phantom.volume.voxels)
        self.annotation = services.annotations.create(admin, self.volume, self.label, None).annotation.id
        self.head: UUID | None = None

    @property
    def slices(self) -> list[int]:
        """Slices that show a good piece of liver."""
        return [int(k) for k in np.flatnonzero(self.truth.sum(axis=(1, 2)) > 60)]

    def add(self, voxels: NDArray[Any]) -> UUID:
        new = NewVolume(
            study_key=str(new_id()),
            case_name="phantom",
            study={},
            content_hash=str(new_id()),
            voxels_hash=self.services.objects.put_voxels(voxels),
            name="phantom",
            modality="CT",
            dtype="int16",
            channels=1,
            shape_kji=voxels.shape,
            geometry={},
            presentation={"model_window": {"width": 400.0, "center": 40.0}},
            series={},
            source={},
            warnings=[],
            originals=[],
        )
        return self.services.imports.store(self.project_id, new).volume_id

    def draw(self, *slices: int) -> None:
        flips = tuple(SliceFlips(k, SHAPE_KJI[1:], masks.encode(self.truth[k])["counts"]) for k in slices)
        draft = RevisionDraft(id=new_id(), parent=self.head, origin=Origin.MANUAL, slices=flips)
        self.services.annotations.append(self.who, self.annotation, draft)
        self.head = draft.id

    def scope(self) -> dict[str, UUID]:
        return {"volume_id": self.volume, "label_id": self.label, "annotator_id": self.who.id}

    def start(self, payload: LearningPayload) -> Job:
        self.services.queue.announce_worker("learner", [QueueName.TRAIN], {})
        self.services.queue._announced = (float("-inf"), [])
        return self.services.learning.start(self.who, payload)

    def run(self, runtime: Runtime, payload: LearningPayload) -> Job:
        job = self.start(payload)
        runtime.run_job(job.id)
        return self.services.jobs.get(self.who, job.id)

    def proposals(self, state: ProposalState | None = ProposalState.OPEN) -> list[Any]:
        return self.services.proposals.of_volume(self.who, self.volume, label_id=None, state=state, after=None)[1]


@pytest.fixture
def liver(services: Services, admin: Principal, phantom: Phantom) -> Liver:
    return Liver(services, admin, phantom)


def asked(interactive: Interactive, services: Services, liver: Liver, k: int, learned: UUID | None) -> PredictAnswer:
    """A click in the middle of the liver."""
    rows, columns = np.nonzero(liver.truth[k])
    info = ModelInfo.model_validate(interactive.models()["sammed-small"])
    with services.db.begin() as session:
        volume = session.get_one(VolumeRow, liver.volume)
    call = PredictCall(
        source=slice_source(volume, k, "sammed-small", info),
        points=((float(np.median(columns)), float(np.median(rows)), True),),
        box_xyxy=None,
        mask_counts=None,
        learned_prompt=learned,
    )
    return PredictAnswer.model_validate(interactive.predict(call.model_dump(mode="json")))


def test_two_slices_teach_and_five_propose(
    services: Services, interactive: Interactive, runtime: Runtime, liver: Liver, tmp_path: Path
) -> None:
    first, *_, last = liver.slices
    liver.draw(first, last)
    status = services.learning.status(liver.who, liver.volume)[0]
    (automatic,) = status.jobs
    assert automatic.payload["automatic"] is True
    runtime.run_job(automatic.id)
    done = services.jobs.get(liver.who, automatic.id)
    assert done.state == JobState.DONE, done.problem
    verdict = Verdict.model_validate(done.result["verdict"])
    assert (
        verdict.folds == 2
        and 0 <= verdict.plain <= 1
        and verdict.gain == pytest.approx(verdict.learned - verdict.plain, abs=1e-3)
    )
    learned = services.learned_prompts.get(liver.who, UUID(done.result["learned_prompt_id"]))
    assert learned.active == verdict.active
    assert [example["slice"] for example in learned.row.provenance["examples"]] == [first, last]
    assert {example["revision_id"] for example in learned.row.provenance["examples"]} == {str(liver.head)}

    middle = liver.slices[len(liver.slices) // 2]
    plain = asked(interactive, services, liver, middle, None)
    taught = asked(interactive, services, liver, middle, learned.row.id)
    assert plain.counts != taught.counts

    services.learned_prompts.set_active(liver.who, learned.row.id, True)
    liver.draw(*liver.slices[1:4])
    job = liver.run(runtime, AutoSegmentPayload(**liver.scope(), seed=3))
    assert job.state == JobState.DONE, job.problem
    annotated = {first, last, *liver.slices[1:4]}
    proposals = liver.proposals()
    assert [p.slice_index for p in proposals] == [k for k in range(SHAPE_KJI[0]) if k not in annotated]
    assert job.result["proposed"] == len(proposals)
    assert {p.learned_prompt_id for p in proposals} == {learned.row.id}
    assert all(0 <= p.confidence <= 1 and p.seed == 3 for p in proposals)
    assert all(p.prompts is not None for p in proposals if p.voxels)

    (kept,) = services.networks.of_project(liver.who, liver.project_id, label_id=None, limit=10, cursor=None).items
    file = tmp_path / "sapnet.safetensors"
    file.write_bytes(b"".join(services.networks.file(liver.who, job.id).chunks))
    assert kept.network.checksum == hashlib.sha256(file.read_bytes()).hexdigest()
    assert SapNet.load(file).provenance == kept.network.provenance
    assert {example["slice"] for example in kept.network.examples} == annotated
    assert kept.network.seed == 3 and kept.network.absent == []

    accepted = services.proposals.accept(
        liver.who, liver.volume, liver.label, Selection(), revision_id=new_id(), parent=liver.head
    )
    found = [p.slice_index for p in proposals if p.voxels]
    assert found
    assert list(accepted.accepted) == found and set(accepted.absent) == {p.slice_index for p in proposals} - set(found)
    assert accepted.appended is not None and accepted.appended.revision.origin == Origin.AUTO
    assert len(services.annotations.revisions(liver.who, liver.annotation)) == 3
    assert liver.proposals() == []


def test_a_run_that_is_repeated_after_a_lost_worker_proposes_once(
    services: Services, runtime: Runtime, batch: Batch, liver: Liver, monkeypatch: pytest.MonkeyPatch
) -> None:
    liver.draw(*liver.slices[:3])
    job = liver.start(AutoSegmentPayload(**liver.scope()))
    claimed = services.jobs.claim(job.id)
    assert claimed is not None

    class Lost(Progress):
        def __call__(self, fraction: float, message: str, **params: int) -> None:
            if params.get("done") == 2:
                raise KeyboardInterrupt  # as kill -9: no end is written

    with pytest.raises(KeyboardInterrupt):
        batch.auto_segment(claimed, Lost(services.jobs, job.id))
    before = {p.slice_index: p.id for p in liver.proposals()}
    assert len(before) == 2
    with services.db.begin() as session:
        session.get_one(Job, job.id).state = JobState.QUEUED  # as the sweeper does
    runtime.run_job(job.id)
    ended = services.jobs.get(liver.who, job.id)
    assert ended.state == JobState.DONE, ended.problem
    after = {p.slice_index: p.id for p in liver.proposals()}
    assert len(after) == SHAPE_KJI[0] - 3 and len(liver.proposals(None)) == len(after)
    assert all(after[k] != known for k, known in before.items())


def test_a_job_stops_between_steps_when_it_is_cancelled(
    services: Services, batch: Batch, liver: Liver, runtime: Runtime
) -> None:
    liver.draw(*liver.slices[:2])
    job = liver.start(LearnPromptPayload(**liver.scope()))
    claimed = services.jobs.claim(job.id)
    assert claimed is not None
    services.jobs.cancel(liver.who, job.id)
    with pytest.raises(JobCancelled):
        batch.learn_prompt(claimed, Progress(services.jobs, job.id))
    assert services.learning.status(liver.who, liver.volume)[0].newest is None


def test_propagation_goes_from_slice_to_slice_and_stops_at_what_is_annotated(
    services: Services, runtime: Runtime, liver: Liver
) -> None:
    start = liver.slices[0]
    liver.draw(start, start + 3)
    job = liver.run(runtime, PropagatePayload(**liver.scope(), start=start, direction=1, most_slices=6))
    assert job.state == JobState.DONE, job.problem
    reached = [p.slice_index for p in liver.proposals()]
    assert reached == list(range(start + 1, start + 1 + len(reached))) and 1 <= len(reached) <= 2
    assert {p.generator for p in liver.proposals()} == {"propagation"}


def test_examples_that_were_taken_back_end_the_job_with_a_reason(
    services: Services, runtime: Runtime, liver: Liver
) -> None:
    liver.draw(*liver.slices[:2])
    job = liver.start(LearnPromptPayload(**liver.scope()))
    services.annotations.restore(liver.who, liver.annotation, revision_id=new_id(), sequence=0, parent=liver.head)
    runtime.run_job(job.id)
    failed = services.jobs.get(liver.who, job.id)
    assert failed.state == JobState.FAILED and failed.problem["code"] == "not_enough_slices"


def test_many_instances_on_pictures_are_asked_for_one_by_one() -> None:
    one, five = (np.zeros((40, 40), np.bool_) for _ in range(2))
    one[4:30, 4:30] = True
    for n in range(5):
        five[2:30, 8 * n : 8 * n + 5] = True
    anywhere = {"label_id": new_id(), "annotator_id": new_id()}
    pictures = AutoSegmentPayload(volume_id=None, **anywhere)
    assert prompting(pictures, [five, five, one]) == (PromptKind.BOXES, True)
    assert prompting(pictures, [five, one, one]) == (PromptKind.POINTS, False)
    assert prompting(AutoSegmentPayload(volume_id=new_id(), **anywhere), [five, five]) == (PromptKind.POINTS, False)
    asked = pictures.model_copy(update={"prompts": PromptKind.COMPOSITE, "per_component": False})
    assert prompting(asked, [five, five]) == (PromptKind.COMPOSITE, False)


def blobs(count: int, shape_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Squares of 8 x 8 pixels in a row."""
    mask = np.zeros(shape_hw, np.bool_)
    for n in range(count):
        mask[20:28, 4 + 12 * n : 12 + 12 * n] = True
    return mask


def test_instances_are_learned_one_by_one_but_not_slips_of_the_hand() -> None:
    mask = blobs(5, (96, 160))
    mask[80, 3] = True
    embedding = SliceEmbedding(np.zeros((2, 4, 4), np.float16), (96, 160), (96, 160), "a")
    lessons = one_by_one([AnnotatedSlice(3, embedding, mask)], np.random.default_rng(0))
    assert [(lesson.index, int(lesson.mask.sum())) for lesson in lessons] == [(3, 64)] * 5
    assert not np.logical_or.reduce([lesson.mask for lesson in lessons])[80, 3]
    many = one_by_one([AnnotatedSlice(3, embedding, blobs(12, (96, 160)))], np.random.default_rng(0))
    assert len(many) == LEARNED_A_PICTURE


def test_many_instances_on_pictures_are_learned_one_by_one(
    services: Services, admin: Principal, runtime: Runtime, phantom: Phantom
) -> None:
    liver = Liver(services, admin, phantom)
    for k in liver.slices[:2]:
        picture = liver.add(phantom.volume.voxels[k : k + 1])
        annotation = services.annotations.create(admin, picture, liver.label, None).annotation.id
        flips = SliceFlips(0, SHAPE_KJI[1:], masks.encode(blobs(5, SHAPE_KJI[1:]))["counts"])
        draft = RevisionDraft(id=new_id(), parent=None, origin=Origin.MANUAL, slices=(flips,))
        services.annotations.append(admin, annotation, draft)
    scope = {"volume_id": picture, "label_id": liver.label, "annotator_id": admin.id}
    job = liver.run(runtime, LearnPromptPayload(**scope))
    assert job.state == JobState.DONE, job.problem
    assert job.result["verdict"]["folds"] == 2
    learned = services.learned_prompts.of_project(admin, liver.project_id, label_id=None, limit=5, cursor=None).items
    provenance = learned[0].row.provenance
    assert (len(provenance["examples"]), len(provenance["slices"]), provenance["instances"]) == (2, 2, 10)


def test_pictures_are_proposed_on_together(
    services: Services, admin: Principal, runtime: Runtime, phantom: Phantom
) -> None:
    liver = Liver(services, admin, phantom)
    pictures = {k: liver.add(phantom.volume.voxels[k : k + 1]) for k in liver.slices[:4]}
    for k in liver.slices[:2]:
        annotation = services.annotations.create(admin, pictures[k], liver.label, None).annotation.id
        flips = SliceFlips(0, SHAPE_KJI[1:], masks.encode(liver.truth[k])["counts"])
        draft = RevisionDraft(id=new_id(), parent=None, origin=Origin.SAM, slices=(flips,))
        services.annotations.append(admin, annotation, draft)
    some = next(iter(pictures.values()))
    scope = {"volume_id": some, "label_id": liver.label, "annotator_id": admin.id}
    job = liver.run(runtime, AutoSegmentPayload(**scope))
    assert job.state == JobState.DONE, job.problem
    assert job.payload["volume_id"] is None and job.result["proposed"] == 2
    for k in liver.slices[2:4]:
        _, rows = services.proposals.of_volume(admin, pictures[k], label_id=None, state=None, after=None)
        assert [(row.slice_index, row.state) for row in rows] == [(0, "open")]
    way = services.proposals.of_project(admin, liver.project_id, liver.label, limit=10)
    assert {proposal.volume_id for proposal, _ in way} == {pictures[k] for k in liver.slices[2:4]}
    assert [p.confidence for p, _ in way] == sorted(p.confidence for p, _ in way)
    learned = services.learned_prompts.of_project(admin, liver.project_id, label_id=None, limit=5, cursor=None).items
    assert [(view.row.volume_id, len(view.row.provenance["examples"])) for view in learned] == [(None, 2)]
    assert learned[0].row.provenance["config"]["position_grid"] == 0  # pictures do not lie in one body


def test_a_warm_start_is_where_learning_starts_and_is_measured_again(
    services: Services, runtime: Runtime, liver: Liver, phantom: Phantom
) -> None:
    liver.draw(*liver.slices[:2])
    first = liver.run(runtime, LearnPromptPayload(**liver.scope()))
    assert first.state == JobState.DONE, first.problem
    kept = UUID(first.result["learned_prompt_id"])
    services.projects.change_label(liver.who, liver.label, {"warm_start_id": kept})
    liver.volume = liver.add(phantom.volume.voxels[::-1].copy())
    liver.truth, liver.head = liver.truth[::-1], None
    liver.annotation = services.annotations.create(liver.who, liver.volume, liver.label, None).annotation.id
    liver.draw(*liver.slices[:2])
    second = liver.run(runtime, LearnPromptPayload(**liver.scope()))
    assert second.state == JobState.DONE, second.problem
    learned = services.learned_prompts.get(liver.who, UUID(second.result["learned_prompt_id"])).row
    assert learned.provenance["warm_start"] == str(kept)
    assert -1 <= learned.verdict["warm_start_gain"] <= 1 and first.result["verdict"]["warm_start_gain"] is None


def test_the_window_of_a_frame_is_the_models(services: Services, batch: Batch, liver: Liver, phantom: Phantom) -> None:
    liver.draw(liver.slices[0])
    _, plan = batch._open(LearnPromptPayload(**liver.scope()))
    shown = FrameSlices(services, batch._interactive, plan.frames, lambda: None).image(4)
    np.testing.assert_array_equal(
        shown, intensity.model_input(phantom.volume.voxels[4], intensity.Window("model", 400.0, 40.0))
    )
