"""Whether a case may be submitted: the project's rules of its labels, checked on the masks of whoever drew them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.tables import Annotation, Case, LabelRow, Project, VolumeRow
from backend.domain.label_rules import Finding, LabelRules, Level, check
from backend.errors import Conflict
from backend.imaging import masks
from backend.imaging.geometry import VolumeGeometry
from backend.services.annotations import current_masks
from backend.services.projects import labels_of


class SubmitBlocked(Conflict):
    """The masks do not fulfil a rule that must be. Raised by services.submission, for services.cases.

    `context` holds `findings`: rule, level, label, volume, slice (from 0) and amount of each."""

    code = "submit_blocked"
    title = "The case cannot be submitted yet"


class SubmitUnconfirmed(Conflict):
    """The masks do not fulfil a rule that may be broken on purpose. Raised by services.submission, for services.cases.
    `context` as of SubmitBlocked."""

    code = "submit_unconfirmed"
    title = "Should the case be submitted like this?"


@dataclass(frozen=True, slots=True)
class CaseFinding:
    label: LabelRow
    volume: VolumeRow
    finding: Finding

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.finding.rule,
            "level": self.finding.level,
            "label_id": str(self.label.id),
            "label": self.label.name,
            "volume_id": str(self.volume.id),
            "volume": self.volume.name,
            "slice": self.finding.slice_index,
            "amount": round(self.finding.amount, 3),
        }


def findings(session: Session, case: Case, annotator_id: UUID) -> list[CaseFinding]:
    """What somebody's masks on a case do not fulfil, by volume and label."""
    labels = labels_of(session, case.project_id)
    rules = {label.id: LabelRules.model_validate(label.rules) for label in labels}
    if session.get_one(Project, case.project_id).exclusive_labels:
        rules = {id: rule.model_copy(update={"overlap": Level.BLOCK}) for id, rule in rules.items()}
    if not any(rule.active for rule in rules.values()):
        return []
    volumes = select(VolumeRow).where(VolumeRow.case_id == case.id).order_by(VolumeRow.created_at, VolumeRow.id)
    found: list[CaseFinding] = []
    for volume in session.scalars(volumes):
        drawn = _masks(session, volume, annotator_id)
        voxel_mm3 = VolumeGeometry.from_json(volume.geometry).voxel_volume_mm3
        for label in labels:
            others = [planes for label_id, planes in drawn.items() if label_id != label.id]
            broken = check(rules[label.id], drawn.get(label.id, {}), others, slices=volume.slices, voxel_mm3=voxel_mm3)
            found += [CaseFinding(label, volume, finding) for finding in broken]
    return found


def require_ready(session: Session, case: Case, annotator_id: UUID, *, confirmed: bool) -> None:
    """Somebody's masks on a case fulfil the rules; those that only warn also when that was `confirmed`. Raises
    SubmitBlocked, SubmitUnconfirmed."""
    found = findings(session, case, annotator_id)
    blocking = [one for one in found if one.finding.level is Level.BLOCK]
    context = {"findings": [one.to_json() for one in found]}
    if blocking:
        names = ", ".join(dict.fromkeys(one.label.name for one in blocking))
        raise SubmitBlocked(f"Rules of the project are broken: {names}.", hint="Correct the masks.", context=context)
    if found and not confirmed:
        names = ", ".join(dict.fromkeys(one.label.name for one in found))
        raise SubmitUnconfirmed(f"Look again: {names}.", hint="Correct the masks, or confirm them.", context=context)


def _masks(session: Session, volume: VolumeRow, annotator_id: UUID) -> dict[UUID, dict[int, masks.BoolMask]]:
    """Label -> slice -> [rows, columns] bool, slices that are not empty."""
    mine = select(Annotation.id, Annotation.label_id).where(
        Annotation.volume_id == volume.id, Annotation.annotator_id == annotator_id
    )
    label_of = dict(session.execute(mine).all())
    size = [volume.rows, volume.columns]
    return {
        label_of[annotation_id]: {k: masks.decode(masks.Rle(size=size, counts=counts)) for k, counts in planes.items()}
        for annotation_id, planes in current_masks(session, list(label_of)).items()
    }
