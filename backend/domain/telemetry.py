"""How much work a revision was: what the page counts while somebody annotates, kept with the revision.

Together with the prompts (in the order in which they were given), the model and the learned prompt, each click can be
played again later: clicks to a share of the final mask and time a case follow from that.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0, le=1_000_000)]


class SliceWork(BaseModel):
    """The work on one slice since the revision before."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    slice: Annotated[int, Field(ge=0)]
    clicks: Count = Field(default=0, description="Points set, those taken back included")
    boxes: Count = Field(default=0, description="Boxes drawn")
    strokes: Count = Field(default=0, description="Strokes of brush, eraser, lasso, polygon, fill")
    undos: Count = Field(default=0, description="Steps taken back")
    seconds: float = Field(default=0.0, ge=0, le=86_400, description="Time the slice was worked on, without idle time")
    model: str | None = Field(default=None, max_length=200, description="Model that answered last")
    learned_prompt: UUID | None = Field(default=None, description="Learned prompt that answered last")


class Telemetry(BaseModel):
    """One entry for each slice that was worked on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slices: Annotated[tuple[SliceWork, ...], Field(max_length=4096)] = ()

    def to_json(self) -> dict[str, Any]:
        """As stored: only what was counted."""
        return self.model_dump(mode="json", exclude_defaults=True)
