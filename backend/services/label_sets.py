"""The labels of a project as a set: their order, versions, and the way into other projects.

Single labels are added, changed and deleted in services.projects; every change of one calls `new_version`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from backend.db.session import Database
from backend.db.tables import LabelRow, LabelSet, User
from backend.domain.annotation import InvalidLabel
from backend.domain.label_rules import LabelRules
from backend.domain.workflow import Action
from backend.services import audit
from backend.services.access import Principal, require
from backend.services.projects import LabelDraft, code_of, insert_label, labels_of, new_version


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version of a label set and who made it; nobody: it was there before versions were kept."""

    label_set: LabelSet
    author: User | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of labels that were brought in. `kept`: names that the project has already. `exclusive`: whether the
    project's labels exclude each other now; `differs`: those that were brought in were meant otherwise."""

    labels: Sequence[LabelRow]
    added: int
    kept: tuple[str, ...]
    exclusive: bool
    differs: bool


class LabelSets:
    def __init__(self, db: Database) -> None:
        self._db = db

    def versions(self, who: Principal, project_id: UUID) -> list[VersionView]:
        """The newest first."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.VIEW)
            rows = session.execute(
                select(LabelSet, User)
                .outerjoin(User, User.id == LabelSet.author_id)
                .where(LabelSet.project_id == project_id)
                .order_by(LabelSet.version.desc())
            )
            return [VersionView(label_set, author) for label_set, author in rows]

    def drafts(self, who: Principal, project_id: UUID) -> tuple[list[LabelDraft], bool]:
        """The labels as they can be brought into another project, and whether they exclude each other."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            return [_draft(row) for row in labels_of(session, project_id)], project.exclusive_labels

    def bring_in(
        self, who: Principal, project_id: UUID, drafts: Sequence[LabelDraft], exclusive: bool | None = None
    ) -> Taken:
        """Add labels, all or none. Those whose name the project has are left as they are there; a value or a key that
        is in use is replaced by a free one or none. A project without labels takes over whether they exclude each
        other (None: not said); in others masks may be drawn already, and that stays as it is. Raises InvalidLabel."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.MANAGE)
            session.refresh(project, with_for_update=True)
            rows = labels_of(session, project_id)
            names = {row.name.casefold() for row in rows}
            values, shortcuts = {row.value for row in rows}, {row.shortcut for row in rows}
            if exclusive is not None and not rows:
                project.exclusive_labels = exclusive
            kept: list[str] = []
            added = 0
            for draft in drafts:
                if draft.name.strip().casefold() in names:
                    kept.append(draft.name.strip())
                    continue
                row = insert_label(
                    session,
                    project_id,
                    LabelDraft(
                        name=draft.name,
                        color=draft.color,
                        value=None if draft.value in values else draft.value,
                        code=draft.code,
                        shortcut=None if draft.shortcut in shortcuts else draft.shortcut,
                        group=draft.group,
                        rules=draft.rules,
                    ),
                )
                names.add(row.name.casefold())
                values.add(row.value)
                shortcuts.add(row.shortcut)
                added += 1
            if added:
                new_version(session, who, project)
            audit.record(session, who, "labels.brought_in", project_id=project_id, added=added)
            now = project.exclusive_labels
            return Taken(labels_of(session, project_id), added, tuple(kept), now, exclusive not in (None, now))

    def copy(self, who: Principal, project_id: UUID, source_id: UUID) -> Taken:
        """Bring in the labels of another project that the caller sees."""
        drafts, exclusive = self.drafts(who, source_id)
        return self.bring_in(who, project_id, drafts, exclusive)

    def order(self, who: Principal, project_id: UUID, label_ids: Sequence[UUID]) -> Sequence[LabelRow]:
        """Put the labels in this order. Raises InvalidLabel when it does not name each of them once."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.MANAGE)
            rows = {row.id: row for row in labels_of(session, project_id)}
            if sorted(label_ids) != sorted(rows):
                raise InvalidLabel("The order does not name each label of the project once.", hint="Read them again.")
            for n, label_id in enumerate(label_ids, start=1):
                rows[label_id].position = n
            new_version(session, who, project)
            audit.record(session, who, "labels.ordered", project_id=project_id)
            return labels_of(session, project_id)


def _draft(row: LabelRow) -> LabelDraft:
    return LabelDraft(
        row.name,
        row.color,
        row.value,
        code_of(row),
        row.shortcut,
        row.group_name,
        LabelRules.model_validate(row.rules),
    )
