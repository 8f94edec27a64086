"""Proposals: masks that a generator made and nobody accepted yet. They live apart from revisions until somebody does.

At most one proposal is open for a slice of a label and an annotator. Accepting makes one revision of all chosen slices;
rejecting, and saying that the label is absent, change the proposal alone. What was decided can be opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, Case, CurrentMask, LearnedPromptRow, Proposal, Revision, User, VolumeRow
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.learning import Generator, ProposalState, ProposedSlice
from backend.domain.reading import ConsensusMethod
from backend.domain.telemetry import Telemetry
from backend.domain.workflow import Action
from backend.errors import NotFound
from backend.services import audit
from backend.services.access import (
    CaseLocked,
    Principal,
    is_locked,
    principal_of,
    require,
    require_unlocked,
    require_volume,
    seen_case_ids,
)
from backend.services.annotations import Annotations, Appended, StaleRevision
from backend.services.projects import label_on


class ProposalNotFound(NotFound):
    """None of the proposals asked for is there in a state that can be decided. Raised by services.proposals."""

    code = "proposal_not_found"
    title = "There is no such proposal"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which proposals of a label on a volume: these ids, these slices, all from a confidence on; all that are given
    must hold, and without any it means all."""

    ids: tuple[UUID, ...] | None = None
    slices: tuple[int, ...] | None = None
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a job's proposals have in common."""

    job_id: UUID
    label_id: UUID
    annotator_id: UUID
    generator: Generator | ConsensusMethod
    learned_prompt_id: UUID | None
    model: str
    model_checksum: str
    seed: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting did. `absent`: empty proposals, which now say that the slice does not show the label; `skipped`:
    slices that the annotator has drawn on since."""

    appended: Appended | None
    accepted: tuple[int, ...]
    absent: tuple[int, ...]
    skipped: tuple[int, ...]


@dataclass(slots=True)
class AcceptedPictures:
    """As Accepted, counted over the pictures of a project. `left`: pictures that changed while they were looked at, or
    that are submitted."""

    accepted: int = 0
    absent: int = 0
    skipped: int = 0
    left: int = 0


class Proposals:
    def __init__(self, db: Database, annotations: Annotations) -> None:
        self._db = db
        self._annotations = annotations

    # -- reading ------------------------------------------------------------------------------------------------------
    def of_volume(
        self,
        who: Principal,
        volume_id: UUID,
        *,
        label_id: UUID | None,
        state: ProposalState | None,
        after: UUID | None,
    ) -> tuple[VolumeRow, list[Proposal]]:
        """The caller's proposals on a volume, oldest first; those made `after` a known one while a job goes on."""
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.VIEW)
            query = select(Proposal).where(Proposal.volume_id == volume.id, Proposal.annotator_id == who.id)
            if label_id is not None:
                query = query.where(Proposal.label_id == label_id)
            if state is not None:
                query = query.where(Proposal.state == state)
            if after is not None:
                query = query.where(Proposal.id > after)
            return volume, list(session.scalars(query.order_by(Proposal.id)))

    def of_project(
        self, who: Principal, project_id: UUID, label_id: UUID, *, limit: int
    ) -> list[tuple[Proposal, UUID]]:
        """The caller's open proposals of a label in a whole project, least certain first, each with its case: the way
        through a set of pictures."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.VIEW)
            rows = session.execute(
                select(Proposal, VolumeRow.case_id)
                .join(VolumeRow, VolumeRow.id == Proposal.volume_id)
                .where(
                    VolumeRow.case_id.in_(seen_case_ids(session, who, project_id)),
                    Proposal.label_id == label_id,
                    Proposal.annotator_id == who.id,
                    Proposal.state == ProposalState.OPEN,
                )
                .order_by(Proposal.confidence, Proposal.id)
                .limit(limit)
            )
            return [(proposal, case_id) for proposal, case_id in rows]

    # -- deciding -----------------------------------------------------------------------------------------------------
    def accept(
        self,
        who: Principal,
        volume_id: UUID,
        label_id: UUID,
        selection: Selection,
        *,
        revision_id: UUID,
        parent: UUID | None,
        telemetry: Telemetry | None = None,
    ) -> Accepted:
        """Make the chosen open proposals one revision. Slices drawn on since are left as they are and named; an empty
        proposal is taken at its word. Sending the same revision id again changes nothing.

        Raises CaseLocked, StaleRevision, RevisionIdTaken, ProposalNotFound."""
        annotation_id = self._annotations.create(who, volume_id, label_id, None).annotation.id
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.ANNOTATE)
            session.get_one(Annotation, annotation_id, with_for_update=True)
            if session.get(Revision, revision_id) is not None:
                return self._accepted_before(session, who, annotation_id, revision_id)
            require_unlocked(session, who, volume.case_id)
            chosen = _chosen(session, who, volume_id, label_id, selection, ProposalState.OPEN)
            drawn = set(
                session.scalars(
                    select(CurrentMask.slice_index).where(
                        CurrentMask.annotation_id == annotation_id, CurrentMask.voxels > 0
                    )
                )
            )
            skipped = [p for p in chosen if p.slice_index in drawn]
            absent = [p for p in chosen if p.slice_index not in drawn and p.voxels == 0]
            accepted = [p for p in chosen if p.slice_index not in drawn and p.voxels > 0]
            appended = None
            if accepted:
                draft = _draft(session, accepted, volume, revision_id, parent, telemetry or Telemetry())
                appended = self._annotations.append_within(session, who, annotation_id, draft)
            _decide(accepted, ProposalState.ACCEPTED, revision_id)
            _decide(absent, ProposalState.ABSENT)
            _decide(skipped, ProposalState.CORRECTED)
            audit.record(
                session,
                who,
                "proposals.accepted",
                project_id=volume.project_id,
                subject=annotation_id,
                slices=len(accepted),
            )
            return Accepted(appended, _slices(accepted), _slices(absent), _slices(skipped))

    def accept_pictures(
        self, who: Principal, project_id: UUID, label_id: UUID, min_confidence: float | None
    ) -> AcceptedPictures:
        """Accept the caller's open proposals of a label, from a confidence on, on all pictures of a project: a revision
        for each picture. What is interrupted is completed by asking again. Raises ProposalNotFound."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.ANNOTATE)
            wanted = (
                select(Proposal.volume_id)
                .join(VolumeRow, VolumeRow.id == Proposal.volume_id)
                .where(
                    VolumeRow.case_id.in_(seen_case_ids(session, who, project_id)),
                    VolumeRow.slices == 1,
                    Proposal.label_id == label_id,
                    Proposal.annotator_id == who.id,
                    Proposal.state == ProposalState.OPEN,
                    Proposal.confidence >= (min_confidence or 0.0),
                )
            )
            pictures = session.scalars(wanted.distinct().order_by(Proposal.volume_id)).all()
        if not pictures:
            raise ProposalNotFound("None of your proposals on this project's pictures is meant by this selection.")
        found = AcceptedPictures()
        selection = Selection(min_confidence=min_confidence)
        for volume_id in pictures:
            try:
                head = self._annotations.create(who, volume_id, label_id, None).head
                done = self.accept(who, volume_id, label_id, selection, revision_id=new_id(), parent=head)
            except (CaseLocked, StaleRevision, ProposalNotFound):
                found.left += 1  # it is submitted, or somebody is at work on this picture at this very moment
                continue
            found.accepted += len(done.accepted)
            found.absent += len(done.absent)
            found.skipped += len(done.skipped)
        return found

    def decide(
        self, who: Principal, volume_id: UUID, label_id: UUID, selection: Selection, state: ProposalState
    ) -> list[Proposal]:
        """Reject the chosen open proposals, say that their slices do not show the label (`absent`), or open again what
        was decided (`open`; the newest of a slice, where none is open). Raises CaseLocked, ProposalNotFound."""
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.ANNOTATE)
            require_unlocked(session, who, volume.case_id)
            label_on(session, volume, label_id)
            if state is ProposalState.OPEN:
                chosen = _reopened(session, who, volume_id, label_id, selection)
            else:
                chosen = _chosen(session, who, volume_id, label_id, selection, ProposalState.OPEN)
            _decide(chosen, state)
            audit.record(
                session,
                who,
                f"proposals.{state}",
                project_id=volume.project_id,
                subject=volume_id,
                slices=len(chosen),
            )
            session.flush()
            return chosen

    # -- in a worker --------------------------------------------------------------------------------------------------
    def propose(self, run: Run, made: ProposedSlice) -> None:
        """Store one proposal as it is made, in place of the slice's open one. A slice that was annotated while the job
        ran gets none, nor does a case that was submitted."""
        with self._db.begin() as session:
            case = session.scalar(select(Case).join(VolumeRow).where(VolumeRow.id == made.volume_id))
            if case is None or is_locked(session, principal_of(session.get_one(User, run.annotator_id)), case):
                return
            annotation = session.scalar(
                select(Annotation)
                .where(
                    Annotation.volume_id == made.volume_id,
                    Annotation.label_id == run.label_id,
                    Annotation.annotator_id == run.annotator_id,
                )
                .with_for_update(read=True)  # no revision comes between the look and the proposal
            )
            drawn = session.get(CurrentMask, (annotation.id, made.slice_index)) if annotation else None
            if drawn is not None and drawn.voxels > 0:
                return
            session.execute(
                delete(Proposal).where(
                    Proposal.volume_id == made.volume_id,
                    Proposal.label_id == run.label_id,
                    Proposal.annotator_id == run.annotator_id,
                    Proposal.slice_index == made.slice_index,
                    Proposal.state == ProposalState.OPEN,
                )
            )
            session.add(
                Proposal(
                    id=new_id(),
                    job_id=run.job_id,
                    volume_id=made.volume_id,
                    label_id=run.label_id,
                    annotator_id=run.annotator_id,
                    slice_index=made.slice_index,
                    counts=made.counts,
                    voxels=made.voxels,
                    confidence=made.confidence,
                    prompts=made.prompts,
                    generator=run.generator,
                    learned_prompt_id=run.learned_prompt_id,
                    model=run.model,
                    model_checksum=run.model_checksum,
                    seed=run.seed,
                )
            )

    def forget_older(self, run: Run, volume_ids: Sequence[UUID]) -> None:
        """A run is complete: open proposals of earlier ones on these volumes go."""
        with self._db.begin() as session:
            session.execute(
                delete(Proposal).where(
                    Proposal.volume_id.in_(volume_ids),
                    Proposal.label_id == run.label_id,
                    Proposal.annotator_id == run.annotator_id,
                    Proposal.job_id != run.job_id,
                    Proposal.state == ProposalState.OPEN,
                )
            )

    # -- inside -------------------------------------------------------------------------------------------------------
    def _accepted_before(self, session: Session, who: Principal, annotation_id: UUID, revision_id: UUID) -> Accepted:
        draft = RevisionDraft(id=revision_id, parent=None, origin=Origin.AUTO, slices=())
        appended = self._annotations.append_within(session, who, annotation_id, draft)
        return Accepted(appended, tuple(change.slice_index for change in appended.slices), (), ())


def _chosen(
    session: Session, who: Principal, volume_id: UUID, label_id: UUID, selection: Selection, state: ProposalState | None
) -> list[Proposal]:
    """The caller's chosen proposals, by slice, oldest first, locked. Raises ProposalNotFound when there is none."""
    query = select(Proposal).where(
        Proposal.volume_id == volume_id, Proposal.label_id == label_id, Proposal.annotator_id == who.id
    )
    if state is not None:
        query = query.where(Proposal.state == state)
    if selection.ids is not None:
        query = query.where(Proposal.id.in_(selection.ids))
    if selection.slices is not None:
        query = query.where(Proposal.slice_index.in_(selection.slices))
    if selection.min_confidence is not None:
        query = query.where(Proposal.confidence >= selection.min_confidence)
    found = list(session.scalars(query.order_by(Proposal.slice_index, Proposal.id).with_for_update()))
    if not found:
        raise ProposalNotFound(
            "None of your proposals on this volume is meant by this selection.",
            hint="They may have been decided or replaced meanwhile: read them again.",
        )
    return found


def _reopened(
    session: Session, who: Principal, volume_id: UUID, label_id: UUID, selection: Selection
) -> list[Proposal]:
    """The newest decided proposal of each chosen slice that has no open one."""
    found = _chosen(session, who, volume_id, label_id, selection, None)
    newest = {proposal.slice_index: proposal for proposal in found}  # oldest first: the newest stays
    open_ones = set(
        session.scalars(
            select(Proposal.slice_index).where(
                Proposal.volume_id == volume_id,
                Proposal.label_id == label_id,
                Proposal.annotator_id == who.id,
                Proposal.state == ProposalState.OPEN,
            )
        )
    )
    decided = [proposal for k, proposal in newest.items() if k not in open_ones]
    if not decided:
        raise ProposalNotFound("All of these proposals are open.")
    return decided


def _decide(proposals: Sequence[Proposal], state: ProposalState, revision_id: UUID | None = None) -> None:
    for proposal in proposals:
        proposal.state, proposal.revision_id = state, revision_id
        proposal.decided_at = None if state is ProposalState.OPEN else func.now()


def _draft(
    session: Session,
    accepted: Sequence[Proposal],
    volume: VolumeRow,
    revision_id: UUID,
    parent: UUID | None,
    telemetry: Telemetry,
) -> RevisionDraft:
    """One revision of all slices, with all that says how they came about."""
    learned_ids = {p.learned_prompt_id for p in accepted if p.learned_prompt_id}
    checksums = dict(
        session.execute(
            select(LearnedPromptRow.id, LearnedPromptRow.checksum).where(LearnedPromptRow.id.in_(learned_ids))
        ).all()
    )
    runs = {p.job_id: p for p in accepted}
    only_propagated = all(p.generator == Generator.PROPAGATION for p in accepted)
    only_consensus = all(p.generator in tuple(ConsensusMethod) for p in accepted)
    newest = accepted[-1]
    model: dict[str, Any] = {
        "name": newest.model,
        "checksum": newest.model_checksum,
        "runs": [
            {
                "job": str(p.job_id),
                "generator": p.generator,
                "seed": p.seed,
                "model": p.model,
                "model_checksum": p.model_checksum,
                "learned_prompt": str(p.learned_prompt_id) if p.learned_prompt_id else None,
                "learned_prompt_checksum": checksums.get(p.learned_prompt_id) if p.learned_prompt_id else None,
            }
            for p in runs.values()
        ],
    }
    prompts: dict[str, Any] = {
        "slices": {
            str(p.slice_index): {**(p.prompts or {}), "confidence": p.confidence, "job": str(p.job_id)}
            for p in accepted
        }
    }
    return RevisionDraft(
        id=revision_id,
        parent=parent,
        origin=Origin.REVIEW if only_consensus else Origin.PROPAGATION if only_propagated else Origin.AUTO,
        slices=tuple(SliceFlips(p.slice_index, (volume.rows, volume.columns), p.counts) for p in accepted),
        prompts=prompts,
        model=model,
        telemetry=telemetry.to_json(),
    )


def _slices(proposals: Sequence[Proposal]) -> tuple[int, ...]:
    return tuple(proposal.slice_index for proposal in proposals)
