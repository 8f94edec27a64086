"""Cursor paging by id: UUIDv7 sorts by time of birth, so pages stay stable while rows are added, at any depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.errors import Rejected

MAX_LIMIT = 500

Row = TypeVar("Row")


class BadCursor(Rejected):
    """A paging cursor or limit is not usable. Raised by services.paging."""

    code = "bad_cursor"
    title = "This page cannot be read"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows and the cursor of the next page, None at the end."""

    items: Sequence[Row]
    next_cursor: str | None


def check_limit(limit: int) -> None:
    """Raises BadCursor unless a page may have so many rows."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadCursor(f"The limit {limit} is out of range.", hint=f"Use 1 to {MAX_LIMIT}.")


def page(
    session: Session,
    query: Select[Row],
    by: InstrumentedAttribute[UUID],
    *,
    limit: int,
    cursor: str | None,
    newest_first: bool = True,
) -> Page[Row]:
    """One page of a query ordered by id. The cursor is the id of the last row seen."""
    check_limit(limit)
    if cursor is not None:
        try:
            last = UUID(cursor)
        except ValueError as error:
            raise BadCursor("The cursor is not one of ours.", hint="Use `next_cursor` of the page before.") from error
        query = query.where(by < last if newest_first else by > last)
    rows: list[Any] = list(session.scalars(query.order_by(by.desc() if newest_first else by).limit(limit + 1)))
    more = len(rows) > limit
    return Page(rows[:limit], str(rows[limit - 1].id) if more else None)
