"""Blinded comparisons of two sources of masks: set up by managers, judged by readers (services.judging), counted.

Who judges learns neither which side is which nor what is compared, nor the tally, until they have finished; that holds
for managers who judge, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    Annotation,
    Case,
    Comparison,
    ComparisonPair,
    ComparisonReader,
    ComparisonTurn,
    ComparisonVote,
    Job,
    LabelRow,
    Member,
    User,
    VolumeRow,
)
from backend.domain.comparison import (
    MOST_PAIRS,
    MOST_READERS,
    Choice,
    ComparisonSettings,
    PlannedGroup,
    Source,
    Tally,
    Winner,
    majority,
    winner_of,
)
from backend.domain.ids import new_id
from backend.domain.jobs import ComparePayload, JobKind, JobState, ModelMissing, NoWorker, QueueName
from backend.domain.workflow import ALLOWED, Action, Role
from backend.errors import Conflict, Forbidden, NotFound, Rejected
from backend.services import audit
from backend.services.access import Principal, may, require, role_in
from backend.services.comparison_pairs import Accepted, Drawn, NewPair, accepted, keep, plan, readers_of, stored
from backend.services.jobs import Jobs
from backend.services.paging import Page, page
from backend.services.segmentation import Segmentation
from backend.stores.queue import JobQueue


class ComparisonNotFound(NotFound):
    """No such comparison in the caller's projects, or the caller does not judge in it. Raised by services.comparisons
    and services.judging."""

    code = "comparison_not_found"
    title = "There is no such comparison"


class CannotCompare(Rejected):
    """The choice gives no pairs, or names people, labels or cases that cannot be in it. Raised by
    services.comparisons."""

    code = "cannot_compare"
    title = "This cannot be compared"


class StillBlinded(Conflict):
    """Who judges sees no tally until they have finished. Raised by services.comparisons."""

    code = "still_blinded"
    title = "Finish judging first"


class TallyForManagers(Forbidden):
    """Single votes, with what each mask is, are for those who manage the project. Raised by services.comparisons."""

    code = "tally_for_managers"
    title = "Only managers see this"


class ComparisonState(StrEnum):
    PREPARING = "preparing"
    FAILED = "failed"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class ReaderProgress:
    reader: User
    judged: int
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """A comparison as the caller may see it. `settings`: None to who is blinded. `readers`: everybody's for managers,
    else the caller's own."""

    comparison: Comparison
    state: ComparisonState
    job: Job | None
    pairs: int
    settings: ComparisonSettings | None
    readers: Sequence[ReaderProgress]
    mine: ReaderProgress | None


@dataclass(frozen=True, slots=True)
class TallyRow:
    """Of a label (None: all) and a reader (None: of each pair what most readers prefer)."""

    label: LabelRow | None
    reader: User | None
    tally: Tally


@dataclass(frozen=True, slots=True)
class VoteRow:
    """The vote that counts of a reader on a pair, with what was shown where."""

    case: Case
    volume: VolumeRow
    label: LabelRow
    reader: User
    pair: ComparisonPair
    turn: ComparisonTurn
    vote: ComparisonVote

    @property
    def winner(self) -> Winner:
        return winner_of(Choice(self.vote.choice), first_is_left=self.turn.first_is_left)


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What a worker computes of, all of one moment."""

    settings: ComparisonSettings
    groups: Sequence[tuple[PlannedGroup, Accepted]]


class Comparisons:
    def __init__(self, db: Database, queue: JobQueue, jobs: Jobs, segmentation: Segmentation) -> None:
        self._db = db
        self._queue = queue
        self._jobs = jobs
        self._segmentation = segmentation

    # -- for managers -------------------------------------------------------------------------------------------------
    def create(
        self,
        who: Principal,
        project_id: UUID,
        name: str,
        settings: ComparisonSettings,
        *,
        label_ids: Sequence[UUID],
        case_ids: Sequence[UUID] | None,
        reader_ids: Sequence[UUID],
        pairs: int,
    ) -> ComparisonView:
        """Set up a comparison. What is stored can be judged at once; for what is computed a job is queued. Raises
        CannotCompare, NoWorker, ModelMissing."""
        readers = list(dict.fromkeys(reader_ids))
        name = name.strip()
        job: Job | None = None
        with self._db.begin() as session:
            require(session, who, project_id, Action.MANAGE)
            if not 1 <= len(name) <= 120:
                raise CannotCompare("A comparison needs a name of 1 to 120 characters.")
            if not 1 <= pairs <= MOST_PAIRS or not 1 <= len(readers) <= MOST_READERS:
                raise CannotCompare(f"A comparison has 1 to {MOST_PAIRS} pairs and 1 to {MOST_READERS} readers.")
            _check_chosen(session, project_id, label_ids, readers)
            if settings.computed:
                settings = settings.model_copy(update={"model": settings.model or self._segmentation.default_model})
                self._check_workers(settings.model or "")
            found = accepted(session, project_id, label_ids, case_ids)
            groups = plan(session, found, settings, pairs)
            if not groups:
                raise CannotCompare(
                    "No accepted case has a slice that both sources can show.",
                    hint="Accept cases with these labels, learn from fewer slices, or choose other sources.",
                )
            comparison = Comparison(
                id=new_id(),
                project_id=project_id,
                name=name,
                settings=settings.model_dump(mode="json"),
                plan=[group.model_dump(mode="json") for group in groups],
                created_by=who.id,
            )
            session.add(comparison)
            session.flush()
            session.add_all(ComparisonReader(comparison_id=comparison.id, reader_id=reader) for reader in readers)
            session.flush()
            if settings.computed:
                payload = ComparePayload(comparison_id=comparison.id)
                job = self._jobs.add(session, who, JobKind.COMPARE, payload, project_id=project_id, id=new_id())
                comparison.job_id = job.id
            else:
                by_id = {one.annotation.id: one for one in found}
                made = [pair for group in groups for pair in _stored_pairs(session, by_id, group, settings)]
                if keep(session, comparison, made, readers) == 0:
                    raise CannotCompare(
                        f"On all {len(made)} slices the two masks are the same.", hint="Choose other cases or sources."
                    )
            audit.record(
                session,
                who,
                "comparison.created",
                project_id=project_id,
                subject=comparison.id,
                readers=[str(reader) for reader in readers],
            )
            session.flush()
            session.refresh(comparison)
            view = _view(session, who, comparison)
        if job is not None:
            self._jobs.dispatch(job)
        return view

    def votes(self, who: Principal, comparison_id: UUID) -> tuple[ComparisonSettings, list[VoteRow]]:
        """Every vote that counts with what each mask is, for managers. Raises StillBlinded, TallyForManagers."""
        with self._db.begin() as session:
            comparison = self._unblinded(session, who, comparison_id)
            if not may(session, who, comparison.project_id, Action.MANAGE):
                raise TallyForManagers("Single votes are for those who manage the project.")
            return ComparisonSettings.model_validate(comparison.settings), _votes(session, comparison_id)

    # -- for everybody in it ------------------------------------------------------------------------------------------
    def of_project(self, who: Principal, project_id: UUID, *, limit: int, cursor: str | None) -> Page[ComparisonView]:
        """Newest first: all for managers, else those that the caller judges in."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.REVIEW)
            query = select(Comparison).where(Comparison.project_id == project_id)
            if not may(session, who, project_id, Action.MANAGE):
                query = query.join(ComparisonReader).where(ComparisonReader.reader_id == who.id)
            found = page(session, query, Comparison.id, limit=limit, cursor=cursor)
            return Page([_view(session, who, comparison) for comparison in found.items], found.next_cursor)

    def get(self, who: Principal, comparison_id: UUID) -> ComparisonView:
        """Raises ComparisonNotFound."""
        with self._db.begin() as session:
            return _view(session, who, find(session, who, comparison_id))

    def tally(self, who: Principal, comparison_id: UUID) -> tuple[ComparisonView, list[TallyRow]]:
        """By label and reader, and of all; for managers, and for readers who have finished. Raises StillBlinded."""
        with self._db.begin() as session:
            comparison = self._unblinded(session, who, comparison_id)
            return _view(session, who, comparison), _rows(_votes(session, comparison_id))

    # -- in a worker --------------------------------------------------------------------------------------------------
    def plan(self, payload: ComparePayload) -> ComparisonPlan | None:
        """What is to be computed, with the accepted masks as they are now; None when that was done before. Raises
        CannotCompare when a mask is gone."""
        with self._db.begin() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            comparison = session.get_one(Comparison, payload.comparison_id)
            if comparison.ready_at is not None:
                return None
            groups = [PlannedGroup.model_validate(group) for group in comparison.plan]
            labels = {group.label_id for group in groups}
            found = {one.annotation.id: one for one in accepted(session, comparison.project_id, list(labels), None)}
            settings = ComparisonSettings.model_validate(comparison.settings)
            for group in groups:
                one = found.get(group.annotation_id)
                if one is None or not {*group.slices, *group.support} <= set(one.counts_by_slice):
                    raise CannotCompare("An accepted mask was taken back meanwhile.", hint="Set it up again.")
            return ComparisonPlan(settings, [(group, found[group.annotation_id]) for group in groups])

    def stored(self, one: Accepted, source: Source, slices: Sequence[int]) -> dict[int, Drawn]:
        """What the history has of a source on these slices."""
        with self._db.begin() as session:
            return stored(session, one, source, slices)

    def keep(self, payload: ComparePayload, pairs: Sequence[NewPair]) -> int:
        """All pairs are computed: readers can begin. -> how many differ. Raises CannotCompare when none does."""
        with self._db.begin() as session:
            comparison = session.get_one(Comparison, payload.comparison_id, with_for_update=True)
            if comparison.ready_at is None:
                readers = [reader.reader_id for reader in readers_of(session, comparison.id)]
                if keep(session, comparison, pairs, readers) == 0:
                    raise CannotCompare(f"On all {len(pairs)} slices the two masks are the same.")
            query = select(func.count()).where(ComparisonPair.comparison_id == comparison.id)
            return session.scalar(query) or 0

    # -- inside -------------------------------------------------------------------------------------------------------
    def _unblinded(self, session: Session, who: Principal, comparison_id: UUID) -> Comparison:
        comparison = find(session, who, comparison_id)
        if _is_blinded(session, who, comparison):
            raise StillBlinded("The tally would tell what is compared.", hint="Judge all pairs and finish.")
        return comparison

    def _check_workers(self, model: str) -> None:
        if not self._queue.worker_counts()[QueueName.EVALUATE]:
            raise NoWorker(
                "No worker process serves the queue 'evaluate'.",
                hint="`sammed up` starts one, else `sammed worker train evaluate` does.",
            )
        if model not in self._segmentation.models():
            raise ModelMissing(f"No running worker has the model '{model}'.", hint="`sammed models list` shows them.")


def find(session: Session, who: Principal, comparison_id: UUID) -> Comparison:
    """The comparison, if the caller manages its project or judges in it. Raises ComparisonNotFound, RoleForbids."""
    comparison = session.get(Comparison, comparison_id)
    if comparison is None or role_in(session, who, comparison.project_id) is None:
        raise ComparisonNotFound("This comparison does not exist or is not in one of your projects.")
    require(session, who, comparison.project_id, Action.REVIEW)
    judges = session.get(ComparisonReader, (comparison.id, who.id)) is not None
    if not judges and not may(session, who, comparison.project_id, Action.MANAGE):
        raise ComparisonNotFound("You are not among the readers of this comparison.")
    return comparison


def _is_blinded(session: Session, who: Principal, comparison: Comparison) -> bool:
    reader = session.get(ComparisonReader, (comparison.id, who.id))
    return reader is not None and reader.finished_at is None


def _check_chosen(session: Session, project_id: UUID, label_ids: Sequence[UUID], readers: Sequence[UUID]) -> None:
    """Raises CannotCompare for labels of other projects, and for people who do not review."""
    labels = select(func.count()).where(LabelRow.id.in_(label_ids), LabelRow.project_id == project_id)
    if not label_ids or (session.scalar(labels) or 0) < len(set(label_ids)):
        raise CannotCompare("Choose labels of this project.")
    rows = session.execute(
        select(User, Member.role)
        .outerjoin(Member, (Member.user_id == User.id) & (Member.project_id == project_id))
        .where(User.id.in_(readers), User.disabled_at.is_(None))
    )
    may_judge = {
        user.id for user, role in rows if user.is_admin or (role is not None and Action.REVIEW in ALLOWED[Role(role)])
    }
    if set(readers) - may_judge:
        raise CannotCompare("Readers are people who review in this project.", hint="Make them reviewers first.")


def _stored_pairs(
    session: Session, found: dict[UUID, Accepted], group: PlannedGroup, settings: ComparisonSettings
) -> list[NewPair]:
    one = found[group.annotation_id]
    first, second = (stored(session, one, source, group.slices) for source in (settings.first, settings.second))
    return [NewPair(group.annotation_id, k, first[k], second[k]) for k in group.slices]


def _view(session: Session, who: Principal, comparison: Comparison) -> ComparisonView:
    job = session.get(Job, comparison.job_id) if comparison.job_id else None
    state = ComparisonState.READY
    if comparison.ready_at is None:
        over = job is None or JobState(job.state).is_final
        state = ComparisonState.FAILED if over else ComparisonState.PREPARING
    count = select(func.count()).where(ComparisonPair.comparison_id == comparison.id)
    judged = dict(
        session.execute(
            select(ComparisonVote.reader_id, func.count(func.distinct(ComparisonVote.pair_id)))
            .join(ComparisonPair, ComparisonPair.id == ComparisonVote.pair_id)
            .where(ComparisonPair.comparison_id == comparison.id)
            .group_by(ComparisonVote.reader_id)
        ).all()
    )
    progress = [
        ReaderProgress(session.get_one(User, row.reader_id), judged.get(row.reader_id, 0), row.finished_at)
        for row in readers_of(session, comparison.id)
    ]
    mine = next((one for one in progress if one.reader.id == who.id), None)
    manages = may(session, who, comparison.project_id, Action.MANAGE)
    blinded = mine is not None and mine.finished_at is None
    return ComparisonView(
        comparison,
        state,
        job,
        session.scalar(count) or 0,
        None if blinded else ComparisonSettings.model_validate(comparison.settings),
        progress if manages else [one for one in progress if one is mine],
        mine,
    )


def _votes(session: Session, comparison_id: UUID) -> list[VoteRow]:
    """The newest vote of every reader on every pair."""
    newest = (
        select(ComparisonVote.pair_id, ComparisonVote.reader_id, func.max(ComparisonVote.number).label("number"))
        .join(ComparisonPair, ComparisonPair.id == ComparisonVote.pair_id)
        .where(ComparisonPair.comparison_id == comparison_id)
        .group_by(ComparisonVote.pair_id, ComparisonVote.reader_id)
        .subquery()
    )
    rows = session.execute(
        select(Case, VolumeRow, LabelRow, User, ComparisonPair, ComparisonTurn, ComparisonVote)
        .select_from(newest)
        .join(
            ComparisonVote,
            (ComparisonVote.pair_id == newest.c.pair_id)
            & (ComparisonVote.reader_id == newest.c.reader_id)
            & (ComparisonVote.number == newest.c.number),
        )
        .join(ComparisonPair, ComparisonPair.id == ComparisonVote.pair_id)
        .join(
            ComparisonTurn,
            (ComparisonTurn.pair_id == ComparisonVote.pair_id) & (ComparisonTurn.reader_id == ComparisonVote.reader_id),
        )
        .join(Annotation, Annotation.id == ComparisonPair.annotation_id)
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .join(Case, Case.id == VolumeRow.case_id)
        .join(LabelRow, LabelRow.id == Annotation.label_id)
        .join(User, User.id == ComparisonVote.reader_id)
        .order_by(User.name, User.id, ComparisonTurn.position)
    )
    return [VoteRow(*row) for row in rows]


def _rows(votes: Sequence[VoteRow]) -> list[TallyRow]:
    """All labels first, then label by label; within them all readers first, then reader by reader."""
    labels = {vote.label.id: vote.label for vote in votes}
    readers = {vote.reader.id: vote.reader for vote in votes}
    found = []
    by_name = sorted(labels.values(), key=lambda label: (label.position, label.value))
    for label in [None, *(by_name if len(by_name) > 1 else [])]:
        chosen = [vote for vote in votes if label is None or vote.label.id == label.id]
        by_pair: dict[UUID, list[Winner]] = defaultdict(list)
        for vote in chosen:
            by_pair[vote.pair.id].append(vote.winner)
        found.append(TallyRow(label, None, Tally.of(majority(winners) for winners in by_pair.values())))
        if len(readers) > 1:
            for reader in readers.values():
                found.append(TallyRow(label, reader, Tally.of(v.winner for v in chosen if v.reader.id == reader.id)))
    return found
