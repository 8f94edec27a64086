"""What a case cost: time, and on each slice how many actions until it was nearly what it ended as.

From the history and what the pages counted (domain.telemetry). Masks are decoded, so this is asked case by case; the
sums of what was submitted are kept for the statistics of the project.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from uuid import UUID

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, AnnotationEffort, Revision, RevisionSlice, VolumeRow
from backend.domain.effort import Step, actions_until
from backend.domain.telemetry import SliceWork
from backend.domain.workflow import Action
from backend.imaging import masks
from backend.services.access import Principal, require_case


@dataclass(frozen=True, slots=True)
class SliceEffort:
    """One slice of an annotation with a mask in the end. `actions` are points, boxes and strokes."""

    volume_id: UUID
    label_id: UUID
    annotator_id: UUID
    slice_index: int
    seconds: float
    actions: int
    actions_until_nearly: int
    """until its Dice with the final mask was domain.effort.NEARLY"""


@dataclass(frozen=True, slots=True)
class CaseEffort:
    """All work on a case, or on one annotation of it; `seconds` without idling, also of slices that ended empty."""

    seconds: float
    slices: Sequence[SliceEffort]


class Efforts:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of_case(self, who: Principal, case_id: UUID) -> CaseEffort:
        """For those who review. Raises CaseNotFound, RoleForbids."""
        with self._db.begin() as session:
            require_case(session, who, case_id, Action.REVIEW)
            found = [_effort(session, annotation, size) for annotation, size in _annotations(session, case_id)]
            return CaseEffort(sum(one.seconds for one in found), [part for one in found for part in one.slices])


def measure(session: Session, case_id: UUID, annotator_id: UUID) -> None:
    """Somebody submits a case: keep for the statistics how directly their masks came about. What a reviewer did to them
    is the reviewer's work."""
    for annotation, size in _annotations(session, case_id, annotator_id):
        slices = _effort(session, annotation, size, own=True).slices
        values = {
            "slices": len(slices),
            "seconds": sum(one.seconds for one in slices),
            "actions": sum(one.actions for one in slices),
            "actions_until_nearly": sum(one.actions_until_nearly for one in slices),
            "measured_at": func.now(),
        }
        session.execute(
            insert(AnnotationEffort)
            .values(annotation_id=annotation.id, **values)
            .on_conflict_do_update(index_elements=["annotation_id"], set_=values)
        )


def _annotations(
    session: Session, case_id: UUID, annotator_id: UUID | None = None
) -> Iterator[tuple[Annotation, tuple[int, int]]]:
    """The annotations of a case, of one person or of all, each with its slices' (rows, columns)."""
    query = (
        select(Annotation, VolumeRow.rows, VolumeRow.columns)
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .where(VolumeRow.case_id == case_id)
        .order_by(Annotation.volume_id, Annotation.label_id, Annotation.id)
    )
    if annotator_id is not None:
        query = query.where(Annotation.annotator_id == annotator_id)
    for annotation, rows, columns in session.execute(query).all():
        yield annotation, (rows, columns)


def _effort(session: Session, annotation: Annotation, size_hw: tuple[int, int], *, own: bool = False) -> CaseEffort:
    """Of one annotation, by its annotator alone (`own`) or by everybody. One slice after the other, since all masks of
    a long history are much memory."""
    its = Revision.annotation_id == annotation.id
    told = select(Revision.id, Revision.author_id, Revision.telemetry).where(its)
    counted = {
        revision_id: [SliceWork.model_validate(entry) for entry in telemetry.get("slices", [])]
        if author_id == annotation.annotator_id or not own
        else []
        for revision_id, author_id, telemetry in session.execute(told)
    }
    spent: dict[int, float] = defaultdict(float)
    for work in chain.from_iterable(counted.values()):
        spent[work.slice] += work.seconds
    changes = session.execute(
        select(RevisionSlice.slice_index, RevisionSlice.revision_id, RevisionSlice.counts)
        .join(Revision, Revision.id == RevisionSlice.revision_id)
        .where(its)
        .order_by(RevisionSlice.slice_index, Revision.sequence)
    )
    slices = []
    for k, changed in groupby(changes, key=lambda row: int(row.slice_index)):
        mask, steps = np.zeros(size_hw, np.bool_), []
        for _, revision_id, counts in changed:
            mask = masks.apply_flips(mask, {"size": list(size_hw), "counts": counts})
            steps.append(Step(mask, sum(_actions(work) for work in counted[revision_id] if work.slice == k)))
        until = actions_until(steps)
        if until is not None:
            slices.append(
                SliceEffort(
                    volume_id=annotation.volume_id,
                    label_id=annotation.label_id,
                    annotator_id=annotation.annotator_id,
                    slice_index=k,
                    seconds=spent[k],
                    actions=sum(step.actions for step in steps),
                    actions_until_nearly=until,
                )
            )
    return CaseEffort(sum(spent.values()), slices)


def _actions(work: SliceWork) -> int:
    return work.clicks + work.boxes + work.strokes
