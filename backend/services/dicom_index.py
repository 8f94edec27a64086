"""The DICOM objects of projects as rows: made when an object is received or imported, read by DICOMweb and imports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import DicomInstance
from backend.domain.ids import new_id
from backend.imaging.dicom.attributes import ObjectInfo
from backend.services.content import discard


@dataclass(frozen=True, slots=True)
class NewInstance:
    """A DICOM object whose file is in the object store under `originals/<sha256>`."""

    info: ObjectInfo
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Received:
    """A received object that an import reads; its file is in the object store under `originals/<sha256>`."""

    id: UUID
    sop_instance_uid: str
    sha256: str
    size_bytes: int


def add_instances(
    session: Session, project_id: UUID, instances: Iterable[NewInstance], *, awaits_import: bool
) -> set[str]:
    """Insert what the project does not have yet, in the caller's unit of work. Returns the SOP Instance UIDs of the
    rows that were made."""
    rows = [
        {
            "id": new_id(),
            "project_id": project_id,
            "study_uid": new.info.study_uid,
            "series_uid": new.info.series_uid,
            "sop_instance_uid": new.info.sop_instance_uid,
            "sop_class_uid": new.info.sop_class_uid,
            "transfer_syntax_uid": new.info.transfer_syntax_uid,
            "sha256": new.sha256,
            "size_bytes": new.size_bytes,
            "attributes": new.info.attributes,
            "awaits_import": awaits_import,
        }
        for new in instances
    ]
    if not rows:
        return set()
    statement = insert(DicomInstance).on_conflict_do_nothing(index_elements=["project_id", "sop_instance_uid"])
    return set(session.scalars(statement.returning(DicomInstance.sop_instance_uid), rows))


class DicomIndex:
    """What an import asks about received objects."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, project_id: UUID, instances: Iterable[NewInstance]) -> None:
        """Enter objects that have been imported."""
        with self._db.begin() as session:
            add_instances(session, project_id, instances, awaits_import=False)

    def is_quiet(self, project_id: UUID, study_uid: str, *, for_s: float) -> bool:
        """Whether nothing of the study was received within the last seconds."""
        with self._db.begin() as session:
            newest = select(func.max(DicomInstance.received_at)).where(
                DicomInstance.project_id == project_id, DicomInstance.study_uid == study_uid
            )
            quiet = session.scalar(select(newest.scalar_subquery() < func.now() - timedelta(seconds=for_s)))
            return quiet is not False

    def to_import(self, project_id: UUID, study_uid: str) -> Sequence[Received]:
        """All objects of the series in which something awaits import: a series is read whole."""
        with self._db.begin() as session:
            mine = (DicomInstance.project_id == project_id, DicomInstance.study_uid == study_uid)
            series = select(DicomInstance.series_uid).where(*mine, DicomInstance.awaits_import)
            wanted = (DicomInstance.id, DicomInstance.sop_instance_uid, DicomInstance.sha256, DicomInstance.size_bytes)
            rows = session.execute(
                select(*wanted).where(*mine, DicomInstance.series_uid.in_(series)).order_by(DicomInstance.id)
            )
            return [Received(*row) for row in rows]

    def forget(self, ids: Sequence[UUID]) -> None:
        """Received objects of a project that keeps no originals: they have been read."""
        with self._db.begin() as session:
            gone = session.scalars(
                delete(DicomInstance).where(DicomInstance.id.in_(ids)).returning(DicomInstance.sha256)
            ).all()
            discard(session, [f"originals/{sha256}" for sha256 in gone])

    def mark_imported(self, ids: Sequence[UUID]) -> None:
        with self._db.begin() as session:
            session.execute(update(DicomInstance).where(DicomInstance.id.in_(ids)).values(awaits_import=False))
