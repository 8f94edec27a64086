"""Annotations as history: revisions are appended, never changed; a mask is all flips of its revisions applied.

`current_masks` caches the outcome and is written in the same transaction; `rebuild` computes it from history alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from backend.db.session import Database
from backend.db.tables import Annotation, CurrentMask, Project, Revision, RevisionSlice, User, VolumeRow
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.workflow import Action
from backend.errors import Conflict, NotFound, Rejected
from backend.imaging import masks
from backend.services import audit, readings, work
from backend.services.access import Principal, require_drawable, require_volume, role_in
from backend.services.learning import Learning
from backend.services.projects import label_on
from backend.services.rounds import Masks, RevisionNotFound, Round, flips_after, head_of, masks_at

MAX_SLICES_A_REVISION = 4096


class AnnotationNotFound(NotFound):
    """No such annotation in the caller's projects. Raised by services.annotations."""

    code = "annotation_not_found"
    title = "There is no such annotation"


class StaleRevision(Conflict):
    """The parent is not the newest revision: somebody (or another tab) was faster. Raised by services.annotations.

    `context` names the newest revision and the slices changed since the parent, so that a client can re-base.
    """

    code = "stale_revision"
    title = "The annotation has changed meanwhile"


class RevisionIdTaken(Conflict):
    """A revision of another annotation has this id. Raised by services.annotations."""

    code = "revision_id_taken"
    title = "This revision id is in use"


class InvalidRevision(Rejected):
    """A revision changes nothing, or names a slice twice or outside the volume. Raised by services.annotations."""

    code = "invalid_revision"
    title = "This change cannot be stored"


@dataclass(frozen=True, slots=True)
class AnnotationView:
    """An annotation with its newest revision and the slices that are not empty."""

    annotation: Annotation
    annotator: User
    head: UUID | None
    sequence: int
    slices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Appended:
    """`created` is False when the very same revision had been stored before."""

    revision: Revision
    slices: Sequence[RevisionSlice]
    created: bool


class Annotations:
    def __init__(self, db: Database, learning: Learning) -> None:
        self._db = db
        self._learning = learning

    # -- reading ------------------------------------------------------------------------------------------------------
    def mine(self, who: Principal, volume_id: UUID) -> list[AnnotationView]:
        """The caller's annotations of a volume."""
        return self.of(who, volume_id, who.id)

    def of(self, who: Principal, volume_id: UUID, annotator_id: UUID) -> list[AnnotationView]:
        """Somebody's annotations of a volume: one's own, or, for who reviews, those of others."""
        with self._db.begin() as session:
            require_volume(session, who, volume_id, Action.VIEW if annotator_id == who.id else Action.REVIEW)
            rows = session.scalars(
                select(Annotation)
                .where(Annotation.volume_id == volume_id, Annotation.annotator_id == annotator_id)
                .order_by(Annotation.id)
            )
            return [self._view(session, row) for row in rows]

    def drawn(self, who: Principal, annotation_id: UUID, *, round: Round = Round.NOW) -> Masks:
        """All slices that are not empty, now or as they were at an earlier moment. Raises RevisionNotFound when there
        was none."""
        with self._db.begin() as session:
            annotation, volume = self._open(session, who, annotation_id, Action.VIEW)
            return masks_at(session, annotation, volume, round)

    def drawn_on(self, who: Principal, annotation_id: UUID, slice_index: int) -> Masks:
        """One slice; an empty mask where nothing was drawn."""
        with self._db.begin() as session:
            annotation, volume = self._open(session, who, annotation_id, Action.VIEW)
            if not 0 <= slice_index < volume.slices:
                raise InvalidRevision(f"There is no slice {slice_index}; the volume has {volume.slices}.")
            head = head_of(session, annotation.id)
            row = session.get(CurrentMask, (annotation.id, slice_index))
            size_hw = (volume.rows, volume.columns)
            rle = masks.Rle(size=list(size_hw), counts=row.counts) if row else masks.empty(size_hw)
            return Masks(head.id if head else None, head.sequence if head else 0, {slice_index: rle})

    def revisions(self, who: Principal, annotation_id: UUID) -> list[tuple[Revision, User]]:
        """The whole history, oldest first."""
        with self._db.begin() as session:
            annotation, _ = self._open(session, who, annotation_id, Action.VIEW)
            rows = session.execute(
                select(Revision, User)
                .join(User, User.id == Revision.author_id)
                .where(Revision.annotation_id == annotation.id)
                .options(selectinload(Revision.slices))
                .order_by(Revision.sequence)
            )
            return list(rows)

    def rebuild(self, who: Principal, annotation_id: UUID) -> dict[int, masks.Rle]:
        """The masks from history alone: what `current_masks` must equal."""
        with self._db.begin() as session:
            annotation, volume = self._open(session, who, annotation_id, Action.VIEW)
            flips = flips_after(session, annotation, volume, sequence=0)
            return {k: rle for k, rle in flips.items() if not masks.is_empty(rle)}

    # -- writing ------------------------------------------------------------------------------------------------------
    def create(
        self,
        who: Principal,
        volume_id: UUID,
        label_id: UUID,
        annotation_id: UUID | None,
        *,
        annotator_id: UUID | None = None,
    ) -> AnnotationView:
        """The caller's annotation of a label on a volume, or, for who corrects them in review, the annotator's; made
        once, found again afterwards. Raises CaseLocked, NotYourAnnotation."""
        annotator_id = annotator_id or who.id
        with self._db.begin() as session:
            action = Action.ANNOTATE if annotator_id == who.id else Action.REVIEW
            volume = require_volume(session, who, volume_id, action)
            label = label_on(session, volume, label_id)
            wanted = select(Annotation).where(
                Annotation.volume_id == volume.id,
                Annotation.label_id == label.id,
                Annotation.annotator_id == annotator_id,
            )
            annotation = session.scalar(wanted)
            if annotation is not None:
                return self._view(session, annotation)
            require_drawable(session, who, volume.case_id, annotator_id)
            session.execute(
                insert(Annotation)
                .values(id=annotation_id or new_id(), volume_id=volume.id, label_id=label.id, annotator_id=annotator_id)
                .on_conflict_do_nothing()
            )
            annotation = session.scalar(wanted)
            if annotation is None:
                raise RevisionIdTaken("Another annotation has this id.", hint="Make a new UUIDv7.")
            return self._view(session, annotation)

    def append(self, who: Principal, annotation_id: UUID, draft: RevisionDraft) -> Appended:
        """Append one accepted change; where it adds a slice to learn from, learning is queued. Who reviews a submitted
        case appends to the annotator's own annotation, with the origin `review` and as its author.

        Raises StaleRevision when `draft.parent` is not the newest revision, InvalidRevision or a mask error for what
        cannot be stored, CaseLocked, NotYourAnnotation. Sending the same id again returns what was stored the first
        time.
        """
        draft = replace(draft, model=self._learning.identified(draft.model))
        with self._db.begin() as session:
            annotation, volume = self._open(session, who, annotation_id, Action.ANNOTATE, lock=True)
            mine = annotation.annotator_id == who.id  # what a reviewer corrects teaches when its annotator goes on
            examples = self._learning.count(session, who, volume, annotation.label_id) if mine else 0
            appended = self._append(session, who, annotation, volume, draft)
            if appended.created and (draft.origin is Origin.REVIEW) == mine:
                raise InvalidRevision(
                    f"The origin '{draft.origin}' is not what this change is.",
                    hint="Corrections of somebody else's masks in review have the origin 'review', and no others.",
                )
            self._learning.corrected(session, annotation, [change.slice_index for change in appended.slices])
            job = None
            grew = mine and appended.created
            if grew and self._learning.count(session, who, volume, annotation.label_id) > examples:
                job = self._learning.grown(session, who, volume, annotation.label_id)
        if job is not None:
            self._learning.dispatch_settled(job)
        return appended

    def append_within(self, session: Session, who: Principal, annotation_id: UUID, draft: RevisionDraft) -> Appended:
        """`append` in the caller's unit of work, for changes that teach nothing new."""
        annotation, volume = self._open(session, who, annotation_id, Action.ANNOTATE, lock=True)
        return self._append(session, who, annotation, volume, draft)

    def store_within(
        self,
        session: Session,
        author: Principal,
        annotation: Annotation,
        volume: VolumeRow,
        draft: RevisionDraft,
        *,
        begins: bool,
    ) -> Appended:
        """Append a change after the newest one, whatever its parent. The caller has let the author in and holds the
        annotation; `begins`: the author has begun to work on the case. Raises InvalidRevision."""
        flips = _checked(draft.slices, volume)
        head = head_of(session, annotation.id)
        return self._store(session, author, annotation, volume, head, draft, flips, begins=begins)

    def restore(
        self, who: Principal, annotation_id: UUID, *, revision_id: UUID, sequence: int, parent: UUID | None
    ) -> Appended:
        """Bring back the state after revision `sequence` (0: empty) by a new revision of origin `undo`, or of `review`
        by who corrects the annotator's masks."""
        with self._db.begin() as session:
            annotation, volume = self._open(session, who, annotation_id, Action.ANNOTATE, lock=True)
            stored = session.get(Revision, revision_id, options=[selectinload(Revision.slices)])
            if stored is not None and stored.annotation_id == annotation.id:
                return Appended(stored, list(stored.slices), created=False)
            require_drawable(session, who, volume.case_id, annotation.annotator_id)
            head = self._need_newest(session, annotation, parent)
            newest = head.sequence if head else 0
            if not 0 <= sequence <= newest:
                raise RevisionNotFound(f"There is no revision {sequence}.", hint=f"The newest is {newest}.")
            flips = {
                k: rle
                for k, rle in flips_after(session, annotation, volume, sequence=sequence).items()
                if not masks.is_empty(rle)
            }
            if not flips:
                raise InvalidRevision(f"The annotation already is as it was after revision {sequence}.")
            origin = Origin.UNDO if annotation.annotator_id == who.id else Origin.REVIEW
            draft = RevisionDraft(id=revision_id, parent=parent, origin=origin, slices=())
            return self._store(session, who, annotation, volume, head, draft, flips)

    # -- inside -------------------------------------------------------------------------------------------------------
    @staticmethod
    def _open(
        session: Session, who: Principal, annotation_id: UUID, action: Action, *, lock: bool = False
    ) -> tuple[Annotation, VolumeRow]:
        annotation = session.get(Annotation, annotation_id, with_for_update=lock)
        volume = session.get(VolumeRow, annotation.volume_id) if annotation else None
        if annotation is None or volume is None or role_in(session, who, volume.project_id) is None:
            raise AnnotationNotFound("This annotation does not exist or is not in one of your projects.")
        mine = annotation.annotator_id == who.id
        require_volume(session, who, volume.id, action if mine else Action.REVIEW)
        return annotation, volume

    def _append(
        self, session: Session, who: Principal, annotation: Annotation, volume: VolumeRow, draft: RevisionDraft
    ) -> Appended:
        stored = session.get(Revision, draft.id, options=[selectinload(Revision.slices)])
        if stored is not None:
            if stored.annotation_id != annotation.id:
                raise RevisionIdTaken("A revision of another annotation has this id.", hint="Make a new UUIDv7.")
            return Appended(stored, list(stored.slices), created=False)
        require_drawable(session, who, volume.case_id, annotation.annotator_id)
        head = self._need_newest(session, annotation, draft.parent)
        flips = _checked(draft.slices, volume)
        return self._store(session, who, annotation, volume, head, draft, flips)

    @staticmethod
    def _need_newest(session: Session, annotation: Annotation, parent: UUID | None) -> Revision | None:
        head = head_of(session, annotation.id)
        if (head.id if head else None) == parent:
            return head
        known = session.get(Revision, parent) if parent else None
        since = known.sequence if known and known.annotation_id == annotation.id else 0
        changed = session.scalars(
            select(RevisionSlice.slice_index)
            .join(Revision)
            .where(Revision.annotation_id == annotation.id, Revision.sequence > since)
            .distinct()
        )
        raise StaleRevision(
            "A newer revision was stored than the one this change starts from.",
            hint="Read the newest state, apply the change again, send it with the new parent.",
            context={
                "head": str(head.id) if head else None,
                "sequence": head.sequence if head else 0,
                "changed_slices": sorted(changed),
            },
        )

    @staticmethod
    def _store(
        session: Session,
        who: Principal,
        annotation: Annotation,
        volume: VolumeRow,
        head: Revision | None,
        draft: RevisionDraft,
        flips: dict[int, masks.Rle],
        *,
        begins: bool = True,
    ) -> Appended:
        revision = Revision(
            id=draft.id,
            annotation_id=annotation.id,
            sequence=(head.sequence if head else 0) + 1,
            parent_id=head.id if head else None,
            origin=draft.origin,
            author_id=who.id,
            prompts=draft.prompts,
            model=draft.model,
            reverts_id=draft.reverts,
            telemetry=draft.telemetry,
            label_set_version=session.get_one(Project, volume.project_id).label_set_version,
        )
        rows = [
            RevisionSlice(revision_id=draft.id, slice_index=k, counts=rle["counts"], flipped_voxels=masks.area(rle))
            for k, rle in sorted(flips.items())
        ]
        session.add(revision)
        work.changed(session, annotation.id)
        try:
            session.flush()
        except IntegrityError as error:
            raise InvalidRevision("The revision that this one reverts does not exist.") from error
        session.add_all(rows)
        size_hw = (volume.rows, volume.columns)
        before = {
            row.slice_index: row.counts
            for row in session.scalars(
                select(CurrentMask).where(
                    CurrentMask.annotation_id == annotation.id, CurrentMask.slice_index.in_(list(flips))
                )
            )
        }
        for k, rle in flips.items():
            old = masks.Rle(size=list(size_hw), counts=before[k]) if k in before else masks.empty(size_hw)
            new = masks.xor(old, rle)
            values = {"counts": new["counts"], "voxels": masks.area(new)}
            session.execute(
                insert(CurrentMask)
                .values(annotation_id=annotation.id, slice_index=k, **values)
                .on_conflict_do_update(index_elements=["annotation_id", "slice_index"], set_=values)
            )
        if begins:
            readings.started(session, who, volume.case_id)
        if annotation.annotator_id != who.id:
            audit.record(
                session,
                who,
                "annotation.corrected",
                project_id=volume.project_id,
                subject=revision.id,
                case=str(volume.case_id),
                annotator=str(annotation.annotator_id),
                label=str(annotation.label_id),
                slices=len(flips),
            )
        session.flush()
        session.refresh(revision, ["created_at"])
        return Appended(revision, rows, created=True)

    @staticmethod
    def _view(session: Session, annotation: Annotation) -> AnnotationView:
        head = head_of(session, annotation.id)
        slices = session.scalars(
            select(CurrentMask.slice_index)
            .where(CurrentMask.annotation_id == annotation.id, CurrentMask.voxels > 0)
            .order_by(CurrentMask.slice_index)
        )
        annotator = session.get_one(User, annotation.annotator_id)
        return AnnotationView(
            annotation, annotator, head.id if head else None, head.sequence if head else 0, tuple(slices)
        )


def _checked(slices: Iterable[SliceFlips], volume: VolumeRow) -> dict[int, masks.Rle]:
    """Slice index -> flips, every one on the volume, well-formed and not empty."""
    found: dict[int, masks.Rle] = {}
    for change in slices:
        k = change.slice_index
        if not 0 <= k < volume.slices:
            raise InvalidRevision(f"There is no slice {k}; the volume has {volume.slices}.")
        if k in found:
            raise InvalidRevision(f"Slice {k} is in the revision twice.", hint="Send one set of flips a slice.")
        rle = masks.Rle(size=list(change.size_hw), counts=change.counts)
        runs = masks.parse_runs(rle, (volume.rows, volume.columns))
        if not runs[1::2].any():
            raise InvalidRevision(f"The change of slice {k} flips no voxel.", hint="Leave unchanged slices out.")
        found[k] = rle
    if not 1 <= len(found) <= MAX_SLICES_A_REVISION:
        raise InvalidRevision(
            f"The revision changes {len(found)} slices.", hint=f"Send 1 to {MAX_SLICES_A_REVISION} slices."
        )
    return found


def current_masks(session: Session, annotation_ids: Sequence[UUID]) -> dict[UUID, dict[int, str]]:
    """For exports: annotation -> slice -> RLE counts, slices that are not empty."""
    found: dict[UUID, dict[int, str]] = {annotation_id: {} for annotation_id in annotation_ids}
    rows = session.scalars(
        select(CurrentMask).where(CurrentMask.annotation_id.in_(annotation_ids), CurrentMask.voxels > 0)
    )
    for row in rows:
        found[row.annotation_id][row.slice_index] = row.counts
    return found
