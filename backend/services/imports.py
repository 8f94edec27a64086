"""Getting images in: receiving an upload, and storing what a worker read from it.

The API process never parses an image. It streams bytes into the object store; a worker on the queue `io` reads them and
stores each volume with its case, whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    Annotation,
    Case,
    Comment,
    Job,
    LearnedPromptRow,
    Original,
    Project,
    Proposal,
    VolumeRow,
)
from backend.domain.ids import new_id
from backend.domain.jobs import ImportPayload, JobKind, UploadedFile
from backend.domain.workflow import Action
from backend.errors import Rejected, TooLarge
from backend.imaging.pseudonyms import Identity, Pseudonyms
from backend.services import audit
from backend.services.access import Principal, require
from backend.services.dicom_index import NewInstance, add_instances
from backend.services.jobs import Jobs
from backend.services.privacy import PrivacyService
from backend.stores.objects import Objects

NAMES = "names"
"""Beside the files of an upload: what they are called."""


class UploadTooLarge(TooLarge):
    """An upload has more bytes or more files than this installation allows. Raised by services.imports."""

    code = "upload_too_large"
    title = "The upload is too large"


class EmptyUpload(Rejected):
    """An upload without a file. Raised by services.imports."""

    code = "empty_upload"
    title = "There is nothing to import"


@dataclass(frozen=True, slots=True)
class NewOriginal:
    """A file that a volume was read from, already in the object store under `originals/<sha256>` if it is kept."""

    sha256: str
    name: str
    size_bytes: int
    instance: dict[str, Any]
    is_kept: bool = True


@dataclass(frozen=True, slots=True)
class NewVolume:
    """Everything the database keeps of a volume that was read; its voxels are stored already."""

    study_key: str
    case_name: str
    study: dict[str, Any]
    content_hash: str
    voxels_hash: str
    name: str
    modality: str
    dtype: str
    channels: int
    shape_kji: tuple[int, int, int]
    geometry: dict[str, Any]
    presentation: dict[str, Any]
    series: dict[str, Any]
    source: dict[str, Any]
    warnings: Sequence[str]
    originals: Sequence[NewOriginal]
    instances: Sequence[NewInstance] = ()
    """The originals that are DICOM, as DICOMweb shows them."""
    text_risk: str | None = None
    """Why its pixels may show text (imaging.dicom.text_risk)."""


@dataclass(frozen=True, slots=True)
class StoredVolume:
    """Where a volume is now; `is_new` is False when the project had it already, `was_blanked` when it has been blanked
    since."""

    volume_id: UUID
    case_id: UUID
    is_new: bool
    was_blanked: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """One file of an upload in the object store, and what it is called."""

    name: str
    key: str
    size_bytes: int


class Upload:
    """The files of one request on their way into the object store (see api.multipart.Sink)."""

    def __init__(
        self,
        objects: Objects,
        job_id: UUID,
        *,
        max_bytes: int,
        max_files: int,
        pseudonyms: Pseudonyms | None = None,
        part: UUID | None = None,
    ) -> None:
        """With pseudonyms, files are kept by codes for their names, and `found` says what the codes stand for. `part`:
        it is one of several requests for the job."""
        self.job_id = job_id
        self.files: list[ReceivedFile] = []
        self.sha256s: list[str] = []
        self.found: list[Identity] = []
        self._folder = upload_folder(job_id) + (f"/{part}" if part else "")
        self._digest = hashlib.sha256()
        self._pseudonyms = pseudonyms
        self._objects = objects
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._bytes = 0
        self._writer: Any = None
        self._name = ""
        self._size = 0

    def start(self, name: str) -> None:
        if len(self.files) >= self._max_files:
            raise UploadTooLarge(
                f"The upload has more than {self._max_files} files.", hint="Send it in parts, or as one zip a series."
            )
        self._name, self._size, self._digest = name, 0, hashlib.sha256()
        self._writer = self._objects.open_writer(self._key())

    def write(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise UploadTooLarge(
                f"The upload has more than {self._max_bytes} bytes.",
                hint="Send it in parts; SAMMED_UPLOAD_MAX_BYTES sets the limit.",
            )
        self._size += len(data)
        self._digest.update(data)
        self._writer.write(data)

    def end(self) -> None:
        self._writer.close()
        self._writer = None
        name = self._name or "unnamed"
        if self._pseudonyms is not None:
            identity = self._pseudonyms.identity_of_file(name)
            self.found += [identity] if identity else []
            name = self._pseudonyms.file(name)
        self.files.append(ReceivedFile(name=name, key=self._key(), size_bytes=self._size))
        self.sha256s.append(self._digest.hexdigest())

    def discard(self) -> None:
        """Forget everything that has arrived."""
        self._writer = None
        self._objects.delete_prefix(self._folder)

    def _key(self) -> str:
        return f"{self._folder}/{len(self.files):05d}"


class Imports:
    def __init__(
        self, db: Database, objects: Objects, jobs: Jobs, privacy: PrivacyService, *, max_bytes: int, max_files: int
    ) -> None:
        self._db = db
        self._objects = objects
        self._jobs = jobs
        self._privacy = privacy
        self._max_bytes = max_bytes
        self._max_files = max_files

    # -- receiving ----------------------------------------------------------------------------------------------------
    def begin(self, who: Principal, project_id: UUID) -> Upload:
        """Before the first byte is read: may this person upload here?"""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.UPLOAD)
            pseudonyms = self._privacy.pseudonyms_within(session, project)
        return Upload(
            self._objects, new_id(), max_bytes=self._max_bytes, max_files=self._max_files, pseudonyms=pseudonyms
        )

    def submit(self, who: Principal, project_id: UUID, upload: Upload) -> Job:
        """All bytes are there: make the job that reads them. Raises EmptyUpload."""
        if not upload.files:
            raise EmptyUpload("The upload holds no file.", hint="Send the files as parts of the field `files`.")
        files = named_apart(self._objects, upload.job_id, upload.files)
        payload = ImportPayload(project_id=project_id, files=files)
        return self._start(who, project_id, payload, upload.job_id, upload.found)

    def submit_samples(self, who: Principal, project_id: UUID) -> Job:
        """Import the sample images that come with the application and its packages."""
        return self._start(who, project_id, ImportPayload(project_id=project_id, samples=True), new_id())

    def _start(
        self, who: Principal, project_id: UUID, payload: ImportPayload, job_id: UUID, found: Sequence[Identity] = ()
    ) -> Job:
        with self._db.begin() as session:
            require(session, who, project_id, Action.UPLOAD)
            self._privacy.remember_within(session, project_id, found)
            job = self._jobs.add(session, who, JobKind.IMPORT, payload, project_id=project_id, id=job_id)
        self._jobs.dispatch(job)
        return job

    # -- storing, in a worker -----------------------------------------------------------------------------------------
    def keeps_originals(self, project_id: UUID) -> bool:
        with self._db.begin() as session:
            return session.get_one(Project, project_id).keep_originals

    def find(self, project_id: UUID, content_hash: str) -> StoredVolume | None:
        """The volume of this very content in the project, if there is one, also if parts of it were blanked since."""
        with self._db.begin() as session:
            row = session.scalar(
                select(VolumeRow).where(VolumeRow.project_id == project_id, VolumeRow.content_hash == content_hash)
            ) or session.scalar(
                select(VolumeRow)
                .where(VolumeRow.project_id == project_id, VolumeRow.former_hashes != [])
                .where(VolumeRow.former_hashes.contains([content_hash]))
                .limit(1)
            )
            if row is None:
                return None
            return StoredVolume(row.id, row.case_id, is_new=False, was_blanked=row.content_hash != content_hash)

    def store(self, project_id: UUID, new: NewVolume) -> StoredVolume:
        """Store a volume with its case and the list of its original files, in one transaction."""
        with self._db.begin() as session:
            case_id = session.scalar(
                insert(Case)
                .values(
                    id=new_id(),
                    project_id=project_id,
                    study_key=new.study_key,
                    name=new.case_name[:200],
                    study=new.study,
                    state="new",
                    priority=0,
                )
                .on_conflict_do_update(
                    index_elements=["project_id", "study_key"], set_={"study_key": new.study_key}
                )  # a no-op update, so that the row is returned and locked
                .returning(Case.id)
            )
            assert case_id is not None  # an upsert always returns its row
            slices, rows, columns = new.shape_kji
            volume_id = session.scalar(
                insert(VolumeRow)
                .values(
                    id=new_id(),
                    project_id=project_id,
                    case_id=case_id,
                    content_hash=new.content_hash,
                    voxels_hash=new.voxels_hash,
                    name=new.name[:200],
                    modality=new.modality[:16],
                    dtype=new.dtype,
                    channels=new.channels,
                    slices=slices,
                    rows=rows,
                    columns=columns,
                    geometry=new.geometry,
                    presentation=new.presentation,
                    series=new.series,
                    source=new.source,
                    warnings=list(new.warnings),
                    text_risk=new.text_risk,
                )
                .on_conflict_do_nothing(index_elements=["project_id", "content_hash"])
                .returning(VolumeRow.id)
            )
            if volume_id is None:  # another import was faster
                row = session.scalars(
                    select(VolumeRow).where(
                        VolumeRow.project_id == project_id, VolumeRow.content_hash == new.content_hash
                    )
                ).one()
                return StoredVolume(row.id, row.case_id, is_new=False)
            add_instances(session, project_id, new.instances, awaits_import=False)
            session.add_all(
                Original(
                    volume_id=volume_id,
                    position=position,
                    sha256=original.sha256,
                    name=original.name,
                    size_bytes=original.size_bytes,
                    instance=original.instance,
                    is_kept=original.is_kept,
                )
                for position, original in enumerate(new.originals)
            )
            audit.record(session, None, "volume.imported", project_id=project_id, subject=volume_id)
            session.flush()
            for part in _untouched_parts(session, case_id, volume_id):
                session.delete(part)
                audit.record(
                    session, None, "volume.completed", project_id=project_id, subject=part.id, by=str(volume_id)
                )
            return StoredVolume(volume_id, case_id, is_new=True)

    def names(self, job_id: UUID, count: int) -> list[str]:
        """What the files of an upload are called; their numbers where nobody wrote it down."""
        key = f"{upload_folder(job_id)}/{NAMES}"
        if not self._objects.exists(key):
            return [f"{n:05d}" for n in range(count)]
        names: list[str] = json.loads(b"".join(self._objects.chunks(key)))
        return names

    def forget_upload(self, job_id: UUID) -> None:
        """Delete what was uploaded for a job, once it has been read."""
        self._objects.delete_prefix(upload_folder(job_id))


def named_apart(objects: Objects, job_id: UUID, files: Sequence[ReceivedFile]) -> tuple[UploadedFile, ...]:
    """What a job's payload says of its files. What they are called is put beside them: see UploadedFile."""
    with closing(objects.open_writer(f"{upload_folder(job_id)}/{NAMES}")) as writer:
        writer.write(json.dumps([file.name for file in files]).encode())
    return tuple(UploadedFile(key=file.key, size_bytes=file.size_bytes) for file in files)


def content_hash_of(voxels_hash: str, geometry: Mapping[str, Any], modality: str, channels: int) -> str:
    """What makes two volumes the same one."""
    identity = [voxels_hash, geometry, modality, channels]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _untouched_parts(session: Session, case_id: UUID, volume_id: UUID) -> Sequence[VolumeRow]:
    """Volumes of the case that hold nothing but a part of this one's files, and that nobody has worked on: what was
    imported of a series before the rest of it arrived."""
    whole = select(Original.sha256).where(Original.volume_id == volume_id)
    beyond = exists().where(Original.volume_id == VolumeRow.id, Original.sha256.not_in(whole))
    part = exists().where(Original.volume_id == VolumeRow.id)
    size = select(func.count(Original.id)).where(Original.volume_id == VolumeRow.id).correlate(VolumeRow)
    whole_size = select(func.count(Original.id)).where(Original.volume_id == volume_id)
    used = [
        exists().where(table.volume_id == VolumeRow.id) for table in (Annotation, Proposal, LearnedPromptRow, Comment)
    ]
    return session.scalars(
        select(VolumeRow).where(
            VolumeRow.case_id == case_id,
            VolumeRow.id != volume_id,
            part,
            ~beyond,
            size.scalar_subquery() < whole_size.scalar_subquery(),
            *(~use for use in used),
        )
    ).all()


def upload_folder(job_id: UUID) -> str:
    """Where the files of an upload lie until they have been read."""
    return f"uploads/{job_id}"
