"""Leases: who has a case open right now, so that two people do not work on one unawares.

A lease says that somebody is there; it forbids nothing. Masks are each annotator's own, so nothing is overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_
from sqlalchemy.dialects.postgresql import insert

from backend.db.session import Database
from backend.db.tables import Lease, User
from backend.domain.workflow import Action
from backend.services import audit
from backend.services.access import Principal, blind_reading, require_case

LEASE_LIFE = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Who has the case open, and until when if they do not come back. `is_mine`: the caller."""

    holder: User
    expires_at: datetime
    is_mine: bool


class Leases:
    def __init__(self, db: Database) -> None:
        self._db = db

    def take(self, who: Principal, case_id: UUID, *, take_over: bool = False) -> LeaseView:
        """Take the lease of a case, or renew it. While somebody else has it, theirs is returned, unless the caller
        takes it over. Who reads a case blind is always alone: they learn of nobody, and nobody of them."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.ANNOTATE)
            if blind_reading(session, who, case) is not None:
                return LeaseView(session.get_one(User, who.id), datetime.now(UTC) + LEASE_LIFE, is_mine=True)
            held = session.get(Lease, case_id, with_for_update=True)
            wanted = insert(Lease).values(case_id=case_id, holder_id=who.id, expires_at=func.now() + LEASE_LIFE)
            mine = {"holder_id": wanted.excluded.holder_id, "expires_at": wanted.excluded.expires_at}
            free = or_(Lease.holder_id == who.id, Lease.expires_at < func.now())
            session.execute(
                wanted.on_conflict_do_update(index_elements=["case_id"], set_=mine, where=None if take_over else free)
            )
            lease = session.get_one(Lease, case_id, populate_existing=True)
            if take_over and held is not None and held.holder_id != who.id:
                audit.record(session, who, "case.taken_over", project_id=case.project_id, subject=case_id)
            return LeaseView(session.get_one(User, lease.holder_id), lease.expires_at, lease.holder_id == who.id)

    def release(self, who: Principal, case_id: UUID) -> None:
        """Give the caller's lease back, if they have it."""
        with self._db.begin() as session:
            require_case(session, who, case_id, Action.ANNOTATE)
            session.execute(delete(Lease).where(Lease.case_id == case_id, Lease.holder_id == who.id))
