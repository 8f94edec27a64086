"""The networks that proposing learned (SAP-Net): kept as files of their jobs with where they come from, and listed.

A network is a part of what its job did: the job's result describes it (domain.learning.LearnedNetwork) and the object
store holds its tensors. Nothing here runs one.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from backend.db.session import Database
from backend.db.tables import Job
from backend.domain.jobs import AutoSegmentPayload, JobKind, JobState
from backend.domain.learning import LearnedNetwork
from backend.domain.workflow import Action
from backend.errors import NotFound
from backend.services.access import Principal, require, role_in, sees_own_work_only
from backend.services.download import Download
from backend.services.learned_where import Where, where_learned
from backend.services.paging import Page, page
from backend.stores.objects import Objects


class NetworkNotFound(NotFound):
    """The job learned no network, or is of a project that the caller is not in. Raised by services.networks."""

    code = "network_not_found"
    title = "There is no such network"


@dataclass(frozen=True, slots=True)
class NetworkView:
    """A network, the job that learned it, and where it did."""

    job: Job
    network: LearnedNetwork
    where: Where


class Networks:
    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._objects = objects

    def of_project(
        self, who: Principal, project_id: UUID, *, label_id: UUID | None, limit: int, cursor: str | None
    ) -> Page[NetworkView]:
        """Networks learned in a project, newest first."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            query = select(Job).where(
                Job.project_id == project_id,
                Job.kind == JobKind.AUTO_SEGMENT,
                Job.state == JobState.DONE,
                Job.result["network"].as_string().is_not(None),
            )
            if label_id is not None:
                query = query.where(Job.payload["label_id"].as_string() == str(label_id))
            if sees_own_work_only(session, who, project):
                query = query.where(Job.created_by == who.id)
            found = page(session, query, Job.id, limit=limit, cursor=cursor)
            asked = [AutoSegmentPayload.model_validate(job.payload) for job in found.items]
            places = where_learned(session, [(payload.annotator_id, payload.volume_id) for payload in asked])
        return Page(
            [_view(job, where) for job, where in zip(found.items, places, strict=True)],
            found.next_cursor,
        )

    def file(self, who: Principal, job_id: UUID) -> Download:
        """The safetensors file, as `SapNet.load` reads it. Raises NetworkNotFound."""
        with self._db.begin() as session:
            job = session.get(Job, job_id)
            if job is None or job.project_id is None or role_in(session, who, job.project_id) is None:
                raise NetworkNotFound("This job does not exist or is not in one of your projects.")
            project = require(session, who, job.project_id, Action.VIEW)
            if job.created_by != who.id and sees_own_work_only(session, who, project):
                raise NetworkNotFound("This network was learned by somebody else.")
        if not (job.result or {}).get("network"):
            raise NetworkNotFound("This job learned no network, or is not done.")
        key = _key(job_id)
        return Download(
            name=f"sapnet-{job_id}.safetensors",
            media_type="application/octet-stream",
            size_bytes=self._objects.size_bytes(key),
            chunks=self._objects.chunks(key),
        )

    def keep(self, job_id: UUID, file: bytes) -> None:
        """Store the file of a job's network. A job that runs again replaces it."""
        writer = self._objects.open_writer(_key(job_id))
        writer.write(file)
        writer.close()


def _key(job_id: UUID) -> str:
    return f"networks/{job_id}.safetensors"


def _view(job: Job, where: Where) -> NetworkView:
    return NetworkView(job, LearnedNetwork.model_validate((job.result or {})["network"]), where)
