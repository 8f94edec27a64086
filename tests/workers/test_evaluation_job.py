"""The job `evaluate` on real parts: Postgres, the object store, the bundled model, a phantom. With few steps: what is
checked is what is measured on which masks, not how good the method is."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any, get_args
from uuid import UUID

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backend.db.tables import Job
from backend.domain import evaluation as words
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.evaluation import (
    CannotEvaluate,
    EvaluatePayload,
    EvaluationMessage,
    EvaluationResult,
    EvaluationUnfinished,
)
from backend.domain.ids import new_id
from backend.domain.jobs import JobKind, JobState, LearnPromptPayload, QueueName
from backend.domain.workflow import CaseState, Role
from backend.imaging import masks
from backend.imaging.phantom import LIVER, Phantom, abdominal_phantom
from backend.services.access import Principal
from backend.services.evaluations import ARCHIVE
from backend.services.imports import NewVolume
from backend.services.projects import LabelDraft
from backend.wiring import Services
from tests.sammed.evaluation_cases import FAST
from tests.services.conftest import person
from workers.accepted_cases import PICTURES, cases_of
from workers.batch import Batch
from workers.evaluation_job import Evaluation, _Watcher
from workers.interactive import Interactive
from workers.runtime import Runtime
from workers.sammed import baselines, sampling
from workers.sammed.cases import GeneratorName, TrialName

SHAPE_KJI = (8, 64, 64)
SLICES = (2, 3, 4, 5, 6)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom(SHAPE_KJI, (25.0, 6.0, 6.0))


@pytest.fixture(scope="module")
def runtime(services: Services) -> Runtime:
    """A worker of `train` and `evaluate` in this process; no job reaches it but by `run_job`, and by giving way."""
    torch.set_num_threads(1)
    services.jobs._postpone = lambda delay_s, act: None
    interactive = Interactive(services)
    queues = [QueueName.TRAIN, QueueName.EVALUATE]
    services.queue.announce_worker("learner", queues, interactive.models())
    runtime = Runtime(services, [])
    runtime.queues = queues
    runtime.jobs = Batch(services, interactive, assist=FAST.assist, auto=FAST.auto).jobs()
    runtime.jobs[JobKind.EVALUATE] = Evaluation(services, interactive, give_way=runtime.give_way, config=FAST).run
    return runtime


class Livers:
    """A project in which the administrator annotates livers; `other` is a reviewer who may draw as well."""

    def __init__(self, services: Services, admin: Principal, phantom: Phantom) -> None:
        self.services, self.admin, self.phantom = services, admin, phantom
        project = services.projects.create(
            admin, "Livers", "", [LabelDraft("liver", "#dd8265"), LabelDraft("part", "#112233")]
        )
        self.project_id = project.project.id
        self.liver, self.part = (label.id for label in project.labels)
        self.other = person(services, admin, f"{self.project_id}@example.org")
        services.projects.set_member(admin, self.project_id, self.other.email, Role.REVIEWER)

    def add(self, voxels: NDArray[Any], name: str) -> tuple[UUID, UUID]:
        """-> case, volume"""
        new = NewVolume(
            study_key=str(new_id()),
            case_name=name,
            study={},
            content_hash=str(new_id()),
            voxels_hash=self.services.objects.put_voxels(voxels),
            name=name,
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
        stored = self.services.imports.store(self.project_id, new)
        return stored.case_id, stored.volume_id

    def draw(self, who: Principal, volume: UUID, label: UUID, planes: dict[int, NDArray[np.bool_]]) -> UUID:
        """-> the revision"""
        annotation = self.services.annotations.create(who, volume, label, None)
        flips = tuple(SliceFlips(k, mask.shape, masks.encode(mask)["counts"]) for k, mask in planes.items())
        draft = RevisionDraft(id=new_id(), parent=annotation.head, origin=Origin.MANUAL, slices=flips)
        self.services.annotations.append(who, annotation.annotation.id, draft)
        return draft.id

    def submit(self, case_id: UUID) -> None:
        self.services.cases.change(self.admin, case_id, {"state": CaseState.SUBMITTED})

    def truth(self, *slices: int) -> dict[int, NDArray[np.bool_]]:
        whole = self.phantom.mask(LIVER)
        return {k: whole[k] for k in slices}

    def payload(self, *case_ids: UUID, **changes: Any) -> EvaluatePayload:
        asked: dict[str, Any] = {
            "project_id": self.project_id,
            "case_ids": case_ids,
            "label_ids": (self.liver,),
            "protocol": "assist",
            "unfinished_cases": False,
            "slices": (2,),
            "repeats": 1,
            "seed": 5,
            "test_slices": 2,
            "points": (1,),
            "prompts": ("points",),
            "schemes": ("uniform",),
            "baselines": ("grabcut",),
            "generators": ("propagation",),
        }
        return EvaluatePayload(**(asked | changes))

    def run(self, runtime: Runtime, payload: EvaluatePayload) -> Job:
        job = self.services.evaluations.start(self.admin, payload)
        runtime.run_job(job.id)
        return self.services.jobs.get(self.admin, job.id)


@pytest.fixture
def livers(services: Services, admin: Principal, phantom: Phantom) -> Livers:
    return Livers(services, admin, phantom)


def test_the_words_are_those_of_the_method() -> None:
    assert get_args(words.Protocol) == get_args(TrialName)
    assert get_args(words.Prompt) == get_args(sampling.PromptKind)
    assert get_args(words.Scheme) == get_args(sampling.Scheme)
    assert get_args(words.GeneratorName) == get_args(GeneratorName)
    assert get_args(words.Baseline) == tuple(baselines.BASELINES)


def test_the_report_of_accepted_masks(services: Services, runtime: Runtime, livers: Livers, phantom: Phantom) -> None:
    case_id, volume_id = livers.add(phantom.volume.voxels, "Anna")
    revision = livers.draw(livers.admin, volume_id, livers.liver, livers.truth(*SLICES))
    livers.draw(livers.admin, volume_id, livers.part, livers.truth(3))
    livers.submit(case_id)
    job = livers.run(runtime, livers.payload(case_id, label_ids=(livers.liver, livers.part)))
    assert job.state == JobState.DONE, job.problem
    result = EvaluationResult.model_validate(job.result)
    assert [r.revision_id for r in result.references if r.label_id == livers.liver] == [revision]
    assert result.measured == 1 and "part: only 1 slice shows it" in result.left_out[0]
    assert [score.method for score in result.scores] == ["plain model", "GrabCut", "SAM^assist"]
    assert result.setting == "1 point, 2 annotated slices"

    def read(name: str) -> bytes:
        return b"".join(services.evaluations.file(livers.other, job.id, name).chunks)

    rows = list(csv.DictReader(io.StringIO(read("results.csv").decode())))
    assert len(rows) == result.rows == 3
    tested = {(row["dataset"], row["case"], row["label"], row["tested"]) for row in rows}
    assert tested == {("Livers", "Anna", "liver", "2")}
    protocol = json.loads(read("protocol.json"))
    assert (protocol["seed"], protocol["model_checksum"]) == (5, result.model_checksum)
    assert protocol["references"] == [reference.model_dump(mode="json") for reference in result.references]
    with zipfile.ZipFile(io.BytesIO(read(ARCHIVE))) as archive:
        assert {*archive.namelist(), ARCHIVE} == {file.name for file in result.files}
        assert archive.read("plots/fig7_points.png").startswith(b"\x89PNG")
        assert archive.read("report.md") == read("report.md")

    again = livers.run(runtime, livers.payload(case_id))
    repeated = EvaluationResult.model_validate(again.result)
    assert repeated.scores == result.scores
    listed = services.evaluations.of_project(livers.other, livers.project_id, limit=9, cursor=None)
    assert [view.job.id for view in listed.items] == [again.id, job.id]


def test_what_cannot_be_measured_is_refused(
    services: Services, runtime: Runtime, livers: Livers, phantom: Phantom
) -> None:
    case_id, volume_id = livers.add(phantom.volume.voxels, "Bert")
    livers.draw(livers.admin, volume_id, livers.liver, livers.truth(3, 4))
    start = services.evaluations.start
    with pytest.raises(CannotEvaluate, match="neither submitted nor accepted"):
        start(livers.admin, livers.payload(case_id))
    with pytest.raises(CannotEvaluate, match="slices without the label"):
        start(livers.admin, livers.payload(case_id, unfinished_cases=True, protocol="auto"))
    with pytest.raises(CannotEvaluate, match="masks on 3 slices"):
        start(livers.admin, livers.payload(case_id, unfinished_cases=True))
    with pytest.raises(CannotEvaluate, match="not in this project"):
        start(livers.admin, livers.payload(new_id()))
    livers.draw(livers.admin, volume_id, livers.liver, livers.truth(5))
    job = start(livers.admin, livers.payload(case_id, unfinished_cases=True))
    with pytest.raises(EvaluationUnfinished):
        start(livers.admin, livers.payload(case_id, unfinished_cases=True))
    services.jobs.cancel(livers.admin, job.id)


def test_a_running_evaluation_stops_in_the_middle_of_a_label(
    services: Services, runtime: Runtime, livers: Livers, phantom: Phantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id, volume_id = livers.add(phantom.volume.voxels, "Cora")
    livers.draw(livers.admin, volume_id, livers.liver, livers.truth(*SLICES))
    livers.submit(case_id)
    job = services.evaluations.start(livers.admin, livers.payload(case_id))
    said: list[str] = []
    report = services.jobs.report

    def cancelled_while_measuring(job_id: UUID, progress: float, message: str, params: dict[str, int]) -> None:
        said.append(message)
        if message == EvaluationMessage.MEASURING:
            services.jobs.cancel(livers.admin, job_id)
        report(job_id, progress, message, params)

    monkeypatch.setattr(services.jobs, "report", cancelled_while_measuring)
    runtime.run_job(job.id)
    over = services.jobs.get(livers.admin, job.id)
    assert (over.state, over.result) == (JobState.CANCELLED, None)
    assert said[-1] == EvaluationMessage.MEASURING
    assert not services.objects.exists(f"evaluations/{job.id}/report.md")


def test_learning_goes_first_and_changes_no_figure(
    services: Services, runtime: Runtime, livers: Livers, phantom: Phantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id, volume_id = livers.add(phantom.volume.voxels, "Emma")
    livers.draw(livers.admin, volume_id, livers.liver, livers.truth(*SLICES))
    livers.submit(case_id)
    alone = livers.run(runtime, livers.payload(case_id, protocol="auto", generators=("sapnet",)))
    scope = {"volume_id": volume_id, "label_id": livers.liver, "annotator_id": livers.admin.id}
    asked: list[Job] = []
    said: list[tuple[UUID, str]] = []
    report = services.jobs.report

    def somebody_annotates(job_id: UUID, progress: float, message: str, params: dict[str, int]) -> None:
        report(job_id, progress, message, params)
        said.append((job_id, message))
        if message == EvaluationMessage.MEASURING and not asked:
            asked.append(services.learning.start(livers.admin, LearnPromptPayload(**scope)))

    monkeypatch.setattr(services.jobs, "report", somebody_annotates)
    both = livers.run(runtime, livers.payload(case_id, protocol="auto", generators=("sapnet",)))
    learned = services.jobs.get(livers.admin, asked[0].id)
    assert learned.state == JobState.DONE, learned.problem
    assert both.state == JobState.DONE, both.problem
    assert (both.attempts, learned.attempts) == (1, 1)
    assert both.started_at < learned.started_at < learned.finished_at < both.finished_at
    announced = said.index((both.id, EvaluationMessage.GIVING_WAY))
    assert said[announced + 1][0] == learned.id
    assert services.queue.waiting(QueueName.TRAIN) == 0
    assert alone.result and both.result and both.result["scores"] == alone.result["scores"]


def test_the_clock_of_a_measurement_stands_still_while_it_gives_way(services: Services) -> None:
    now_s = 100.0

    def give_way(say: Callable[[], None]) -> None:
        nonlocal now_s
        now_s += 7.0

    watcher = _Watcher(lambda *said, **numbers: None, 1, give_way, monotonic=lambda: now_s)
    started = watcher.clock()
    watcher.asked()
    assert watcher.clock() == started
    now_s += 2.0
    assert watcher.clock() == started + 2.0


def test_whose_masks_count_and_how_they_become_cases(services: Services, livers: Livers, phantom: Phantom) -> None:
    voxels = phantom.volume.voxels
    case_id, volume_id = livers.add(voxels, "Dora")
    livers.draw(livers.admin, volume_id, livers.liver, livers.truth(3))
    late = livers.draw(livers.other, volume_id, livers.liver, livers.truth(3, 4))
    overlapping = livers.draw(livers.admin, volume_id, livers.part, livers.truth(4, 5))
    shots = [livers.add(voxels[k : k + 1], f"shot {k}") for k in (3, 4)]
    for (_, picture), k in zip(shots, (3, 4), strict=True):
        livers.draw(livers.admin, picture, livers.liver, {0: livers.truth(k)[k]})
    asked = livers.payload(case_id, *(shot for shot, _ in shots), label_ids=(livers.liver, livers.part))

    plan = services.evaluations.plan(asked)
    assert {r.revision_id for r in plan.references if r.volume_id == volume_id} == {late, overlapping}
    dora, again, pictures = cases_of(plan.volumes, plan.project, services.objects)
    assert (dora.name, dora.label_names) == ("Dora", {1: "liver"})
    assert (again.name, again.label_names) == ("Dora (2)", {2: "part"})
    assert [int((plane > 0).sum()) for plane in dora.labels] == [
        int(livers.truth(k)[k].sum()) if k in (3, 4) else 0 for k in range(SHAPE_KJI[0])
    ]
    assert (pictures.name, pictures.is_volume, len(pictures.images)) == (PICTURES, False, 2)
    np.testing.assert_array_equal(pictures.images[1], dora.images[4])

    services.cases.change(livers.admin, case_id, {"assignee_id": livers.admin.id})
    first = services.evaluations.plan(asked)
    assert late not in {r.revision_id for r in first.references}
    candidates = services.evaluations.candidates(livers.other, livers.project_id, limit=9, cursor=None)
    found = {candidate.case.name: candidate for candidate in candidates.items}
    assert {label.label_id: label.slices for label in found["Dora"].labels} == {livers.liver: 1, livers.part: 2}
    assert found["shot 3"].pictures and not found["Dora"].pictures
