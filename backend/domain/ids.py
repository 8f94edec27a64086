"""Identifiers: UUIDv7, so that rows sort by time of birth. Clients may make them; the server checks the form only."""

from __future__ import annotations

import secrets
from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, the rest random."""
    return UUID(int=uuid_utils.uuid7().int)


def born_again(id: UUID) -> UUID:
    """Another id with the same time of birth, so that rows keep their order: the last 32 bits are new."""
    return UUID(int=id.int >> 32 << 32 | secrets.randbits(32))
