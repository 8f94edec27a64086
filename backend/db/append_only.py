"""The second of three guards of history: the ORM refuses to change or delete rows of append-only tables.

The first is that services only append; the third is a trigger in the database (see migrations).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Mapper, Session

from backend.db.tables import APPEND_ONLY
from backend.errors import Broken


class HistoryIsAppendOnly(Broken):
    """Code tried to change or delete a revision or an audit event. Raised by the ORM listener."""

    code = "history_is_append_only"
    title = "History cannot be changed"


def _refuse(mapper: Mapper[Any], connection: Any, target: Any) -> None:
    raise HistoryIsAppendOnly(f"{type(target).__name__} rows are never changed or deleted.")


def install() -> None:
    """Attach the listeners once; calling again changes nothing."""
    for table in APPEND_ONLY:
        for name in ("before_update", "before_delete"):
            if not event.contains(table, name, _refuse):
                event.listen(table, name, _refuse)
    if not event.contains(Session, "do_orm_execute", _refuse_bulk):
        event.listen(Session, "do_orm_execute", _refuse_bulk)


def _refuse_bulk(state: Any) -> None:
    if state.is_update or state.is_delete:
        mapper = state.bind_mapper
        if mapper is not None and mapper.class_ in APPEND_ONLY:
            raise HistoryIsAppendOnly(f"{mapper.class_.__name__} rows are never changed or deleted.")
