"""The headers of one series -> its stacks: by kind of pixels, plane and repeats; and stacks of images without a place.

Images that do not say where they lie are never put into the patient: they get a grid of their own, with a warning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from backend.errors import AppError
from backend.imaging.dicom.grid import (
    SAME_POSITION_MM,
    Stack,
    is_placed,
    split_by_plane,
    split_repeats,
    stack_frames,
)
from backend.imaging.dicom.types import Frame, Header
from backend.imaging.errors import TooManyVolumes
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.outcomes import Fault
from backend.imaging.unknowns import NO_PLACE, NO_SPACING

MAX_VOLUMES_PER_SERIES = 64
"""More time points, echoes or directions than this in one series are refused: nobody annotates them one by one."""

TOMOGRAPHIC = frozenset({"CT", "MR", "PT", "NM"})
"""Modalities whose single images are slices of one body; of the others, images without a position stand alone."""

PLANE_NAMES = {"S": "axial", "I": "axial", "A": "coronal", "P": "coronal", "L": "sagittal", "R": "sagittal"}


def find_stacks(headers: Sequence[Header]) -> tuple[list[Stack], list[Fault]]:
    """All stacks of one series, labelled where there are several, and a Fault for each group of frames that is none."""
    stacks: list[Stack] = []
    faults: list[Fault] = []
    for group in _by_pixel_kind(headers):
        spacing = {header.file.path: header.slice_spacing_mm for header in group}
        frames = [frame for header in group for frame in header.frames]
        for plane in split_by_plane(frame for frame in frames if is_placed(frame)):
            try:
                stacks.extend(_stacks_of_plane(plane, spacing[plane[0].file.path]))
            except AppError as error:
                faults.append(_fault(plane, error))
        stacks.extend(_unplaced(group))
    return _with_plane_labels(stacks), faults


def rebuilt(stack: Stack, frames: Sequence[Frame], headers: Mapping[Path, Header]) -> Stack:
    """The stack with only these of its frames. Raises what `stack_frames` raises, IrregularSliceSpacing above all."""
    if is_placed(frames[0]):
        spacing = headers[frames[0].file.path].slice_spacing_mm
        return replace(stack_frames(frames, spacing, stack.label), notes=stack.notes)
    _slices, rows, columns = stack.geometry.shape_kji
    return replace(
        stack, frames=tuple(frames), geometry=VolumeGeometry(stack.geometry.affine_lps, (len(frames), rows, columns))
    )


def same_place(a: Header, b: Header) -> bool:
    """Whether two headers describe images of one size and number of frames at one position."""
    first, second = a.frames[0], b.frames[0]
    if (len(a.frames), first.rows, first.columns) != (len(b.frames), second.rows, second.columns):
        return False
    if first.position_mm is None or second.position_mm is None:
        return first.position_mm is second.position_mm
    return bool(np.linalg.norm(first.position_mm - second.position_mm) < SAME_POSITION_MM)


def _by_pixel_kind(headers: Sequence[Header]) -> list[list[Header]]:
    """Grey and colour apart, and MONOCHROME1 of each depth apart, because it is mirrored as a whole."""
    groups: dict[tuple[bool, int], list[Header]] = {}
    for header in headers:
        mirrored_bits = header.bits_stored if header.photometric == "MONOCHROME1" else 0
        groups.setdefault((header.is_color, mirrored_bits), []).append(header)
    return list(groups.values())


def _stacks_of_plane(frames: Sequence[Frame], slice_spacing_mm: float | None) -> list[Stack]:
    repeats, notes = split_repeats(frames)
    if len(repeats) > MAX_VOLUMES_PER_SERIES:
        raise TooManyVolumes(len(repeats), MAX_VOLUMES_PER_SERIES)
    stacks = [stack_frames(group, slice_spacing_mm, label) for label, group in repeats]
    return [replace(stack, notes=(*notes, *stack.notes)) for stack in stacks]


def _with_plane_labels(stacks: Sequence[Stack]) -> list[Stack]:
    """Labels that tell stacks of several planes apart: "axial", or "axial 1", "axial 2" where that is not enough."""
    if len(stacks) < 2 or len({stack.label for stack in stacks}) == len(stacks):
        return list(stacks)
    named = [", ".join(filter(None, (_plane_name(stack), stack.label))) for stack in stacks]
    total, used = Counter(named), Counter[str]()
    labelled = []
    for stack, name in zip(stacks, named, strict=True):
        used[name] += 1
        labelled.append(replace(stack, label=f"{name} {used[name]}" if total[name] > 1 else name))
    return labelled


def _plane_name(stack: Stack) -> str:
    return PLANE_NAMES[stack.geometry.axis_letters[0]] if is_placed(stack.frames[0]) else "image"


def _fault(frames: Sequence[Frame], error: AppError) -> Fault:
    return Fault(tuple({frame.file.path: frame.file for frame in frames}.values()), error)


# -- images without a place -------------------------------------------------------------------------------------------
def _unplaced(headers: Sequence[Header]) -> list[Stack]:
    """Frames of one file follow each other; single slices of a tomographic series follow their instance numbers; any
    other image stands alone."""
    stacks: list[Stack] = []
    slices: list[tuple[Frame, Header]] = []
    for header in headers:
        frames = [frame for frame in header.frames if not is_placed(frame)]
        if len(frames) == 1 and header.series.modality in TOMOGRAPHIC:
            slices.append((frames[0], header))
        elif frames:
            stacks.append(_loose_stack(frames, header.slice_spacing_mm, "frames in their order in the file"))
    numbers = [frame.instance_number for frame, _ in slices]
    sizes = {(frame.rows, frame.columns, frame.pixel_spacing_mm) for frame, _ in slices}
    if len(slices) > 1 and len(sizes) == 1 and None not in numbers and len(set(numbers)) == len(numbers):
        slices.sort(key=lambda pair: pair[0].instance_number or 0)
        frames = [frame for frame, _ in slices]
        stacks.append(_loose_stack(frames, slices[0][1].slice_spacing_mm, "slices in the order of instance numbers"))
    else:
        stacks.extend(_loose_stack([frame], header.slice_spacing_mm, "one image") for frame, header in slices)
    return stacks


def _loose_stack(frames: Sequence[Frame], slice_spacing_mm: float | None, what: str) -> Stack:
    first = frames[0]
    notes = [NO_PLACE]
    if first.pixel_spacing_mm is None:
        notes.append(NO_SPACING)
    if len(frames) > 1:
        notes.append(f"The third axis holds {len(frames)} {what}, {slice_spacing_mm or 1:g} mm apart.")
    between_rows, between_columns = first.pixel_spacing_mm or (1.0, 1.0)
    geometry = VolumeGeometry.without_patient(
        (len(frames), first.rows, first.columns), (slice_spacing_mm or 1.0, between_rows, between_columns)
    )
    return Stack(tuple(frames), geometry, "", tuple(notes))
