"""Learning while somebody annotates: the jobs that learn from examples (services.examples), when they are queued, and
what the page shows of them. Learning itself happens in a worker (`workers/batch.py`), which gets what it needs from
`plan`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, Job, LabelRow, Proposal, User, VolumeRow
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
    QueueUnavailable,
    SliceSource,
    TooManyJobs,
)
from backend.domain.learning import MIN_EXAMPLES, Generator, NotEnoughExamples, ProposalState
from backend.domain.workflow import Action
from backend.errors import Rejected
from backend.services import audit
from backend.services.access import Principal, principal_of, require, require_unlocked, require_volume, role_in
from backend.services.examples import Example, Scope, absent, count_examples, drawn, examples, newest_prompt
from backend.services.jobs import Jobs
from backend.services.learned_prompts import (
    LearnedPromptNotFound,
    LearnedPrompts,
    LearnedPromptView,
    UsedPrompt,
    WarmStart,
    choose,
    shows,
    view,
    warm_start_of,
)
from backend.services.projects import LabelNotFound, label_on
from backend.services.segmentation import Segmentation, slice_source
from backend.services.volumes import SliceNotFound
from backend.stores.queue import JobQueue

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
    warm_start: WarmStart | None
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

        Raises CaseLocked, NoWorker, NotEnoughExamples, NothingToSegment, LabelNotFound, TooManyJobs."""
        with self._db.begin() as session:
            payload, scope = self._open(session, who, payload)
            if not self._queue.worker_counts()[QueueName.TRAIN]:
                raise NoWorker(
                    "No worker process serves the queue 'train'.",
                    hint="`sammed up` starts one, else `sammed worker train` does.",
                )
            if isinstance(payload, PropagatePayload):
                _check_propagation(session, payload, scope)
            else:
                _check_examples(session, scope)
            if isinstance(payload, AutoSegmentPayload):
                _check_targets(session, payload, scope)
            self._check_load(session, who, payload)
            job = self._add(session, who, payload, scope.project_id)
        self._jobs.dispatch(job)
        return job

    def status(self, who: Principal, volume_id: UUID) -> list[LabelLearning]:
        """What there is to show of every label on a volume, for the caller as annotator."""
        info = self._segmentation.models().get(self._segmentation.default_model)
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.VIEW)
            labels = session.scalars(
                select(LabelRow).where(LabelRow.project_id == volume.project_id).order_by(LabelRow.value)
            ).all()
            if not labels:
                return []
            scope = Scope.on(session, who, volume, labels[0].id)
            scopes = [replace(scope, label_id=label.id) for label in labels]
            jobs, counts = _newest_jobs(session, scopes), _proposals(session, who, volume)
            checksum = info.checksum if info else None
            return [
                LabelLearning(
                    label=label,
                    pictures=scope.volume_id is None,
                    examples=count_examples(session, scope),
                    answering=self._prompts.answering(session, who, volume, label.id, checksum),
                    newest=view(session, newest) if (newest := newest_prompt(session, scope)) else None,
                    warm_start=_warm_start(session, who, label),
                    jobs=jobs[_subject(scope)],
                    proposals=counts[label.id],
                )
                for label, scope in zip(labels, scopes, strict=True)
            ]

    def use_warm_start(self, who: Principal, volume_id: UUID, label_id: UUID, on: bool) -> None:
        """Let what the project keeps for a label answer the caller's clicks on a volume, or the plain model: also where
        nothing was learned yet. Raises LearnedPromptNotFound when the project keeps nothing."""
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.ANNOTATE)
            label = label_on(session, volume, label_id)
            if label.warm_start_id is None:
                raise LearnedPromptNotFound("The project keeps no learned prompt for this label.")
            scope = Scope.on(session, who, volume, label_id)
            choose(session, scope.volume_id, label_id, who.id, label.warm_start_id if on else None)
            audit.record(
                session, who, "warm_start.switched", project_id=volume.project_id, subject=volume.id, active=on
            )

    # -- for services.annotations -------------------------------------------------------------------------------------
    def count(self, session: Session, who: Principal, volume: VolumeRow, label_id: UUID) -> int:
        """Examples of a label for whoever annotates this volume."""
        return count_examples(session, Scope.on(session, who, volume, label_id))

    def grown(self, session: Session, who: Principal, volume: VolumeRow, label_id: UUID) -> Job | None:
        """There is a new example: queue learning in the unit of work that made it, if there are enough of them and the
        annotator wants that. Hand the job to `dispatch_settled` after the commit."""
        scope = Scope.on(session, who, volume, label_id)
        if not session.get_one(User, who.id).auto_learn or count_examples(session, scope) < MIN_EXAMPLES:
            return None
        payload = LearnPromptPayload(
            volume_id=scope.volume_id,
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

    def identified(self, model: dict[str, Any] | None) -> dict[str, Any] | None:
        """What a client says of the model that answered, with the checksum of the weights that have this name now: a
        name alone does not tell later which they were."""
        if model is None or "checksum" in model:
            return model
        try:
            info = self._segmentation.models().get(str(model.get("name")))
        except QueueUnavailable:
            return model
        return model if info is None else {**model, "checksum": info.checksum}

    def dispatch_settled(self, job: Job) -> None:
        """Send a job of `grown` once the annotator has paused; a newer one takes its place until then."""
        self._jobs.dispatch_later(job, SETTLE_S)

    # -- in a worker --------------------------------------------------------------------------------------------------
    def plan(self, payload: LearningPayload, model: str, info: ModelInfo) -> LearningPlan:
        """What a job learns from, as it is now: examples may have been added or taken back since it was queued."""
        with self._db.begin() as session:
            label = session.get_one(LabelRow, payload.label_id)
            annotator = session.get_one(User, payload.annotator_id)
            who = principal_of(annotator)
            scope = Scope.of(session, who, label.project_id, payload.volume_id, label.id)
            volumes = session.scalars(scope.volumes()).all()
            learnable, masks, without = examples(session, scope), drawn(session, scope), absent(session, scope)
            answering = self._prompts.answering(session, who, volumes[0], label.id, info.checksum) if volumes else None
            newest = newest_prompt(session, scope)
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
            examples={number[e.volume_id, e.slice_index]: e for e in learnable},
            annotated={number[key]: counts for key, counts in masks.items()},
            absent=frozenset(number[key] for key in without - masks.keys()),
            answering=answering,
            tried=newest is not None and newest.model_checksum == info.checksum,
        )

    # -- inside -------------------------------------------------------------------------------------------------------
    def _open(self, session: Session, who: Principal, payload: LearningPayload) -> tuple[LearningPayload, Scope]:
        """Check access; the payload with the model filled in, and without the volume if that is one of the pictures."""
        filled = payload.model_copy(update={"model": payload.model or self._segmentation.default_model})
        if payload.volume_id is not None:
            volume = require_volume(session, who, payload.volume_id, Action.ANNOTATE)
            label_on(session, volume, payload.label_id)
            scope = Scope.on(session, who, volume, payload.label_id)
            if not isinstance(payload, LearnPromptPayload):  # what proposes, proposes changes
                require_unlocked(session, who, volume.case_id)
        else:
            label = session.get(LabelRow, payload.label_id)
            if label is None or role_in(session, who, label.project_id) is None:
                raise LabelNotFound("This label does not exist or is not in one of your projects.")
            require(session, who, label.project_id, Action.ANNOTATE)
            scope = Scope.of(session, who, label.project_id, None, label.id)
        return filled.model_copy(update={"volume_id": scope.volume_id}), scope

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


def _subject(scope: Scope) -> str:
    payload = LearningPayload(volume_id=scope.volume_id, label_id=scope.label_id, annotator_id=scope.annotator_id)
    return payload.subject


def _newest_jobs(session: Session, scopes: Sequence[Scope]) -> dict[str, list[Job]]:
    """By their subject, of all labels at once, the newest of each kind."""
    found: dict[str, list[Job]] = {_subject(scope): [] for scope in scopes}
    aged = (
        select(
            Job.id, func.row_number().over(partition_by=(Job.subject, Job.kind), order_by=Job.id.desc()).label("age")
        )
        .where(Job.subject.in_(found))
        .subquery()
    )
    newest = select(Job).join(aged, aged.c.id == Job.id).where(aged.c.age == 1).order_by(Job.kind)
    for job in session.scalars(newest):
        found[str(job.subject)].append(job)
    return found


def _proposals(session: Session, who: Principal, volume: VolumeRow) -> defaultdict[UUID, dict[ProposalState, int]]:
    """By label, how many the caller has in each state."""
    found: defaultdict[UUID, dict[ProposalState, int]] = defaultdict(dict)
    counted = session.execute(
        select(Proposal.label_id, Proposal.state, func.count())
        .where(Proposal.volume_id == volume.id, Proposal.annotator_id == who.id)
        .group_by(Proposal.label_id, Proposal.state)
    )
    for label_id, state, count in counted:
        found[label_id][ProposalState(state)] = count
    return found


def _warm_start(session: Session, who: Principal, label: LabelRow) -> WarmStart | None:
    """What the project keeps for a label, unless it shows the caller what they must not see."""
    found = warm_start_of(session, label)
    return None if found is None or shows(session, who, found.row) else found


def _check_examples(session: Session, scope: Scope) -> None:
    count = count_examples(session, scope)
    if count < MIN_EXAMPLES:
        where = "on this volume" if scope.volume_id else "in this project"
        raise NotEnoughExamples(
            f"Annotated slices of this label {where}: {count}.",
            hint=f"Annotate {MIN_EXAMPLES} slices at least; with five, proposals become good.",
            context={"have": count, "need": MIN_EXAMPLES},
        )


def _check_targets(session: Session, payload: AutoSegmentPayload, scope: Scope) -> None:
    if scope.volume_id is None:
        if payload.targets is not None:
            raise NothingToSegment("Pictures are proposed on all at once.", hint="Leave `slices` out.")
        if payload.generator is Generator.PROPAGATION:
            raise NothingToSegment(
                "Prompts cannot be propagated from picture to picture.", hint="Use sapnet or classification."
            )
    slices = sum(volume.slices for volume in session.scalars(scope.volumes()))
    for k in payload.targets or ():
        if not 0 <= k < slices:
            raise SliceNotFound(f"There is no slice {k}.", hint=f"The volume has {slices} slices.")
    masks = drawn(session, scope)
    free = slices - len(masks) if payload.targets is None else len(set(payload.targets) - {k for _, k in masks})
    if free == 0:
        raise NothingToSegment("All of these slices are annotated.", hint="Proposals never replace accepted masks.")


def _check_propagation(session: Session, payload: PropagatePayload, scope: Scope) -> None:
    if scope.volume_id is None:
        raise NothingToSegment("A picture has no neighbours.", hint="Use auto_segment for sets of pictures.")
    slices = session.get_one(VolumeRow, scope.volume_id).slices
    if not 0 <= payload.start < slices:
        raise SliceNotFound(f"There is no slice {payload.start}.", hint=f"The volume has {slices} slices.")
    if (scope.volume_id, payload.start) not in drawn(session, scope):
        raise NotEnoughExamples(
            f"Slice {payload.start} has no mask of this label.", hint="Annotate the slice to start from first."
        )
