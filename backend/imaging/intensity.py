"""Grey values: what range a volume has, which windows to offer for it, and the 8-bit image that the model sees.

The window of the model is not the window on the screen. It is chosen once per volume from the modality and the values,
recorded with the volume and part of the embedding's key, so that a user's window never changes a mask.

A window (width, center) means center - width / 2 .. center + width / 2, both ends included: DICOM's LINEAR_EXACT, the
only form that is defined for floats and for a width of 1. Voxels are modality values already (HU for CT); this file
knows nothing of rescale slopes or tags (`imaging/dicom.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

PREPROCESSING_VERSION = 1
"""Part of the embedding key: raised whenever `model_window` or `model_input` would give other bytes for a slice."""

SAMPLES_MAX = 1_000_000
"""Percentiles are taken from about this many voxels on a regular grid; the range is exact."""

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.0


@dataclass(frozen=True, slots=True)
class Window:
    """Which values are shown, from black at `low` to white at `high`, in the values of the modality."""

    name: str
    width: float
    center: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.width) and math.isfinite(self.center) and self.width > 0):
            raise ValueError(f"a window needs a finite centre and a width above 0, not {self.width} / {self.center}")

    @classmethod
    def between(cls, name: str, low: float, high: float) -> Window:
        """From the darkest to the brightest value; a width of 1 when both are the same."""
        return cls(name, high - low, (low + high) / 2) if high > low else cls(name, 1.0, low)

    @property
    def low(self) -> float:
        return self.center - self.width / 2

    @property
    def high(self) -> float:
        return self.center + self.width / 2

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "width": self.width, "center": self.center}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Window:
        return cls(str(data["name"]), float(data["width"]), float(data["center"]))


CT_SOFT_TISSUE = Window("Soft tissue", 400, 40)
CT_LUNG = Window("Lung", 1500, -600)
CT_BONE = Window("Bone", 2500, 480)
CT_BRAIN = Window("Brain", 80, 40)
CT_PRESETS = (CT_SOFT_TISSUE, CT_LUNG, Window("Liver", 150, 90), CT_BONE, CT_BRAIN, Window("Mediastinum", 350, 50))


SUV = "SUV"
"""The unit of PET that is the same for all scanners."""
SUV_PRESETS = tuple(Window.between(f"SUV 0–{high}", 0, high) for high in (6, 3, 10, 15, 20))


@dataclass(frozen=True, slots=True)
class IntensityStatistics:
    """What the values of a volume look like; NaN and infinity are left out. Percentiles are of a regular sample."""

    minimum: float
    maximum: float
    low: float
    """1st percentile of all voxels."""
    high: float
    """99th percentile of all voxels."""
    nonzero_low: float
    """1st percentile of the voxels that are not 0: the background of MR is exactly 0 as often as not."""
    nonzero_high: float
    """99th percentile of the voxels that are not 0."""
    whole_bytes: bool
    """The voxels are uint8: a picture that somebody has already made for the eye."""


def intensity_statistics(voxels: NDArray[Any]) -> IntensityStatistics:
    """[slices, rows, columns] of any real dtype -> statistics. Reads every voxel once, one slice in memory at a time.

    A volume without a single finite voxel gives zeros.
    """
    ranges = [_finite_range(plane) for plane in voxels]
    known = [pair for pair in ranges if pair is not None]
    if not known:
        return IntensityStatistics(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, voxels.dtype == np.uint8)
    sample = _regular_sample(voxels)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        sample = np.array(known, dtype=np.float64).ravel()
    low, high = _percentiles(sample)
    nonzero = sample[sample != 0]
    nonzero_low, nonzero_high = _percentiles(nonzero) if nonzero.size else (low, high)
    return IntensityStatistics(
        minimum=min(pair[0] for pair in known),
        maximum=max(pair[1] for pair in known),
        low=low,
        high=high,
        nonzero_low=nonzero_low,
        nonzero_high=nonzero_high,
        whole_bytes=voxels.dtype == np.uint8,
    )


def default_windows(
    modality: str, statistics: IntensityStatistics, voi: Sequence[Window] = (), channels: int = 1, unit: str = ""
) -> list[Window]:
    """The windows to offer, the first one is shown: the series' own (VOI) first, then those of the modality, then the
    full range; of SUV those first that readers of PET know. Colour images have none."""
    if channels != 1:
        return []
    offered = [window if window.name else replace(window, name=f"Series {n}") for n, window in enumerate(voi, start=1)]
    if _is_hounsfield(modality, statistics):
        offered += CT_PRESETS
    elif unit == SUV:
        offered = [*SUV_PRESETS, *offered]
    else:
        offered.append(_robust_window(modality, statistics))
    offered.append(Window.between("Full range", statistics.minimum, statistics.maximum))
    unique: dict[tuple[float, float], Window] = {}
    for window in offered:
        unique.setdefault((window.width, window.center), window)
    return list(unique.values())


def model_window(
    modality: str, statistics: IntensityStatistics, voi: Sequence[Window] = (), channels: int = 1
) -> Window | None:
    """The one window through which the model sees this volume; None for colour.

    CT in HU: a preset, so that all examinations of a kind give the same greys. The series' first VOI window decides
    only which: lung, bone, brain, else soft tissue. Bytes stay as they are. Everything else: robust percentiles (1st to
    99th of the voxels that are not 0 for MR), because no scale is shared between scanners and a VOI window is a matter
    of taste.
    """
    if channels != 1:
        return None
    if _is_hounsfield(modality, statistics):
        return _ct_preset_for(voi[0]) if voi else CT_SOFT_TISSUE
    return _robust_window(modality, statistics)


def model_input(pixels: NDArray[Any], window: Window | None) -> NDArray[np.uint8]:
    """One slice -> the 8-bit image that the model sees.

    `pixels` [rows, columns] of any real dtype with a window -> uint8 [rows, columns]; or [rows, columns, 3] uint8 with
    None -> the same values. NaN and -infinity become the black of the window, +infinity its white. MONOCHROME1 needs
    nothing here: its values were mirrored at import.
    """
    if pixels.ndim == 3:
        if window is not None or pixels.dtype != np.uint8 or pixels.shape[2] != 3:
            raise ValueError(f"a colour slice is [rows, columns, 3] uint8 without a window, not {pixels.shape}")
        return np.ascontiguousarray(pixels)
    if pixels.ndim != 2 or window is None:
        raise ValueError(f"a grey slice is [rows, columns] with a window, not {pixels.shape} and {window}")
    scaled = pixels.astype(np.float32)
    np.clip(scaled, window.low, window.high, out=scaled)
    np.nan_to_num(scaled, copy=False, nan=window.low)
    scaled -= np.float32(window.low)
    scaled *= np.float32(255.0 / window.width)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)


# -- rules ------------------------------------------------------------------------------------------------------------
def _is_hounsfield(modality: str, statistics: IntensityStatistics) -> bool:
    """CT, unless nothing lies below 0: then the rescale to HU was lost on the way here."""
    return modality == "CT" and statistics.minimum < 0


def _ct_preset_for(voi: Window) -> Window:
    if voi.center <= -300:
        return CT_LUNG
    if voi.center >= 200 and voi.width >= 1000:
        return CT_BONE
    if voi.width <= 120 and 20 <= voi.center <= 60:
        return CT_BRAIN
    return CT_SOFT_TISSUE


def _robust_window(modality: str, statistics: IntensityStatistics) -> Window:
    if statistics.whole_bytes:
        return Window.between("8 bit", 0, 255)
    if modality == "PT":
        return Window.between("PET", 0, max(statistics.nonzero_high, 0.0) or 1.0)
    if modality == "MR" or (modality == "OT" and statistics.minimum == 0):
        return Window.between("1-99 % of tissue", statistics.nonzero_low, statistics.nonzero_high)
    return Window.between("1-99 %", statistics.low, statistics.high)


def _finite_range(plane: NDArray[Any]) -> tuple[float, float] | None:
    if plane.dtype.kind == "f":
        plane = plane[np.isfinite(plane)]
        if plane.size == 0:
            return None
    return float(plane.min()), float(plane.max())


def _regular_sample(voxels: NDArray[Any]) -> NDArray[Any]:
    """Every n-th voxel along each axis, at most about SAMPLES_MAX, flat."""
    step = max(1, math.ceil((voxels.size / SAMPLES_MAX) ** (1 / 3)))
    slice_step = min(step, max(1, voxels.shape[0] // 16))
    plane_step = max(1, math.ceil(math.sqrt(voxels.size / slice_step / SAMPLES_MAX)))
    return np.ravel(voxels[::slice_step, ::plane_step, ::plane_step])


def _percentiles(sample: NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(sample, [LOW_PERCENTILE, HIGH_PERCENTILE])
    return float(low), float(high)
