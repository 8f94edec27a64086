"""Which slices of accepted masks a blinded comparison shows, and which ones teach what is computed. Functions within a
unit of work; who may is in services.comparisons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from uuid import UUID

from sqlalchemy.orm import Session

from backend.domain.comparison import ComparisonSettings, PlannedGroup
from backend.errors import Rejected
from backend.services.comparison_pairs import Accepted, stored

Slices = Sequence[int]


class SlicesNotComparable(Rejected):
    """Slices that were chosen one by one have no mask of both sources. `context`: the case and its slices, from 0.
    Raised by services.comparison_plan."""

    code = "slices_not_comparable"
    title = "Not all chosen slices can be compared"


def plan(
    session: Session,
    found: Sequence[Accepted],
    settings: ComparisonSettings,
    most: int,
    chosen: Mapping[UUID, Slices | None] | None = None,
) -> list[PlannedGroup]:
    """At most so many slices, drawn by the seed, as evenly from all masks as they have slices that both sources can
    show. `chosen`: of these cases alone, and of a volume these slices (None: any); `found` are all accepted masks, so
    that pictures which are not compared can teach. Where too little is left to learn from, nothing is compared.
    Raises SlicesNotComparable."""
    rng = Random(settings.seed)
    teachers = _teachers(rng, found, settings, chosen) if settings.learns else {}
    offered: list[tuple[Accepted, list[int], tuple[int, ...], tuple[UUID, ...]]] = []
    for one in found:
        if chosen is not None and one.volume.case_id not in chosen:
            continue
        only = chosen.get(one.volume.case_id) if chosen and not one.is_picture else None
        support: list[int] = []
        pictures: tuple[UUID, ...] = ()
        slices = sorted(one.counts_by_slice)
        if settings.learns and one.is_picture:
            pictures = teachers.get(one.annotation.label_id, ())
            if not pictures or one.annotation.id in pictures:
                continue
        elif settings.learns:
            spare = [k for k in slices if only is None or k not in only]
            if len(spare) < settings.support + (only is None):
                continue
            support = sorted(rng.sample(spare, settings.support))
        if only is not None:
            slices = [k for k in slices if k in only]
        for source in (settings.first, settings.second):
            if source.how == "stored":
                slices = [k for k in slices if k in stored(session, one, source, slices)]
        candidates = [k for k in slices if k not in support]
        rng.shuffle(candidates)
        offered.append((one, candidates, tuple(support), pictures))
    if chosen is not None:
        _check_all_shown(found, {one.annotation.id: slices for one, slices, _, _ in offered}, chosen)
    drawn: dict[UUID, list[int]] = defaultdict(list)
    while most > 0 and any(candidates for _, candidates, _, _ in offered):
        for one, candidates, _, _ in offered:
            if candidates and most > 0:
                drawn[one.annotation.id].append(candidates.pop())
                most -= 1
    return [
        PlannedGroup(
            annotation_id=one.annotation.id,
            volume_id=one.volume.id,
            label_id=one.annotation.label_id,
            slices=tuple(sorted(drawn[one.annotation.id])),
            support=support,
            pictures=pictures,
        )
        for one, _, support, pictures in offered
        if drawn[one.annotation.id]
    ]


def _teachers(
    rng: Random,
    found: Sequence[Accepted],
    settings: ComparisonSettings,
    chosen: Mapping[UUID, Slices | None] | None,
) -> dict[UUID, tuple[UUID, ...]]:
    """Label -> the pictures that teach it, those first that nobody chose to compare; nothing where none would be left
    to compare."""
    by_label: dict[UUID, list[Accepted]] = defaultdict(list)
    for one in found:
        if one.is_picture:
            by_label[one.annotation.label_id].append(one)
    teachers = {}
    for label_id, pictures in by_label.items():
        if len(pictures) > settings.support:
            rng.shuffle(pictures)
            pictures.sort(key=lambda one: chosen is not None and one.volume.case_id in chosen)
            teachers[label_id] = tuple(one.annotation.id for one in pictures[: settings.support])
    return teachers


def _check_all_shown(
    found: Sequence[Accepted], shown: Mapping[UUID, Slices], chosen: Mapping[UUID, Slices | None]
) -> None:
    for case_id, wanted in chosen.items():
        of_case = [one for one in found if one.volume.case_id == case_id]
        if wanted is None or any(one.is_picture for one in of_case):
            continue
        missing = sorted(set(wanted).difference(*(shown.get(one.annotation.id, ()) for one in of_case)))
        if missing:
            raise SlicesNotComparable(
                f"{len(missing)} of the slices that were chosen of a case have no mask of both sources.",
                hint="Choose slices with an accepted mask of these labels, and leave some others to learn from.",
                context={"case_id": str(case_id), "slices": missing},
            )
