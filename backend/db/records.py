"""A project's rows as lines of JSON, out of one database and into another, exactly as they are.

Which rows are a project's follows from the tables themselves: those with its `project_id`, and those that must refer
to one of them. So a table that is added later travels with the project unless it is named in `LEFT_OUT`. Postgres
writes and reads the values: times, floats and bytes come back as they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, Text, case, cast, false, func, or_, select, text
from sqlalchemy.orm import Session

from backend.db.tables import AuditEvent, Base, Job, Project, User
from backend.domain.ids import born_again
from backend.domain.jobs import JobKind, JobState

LEFT_OUT = {
    "users": "people are matched by e-mail and written apart",
    "credentials": "secrets stay where they are",
    "agreements": "they are computed again from the masks",
    "annotation_work": "it is counted again from the history",
    "counted_annotations": "they tell what has been counted here",
    "webhooks": "their secrets stay where they are",
    "webhook_deliveries": "they tell of addresses that stay where they are",
    "pseudonyms": "whom they stand for is sealed with a key that stays here",
    "identities": "how somebody signs in here is nobody else's",
    "discarded_objects": "they tell what is to be deleted here",
    "intakes": "they tell what has been sent here",
    "intake_files": "they tell what has been sent here",
    "leases": "who has a case open is not to be kept",
}

_NOT_KEPT_JOBS = (JobKind.EXPORT, JobKind.ARCHIVE, JobKind.RESTORE)
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_BATCH = 1000

Remap = Callable[[str], str]


def tables() -> list[Table]:
    """The tables that hold a project's rows, those that others refer to first."""
    return [table for table in Base.metadata.sorted_tables if _owner(table) is not None]


def columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def lines(session: Session, table: Table, project_id: UUID) -> Iterator[str]:
    """The project's rows of a table, each a JSON object, by primary key. Jobs that have not ended are written as
    cancelled; jobs whose file is all they made are left out."""
    shown = [_shown(column) for column in table.columns]
    record = select(*shown).where(belongs(table, project_id)).subquery("record")
    key = [record.c[column.name] for column in table.primary_key]
    query = select(cast(func.row_to_json(record.table_valued()), Text)).order_by(*key)
    yield from session.scalars(query.execution_options(yield_per=_BATCH))


def count(session: Session, table: Table, project_id: UUID) -> int:
    """How many rows of a table are the project's."""
    return session.scalar(select(func.count()).select_from(table).where(belongs(table, project_id))) or 0


def people(session: Session, project_id: UUID) -> list[dict[str, str]]:
    """Everybody whom the project's rows mention: id, e-mail address, name, person or program."""
    mentioned: set[UUID] = set()
    for table in tables():
        for column in table.columns:
            if _names_a_person(column):
                named = select(column).where(belongs(table, project_id), column.is_not(None)).distinct()
                mentioned.update(session.scalars(named))
    rows = session.scalars(select(User).where(User.id.in_(mentioned)).order_by(User.id))
    return [{"id": str(user.id), "email": user.email, "name": user.name, "kind": user.kind} for user in rows]


def taken(session: Session, table: Table, ids: Iterable[UUID]) -> set[UUID]:
    """Which of the ids a row of the table has already."""
    found: set[UUID] = set()
    waiting = list(ids)
    for start in range(0, len(waiting), _BATCH):
        found.update(session.scalars(select(table.c.id).where(table.c.id.in_(waiting[start : start + _BATCH]))))
    return found


def new_ids(session: Session, table: Table, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """For each id that a row of the table has already, one that is free."""
    fresh: dict[UUID, UUID] = {}
    clashing = taken(session, table, ids)
    while clashing:
        proposed = {id: born_again(id) for id in clashing}
        used = taken(session, table, proposed.values())
        fresh |= {id: new for id, new in proposed.items() if new not in used}
        clashing = {id for id, new in proposed.items() if new in used}
    return fresh


def has_id(table: Table) -> bool:
    return [column.name for column in table.primary_key] == ["id"]


def remapping(mapping: dict[UUID, UUID]) -> Remap:
    """A function that replaces ids wherever a line mentions them, also within its JSON values."""
    as_text = {str(old): str(new) for old, new in mapping.items()}
    if not as_text:
        return lambda line: line
    return lambda line: _UUID.sub(lambda found: as_text.get(found.group(), found.group()), line)


class Loader:
    """Brings lines in, table by table in the order of `tables`, and at the end (`close`) what refers in a circle."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._later: list[str] = []

    def load(self, table: Table, present: list[str], rows: Iterable[str]) -> int:
        """Insert the rows of a table, of which the lines have these columns; the others get their defaults. Returns
        how many. Raises what Postgres raises when they contradict each other or what is there."""
        incoming = f"incoming_{table.name}"
        self._session.execute(text(f"create temporary table {incoming} (line jsonb) on commit drop"))
        driver = self._session.connection().connection.driver_connection
        assert driver is not None  # the session has a connection by now
        loaded = 0
        with driver.cursor() as cursor, cursor.copy(f"copy {incoming} (line) from stdin") as copy:
            for row in rows:
                copy.write_row((row,))
                loaded += 1
        defaults = {
            column.name: _default(column)
            for column in table.columns
            if column.name not in present and column.default is not None
        }
        circular = {column.name for column in table.columns if any(key.use_alter for key in column.foreign_keys)}
        names = [name for name in columns(table) if (name in present or name in defaults) and name not in circular]
        record = f"{incoming}, jsonb_populate_record(null::{table.name}, cast(:defaults as jsonb) || line) as record"
        self._session.execute(
            text(
                f"insert into {table.name} ({', '.join(map(_quoted, names))}) "
                f"select {', '.join(f'record.{_quoted(name)}' for name in names)} from {record}"
            ),
            {"defaults": json.dumps(defaults)},
        )
        for name in circular & set(present):
            self._later.append(
                f"update {table.name} set {name} = record.{name} "
                f"from {incoming}, jsonb_populate_record(null::{table.name}, line) as record "
                f"where {table.name}.id = record.id and record.{name} is not null"
            )
        return loaded

    def close(self) -> None:
        for statement in self._later:
            self._session.execute(text(statement))


# -- what follows from the tables -------------------------------------------------------------------------------------
def belongs(table: Table, project_id: UUID) -> ColumnElement[bool]:
    """Whether a row of the table is the project's."""
    owner = _owner(table)
    if owner is None:
        return false()
    column, parent = owner
    if parent is None:
        mine: ColumnElement[bool] = column == project_id
    else:
        (key,) = (key for key in column.foreign_keys if key.column.table is parent)
        mine = column.in_(select(key.column).where(belongs(parent, project_id)))
    if table is Job.__table__:
        mine = mine & table.c.kind.not_in(_NOT_KEPT_JOBS)
    return mine


def _owner(table: Table) -> tuple[ColumnElement[Any], Table | None] | None:
    """The column by which a row is a project's, and the table that it leads through, if any."""
    if table.name in LEFT_OUT:
        return None
    if table is Project.__table__:
        return table.c.id, None
    if "project_id" in table.c:
        return table.c.project_id, None
    for column in table.columns:
        for key in column.foreign_keys:
            parent = key.column.table
            if not column.nullable and parent is not table and _owner(parent) is not None:
                return column, parent
    return None


def _names_a_person(column: Any) -> bool:
    if column.table is AuditEvent.__table__:
        return bool(column.name == "actor_id")
    return any(key.column.table is User.__table__ for key in column.foreign_keys)


def _shown(column: Any) -> ColumnElement[Any]:
    if column.table is Job.__table__ and column.name == "state":
        unfinished = or_(column == JobState.QUEUED, column == JobState.RUNNING)
        return case((unfinished, JobState.CANCELLED), else_=column).label("state")
    shown: ColumnElement[Any] = column
    return shown


def _default(column: Any) -> Any:
    """What a row gets in a column that an older archive does not have; what has no such default, Postgres fills."""
    value = column.default.arg(None) if column.default.is_callable else column.default.arg
    return str(value) if isinstance(value, UUID) else value


def _quoted(name: str) -> str:
    return f'"{name}"'
