"""Intakes: files that come in many requests and are read together, by one import, when all of them have come.

A tree of thousands of files travels so: what has arrived is known by a digest of its bytes, so whoever is interrupted
asks and sends the rest; nothing is read before `complete`, so half a series never becomes a volume. The files lie where
those of an upload do and are read by the same job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Intake, IntakeFile, Job, Project
from backend.domain.ids import new_id
from backend.domain.jobs import ImportPayload, JobKind, JobState
from backend.domain.workflow import Action
from backend.errors import Conflict, NotFound
from backend.services.access import Principal, require
from backend.services.imports import EmptyUpload, ReceivedFile, Upload, UploadTooLarge, named_apart, upload_folder
from backend.services.jobs import Jobs, utc_now
from backend.services.privacy import PrivacyService
from backend.stores.objects import Objects

KEPT_FOR = timedelta(days=7)
"""What nobody goes on sending is forgotten after so long: it may say who patients are."""

WAITING = "waiting"


class IntakeNotFound(NotFound):
    """No such intake in the caller's projects. Raised by services.intakes."""

    code = "intake_not_found"
    title = "There is no such intake"


class IntakeClosed(Conflict):
    """Files were sent to an intake that is being read already. Raised by services.intakes."""

    code = "intake_closed"
    title = "The intake is closed"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that need not be sent again. `name` is what the job's result calls it, `state` the job's, or `waiting`
    while its intake is open."""

    sha256: str
    name: str
    intake_id: UUID
    state: str


class Intakes:
    def __init__(
        self,
        db: Database,
        objects: Objects,
        jobs: Jobs,
        privacy: PrivacyService,
        *,
        max_bytes: int,
        max_files: int,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._db = db
        self._objects = objects
        self._jobs = jobs
        self._privacy = privacy
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._clock = clock

    def open(self, who: Principal, project_id: UUID, key: str) -> UUID:
        """The open intake of this key, made if there is none: who asks again goes on where it was left."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.UPLOAD)
            made = insert(Intake).values(
                id=new_id(), project_id=project_id, key=self._digest(session, project, key), created_by=who.id
            )
            found: UUID | None = session.scalar(
                made.on_conflict_do_update(
                    index_elements=["project_id", "key"],
                    index_where=Intake.closed_at.is_(None),
                    set_={"touched_at": self._clock()},
                ).returning(Intake.id)
            )
            assert found is not None  # an upsert always returns its row
            return found

    def begin(self, who: Principal, intake_id: UUID) -> Upload:
        """Before the first byte of a request is read. Raises IntakeNotFound, IntakeClosed."""
        with self._db.begin() as session:
            intake, project = self._open(session, who, intake_id)
            pseudonyms = self._privacy.pseudonyms_within(session, project)
        return Upload(
            self._objects,
            intake.id,
            max_bytes=self._max_bytes,
            max_files=self._max_files,
            pseudonyms=pseudonyms,
            part=new_id(),
        )

    def keep(self, who: Principal, intake_id: UUID, upload: Upload) -> list[Arrived]:
        """The files of one request, all of them or none. What the intake has already is not kept twice. Raises
        EmptyUpload, IntakeNotFound, IntakeClosed, UploadTooLarge."""
        if not upload.files:
            raise EmptyUpload("The request holds no file.", hint="Send the files as parts of the field `files`.")
        with self._db.begin() as session:
            intake, project = self._open(session, who, intake_id, lock=True)
            there = session.scalar(select(func.count()).where(IntakeFile.intake_id == intake_id)) or 0
            if there + len(upload.files) > self._max_files:
                raise UploadTooLarge(
                    f"Together these are more than {self._max_files} files.",
                    hint="Send fewer of them together; SAMMED_UPLOAD_MAX_FILES sets the limit.",
                )
            digests = self._digests(session, project, upload.sha256s)
            rows = {
                digests[sha256]: {
                    "intake_id": intake_id,
                    "digest": digests[sha256],
                    "name": file.name,
                    "object_key": file.key,
                    "size_bytes": file.size_bytes,
                }
                for sha256, file in zip(upload.sha256s, upload.files, strict=True)
            }
            self._privacy.remember_within(session, project.id, upload.found)
            session.execute(insert(IntakeFile).on_conflict_do_nothing(), list(rows.values()))
            intake.touched_at = self._clock()
            kept = {
                row.digest: row
                for row in session.scalars(
                    select(IntakeFile).where(IntakeFile.intake_id == intake_id, IntakeFile.digest.in_(rows))
                )
            }
        used = {row.object_key for row in kept.values()}
        self._objects.delete_all([file.key for file in upload.files if file.key not in used])
        return [Arrived(sha256, kept[digests[sha256]].name, intake_id, WAITING) for sha256 in upload.sha256s]

    def complete(self, who: Principal, intake_id: UUID) -> Job:
        """All have come: the job that reads them, the same one when asked again. Raises IntakeNotFound, EmptyUpload."""
        with self._db.begin() as session:
            intake, _ = self._visible(session, who, intake_id, lock=True)
            if intake.closed_at is not None:
                return session.get_one(Job, intake_id)
            files = session.scalars(
                select(IntakeFile).where(IntakeFile.intake_id == intake_id).order_by(IntakeFile.name, IntakeFile.digest)
            )
            received = [ReceivedFile(f.name, f.object_key, f.size_bytes) for f in files]
            if not received:
                raise EmptyUpload("The intake holds no file.", hint="Send files to it first.")
            payload = ImportPayload(project_id=intake.project_id, files=named_apart(self._objects, intake_id, received))
            job = self._jobs.add(session, who, JobKind.IMPORT, payload, project_id=intake.project_id, id=intake_id)
            intake.closed_at = self._clock()
        self._jobs.dispatch(job)
        return job

    def known(self, who: Principal, project_id: UUID, sha256s: Sequence[str]) -> list[Arrived]:
        """Which of these files need not be sent, by the sha256 of their bytes: what waits, what is being read, and what
        has been read. What came with an import that failed is not among them. Of several, the furthest."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.UPLOAD)
            wanted = {digest: sha256 for sha256, digest in self._digests(session, project, sha256s).items()}
            rows = session.execute(
                select(IntakeFile.digest, IntakeFile.name, Intake.id, Job.state)
                .join(Intake, Intake.id == IntakeFile.intake_id)
                .outerjoin(Job, Job.id == Intake.id)
                .where(Intake.project_id == project_id, IntakeFile.digest.in_(wanted))
                .order_by(Intake.id)
            )
            furthest = [JobState.DONE, JobState.RUNNING, JobState.QUEUED, WAITING]
            found: dict[str, Arrived] = {}
            for digest, name, intake_id, state in rows:
                arrived = Arrived(wanted[digest], name, intake_id, state or WAITING)
                before = found.get(digest)
                if arrived.state in furthest and (
                    before is None or furthest.index(arrived.state) <= furthest.index(before.state)
                ):
                    found[digest] = arrived
            return list(found.values())

    def forget_abandoned(self) -> int:
        """Delete the files of intakes that nobody has gone on with for long. Returns how many intakes it were."""
        with self._db.begin() as session:
            old = session.scalars(
                delete(Intake)
                .where(Intake.closed_at.is_(None), Intake.touched_at < self._clock() - KEPT_FOR)
                .returning(Intake.id)
            ).all()
        for intake_id in old:
            self._objects.delete_prefix(upload_folder(intake_id))
        return len(old)

    def _open(self, session: Session, who: Principal, intake_id: UUID, *, lock: bool = False) -> tuple[Intake, Project]:
        intake, project = self._visible(session, who, intake_id, lock=lock)
        if intake.closed_at is not None:
            raise IntakeClosed(
                "All files of this intake were said to have come; it is being read.",
                hint="Open another one for what was not sent.",
            )
        return intake, project

    @staticmethod
    def _visible(session: Session, who: Principal, intake_id: UUID, *, lock: bool) -> tuple[Intake, Project]:
        intake = session.get(Intake, intake_id, with_for_update=lock)
        if intake is None:
            raise IntakeNotFound("This intake does not exist, or was forgotten because nobody went on with it.")
        return intake, require(session, who, intake.project_id, Action.UPLOAD)

    def _digest(self, session: Session, project: Project, said: str) -> str:
        return self._digests(session, project, [hashlib.sha256(said.encode()).hexdigest()]).popitem()[1]

    def _digests(self, session: Session, project: Project, sha256s: Iterable[str]) -> dict[str, str]:
        """sha256 -> what is kept of it. A project that keeps no patients keeps nothing that their files could be found
        by, so there it is keyed."""
        pseudonyms = self._privacy.pseudonyms_within(session, project)
        return {sha256: pseudonyms.digest(sha256) if pseudonyms else sha256 for sha256 in sha256s}
