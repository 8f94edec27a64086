"""What a project asks of a label before a case is submitted, and what a case does not fulfil.

Pure: masks in, findings out. Which masks, and what a finding means for submitting, is in services.submission.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy import ndimage

from backend.imaging.masks import BoolMask

Millilitres = Annotated[float, Field(ge=0, le=1_000_000)]


class Level(StrEnum):
    """What a finding means for submitting: nothing (it is not looked for), a question, or a refusal."""

    OFF = "off"
    WARN = "warn"
    BLOCK = "block"


class Rule(StrEnum):
    """What is looked for."""

    REQUIRED = "required"
    ISLANDS = "islands"
    HOLES = "holes"
    MISSING_SLICES = "missing_slices"
    VOLUME = "volume"
    OVERLAP = "overlap"
    TOUCHING = "touching"


class LabelRules(BaseModel):
    """The rules of one label, all off at first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: Level = Field(default=Level.OFF, description="Every volume of the case shows the label")
    islands: Level = Field(default=Level.OFF, description="Not more separate parts, and none smaller, than said")
    max_islands: int = Field(default=1, ge=1, le=1_000_000)
    min_island_mm3: float = Field(default=0.0, ge=0, le=1e9)
    holes: Level = Field(default=Level.OFF, description="No slice has a hole in the mask")
    missing_slices: Level = Field(default=Level.OFF, description="No empty slice between the first and the last")
    volume: Level = Field(default=Level.OFF, description="The volume lies between `min_ml` and `max_ml`")
    min_ml: Millilitres | None = None
    max_ml: Millilitres | None = None
    overlap: Level = Field(default=Level.OFF, description="Shares no voxel with another label")
    touching: Level = Field(default=Level.OFF, description="Has no voxel beside one of another label")

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_ml is not None and self.max_ml is not None and self.min_ml > self.max_ml:
            raise ValueError("the smallest volume is larger than the largest")
        return self

    def level(self, rule: Rule) -> Level:
        return Level(getattr(self, rule))

    @property
    def active(self) -> bool:
        """Whether anything is looked for."""
        return any(self.level(rule) is not Level.OFF for rule in Rule)


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a label does not fulfil a rule. `slice_index`: the first slice to look at; None without one. `amount`:
    parts, holes, slices, millilitres or voxels, as the rule counts."""

    rule: Rule
    level: Level
    slice_index: int | None
    amount: float


_ALL_AROUND = np.ones((3, 3, 3), dtype=bool)
_IN_SLICE = np.array([[[0, 0, 0]] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0, 0, 0]] * 3], dtype=bool)


def check(
    rules: LabelRules,
    mask: Mapping[int, BoolMask],
    others: Sequence[Mapping[int, BoolMask]],
    *,
    slices: int,
    voxel_mm3: float,
) -> list[Finding]:
    """What a label on a volume of so many slices does not fulfil.

    `mask` and each of `others` (the other labels) map a slice index to [rows, columns] bool; slices without a voxel may
    be left out. Parts are connected over faces, edges and corners, holes are closed in the slice over faces.
    """
    wanted = [rule for rule in Rule if rules.level(rule) is not Level.OFF]
    drawn = sorted(k for k, plane in mask.items() if plane.any())
    if not drawn:
        return [Finding(Rule.REQUIRED, rules.required, None, 0)] if Rule.REQUIRED in wanted and slices else []
    voxels = sum(int(mask[k].sum()) for k in drawn)
    found: list[Finding] = []
    for rule in wanted:
        match rule:
            case Rule.REQUIRED:
                place = None
            case Rule.ISLANDS:
                place = _islands(_block(mask, drawn), drawn[0], rules, voxel_mm3)
            case Rule.HOLES:
                place = _holes(_block(mask, drawn), drawn[0])
            case Rule.MISSING_SLICES:
                missing = sorted(set(range(drawn[0], drawn[-1] + 1)) - set(drawn))
                place = (missing[0], len(missing)) if missing else None
            case Rule.VOLUME:
                millilitres = voxels * voxel_mm3 / 1000
                low, high = rules.min_ml or 0.0, np.inf if rules.max_ml is None else rules.max_ml
                largest = max(drawn, key=lambda k: int(mask[k].sum()))
                place = None if low <= millilitres <= high else (largest, millilitres)
            case Rule.OVERLAP:
                place = _shared({k: mask[k] for k in drawn}, others)
            case Rule.TOUCHING:
                place = _shared(_grown(mask, drawn, slices), others, besides=mask)
        if place is not None:
            found.append(Finding(rule, rules.level(rule), place[0], float(place[1])))
    return found


Place = tuple[int, float]
"""The first slice to look at, and how much there is."""


def _block(mask: Mapping[int, BoolMask], drawn: Sequence[int]) -> BoolMask:
    """The mask from its first to its last slice, [slices, rows, columns] bool, cut to the rows and columns that it has
    voxels in, with a margin of one."""
    union = np.logical_or.reduce([mask[k] for k in drawn])
    rows, columns = np.flatnonzero(union.any(axis=1)), np.flatnonzero(union.any(axis=0))
    inner = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    block = np.zeros((drawn[-1] - drawn[0] + 1, np.ptp(rows) + 1, np.ptp(columns) + 1), dtype=bool)
    for k in drawn:
        block[k - drawn[0]] = mask[k][inner]
    return np.pad(block, ((0, 0), (1, 1), (1, 1)))


def _islands(block: BoolMask, first: int, rules: LabelRules, voxel_mm3: float) -> Place | None:
    parts, count = ndimage.label(block, structure=_ALL_AROUND)
    sizes_mm3 = np.bincount(parts.ravel())[1:] * voxel_mm3
    smallest = int(sizes_mm3.argmin()) + 1
    if count <= rules.max_islands and sizes_mm3[smallest - 1] >= rules.min_island_mm3:
        return None
    return first + int(np.flatnonzero((parts == smallest).any(axis=(1, 2)))[0]), count


def _holes(block: BoolMask, first: int) -> Place | None:
    background, _ = ndimage.label(~block, structure=_IN_SLICE)
    holes = 0
    place: int | None = None
    for k, plane in enumerate(background):
        inside = np.setdiff1d(plane[plane > 0], plane[0])  # the margin is outside
        holes += inside.size
        if inside.size and place is None:
            place = first + k
    return None if place is None else (place, holes)


def _grown(mask: Mapping[int, BoolMask], drawn: Sequence[int], slices: int) -> dict[int, BoolMask]:
    """The mask with the voxels that share a face with it."""
    grown: dict[int, BoolMask] = {}
    for k in drawn:
        plane = ndimage.binary_dilation(mask[k])
        grown[k] = grown[k] | plane if k in grown else plane
        for beside in (k - 1, k + 1):
            if 0 <= beside < slices:
                grown[beside] = grown[beside] | mask[k] if beside in grown else mask[k]
    return grown


def _shared(
    mask: Mapping[int, BoolMask],
    others: Sequence[Mapping[int, BoolMask]],
    besides: Mapping[int, BoolMask] | None = None,
) -> Place | None:
    """The first slice where `mask` and another label have a voxel in common, and how many there are in all; those that
    are in `besides` too do not count."""
    voxels, place = 0, None
    for k in sorted(mask):
        for other in others:
            if k not in other:
                continue
            common = mask[k] & other[k]
            if besides is not None and k in besides:
                common &= ~besides[k]
            if common.any():
                voxels += int(common.sum())
                place = k if place is None else place
    return None if place is None else (place, voxels)
