"""What was said in a blinded comparison, and how often each source was preferred. Functions within a unit of work; who
may see it is in services.comparisons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.db.tables import (
    Annotation,
    Case,
    ComparisonPair,
    ComparisonTurn,
    ComparisonVote,
    LabelRow,
    User,
    VolumeRow,
)
from backend.domain.comparison import Choice, Tally, Winner, majority, winner_of


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


def votes_of(session: Session, comparison_id: UUID) -> list[VoteRow]:
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


def tally_rows(votes: Sequence[VoteRow]) -> list[TallyRow]:
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
