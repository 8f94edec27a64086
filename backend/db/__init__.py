"""Postgres: the tables, the sessions, the guards of append-only history. Queries live in the services."""
