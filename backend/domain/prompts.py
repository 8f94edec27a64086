"""What a user points at, and the name under which a slice's embedding is kept.

Coordinates are voxel indices of the acquisition plane: x = column, y = row, integers at pixel centres.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass

from backend.errors import Rejected


class InvalidPrompts(Rejected):
    """A prompt lies outside the slice, or there is none. Raised before anything is sent to the model."""

    code = "invalid_prompts"
    title = "These prompts cannot be used"


@dataclass(frozen=True, slots=True)
class PointPrompt:
    """One click. `positive` is foreground."""

    x: float
    y: float
    positive: bool


@dataclass(frozen=True, slots=True)
class MaskPrompt:
    """An earlier mask of the same slice as COCO compressed RLE."""

    size_hw: tuple[int, int]
    counts: str


@dataclass(frozen=True, slots=True)
class PromptSet:
    """Everything the user has pointed at on one slice. `box_xyxy` is (x0, y0, x1, y1), both corners inside the box.
    `around` are places (x, y): the earlier mask is right but there, and changes nowhere else."""

    points: tuple[PointPrompt, ...] = ()
    box_xyxy: tuple[float, float, float, float] | None = None
    mask: MaskPrompt | None = None
    around: tuple[tuple[float, float], ...] = ()

    def check(self, size_hw: tuple[int, int]) -> None:
        """Raises InvalidPrompts unless there is a point or a box and all of them lie on a slice of [rows, columns]."""
        rows, columns = size_hw
        if not self.points and self.box_xyxy is None:
            raise InvalidPrompts("There is no point and no box.", hint="Send at least one point or a box.")
        if self.around and self.mask is None:
            raise InvalidPrompts(
                "Places of a correction were sent without the mask to correct.", hint="Send the mask, too."
            )
        if len(self.around) > 256:
            raise InvalidPrompts(f"{len(self.around)} places are too many.", hint="Send at most 256 places a slice.")
        for x, y in self.around:
            if not _inside(x, y, rows, columns):
                raise InvalidPrompts(f"The place ({x:g}, {y:g}) lies outside the slice of {columns} x {rows} pixels.")
        if len(self.points) > 256:
            raise InvalidPrompts(f"{len(self.points)} points are too many.", hint="Send at most 256 points a slice.")
        for n, point in enumerate(self.points, start=1):
            if not _inside(point.x, point.y, rows, columns):
                raise InvalidPrompts(
                    f"Point {n} at ({point.x:g}, {point.y:g}) lies outside the slice of {columns} x {rows} pixels.",
                    hint="x is the column and y the row, counted from 0.",
                )
        if self.box_xyxy is not None:
            x0, y0, x1, y1 = self.box_xyxy
            if not (_inside(x0, y0, rows, columns) and _inside(x1, y1, rows, columns)):
                raise InvalidPrompts(
                    f"The box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) reaches outside the slice of {columns} x {rows} pixels."
                )
            if x1 <= x0 or y1 <= y0:
                raise InvalidPrompts(
                    f"The box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) is empty.", hint="Send (left, top, right, bottom)."
                )
        if self.mask is not None and self.mask.size_hw != size_hw:
            raise InvalidPrompts(f"The mask is {self.mask.size_hw}, the slice is {size_hw} (rows, columns).")


def _inside(x: float, y: float, rows: int, columns: int) -> bool:
    return math.isfinite(x) and math.isfinite(y) and -0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5


HASH_LETTERS = 32
"""So much of the voxels' hash begins the names of their embeddings, so that all of a volume are found."""


@dataclass(frozen=True, slots=True)
class EmbeddingKey:
    """Everything that changes a slice's embedding. Two users with the same voxels share one embedding. `window` is
    (width, center) in the values of the modality, None for colour."""

    voxels_hash: str
    slice_index: int
    window: tuple[float, float] | None
    model_checksum: str
    preprocessing: str
    """Code versions of what makes the model's input and the embedding."""

    def digest(self) -> str:
        """The name of the embedding in the cache: HASH_LETTERS of the voxels' hash, then a sha256 in hex."""
        parts = [
            self.voxels_hash,
            self.slice_index,
            self.window,
            self.model_checksum,
            self.preprocessing,
        ]
        return self.voxels_hash[:HASH_LETTERS] + hashlib.sha256(json.dumps(parts).encode()).hexdigest()
