"""Labels, revisions and where they come from.

A revision is a fact: it is appended and never changed. Its content is, per slice, the set of FLIPPED voxels in COCO
compressed RLE; applying the same flips twice restores the mask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from backend.errors import Rejected


class Origin(StrEnum):
    """Who or what drew the change."""

    MANUAL = "manual"
    ACROSS = "across"
    """by hand, in another plane than the acquisition plane: the slices that it crosses are not done by that"""
    SAM = "sam"
    ASSIST = "assist"
    AUTO = "auto"
    PROPAGATION = "propagation"
    INTERPOLATION = "interpolation"
    IMPORT = "import"
    UNDO = "undo"
    REVIEW = "review"


class InvalidLabel(Rejected):
    """A label's name, colour, value or shortcut is not usable. Raised by domain.annotation and services.projects."""

    code = "invalid_label"
    title = "This label cannot be used"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept as DICOM writes it, e.g. ("SCT", "10200004", "Liver")."""

    scheme: str
    value: str
    meaning: str


_COLOR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Label:
    """One thing to annotate. `value` is the voxel value on export, 1 to 255; 0 is background everywhere."""

    name: str
    color: str
    value: int
    code: Code | None = None
    shortcut: str | None = None
    group: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 64:
            raise InvalidLabel("A label needs a name of 1 to 64 characters.")
        if not _COLOR.fullmatch(self.color):
            raise InvalidLabel(f"'{self.color}' is not a colour.", hint="Write it as #rrggbb in lower case.")
        if not 1 <= self.value <= 255:
            raise InvalidLabel(f"The label value {self.value} is out of range.", hint="Use 1 to 255; 0 is background.")
        if len(self.group) > 64:
            raise InvalidLabel("A group's name has at most 64 characters.")
        if self.shortcut is not None and (len(self.shortcut) != 1 or self.shortcut not in "123456789"):
            raise InvalidLabel(f"'{self.shortcut}' cannot be a label's shortcut.", hint="Use one digit from 1 to 9.")


@dataclass(frozen=True, slots=True)
class SliceFlips:
    """The voxels of one slice of the acquisition plane that a revision flips: COCO compressed RLE counts."""

    slice_index: int
    size_hw: tuple[int, int]
    counts: str


@dataclass(frozen=True, slots=True)
class RevisionDraft:
    """What a client sends to be appended. `parent` is the newest revision it knows, None for the first."""

    id: UUID
    parent: UUID | None
    origin: Origin
    slices: tuple[SliceFlips, ...]
    prompts: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    reverts: UUID | None = None
    telemetry: dict[str, Any] = field(default_factory=dict)
