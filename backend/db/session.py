"""The connection to Postgres and the unit of work: `with db.begin() as session:` commits whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, text
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
        self.engine: Engine = create_engine(database_url, pool_size=pool_size, max_overflow=20, pool_pre_ping=True)
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
