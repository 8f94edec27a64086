"""Annotations and their revisions on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Rle, Schema, rle
from backend.api.schemas_people import Person
from backend.db import tables
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.telemetry import Telemetry
from backend.services.annotations import AnnotationView, Appended
from backend.services.rounds import Masks


class AnnotationIn(Schema):
    id: UUID | None = None
    volume_id: UUID
    label_id: UUID
    annotator_id: UUID | None = Field(default=None, description="Whose masks a reviewer corrects; null: one's own")


class Annotation(Schema):
    id: UUID
    volume_id: UUID
    label_id: UUID
    annotator: Person
    head: UUID | None
    sequence: int
    slices: list[int]

    @classmethod
    def of(cls, view: AnnotationView) -> Annotation:
        return cls(
            id=view.annotation.id,
            volume_id=view.annotation.volume_id,
            label_id=view.annotation.label_id,
            annotator=Person.of(view.annotator),
            head=view.head,
            sequence=view.sequence,
            slices=list(view.slices),
        )


class AnnotationMasks(Schema):
    head: UUID | None
    sequence: int
    slices: dict[int, Rle]

    @classmethod
    def of(cls, found: Masks) -> AnnotationMasks:
        return cls(head=found.head, sequence=found.sequence, slices={k: rle(m) for k, m in found.by_slice.items()})


class AnnotationSlice(Schema):
    head: UUID | None
    sequence: int
    mask: Rle


class RevisionSliceIn(Schema):
    slice: int
    flips: Rle


class RevisionIn(Schema):
    id: UUID = Field(description="Made by the client (UUIDv7): sending it again changes nothing")
    parent: UUID | None = Field(description="The newest revision the client knows; null for the first")
    origin: Origin
    slices: list[RevisionSliceIn]
    prompts: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    reverts: UUID | None = None
    telemetry: Telemetry = Telemetry()

    def to_domain(self) -> RevisionDraft:
        return RevisionDraft(
            id=self.id,
            parent=self.parent,
            origin=self.origin,
            slices=tuple(SliceFlips(s.slice, s.flips.size, s.flips.counts) for s in self.slices),
            prompts=self.prompts,
            model=self.model,
            reverts=self.reverts,
            telemetry=self.telemetry.to_json(),
        )


class RestoreIn(Schema):
    id: UUID
    sequence: int = Field(ge=0, description="Bring back the state after this revision; 0 is empty")
    parent: UUID | None


class Revision(Schema):
    id: UUID
    annotation_id: UUID
    sequence: int
    parent: UUID | None
    origin: Origin
    author: UUID
    author_name: str | None = Field(description="null in the answer to who made it")
    created_at: datetime
    slices: list[int]
    flipped_voxels: int
    prompts: dict[str, Any] | None
    model: dict[str, Any] | None
    reverts: UUID | None
    telemetry: dict[str, Any]

    @classmethod
    def of(
        cls, row: tables.Revision, slices: list[tables.RevisionSlice], author: tables.User | None = None
    ) -> Revision:
        return cls(
            id=row.id,
            annotation_id=row.annotation_id,
            sequence=row.sequence,
            parent=row.parent_id,
            origin=Origin(row.origin),
            author=row.author_id,
            author_name=author.name if author else None,
            created_at=row.created_at,
            slices=[change.slice_index for change in slices],
            flipped_voxels=sum(change.flipped_voxels for change in slices),
            prompts=row.prompts,
            model=row.model,
            reverts=row.reverts_id,
            telemetry=row.telemetry,
        )

    @classmethod
    def appended(cls, appended: Appended) -> Revision:
        return cls.of(appended.revision, list(appended.slices))
