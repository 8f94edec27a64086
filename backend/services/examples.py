"""What there is to learn from: examples, masks, slices without the label, of one annotator and label.

An *example* is a slice with a mask whose newest change the annotator made or corrected (domain.learning.MACHINE_ORIGINS
do not count). Volumes of one slice are the *pictures* of a project: together they are to a label what the slices of a
volume are. Queries only; jobs are in services.learning.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, Subquery, func, select
from sqlalchemy.orm import Session

from backend.db.tables import Annotation, CurrentMask, LearnedPromptRow, Proposal, Revision, RevisionSlice, VolumeRow
from backend.domain.annotation import Origin
from backend.domain.learning import MACHINE_ORIGINS, ProposalState
from backend.services.access import Principal, seen_case_ids

SliceKey = tuple[UUID, int]
"""(volume, slice)"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose masks of what, and where. Without a volume: on those of the project's pictures that the annotator sees."""

    project_id: UUID
    volume_id: UUID | None
    label_id: UUID
    annotator_id: UUID
    seen: Select[UUID]
    """the ids of those of the project's cases that the annotator sees"""

    @classmethod
    def of(cls, session: Session, who: Principal, project_id: UUID, volume_id: UUID | None, label_id: UUID) -> Scope:
        """The scope of an annotator on a volume, or on the pictures of a project."""
        return cls(project_id, volume_id, label_id, who.id, seen_case_ids(session, who, project_id))

    @classmethod
    def on(cls, session: Session, who: Principal, volume: VolumeRow, label_id: UUID) -> Scope:
        """The scope of whoever annotates this volume."""
        return cls.of(session, who, volume.project_id, volume.id if volume.slices > 1 else None, label_id)

    def volumes(self) -> Select[VolumeRow]:
        """The volumes in a fixed order."""
        if self.volume_id is not None:
            return select(VolumeRow).where(VolumeRow.id == self.volume_id)
        pictures = (VolumeRow.case_id.in_(self.seen), VolumeRow.slices == 1)
        return select(VolumeRow).where(*pictures).order_by(VolumeRow.id)

    def volume_ids(self) -> Select[UUID]:
        return self.volumes().with_only_columns(VolumeRow.id).order_by(None)


@dataclass(frozen=True, slots=True)
class Example:
    """A slice to learn from, as its newest revision left it."""

    volume_id: UUID
    slice_index: int
    counts: str
    """COCO compressed RLE"""
    revision_id: UUID


def examples(session: Session, scope: Scope) -> list[Example]:
    """All examples, by volume and slice."""
    found = _examples(scope)
    return [Example(*row) for row in session.execute(select(found).order_by(found.c.volume_id, found.c.slice_index))]


def count_examples(session: Session, scope: Scope) -> int:
    return session.scalar(select(func.count()).select_from(_examples(scope))) or 0


def drawn(session: Session, scope: Scope) -> dict[SliceKey, str]:
    """RLE counts of every slice with a mask, whoever or whatever drew it."""
    rows = session.execute(
        select(Annotation.volume_id, CurrentMask.slice_index, CurrentMask.counts)
        .join(Annotation, Annotation.id == CurrentMask.annotation_id)
        .where(
            Annotation.volume_id.in_(scope.volume_ids()),
            Annotation.label_id == scope.label_id,
            Annotation.annotator_id == scope.annotator_id,
            CurrentMask.voxels > 0,
        )
    )
    return {(volume_id, k): counts for volume_id, k, counts in rows}


def absent(session: Session, scope: Scope) -> set[SliceKey]:
    """Slices of which the annotator said that they do not show the label."""
    rows = session.execute(
        select(Proposal.volume_id, Proposal.slice_index).where(
            Proposal.volume_id.in_(scope.volume_ids()),
            Proposal.label_id == scope.label_id,
            Proposal.annotator_id == scope.annotator_id,
            Proposal.state == ProposalState.ABSENT,
        )
    )
    return {(volume_id, k) for volume_id, k in rows}


def newest_prompt(session: Session, scope: Scope) -> LearnedPromptRow | None:
    """What was learned last there, whether it answers or not."""
    return session.scalar(
        select(LearnedPromptRow)
        .where(
            LearnedPromptRow.project_id == scope.project_id,
            LearnedPromptRow.label_id == scope.label_id,
            LearnedPromptRow.annotator_id == scope.annotator_id,
            LearnedPromptRow.volume_id.is_not_distinct_from(scope.volume_id),
        )
        .order_by(LearnedPromptRow.id.desc())
        .limit(1)
    )


def _examples(scope: Scope) -> Subquery:
    """Rows of Example. Undoing does not change who drew what it leaves; what was drawn in another plane makes no
    example of a slice that it crosses, for it shows a line or two of what would be there."""
    age = func.row_number().over(
        partition_by=(Revision.annotation_id, RevisionSlice.slice_index), order_by=Revision.sequence.desc()
    )
    changes = (
        select(
            Annotation.volume_id,
            Revision.annotation_id,
            RevisionSlice.slice_index,
            RevisionSlice.revision_id,
            Revision.origin,
            age.label("age"),
        )
        .join(Revision, Revision.id == RevisionSlice.revision_id)
        .join(Annotation, Annotation.id == Revision.annotation_id)
        .where(
            Annotation.volume_id.in_(scope.volume_ids()),
            Annotation.label_id == scope.label_id,
            Annotation.annotator_id == scope.annotator_id,
            Revision.origin.not_in([Origin.UNDO, Origin.ACROSS]),
        )
        .subquery()
    )
    return (
        select(changes.c.volume_id, changes.c.slice_index, CurrentMask.counts, changes.c.revision_id)
        .join(
            CurrentMask,
            (CurrentMask.annotation_id == changes.c.annotation_id) & (CurrentMask.slice_index == changes.c.slice_index),
        )
        .where(changes.c.age == 1, changes.c.origin.not_in([str(origin) for origin in MACHINE_ORIGINS]))
        .where(CurrentMask.voxels > 0)
        .subquery()
    )
