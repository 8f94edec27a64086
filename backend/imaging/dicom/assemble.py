"""A stack of frames -> a Volume: stored values become modality values, each slice decoded straight into its place.

Values: int16 when slope and intercept keep integers that fit, else uint16, else int32; float32 where a slope or an
intercept has a fraction (PET, MR of some vendors), also when they differ from slice to slice; uint8 for 8-bit grey
without rescaling and for colour (RGB).

MONOCHROME1 (low values are bright): pictures whose values have no unit (CR, DX, MG, ...) are mirrored, v -> m - v with
m the sum of the ends of the stored range, so that everything after import may take high values for bright;
`mirrored_about` is m, and the original value is m - voxel. CT and PET keep their values, which have a unit; those of
PET become SUV where the files say all that is needed (`suv.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import AppError
from backend.imaging.dicom.grid import Stack
from backend.imaging.dicom.pixels import decode_frames
from backend.imaging.dicom.suv import Scale, scale_of
from backend.imaging.dicom.types import Frame, Header, Rescale
from backend.imaging.errors import VolumeTooLarge
from backend.imaging.intensity import Window
from backend.imaging.outcomes import SourceFile
from backend.imaging.volume import Volume

MAX_VOLUME_BYTES = 4 * 2**30
"""The largest voxel array that is read; a header that promises more is refused before anything is decoded."""

MODALITIES_WITH_UNITS = frozenset({"CT", "PT"})
INTEGER_DTYPES = tuple(np.dtype(name) for name in ("int16", "uint16", "int32"))


class FrameNotDecoded(Exception):
    """Inside this package: one file of a stack cannot be decoded, so the stack has to be made without it."""

    def __init__(self, file: SourceFile, error: AppError) -> None:
        super().__init__(error.detail)
        self.file = file
        self.error = error


@dataclass(frozen=True, slots=True)
class Assembled:
    """A volume with the windows of its middle slice and, for mirrored MONOCHROME1, the sum of value and original."""

    volume: Volume
    windows: tuple[Window, ...]
    mirrored_about: float | None
    notes: tuple[str, ...]


def assemble(stack: Stack, headers: Mapping[Path, Header]) -> Assembled:
    """Decodes a stack. Raises FrameNotDecoded for a file that cannot be decoded, VolumeTooLarge."""
    header = headers[stack.frames[0].file.path]
    mirrored_about = _mirror(stack.frames, header)
    scale = _scale(stack, headers)
    target = _Target(_allocate(stack, header, scale.factor))
    notes = [scale.note] if scale.note else []
    slice_of = {id(frame): k for k, frame in enumerate(stack.frames)}
    for path, frames in _by_file(stack.frames).items():
        try:
            for frame, stored in decode_frames(headers[path], frames):
                values = _modality_values(stored, frame.rescale)
                if scale.factor != 1:
                    values = values * scale.factor
                target.put(slice_of[id(frame)], values if mirrored_about is None else mirrored_about - values)
        except AppError as error:
            raise FrameNotDecoded(headers[path].file, error) from error
    if header.photometric == "MONOCHROME1":
        notes.append(
            "MONOCHROME1: low values were meant to be bright. "
            + (
                "The values have a unit and are kept."
                if mirrored_about is None
                else f"Values are mirrored (v to {mirrored_about:g} - v), so that the picture shows as intended."
            )
        )
    channels = 3 if header.is_color else 1
    if header.is_real:
        notes += _finite(target.voxels)
        if header.bits_stored > 32:
            notes.append("Numbers of 64 bits are kept to seven digits.")
    volume = Volume(stack.geometry, target.voxels, header.series.modality, channels, scale.unit)
    windows = stack.frames[len(stack.frames) // 2].windows if channels == 1 else ()
    if mirrored_about is not None:
        windows = tuple(replace(window, center=mirrored_about - window.center) for window in windows)
    windows = tuple(Window(w.name, w.width * scale.factor, w.center * scale.factor) for w in windows)
    return Assembled(volume, windows, mirrored_about, tuple(notes))


def _finite(voxels: NDArray[Any]) -> list[str]:
    """Puts the lowest value (of infinity the highest) where there is no finite number, in place, and says so."""
    bad = ~np.isfinite(voxels)
    count = int(np.count_nonzero(bad))
    if not count:
        return []
    finite = voxels[~bad]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    np.nan_to_num(voxels, copy=False, nan=low, neginf=low, posinf=high)
    return [f"{count} voxels were not finite numbers; they have the lowest value, {low:g} (infinity the highest)."]


def _scale(stack: Stack, headers: Mapping[Path, Header]) -> Scale:
    """What the modality values of PET become; others stay as they are."""
    tracers = [headers[path].tracer for path in _by_file(stack.frames)]
    known = [tracer for tracer in tracers if tracer is not None]
    if not known or headers[stack.frames[0].file.path].is_color:
        return Scale(1.0, "")
    return scale_of(known)


def _allocate(stack: Stack, header: Header, factor: float) -> NDArray[Any]:
    shape: tuple[int, ...] = stack.geometry.shape_kji
    dtype: np.dtype[Any]
    if header.is_color:
        dtype, shape = np.dtype(np.uint8), (*shape, 3)
    elif header.is_real or factor != 1 or not all(_keeps_integers(frame.rescale) for frame in stack.frames):
        dtype = np.dtype(np.float32)
    elif header.bits_stored <= 8 and not header.signed and all(f.rescale == Rescale() for f in stack.frames):
        dtype = np.dtype(np.uint8)
    else:
        dtype = INTEGER_DTYPES[0]
    size_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size_bytes > MAX_VOLUME_BYTES:
        raise VolumeTooLarge(size_bytes, MAX_VOLUME_BYTES)
    return np.empty(shape, dtype)


@dataclass(slots=True)
class _Target:
    """The array that slices are written into, in any order; widened when an integer does not fit."""

    voxels: NDArray[Any]
    low: int = 0
    high: int = 0

    def put(self, k: int, values: NDArray[Any]) -> None:
        if self.voxels.ndim == 3 and self.voxels.dtype != np.float32:
            self.low, self.high = min(self.low, int(values.min())), max(self.high, int(values.max()))
            if self.low < np.iinfo(self.voxels.dtype).min or self.high > np.iinfo(self.voxels.dtype).max:
                self.voxels = self.voxels.astype(_dtype_for(self.low, self.high))
        self.voxels[k] = values


def _dtype_for(low: int, high: int) -> np.dtype[Any]:
    for dtype in INTEGER_DTYPES:
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return dtype
    return np.dtype(np.float32)


def _keeps_integers(rescale: Rescale) -> bool:
    numbers = rescale.table[1] if rescale.table else (rescale.slope, rescale.intercept)
    return all(float(value).is_integer() for value in numbers)


def _modality_values(stored: NDArray[Any], rescale: Rescale) -> NDArray[Any]:
    """[rows, columns] stored integers -> modality values: integers that are wide enough where they stay so, else
    float64."""
    if rescale == Rescale() or stored.ndim == 3:
        return stored
    if rescale.table is not None:
        first, entries = rescale.table
        table = np.asarray(entries)
        index = np.clip(stored.astype(np.int64) - first, 0, len(table) - 1)
        return table[index].astype(np.int64) if _keeps_integers(rescale) else np.asarray(table[index])
    if _keeps_integers(rescale):
        slope, intercept = int(rescale.slope), int(rescale.intercept)
        values = stored.astype(_wide_enough(stored, slope, intercept))
        if slope != 1:
            values *= slope
        values += intercept
        return values
    return stored * rescale.slope + rescale.intercept


def _wide_enough(stored: NDArray[Any], slope: int, intercept: int) -> np.dtype[Any]:
    """The narrowest of INTEGER_DTYPES, or int64, that holds the numbers and everything on the way to their values."""
    reached = [0, slope, intercept]
    for end in (int(stored.min()), int(stored.max())):
        reached += [end, end * slope, end * slope + intercept]
    for dtype in INTEGER_DTYPES:
        if np.iinfo(dtype).min <= min(reached) and max(reached) <= np.iinfo(dtype).max:
            return dtype
    return np.dtype(np.int64)


def _mirror(frames: Sequence[Frame], header: Header) -> float | None:
    if header.photometric != "MONOCHROME1" or header.is_real or header.series.modality in MODALITIES_WITH_UNITS:
        return None
    bits = header.bits_stored
    ends = np.array([-(1 << (bits - 1)), (1 << (bits - 1)) - 1] if header.signed else [0, (1 << bits) - 1])
    reached = np.concatenate([_modality_values(ends[None, :], frame.rescale).ravel() for frame in frames])
    return float(reached.min() + reached.max())


def _by_file(frames: Sequence[Frame]) -> dict[Path, list[Frame]]:
    groups: dict[Path, list[Frame]] = {}
    for frame in frames:
        groups.setdefault(frame.file.path, []).append(frame)
    return groups
