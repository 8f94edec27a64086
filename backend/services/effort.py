"""What a case cost: time, and on each slice how many actions until it was nearly what it ended as.

From the history and what the pages counted (domain.telemetry); masks are decoded, so this is asked case by case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import select

from backend.db.session import Database
from backend.db.tables import Annotation, Revision, RevisionSlice, VolumeRow
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
    """All work on a case; `seconds` without idling, also of slices that ended empty."""

    seconds: float
    slices: Sequence[SliceEffort]


class Efforts:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of_case(self, who: Principal, case_id: UUID) -> CaseEffort:
        """For those who review. Raises CaseNotFound, RoleForbids."""
        with self._db.begin() as session:
            require_case(session, who, case_id, Action.REVIEW)
            found = session.execute(
                select(Annotation, VolumeRow.rows, VolumeRow.columns)
                .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
                .where(VolumeRow.case_id == case_id)
                .order_by(Annotation.volume_id, Annotation.label_id, Annotation.id)
            ).all()
            seconds, slices = 0.0, []
            for annotation, rows, columns in found:
                spent: dict[int, list[SliceWork]] = defaultdict(list)
                steps: dict[int, list[Step]] = defaultdict(list)
                revisions = session.execute(
                    select(Revision.id, Revision.telemetry)
                    .where(Revision.annotation_id == annotation.id)
                    .order_by(Revision.sequence)
                ).all()
                changed: dict[UUID, list[Any]] = defaultdict(list)
                for change in session.scalars(
                    select(RevisionSlice)
                    .join(Revision, Revision.id == RevisionSlice.revision_id)
                    .where(Revision.annotation_id == annotation.id)
                ):
                    changed[change.revision_id].append(change)
                for revision_id, telemetry in revisions:
                    counted = [SliceWork.model_validate(entry) for entry in telemetry.get("slices", [])]
                    for work in counted:
                        spent[work.slice].append(work)
                    for change in changed[revision_id]:
                        k = change.slice_index
                        before = steps[k][-1].mask if steps[k] else np.zeros((rows, columns), np.bool_)
                        flips = {"size": [rows, columns], "counts": change.counts}
                        here = sum(_actions(work) for work in counted if work.slice == k)
                        steps[k].append(Step(masks.apply_flips(before, flips), here))
                seconds += sum(work.seconds for works in spent.values() for work in works)
                for k in sorted(steps):
                    until = actions_until(steps[k])
                    if until is not None:
                        slices.append(
                            SliceEffort(
                                volume_id=annotation.volume_id,
                                label_id=annotation.label_id,
                                annotator_id=annotation.annotator_id,
                                slice_index=k,
                                seconds=sum(work.seconds for work in spent[k]),
                                actions=sum(step.actions for step in steps[k]),
                                actions_until_nearly=until,
                            )
                        )
            return CaseEffort(seconds, slices)


def _actions(work: SliceWork) -> int:
    return work.clicks + work.boxes + work.strokes
