"""Alembic's environment. The connection is handed over by `backend.db.migrate`; there is no alembic.ini."""

from __future__ import annotations

from alembic import context

from backend.db.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
