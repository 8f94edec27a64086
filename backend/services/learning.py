"""Learning while somebody annotates: which slices there are to learn from, and the jobs that learn from them.

An *example* is a slice whose newest change the annotator made or corrected (domain.learning.MACHINE_ORIGINS do not
count). Volumes of one slice are the *pictures* of a project: together they are to a label what the slices of a volume
are. Learning itself happens in a worker (`workers/batch.py`), which gets all it needs from `plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    Annotation,
    CurrentMask,
    Job,
    LabelRow,
    LearnedPromptRow,
    Proposal,
    Revision,
    RevisionSlice,
    User,
    VolumeRow,
)
from backend.domain.annotation import Origin
from backend.domain.ids import new_id
from backend.domain.jobs import (
    LEARNING_KINDS,
    AutoSegmentPayload,
    JobKind,
    JobState,
    LearningPayload,
    LearnPromptPayload,
    ModelInfo,
    NoWorker,
    PropagatePayload,
    QueueName,
    SliceSource,
    TooManyJobs,
)
from backend.domain.learning import MACHINE_ORIGINS, MIN_EXAMPLES, Generator, NotEnoughExamples, ProposalState
from backend.domain.workflow import Action
from backend.errors import Rejected
from backend.services.access import Principal, require, require_volume, role_in
from backend.services.jobs import Jobs
from backend.services.learned_prompts import LearnedPrompts, LearnedPromptView, UsedPrompt, view
from backend.services.projects import LabelNotFound, label_on
from backend.services.segmentation import Segmentation, slice_source
from backend.services.volumes import SliceNotFound
from backend.stores.queue import JobQueue

log = structlog.get_logger(__name__)

SETTLE_S = 2.0
"""Learning that nobody asked for starts so long after the newest example: who goes on annotating postpones it."""

MAX_UNFINISHED = 16
"""Unfinished learning jobs one person may have."""

KIND_OF: dict[type[LearningPayload], JobKind] = {
    LearnPromptPayload: JobKind.LEARN_PROMPT,
    AutoSegmentPayload: JobKind.AUTO_SEGMENT,
    PropagatePayload: JobKind.PROPAGATE,
}


class NothingToSegment(Rejected):
    """All slices asked for are annotated, or the method does not fit pictures. Raised by services.learning."""

    code = "nothing_to_segment"
    title = "There is nothing to segment"


@dataclass(frozen=True, slots=True)
class Example:
    """A slice to learn from, as its newest revision left it."""

    volume_id: UUID
    slice_index: int
    counts: str
    revision_id: UUID


@dataclass(frozen=True, slots=True)
class Frame:
    """One slice of a volume, or one picture of a set. Its position in the plan's list is its number for the method."""

    volume_id: UUID
    source: SliceSource


@dataclass(frozen=True, slots=True)
class LearningPlan:
    """Everything that a worker needs: frames, examples by frame, frames said to be without the label, targets."""

    project_id: UUID
    label: str
    model: str
    model_checksum: str
    frames: Sequence[Frame]
    examples: dict[int, Example]
    annotated: dict[int, str]
    """RLE counts of every frame with a mask of the label by the annotator: never proposed on"""
    absent: frozenset[int]
    answering: UsedPrompt | None
    """the learned prompt that answers clicks there"""
    tried: bool
    """whether a prompt was learned there before, on this model, even if it does not answer"""


@dataclass(frozen=True, slots=True)
class LabelLearning:
    """What the page shows of a label: examples, what answers a click, the newest learned prompt, jobs, proposals."""

    label: LabelRow
    pictures: bool
    examples: int
    answering: UsedPrompt | None
    newest: LearnedPromptView | None
    jobs: Sequence[Job]
    """the newest of each kind"""
    proposals: dict[ProposalState, int]


class Learning:
    def __init__(
        self, db: Database, queue: JobQueue, jobs: Jobs, prompts: LearnedPrompts, segmentation: Segmentation
    ) -> None:
        self._db = db
        self._queue = queue
        self._jobs = jobs
        self._prompts = prompts
        self._segmentation = segmentation

    # -- for people ---------------------------------------------------------------------------------------------------
    def start(self, who: Principal, payload: LearningPayload) -> Job:
        """Queue a job of the payload's kind in place of an older one of the same volume, label and annotator.

        Raises NoWorker, NotEnoughExamples, NothingToSegment, LabelNotFound, TooManyJobs."""
        with self._db.begin() as session:
            payload, label, volumes = self._scope(session, who, payload)
            if not self._queue.worker_counts()[QueueName.TRAIN]:
                raise NoWorker(
                    "No worker process serves the queue 'train'.",
                    hint="`sammed up` starts one, else `sammed worker train` does.",
                )
            if isinstance(payload, PropagatePayload):
                _check_propagation(session, payload, volumes)
            else:
                _check_examples(len(examples_of(session, volumes, label.id, who.id)), payload)
            if isinstance(payload, AutoSegmentPayload):
                _check_targets(session, payload, volumes)
            self._check_load(session, who, payload)
            job = self._add(session, who, payload, label.project_id)
        self._jobs.dispatch(job)
        return job

    def status(self, who: Principal, volume_id: UUID) -> list[LabelLearning]:
        """What there is to show of every label on a volume, for the caller as annotator."""
        info = self._segmentation.models().get(self._segmentation.default_model)
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.VIEW)
            labels = session.scalars(
                select(LabelRow).where(LabelRow.project_id == volume.project_id).order_by(LabelRow.value)
            )
            return [
                self._status(session, who, volume, label, info.checksum if info else None) for label in labels.all()
            ]

    # -- for services.annotations -------------------------------------------------------------------------------------
    def count(self, session: Session, volume: VolumeRow, label_id: UUID, annotator_id: UUID) -> int:
        """Examples of a label for whoever annotates this volume."""
        volumes = [volume] if volume.slices > 1 else _pictures(session, volume.project_id)
        return len(examples_of(session, volumes, label_id, annotator_id))

    def grown(self, session: Session, who: Principal, volume: VolumeRow, label_id: UUID) -> Job | None:
        """There is a new example: queue learning in the unit of work that made it, if there are enough of them and the
        annotator wants that. Hand the job to `dispatch_settled` after the commit."""
        if not session.get_one(User, who.id).auto_learn:
            return None
        if self.count(session, volume, label_id, who.id) < MIN_EXAMPLES:
            return None
        payload = LearnPromptPayload(
            volume_id=volume.id if volume.slices > 1 else None,
            label_id=label_id,
            annotator_id=who.id,
            model=self._segmentation.default_model,
            automatic=True,
        )
        return self._add(session, who, payload, volume.project_id)

    @staticmethod
    def corrected(session: Session, annotation: Annotation, slices: Sequence[int]) -> None:
        """The annotator drew on these slices: what was proposed there is settled."""
        session.execute(
            update(Proposal)
            .where(
                Proposal.volume_id == annotation.volume_id,
                Proposal.label_id == annotation.label_id,
                Proposal.annotator_id == annotation.annotator_id,
                Proposal.slice_index.in_(slices),
                Proposal.state == ProposalState.OPEN,
            )
            .values(state=ProposalState.CORRECTED, decided_at=func.now())
        )

    def dispatch_settled(self, job: Job) -> None:
        """Send a job of `grown` once the annotator has paused; a newer one takes its place until then."""
        self._jobs.dispatch_later(job, SETTLE_S)

    # -- in a worker --------------------------------------------------------------------------------------------------
    def plan(self, payload: LearningPayload, model: str, info: ModelInfo) -> LearningPlan:
        """The present state of what a job learns from. Raises NotEnoughExamples when examples were undone meanwhile."""
        with self._db.begin() as session:
            label = session.get_one(LabelRow, payload.label_id)
            annotator = session.get_one(User, payload.annotator_id)
            who = Principal(annotator.id, annotator.name, annotator.email, annotator.is_admin)
            if payload.volume_id is not None:
                volumes = [session.get_one(VolumeRow, payload.volume_id)]
            else:
                volumes = _pictures(session, label.project_id)
            examples = examples_of(session, volumes, label.id, annotator.id)
            drawn = _drawn(session, volumes, label.id, annotator.id)
            absent = _absent(session, volumes, label.id, annotator.id)
            answering = self._prompts.answering(session, who, volumes[0], label.id, info.checksum) if volumes else None
            newest = _newest(session, payload)
        frames = [
            Frame(volume.id, slice_source(volume, k, model, info)) for volume in volumes for k in range(volume.slices)
        ]
        number = {(frame.volume_id, frame.source.slice_index): n for n, frame in enumerate(frames)}
        return LearningPlan(
            project_id=label.project_id,
            label=label.name,
            model=model,
            model_checksum=info.checksum,
            frames=frames,
            examples={number[e.volume_id, e.slice_index]: e for e in examples},
            annotated={number[key]: counts for key, counts in drawn.items()},
            absent=frozenset(number[key] for key in absent - drawn.keys()),
            answering=answering,
            tried=newest is not None and newest.model_checksum == info.checksum,
        )

    # -- inside -------------------------------------------------------------------------------------------------------
    def _scope(
        self, session: Session, who: Principal, payload: LearningPayload
    ) -> tuple[LearningPayload, LabelRow, Sequence[VolumeRow]]:
        """The payload with the model filled in (and without the volume, if that is one of a project's pictures), its
        label and its volumes."""
        filled = payload.model_copy(update={"model": payload.model or self._segmentation.default_model})
        if payload.volume_id is not None:
            volume = require_volume(session, who, payload.volume_id, Action.ANNOTATE)
            label = label_on(session, volume, payload.label_id)
            if volume.slices > 1:
                return filled, label, [volume]
        else:
            found = session.get(LabelRow, payload.label_id)
            if found is None or role_in(session, who, found.project_id) is None:
                raise LabelNotFound("This label does not exist or is not in one of your projects.")
            require(session, who, found.project_id, Action.ANNOTATE)
            label = found
        return filled.model_copy(update={"volume_id": None}), label, _pictures(session, label.project_id)

    def _add(self, session: Session, who: Principal, payload: LearningPayload, project_id: UUID) -> Job:
        kind = KIND_OF[type(payload)]
        return self._jobs.add(session, who, kind, payload, project_id=project_id, id=new_id(), subject=payload.subject)

    @staticmethod
    def _check_load(session: Session, who: Principal, payload: LearningPayload) -> None:
        unfinished = session.scalar(
            select(func.count()).where(
                Job.created_by == who.id,
                Job.kind.in_(LEARNING_KINDS),
                Job.state.in_((JobState.QUEUED, JobState.RUNNING)),
                Job.subject != payload.subject,
            )
        )
        if (unfinished or 0) >= MAX_UNFINISHED:
            raise TooManyJobs(
                f"{unfinished} of your learning jobs are not finished.", hint="Wait for them, or cancel some."
            )

    def _status(
        self, session: Session, who: Principal, volume: VolumeRow, label: LabelRow, model_checksum: str | None
    ) -> LabelLearning:
        pictures = volume.slices == 1
        scope = LearningPayload(
            volume_id=None if pictures else volume.id, label_id=label.id, annotator_id=who.id, model=None
        )
        newest = _newest(session, scope)
        aged = (
            select(Job.id, func.row_number().over(partition_by=Job.kind, order_by=Job.id.desc()).label("age"))
            .where(Job.subject == scope.subject)
            .subquery()
        )
        jobs = session.scalars(select(Job).join(aged, aged.c.id == Job.id).where(aged.c.age == 1).order_by(Job.kind))
        counted = session.execute(
            select(Proposal.state, func.count())
            .where(Proposal.volume_id == volume.id, Proposal.label_id == label.id, Proposal.annotator_id == who.id)
            .group_by(Proposal.state)
        )
        return LabelLearning(
            label=label,
            pictures=pictures,
            examples=self.count(session, volume, label.id, who.id),
            answering=self._prompts.answering(session, who, volume, label.id, model_checksum),
            newest=view(session, newest) if newest else None,
            jobs=list(jobs),
            proposals={ProposalState(state): count for state, count in counted},
        )


def examples_of(session: Session, volumes: Sequence[VolumeRow], label_id: UUID, annotator_id: UUID) -> list[Example]:
    """Slices with a mask whose newest change, undoing aside, was no machine's, in the order of the volumes."""
    newest = (
        select(
            Revision.annotation_id,
            RevisionSlice.slice_index,
            RevisionSlice.revision_id,
            Revision.origin,
            Annotation.volume_id,
            func.row_number()
            .over(partition_by=(Revision.annotation_id, RevisionSlice.slice_index), order_by=Revision.sequence.desc())
            .label("age"),
        )
        .join(Revision, Revision.id == RevisionSlice.revision_id)
        .join(Annotation, Annotation.id == Revision.annotation_id)
        .where(
            Annotation.volume_id.in_([volume.id for volume in volumes]),
            Annotation.label_id == label_id,
            Annotation.annotator_id == annotator_id,
            Revision.origin != Origin.UNDO,
        )
        .subquery()
    )
    rows = session.execute(
        select(newest.c.volume_id, newest.c.slice_index, CurrentMask.counts, newest.c.revision_id)
        .join(
            CurrentMask,
            (CurrentMask.annotation_id == newest.c.annotation_id) & (CurrentMask.slice_index == newest.c.slice_index),
        )
        .where(
            newest.c.age == 1,
            CurrentMask.voxels > 0,
            newest.c.origin.not_in([str(origin) for origin in MACHINE_ORIGINS]),
        )
    )
    place = {volume.id: n for n, volume in enumerate(volumes)}
    return sorted((Example(*row) for row in rows), key=lambda e: (place[e.volume_id], e.slice_index))


def _newest(session: Session, scope: LearningPayload) -> LearnedPromptRow | None:
    """What was learned last there, whether it answers or not."""
    return session.scalar(
        select(LearnedPromptRow)
        .where(
            LearnedPromptRow.label_id == scope.label_id,
            LearnedPromptRow.annotator_id == scope.annotator_id,
            LearnedPromptRow.volume_id.is_not_distinct_from(scope.volume_id),
        )
        .order_by(LearnedPromptRow.id.desc())
        .limit(1)
    )


def _pictures(session: Session, project_id: UUID) -> list[VolumeRow]:
    """The volumes of one slice of a project, oldest first."""
    rows = session.scalars(
        select(VolumeRow).where(VolumeRow.project_id == project_id, VolumeRow.slices == 1).order_by(VolumeRow.id)
    )
    return list(rows)


def _drawn(
    session: Session, volumes: Sequence[VolumeRow], label_id: UUID, annotator_id: UUID
) -> dict[tuple[UUID, int], str]:
    """(volume, slice) -> RLE counts of every mask of the label by the annotator."""
    rows = session.execute(
        select(Annotation.volume_id, CurrentMask.slice_index, CurrentMask.counts)
        .join(Annotation, Annotation.id == CurrentMask.annotation_id)
        .where(
            Annotation.volume_id.in_([volume.id for volume in volumes]),
            Annotation.label_id == label_id,
            Annotation.annotator_id == annotator_id,
            CurrentMask.voxels > 0,
        )
    )
    return {(volume_id, k): counts for volume_id, k, counts in rows}


def _absent(
    session: Session, volumes: Sequence[VolumeRow], label_id: UUID, annotator_id: UUID
) -> set[tuple[UUID, int]]:
    """(volume, slice) that the annotator said do not show the label."""
    rows = session.execute(
        select(Proposal.volume_id, Proposal.slice_index).where(
            Proposal.volume_id.in_([volume.id for volume in volumes]),
            Proposal.label_id == label_id,
            Proposal.annotator_id == annotator_id,
            Proposal.state == ProposalState.ABSENT,
        )
    )
    return {(volume_id, k) for volume_id, k in rows}


def _check_examples(count: int, payload: LearningPayload) -> None:
    if count < MIN_EXAMPLES:
        where = "on this volume" if payload.volume_id else "in this project"
        raise NotEnoughExamples(
            f"Annotated slices of this label {where}: {count}.",
            hint=f"Annotate {MIN_EXAMPLES} slices at least; with five, proposals become good.",
            context={"have": count, "need": MIN_EXAMPLES},
        )


def _check_targets(session: Session, payload: AutoSegmentPayload, volumes: Sequence[VolumeRow]) -> None:
    if payload.volume_id is None:
        if payload.targets is not None:
            raise NothingToSegment("Pictures are proposed on all at once.", hint="Leave `slices` out.")
        if payload.generator is Generator.PROPAGATION:
            raise NothingToSegment(
                "Prompts cannot be propagated from picture to picture.", hint="Use sapnet or classification."
            )
    slices = sum(volume.slices for volume in volumes)
    for k in payload.targets or ():
        if not 0 <= k < slices:
            raise SliceNotFound(f"There is no slice {k}.", hint=f"The volume has {slices} slices.")
    drawn = _drawn(session, volumes, payload.label_id, payload.annotator_id)
    free = slices - len(drawn) if payload.targets is None else len(set(payload.targets) - {k for _, k in drawn})
    if free == 0:
        raise NothingToSegment("All of these slices are annotated.", hint="Proposals never replace accepted masks.")


def _check_propagation(session: Session, payload: PropagatePayload, volumes: Sequence[VolumeRow]) -> None:
    if payload.volume_id is None:
        raise NothingToSegment("A picture has no neighbours.", hint="Use auto_segment for sets of pictures.")
    if not 0 <= payload.start < volumes[0].slices:
        raise SliceNotFound(f"There is no slice {payload.start}.", hint=f"The volume has {volumes[0].slices} slices.")
    if (payload.volume_id, payload.start) not in _drawn(session, volumes, payload.label_id, payload.annotator_id):
        raise NotEnoughExamples(
            f"Slice {payload.start} has no mask of this label.", hint="Annotate the slice to start from first."
        )
