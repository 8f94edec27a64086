"""Alembic migrations; `backend.db.migrate` runs them."""
