"""Frames -> stacks: which frames belong to one volume, in which order, and on which grid. Pure geometry, no pixels.

Slices are sorted by the projection of their position on the normal of the plane, row x column, never by file name or
instance number. Everything that makes a series no volume is a named error; the tolerances are the constants below.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from backend.imaging.dicom.errors import AmbiguousSlicePositions, IrregularSliceSpacing, MisalignedSlices, NotAVolume
from backend.imaging.dicom.types import Frame
from backend.imaging.errors import InvalidImageGeometry
from backend.imaging.geometry import FloatArray, VolumeGeometry

T = TypeVar("T")

SAME_DIRECTION_TOLERANCE = 2e-3
"""Frames whose direction vectors differ by less (about 0.1 degrees) have one orientation."""

SAME_SPACING_TOLERANCE = 1e-3
"""Frames whose pixel spacings differ by less, relative, have one pixel spacing."""

SAME_POSITION_MM = 1e-2
"""Frames closer than this along the normal lie at one position: they are repeats, not neighbours."""

GAP_TOLERANCE = 0.1
"""How much the distance of two neighbouring slices may differ from the usual one, as a part of it. Rounded positions
differ by a few percent; a missing slice by 100."""

GAP_WARNING = 0.01
"""From this relative difference on, a series that passes still carries a warning."""

DRIFT_TOLERANCE = 0.5
"""How far a slice may lie from its place on the even grid, as a part of the usual distance."""

MISALIGNMENT_PIXELS = 0.5
"""How far the first pixel of a slice may lie beside the line through the others, in pixels."""

SHEAR_WARNING_DEGREES = 0.5
"""From this angle between stacking direction and normal on, a series is a tilted gantry and carries a warning."""

SHEAR_LIMIT_DEGREES = 45.0
"""No gantry tilts so far: two slices this far beside each other are no stack."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Frames in the order of growing k, their grid, what tells this stack from its siblings, and warnings."""

    frames: tuple[Frame, ...]
    geometry: VolumeGeometry
    label: str = ""
    notes: tuple[str, ...] = ()


def is_placed(frame: Frame) -> bool:
    """Whether the frame says where it lies: position, orientation and pixel spacing."""
    return (
        frame.position_mm is not None
        and frame.row_direction is not None
        and frame.column_direction is not None
        and frame.pixel_spacing_mm is not None
    )


def split_by_plane(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Groups of placed frames with one size, orientation, pixel spacing and stack, in order of appearance."""
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            if _same_plane(frame, group[0]):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return groups


def _same_plane(a: Frame, b: Frame) -> bool:
    if (a.rows, a.columns, a.keys.get("stack")) != (b.rows, b.columns, b.keys.get("stack")):
        return False
    return (
        bool(np.linalg.norm(_row(a) - _row(b)) < SAME_DIRECTION_TOLERANCE)
        and bool(np.linalg.norm(_column(a) - _column(b)) < SAME_DIRECTION_TOLERANCE)
        and np.allclose(_spacing(a), _spacing(b), rtol=SAME_SPACING_TOLERANCE, atol=0)
    )


# -- repeats: time points, echoes, directions -------------------------------------------------------------------------
def split_repeats(frames: Sequence[Frame]) -> tuple[list[tuple[str, list[Frame]]], tuple[str, ...]]:
    """Frames of one plane -> (label, frames at distinct positions) per time point, echo, b-value..., and warnings.

    The first property of Frame.keys, or pair of properties, whose values sort the frames into as many groups as there
    are repeats wins; complete groups go before incomplete ones. Where none does, the frames at each position are
    numbered by trigger time, acquisition time or instance number, with a warning.
    Raises NotAVolume when all frames lie at one position, AmbiguousSlicePositions when nothing tells them apart.
    """
    positions = _positions(frames)
    counts = [len(group) for group in positions]
    most = max(counts)
    if most == 1:
        return [("", list(frames))], ()
    if len(positions) == 1:
        raise NotAVolume(len(frames))
    place = {id(frame): n for n, group in enumerate(positions) for frame in group}
    is_even = min(counts) == most
    for complete in (True, False) if is_even else (False,):
        for keys in _key_choices(frames):
            groups = _grouped(frames, keys)
            if len(groups) != most or any(len({place[id(f)] for f in group}) != len(group) for group in groups):
                continue
            if complete and any(len(group) != len(positions) for group in groups):
                continue
            return _labelled(groups, keys), _incomplete_notes(groups, len(positions))
    if not is_even:
        raise AmbiguousSlicePositions(len(positions), len(frames), most)
    return _numbered(positions, most)


def _positions(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames by position along the normal, both in growing order."""
    offsets = _offsets(frames)
    order = np.argsort(offsets, kind="stable")
    groups: list[list[Frame]] = []
    last = -np.inf
    for index in order:
        if offsets[index] - last > SAME_POSITION_MM:
            groups.append([])
            last = offsets[index]
        groups[-1].append(frames[index])
    return groups


def _key_choices(frames: Sequence[Frame]) -> list[tuple[str, ...]]:
    names = dict.fromkeys(name for frame in frames for name in frame.keys if name != "stack")
    varying = [name for name in names if len({frame.keys.get(name) for frame in frames}) > 1]
    return [(name,) for name in varying] + list(itertools.combinations(varying, 2))


def _grouped(frames: Sequence[Frame], keys: tuple[str, ...]) -> list[list[Frame]]:
    groups: dict[tuple[str, ...], list[Frame]] = {}
    for frame in frames:
        groups.setdefault(tuple(frame.keys.get(key, "") for key in keys), []).append(frame)
    return [groups[value] for value in sorted(groups, key=lambda value: [_sortable(part) for part in value])]


def _labelled(groups: list[list[Frame]], keys: tuple[str, ...]) -> list[tuple[str, list[Frame]]]:
    """Labels such as "acquisition 2" or "echo time 30, image type PHASE"; times are counted, not quoted."""
    labels = []
    for n, group in enumerate(groups, start=1):
        parts = []
        for key in keys:
            value = group[0].keys.get(key, "")
            if key in ("acquisition time", "content time", "gradient"):
                parts.append(f"{key} {n} of {len(groups)}")
            elif key == "image type":
                parts.append(f"{key} {_differing_part(value, [other[0].keys.get(key, '') for other in groups])}")
            else:
                parts.append(f"{key} {value or 'not given'}")
        labels.append((", ".join(parts), group))
    return labels


def _differing_part(value: str, all_values: Sequence[str]) -> str:
    """The components of a multi-valued text that are not the same in all of them."""
    components = [text.replace(" ", "\\").split("\\") for text in all_values]
    common = set(components[0]).intersection(*components[1:])
    own = [part for part in dict.fromkeys(value.replace(" ", "\\").split("\\")) if part not in common]
    return " ".join(own) or value.replace("\\", " ")


def _incomplete_notes(groups: list[list[Frame]], positions: int) -> tuple[str, ...]:
    short = [n for n, group in enumerate(groups, start=1) if len(group) < positions]
    if not short:
        return ()
    return (f"Volumes {', '.join(map(str, short))} of {len(groups)} lack some of the {positions} slice positions.",)


def _numbered(positions: list[list[Frame]], repeats: int) -> tuple[list[tuple[str, list[Frame]]], tuple[str, ...]]:
    for name in ("trigger time", "acquisition time", "content time", "instance number"):
        values = [[_order_value(frame, name) for frame in group] for group in positions]
        if all(None not in group and len(set(group)) == repeats for group in values):
            ordered = [
                sorted(group, key=lambda frame: _sortable(_order_value(frame, name) or "")) for group in positions
            ]
            note = f"Nothing names the {repeats} images at each position; they are counted by {name}."
            return [(f"{n + 1} of {repeats}", [group[n] for group in ordered]) for n in range(repeats)], (note,)
    raise AmbiguousSlicePositions(len(positions), len(positions) * repeats, repeats)


def _order_value(frame: Frame, name: str) -> str | None:
    if name != "instance number":
        return frame.keys.get(name)
    return None if frame.instance_number is None else str(frame.instance_number)


def _sortable(value: str) -> tuple[int, float, str]:
    """Numbers by value, before text."""
    try:
        return (0, float(value), value)
    except ValueError:
        return (1, 0.0, value)


# -- the grid ---------------------------------------------------------------------------------------------------------
def stack_frames(frames: Sequence[Frame], slice_spacing_mm: float | None, label: str = "") -> Stack:
    """Parallel placed frames, one per position -> a Stack with k growing along the normal.

    The step from slice to slice is the true one between positions: where a tilted gantry shifts the slices against
    each other the affine is sheared and exact, and nothing is resampled. `slice_spacing_mm` is used for a single slice
    only. Raises IrregularSliceSpacing, MisalignedSlices and InvalidImageGeometry.
    """
    offsets = _offsets(frames)
    ordered = [frames[index] for index in np.argsort(offsets, kind="stable")]
    first = ordered[0]
    between_rows, between_columns = _spacing(first)
    notes: list[str] = []
    if len(ordered) == 1:
        if slice_spacing_mm is None:
            notes.append("The single slice gives no thickness; 1 mm is assumed.")
        step = _normal(first) * (slice_spacing_mm or 1.0)
    else:
        step = _checked_step(np.array([_position(frame) for frame in ordered]), _normal(first), _spacing(first), notes)
    geometry = VolumeGeometry.from_axes(
        origin_mm=_position(first),
        step_k_mm=step,
        step_j_mm=_column(first) * between_rows,
        step_i_mm=_row(first) * between_columns,
        shape_kji=(len(ordered), first.rows, first.columns),
    )
    if geometry.shear_degrees > SHEAR_WARNING_DEGREES:
        notes.append(
            f"The slices are sheared by {geometry.shear_degrees:.1f} degrees, as by a tilted gantry. Positions and "
            f"volumes are exact; side views show the voxels unsheared."
        )
    return Stack(tuple(ordered), geometry, label, tuple(notes))


def _checked_step(
    positions: FloatArray, normal: FloatArray, pixel_spacing_mm: tuple[float, float], notes: list[str]
) -> FloatArray:
    """The mean step [3] between the sorted positions [n, 3]; raises when the steps are not even."""
    count = len(positions)
    gaps = np.diff(positions @ normal)
    usual = float(np.median(gaps))
    off_by = np.abs(gaps - usual)
    step = np.asarray((positions[-1] - positions[0]) / (count - 1))
    residual = positions - positions[0] - np.arange(count)[:, None] * step
    along = residual @ normal
    if off_by.max() > GAP_TOLERANCE * usual or np.abs(along).max() > DRIFT_TOLERANCE * usual:
        raise IrregularSliceSpacing([float(gap) for gap in gaps], int(off_by.argmax()), usual)
    beside = np.linalg.norm(residual - along[:, None] * normal, axis=1)
    allowed = MISALIGNMENT_PIXELS * min(pixel_spacing_mm)
    if beside.max() > allowed:
        raise MisalignedSlices(int(beside.argmax()) + 1, float(beside.max()), allowed)
    tilt = float(np.degrees(np.arccos(min(1.0, float(step @ normal / np.linalg.norm(step))))))
    if tilt > SHEAR_LIMIT_DEGREES:
        raise InvalidImageGeometry(
            f"Neighbouring slices are shifted so far against each other ({tilt:.0f} degrees) that they are no stack."
        )
    if off_by.max() > GAP_WARNING * usual:
        notes.append(
            f"Slice distances vary from {gaps.min():.4g} to {gaps.max():.4g} mm; {step @ normal:.4g} mm is used."
        )
    return step


def _offsets(frames: Sequence[Frame]) -> FloatArray:
    """[n] positions along the normal of the first frame, mm."""
    return np.asarray(np.array([_position(frame) for frame in frames]) @ _normal(frames[0]))


def _normal(frame: Frame) -> FloatArray:
    normal = np.cross(_row(frame), _column(frame))
    return np.asarray(normal / np.linalg.norm(normal))


def _position(frame: Frame) -> FloatArray:
    return _known(frame.position_mm)


def _row(frame: Frame) -> FloatArray:
    return _known(frame.row_direction)


def _column(frame: Frame) -> FloatArray:
    return _known(frame.column_direction)


def _spacing(frame: Frame) -> tuple[float, float]:
    return _known(frame.pixel_spacing_mm)


def _known(value: T | None) -> T:
    """A property of a frame for which `is_placed` holds."""
    if value is None:
        raise ValueError("the frame is not placed")
    return value
