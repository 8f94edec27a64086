"""Bring the database to the newest schema: Alembic's migrations, run one process at a time."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from backend.db.session import Database

_LOCK = 0x5A33ED  # one Postgres advisory lock for all processes that migrate


def config() -> Config:
    """Alembic's configuration, without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(files("migrations")))
    return settings


def migrate(db: Database, revision: str = "head") -> None:
    """Apply all missing migrations. A second process waits for the first and then finds nothing to do."""
    with db.engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
        try:
            settings = config()
            settings.attributes["connection"] = connection
            command.upgrade(settings, revision)
            connection.commit()
        finally:
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()
