"""Reading DICOM Segmentations of every kind: binary, fractional, label map (PS3.3 A.51, Supplement 243)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.seg import Segmentation
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import CodedTerm
from backend.imaging.mask_types import (
    Belonging,
    CorruptMaskFile,
    MaskFile,
    Segment,
    check_count,
    check_size,
)
from backend.imaging.masks import BoolMask

SEG_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
"""Segmentation Storage and Label Map Segmentation Storage."""


def read_seg(path: Path, name: str, header: Dataset, threshold: float) -> MaskFile:
    """The segments of a file with this header. A voxel of a fractional one belongs to a segment where its fraction is
    at least `threshold`. Raises CorruptMaskFile, NotAMaskFile, TooManySegments, MaskFileTooLarge."""
    check_size([int(header.get(n) or 0) for n in ("NumberOfFrames", "Rows", "Columns")])
    try:
        seg = hd.seg.segread(path)
        _check_whole(seg, name)
        numbers = [number for number in seg.segment_numbers if number != 0]
        check_count(len(numbers))
        grid = seg.get_volume_geometry()
        if grid is not None:
            check_size(grid.spatial_shape)
        volume = seg.get_volume(segment_numbers=numbers[:1])
    except (AttributeError, RuntimeError, ValueError) as error:
        raise CorruptMaskFile(
            f"The frames of '{name}' do not make a volume: {str(error)[:200] or type(error).__name__}.",
            hint="Save the masks again, or as NIfTI.",
        ) from error
    k, j, i = (int(n) for n in volume.spatial_shape)
    return MaskFile(
        "dicom-seg",
        VolumeGeometry(np.asarray(volume.affine), (k, j, i)),
        tuple(_segment(seg, number, threshold) for number in numbers),
        belonging_of(header),
    )


def _check_whole(seg: Segmentation, name: str) -> None:
    """Raises CorruptMaskFile when pixels are missing: libraries fill in zeros."""
    bits = int(seg.NumberOfFrames) * int(seg.Rows) * int(seg.Columns) * int(seg.BitsAllocated)
    if not seg.file_meta.TransferSyntaxUID.is_compressed and len(seg.PixelData) < -(-bits // 8):
        raise CorruptMaskFile(f"'{name}' is cut off: frames are missing.", hint="Send the file again.")


def belonging_of(header: Dataset) -> Belonging:
    """What a DICOM header says."""
    return Belonging(
        str(header.get("FrameOfReferenceUID") or ""),
        str(header.get("StudyInstanceUID") or ""),
        str(header.get("PatientID") or "").strip(),
    )


def _segment(seg: Segmentation, number: int, threshold: float) -> Segment:
    described = seg.get_segment_description(number)
    kind = described.segmented_property_type
    lab = described.get("RecommendedDisplayCIELabValue")
    color = None
    if lab is not None:
        red, green, blue = hd.color.CIELabColor(*_lab(lab)).to_rgb()
        color = f"#{red:02x}{green:02x}{blue:02x}"
    return Segment(
        number=number,
        name=described.segment_label,
        read=partial(_mask, seg, number, threshold),
        color=color,
        code=CodedTerm(kind.scheme_designator, kind.value, kind.meaning),
    )


def _lab(stored: Any) -> tuple[float, float, float]:
    """CIELab as DICOM stores it (three unsigned 16-bit numbers) -> L* in 0..100, a* and b* in -128..127."""
    lightness, a, b = (float(value) / 65535 for value in stored)
    return lightness * 100, a * 255 - 128, b * 255 - 128


def _mask(seg: Segmentation, number: int, threshold: float) -> BoolMask:
    array: NDArray[Any] = np.asarray(seg.get_volume(segment_numbers=[number]).array)[..., 0]
    return np.asarray(array >= threshold if array.dtype.kind == "f" else array != 0)
