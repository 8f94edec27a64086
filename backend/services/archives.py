"""Whole projects out of one installation and into another.

Here: who may, what belongs to a project, and the one transaction in which an archive becomes a project. The zip itself
is written by `workers/archive.py` and read by `workers/restore.py`. Which rows are a project's is in `db/records.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Table, select, true
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from backend.db import records
from backend.db.session import Database
from backend.db.tables import Annotation, AuditEvent, Base, Case, DicomInstance, Job, Original, Project, User, VolumeRow
from backend.domain.archive import PEOPLE, DamagedArchive, ImagesMissing, Manifest, ProjectIsHere, records_name
from backend.domain.ids import new_id
from backend.domain.jobs import ArchivePayload, JobKind, RestorePayload
from backend.domain.workflow import Action
from backend.errors import Rejected
from backend.services import audit
from backend.services.access import Principal, require, require_admin
from backend.services.content import hold
from backend.services.imports import EmptyUpload, Upload, named_apart
from backend.services.jobs import Jobs
from backend.services.programs import PERSON
from backend.stores.objects import Objects

ReadLines = Callable[[str], Iterable[str]]
"""The lines of a file of an archive, without their ends."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A project at one moment. `voxels` and `originals` are the keys' last parts in the object store, `jobs` all whose
    files are kept, `drawn` the cases with each person who has an annotation there."""

    session: Session
    project: Project
    people: list[dict[str, str]]
    voxels: list[str]
    originals: list[str]
    jobs: list[UUID]
    drawn: list[tuple[UUID, UUID]]

    def lines(self, table: Any) -> Iterator[str]:
        return records.lines(self.session, table, self.project.id)


@dataclass(frozen=True, slots=True)
class Restored:
    """What an archive became; how many of the people it names have an account here, and how many are names only."""

    project_id: UUID
    name: str
    people_matched: int
    people_kept: int

    def to_json(self) -> dict[str, Any]:
        return {
            "project_id": str(self.project_id),
            "name": self.name,
            "people_matched": self.people_matched,
            "people_kept": self.people_kept,
        }


class Archives:
    def __init__(self, db: Database, objects: Objects, jobs: Jobs, *, max_bytes: int) -> None:
        self._db = db
        self._objects = objects
        self._jobs = jobs
        self._max_bytes = max_bytes

    # -- for people ---------------------------------------------------------------------------------------------------
    def submit(self, who: Principal, project_id: UUID, *, images: bool, masks: bool) -> Job:
        """A job that writes the whole project as one file: for its managers, as it holds people and their work."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.MANAGE)
            payload = ArchivePayload(project_id=project_id, images=images, masks=masks)
            job = self._jobs.add(session, who, JobKind.ARCHIVE, payload, project_id=project_id, id=new_id())
        self._jobs.dispatch(job)
        return job

    def begin_restore(self, who: Principal) -> Upload:
        """Before the first byte is read. For administrators: an archive says who did what, and it is believed."""
        require_admin(who)
        return Upload(self._objects, new_id(), max_bytes=self._max_bytes, max_files=1)

    def submit_restore(self, who: Principal, upload: Upload, name: str | None) -> Job:
        """All bytes are there: make the job that reads them. Raises EmptyUpload."""
        require_admin(who)
        if not upload.files:
            raise EmptyUpload("The upload holds no file.", hint="Send the archive as a part of the field `files`.")
        if name is not None and not 1 <= len(name.strip()) <= 120:
            raise Rejected("A project needs a name of 1 to 120 characters.")
        payload = RestorePayload(
            files=named_apart(self._objects, upload.job_id, upload.files), name=name.strip() if name else None
        )
        with self._db.begin() as session:
            job = self._jobs.add(session, who, JobKind.RESTORE, payload, project_id=None, id=upload.job_id)
        self._jobs.dispatch(job)
        return job

    # -- in a worker --------------------------------------------------------------------------------------------------
    @contextmanager
    def snapshot(self, project_id: UUID) -> Iterator[Snapshot]:
        """The project as it is now, all of one moment for as long as the `with` lasts."""
        with self._db.begin() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            drawn = session.execute(
                select(Case.id, Annotation.annotator_id)
                .join(VolumeRow, VolumeRow.case_id == Case.id)
                .join(Annotation, Annotation.volume_id == VolumeRow.id)
                .where(Case.project_id == project_id)
                .distinct()
                .order_by(Case.id, Annotation.annotator_id)
            )
            yield Snapshot(
                session=session,
                project=session.get_one(Project, project_id),
                people=records.people(session, project_id),
                voxels=_strings(session, select(VolumeRow.voxels_hash).where(VolumeRow.project_id == project_id)),
                originals=_originals(session, project_id),
                jobs=list(
                    session.scalars(
                        select(Job.id).where(records.belongs(Job.metadata.tables[Job.__tablename__], project_id))
                    )
                ),
                drawn=[(case_id, annotator_id) for case_id, annotator_id in drawn],
            )

    def name_of(self, user_id: UUID | None) -> str:
        """A person's name; the system's own when nobody asked."""
        with self._db.begin() as session:
            return session.get_one(User, user_id).name if user_id else "sammed"

    def restore(
        self,
        job: Job,
        name: str | None,
        manifest: Manifest,
        read: ReadLines,
        store: Callable[[dict[UUID, UUID]], None],
    ) -> Restored:
        """Make the archive's project, whole or not at all. Ids that are free are kept, others are made new. `store` is
        called before the end with the project's jobs, old id -> id here: it puts images and files into the object
        store, where what nobody refers to is invisible. A job that runs again after its worker was lost finds what it
        made.

        Raises ProjectIsHere, ImagesMissing, DamagedArchive."""
        try:
            with self._db.begin() as session:
                done = _restored_by(session, job)
                if done is not None:
                    return Restored(done.id, done.name, 0, 0)
                if name is None and session.get(Project, manifest.project_id) is not None:
                    raise ProjectIsHere(
                        f"'{manifest.project_name}' is in this installation.",
                        hint="Give it another name to make a second project of it.",
                        context={"project_id": str(manifest.project_id)},
                    )
                people = [json.loads(line) for line in read(PEOPLE)]
                mapping, kept = _people(session, people)
                mapping |= _ids(session, manifest, read)
                _load(session, manifest, read, mapping, name)
                project = session.get_one(Project, mapping.get(manifest.project_id, manifest.project_id))
                _check_whole(session, manifest, project.id)
                old_ids = {new: old for old, new in mapping.items()}
                hold(session)
                store({old_ids.get(id, id): id for id in _jobs(session, project.id)})
                self._check_images(session, project.id, manifest)
                audit.record(
                    session,
                    None if job.created_by is None else _principal(session, job.created_by),
                    "project.imported",
                    project_id=project.id,
                    subject=project.id,
                    job=str(job.id),
                    exported_as=str(manifest.project_id),
                    exported_at=manifest.made_at.isoformat(),
                )
                return Restored(project.id, project.name, len(people) - kept, kept)
        except (IntegrityError, DataError, psycopg.IntegrityError, psycopg.DataError, ValueError, KeyError) as error:
            raise DamagedArchive(
                f"Its records contradict each other or cannot be read ({type(error).__name__}).",
                hint="Nothing was kept. Export the project again.",
            ) from error

    def _check_images(self, session: Session, project_id: UUID, manifest: Manifest) -> None:
        voxels = _strings(session, select(VolumeRow.voxels_hash).where(VolumeRow.project_id == project_id))
        keys = [f"voxels/{digest}/complete" for digest in voxels]
        keys += [f"originals/{digest}" for digest in _originals(session, project_id)]
        missing = sum(not self._objects.exists(key) for key in keys)
        if missing and manifest.images:
            raise DamagedArchive(f"{missing} images that its records name are not in it.", hint="Export it again.")
        if missing:
            raise ImagesMissing(
                f"The archive was made without images, and {missing} of {len(keys)} files are not here.",
                hint="Export the project with images, or import the images here first.",
            )


def _restored_by(session: Session, job: Job) -> Project | None:
    """What an earlier run of the job made."""
    project_id = session.scalar(
        select(AuditEvent.project_id).where(
            AuditEvent.action == "project.imported", AuditEvent.detail["job"].as_string() == str(job.id)
        )
    )
    return session.get(Project, project_id) if project_id else None


def _people(session: Session, people: Iterable[dict[str, str]]) -> tuple[dict[UUID, UUID], int]:
    """Old id -> id here, and how many were not known: they become accounts that cannot sign in, a name of the past."""
    mapping: dict[UUID, UUID] = {}
    kept = 0
    for person in people:
        old, email = UUID(person["id"]), person["email"].strip().lower()
        known = session.scalar(select(User.id).where((User.id == old) | (User.email == email)).order_by(User.id != old))
        if known is None:
            known = old
            kind = person.get("kind", PERSON)
            session.add(User(id=old, email=email, name=person["name"], kind=kind, disabled_at=datetime.now(UTC)))
            session.flush()
            kept += 1
        if known != old:
            mapping[old] = known
    return mapping, kept


def _ids(session: Session, manifest: Manifest, read: ReadLines) -> dict[UUID, UUID]:
    """New ids for the rows whose own are taken."""
    mapping: dict[UUID, UUID] = {}
    for table in records.tables():
        if table.name in manifest.tables and records.has_id(table):
            own = (UUID(json.loads(line)["id"]) for line in read(records_name(table.name)))
            mapping |= records.new_ids(session, table, own)
    return mapping


def _load(session: Session, manifest: Manifest, read: ReadLines, mapping: dict[UUID, UUID], name: str | None) -> None:
    remap = records.remapping(mapping)
    loader = records.Loader(session)
    for table in records.tables():
        described = manifest.tables.get(table.name)
        if described is None:
            continue
        rows: Iterable[str] = map(remap, read(records_name(table.name)))
        if name is not None and table.name == Project.__tablename__:
            rows = [json.dumps(json.loads(row) | {"name": name}) for row in rows]
        loader.load(table, described.columns, rows)
    loader.close()


def _check_whole(session: Session, manifest: Manifest, project_id: UUID) -> None:
    """Every line is a row of this project now, and none reached into another."""
    for table in records.tables():
        described = manifest.tables.get(table.name)
        if described is not None and records.count(session, table, project_id) != described.rows:
            raise DamagedArchive(
                f"Not all its {described.rows} {table.name} belong to the project.", hint="Export the project again."
            )


def _jobs(session: Session, project_id: UUID) -> list[UUID]:
    mine = records.belongs(Base.metadata.tables[Job.__tablename__], project_id)
    return list(session.scalars(select(Job.id).where(mine).order_by(Job.id)))


def _originals(session: Session, project_id: UUID) -> list[str]:
    """Files of volumes, and DICOM objects that are of none: everything that lies under `originals/`."""
    found: set[str] = set()
    for table in (Original.__table__, DicomInstance.__table__):
        assert isinstance(table, Table)
        kept = table.c.is_kept if "is_kept" in table.c else true()
        found.update(session.scalars(select(table.c.sha256).where(records.belongs(table, project_id), kept)))
    return sorted(found)


def _strings(session: Session, query: Any) -> list[str]:
    return sorted(session.scalars(query.distinct()))


def _principal(session: Session, user_id: UUID) -> Principal:
    user = session.get_one(User, user_id)
    return Principal(user.id, user.name, user.email, user.is_admin)
