"""Receiving DICOM objects, by STOW-RS, by C-STORE or from another server: each is kept whole or not at all, at once
visible over DICOMweb, and soon a case.

They arrive as `dicom_reception.py` says. They become rows in one transaction, and an import of their study is queued,
which waits until no more is coming (workers/ingest.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import DicomInstance, Job
from backend.domain.ids import new_id
from backend.domain.jobs import ImportPayload, JobKind, JobState
from backend.domain.workflow import Action
from backend.errors import Conflict
from backend.imaging.dicom.attributes import ObjectInfo
from backend.imaging.pseudonyms import Identity
from backend.services import audit
from backend.services.access import Principal, require
from backend.services.content import Content, discard
from backend.services.dicom_index import NewInstance, add_instances
from backend.services.dicom_reception import Cleaning, Failure, Reception, Refused
from backend.services.isolation import Isolation
from backend.services.jobs import Jobs
from backend.services.privacy import PrivacyService
from backend.stores.objects import Objects

WRITERS = 4


class PrivacyChanged(Conflict):
    """A project's policy was changed while objects were arriving. Raised by services.dicom_store."""

    code = "privacy_changed"
    title = "The project's policy was changed"


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What became of every object: `stored` counts those that were there already, too, and `kept_as` says as what each
    of them is found. `are_coerced`: their attributes were replaced, as the project's policy wants it. `imports` are the
    jobs that make cases of what is new."""

    stored: tuple[ObjectInfo, ...]
    refused: tuple[Refused, ...]
    kept_as: tuple[ObjectInfo, ...]
    are_coerced: bool
    imports: tuple[UUID, ...] = ()


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
        self._writers = ThreadPoolExecutor(WRITERS, "objects")

    def begin(self, who: Principal, project_id: UUID, study_uid: str | None = None) -> Reception:
        """Before the first byte is read: may this person store here? With a study, others are refused."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.UPLOAD)
            pseudonyms = self._privacy.pseudonyms_within(session, project)
        cleaning = Cleaning(self._objects, self._isolation, pseudonyms) if pseudonyms else None
        return Reception(
            self._objects,
            study_uid=study_uid,
            max_bytes=self._max_bytes,
            max_files=self._max_files,
            writers=self._writers,
            cleaning=cleaning,
        )

    def keep(self, who: Principal, project_id: UUID, reception: Reception) -> StoreReport:
        """Keep what was received, de-identified where the project wants it, and queue its import. The same object again
        is a success that changes nothing; another one of the same SOP Instance UID is refused. The report names objects
        as they were sent."""
        reception.written()
        with self._stored.storing():
            report, jobs = self._keep(who, project_id, reception)
        for job in jobs:
            self._jobs.dispatch(job)
        reception.discard()
        return report

    def _keep(self, who: Principal, project_id: UUID, reception: Reception) -> tuple[StoreReport, list[Job]]:
        stored: list[ObjectInfo] = []
        kept_as: list[ObjectInfo] = []
        refused = list(reception.refused)
        kept: list[tuple[ObjectInfo, NewInstance]] = []
        found: dict[str, Identity] = {}
        before = reception.cleaning.pseudonyms if reception.cleaning else None
        if self._privacy.pseudonyms(project_id) != before:
            raise PrivacyChanged("What becomes of patients' names was changed meanwhile.", hint="Send it again.")
        cleaned = reception.cleaning.results() if reception.cleaning else {}
        for item in reception.arrived:
            if item.info is not None:
                new = NewInstance(item.info, item.sha256(), item.size_bytes)
                found.update({identity.pseudonym: identity for identity in item.identities})
                self._objects.adopt(item.key, f"originals/{new.sha256}")
            else:
                clean = cleaned[item.key]
                if clean is None:
                    refused.append(Refused(item.sent, Failure.NOT_UNDERSTOOD))
                    continue
                found.update({identity.pseudonym: identity for identity in clean.made.found})
                self._objects.put_content(f"originals/{clean.made.sha256}", clean.path)
                new = NewInstance(clean.made.info, clean.made.sha256, clean.made.size_bytes)
            kept.append((item.sent, new))
        self._privacy.remember(project_id, found.values())
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
                    kept_as.append(new.info)
                else:
                    refused.append(Refused(sent, Failure.DUPLICATE))
                    discard(session, [f"originals/{new.sha256}"])  # kept a moment ago
            studies = sorted({wanted[uid].info.study_uid for uid in made})
            imports = [self._import_of(session, who, project_id, uid) for uid in studies]
            audit.record(session, who, "dicom.received", project_id=project_id, stored=len(made), refused=len(refused))
        report = StoreReport(
            tuple(stored), tuple(refused), tuple(kept_as), before is not None, tuple(job.id for job, _ in imports)
        )
        return report, [job for job, is_new in imports if is_new]

    @staticmethod
    def _content(session: Session, project_id: UUID, uids: Iterable[str]) -> dict[str, str]:
        rows = session.execute(
            select(DicomInstance.sop_instance_uid, DicomInstance.sha256).where(
                DicomInstance.project_id == project_id, DicomInstance.sop_instance_uid.in_(list(uids))
            )
        )
        return {row.sop_instance_uid: row.sha256 for row in rows}

    def _import_of(self, session: Session, who: Principal, project_id: UUID, study_uid: str) -> tuple[Job, bool]:
        """The job that imports what awaits it in the study, and whether it was made now: one that is queued and has not
        begun does it, too. Such a row is locked, so that it begins only after the caller's rows can be seen."""
        subject = f"dicom/{project_id}/{study_uid}"
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(subject, 0))))
        queued = session.scalar(
            select(Job)
            .where(Job.subject == subject, Job.kind == JobKind.IMPORT, Job.state == JobState.QUEUED)
            .with_for_update()
        )
        if queued is not None:
            return queued, False
        payload = ImportPayload(project_id=project_id, study_uid=study_uid)
        job = self._jobs.add(session, who, JobKind.IMPORT, payload, project_id=project_id, id=new_id())
        job.subject = subject  # set only now: a running import of the study is not superseded, it does its share
        return job, True
