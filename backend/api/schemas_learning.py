"""Learning on the wire: jobs that learn, learned prompts, proposals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from backend.api.schemas_annotations import Revision
from backend.api.schemas_base import Rle, Schema
from backend.api.schemas_evaluations import EvaluateJobIn
from backend.api.schemas_jobs import ExportJobIn, Job
from backend.api.schemas_volumes import LearnedPromptUsed, Point
from backend.db import tables
from backend.domain.jobs import AutoSegmentPayload, LearningPayload, LearnPromptPayload, PropagatePayload
from backend.domain.learning import Generator, LearnedNetwork, PromptKind, ProposalState, Verdict
from backend.domain.reading import ConsensusMethod
from backend.domain.telemetry import Telemetry
from backend.services.learned_prompts import LearnedPromptView, WarmStart
from backend.services.learning import LabelLearning
from backend.services.networks import NetworkView
from backend.services.proposals import Accepted, AcceptedPictures, Selection

Seed = Annotated[int, Field(ge=0, lt=2**31)]


# -- jobs -------------------------------------------------------------------------------------------------------------
class _LearningJobIn(Schema):
    volume_id: UUID | None = Field(description="null, or a volume of one slice: all pictures of the label's project")
    label_id: UUID
    model: str | None = None
    seed: Seed = 0


class LearnPromptJobIn(_LearningJobIn):
    """POST /api/jobs with kind `learn_prompt`: teach the model this label from the caller's annotated slices."""

    kind: Literal["learn_prompt"]

    def to_payload(self, annotator_id: UUID) -> LearningPayload:
        return LearnPromptPayload(
            volume_id=self.volume_id,
            label_id=self.label_id,
            annotator_id=annotator_id,
            model=self.model,
            seed=self.seed,
        )


class AutoSegmentJobIn(_LearningJobIn):
    """POST /api/jobs with kind `auto_segment`: propose a mask on every slice that is not annotated."""

    kind: Literal["auto_segment"]
    generator: Generator = Generator.SAPNET
    prompts: PromptKind | None = Field(default=None, description="null: boxes for many instances, else points")
    per_component: bool | None = Field(
        default=None, description="One prompt for each part; null: if pictures show many instances of the label"
    )
    top_k: int | None = Field(default=None, ge=1, le=1000, description="Most parts of the label on a slice")
    slices: list[int] | None = Field(default=None, max_length=4096, description="Only these; null: all")

    def to_payload(self, annotator_id: UUID) -> LearningPayload:
        return AutoSegmentPayload(
            volume_id=self.volume_id,
            label_id=self.label_id,
            annotator_id=annotator_id,
            model=self.model,
            seed=self.seed,
            generator=self.generator,
            prompts=self.prompts,
            per_component=self.per_component,
            top_k=self.top_k,
            targets=tuple(sorted(set(self.slices))) if self.slices is not None else None,
        )


class PropagateJobIn(_LearningJobIn):
    """POST /api/jobs with kind `propagate`: follow the label from one annotated slice until it is lost."""

    kind: Literal["propagate"]
    slice: int
    direction: Literal[1, -1] | None = Field(default=None, description="null: both ways")
    most_slices: int | None = Field(default=None, ge=1, description="At most so many each way")

    def to_payload(self, annotator_id: UUID) -> LearningPayload:
        return PropagatePayload(
            volume_id=self.volume_id,
            label_id=self.label_id,
            annotator_id=annotator_id,
            model=self.model,
            seed=self.seed,
            start=self.slice,
            direction=self.direction,
            most_slices=self.most_slices,
        )


JobIn = Annotated[
    ExportJobIn | LearnPromptJobIn | AutoSegmentJobIn | PropagateJobIn | EvaluateJobIn,
    Field(discriminator="kind"),
]


# -- learned prompts --------------------------------------------------------------------------------------------------
class LearnedPrompt(Schema):
    id: UUID
    project_id: UUID
    volume_id: UUID | None = Field(description="null: learned on the project's pictures")
    label_id: UUID
    annotator_id: UUID
    learned_by: str = Field(description="The annotator's name")
    case_id: UUID | None = Field(description="null: learned on the project's pictures")
    case_name: str | None
    job_id: UUID
    model: str
    model_checksum: str
    checksum: str
    examples: int = Field(description="Slices that it was learned from")
    verdict: Verdict
    provenance: dict[str, Any]
    active: bool = Field(description="It answers its annotator's clicks where it was learned")
    warm_start: bool = Field(description="The label's next cases start from it")
    created_at: datetime

    @classmethod
    def of(cls, view: LearnedPromptView) -> LearnedPrompt:
        row = view.row
        return cls(
            id=row.id,
            project_id=row.project_id,
            volume_id=row.volume_id,
            label_id=row.label_id,
            annotator_id=row.annotator_id,
            learned_by=view.where.annotator,
            case_id=view.where.case_id,
            case_name=view.where.case_name,
            job_id=row.job_id,
            model=row.model,
            model_checksum=row.model_checksum,
            checksum=row.checksum,
            examples=len(row.provenance["examples"]),
            verdict=Verdict.model_validate(row.verdict),
            provenance=row.provenance,
            active=view.active,
            warm_start=view.warm_start,
            created_at=row.created_at,
        )


class LearnedPromptPatch(Schema):
    active: bool


class WarmStartOut(Schema):
    """What the project keeps for a label's next cases."""

    id: UUID
    examples: int = Field(description="Slices that it was learned from")
    cases: int = Field(description="Cases in which it was tried lately")
    gain: float | None = Field(description="Mean Dice over the plain model in them; null before the first")
    helps: bool | None = Field(description="Whether that is a gain; null before the first")

    @classmethod
    def of(cls, found: WarmStart) -> WarmStartOut:
        examples = len(found.row.provenance["examples"])
        return cls(id=found.row.id, examples=examples, cases=found.cases, gain=found.gain, helps=found.helps)


class WarmStartPatch(Schema):
    warm_start: bool = Field(description="It answers the caller's clicks here; false: the plain model does")


class LabelLearningOut(Schema):
    """What the page shows of a label's learning, in one answer: after a reload and after each job."""

    label_id: UUID
    pictures: bool = Field(description="The volume is one of the project's pictures, which are learned from together")
    examples: int = Field(description="Slices (or pictures) that the caller annotated and that can be learned from")
    learned_prompt: LearnedPromptUsed | None = Field(description="What answers a click with learned_prompt `auto`")
    newest: LearnedPrompt | None = Field(description="What was learned last here, also when it does not answer")
    warm_start: WarmStartOut | None = Field(description="What the project keeps for the label, and whether it helps")
    jobs: list[Job] = Field(description="The newest job of each kind")
    proposals: dict[ProposalState, int] = Field(description="The caller's proposals on this volume, counted")

    @classmethod
    def of(cls, found: LabelLearning) -> LabelLearningOut:
        return cls(
            label_id=found.label.id,
            pictures=found.pictures,
            examples=found.examples,
            learned_prompt=LearnedPromptUsed.of(found.answering) if found.answering else None,
            newest=LearnedPrompt.of(found.newest) if found.newest else None,
            warm_start=WarmStartOut.of(found.warm_start) if found.warm_start else None,
            jobs=[Job.of(row) for row in found.jobs],
            proposals=found.proposals,
        )


# -- networks ---------------------------------------------------------------------------------------------------------
class Network(Schema):
    """A SAP-Net that a job `auto_segment` trained, and where it comes from."""

    job_id: UUID
    volume_id: UUID | None = Field(description="null: learned on the project's pictures")
    label_id: UUID
    annotator_id: UUID
    learned_by: str = Field(description="The annotator's name")
    case_id: UUID | None = Field(description="null: learned on the project's pictures")
    case_name: str | None
    description: LearnedNetwork
    proposed: int = Field(description="Slices that it proposed on")
    empty: int = Field(description="Of these, slices where it found nothing")
    made_at: datetime

    @classmethod
    def of(cls, view: NetworkView) -> Network:
        job, result = view.job, view.job.result or {}
        return cls(
            job_id=job.id,
            volume_id=job.payload["volume_id"],
            label_id=job.payload["label_id"],
            annotator_id=job.payload["annotator_id"],
            learned_by=view.where.annotator,
            case_id=view.where.case_id,
            case_name=view.where.case_name,
            description=view.network,
            proposed=result["proposed"],
            empty=result["empty"],
            made_at=job.finished_at or job.created_at,
        )


# -- proposals --------------------------------------------------------------------------------------------------------
class ProposalPrompts(Schema):
    """What the model was asked; the form of a prediction's prompts, so that they can be edited and asked again."""

    points: list[Point]
    box: tuple[float, float, float, float] | None
    instance_boxes: list[tuple[float, float, float, float]] = Field(
        default=[], description="Where each instance was asked for with a box of its own: shown, not asked again"
    )


class Proposal(Schema):
    id: UUID
    volume_id: UUID
    label_id: UUID
    slice: int
    mask: Rle
    voxels: int = Field(description="0: nothing was found on this slice")
    confidence: float
    prompts: ProposalPrompts | None
    generator: Generator | ConsensusMethod
    learned_prompt: UUID | None
    model: str
    job_id: UUID
    state: ProposalState
    revision_id: UUID | None
    made_at: datetime

    @classmethod
    def of(cls, row: tables.Proposal, volume: tables.VolumeRow) -> Proposal:
        return cls(
            id=row.id,
            volume_id=row.volume_id,
            label_id=row.label_id,
            slice=row.slice_index,
            mask=Rle(size=(volume.rows, volume.columns), counts=row.counts),
            voxels=row.voxels,
            confidence=row.confidence,
            prompts=ProposalPrompts.model_validate(row.prompts) if row.prompts else None,
            generator=_generator(row.generator),
            learned_prompt=row.learned_prompt_id,
            model=row.model,
            job_id=row.job_id,
            state=ProposalState(row.state),
            revision_id=row.revision_id,
            made_at=row.made_at,
        )


class ProposalBrief(Schema):
    """A proposal in a list over many volumes."""

    id: UUID
    case_id: UUID
    volume_id: UUID
    slice: int
    voxels: int
    confidence: float

    @classmethod
    def of(cls, row: tables.Proposal, case_id: UUID) -> ProposalBrief:
        return cls(
            id=row.id,
            case_id=case_id,
            volume_id=row.volume_id,
            slice=row.slice_index,
            voxels=row.voxels,
            confidence=row.confidence,
        )


class SelectionIn(Schema):
    """Which proposals: all that is given must hold; nothing given means all."""

    label_id: UUID
    ids: list[UUID] | None = None
    slices: list[int] | None = None
    min_confidence: float | None = Field(default=None, ge=0, le=1)

    def selection(self) -> Selection:
        return Selection(
            ids=tuple(self.ids) if self.ids is not None else None,
            slices=tuple(self.slices) if self.slices is not None else None,
            min_confidence=self.min_confidence,
        )


class AcceptIn(SelectionIn):
    revision_id: UUID = Field(description="Made by the client (UUIDv7): sending it again changes nothing")
    parent: UUID | None = Field(description="The newest revision the client knows; null for the first")
    telemetry: Telemetry = Telemetry()


class RejectIn(SelectionIn):
    absent: bool = Field(default=False, description="The slices do not show the label: the next run learns from that")


class AcceptedOut(Schema):
    revision: Revision | None = Field(description="null: nothing was left to store")
    accepted: list[int]
    absent: list[int] = Field(description="Slices whose proposal was empty and now says that the label is not there")
    skipped: list[int] = Field(description="Slices that the annotator has drawn on since; left as they are")

    @classmethod
    def of(cls, done: Accepted) -> AcceptedOut:
        return cls(
            revision=Revision.appended(done.appended) if done.appended else None,
            accepted=list(done.accepted),
            absent=list(done.absent),
            skipped=list(done.skipped),
        )


class AcceptPicturesIn(Schema):
    label_id: UUID
    min_confidence: float | None = Field(default=None, ge=0, le=1, description="null: all open proposals")


class AcceptedPicturesOut(Schema):
    """How many pictures."""

    accepted: int
    absent: int = Field(description="The proposal was empty and now says that the label is not there")
    skipped: int = Field(description="The annotator has drawn on them since; left as they are")
    left: int = Field(description="They changed while they were looked at; ask again")

    @classmethod
    def of(cls, done: AcceptedPictures) -> AcceptedPicturesOut:
        return cls(accepted=done.accepted, absent=done.absent, skipped=done.skipped, left=done.left)


class DecidedOut(Schema):
    state: ProposalState
    slices: list[int]


def _generator(name: str) -> Generator | ConsensusMethod:
    """What made a proposal: the machine, or readers."""
    return ConsensusMethod(name) if name in tuple(ConsensusMethod) else Generator(name)
