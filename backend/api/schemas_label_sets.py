"""Label sets on the wire: their file, their versions, what became of labels that were brought in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.api.schemas_projects import CodeValue, Label, LabelIn
from backend.services.label_sets import Taken, VersionView
from backend.services.projects import LabelDraft


class LabelSetFile(Schema):
    """A label set as a file, for another project or installation."""

    format: Literal["sammed-labels-1"] = "sammed-labels-1"
    labels: Annotated[list[LabelIn], Field(min_length=1, max_length=255)]
    exclusive: bool | None = Field(default=None, description="A voxel belongs to one label at most; null: not said")

    @classmethod
    def of(cls, drafts: list[LabelDraft], exclusive: bool) -> LabelSetFile:
        labels = [
            LabelIn(
                name=draft.name,
                color=draft.color,
                value=draft.value,
                code=CodeValue(scheme=draft.code.scheme, value=draft.code.value, meaning=draft.code.meaning)
                if draft.code
                else None,
                shortcut=draft.shortcut,
                group=draft.group,
                rules=draft.rules,
            )
            for draft in drafts
        ]
        return cls.model_construct(format="sammed-labels-1", labels=labels, exclusive=exclusive)


class LabelCopyIn(Schema):
    project_id: UUID = Field(description="Whose labels are copied")


class LabelOrderIn(Schema):
    label_ids: Annotated[list[UUID], Field(max_length=255)]


class TakenOut(Schema):
    labels: list[Label]
    added: int
    kept: list[str] = Field(description="Names that the project has already; those labels stay as they are")
    exclusive: bool = Field(description="The project's labels exclude each other")
    differs: bool = Field(description="Those that were brought in were meant otherwise; the project stays as it is")

    @classmethod
    def of(cls, taken: Taken) -> TakenOut:
        return cls(
            labels=[Label.of(row) for row in taken.labels],
            added=taken.added,
            kept=list(taken.kept),
            exclusive=taken.exclusive,
            differs=taken.differs,
        )


class LabelSetVersion(Schema):
    version: int
    created_at: datetime
    author: Person | None = Field(description="null: from before versions were kept")
    labels: list[dict[str, Any]]
    exclusive: bool = Field(description="A voxel belonged to one label at most")

    @classmethod
    def of(cls, view: VersionView) -> LabelSetVersion:
        kept = view.label_set
        author = Person.of(view.author) if view.author else None
        return cls(
            version=kept.version,
            created_at=kept.created_at,
            author=author,
            labels=kept.labels,
            exclusive=kept.exclusive,
        )
