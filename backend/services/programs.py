"""Readers that are programs: their masks of a case stand beside those of people, to be compared and to be taken over.

A program is an account of a project that never signs in, with no role and no work of its own: it is not assigned, has
no reading with states, and changes no case. Its masks come in by an import (services.mask_imports). Those who review
see them; who reads blind does not.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.tables import User
from backend.domain.ids import new_id
from backend.domain.mask_import import BadReaderName

PERSON, PROGRAM = "person", "program"


def usable_program_name(name: str) -> str:
    """Raises BadReaderName."""
    cleaned = " ".join(name.split())
    if not 1 <= len(cleaned) <= 120:
        raise BadReaderName("A reader needs a name of 1 to 120 characters.", hint="For example nnU-Net 2.5.")
    return cleaned


def program(session: Session, project_id: UUID, name: str) -> User:
    """The program of this name in a project; made once, found again afterwards. Raises BadReaderName."""
    address = _address(project_id, name)
    session.execute(
        insert(User)
        .values(
            id=new_id(),
            email=address,
            name=usable_program_name(name),
            kind=PROGRAM,
            is_admin=False,
            auto_learn=False,
            keys={},
            disabled_at=datetime.now(UTC),
        )
        .on_conflict_do_nothing(index_elements=["email"])
    )
    return session.scalars(select(User).where(User.email == address)).one()


def find_id(session: Session, project_id: UUID, name: str) -> UUID | None:
    """The program of this name in a project, if there is one. Raises BadReaderName."""
    return session.scalar(select(User.id).where(User.email == _address(project_id, name)))


def _address(project_id: UUID, name: str) -> str:
    """No mail ever goes there (RFC 2606)."""
    key = f"{project_id}/{usable_program_name(name).casefold()}"
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}@program.invalid"


def program_ids() -> Select[UUID]:
    """The ids of all programs."""
    return select(User.id).where(User.kind == PROGRAM)
