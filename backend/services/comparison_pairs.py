"""The pairs of a blinded comparison: accepted masks, what is stored of them by whom, and who sees which side when.
Functions within a unit of work; which slices is in services.comparison_plan, who may in services.comparisons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.tables import (
    Annotation,
    Case,
    Comparison,
    ComparisonPair,
    ComparisonReader,
    ComparisonTurn,
    CurrentMask,
    Revision,
    RevisionSlice,
    VolumeRow,
)
from backend.domain.comparison import (
    ORIGIN_OF,
    MaskSource,
    Source,
)
from backend.domain.ids import new_id
from backend.domain.workflow import CaseState
from backend.imaging import masks


@dataclass(frozen=True, slots=True)
class Drawn:
    """A mask of one slice as COCO RLE counts, and where it is from."""

    counts: str
    provenance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewPair:
    annotation_id: UUID
    slice_index: int
    first: Drawn
    second: Drawn


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted mask: its annotation, and slice -> COCO RLE counts where it is not empty."""

    annotation: Annotation
    volume: VolumeRow
    counts_by_slice: Mapping[int, str]

    @property
    def is_picture(self) -> bool:
        return self.volume.slices == 1


def accepted(session: Session, project_id: UUID, label_ids: Sequence[UUID]) -> list[Accepted]:
    """The accepted masks of these labels, of all accepted cases."""
    query = (
        select(Annotation, VolumeRow)
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .join(Case, Case.id == VolumeRow.case_id)
        .where(
            Case.project_id == project_id,
            Case.state == CaseState.ACCEPTED,
            Annotation.annotator_id == Case.result_by_id,
            Annotation.label_id.in_(label_ids),
        )
        .order_by(Annotation.id)
    )
    rows = session.execute(query).all()
    drawn: dict[UUID, dict[int, str]] = defaultdict(dict)
    current = session.scalars(
        select(CurrentMask)
        .where(CurrentMask.annotation_id.in_([annotation.id for annotation, _ in rows]), CurrentMask.voxels > 0)
        .order_by(CurrentMask.slice_index)
    )
    for row in current:
        drawn[row.annotation_id][row.slice_index] = row.counts
    return [Accepted(annotation, volume, drawn[annotation.id]) for annotation, volume in rows if drawn[annotation.id]]


def stored(session: Session, one: Accepted, source: Source, slices: Iterable[int]) -> dict[int, Drawn]:
    """What the history of an accepted mask has of a source on these slices: of `human` what was accepted in the end, of
    the others the slice right after the last revision of their origin that was not taken back."""
    wanted = set(slices)
    rows = session.execute(
        select(Revision, RevisionSlice.slice_index, RevisionSlice.counts)
        .join(RevisionSlice, RevisionSlice.revision_id == Revision.id)
        .where(Revision.annotation_id == one.annotation.id, RevisionSlice.slice_index.in_(wanted))
        .order_by(Revision.sequence)
    ).all()
    undone = {revision.reverts_id for revision, _, _ in rows if revision.reverts_id is not None}
    size = [one.volume.rows, one.volume.columns]
    now: dict[int, masks.Rle] = {}
    found: dict[int, Drawn] = {}
    for revision, k, counts in rows:
        flips = masks.Rle(size=size, counts=counts)
        now[k] = masks.xor(now[k], flips) if k in now else flips
        human = source.what is MaskSource.HUMAN
        if human or (revision.origin == ORIGIN_OF[source.what] and revision.id not in undone):
            found[k] = Drawn(
                now[k]["counts"],
                {
                    "source": source.what,
                    "how": "stored",
                    "revision": str(revision.id),
                    "origin": revision.origin,
                    "author": str(revision.author_id),
                    "model": revision.model,
                },
            )
    return found


def keep(session: Session, comparison: Comparison, pairs: Sequence[NewPair], readers: Sequence[UUID]) -> int:
    """Store the pairs whose masks differ, and draw for every reader their order and sides. -> how many"""
    different = [pair for pair in pairs if pair.first.counts != pair.second.counts]
    rows = [
        ComparisonPair(
            id=new_id(),
            comparison_id=comparison.id,
            annotation_id=pair.annotation_id,
            slice_index=pair.slice_index,
            first_counts=pair.first.counts,
            second_counts=pair.second.counts,
            first_from=pair.first.provenance,
            second_from=pair.second.provenance,
        )
        for pair in different
    ]
    session.add_all(rows)
    session.flush()
    for reader in readers:
        draw_turns(session, comparison.id, [row.id for row in rows], reader)
    comparison.identical = len(pairs) - len(different)
    comparison.ready_at = datetime.now(UTC)
    return len(rows)


def draw_turns(session: Session, comparison_id: UUID, pair_ids: Sequence[UUID], reader: UUID) -> None:
    """A reader's own order of the pairs, and the sides."""
    session.add_all(
        ComparisonTurn(
            pair_id=pair_ids[n],
            reader_id=reader,
            comparison_id=comparison_id,
            position=position,
            first_is_left=first_is_left,
        )
        for position, (n, first_is_left) in enumerate(shown(len(pair_ids), Random(f"{comparison_id}/{reader}")))
    )


def shown(pairs: int, rng: Random) -> list[tuple[int, bool]]:
    """An order of so many pairs, and for each whether the first source stands left: as often as not, in no order."""
    order = list(range(pairs))
    sides = [n % 2 == 0 for n in range(pairs)] if pairs > 1 else [rng.random() < 0.5]
    rng.shuffle(order)
    rng.shuffle(sides)
    return list(zip(order, sides, strict=False))


def readers_of(session: Session, comparison_id: UUID) -> list[ComparisonReader]:
    return list(
        session.scalars(
            select(ComparisonReader)
            .where(ComparisonReader.comparison_id == comparison_id)
            .order_by(ComparisonReader.reader_id)
        )
    )
