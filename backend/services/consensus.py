"""A new proposal for the reviewer out of what several readers drew, or out of what one of them did.

The readers' masks stay as they are. The reviewer accepts, edits or rejects the proposal in a mask of her own, and the
case is accepted with that as its result. Made by a job (`workers/comparing.py`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, Job, Revision, VolumeRow
from backend.domain.ids import new_id
from backend.domain.jobs import ConsensusPayload, JobKind
from backend.domain.learning import ProposedSlice
from backend.domain.reading import MOST_READERS, ConsensusMethod
from backend.domain.workflow import Action, CaseState
from backend.errors import Rejected
from backend.services.access import Principal, require_case
from backend.services.annotations import current_masks
from backend.services.jobs import Jobs
from backend.services.proposals import Proposals, Run


class NoConsensus(Rejected):
    """These masks cannot be made one: too few readers, nothing drawn, or the case is accepted. Raised by
    services.consensus."""

    code = "no_consensus"
    title = "There is nothing to make one mask of"


@dataclass(frozen=True, slots=True)
class LabelReadings:
    """What readers drew of a label on a volume: for each of them slice -> COCO RLE counts, empty for who drew nothing.
    `checksum`: of the revisions that they are."""

    volume: VolumeRow
    label_id: UUID
    masks: Sequence[dict[int, str]]
    checksum: str


class ConsensusProposals:
    def __init__(self, db: Database, jobs: Jobs, proposals: Proposals) -> None:
        self._db = db
        self._jobs = jobs
        self._proposals = proposals

    def start(self, who: Principal, case_id: UUID, method: ConsensusMethod, reader_ids: Sequence[UUID]) -> Job:
        """Queue the proposal, in place of an older one of the caller's on this case. Raises NoConsensus."""
        readers = tuple(dict.fromkeys(reader_ids))
        least, most = (1, 1) if method is ConsensusMethod.READER else (2, MOST_READERS)
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.REVIEW)
            if not least <= len(readers) <= most:
                raise NoConsensus(f"{len(readers)} readers were chosen.", hint=f"'{method}' takes {least} to {most}.")
            if case.state == CaseState.ACCEPTED:
                raise NoConsensus("The case is accepted.", hint="Send it back first.")
            drew = select(Annotation.id).join(VolumeRow).where(VolumeRow.case_id == case.id)
            if session.scalar(drew.where(Annotation.annotator_id.in_(readers)).limit(1)) is None:
                raise NoConsensus("None of these people drew anything on the case.")
            payload = ConsensusPayload(case_id=case.id, method=method, reader_ids=readers, reviewer_id=who.id)
            job = self._jobs.add(
                session,
                who,
                JobKind.CONSENSUS,
                payload,
                project_id=case.project_id,
                id=new_id(),
                subject=f"{case.id}/{who.id}",
            )
        self._jobs.dispatch(job)
        return job

    # -- in a worker --------------------------------------------------------------------------------------------------
    def plan(self, payload: ConsensusPayload) -> list[LabelReadings]:
        """What the readers drew, by volume and label, all of one moment."""
        with self._db.begin() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            volumes = session.scalars(
                select(VolumeRow).where(VolumeRow.case_id == payload.case_id).order_by(VolumeRow.id)
            ).all()
            found = []
            for volume in volumes:
                annotations = session.scalars(
                    select(Annotation)
                    .where(Annotation.volume_id == volume.id, Annotation.annotator_id.in_(payload.reader_ids))
                    .order_by(Annotation.label_id)
                ).all()
                masks = current_masks(session, [annotation.id for annotation in annotations])
                by_label: dict[UUID, dict[UUID, UUID]] = defaultdict(dict)
                for annotation in annotations:
                    by_label[annotation.label_id][annotation.annotator_id] = annotation.id
                for label_id, drawn in by_label.items():
                    if any(masks[annotation_id] for annotation_id in drawn.values()):
                        own = [masks[drawn[who]] if who in drawn else {} for who in payload.reader_ids]
                        found.append(LabelReadings(volume, label_id, own, _made_from(session, list(drawn.values()))))
            return found

    def keep(self, job: Job, payload: ConsensusPayload, read: LabelReadings, slices: Sequence[ProposedSlice]) -> None:
        """Propose these masks to the reviewer, in place of what was proposed before. Slices that she has drawn on get
        none."""
        run = Run(
            job_id=job.id,
            label_id=read.label_id,
            annotator_id=payload.reviewer_id,
            generator=payload.method,
            learned_prompt_id=None,
            model=payload.method,
            model_checksum=read.checksum,
            seed=0,
        )
        for made in slices:
            self._proposals.propose(run, made)
        self._proposals.forget_older(run, [read.volume.id])


def _made_from(session: Session, annotation_ids: Sequence[UUID]) -> str:
    """sha256 of all revisions of these annotations: the same masks of the same readers, the same value."""
    revisions = session.scalars(
        select(Revision.id).where(Revision.annotation_id.in_(annotation_ids)).order_by(Revision.id)
    )
    return hashlib.sha256(" ".join(map(str, revisions)).encode()).hexdigest()
