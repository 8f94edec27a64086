"""Getting masks out: a job that writes files, and their download.

Here: who may export, what goes into an export, where the finished file lies. The files themselves are written by a
worker (`workers/export.py`) with `backend/imaging`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    Annotation,
    Case,
    CurrentMask,
    Job,
    LabelRow,
    LearnedPromptRow,
    Measurement,
    Original,
    Revision,
    User,
    VolumeRow,
)
from backend.domain.ids import new_id
from backend.domain.jobs import ExportPayload, JobKind, JobState
from backend.domain.workflow import Action, CaseState
from backend.errors import Conflict, Relayed
from backend.imaging.errors import NothingToExport
from backend.services.access import Principal, may, require, require_case
from backend.services.annotations import current_masks
from backend.services.download import Download
from backend.services.jobs import Jobs
from backend.services.measurements import table_of
from backend.stores.objects import Objects

MEASUREMENTS = "dicom-sr"
"""The format that carries measurements and no masks."""


class NotAnExport(Conflict):
    """The job is no export, or has not finished. Raised by services.exports."""

    code = "not_an_export"
    title = "There is no file to download"


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a mask came about: revisions by origin, the models that proposed (the newest first, each with the checksums
    of its weights and of what it had learned), the people, first and last change."""

    origins: dict[str, int]
    models: tuple[dict[str, Any], ...]
    authors: tuple[str, ...]
    revisions: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class LabelMask:
    """One label's mask on one volume: slice index -> COCO RLE counts."""

    label: LabelRow
    counts_by_slice: dict[int, str]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class VolumeExport:
    volume: VolumeRow
    originals: Sequence[Original]
    masks: Sequence[LabelMask]
    measured: Sequence[Measurement]
    """By the annotator, oldest first."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Everything a worker needs to write the files of a case."""

    case: Case
    format: str
    annotator: str
    volumes: Sequence[VolumeExport]
    measurements: str | None
    """What the annotator measured on the case, as CSV."""


def whose(session: Session, who: Principal, case: Case, annotator_id: UUID | None) -> UUID:
    """Whose masks of a case go out: the person's that was named, else, for who reviews, what was accepted, else of who
    the case is assigned to if they drew, else one's own, else those of the only person who drew. Others see their own
    alone. Raises NothingToExport where who was named drew nothing, RoleForbids."""
    drew = drawn_by(session, case.id)
    if annotator_id is not None:
        if annotator_id == who.id:
            return annotator_id
        require_case(session, who, case.id, Action.REVIEW)
        if annotator_id not in drew:
            raise NothingToExport(
                "This person drew nothing on this case.", hint="The case's page lists who drew on it."
            )
        return annotator_id
    if not may(session, who, case.project_id, Action.REVIEW):
        return who.id
    if case.state == CaseState.ACCEPTED and case.result_by_id in drew:
        return case.result_by_id
    likely = [person for person in (case.assignee_id, who.id) if person in drew]
    return likely[0] if likely else next(iter(drew)) if len(drew) == 1 else who.id


def drawn_by(session: Session, case_id: UUID) -> set[UUID]:
    """Who has a mask on a case, programs too."""
    with_mask = exists().where(CurrentMask.annotation_id == Annotation.id, CurrentMask.voxels > 0)
    return set(
        session.scalars(
            select(Annotation.annotator_id)
            .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
            .where(VolumeRow.case_id == case_id, with_mask)
        )
    )


class Exports:
    def __init__(self, db: Database, objects: Objects, jobs: Jobs) -> None:
        self._db = db
        self._objects = objects
        self._jobs = jobs

    def submit(self, who: Principal, case_id: UUID, format: str, annotator_id: UUID | None = None) -> Job:
        """A job that exports somebody's annotations of a case; without `annotator_id` those that `whose` chooses.
        Raises NothingToExport where somebody else drew nothing."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.EXPORT)
            if annotator_id is None and format == MEASUREMENTS:
                annotator_id = who.id
            payload = ExportPayload(
                case_id=case.id, format=format, annotator_id=whose(session, who, case, annotator_id)
            )
            job = self._jobs.add(session, who, JobKind.EXPORT, payload, project_id=case.project_id, id=new_id())
        self._jobs.dispatch(job)
        return job

    def download(self, who: Principal, job_id: UUID) -> Download:
        """Raises NotAnExport; Relayed with the job's own reason when it failed."""
        job = self._jobs.get(who, job_id)
        if job.kind == JobKind.ARCHIVE and job.project_id is not None:
            with self._db.begin() as session:
                require(session, who, job.project_id, Action.MANAGE)
        if job.kind not in (JobKind.EXPORT, JobKind.ARCHIVE) or job.state not in (JobState.DONE, JobState.FAILED):
            raise NotAnExport(f"This job is a {job.kind} that is {job.state}.")
        if job.problem is not None:
            raise Relayed(job.problem)
        made = job.result or {}
        return Download(
            made["name"], made["media_type"], self._objects.size_bytes(made["key"]), self._objects.chunks(made["key"])
        )

    # -- in a worker --------------------------------------------------------------------------------------------------
    def plan(self, payload: ExportPayload) -> ExportPlan:
        """Raises NothingToExport."""
        with self._db.begin() as session:
            case = session.get_one(Case, payload.case_id)
            annotator = session.get_one(User, payload.annotator_id)
            rows = session.scalars(
                select(VolumeRow).where(VolumeRow.case_id == case.id).order_by(VolumeRow.created_at, VolumeRow.id)
            )
            volumes = [self._volume(session, volume, annotator.id) for volume in rows]
            measurements = table_of(session, case.id, annotator.id)
        if payload.format == MEASUREMENTS:
            volumes = [volume for volume in volumes if volume.measured]
            if not volumes:
                raise NothingToExport(
                    f"{annotator.name} has measured nothing on this case.", hint="Measure something, then export."
                )
            return ExportPlan(case, payload.format, annotator.name, volumes, None)
        volumes = [volume for volume in volumes if volume.masks]
        if not volumes:
            raise NothingToExport(
                f"{annotator.name} has no mask on this case.", hint="Accept a mask on a slice first, then export."
            )
        return ExportPlan(case, payload.format, annotator.name, volumes, measurements)

    def keep(self, job_id: UUID, path: Path, media_type: str) -> dict[str, Any]:
        """Store a finished file; returns the job's result. The key has no name in it: that may be a patient's."""
        key = f"exports/{job_id}/file"
        self._objects.put_file(key, path)
        return {"name": path.name, "media_type": media_type, "key": key, "size_bytes": path.stat().st_size}

    @staticmethod
    def _volume(session: Session, volume: VolumeRow, annotator_id: UUID) -> VolumeExport:
        annotations = session.execute(
            select(Annotation, LabelRow)
            .join(LabelRow, LabelRow.id == Annotation.label_id)
            .where(Annotation.volume_id == volume.id, Annotation.annotator_id == annotator_id)
            .order_by(LabelRow.value)
        )
        pairs = list(annotations)
        masks = current_masks(session, [annotation.id for annotation, _ in pairs])
        measured = session.scalars(
            select(Measurement)
            .where(Measurement.volume_id == volume.id, Measurement.author_id == annotator_id)
            .order_by(Measurement.created_at, Measurement.id)
        )
        originals = session.scalars(select(Original).where(Original.volume_id == volume.id).order_by(Original.position))
        return VolumeExport(
            volume,
            list(originals),
            [
                LabelMask(label, masks[annotation.id], _provenance(session, annotation.id))
                for annotation, label in pairs
                if masks[annotation.id]
            ],
            list(measured),
        )


def _provenance(session: Session, annotation_id: UUID) -> Provenance:
    rows = session.execute(
        select(Revision, User.name)
        .join(User, User.id == Revision.author_id)
        .where(Revision.annotation_id == annotation_id)
        .order_by(Revision.sequence)
    )
    history = list(rows)
    return Provenance(
        origins=dict(Counter(revision.origin for revision, _ in history)),
        models=_models(session, [revision.model for revision, _ in history if revision.model]),
        authors=tuple(dict.fromkeys(name for _, name in history)),
        revisions=len(history),
        first_at=history[0][0].created_at,
        last_at=history[-1][0].created_at,
    )


def _models(session: Session, stored: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Of what revisions say of their models, each model once, the newest first. Clicks name what was learned by its id;
    an accepted proposal names the runs that made it."""
    found: list[dict[str, Any]] = []
    for model in stored:
        runs = model.get("runs") or [
            {"model": model.get("name"), "model_checksum": model.get("checksum")}
            | {"learned_prompt": model.get("learned_prompt")}
        ]
        for run in runs:
            told = {
                "name": run.get("model"),
                "checksum": run.get("model_checksum"),
                "generator": run.get("generator"),
                "seed": run.get("seed"),
                "learned_prompt": run.get("learned_prompt"),
                "learned_prompt_checksum": run.get("learned_prompt_checksum"),
            }
            found.append({key: value for key, value in told.items() if value is not None})
    ids = {UUID(model["learned_prompt"]) for model in found if _is_uuid(model.get("learned_prompt"))}
    learned = {
        str(row.id): row
        for row in session.execute(
            select(LearnedPromptRow.id, LearnedPromptRow.checksum, LearnedPromptRow.model_checksum).where(
                LearnedPromptRow.id.in_(ids)
            )
        )
    }
    unique: dict[str, dict[str, Any]] = {}
    for model in reversed(found):
        row = learned.get(model.get("learned_prompt", ""))
        if row is not None:
            model.setdefault("learned_prompt_checksum", row.checksum)
            model.setdefault("checksum", row.model_checksum)
        unique.setdefault(repr(sorted(model.items())), model)
    return tuple(unique.values())


def _is_uuid(text: Any) -> bool:
    """Clients write what they like into a revision's model."""
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True
