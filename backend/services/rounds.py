"""Rounds of review: the masks as they were when they were submitted or sent back, and what has changed since, by whom.

A round ends when the case, or its annotator's blind reading of it, is sent back. The audit log says when that was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, AuditEvent, CurrentMask, Revision, RevisionSlice, User, VolumeRow
from backend.domain.workflow import Action, CaseState
from backend.errors import NotFound
from backend.imaging import masks
from backend.services.access import Principal, may, require_case


class RevisionNotFound(NotFound):
    """The annotation has no revision of this number, or there was no such round. Raised by services.annotations and
    services.rounds."""

    code = "revision_not_found"
    title = "There is no such revision"


class Round(StrEnum):
    """Which state of an annotation is asked for."""

    NOW = "now"
    PREVIOUS = "previous"
    """when the case, or its annotator's reading of it, was sent back the last time"""
    SUBMITTED = "submitted"
    """when it was submitted the last time"""


_STATE_OF = {Round.PREVIOUS: CaseState.RETURNED, Round.SUBMITTED: CaseState.SUBMITTED}
_NEVER = {
    Round.PREVIOUS: ("The case was never sent back.", "There is one round only."),
    Round.SUBMITTED: ("The case was never submitted.", "There is one round only."),
}


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of an annotation after revision `sequence`: slice index -> COCO RLE."""

    head: UUID | None
    sequence: int
    by_slice: dict[int, masks.Rle]


@dataclass(frozen=True, slots=True)
class ChangedSlice:
    """Voxels that a slice gained and lost, and who changed it, the last one last."""

    slice_index: int
    added: int
    removed: int
    authors: Sequence[User]


@dataclass(frozen=True, slots=True)
class ChangedMask:
    """An annotation that is not what it was."""

    annotation: Annotation
    annotator: User
    slices: Sequence[ChangedSlice]


@dataclass(frozen=True, slots=True)
class CaseChanges:
    """What has changed since a round ended, by volume and label. `at`: when that was, None when it never did; of blind
    readings, the last time."""

    at: datetime | None
    masks: Sequence[ChangedMask]


class Rounds:
    def __init__(self, db: Database) -> None:
        self._db = db

    def changes(self, who: Principal, case_id: UUID, since: Round) -> CaseChanges:
        """What has changed on a case since it was submitted or sent back the last time: of everybody's masks for those
        who review, else of one's own."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            query = (
                select(Annotation, VolumeRow)
                .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
                .where(VolumeRow.case_id == case.id)
                .order_by(VolumeRow.created_at, VolumeRow.id, Annotation.label_id, Annotation.annotator_id)
            )
            if not may(session, who, case.project_id, Action.REVIEW):
                query = query.where(Annotation.annotator_id == who.id)
            ended, found = [], []
            moments: dict[UUID, datetime | None] = {}
            for annotation, volume in session.execute(query).all():
                person = annotation.annotator_id
                if person not in moments:
                    moments[person] = moment(session, annotation, volume, since)
                at = moments[person]
                if at is not None:
                    ended.append(at)
                    found.append(_changed(session, annotation, volume, at))
            return CaseChanges(max(ended, default=None), [changed for changed in found if changed.slices])


def masks_at(session: Session, annotation: Annotation, volume: VolumeRow, round: Round) -> Masks:
    """The masks of an annotation, slices that are not empty, now or at the end of a round. Raises RevisionNotFound."""
    head = head_of(session, annotation.id)
    size = [volume.rows, volume.columns]
    kept = select(CurrentMask.slice_index, CurrentMask.counts).where(CurrentMask.annotation_id == annotation.id)
    if round is Round.NOW:
        kept = kept.where(CurrentMask.voxels > 0)
    drawn = {k: masks.Rle(size=size, counts=counts) for k, counts in session.execute(kept)}
    if round is not Round.NOW:
        at = moment(session, annotation, volume, round)
        if at is None:
            detail, hint = _NEVER[round]
            raise RevisionNotFound(detail, hint=hint)
        head = _head_at(session, annotation.id, at)
        later = flips_after(session, annotation, volume, sequence=head.sequence if head else 0)
        then = {k: masks.xor(rle, later[k]) if k in later else rle for k, rle in drawn.items()}
        drawn = {k: rle for k, rle in then.items() if not masks.is_empty(rle)}
    return Masks(head.id if head else None, head.sequence if head else 0, drawn)


def moment(session: Session, annotation: Annotation, volume: VolumeRow, round: Round) -> datetime | None:
    """The last time that the audit log says that the masks were sent back, or submitted."""
    to_all = AuditEvent.action == "case.changed"
    to_one = (AuditEvent.action == "reading.changed") & (
        AuditEvent.detail["reader"].astext == str(annotation.annotator_id)
    )
    return session.scalar(
        select(func.max(AuditEvent.at)).where(
            AuditEvent.project_id == volume.project_id,
            AuditEvent.subject == str(volume.case_id),
            AuditEvent.detail["state"][1].astext == _STATE_OF[round],
            or_(to_all, to_one),
        )
    )


def head_of(session: Session, annotation_id: UUID) -> Revision | None:
    """The newest revision."""
    return session.scalar(
        select(Revision).where(Revision.annotation_id == annotation_id).order_by(Revision.sequence.desc()).limit(1)
    )


def flips_after(session: Session, annotation: Annotation, volume: VolumeRow, *, sequence: int) -> dict[int, masks.Rle]:
    """All flips after a revision made one, slice by slice: flips of flips cancel out."""
    rows = session.scalars(
        select(RevisionSlice)
        .join(Revision)
        .where(Revision.annotation_id == annotation.id, Revision.sequence > sequence)
        .order_by(RevisionSlice.slice_index)
    )
    size = [volume.rows, volume.columns]
    merged: dict[int, masks.Rle] = {}
    for row in rows:
        rle = masks.Rle(size=size, counts=row.counts)
        merged[row.slice_index] = masks.xor(merged[row.slice_index], rle) if row.slice_index in merged else rle
    return merged


def _head_at(session: Session, annotation_id: UUID, at: datetime) -> Revision | None:
    return session.scalar(
        select(Revision)
        .where(Revision.annotation_id == annotation_id, Revision.created_at <= at)
        .order_by(Revision.sequence.desc())
        .limit(1)
    )


def _changed(session: Session, annotation: Annotation, volume: VolumeRow, at: datetime) -> ChangedMask:
    then = _head_at(session, annotation.id, at)
    sequence = then.sequence if then else 0
    flips = {
        k: rle
        for k, rle in flips_after(session, annotation, volume, sequence=sequence).items()
        if not masks.is_empty(rle)
    }
    now = session.scalars(
        select(CurrentMask).where(CurrentMask.annotation_id == annotation.id, CurrentMask.slice_index.in_(list(flips)))
    )
    size = [volume.rows, volume.columns]
    mask = {row.slice_index: masks.decode(masks.Rle(size=size, counts=row.counts)) for row in now}
    authors = _authors(session, annotation.id, sequence)
    slices = []
    for k, rle in sorted(flips.items()):
        added = int((mask[k] & masks.decode(rle)).sum())
        slices.append(ChangedSlice(k, added, masks.area(rle) - added, authors[k]))
    return ChangedMask(annotation, session.get_one(User, annotation.annotator_id), slices)


def _authors(session: Session, annotation_id: UUID, sequence: int) -> dict[int, list[User]]:
    """Slice -> who changed it after a revision, the last one last."""
    rows = session.execute(
        select(RevisionSlice.slice_index, User)
        .join(Revision, Revision.id == RevisionSlice.revision_id)
        .join(User, User.id == Revision.author_id)
        .where(Revision.annotation_id == annotation_id, Revision.sequence > sequence)
        .group_by(RevisionSlice.slice_index, User.id)
        .order_by(RevisionSlice.slice_index, func.max(Revision.sequence))
    )
    found: dict[int, list[User]] = defaultdict(list)
    for k, author in rows:
        found[k].append(author)
    return found
