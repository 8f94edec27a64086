"""QIDO-RS: which studies, series and instances of a project match. Attributes are matched in Postgres, in the JSON that
every instance was entered with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import DicomInstance
from backend.domain.workflow import Action
from backend.errors import NotFound
from backend.services.access import Principal, require

Json = dict[str, Any]

STUDY_UID, SERIES_UID, SOP_UID, SOP_CLASS = "0020000D", "0020000E", "00080018", "00080016"
COLUMNS = {
    STUDY_UID: DicomInstance.study_uid,
    SERIES_UID: DicomInstance.series_uid,
    SOP_UID: DicomInstance.sop_instance_uid,
    SOP_CLASS: DicomInstance.sop_class_uid,
}
COMPUTED = {"00080061": "00080060", "00080062": SOP_CLASS}
"""Attributes of a study that sum up its instances -> the attribute of an instance that they are made of."""


class DicomNotFound(NotFound):
    """The project has no such study, series or instance. Raised by services.dicom_query."""

    code = "dicom_not_found"
    title = "There is no such DICOM object"


class Level(StrEnum):
    STUDIES = "studies"
    SERIES = "series"
    INSTANCES = "instances"


class MatchKind(StrEnum):
    """How PS3.4 C.2.2.2 matches: one of several values, a pattern with * and ?, or a range with both ends in."""

    VALUES = "values"
    PATTERN = "pattern"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class Match:
    """One attribute that must match. `values` are texts as in DICOM; of a range two, "" for an open end."""

    tag: str
    vr: str
    kind: MatchKind
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    level: Level
    study_uid: str | None = None
    series_uid: str | None = None
    matches: tuple[Match, ...] = ()
    limit: int = 200
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """One study, series or instance: a representative instance and, above instances, what it sums up."""

    row: DicomInstance
    sums: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    items: Sequence[Found]
    total: int


class DicomQuery:
    def __init__(self, db: Database) -> None:
        self._db = db

    def search(self, who: Principal, project_id: UUID, query: Query) -> Answer:
        """A page of what matches, and how many there are in all."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.EXPORT)
            conditions = and_(
                DicomInstance.project_id == project_id,
                DicomInstance.study_uid == query.study_uid if query.study_uid else true(),
                DicomInstance.series_uid == query.series_uid if query.series_uid else true(),
                *(_condition(match) for match in query.matches),
            )
            keys = _KEYS[query.level]
            matching = select(*keys).where(conditions).distinct().subquery()
            total = session.scalar(select(func.count()).select_from(matching))
            first = select(DicomInstance.id).where(conditions).ext(distinct_on(*keys)).order_by(*keys, DicomInstance.id)
            rows = session.scalars(
                select(DicomInstance)
                .where(DicomInstance.id.in_(first))
                .order_by(DicomInstance.id)
                .offset(query.offset)
                .limit(query.limit)
            ).all()
            return Answer(_summed(session, project_id, query.level, rows), total or 0)

    def instances(
        self, who: Principal, project_id: UUID, study_uid: str, series_uid: str | None, sop_uid: str | None
    ) -> Sequence[DicomInstance]:
        """The instances below a study, a series or one of them, in the order received. Raises DicomNotFound."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.EXPORT)
            query = select(DicomInstance).where(
                DicomInstance.project_id == project_id, DicomInstance.study_uid == study_uid
            )
            if series_uid is not None:
                query = query.where(DicomInstance.series_uid == series_uid)
            if sop_uid is not None:
                query = query.where(DicomInstance.sop_instance_uid == sop_uid)
            found = session.scalars(query.order_by(DicomInstance.id)).all()
            if not found:
                raise DicomNotFound(
                    "The project has no study, series or instance of these UIDs.",
                    hint=None if project.keep_originals else "It keeps voxels alone: original files are not kept here.",
                )
            return found


_KEYS = {
    Level.STUDIES: (DicomInstance.study_uid,),
    Level.SERIES: (DicomInstance.study_uid, DicomInstance.series_uid),
    Level.INSTANCES: (DicomInstance.sop_instance_uid,),
}
_BYTEWISE = "C"
_NUMBERS: dict[str, type[int] | type[float]] = {
    **dict.fromkeys(("IS", "SL", "SS", "SV", "UL", "US", "UV"), int),
    **dict.fromkeys(("DS", "FD", "FL"), float),
}


def _condition(match: Match) -> ColumnElement[bool]:
    tag = COMPUTED.get(match.tag, match.tag)
    if tag in COLUMNS:
        return COLUMNS[tag].in_(match.values)
    value = DicomInstance.attributes[tag]["Value"]
    if match.vr == "PN":  # names are matched whatever their case, as most archives do
        name = value[0]["Alphabetic"].astext
        return or_(*(name.ilike(_pattern(wanted), escape="\\") for wanted in match.values))
    if match.kind is MatchKind.VALUES:
        numeric = _NUMBERS.get(match.vr, str)
        return or_(*(DicomInstance.attributes.contains({tag: {"Value": [numeric(wanted)]}}) for wanted in match.values))
    each = func.jsonb_array_elements_text(value).table_valued("value").render_derived()
    said = each.c.value.collate(_BYTEWISE)
    if match.kind is MatchKind.PATTERN:
        fits = or_(*(said.like(_pattern(wanted), escape="\\") for wanted in match.values))
    else:
        low, high = match.values
        fits = and_(said >= low if low else true(), or_(said <= high, said.startswith(high)) if high else true())
    return exists(select(1).select_from(each).where(fits))


def _pattern(text: str) -> str:
    """DICOM's * and ? as LIKE's % and _, which themselves are taken literally."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text.replace("*", "%").replace("?", "_")


def _summed(session: Session, project_id: UUID, level: Level, rows: Sequence[DicomInstance]) -> list[Found]:
    """With what the studies or series on this page hold in all."""
    if level is Level.INSTANCES:
        return [Found(row) for row in rows]
    key = DicomInstance.study_uid if level is Level.STUDIES else DicomInstance.series_uid
    modality = DicomInstance.attributes["00080060"]["Value"][0].astext
    counted = session.execute(
        select(
            key,
            func.count(),
            func.count(DicomInstance.series_uid.distinct()),
            func.array_agg(modality.distinct()),
            func.array_agg(DicomInstance.sop_class_uid.distinct()),
        )
        .where(DicomInstance.project_id == project_id, key.in_([getattr(row, key.key) for row in rows]))
        .group_by(key)
    )
    sums: dict[str, Json] = {}
    for uid, instances, series, modalities, classes in counted:
        if level is Level.SERIES:
            sums[uid] = {"00201209": {"vr": "IS", "Value": [instances]}}
            continue
        sums[uid] = {
            "00080061": {"vr": "CS", "Value": sorted(filter(None, modalities))},
            "00080062": {"vr": "UI", "Value": sorted(classes)},
            "00201206": {"vr": "IS", "Value": [series]},
            "00201208": {"vr": "IS", "Value": [instances]},
        }
    return [Found(row, sums[getattr(row, key.key)]) for row in rows]
