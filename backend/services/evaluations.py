"""Measuring the method on a project's accepted masks: who may, on which masks, where the report lies.

Nothing is computed here: a worker (`workers/evaluation_job.py`) gets what it needs from `plan` and hands its
report to `keep`. Where several people drew one label of a volume, the masks that were accepted count, else those of
the case's assignee, else those changed last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, Case, CurrentMask, Job, LabelRow, Project, Revision, User, VolumeRow
from backend.domain.evaluation import (
    FINISHED,
    CannotEvaluate,
    EvaluatePayload,
    EvaluationNotFound,
    EvaluationResult,
    EvaluationUnfinished,
    LabelMasks,
    Reference,
    ReportFile,
)
from backend.domain.ids import new_id
from backend.domain.jobs import JobKind, JobState, ModelMissing, NoWorker, QueueName
from backend.domain.workflow import Action, CaseState
from backend.services.access import Principal, require, role_in
from backend.services.annotations import current_masks
from backend.services.download import Download
from backend.services.jobs import Jobs
from backend.services.paging import Page, page
from backend.services.segmentation import Segmentation
from backend.stores.objects import Objects
from backend.stores.queue import JobQueue

ARCHIVE = "report.zip"

_MEDIA_TYPES = {
    ".md": "text/markdown; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".zip": "application/zip",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case with masks that the method can be measured against."""

    case: Case
    pictures: bool
    """all its volumes are single pictures: those of all chosen cases are measured together"""
    labels: Sequence[LabelMasks]


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """An evaluation and the name of whoever started it."""

    job: Job
    author: str


@dataclass(frozen=True, slots=True)
class ReferenceMasks:
    """The masks of one label on one volume: slice index -> COCO RLE counts, slices that are not empty."""

    label: LabelRow
    counts_by_slice: dict[int, str]


@dataclass(frozen=True, slots=True)
class ReferenceVolume:
    case: Case
    volume: VolumeRow
    masks: Sequence[ReferenceMasks]
    """in the order of the labels' values"""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """Everything that a worker needs: volumes with their reference masks, as they are now, and where those are from."""

    project: str
    volumes: Sequence[ReferenceVolume]
    references: Sequence[Reference]


class Evaluations:
    def __init__(self, db: Database, objects: Objects, queue: JobQueue, jobs: Jobs, segmentation: Segmentation) -> None:
        self._db = db
        self._objects = objects
        self._queue = queue
        self._jobs = jobs
        self._segmentation = segmentation

    # -- for people ---------------------------------------------------------------------------------------------------
    def candidates(self, who: Principal, project_id: UUID, *, limit: int, cursor: str | None) -> Page[Candidate]:
        """The project's cases with masks, newest first."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.REVIEW)
            drawn = (
                select(VolumeRow.case_id)
                .join(Annotation, Annotation.volume_id == VolumeRow.id)
                .join(CurrentMask, CurrentMask.annotation_id == Annotation.id)
                .where(VolumeRow.project_id == project_id, CurrentMask.voxels > 0)
            )
            found = page(
                session,
                select(Case).where(Case.project_id == project_id, Case.id.in_(drawn)),
                Case.id,
                limit=limit,
                cursor=cursor,
            )
            masks: dict[UUID, dict[UUID, int]] = defaultdict(lambda: defaultdict(int))
            stacks: set[UUID] = set()
            for row in session.execute(_references([case.id for case in found.items])):
                masks[row.case_id][row.label_id] += row.masks
                if row.slices > 1:
                    stacks.add(row.case_id)
            return Page(
                [
                    Candidate(
                        case,
                        case.id not in stacks,
                        [LabelMasks(label_id, slices) for label_id, slices in masks[case.id].items()],
                    )
                    for case in found.items
                ],
                found.next_cursor,
            )

    def start(self, who: Principal, payload: EvaluatePayload) -> Job:
        """Queue a measurement. Raises CannotEvaluate, EvaluationUnfinished, NoWorker, ModelMissing."""
        with self._db.begin() as session:
            require(session, who, payload.project_id, Action.REVIEW)
            self._check_workers(payload.model or self._segmentation.default_model)
            self._check_none_unfinished(session, who, payload.project_id)
            _check_chosen(session, payload)
            filled = payload.model_copy(update={"model": payload.model or self._segmentation.default_model})
            job = self._jobs.add(session, who, JobKind.EVALUATE, filled, project_id=payload.project_id, id=new_id())
        self._jobs.dispatch(job)
        return job

    def of_project(self, who: Principal, project_id: UUID, *, limit: int, cursor: str | None) -> Page[EvaluationView]:
        """Evaluations of a project, newest first."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.REVIEW)
            query = select(Job).where(Job.project_id == project_id, Job.kind == JobKind.EVALUATE)
            found = page(session, query, Job.id, limit=limit, cursor=cursor)
            return Page(_views(session, found.items), found.next_cursor)

    def get(self, who: Principal, job_id: UUID) -> EvaluationView:
        """Raises EvaluationNotFound."""
        with self._db.begin() as session:
            job = session.get(Job, job_id)
            if job is None or job.kind != JobKind.EVALUATE or job.project_id is None:
                raise EvaluationNotFound("This evaluation does not exist.")
            if role_in(session, who, job.project_id) is None:
                raise EvaluationNotFound("This evaluation is not in one of your projects.")
            require(session, who, job.project_id, Action.REVIEW)
            return _views(session, [job])[0]

    def file(self, who: Principal, job_id: UUID, name: str) -> Download:
        """One file of a report, or ARCHIVE with all of them. Raises EvaluationNotFound."""
        job = self.get(who, job_id).job
        files = EvaluationResult.model_validate(job.result).files if job.result else ()
        found = next((file for file in files if file.name == name), None)
        if found is None:
            raise EvaluationNotFound(f"This evaluation has no file '{name}'.", hint="Has it ended?")
        return Download(
            name=Path(name).name,
            media_type=found.media_type,
            size_bytes=found.size_bytes,
            chunks=self._objects.chunks(_key(job.id, name)),
        )

    # -- in a worker --------------------------------------------------------------------------------------------------
    def plan(self, payload: EvaluatePayload) -> EvaluationPlan:
        """The reference masks as they are now: all of one moment. Raises CannotEvaluate when they are gone."""
        with self._db.begin() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            rows = session.execute(_references(payload.case_ids, payload.label_ids)).all()
            if not rows:
                raise CannotEvaluate("The masks were taken back meanwhile.", hint="Choose other cases or labels.")
            masks = current_masks(session, [row.annotation_id for row in rows])
            asked = session.scalars(select(LabelRow).where(LabelRow.id.in_(payload.label_ids)))
            labels = {label.id: label for label in asked}
            found: dict[UUID, list[ReferenceMasks]] = defaultdict(list)
            for row in sorted(rows, key=lambda row: labels[row.label_id].value):
                found[row.volume_id].append(ReferenceMasks(labels[row.label_id], masks[row.annotation_id]))
            volumes = session.execute(
                select(VolumeRow, Case)
                .join(Case, Case.id == VolumeRow.case_id)
                .where(VolumeRow.id.in_(list(found)))
                .order_by(Case.name, Case.id, VolumeRow.id)
            )
            return EvaluationPlan(
                project=session.get_one(Project, payload.project_id).name,
                volumes=[ReferenceVolume(case, volume, found[volume.id]) for volume, case in volumes],
                references=[
                    Reference(
                        case_id=row.case_id,
                        volume_id=row.volume_id,
                        label_id=row.label_id,
                        annotator_id=row.annotator_id,
                        revision_id=row.revision_id,
                        slices=row.masks,
                    )
                    for row in rows
                ],
            )

    def keep(self, job_id: UUID, folder: Path) -> list[ReportFile]:
        """Store every file below a folder as a part of the job's report."""
        kept = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = path.relative_to(folder).as_posix()
            self._objects.put_file(_key(job_id, name), path)
            kept.append(ReportFile(name=name, media_type=_MEDIA_TYPES[path.suffix], size_bytes=path.stat().st_size))
        return kept

    # -- inside -------------------------------------------------------------------------------------------------------
    def _check_workers(self, model: str) -> None:
        if not self._queue.worker_counts()[QueueName.EVALUATE]:
            raise NoWorker(
                "No worker process serves the queue 'evaluate'.",
                hint="`sammed up` starts one, else `sammed worker train evaluate` does.",
            )
        if model not in self._segmentation.models():
            raise ModelMissing(f"No running worker has the model '{model}'.", hint="`sammed models list` shows them.")

    @staticmethod
    def _check_none_unfinished(session: Session, who: Principal, project_id: UUID) -> None:
        unfinished = session.scalar(
            select(Job.id).where(
                Job.kind == JobKind.EVALUATE,
                Job.project_id == project_id,
                Job.created_by == who.id,
                Job.state.in_((JobState.QUEUED, JobState.RUNNING)),
            )
        )
        if unfinished:
            raise EvaluationUnfinished(
                "Your last evaluation of this project has not ended.",
                hint="Wait for it, or cancel it.",
                context={"job_id": str(unfinished)},
            )


def _references(case_ids: Sequence[UUID], label_ids: Sequence[UUID] | None = None) -> Select[tuple[object, ...]]:
    """For every label of every volume of these cases the one annotation that counts, with its newest revision.

    Columns: case_id, volume_id, slices (of the volume), label_id, annotation_id, annotator_id, revision_id, masks."""
    chosen = select(Annotation.id).join(VolumeRow).where(VolumeRow.case_id.in_(case_ids))
    drawn = (
        select(CurrentMask.annotation_id, func.count().label("masks"))
        .where(CurrentMask.annotation_id.in_(chosen), CurrentMask.voxels > 0)
        .group_by(CurrentMask.annotation_id)
        .subquery()
    )
    age = func.row_number().over(partition_by=Revision.annotation_id, order_by=Revision.sequence.desc()).label("age")
    aged = (
        select(Revision.annotation_id, Revision.id, Revision.created_at, age)
        .where(Revision.annotation_id.in_(chosen))
        .subquery()
    )
    rank = func.row_number().over(
        partition_by=(Annotation.volume_id, Annotation.label_id),
        order_by=(
            Annotation.annotator_id.is_not_distinct_from(func.coalesce(Case.result_by_id, Case.assignee_id)).desc(),
            aged.c.created_at.desc(),
        ),
    )
    ranked = (
        select(
            VolumeRow.case_id,
            VolumeRow.id.label("volume_id"),
            VolumeRow.slices,
            Annotation.label_id,
            Annotation.id.label("annotation_id"),
            Annotation.annotator_id,
            aged.c.id.label("revision_id"),
            drawn.c.masks,
            rank.label("rank"),
        )
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .join(Case, Case.id == VolumeRow.case_id)
        .join(drawn, drawn.c.annotation_id == Annotation.id)
        .join(aged, (aged.c.annotation_id == Annotation.id) & (aged.c.age == 1))
        .subquery()
    )
    query = select(ranked).where(ranked.c.rank == 1).order_by(ranked.c.volume_id, ranked.c.label_id)
    return query if label_ids is None else query.where(ranked.c.label_id.in_(label_ids))


def _check_chosen(session: Session, payload: EvaluatePayload) -> None:
    """Raises CannotEvaluate for cases and labels of other projects, and where the masks are too few."""
    cases = session.scalars(select(Case).where(Case.id.in_(payload.case_ids), Case.project_id == payload.project_id))
    states = {case.id: CaseState(case.state) for case in cases}
    labels = session.scalars(
        select(LabelRow.id).where(LabelRow.id.in_(payload.label_ids), LabelRow.project_id == payload.project_id)
    ).all()
    if len(states) < len(set(payload.case_ids)) or len(labels) < len(set(payload.label_ids)):
        raise CannotEvaluate("A chosen case or label is not in this project.", hint="Load the page again.")
    unfinished = sum(state not in FINISHED for state in states.values())
    if unfinished and not payload.unfinished_cases:
        raise CannotEvaluate(
            f"Of the chosen cases, {unfinished} are neither submitted nor accepted.",
            hint="Leave them out, or allow cases that are not finished.",
        )
    if unfinished and payload.protocol != "assist":
        raise CannotEvaluate(
            f"'{payload.protocol}' also counts what is found on slices without the label, and of {unfinished} chosen "
            "cases nobody has said yet which those are.",
            hint="Choose submitted or accepted cases, or measure 'assist'.",
        )
    shown: dict[tuple[UUID | None, UUID], int] = defaultdict(int)
    for row in session.execute(_references(payload.case_ids, payload.label_ids)):
        shown[row.volume_id if row.slices > 1 else None, row.label_id] += row.masks
    need = min(payload.slices) + 1
    if max(shown.values(), default=0) < need:
        raise CannotEvaluate(
            f"No chosen label has masks on {need} slices of a case: {need - 1} to learn from and one to test.",
            hint="Choose other cases or labels, or ask for fewer annotated slices.",
            context={"have": max(shown.values(), default=0), "need": need},
        )


def _views(session: Session, jobs: Iterable[Job]) -> list[EvaluationView]:
    jobs = list(jobs)
    authors = session.execute(select(User.id, User.name).where(User.id.in_([job.created_by for job in jobs])))
    names: dict[UUID | None, str] = {author.id: author.name for author in authors}
    return [EvaluationView(job, names.get(job.created_by, "")) for job in jobs]


def _key(job_id: UUID, name: str) -> str:
    return f"evaluations/{job_id}/{name}"
