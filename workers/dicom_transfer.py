"""The jobs `pull` and `push`: studies from other DICOMweb servers, and results back to them. No torch here."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from backend.db.tables import Job
from backend.domain.jobs import JobMessage, PullPayload, PushPayload
from backend.services.jobs import Progress
from backend.wiring import Services
from workers.export import Export


class DicomTransfer:
    def __init__(self, services: Services) -> None:
        self._services = services

    def pull(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Each study is kept whole before the next is asked for; an import of it follows, named in the result.
        Running it again finds what is there already."""
        payload = PullPayload.model_validate(job.payload)
        remote, store = self._services.dicom_remote, self._services.dicom_store
        who = remote.person(payload.user_id)
        stored = refused = 0
        imports: list[str] = []
        for n, study_uid in enumerate(payload.study_uids):
            expected = remote.instance_count(payload.server, study_uid)
            reception = store.begin(who, payload.project_id, study_uid)
            try:
                for count in remote.fetch(payload.server, study_uid, reception):
                    part = min(count / expected, 1.0) if expected else 0.0
                    progress((n + part) / len(payload.study_uids), JobMessage.PULLING, done=count, of=expected or count)
                report = store.keep(who, payload.project_id, reception)
            except BaseException:  # also when the job is cancelled: nothing half-received stays
                reception.discard()
                raise
            stored, refused = stored + len(report.stored), refused + len(report.refused)
            imports += map(str, report.imports)
        return {"studies": len(payload.study_uids), "stored": stored, "refused": refused, "imports": imports}

    def push(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Sends the masks of a case as DICOM SEG. A second run sends new objects: they have UIDs of their own."""
        payload = PushPayload.model_validate(job.payload)
        with tempfile.TemporaryDirectory(prefix="sammed-push-") as folder:
            files = Export(self._services).write(self._services.exports.plan(payload.export), Path(folder))
            progress(0.5, JobMessage.PUSHING)
            return {"stored": self._services.dicom_remote.send(payload.server, files)}
