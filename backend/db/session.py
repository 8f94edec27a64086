"""The connection to Postgres and the unit of work: `with db.begin() as session:` commits whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from backend.db import append_only
from backend.errors import Unavailable


class DatabaseUnavailable(Unavailable):
    """Postgres does not answer. Raised by db.session."""

    code = "database_unavailable"
    title = "The database cannot be reached"


class Database:
    """An engine and its sessions. One per process."""

    def __init__(self, database_url: str, *, pool_size: int = 10) -> None:
        append_only.install()
        self.engine: Engine = create_engine(
            database_url, pool_size=pool_size, max_overflow=20, pool_pre_ping=True, hide_parameters=True
        )
        event.listen(self.engine, "handle_error", _without_values)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction. Raises DatabaseUnavailable when there is no connection to be had."""
        try:
            with self._sessions.begin() as session:
                yield session
        except OperationalError as error:
            raise DatabaseUnavailable(
                "Postgres does not answer.", hint="It is retried by itself; `sammed doctor` tells more."
            ) from error

    def ping(self) -> None:
        """Raises DatabaseUnavailable unless a statement runs."""
        with self.begin() as session:
            session.execute(text("select 1"))

    def close(self) -> None:
        self.engine.dispose()


def _without_values(context: ExceptionContext) -> None:
    """Cuts what Postgres says down to the kind of error and the names of what it is about: its messages quote values of
    the row, errors end in the log, and values name patients."""
    original, outer = context.original_exception, context.sqlalchemy_exception
    if not isinstance(original, psycopg.Error) or original.sqlstate is None:  # without a state it is no server's answer
        return
    said = original.diag
    names = [name for name in (said.table_name, said.column_name, said.constraint_name) if name]
    if isinstance(original, psycopg.errors.RestrictViolation) and said.message_primary:
        names.append(said.message_primary)  # what our triggers say: the table and what must not be done to it
    text = f"{type(original).__name__} {original.sqlstate} {' '.join(names)}".rstrip()
    original.args = (text,)
    if outer is not None:
        outer.args = (text,)
