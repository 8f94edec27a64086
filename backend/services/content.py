"""Which voxels and files of the object store are in use, and the only place that deletes some of them.

They are stored once by content for all projects, so what one project gives up may be another's. What may go is written
as rows with what makes it so, and deleted afterwards, when nothing refers to it: also if the process ends in between.
Whoever stores content holds a lock shared with others until its rows are there (`storing`), and deleting takes the lock
alone, so that nothing goes that somebody found and is about to refer to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import DicomInstance, DiscardedObject, Original, VolumeRow
from backend.stores.embeddings import Embeddings
from backend.stores.objects import Objects
from backend.stores.planes import Planes

_LOCK = func.hashtextextended("content of the object store", 0)

ORIGINALS, VOXELS = "originals/", "voxels/"


class Content:
    def __init__(self, db: Database, objects: Objects, embeddings: Embeddings, planes: Planes) -> None:
        self._db = db
        self._objects = objects
        self._embeddings = embeddings
        self._planes = planes

    @contextmanager
    def storing(self) -> Iterator[None]:
        """While inside, no content is deleted. Put objects and commit the rows that refer to them."""
        with self._db.begin() as session:
            hold(session)
            yield

    def let_go(self, keys: Iterable[str]) -> None:
        """Content that was put and then not needed, unless somebody else refers to it."""
        with self._db.begin() as session:
            discard(session, keys)

    def forget(self) -> bool:
        """Delete what was discarded and is not in use, with what was made of it in caches. False when somebody is
        storing content right now: then it is left for later."""
        with self._db.begin() as session:
            if session.scalar(select(DiscardedObject.key).limit(1)) is None:
                return True
            if not session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                return False
            for row in session.scalars(select(DiscardedObject).order_by(DiscardedObject.created_at)).all():
                if not _in_use(session, row.key):
                    self._delete(row.key)
                session.delete(row)
        return True

    def forget_unused_planes(self) -> None:
        """Unpacked volumes on this machine that no project has any more."""
        with self._db.begin() as session:
            self._planes.keep_only(_known(session))

    def _delete(self, key: str) -> None:
        if key.startswith(VOXELS):
            digest = key.removeprefix(VOXELS)
            self._embeddings.forget(digest)
            self._planes.forget(digest)
            self._objects.delete_prefix(f"{key}/")
        elif key.startswith(ORIGINALS):
            self._objects.delete(key)
        else:
            self._objects.delete_prefix(f"{key}/")


def hold(session: Session) -> None:
    """No content is deleted until the unit of work ends."""
    session.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))


def discard(session: Session, keys: Iterable[str]) -> None:
    """`originals/<sha256>`, `voxels/<hash>` or a folder may go, in the caller's unit of work."""
    rows = [{"key": key} for key in dict.fromkeys(keys)]
    if rows:
        session.execute(insert(DiscardedObject).on_conflict_do_nothing(), rows)


def _in_use(session: Session, key: str) -> bool:
    if key.startswith(VOXELS):
        digest = key.removeprefix(VOXELS)
        return session.scalar(select(VolumeRow.id).where(VolumeRow.voxels_hash == digest).limit(1)) is not None
    if key.startswith(ORIGINALS):
        sha256 = key.removeprefix(ORIGINALS)
        files = select(Original.id).where(Original.sha256 == sha256, Original.is_kept).limit(1)
        instances = select(DicomInstance.id).where(DicomInstance.sha256 == sha256).limit(1)
        return session.scalar(select(or_(files.exists(), instances.exists()))) is True
    return False


def _known(session: Session) -> Callable[[Iterable[str]], set[str]]:
    def known(digests: Iterable[str]) -> set[str]:
        return set(session.scalars(select(VolumeRow.voxels_hash).where(VolumeRow.voxels_hash.in_(list(digests)))))

    return known
