"""Text burned into pixels: who says that there is none, and who has it blanked.

Blanking is a job: a worker (workers/blanking.py) makes new voxels and files, and `Blanking.replace` puts them in place
of the old ones, for this project alone. Masks, revisions and proposals stay: the grid is the same. What was exported
with the old pixels goes too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Case, DicomInstance, Job, Original, VolumeRow
from backend.domain.ids import new_id
from backend.domain.jobs import BlankPayload, BlankScope, JobKind, JobState
from backend.domain.workflow import Action
from backend.errors import Conflict, to_record
from backend.imaging.blanking import Rectangle, check_rectangles
from backend.imaging.dicom.attributes import ObjectInfo
from backend.services import audit
from backend.services.access import Principal, require_volume
from backend.services.content import discard, hold
from backend.services.jobs import Jobs
from backend.services.volumes import SliceNotFound

FILES_WITH_PIXELS = (JobKind.EXPORT, JobKind.ARCHIVE)


class CheckScope(StrEnum):
    """What somebody looked through."""

    VOLUME = "volume"
    CASE = "case"


class ExportOutdated(Conflict):
    """What was exported shows what has been blanked since. Stored on the job by services.text_in_pixels."""

    code = "export_outdated"
    title = "The exported file is gone"


@dataclass(frozen=True, slots=True)
class BlankedFile:
    """An original file with rectangles made blank, in the object store. `info`: of DICOM that DICOMweb shows."""

    sha256: str
    size_bytes: int
    suffix: str | None = None
    """of its name, where that has changed"""
    info: ObjectInfo | None = None


@dataclass(frozen=True, slots=True)
class Blanked:
    """A volume with rectangles made blank. `files`: by the sha256 of the file that each takes the place of."""

    voxels_hash: str
    content_hash: str
    value_range: tuple[float, float]
    files: Mapping[str, BlankedFile]
    is_whole: bool
    """every slice was blanked"""


def mark_case_checked(session: Session, who: Principal, case: Case, *, is_clean: bool) -> None:
    """Somebody looked through all images of a case, or nobody did. Callers checked that the caller manages."""
    count = _mark(session, who, VolumeRow.case_id == case.id, is_clean=is_clean)
    audit.record(session, who, _action(is_clean), project_id=case.project_id, subject=case.id, volumes=count)


def _mark(session: Session, who: Principal, which: ColumnElement[bool], *, is_clean: bool) -> int:
    now = datetime.now(UTC) if is_clean else None
    values = {"text_checked_at": now, "text_checked_by_id": who.id if is_clean else None}
    return len(session.scalars(update(VolumeRow).where(which).values(values).returning(VolumeRow.id)).all())


def _action(is_clean: bool) -> str:
    return "pixels.checked" if is_clean else "pixels.unchecked"


class TextInPixels:
    def __init__(self, db: Database, jobs: Jobs) -> None:
        self._db = db
        self._jobs = jobs

    # -- for people ---------------------------------------------------------------------------------------------------
    def checked(self, who: Principal, volume_id: UUID, scope: CheckScope, *, is_clean: bool) -> None:
        """Somebody looked, and no patient can be read in the pixels (or, to take that back, nobody looked)."""
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.MANAGE)
            mine = VolumeRow.case_id == volume.case_id if scope is CheckScope.CASE else VolumeRow.id == volume.id
            count = _mark(session, who, mine, is_clean=is_clean)
            audit.record(
                session, who, _action(is_clean), project_id=volume.project_id, subject=volume.id, volumes=count
            )

    def submit(
        self, who: Principal, volume_id: UUID, slice_index: int, rectangles: Sequence[Rectangle], scope: BlankScope
    ) -> Job:
        """A job that blanks the rectangles for good. Raises SliceNotFound, InvalidRectangles."""
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.MANAGE)
            if not 0 <= slice_index < volume.slices:
                raise SliceNotFound(f"There is no slice {slice_index}.", hint=f"The volume has {volume.slices} slices.")
            check_rectangles(rectangles, (volume.rows, volume.columns))
            payload = BlankPayload(
                volume_id=volume.id,
                slice_index=slice_index,
                rectangles=tuple((box.left, box.top, box.right, box.bottom) for box in rectangles),
                scope=scope,
                user_id=who.id,
            )
            job = self._jobs.add(session, who, JobKind.BLANK, payload, project_id=volume.project_id, id=new_id())
        self._jobs.dispatch(job)
        return job

    # -- in a worker --------------------------------------------------------------------------------------------------
    def targets(self, payload: BlankPayload) -> list[UUID]:
        """The volumes that the job is about: in a whole case those whose slices have the same size."""
        with self._db.begin() as session:
            volume = session.get_one(VolumeRow, payload.volume_id)
            if payload.scope is not BlankScope.CASE:
                return [volume.id]
            same = select(VolumeRow.id).where(
                VolumeRow.case_id == volume.case_id,
                VolumeRow.rows == volume.rows,
                VolumeRow.columns == volume.columns,
            )
            return list(session.scalars(same.order_by(VolumeRow.id)))

    def volume(self, volume_id: UUID) -> tuple[VolumeRow, Sequence[Original]]:
        """A volume as it is now, and its files that are kept."""
        with self._db.begin() as session:
            files = select(Original).where(Original.volume_id == volume_id, Original.is_kept)
            return session.get_one(VolumeRow, volume_id), session.scalars(files.order_by(Original.position)).all()

    def replace(self, old: VolumeRow, new: Blanked, user_id: UUID, job_id: UUID) -> bool:
        """Put a blanked volume in place of the one that it was made of; False if that has changed meanwhile."""
        with self._db.begin() as session:
            hold(session)
            volume = session.get_one(VolumeRow, old.id, with_for_update=True)
            if volume.voxels_hash != old.voxels_hash:
                return False
            gone = _replace_files(session, volume, new.files)
            if volume.voxels_hash != new.voxels_hash:
                gone.append(f"voxels/{volume.voxels_hash}")
                volume.former_hashes = [*volume.former_hashes, volume.content_hash]
                volume.content_hash = _free_hash(session, volume, new.content_hash)
                volume.voxels_hash = new.voxels_hash
                volume.presentation = volume.presentation | {"value_range": list(new.value_range)}
            if new.is_whole:
                volume.text_checked_at, volume.text_checked_by_id = datetime.now(UTC), user_id
            gone += _forget_exports(session, volume)
            discard(session, gone)
            case = session.get_one(Case, volume.case_id)
            audit.record(
                session,
                None,
                "pixels.blanked",
                project_id=volume.project_id,
                subject=volume.id,
                case=str(case.id),
                by=str(user_id),
                job=str(job_id),
            )
            return True


def _free_hash(session: Session, volume: VolumeRow, content_hash: str) -> str:
    """Two volumes of a project may be the same once both are blanked; their hashes still differ."""
    twin = select(VolumeRow.id).where(
        VolumeRow.project_id == volume.project_id, VolumeRow.content_hash == content_hash, VolumeRow.id != volume.id
    )
    if session.scalar(twin) is None:
        return content_hash
    return hashlib.sha256(f"{content_hash} {volume.id}".encode()).hexdigest()


def _replace_files(session: Session, volume: VolumeRow, files: Mapping[str, BlankedFile]) -> list[str]:
    """Everywhere in the project: a file may belong to several volumes. Returns the keys of those that were replaced."""
    in_project = select(VolumeRow.id).where(VolumeRow.project_id == volume.project_id)
    for old, new in files.items():
        rows = select(Original).where(Original.sha256 == old, Original.volume_id.in_(in_project))
        for original in session.scalars(rows):
            original.sha256, original.size_bytes = new.sha256, new.size_bytes
            if new.suffix is not None and not original.name.lower().endswith(new.suffix):
                original.name = original.name.rsplit(".", 1)[0] + new.suffix
        values: dict[str, Any] = {"sha256": new.sha256, "size_bytes": new.size_bytes}
        if new.info is not None:
            values |= {
                "transfer_syntax_uid": new.info.transfer_syntax_uid,
                "attributes": new.info.attributes,
            }
        session.execute(
            update(DicomInstance)
            .where(DicomInstance.project_id == volume.project_id, DicomInstance.sha256 == old)
            .values(values)
        )
    return [f"originals/{old}" for old, new in files.items() if new.sha256 != old]


def _forget_exports(session: Session, volume: VolumeRow) -> list[str]:
    """Exported files that show the old pixels are no more to be had; those being written are stopped. Returns their
    folders."""
    jobs = session.scalars(
        select(Job)
        .where(Job.project_id == volume.project_id, Job.kind.in_(FILES_WITH_PIXELS))
        .where(Job.state.in_((JobState.QUEUED, JobState.RUNNING, JobState.DONE)))
        .with_for_update()
    ).all()
    gone = []
    for job in jobs:
        if job.kind == JobKind.EXPORT and job.payload["case_id"] != str(volume.case_id):
            continue
        if job.state == JobState.RUNNING:
            job.cancel_requested = True
        elif job.state == JobState.DONE:
            error = ExportOutdated("Pixels of it have been blanked since.", hint="Export it again.")
            job.state, job.result, job.problem = JobState.FAILED, None, to_record(error)
            gone.append(f"exports/{job.id}")
    return gone
