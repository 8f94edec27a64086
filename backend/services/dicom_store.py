"""Receiving DICOM objects, by STOW-RS, by C-STORE or from another server: each is kept whole or not at all, at once
visible over DICOMweb, and soon a case.

Objects stream into the object store and are identified by their first bytes. They become rows in one transaction, and
an import of their study is queued, which waits until no more is coming (workers/ingest.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import DicomInstance, Job
from backend.domain.ids import new_id
from backend.domain.jobs import ImportPayload, JobKind, JobState
from backend.domain.workflow import Action
from backend.errors import CorruptDicom, Rejected, Relayed
from backend.imaging.cleaning import clean_object
from backend.imaging.dicom.attributes import START_BYTES, ObjectInfo, read_object_info
from backend.imaging.pseudonyms import Pseudonyms
from backend.services import audit
from backend.services.access import Principal, require
from backend.services.content import Content, discard
from backend.services.dicom_index import NewInstance, add_instances
from backend.services.imports import UploadTooLarge
from backend.services.isolation import DecoderFailed, Isolation
from backend.services.jobs import Jobs
from backend.services.privacy import PrivacyService
from backend.stores.objects import Objects, file_sha256


class Failure(IntEnum):
    """Failure Reason (0008,1197) of PS3.18 I.2.2."""

    DUPLICATE = 0x0111
    OTHER_STUDY = 0xA900
    NOT_UNDERSTOOD = 0xC000


@dataclass(frozen=True, slots=True)
class Refused:
    """An object that was not kept. `info` is None where it could not even be identified."""

    info: ObjectInfo | None
    reason: Failure


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What became of every object: `stored` counts those that were there already, too."""

    stored: tuple[ObjectInfo, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class _Received:
    key: str
    new: NewInstance


class Reception:
    """The objects of one request on their way into the object store (see api.multipart.Sink)."""

    def __init__(self, objects: Objects, *, study_uid: str | None, max_bytes: int, max_files: int) -> None:
        self.received: list[_Received] = []
        self.refused: list[Refused] = []
        self._objects = objects
        self._study_uid = study_uid
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._folder = f"uploads/{new_id()}"
        self._bytes = 0
        self._count = 0
        self._writer: Any = None
        self._digest = hashlib.sha256()
        self._start = bytearray()
        self._size = 0

    @property
    def count(self) -> int:
        """Objects that have arrived whole."""
        return len(self.received) + len(self.refused)

    def start(self, name: str = "") -> None:
        """Begin an object. Names are not looked at."""
        if self._count >= self._max_files:
            raise UploadTooLarge(f"The request has more than {self._max_files} objects.", hint="Send it in parts.")
        self._count += 1
        self._digest, self._start, self._size = hashlib.sha256(), bytearray(), 0
        self._writer = self._objects.open_writer(self._key())

    def write(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise UploadTooLarge(
                f"The request has more than {self._max_bytes} bytes.",
                hint="Send it in parts; SAMMED_UPLOAD_MAX_BYTES sets the limit.",
            )
        self._size += len(data)
        self._digest.update(data)
        if len(self._start) < START_BYTES:
            self._start += data[: START_BYTES - len(self._start)]
        self._writer.write(data)

    def end(self) -> None:
        """The object is complete: look what it is."""
        self._writer.close()
        self._writer = None
        try:
            info = read_object_info(bytes(self._start))
        except CorruptDicom:
            self.refused.append(Refused(None, Failure.NOT_UNDERSTOOD))
            return
        if self._study_uid is not None and info.study_uid != self._study_uid:
            self.refused.append(Refused(info, Failure.OTHER_STUDY))
            return
        self.received.append(_Received(self._key(), NewInstance(info, self._digest.hexdigest(), self._size)))

    def discard(self) -> None:
        """Forget what has arrived and was not kept."""
        self._writer = None
        self._objects.delete_prefix(self._folder)

    def _key(self) -> str:
        return f"{self._folder}/{self._count:05d}"


class DicomStore:
    def __init__(
        self,
        db: Database,
        objects: Objects,
        jobs: Jobs,
        privacy: PrivacyService,
        isolation: Isolation,
        content: Content,
        *,
        max_bytes: int,
        max_files: int,
    ) -> None:
        self._db = db
        self._objects = objects
        self._jobs = jobs
        self._privacy = privacy
        self._isolation = isolation
        self._stored = content
        self._max_bytes = max_bytes
        self._max_files = max_files

    def begin(self, who: Principal, project_id: UUID, study_uid: str | None = None) -> Reception:
        """Before the first byte is read: may this person store here? With a study, others are refused."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.UPLOAD)
        return Reception(self._objects, study_uid=study_uid, max_bytes=self._max_bytes, max_files=self._max_files)

    def keep(self, who: Principal, project_id: UUID, reception: Reception) -> StoreReport:
        """Keep what was received, de-identified where the project wants it, and queue its import. The same object again
        is a success that changes nothing; another one of the same SOP Instance UID is refused. The report names objects
        as they were sent."""
        with self._stored.storing():
            report, jobs = self._keep(who, project_id, reception)
        for job in jobs:
            self._jobs.dispatch(job)
        reception.discard()
        return report

    def _keep(self, who: Principal, project_id: UUID, reception: Reception) -> tuple[StoreReport, list[Job]]:
        stored: list[ObjectInfo] = []
        refused = list(reception.refused)
        pseudonyms = self._privacy.pseudonyms(project_id)
        kept: list[tuple[ObjectInfo, NewInstance]] = []
        for item in reception.received:
            if pseudonyms is None:
                if not self._objects.exists(f"originals/{item.new.sha256}"):
                    self._objects.move(item.key, f"originals/{item.new.sha256}")
                kept.append((item.new.info, item.new))
                continue
            try:
                kept.append((item.new.info, self._kept_clean(project_id, item.key, pseudonyms)))
            except (Rejected, Relayed, DecoderFailed):
                refused.append(Refused(item.new.info, Failure.NOT_UNDERSTOOD))
        with self._db.begin() as session:
            require(session, who, project_id, Action.UPLOAD)
            wanted: dict[str, NewInstance] = {}
            for _, new in kept:
                wanted.setdefault(new.info.sop_instance_uid, new)
            made = add_instances(session, project_id, wanted.values(), awaits_import=True)
            known = self._content(session, project_id, wanted)
            for sent, new in kept:
                if known[new.info.sop_instance_uid] == new.sha256:
                    stored.append(sent)
                else:
                    refused.append(Refused(sent, Failure.DUPLICATE))
                    discard(session, [f"originals/{new.sha256}"])  # kept a moment ago
            studies = sorted({wanted[uid].info.study_uid for uid in made})
            jobs = [job for uid in studies if (job := self._import_of(session, who, project_id, uid)) is not None]
            audit.record(session, who, "dicom.received", project_id=project_id, stored=len(made), refused=len(refused))
        return StoreReport(tuple(stored), tuple(refused)), jobs

    def _kept_clean(self, project_id: UUID, key: str, pseudonyms: Pseudonyms) -> NewInstance:
        """Stores an object without its patient, whom the key remembers. The files of others are read by a process of
        its own. Raises Relayed, DecoderFailed."""
        with self._objects.as_file(key) as source:
            target = source.with_name("clean")
            self._privacy.remember(project_id, self._isolation.run(clean_object, source, target, pseudonyms))
            with target.open("rb") as file:
                info = read_object_info(file.read(START_BYTES))
            sha256 = file_sha256(target)
            if not self._objects.exists(f"originals/{sha256}"):
                self._objects.put_file(f"originals/{sha256}", target)
            return NewInstance(info, sha256, target.stat().st_size)

    @staticmethod
    def _content(session: Session, project_id: UUID, uids: Iterable[str]) -> dict[str, str]:
        rows = session.execute(
            select(DicomInstance.sop_instance_uid, DicomInstance.sha256).where(
                DicomInstance.project_id == project_id, DicomInstance.sop_instance_uid.in_(list(uids))
            )
        )
        return {row.sop_instance_uid: row.sha256 for row in rows}

    def _import_of(self, session: Session, who: Principal, project_id: UUID, study_uid: str) -> Job | None:
        """A job that imports what awaits it in the study; None when one is queued and has not begun. Such a row is
        locked, so that it begins only after the caller's rows can be seen."""
        subject = f"dicom/{project_id}/{study_uid}"
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(subject, 0))))
        queued = session.scalar(
            select(Job.id)
            .where(Job.subject == subject, Job.kind == JobKind.IMPORT, Job.state == JobState.QUEUED)
            .with_for_update()
        )
        if queued is not None:
            return None
        payload = ImportPayload(project_id=project_id, study_uid=study_uid)
        job = self._jobs.add(session, who, JobKind.IMPORT, payload, project_id=project_id, id=new_id())
        job.subject = subject  # set only now: a running import of the study is not superseded, it does its share
        return job
