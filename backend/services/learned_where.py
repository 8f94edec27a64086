"""Who learned something and in which case, with the names that lists show. Queries only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.tables import Case, User, VolumeRow


@dataclass(frozen=True, slots=True)
class Where:
    """Without a case: on the pictures of a project."""

    annotator: str
    case_id: UUID | None
    case_name: str | None


def where_learned(session: Session, learned: Sequence[tuple[UUID, UUID | None]]) -> list[Where]:
    """(annotator, volume) pairs -> their names, in the same order."""
    names = dict(
        session.execute(select(User.id, User.name).where(User.id.in_({annotator for annotator, _ in learned}))).all()
    )
    found = session.execute(
        select(VolumeRow.id, Case.id, Case.name)
        .join(Case, Case.id == VolumeRow.case_id)
        .where(VolumeRow.id.in_({volume for _, volume in learned if volume is not None}))
    )
    cases: dict[UUID | None, tuple[UUID, str]] = {volume_id: (case_id, name) for volume_id, case_id, name in found}
    return [Where(names[annotator], *cases.get(volume, (None, None))) for annotator, volume in learned]
