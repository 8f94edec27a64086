"""What an exported label is, and how the masks of several labels become one label map.

Both exports (`seg.py`, `labels_nifti.py`) read their masks through `compose`. Not here: projects' labels and who drew
what (`domain/annotation.py`); this is what is left of them when they leave the house.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backend.imaging.errors import ExportGridMismatch, LabelValuesClash
from backend.imaging.masks import BoolMask

AlgorithmType = Literal["MANUAL", "SEMIAUTOMATIC", "AUTOMATIC"]


@dataclass(frozen=True, slots=True)
class CodedTerm:
    """A coded concept as DICOM writes it, e.g. ("SCT", "10200004", "Liver")."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a mask was made. `name`, `version` and `parameters` are required reading unless `type` is MANUAL."""

    type: AlgorithmType = "MANUAL"
    name: str = ""
    version: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExportLabel:
    """One label of an export. `value` is its voxel value in label maps, 1 to 65535; `color` is "#rrggbb"."""

    name: str
    value: int
    color: str
    code: CodedTerm | None = None
    algorithm: Algorithm = Algorithm()

    @property
    def rgb(self) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(self.color.removeprefix("#"))
        return red, green, blue


ReadMask = Callable[[ExportLabel], BoolMask]
"""Gives the mask of a label, [slices, rows, columns] bool. Called one label at a time, more than once for a label when
labels overlap, so that only one mask is in memory."""


@dataclass(frozen=True, slots=True)
class LabelMap:
    """`voxels` [slices, rows, columns] uint8 or uint16: 0 is background, where labels overlap the later one stands.

    `voxel_counts` holds, in the order of the labels, how many voxels each label has before overlap takes any away;
    `overlaps` the pairs of names that share voxels, with how many.
    """

    voxels: NDArray[Any]
    labels: tuple[ExportLabel, ...]
    voxel_counts: tuple[int, ...]
    overlaps: tuple[tuple[str, str, int], ...]

    @property
    def present(self) -> tuple[ExportLabel, ...]:
        """The labels that have a voxel."""
        return tuple(label for label, count in zip(self.labels, self.voxel_counts, strict=True) if count)


def check_values(labels: Iterable[ExportLabel]) -> None:
    """Raises LabelValuesClash for two labels of one value, and for a value that a uint16 cannot hold."""
    seen: dict[int, str] = {}
    for label in labels:
        if not 1 <= label.value <= 65535:
            raise LabelValuesClash(f"'{label.name}' has the value {label.value}; 1 to 65535 can be written.")
        if label.value in seen:
            raise LabelValuesClash(
                f"'{seen[label.value]}' and '{label.name}' both have the value {label.value}.",
                hint="Give every label of the project a value of its own.",
            )
        seen[label.value] = label.name


def compose(labels: Sequence[ExportLabel], read_mask: ReadMask, shape_kji: tuple[int, int, int]) -> LabelMap:
    """One label map of all labels: memory for the map and one mask. Later labels win.

    Raises LabelValuesClash (see `check_values`) and ExportGridMismatch when a mask is not of `shape_kji`.
    """
    check_values(labels)
    highest = max((label.value for label in labels), default=0)
    voxels = np.zeros(shape_kji, dtype=np.uint8 if highest <= 255 else np.uint16)
    names = {label.value: label.name for label in labels}
    counts: list[int] = []
    overlaps: list[tuple[str, str, int]] = []
    for label in labels:
        mask = checked_mask(label, read_mask, shape_kji)
        covered = voxels[mask]
        counts.append(int(covered.size))
        values, times = np.unique(covered[covered != 0], return_counts=True)
        overlaps += [(names[int(value)], label.name, int(n)) for value, n in zip(values, times, strict=True)]
        voxels[mask] = label.value
    return LabelMap(voxels, tuple(labels), tuple(counts), tuple(overlaps))


def checked_mask(label: ExportLabel, read_mask: ReadMask, shape_kji: tuple[int, int, int]) -> BoolMask:
    """The mask of a label. Raises ExportGridMismatch when it is not of `shape_kji`."""
    mask = read_mask(label)
    if mask.shape != shape_kji or mask.dtype != np.bool_:
        raise ExportGridMismatch(f"The mask of '{label.name}' is {mask.shape} {mask.dtype}, the volume {shape_kji}.")
    return mask
