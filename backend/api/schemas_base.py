"""What all schemas share. snake_case, UUIDs, UTC ISO-8601.

Voxel coordinates: x = column, y = row of the acquisition plane, integers at pixel centres. Masks: COCO compressed RLE.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Page(Schema, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None


class Rle(Schema):
    """COCO compressed run lengths."""

    size: tuple[int, int] = Field(description="[rows, columns]")
    counts: str


def rle(mask: Any) -> Rle:
    return Rle(size=(mask["size"][0], mask["size"][1]), counts=mask["counts"])
