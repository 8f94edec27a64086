"""Blinded comparisons of stored masks: which pairs, who sees what and when, votes that stay, and the tally."""

from __future__ import annotations

from random import Random
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from backend.db.append_only import HistoryIsAppendOnly
from backend.db.tables import ComparisonPair, ComparisonTurn, ComparisonVote
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.comparison import Choice, ComparisonSettings, MaskSource, Source, Winner
from backend.domain.ids import new_id
from backend.domain.jobs import NoWorker
from backend.domain.workflow import Role
from backend.imaging import masks
from backend.services.access import Principal, ProjectNotFound, RoleForbids
from backend.services.comparison_pairs import shown
from backend.services.comparison_plan import SlicesNotComparable
from backend.services.comparisons import (
    CannotCompare,
    ComparisonClosed,
    ComparisonNotFound,
    ComparisonState,
    ComparisonView,
    StillBlinded,
    TallyForManagers,
)
from backend.services.judging import JudgingIsOver, NotAllJudged, TurnNotFound, VoteIdTaken
from backend.services.projects import LabelDraft
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, new_volume, person

_, ROWS, COLUMNS = SHAPE_KJI
SAM_AND_HUMAN = ComparisonSettings(first=Source(what=MaskSource.PLAIN), second=Source(what=MaskSource.HUMAN), seed=3)


def flips(k: int, *rows: int) -> SliceFlips:
    plane = np.zeros((ROWS, COLUMNS), bool)
    plane[list(rows)] = True
    return SliceFlips(k, (ROWS, COLUMNS), masks.encode(plane)["counts"])


class Trial:
    """An accepted case: the model drew slices 0 to 3, hands corrected 0 to 2, slice 4 is by hand alone."""

    def __init__(self, services: Services, admin: Principal) -> None:
        self.services = services
        self.manager = person(services, admin, f"{new_id()}@example.org")
        made = services.projects.create(self.manager, f"Trial {new_id()}", "", [LabelDraft("liver", "#dd8265")])
        self.project_id, self.label_id = made.project.id, made.labels[0].id
        self.ada, self.ben, self.ann = (person(services, admin, f"{new_id()}@example.org") for _ in range(3))
        for who, role in ((self.ada, Role.REVIEWER), (self.ben, Role.REVIEWER), (self.ann, Role.ANNOTATOR)):
            services.projects.set_member(self.manager, self.project_id, who.email, role)
        stored = services.imports.store(
            self.project_id, new_volume(services, seed=int(new_id().int % 2**31), study_key=str(new_id()))
        )
        annotation = services.annotations.create(self.ann, stored.volume_id, self.label_id, None).annotation.id
        parent: UUID | None = None
        by_model = [flips(k, 2, 3) for k in range(4)]
        for origin, slices in (
            (Origin.SAM, by_model),
            (Origin.MANUAL, [flips(k, 4) for k in range(3)]),
            (Origin.MANUAL, [flips(4, 7)]),
        ):
            draft = RevisionDraft(new_id(), parent, origin, tuple(slices))
            parent = services.annotations.append(self.ann, annotation, draft).revision.id
        services.cases.change(self.manager, stored.case_id, {"assignee_id": self.ann.id})
        services.cases.change(self.ann, stored.case_id, {"state": "submitted"})
        services.cases.change(self.manager, stored.case_id, {"state": "accepted"})
        self.case_id, self.annotation_id = stored.case_id, annotation

    def create(
        self,
        *readers: Principal,
        settings: ComparisonSettings = SAM_AND_HUMAN,
        cases: dict[UUID, list[int] | None] | None = None,
    ) -> ComparisonView:
        return self.services.comparisons.create(
            self.manager,
            self.project_id,
            "Which is better?",
            settings,
            label_ids=[self.label_id],
            cases=cases,
            reader_ids=[reader.id for reader in readers],
            pairs=40,
        )

    def prefer(self, who: Principal, comparison_id: UUID, wanted: Winner, *, finish: bool = True) -> None:
        """Judge all pairs for one source, knowing the sides as no reader does."""
        with self.services.db.begin() as session:
            turns = session.scalars(
                select(ComparisonTurn).where(
                    ComparisonTurn.comparison_id == comparison_id, ComparisonTurn.reader_id == who.id
                )
            ).all()
            sides = {turn.position: turn.first_is_left for turn in turns}
        for position, first_is_left in sides.items():
            choice = Choice.NONE
            if wanted is not Winner.NONE:
                choice = Choice.LEFT if (wanted is Winner.FIRST) == first_is_left else Choice.RIGHT
            self.services.judging.vote(who, comparison_id, new_id(), position, choice, 2.0)
        if finish:
            self.services.judging.finish(who, comparison_id)


@pytest.fixture(scope="module")
def trial(services: Services, admin: Principal) -> Trial:
    return Trial(services, admin)


def test_pairs_are_what_the_model_drew_and_what_was_accepted(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada)
    assert (view.state, view.pairs, view.comparison.identical) == (ComparisonState.READY, 3, 1)  # slice 3 was good
    with services.db.begin() as session:
        pairs = session.scalars(select(ComparisonPair).where(ComparisonPair.comparison_id == view.comparison.id)).all()
    size = [ROWS, COLUMNS]
    for pair in pairs:
        first, second = (masks.decode(masks.Rle(size=size, counts=c)) for c in (pair.first_counts, pair.second_counts))
        assert np.flatnonzero(first[:, 0]).tolist() == [2, 3] and np.flatnonzero(second[:, 0]).tolist() == [2, 3, 4]
        assert (pair.first_from["origin"], pair.second_from["origin"]) == ("sam", "manual")
        assert pair.first_from["revision"] != pair.second_from["revision"]
    assert sorted(pair.slice_index for pair in pairs) == [0, 1, 2]


def test_readers_have_their_own_order_and_sides_and_see_no_source(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada, trial.ben)
    turns = [services.judging.turn(trial.ada, view.comparison.id, n) for n in range(3)]
    assert {turn.slice_index for turn in turns} == {0, 1, 2}
    again = services.judging.turn(trial.ada, view.comparison.id, 1)  # as it was drawn, and not drawn anew
    assert (again.slice_index, again.left_counts) == (turns[1].slice_index, turns[1].left_counts)
    for who in (trial.ada, trial.ben):
        seen = services.comparisons.get(who, view.comparison.id)
        assert seen.settings is None and [one.reader.id for one in seen.readers] == [who.id]
        with pytest.raises(StillBlinded):
            services.comparisons.tally(who, view.comparison.id)
    assert services.comparisons.get(trial.manager, view.comparison.id).settings == SAM_AND_HUMAN
    with services.db.begin() as session:
        rows = session.execute(
            select(ComparisonTurn, ComparisonPair)
            .join(ComparisonPair, ComparisonPair.id == ComparisonTurn.pair_id)
            .where(ComparisonTurn.comparison_id == view.comparison.id, ComparisonTurn.reader_id == trial.ada.id)
        ).all()
    for turn, pair in rows:
        assert turns[turn.position].left_counts == (pair.first_counts if turn.first_is_left else pair.second_counts)


def test_order_and_sides_are_drawn_and_balanced() -> None:
    drawn = shown(100, Random(1))
    assert sorted(n for n, _ in drawn) == list(range(100)) and [n for n, _ in drawn] != list(range(100))
    assert sum(left for _, left in drawn) == 50
    assert shown(100, Random(1)) == drawn != shown(100, Random(2))
    assert {left for seed in range(20) for _, left in shown(1, Random(seed))} == {True, False}


def test_votes_are_counted_for_the_source_and_not_for_the_side(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada, trial.ben)
    trial.prefer(trial.ada, view.comparison.id, Winner.SECOND)
    trial.prefer(trial.ben, view.comparison.id, Winner.NONE)
    _, rows = services.comparisons.tally(trial.manager, view.comparison.id)
    told = {row.reader.id if row.reader else None: (row.tally.first, row.tally.second, row.tally.none) for row in rows}
    assert told == {None: (0, 3, 0), trial.ada.id: (0, 3, 0), trial.ben.id: (0, 0, 3)}
    assert rows[0].tally.p_value == pytest.approx(0.25)
    seen, own = services.comparisons.tally(trial.ada, view.comparison.id)  # who has finished sees it
    assert seen.settings == SAM_AND_HUMAN and len(own) == 3
    settings, votes = services.comparisons.votes(trial.manager, view.comparison.id)
    assert settings == SAM_AND_HUMAN and len(votes) == 6
    with pytest.raises(TallyForManagers):
        services.comparisons.votes(trial.ada, view.comparison.id)


def test_a_manager_who_judges_is_blinded_too(services: Services, trial: Trial) -> None:
    view = trial.create(trial.manager)
    assert view.settings is None
    with pytest.raises(StillBlinded):
        services.comparisons.tally(trial.manager, view.comparison.id)
    with pytest.raises(StillBlinded):
        services.comparisons.votes(trial.manager, view.comparison.id)
    trial.prefer(trial.manager, view.comparison.id, Winner.FIRST)
    assert services.comparisons.tally(trial.manager, view.comparison.id)[1][0].tally.first == 3


def test_who_thinks_again_says_something_more_and_nothing_is_lost(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada)
    first = new_id()
    assert services.judging.vote(trial.ada, view.comparison.id, first, 0, Choice.LEFT, 1.5).next == 1
    assert services.judging.vote(trial.ada, view.comparison.id, first, 0, Choice.RIGHT, 1.5).judged == 1  # a retry
    assert services.judging.turn(trial.ada, view.comparison.id, 0).choice is Choice.LEFT
    services.judging.vote(trial.ada, view.comparison.id, new_id(), 0, Choice.NONE, 4.0)
    assert services.judging.turn(trial.ada, view.comparison.id, 0).choice is Choice.NONE
    with services.db.begin() as session:
        votes = session.scalars(
            select(ComparisonVote)
            .join(ComparisonPair)
            .where(ComparisonPair.comparison_id == view.comparison.id)
            .order_by(ComparisonVote.number)
        ).all()
    assert [(vote.number, vote.choice) for vote in votes] == [(1, "left"), (2, "none")]
    with pytest.raises(VoteIdTaken):
        services.judging.vote(trial.ada, view.comparison.id, first, 1, Choice.LEFT, None)
    with pytest.raises(HistoryIsAppendOnly), services.db.begin() as session:
        session.get_one(ComparisonVote, first).choice = "right"
    for table in ("comparison_votes", "comparison_pairs"):
        with pytest.raises(DBAPIError, match="never changed or deleted"), services.db.begin() as session:
            session.execute(sa.text(f"delete from {table}"))


def test_one_finishes_when_all_is_judged_and_then_it_is_over(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada)
    services.judging.vote(trial.ada, view.comparison.id, new_id(), 1, Choice.LEFT, None)
    with pytest.raises(NotAllJudged) as refused:
        services.judging.finish(trial.ada, view.comparison.id)
    assert refused.value.context == {"next": 0}
    trial.prefer(trial.ada, view.comparison.id, Winner.FIRST)
    services.judging.finish(trial.ada, view.comparison.id)  # again changes nothing
    with pytest.raises(JudgingIsOver):
        services.judging.vote(trial.ada, view.comparison.id, new_id(), 0, Choice.LEFT, None)
    with pytest.raises(TurnNotFound):
        services.judging.turn(trial.ada, view.comparison.id, 3)


def test_only_readers_and_managers_know_of_it(services: Services, trial: Trial, admin: Principal) -> None:
    view = trial.create(trial.ada)
    outsider = person(services, admin, f"{new_id()}@example.org")
    for who, refusal in ((trial.ben, ComparisonNotFound), (trial.ann, RoleForbids), (outsider, ComparisonNotFound)):
        with pytest.raises(refusal):
            services.comparisons.get(who, view.comparison.id)
        with pytest.raises(refusal):
            services.judging.turn(who, view.comparison.id, 0)
    with pytest.raises(ComparisonNotFound):
        services.judging.vote(trial.manager, view.comparison.id, new_id(), 0, Choice.LEFT, None)
    listed = services.comparisons.of_project(trial.ben, trial.project_id, limit=50, cursor=None).items
    assert view.comparison.id not in [one.comparison.id for one in listed]
    with pytest.raises(ProjectNotFound):
        services.comparisons.of_project(outsider, trial.project_id, limit=50, cursor=None)


def test_what_gives_no_pairs_is_refused_with_the_reason(services: Services, trial: Trial) -> None:
    assist = ComparisonSettings(first=Source(what=MaskSource.ASSIST), second=Source(what=MaskSource.HUMAN))
    with pytest.raises(CannotCompare, match="both sources"):
        trial.create(trial.ada, settings=assist)
    with pytest.raises(CannotCompare, match="review"):
        trial.create(trial.ann)
    computed = ComparisonSettings(
        first=Source(what=MaskSource.PLAIN, how="computed"), second=Source(what=MaskSource.HUMAN)
    )
    with pytest.raises(NoWorker):
        trial.create(trial.ada, settings=computed)


def test_cases_and_slices_are_chosen_one_by_one(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada, cases={trial.case_id: [0, 2]})
    with services.db.begin() as session:
        of_it = select(ComparisonPair.slice_index).where(ComparisonPair.comparison_id == view.comparison.id)
        assert sorted(session.scalars(of_it)) == [0, 2]
    assert trial.create(trial.ada, cases={trial.case_id: None}).pairs == 3
    with pytest.raises(SlicesNotComparable) as refused:
        trial.create(trial.ada, cases={trial.case_id: [1, 4, 5]})  # 4 is by hand alone, on 5 is nothing
    assert refused.value.context == {"case_id": str(trial.case_id), "slices": [4, 5]}
    with pytest.raises(CannotCompare, match="accepted cases"):
        trial.create(trial.ada, cases={new_id(): None})
    with pytest.raises(CannotCompare, match="no slice"):
        trial.create(trial.ada, cases={trial.case_id: []})


def test_readers_are_added_later_and_judge_the_same_pairs(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada)
    trial.prefer(trial.ada, view.comparison.id, Winner.FIRST, finish=False)
    grown = services.comparisons.add_readers(trial.manager, view.comparison.id, [trial.ben.id, trial.ada.id])
    assert {one.reader.id: one.judged for one in grown.readers} == {trial.ada.id: 3, trial.ben.id: 0}
    trial.prefer(trial.ben, view.comparison.id, Winner.SECOND)
    told = {
        row.reader and row.reader.id: row.tally
        for row in services.comparisons.tally(trial.manager, grown.comparison.id)[1]
    }
    assert (told[trial.ada.id].first, told[trial.ben.id].second, told[None].none) == (3, 3, 3)
    with pytest.raises(CannotCompare, match="review"):
        services.comparisons.add_readers(trial.manager, view.comparison.id, [trial.ann.id])
    with pytest.raises(RoleForbids):
        services.comparisons.add_readers(trial.ada, view.comparison.id, [trial.manager.id])


def test_a_closed_comparison_counts_what_was_said_until_then(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada, trial.ben)
    services.judging.vote(trial.ada, view.comparison.id, new_id(), 0, Choice.NONE, None)
    with pytest.raises(RoleForbids):
        services.comparisons.close(trial.ada, view.comparison.id)
    closed = services.comparisons.close(trial.manager, view.comparison.id)
    assert (
        closed.comparison.closed_at
        == services.comparisons.close(trial.manager, view.comparison.id).comparison.closed_at
    )
    for refused in (
        lambda: services.judging.vote(trial.ada, view.comparison.id, new_id(), 1, Choice.LEFT, None),
        lambda: services.judging.finish(trial.ben, view.comparison.id),
        lambda: services.comparisons.add_readers(trial.manager, view.comparison.id, [trial.manager.id]),
    ):
        with pytest.raises(ComparisonClosed):
            refused()
    seen, rows = services.comparisons.tally(trial.ben, view.comparison.id)  # who never began sees it, too
    assert seen.settings == SAM_AND_HUMAN and rows[0].tally.none == 1


def test_a_deleted_comparison_is_gone_and_its_votes_are_not(services: Services, trial: Trial) -> None:
    view = trial.create(trial.ada)
    trial.prefer(trial.ada, view.comparison.id, Winner.FIRST)
    with pytest.raises(RoleForbids):
        services.comparisons.delete(trial.ada, view.comparison.id)
    services.comparisons.delete(trial.manager, view.comparison.id)
    for who in (trial.manager, trial.ada):
        listed = services.comparisons.of_project(who, trial.project_id, limit=50, cursor=None).items
        assert view.comparison.id not in [one.comparison.id for one in listed]
        for refused in (services.comparisons.get, services.comparisons.tally, services.judging.progress):
            with pytest.raises(ComparisonNotFound):
                refused(who, view.comparison.id)
    services.comparisons.restore(trial.manager, view.comparison.id)
    assert services.comparisons.tally(trial.ada, view.comparison.id)[1][0].tally.first == 3
