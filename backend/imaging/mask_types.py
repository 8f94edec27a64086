"""What a file of masks is once it is read: segments on a grid, whose images they belong to, and what can be wrong.

The readers are `mask_files.py` (which tells formats apart, NIfTI), `mask_nrrd.py`, `mask_seg.py`, `mask_rtstruct.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.errors import AppError, Rejected
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import CodedTerm
from backend.imaging.masks import BoolMask
from backend.imaging.reasons import reason_of

MAX_SEGMENTS = 255
"""As many labels as a project can have values for."""

MAX_VOXELS = 2**30
"""Of the grid of a mask file: 1024 x 1024 x 1024."""

INTEGERS = "Save a label map: whole numbers, 0 for background."


class NotAMaskFile(Rejected):
    """The file is of no format that masks are read from, or not of integers. Raised by the readers of masks."""

    code = "not_a_mask_file"
    title = "No masks can be read from this file"


class CorruptMaskFile(Rejected):
    """The file is cut off or contradicts itself. Raised by the readers of masks."""

    code = "corrupt_mask_file"
    title = "The mask file cannot be read"


class TooManySegments(Rejected):
    """More segments than a project can have labels. Raised by the readers of masks."""

    code = "too_many_segments"
    title = "The file has too many segments"


class MaskFileTooLarge(Rejected):
    """The grid of the masks is larger than any that is read. Raised by the readers of masks."""

    code = "mask_file_too_large"
    title = "The masks are too large"


class ContoursAcrossSlices(Rejected):
    """A contour does not lie in a plane parallel to the slices. Raised by imaging.mask_rtstruct."""

    code = "contours_across_slices"
    title = "The contours do not lie in the slices"


@dataclass(frozen=True, slots=True)
class Segment:
    """One structure of a mask file. `number` is its number or voxel value there, `read` gives its mask [slices, rows,
    columns] on the file's grid; `color` is "#rrggbb"."""

    number: int
    name: str
    read: Callable[[], BoolMask]
    color: str | None = None
    code: CodedTerm | None = None


@dataclass(frozen=True, slots=True)
class Belonging:
    """Whose images the masks were drawn on, as a DICOM file says; "" and nothing where it does not. Never log the
    patient. `series_uids` and `image_uids` (SOP Instance UIDs) are what it refers to."""

    frame_of_reference_uid: str = ""
    study_uid: str = ""
    patient_id: str = field(default="", repr=False)
    patient_issuer: str = field(default="", repr=False)
    series_uids: frozenset[str] = frozenset()
    image_uids: frozenset[str] = frozenset()

    @property
    def names_images(self) -> bool:
        return bool(self.series_uids or self.image_uids)


class SliceOf(Protocol):
    """The slice of the volume that an image became: of its SOP Instance UID, as the file of masks says it, and its
    frame from 1 (None: the only one). None where the volume does not hold it."""

    def __call__(self, sop_instance_uid: str, frame: int | None) -> int | None: ...


def no_slice(sop_instance_uid: str, frame: int | None) -> None:
    """Of a volume whose images are not known."""


@dataclass(frozen=True, slots=True)
class MaskFile:
    """`format` is dicom-seg, rtstruct, nifti or nrrd. `off_planes` says which contours lie off the slices, and how far:
    reading them is resampling. `left_out` are the names of what is no region of voxels: points, lines."""

    format: str
    geometry: VolumeGeometry
    segments: tuple[Segment, ...]
    belongs_to: Belonging = Belonging()
    off_planes: str = ""
    left_out: tuple[str, ...] = ()


@contextmanager
def faults_told(name: str) -> Iterator[None]:
    """A damaged file makes a parser raise anything at all, with words that may quote values: inside, that becomes
    CorruptMaskFile with what of it can be shown."""
    try:
        yield
    except AppError:
        raise
    except Exception as error:
        raise CorruptMaskFile(
            f"'{name}' is damaged and cannot be read: {reason_of(error)}.", hint="Save the masks again."
        ) from error


def check_count(count: int) -> None:
    """Raises NotAMaskFile for none, TooManySegments."""
    if count == 0:
        raise NotAMaskFile("The file holds no segment: every voxel is background.", hint=INTEGERS)
    if count > MAX_SEGMENTS:
        raise TooManySegments(
            f"The file has {count} segments; a project has at most {MAX_SEGMENTS} labels.",
            hint="Is it an image rather than a mask? Else save the wanted segments alone.",
        )


def check_size(shape: Sequence[int]) -> None:
    """Raises MaskFileTooLarge, before memory is taken for what a file claims."""
    if prod(int(n) for n in shape) > MAX_VOXELS:
        raise MaskFileTooLarge(
            f"The masks claim a grid of {' x '.join(map(str, shape))} voxels; {MAX_VOXELS} are the most.",
            hint="Save them on the grid of the images.",
        )


def check_integers(voxels: NDArray[Any], name: str) -> None:
    """Raises NotAMaskFile for an image or a probability map."""
    if voxels.dtype.kind == "f" and not np.array_equal(voxels, np.rint(voxels)):
        raise NotAMaskFile(f"'{name}' holds fractions: an image or a probability map.", hint=INTEGERS)


def equal(voxels: NDArray[Any], value: int) -> BoolMask:
    """Where a label map has the value."""
    return np.asarray(voxels == value, dtype=np.bool_)


def label_map(voxels: NDArray[Any], file_name: str, said: Mapping[int, Mapping[str, Any]]) -> tuple[Segment, ...]:
    """One segment for each value of a label map but 0, named by what is said of the value (name, color and
    the code as a CodedTerm). Raises NotAMaskFile, TooManySegments."""
    check_integers(voxels, file_name)
    values = [int(value) for value in np.unique(voxels) if value != 0]
    check_count(len(values))
    found = []
    for value in values:
        label = said.get(value, {})
        found.append(
            Segment(
                number=value,
                name=label.get("name", f"Label {value}"),
                read=partial(equal, voxels, value),
                color=label.get("color"),
                code=label.get("code"),
            )
        )
    return tuple(found)
