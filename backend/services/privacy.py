"""The key of the pseudonyms: whom they stand for, sealed, and who looked.

The secret is a setting or a file of the data folder, never in the database. Every pseudonym follows from it, so it must
be the same in all processes and never change; a project that began with another one is told so.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Project, Pseudonym
from backend.domain.privacy import Privacy, PrivacyKeyMissing, PseudonymNotFound
from backend.imaging.pseudonyms import Identity, Pseudonyms
from backend.services import audit
from backend.services.access import Principal, require_identify

KEY_FILE = "privacy.key"
OTHER_KEY = "Set SAMMED_PRIVACY_KEY to the key that was used before, or put the file privacy.key back."


@dataclass(frozen=True, slots=True)
class Known:
    """A row of the key, opened."""

    pseudonym: str
    kind: str
    values: dict[str, str]
    since: datetime


class PrivacyService:
    def __init__(self, db: Database, *, secret: str | None, folder: Path) -> None:
        """`secret`: the setting; without it a file in `folder` is made when first needed."""
        self._db = db
        self._given = secret
        self._folder = folder

    # -- for imports --------------------------------------------------------------------------------------------------
    def pseudonyms(self, project_id: UUID) -> Pseudonyms | None:
        """How names are replaced in a project; None where images are kept as they come. Raises PrivacyKeyMissing."""
        with self._db.begin() as session:
            return self.pseudonyms_within(session, session.get_one(Project, project_id))

    def pseudonyms_within(self, session: Session, project: Project) -> Pseudonyms | None:
        policy = Privacy(project.privacy)
        if policy is Privacy.NONE:
            return None
        other = select(Pseudonym.key_id).where(Pseudonym.project_id == project.id, Pseudonym.key_id != self._key_id)
        if session.scalar(other.limit(1)) is not None:
            raise PrivacyKeyMissing("This project's pseudonyms were made with another key.", hint=OTHER_KEY)
        key = hmac.digest(self._secret, project.id.bytes, hashlib.sha256)
        return Pseudonyms(key, keep_uids=policy is Privacy.RETAIN_UIDS)

    def remember(self, project_id: UUID, found: Iterable[Identity]) -> None:
        """Keep whom pseudonyms stand for, before anything that bears them is stored."""
        with self._db.begin() as session:
            self.remember_within(session, project_id, found)

    def remember_within(self, session: Session, project_id: UUID, found: Iterable[Identity]) -> None:
        rows = [
            {
                "project_id": project_id,
                "pseudonym": identity.pseudonym,
                "kind": identity.kind,
                "key_id": self._key_id,
                "sealed": self._box.encrypt(json.dumps(identity.values).encode()),
            }
            for identity in found
        ]
        if rows:
            session.execute(insert(Pseudonym).on_conflict_do_nothing(), rows)

    # -- for those who may look ---------------------------------------------------------------------------------------
    def look_up(self, who: Principal, project_id: UUID, pseudonym: str) -> Known:
        """Whom a pseudonym stands for; the log keeps who asked. Raises PseudonymNotFound, PrivacyKeyMissing."""
        with self._db.begin() as session:
            require_identify(session, who, project_id)
            row = session.get(Pseudonym, (project_id, pseudonym.strip()))
            if row is None:
                raise PseudonymNotFound(
                    "This project has no such pseudonym.", hint="Cases carry it as their patient, such as P-7K3F2Q9ABC."
                )
            audit.record(session, who, "identity.looked_up", project_id=project_id, subject=row.pseudonym)
            return self._open(row)

    def all(self, who: Principal, project_id: UUID) -> list[Known]:
        """The whole key of a project; the log keeps who took it. Raises PrivacyKeyMissing."""
        with self._db.begin() as session:
            require_identify(session, who, project_id)
            rows = session.scalars(
                select(Pseudonym)
                .where(Pseudonym.project_id == project_id)
                .order_by(Pseudonym.kind, Pseudonym.pseudonym)
            ).all()
            audit.record(session, who, "identities.exported", project_id=project_id, rows=len(rows))
            return [self._open(row) for row in rows]

    def _open(self, row: Pseudonym) -> Known:
        try:
            values = json.loads(self._box.decrypt(row.sealed))
        except InvalidToken as error:
            raise PrivacyKeyMissing("This pseudonym was sealed with another key.", hint=OTHER_KEY) from error
        return Known(row.pseudonym, row.kind, values, row.created_at)

    # -- the secret ---------------------------------------------------------------------------------------------------
    @cached_property
    def _secret(self) -> bytes:
        if self._given is not None:
            return hashlib.sha256(self._given.encode()).digest()
        path = self._folder / KEY_FILE
        try:
            return hashlib.sha256(_read_or_make(path).encode()).digest()
        except OSError as error:
            raise PrivacyKeyMissing(
                f"The file {KEY_FILE} of the data folder cannot be used ({type(error).__name__}).",
                hint="Make it readable for this user, or set SAMMED_PRIVACY_KEY.",
            ) from error

    @cached_property
    def _box(self) -> Fernet:
        return Fernet(urlsafe_b64encode(hmac.digest(self._secret, b"seal", hashlib.sha256)))

    @cached_property
    def _key_id(self) -> str:
        return hmac.digest(self._secret, b"id", hashlib.sha256).hex()[:16]


def _read_or_make(path: Path) -> str:
    """The file's secret; a new one where there is none. Of two processes that make it at once, one wins."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with open(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
        try:
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text().strip()
