"""How well people agree: pairs of blind readers of a case, programs with people, readers tested against a gold case.

The numbers are computed by a job (`workers/comparing.py`) and kept with the revisions that they were made from: what
has changed since is computed again when somebody asks, the rest is not. The measures are in `imaging/agreement.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    Agreement,
    Annotation,
    Case,
    CurrentMask,
    Job,
    LabelRow,
    Reading,
    Revision,
    User,
    VolumeRow,
)
from backend.domain.ids import new_id
from backend.domain.jobs import AgreementPayload, JobKind
from backend.domain.workflow import LOCKED_STATES, Action, CaseState
from backend.imaging.agreement import MaskAgreement
from backend.services.access import Principal, require, require_case
from backend.services.annotations import current_masks
from backend.services.jobs import Jobs
from backend.services.programs import PERSON, PROGRAM, program_ids

DEFAULT_TOLERANCE_MM = 2.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people's masks of a label on a volume, and the newest revision of each (None: drew nothing). The person with
    the lower id comes first."""

    case_id: UUID
    volume_id: UUID
    label_id: UUID
    first_id: UUID
    second_id: UUID
    first_revision_id: UUID | None
    second_revision_id: UUID | None
    is_test: bool


@dataclass(frozen=True, slots=True)
class AgreementView:
    """One computed pair with the names that go with it."""

    case: Case
    volume: VolumeRow
    label: LabelRow
    first: User
    second: User
    numbers: Agreement


@dataclass(frozen=True, slots=True)
class Agreed:
    """What is known now; `missing` pairs are not computed yet, or have changed since."""

    found: Sequence[AgreementView]
    missing: int


class Agreements:
    def __init__(self, db: Database, jobs: Jobs) -> None:
        self._db = db
        self._jobs = jobs

    # -- for people ---------------------------------------------------------------------------------------------------
    def of_project(self, who: Principal, project_id: UUID, tolerance_mm: float) -> Agreed:
        """Between blind readers of all cases, and programs, for those who review."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.REVIEW)
            return _known(session, [p for p in _pairs(session, project_id) if not p.is_test], tolerance_mm)

    def of_case(self, who: Principal, case_id: UUID, tolerance_mm: float) -> Agreed:
        """Between the blind readers of one case, and programs, for those who review."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.REVIEW)
            pairs = [p for p in _pairs(session, case.project_id, case_id) if not p.is_test]
            return _known(session, pairs, tolerance_mm)

    def tests(self, who: Principal, project_id: UUID, tolerance_mm: float) -> Agreed:
        """Of people who were tested with the gold masks that they were tested against, for managers."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.MANAGE)
            return _known(session, [p for p in _pairs(session, project_id) if p.is_test], tolerance_mm)

    def start(self, who: Principal, project_id: UUID, tolerance_mm: float) -> Job:
        """Compute what is missing in a project, in place of an older such job."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.REVIEW)
            payload = AgreementPayload(project_id=project_id, tolerance_mm=tolerance_mm)
            job = self._jobs.add(
                session,
                who,
                JobKind.AGREEMENT,
                payload,
                project_id=project_id,
                id=new_id(),
                subject=f"{project_id}/{tolerance_mm:g}",
            )
        self._jobs.dispatch(job)
        return job

    # -- in a worker --------------------------------------------------------------------------------------------------
    def missing(self, payload: AgreementPayload) -> list[Pair]:
        """The pairs of a project that have to be computed."""
        with self._db.begin() as session:
            pairs = _pairs(session, payload.project_id)
            known = _stored(session, pairs, payload.tolerance_mm)
            return [pair for pair in pairs if _key(pair) not in known]

    def masks(self, pair: Pair) -> tuple[VolumeRow, dict[int, str], dict[int, str]]:
        """The volume, and both masks as they are now: slice -> COCO RLE counts."""
        with self._db.begin() as session:
            rows = session.execute(
                select(Annotation.annotator_id, Annotation.id).where(
                    Annotation.volume_id == pair.volume_id,
                    Annotation.label_id == pair.label_id,
                    Annotation.annotator_id.in_((pair.first_id, pair.second_id)),
                )
            )
            ids = dict(rows.all())
            found = current_masks(session, list(ids.values()))
            first, second = (found[ids[p]] if p in ids else {} for p in (pair.first_id, pair.second_id))
            return session.get_one(VolumeRow, pair.volume_id), first, second

    def keep(self, pair: Pair, tolerance_mm: float, found: MaskAgreement) -> None:
        """Store what was computed, in place of what older revisions gave."""
        values = {
            "first_revision_id": pair.first_revision_id,
            "second_revision_id": pair.second_revision_id,
            "dice": found.dice,
            "surface_dice": found.surface_dice,
            "hd95_mm": found.hd95_mm,
            "first_ml": found.first_ml,
            "second_ml": found.second_ml,
            "worst_slice": found.worst_slice,
            "created_at": func.now(),
        }
        key = {
            "volume_id": pair.volume_id,
            "label_id": pair.label_id,
            "first_id": pair.first_id,
            "second_id": pair.second_id,
            "tolerance_mm": tolerance_mm,
        }
        with self._db.begin() as session:
            session.execute(
                insert(Agreement)
                .values(id=new_id(), **key, **values)
                .on_conflict_do_update(index_elements=list(key), set_=values)
            )


def _pairs(session: Session, project_id: UUID, case_id: UUID | None = None) -> list[Pair]:
    """All pairs to compare: of readers who have submitted, of gold masks with tests that were submitted, of programs
    with each other and with people whose masks are submitted or accepted; for every label that one of the two has a
    mask of."""
    people: dict[UUID, list[tuple[UUID, UUID, bool]]] = defaultdict(list)
    query = (
        select(Reading, Case.result_by_id)
        .join(Case, Case.id == Reading.case_id)
        .where(Case.project_id == project_id, Reading.state == CaseState.SUBMITTED)
        .order_by(Reading.case_id, Reading.reader_id)
    )
    if case_id is not None:
        query = query.where(Case.id == case_id)
    readers: dict[UUID, list[UUID]] = defaultdict(list)
    for reading, gold_id in session.execute(query):
        if not reading.is_test:
            readers[reading.case_id].append(reading.reader_id)
        elif gold_id is not None:
            first, second = sorted((reading.reader_id, gold_id))
            people[reading.case_id].append((first, second, True))
    for read, ids in readers.items():
        people[read] += [(first, second, False) for first, second in combinations(sorted(ids), 2)]
    for read, first, second in _program_pairs(session, project_id, case_id, readers):
        people[read].append((first, second, False))
    drawn = _drawn(session, list(people))
    found = []
    for case, pairs in people.items():
        for first, second, is_test in pairs:
            for (volume_id, label_id), heads in drawn[case].items():
                if first in heads or second in heads:
                    heads_of = heads.get(first), heads.get(second)
                    found.append(Pair(case, volume_id, label_id, first, second, *heads_of, is_test))
    return found


def _program_pairs(
    session: Session, project_id: UUID, case_id: UUID | None, readers: Mapping[UUID, Sequence[UUID]]
) -> list[tuple[UUID, UUID, UUID]]:
    """(case, first, second): the programs of each case with each other, and with its people. These are the blind
    readers who have submitted; of another case whose masks were accepted, else, once it is submitted, who drew on it.
    """
    query = (
        select(Case, User.id, User.kind)
        .join(VolumeRow, VolumeRow.case_id == Case.id)
        .join(Annotation, Annotation.volume_id == VolumeRow.id)
        .join(User, User.id == Annotation.annotator_id)
        .where(Case.project_id == project_id)
        .where(
            Case.id.in_(
                select(VolumeRow.case_id)
                .join(Annotation, Annotation.volume_id == VolumeRow.id)
                .where(VolumeRow.project_id == project_id, Annotation.annotator_id.in_(program_ids()))
            )
        )
        .distinct()
    )
    if case_id is not None:
        query = query.where(Case.id == case_id)
    cases: dict[UUID, Case] = {}
    by_kind: dict[UUID, dict[str, set[UUID]]] = defaultdict(lambda: {PERSON: set(), PROGRAM: set()})
    for case, user_id, kind in session.execute(query):
        cases[case.id] = case
        by_kind[case.id][kind].add(user_id)
    found = []
    for case in cases.values():
        programs, drew = by_kind[case.id][PROGRAM], by_kind[case.id][PERSON]
        people = set(readers.get(case.id, ()))
        if not case.is_blind and case.state in LOCKED_STATES:
            people = {case.result_by_id} - programs if case.result_by_id else drew
        for pair in [*combinations(programs, 2), *product(programs, people)]:
            first, second = sorted(pair)
            found.append((case.id, first, second))
    return found


def _drawn(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, dict[tuple[UUID, UUID], dict[UUID, UUID]]]:
    """case -> (volume, label) -> person -> newest revision, of masks that are not empty."""
    newest = (
        select(Revision.annotation_id, func.max(Revision.sequence).label("sequence"))
        .join(Annotation, Annotation.id == Revision.annotation_id)
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .where(VolumeRow.case_id.in_(case_ids))
        .group_by(Revision.annotation_id)
        .subquery()
    )
    rows = session.execute(
        select(VolumeRow.case_id, Annotation.volume_id, Annotation.label_id, Annotation.annotator_id, Revision.id)
        .join(newest, newest.c.annotation_id == Annotation.id)
        .join(Revision, (Revision.annotation_id == Annotation.id) & (Revision.sequence == newest.c.sequence))
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .where(
            select(CurrentMask.annotation_id)
            .where(CurrentMask.annotation_id == Annotation.id, CurrentMask.voxels > 0)
            .exists()
        )
        .order_by(Annotation.volume_id, Annotation.label_id)
    )
    found: dict[UUID, dict[tuple[UUID, UUID], dict[UUID, UUID]]] = defaultdict(lambda: defaultdict(dict))
    for case_id, volume_id, label_id, annotator_id, revision_id in rows:
        found[case_id][volume_id, label_id][annotator_id] = revision_id
    return found


Key = tuple[UUID, UUID, UUID, UUID, UUID | None, UUID | None]


def _key(row: Pair | Agreement) -> Key:
    """What makes a stored row the answer for a pair."""
    people = row.first_id, row.second_id
    return row.volume_id, row.label_id, *people, row.first_revision_id, row.second_revision_id


def _stored(session: Session, pairs: Sequence[Pair], tolerance_mm: float) -> dict[Key, Agreement]:
    rows = session.scalars(
        select(Agreement).where(
            Agreement.volume_id.in_({pair.volume_id for pair in pairs}), Agreement.tolerance_mm == tolerance_mm
        )
    )
    return {_key(row): row for row in rows}


def _known(session: Session, pairs: Sequence[Pair], tolerance_mm: float) -> Agreed:
    stored = _stored(session, pairs, tolerance_mm)
    cases = {row.id: row for row in session.scalars(select(Case).where(Case.id.in_({p.case_id for p in pairs})))}
    volumes = {
        row.id: row for row in session.scalars(select(VolumeRow).where(VolumeRow.id.in_({p.volume_id for p in pairs})))
    }
    labels = {
        row.id: row for row in session.scalars(select(LabelRow).where(LabelRow.id.in_({p.label_id for p in pairs})))
    }
    ids = {p.first_id for p in pairs} | {p.second_id for p in pairs}
    people = {row.id: row for row in session.scalars(select(User).where(User.id.in_(ids)))}
    found = [
        AgreementView(
            cases[p.case_id],
            volumes[p.volume_id],
            labels[p.label_id],
            people[p.first_id],
            people[p.second_id],
            stored[_key(p)],
        )
        for p in pairs
        if _key(p) in stored
    ]
    return Agreed(found, len(pairs) - len(found))
