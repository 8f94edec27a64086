"""Blinded comparisons of two sources of masks: set up by managers, judged by readers (services.judging), counted.

Who judges learns neither which side is which nor what is compared, nor the tally, until they have finished; that holds
for managers who judge, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import (
    Case,
    Comparison,
    ComparisonPair,
    ComparisonReader,
    ComparisonVote,
    Job,
    LabelRow,
    Member,
    User,
)
from backend.domain.comparison import (
    MOST_PAIRS,
    MOST_READERS,
    ComparisonSettings,
    PlannedGroup,
    Source,
)
from backend.domain.ids import new_id
from backend.domain.jobs import ComparePayload, JobIsOver, JobKind, JobState, ModelMissing, NoWorker, QueueName
from backend.domain.workflow import ALLOWED, Action, CaseState, Role
from backend.errors import Conflict, Forbidden, NotFound, Rejected
from backend.services import audit
from backend.services.access import Principal, may, require, role_in
from backend.services.comparison_pairs import Accepted, Drawn, NewPair, accepted, draw_turns, keep, readers_of, stored
from backend.services.comparison_plan import Slices, plan
from backend.services.comparison_tally import TallyRow, VoteRow, tally_rows, votes_of
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


class ComparisonClosed(Conflict):
    """A manager closed it: nobody judges or is added any more. Raised by services.comparisons and services.judging."""

    code = "comparison_closed"
    title = "This comparison is closed"


class NothingToClose(Conflict):
    """A comparison without pairs has nothing that could be closed. Raised by services.comparisons."""

    code = "nothing_to_close"
    title = "This comparison is not ready"


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
class ComparisonPlan:
    """What a worker computes of, all of one moment: each mask with the pictures that teach it, if it is one itself."""

    settings: ComparisonSettings
    groups: Sequence[tuple[PlannedGroup, Accepted, Sequence[Accepted]]]


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
        cases: Mapping[UUID, Slices | None] | None,
        reader_ids: Sequence[UUID],
        pairs: int,
    ) -> ComparisonView:
        """Set up a comparison, of all accepted cases or of `cases`, of which None stands for any slice. What is stored
        can be judged at once; for what is computed a job is queued. Raises CannotCompare, SlicesNotComparable,
        NoWorker, ModelMissing."""
        readers = list(dict.fromkeys(reader_ids))
        name = name.strip()
        job: Job | None = None
        with self._db.begin() as session:
            require(session, who, project_id, Action.MANAGE)
            if not 1 <= len(name) <= 120:
                raise CannotCompare("A comparison needs a name of 1 to 120 characters.")
            if not 1 <= pairs <= MOST_PAIRS or not 1 <= len(readers) <= MOST_READERS:
                raise CannotCompare(f"A comparison has 1 to {MOST_PAIRS} pairs and 1 to {MOST_READERS} readers.")
            _check_readers(session, project_id, readers)
            _check_chosen(session, project_id, label_ids, cases)
            if settings.computed:
                settings = settings.model_copy(update={"model": settings.model or self._segmentation.default_model})
                self._check_workers(settings.model or "")
            found = accepted(session, project_id, label_ids)
            groups = plan(session, found, settings, pairs, cases)
            if not groups:
                raise CannotCompare(
                    "No accepted case has a slice that both sources can show.",
                    hint="Accept more cases with these labels, learn from fewer slices, or choose other sources.",
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

    def add_readers(self, who: Principal, comparison_id: UUID, reader_ids: Sequence[UUID]) -> ComparisonView:
        """Let more people judge the same pairs; who judges already goes on. Raises CannotCompare, ComparisonClosed."""
        with self._db.begin() as session:
            comparison = _managed(session, who, comparison_id)
            if comparison.closed_at is not None:
                raise ComparisonClosed("Its tally is open, and nobody judges any more.", hint="Set up another one.")
            known = {reader.reader_id for reader in readers_of(session, comparison.id)}
            added = [reader for reader in dict.fromkeys(reader_ids) if reader not in known]
            if len(known) + len(added) > MOST_READERS:
                raise CannotCompare(f"A comparison has at most {MOST_READERS} readers.")
            _check_readers(session, comparison.project_id, added)
            session.add_all(ComparisonReader(comparison_id=comparison.id, reader_id=reader) for reader in added)
            session.flush()
            if comparison.ready_at is not None:
                of_it = select(ComparisonPair.id).where(ComparisonPair.comparison_id == comparison.id)
                pair_ids = session.scalars(of_it.order_by(ComparisonPair.id)).all()
                for reader in added:
                    draw_turns(session, comparison.id, pair_ids, reader)
            if added:
                told = [str(reader) for reader in added]
                _record(session, who, comparison, "comparison.readers_added", readers=told)
            return _view(session, who, comparison)

    def close(self, who: Principal, comparison_id: UUID) -> ComparisonView:
        """Nobody judges any more, and its readers see the tally; what they said counts. There is no way back, because
        they have seen it. Raises NothingToClose."""
        with self._db.begin() as session:
            comparison = _managed(session, who, comparison_id)
            if comparison.ready_at is None:
                raise NothingToClose("Its masks are not computed.", hint="Delete it, or wait.")
            if comparison.closed_at is None:
                comparison.closed_at = datetime.now(UTC)
                _record(session, who, comparison, "comparison.closed")
            return _view(session, who, comparison)

    def delete(self, who: Principal, comparison_id: UUID) -> None:
        """Take it out of every list and tally, and stop computing. What readers said stays in the database and in the
        project's archives, like all history, so that `restore` can bring it back."""
        with self._db.begin() as session:
            comparison = _managed(session, who, comparison_id)
            comparison.deleted_at = datetime.now(UTC)
            _record(session, who, comparison, "comparison.deleted")
            job = session.get(Job, comparison.job_id) if comparison.job_id else None
            job_id = job.id if job is not None and not JobState(job.state).is_final else None
        if job_id is not None:
            with suppress(JobIsOver):
                self._jobs.cancel(who, job_id)

    def restore(self, who: Principal, comparison_id: UUID) -> ComparisonView:
        """Bring a deleted comparison back, with all that was said."""
        with self._db.begin() as session:
            comparison = _managed(session, who, comparison_id, deleted=True)
            if comparison.deleted_at is not None:
                comparison.deleted_at = None
                _record(session, who, comparison, "comparison.restored")
            return _view(session, who, comparison)

    def votes(self, who: Principal, comparison_id: UUID) -> tuple[ComparisonSettings, list[VoteRow]]:
        """Every vote that counts with what each mask is, for managers. Raises StillBlinded, TallyForManagers."""
        with self._db.begin() as session:
            comparison = self._unblinded(session, who, comparison_id)
            if not may(session, who, comparison.project_id, Action.MANAGE):
                raise TallyForManagers("Single votes are for those who manage the project.")
            return ComparisonSettings.model_validate(comparison.settings), votes_of(session, comparison_id)

    # -- for everybody in it ------------------------------------------------------------------------------------------
    def of_project(self, who: Principal, project_id: UUID, *, limit: int, cursor: str | None) -> Page[ComparisonView]:
        """Newest first: all for managers, else those that the caller judges in."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.REVIEW)
            query = select(Comparison).where(Comparison.project_id == project_id, Comparison.deleted_at.is_(None))
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
            return _view(session, who, comparison), tally_rows(votes_of(session, comparison_id))

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
            found = {one.annotation.id: one for one in accepted(session, comparison.project_id, list(labels))}
            settings = ComparisonSettings.model_validate(comparison.settings)
            planned = []
            for group in groups:
                one, pictures = found.get(group.annotation_id), [found.get(taught) for taught in group.pictures]
                whole = one is not None and {*group.slices, *group.support} <= set(one.counts_by_slice)
                if one is None or not whole or None in pictures:
                    raise CannotCompare("An accepted mask was taken back meanwhile.", hint="Set it up again.")
                planned.append((group, one, [picture for picture in pictures if picture is not None]))
            return ComparisonPlan(settings, planned)

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
        if is_blinded(session.get(ComparisonReader, (comparison.id, who.id)), comparison):
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


def find(session: Session, who: Principal, comparison_id: UUID, *, deleted: bool = False) -> Comparison:
    """The comparison, if the caller manages its project or judges in it. Raises ComparisonNotFound, RoleForbids."""
    comparison = session.get(Comparison, comparison_id)
    if comparison is None or role_in(session, who, comparison.project_id) is None:
        raise ComparisonNotFound("This comparison does not exist or is not in one of your projects.")
    require(session, who, comparison.project_id, Action.REVIEW)
    judges = session.get(ComparisonReader, (comparison.id, who.id)) is not None
    if not judges and not may(session, who, comparison.project_id, Action.MANAGE):
        raise ComparisonNotFound("You are not among the readers of this comparison.")
    if comparison.deleted_at is not None and not deleted:
        raise ComparisonNotFound("This comparison was deleted.", hint="A manager can bring it back.")
    return comparison


def is_blinded(reader: ComparisonReader | None, comparison: Comparison) -> bool:
    """Whether what is compared and the tally are hidden from this reader, or from somebody who is none."""
    return reader is not None and reader.finished_at is None and comparison.closed_at is None


def _managed(session: Session, who: Principal, comparison_id: UUID, *, deleted: bool = False) -> Comparison:
    """The comparison, held until the end of the unit of work, if the caller manages its project."""
    comparison = find(session, who, comparison_id, deleted=deleted)
    require(session, who, comparison.project_id, Action.MANAGE)
    session.refresh(comparison, with_for_update=True)
    return comparison


def _record(session: Session, who: Principal, comparison: Comparison, action: str, **told: Any) -> None:
    audit.record(session, who, action, project_id=comparison.project_id, subject=comparison.id, **told)


def _check_chosen(
    session: Session, project_id: UUID, label_ids: Sequence[UUID], cases: Mapping[UUID, Slices | None] | None
) -> None:
    """Raises CannotCompare for labels of other projects, and for cases that are not accepted ones of this."""
    labels = select(func.count()).where(LabelRow.id.in_(label_ids), LabelRow.project_id == project_id)
    if not label_ids or (session.scalar(labels) or 0) < len(set(label_ids)):
        raise CannotCompare("Choose labels of this project.")
    if cases is None:
        return
    fine = select(func.count()).where(
        Case.id.in_(cases), Case.project_id == project_id, Case.state == CaseState.ACCEPTED
    )
    if not cases or (session.scalar(fine) or 0) < len(cases):
        raise CannotCompare("Choose accepted cases of this project.", hint="Of others no mask counts as accepted.")
    if any(slices is not None and len(slices) == 0 for slices in cases.values()):
        raise CannotCompare("Of a case no slice is chosen.", hint="Name slices, or leave them open for any.")


def _check_readers(session: Session, project_id: UUID, readers: Sequence[UUID]) -> None:
    """Raises CannotCompare for people who do not review."""
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
    rows = readers_of(session, comparison.id)
    progress = [
        ReaderProgress(session.get_one(User, row.reader_id), judged.get(row.reader_id, 0), row.finished_at)
        for row in rows
    ]
    mine = next((one for one in progress if one.reader.id == who.id), None)
    manages = may(session, who, comparison.project_id, Action.MANAGE)
    blinded = any(is_blinded(row, comparison) for row in rows if row.reader_id == who.id)
    return ComparisonView(
        comparison,
        state,
        job,
        session.scalar(count) or 0,
        None if blinded else ComparisonSettings.model_validate(comparison.settings),
        progress if manages else [one for one in progress if one is mine],
        mine,
    )
