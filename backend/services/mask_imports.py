"""Taking masks of other programs into a case: receiving the upload, and storing what a worker read from it.

The API process never parses a file of masks: a worker on the queue `io` does (`workers/mask_import.py`). Here: who may,
where the masks go, and how they are stored: one revision a label, all labels of a file or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    Annotation,
    Case,
    Job,
    LabelRow,
    Original,
    Project,
    Revision,
    RevisionSlice,
    User,
    VolumeRow,
)
from backend.domain.annotation import Code, Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import JobKind
from backend.domain.mask_import import (
    MOST_FILES,
    MaskImportPayload,
    MaskOptions,
    NewLabel,
    NoImportTarget,
    NothingToImport,
    ResultOfReader,
)
from backend.domain.palette import distinct_color
from backend.domain.workflow import Action
from backend.imaging import masks
from backend.imaging.pseudonyms import Pseudonyms
from backend.services import audit, programs
from backend.services.access import Principal, principal_of, require, require_case, require_unlocked, seen_case_ids
from backend.services.annotations import Annotations, current_masks
from backend.services.imports import Upload, named_apart
from backend.services.jobs import Jobs
from backend.services.learning import Learning
from backend.services.privacy import PrivacyService
from backend.services.projects import LabelDraft, insert_label, label_on, labels_of, new_version
from backend.stores.objects import Objects


@dataclass(frozen=True, slots=True)
class ImportPlace:
    """Where masks go: the volumes that may be meant, the labels of the project, what is known of whose images they are.
    `images`: of each volume of the case, (SOP Instance UID, frame from 1 or None) -> slice."""

    volumes: Sequence[VolumeRow]
    labels: Sequence[LabelRow]
    study: Mapping[str, Any]
    pseudonyms: Pseudonyms | None
    images: Mapping[UUID, Mapping[tuple[str, int | None], int]]

    def image_uids(self, volume_id: UUID) -> frozenset[str]:
        return frozenset(uid for uid, _ in self.images[volume_id])


@dataclass(frozen=True, slots=True)
class WantedMask:
    """The masks of a label, slice -> COCO RLE of slices that are not empty, and what the revision says of them. The
    label is one of the project's or has to be made."""

    target: UUID | NewLabel
    by_slice: Mapping[int, masks.Rle]
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredMask:
    """What became of a label: the slices that changed, and those with a mask of before that were kept."""

    label: LabelRow
    is_new: bool
    slices: Sequence[int]
    kept: Sequence[int]


class MaskImports:
    def __init__(
        self,
        db: Database,
        objects: Objects,
        jobs: Jobs,
        annotations: Annotations,
        learning: Learning,
        privacy: PrivacyService,
        *,
        max_bytes: int,
    ) -> None:
        self._db = db
        self._objects = objects
        self._jobs = jobs
        self._annotations = annotations
        self._learning = learning
        self._privacy = privacy
        self._max_bytes = max_bytes

    # -- receiving ----------------------------------------------------------------------------------------------------
    def begin(self, who: Principal, case_id: UUID) -> Upload:
        """Before the first byte is read: may this person bring masks here?"""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.ANNOTATE)
            pseudonyms = self._privacy.pseudonyms_within(session, session.get_one(Project, case.project_id))
        return Upload(self._objects, new_id(), max_bytes=self._max_bytes, max_files=MOST_FILES, pseudonyms=pseudonyms)

    def submit(self, who: Principal, case_id: UUID, upload: Upload, options: MaskOptions) -> Job:
        """All bytes are there: make the job that reads them. Raises NothingToImport, RoleForbids, CaseLocked,
        BadReaderName, NoImportTarget."""
        if not upload.files:
            raise NothingToImport("The upload holds no file.", hint="Send the files as parts of the field `files`.")
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.ANNOTATE)
            _check(session, who, case, options)
            volumes_of(session, case, options.volume_id)
            payload = MaskImportPayload(
                project_id=case.project_id,
                case_id=case.id,
                user_id=who.id,
                files=named_apart(self._objects, upload.job_id, upload.files),
                options=options,
            )
            job = self._jobs.add(
                session, who, JobKind.IMPORT_MASKS, payload, project_id=case.project_id, id=upload.job_id
            )
        self._jobs.dispatch(job)
        return job

    # -- in a worker --------------------------------------------------------------------------------------------------
    def place(self, payload: MaskImportPayload) -> ImportPlace:
        with self._db.begin() as session:
            case = session.get_one(Case, payload.case_id)
            project = session.get_one(Project, case.project_id)
            volumes = _volumes(session, case)
            return ImportPlace(
                volumes,
                labels_of(session, case.project_id),
                dict(case.study),
                self._privacy.pseudonyms_within(session, project),
                {volume.id: _images(session, volume) for volume in volumes},
            )

    def other_case(self, payload: MaskImportPayload, study_uids: Sequence[str]) -> UUID | None:
        """Another case of the project, which who imports sees, of one of these studies."""
        with self._db.begin() as session:
            who = principal_of(session.get_one(User, payload.user_id))
            seen = seen_case_ids(session, who, payload.project_id)
            return session.scalar(
                select(Case.id).where(
                    Case.project_id == payload.project_id,
                    Case.id != payload.case_id,
                    Case.study_key.in_(study_uids),
                    Case.id.in_(seen),
                )
            )

    def drawn(self, payload: MaskImportPayload, volume_id: UUID) -> dict[UUID, dict[int, str]]:
        """What the masks would go beside: label -> slice -> COCO RLE counts of whose they become."""
        with self._db.begin() as session:
            reader = payload.options.reader
            author_id = programs.find_id(session, payload.project_id, reader) if reader else payload.user_id
            rows = session.scalars(
                select(Annotation).where(Annotation.volume_id == volume_id, Annotation.annotator_id == author_id)
            ).all()
            found = current_masks(session, [row.id for row in rows])
            return {row.label_id: found[row.id] for row in rows}

    def store(
        self, job: Job, payload: MaskImportPayload, volume_id: UUID, file_number: int, wanted: Sequence[WantedMask]
    ) -> list[StoredMask]:
        """Store all labels of a file on a volume, or none. Slices that have a mask stay as they are unless replacing
        was asked. A job that runs again after its worker was lost finds what it stored. Raises what `submit` raises,
        and InvalidLabel, ResultOfReader."""
        options, queued = payload.options, []
        with self._db.begin() as session:
            who = principal_of(session.get_one(User, payload.user_id))
            case = require_case(session, who, payload.case_id, Action.ANNOTATE)
            _check(session, who, case, options)
            (volume,) = volumes_of(session, case, volume_id)
            author = who
            if options.reader is not None:
                author = principal_of(programs.program(session, case.project_id, options.reader))
                if case.result_by_id == author.id:
                    raise ResultOfReader(
                        f"The masks of {author.name} were accepted on this case.",
                        hint="Give the reader another name, for example with a version.",
                    )
            labels = _labels(session, who, volume, [mask.target for mask in wanted])
            stored = []
            for n, (mask, (label, is_new)) in enumerate(zip(wanted, labels, strict=True)):
                revision_id = uuid5(job.id, f"{file_number}/{n}")
                slices, kept, learn = self._append(
                    session, author, volume, label, mask, revision_id, options, teaches=options.reader is None
                )
                stored.append(StoredMask(label, is_new, slices, kept))
                queued += [learn] if learn else []
            audit.record(
                session,
                who,
                "masks.imported",
                project_id=case.project_id,
                subject=case.id,
                labels=len(stored),
                slices=sum(len(mask.slices) for mask in stored),
                **({"reader": str(author.id)} if options.reader is not None else {}),
            )
        for learn in queued:
            self._learning.dispatch_settled(learn)
        return stored

    def _append(
        self,
        session: Session,
        author: Principal,
        volume: VolumeRow,
        label: LabelRow,
        mask: WantedMask,
        revision_id: UUID,
        options: MaskOptions,
        *,
        teaches: bool,
    ) -> tuple[list[int], list[int], Job | None]:
        annotation = _annotation(session, volume, label, author)
        before = session.get(Revision, revision_id)
        if before is not None:  # an earlier run of this job
            changed = select(RevisionSlice.slice_index).where(RevisionSlice.revision_id == before.id)
            return sorted(session.scalars(changed)), [], None
        slices, kept = changes(
            current_masks(session, [annotation.id])[annotation.id], mask.by_slice, replace=options.replace
        )
        if not slices:
            return [], kept, None
        examples = self._learning.count(session, author, volume, label.id) if teaches else 0
        draft = RevisionDraft(
            id=revision_id, parent=None, origin=Origin.IMPORT, slices=tuple(slices), prompts={"import": mask.about}
        )
        self._annotations.store_within(session, author, annotation, volume, draft, begins=teaches)
        numbers = [change.slice_index for change in slices]
        learn = None
        if teaches:
            self._learning.corrected(session, annotation, numbers)
            if self._learning.count(session, author, volume, label.id) > examples:
                learn = self._learning.grown(session, author, volume, label.id)
        return numbers, kept, learn


def changes(
    drawn: Mapping[int, str], wanted: Mapping[int, masks.Rle], *, replace: bool
) -> tuple[list[SliceFlips], list[int]]:
    """What has to be flipped for the wanted masks, and the slices that stay as they were drawn although they differ."""
    slices, kept = [], []
    for k, rle in sorted(wanted.items()):
        size_hw = (rle["size"][0], rle["size"][1])
        flips = masks.xor(masks.Rle(size=list(size_hw), counts=drawn[k]), rle) if k in drawn else rle
        if masks.is_empty(flips):
            continue
        if k in drawn and not replace:
            kept.append(k)
        else:
            slices.append(SliceFlips(k, size_hw, flips["counts"]))
    return slices, kept


def _check(session: Session, who: Principal, case: Case, options: MaskOptions) -> None:
    """May this person do this to the case?"""
    if options.reader is None:
        require_unlocked(session, who, case.id)
    else:
        require(session, who, case.project_id, Action.REVIEW)
        programs.usable_program_name(options.reader)
    if options.new_labels or any(target.new_label for target in options.targets):
        require(session, who, case.project_id, Action.MANAGE)


def volumes_of(session: Session, case: Case, volume_id: UUID | None) -> Sequence[VolumeRow]:
    """The volumes of a case, or the one that was named. Raises NoImportTarget."""
    volumes = _volumes(session, case)
    chosen = [volume for volume in volumes if volume_id in (None, volume.id)]
    if not chosen:
        raise NoImportTarget(
            "The case has no such volume.", hint=f"Name one of them: {', '.join(str(volume.id) for volume in volumes)}."
        )
    return chosen


def _volumes(session: Session, case: Case) -> Sequence[VolumeRow]:
    return session.scalars(
        select(VolumeRow).where(VolumeRow.case_id == case.id).order_by(VolumeRow.created_at, VolumeRow.id)
    ).all()


def _images(session: Session, volume: VolumeRow) -> dict[tuple[str, int | None], int]:
    known = session.scalars(select(Original.instance).where(Original.volume_id == volume.id))
    return {
        (instance["sop_instance_uid"], place["frame_number"]): place["slice_index"]
        for instance in known
        if instance
        for place in instance["slices"]
        if "tile" not in place
    }


def _labels(
    session: Session, who: Principal, volume: VolumeRow, targets: Sequence[UUID | NewLabel]
) -> list[tuple[LabelRow, bool]]:
    """The label of each target, and whether it was made now; a label of that name is used where the project has one."""
    project = session.get_one(Project, volume.project_id)
    if any(isinstance(target, NewLabel) for target in targets):
        session.refresh(project, with_for_update=True)
    by_name = {row.name.casefold(): row for row in labels_of(session, project.id)}
    found, made = [], False
    for target in targets:
        if isinstance(target, UUID):
            found.append((label_on(session, volume, target), False))
            continue
        row = by_name.get(target.name.strip().casefold())
        is_new = row is None
        if row is None:
            color = target.color or distinct_color(len(by_name))
            code = Code(target.code.scheme, target.code.value, target.code.meaning) if target.code else None
            row = by_name[target.name.strip().casefold()] = insert_label(
                session, project.id, LabelDraft(target.name, color, code=code)
            )
            audit.record(session, who, "label.created", project_id=project.id, subject=row.id)
            made = True
        found.append((row, is_new))
    if made:
        new_version(session, who, project)
    return found


def _annotation(session: Session, volume: VolumeRow, label: LabelRow, author: Principal) -> Annotation:
    """The author's annotation, made if it has to be, held until the end of the unit of work."""
    session.execute(
        insert(Annotation)
        .values(id=new_id(), volume_id=volume.id, label_id=label.id, annotator_id=author.id)
        .on_conflict_do_nothing()
    )
    return session.scalars(
        select(Annotation)
        .where(
            Annotation.volume_id == volume.id,
            Annotation.label_id == label.id,
            Annotation.annotator_id == author.id,
        )
        .with_for_update()
    ).one()
