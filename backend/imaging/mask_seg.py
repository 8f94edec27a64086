"""Reading DICOM Segmentations of every kind: binary, fractional, label map (PS3.3 A.51, Supplement 243).

Frames lie where they say they lie in the patient; those of images without a place (radiographs, ultrasound, endoscopy)
lie on the images that they refer to.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.seg import Segmentation
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from backend.imaging.dicom.elements import unheard
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import CodedTerm
from backend.imaging.mask_references import belonging_of, frame_groups, source_images
from backend.imaging.mask_types import (
    CorruptMaskFile,
    MaskFile,
    NotAMaskFile,
    Segment,
    SliceOf,
    check_count,
    check_size,
)
from backend.imaging.masks import BoolMask
from backend.imaging.outcomes import SourceFile
from backend.imaging.reasons import reason_of

SEG_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
"""Segmentation Storage and Label Map Segmentation Storage."""

PLACES = ("PlanePositionSequence", "PlanePositionSlideSequence")


def read_seg(file: SourceFile, header: Dataset, grid: VolumeGeometry, threshold: float, slice_of: SliceOf) -> MaskFile:
    """The segments of a file with this header. A voxel of a fractional one belongs to a segment where its fraction is
    at least `threshold`. `grid` and `slice_of` are the volume's, for frames that say no place. Raises CorruptMaskFile,
    NotAMaskFile, TooManySegments, MaskFileTooLarge."""
    check_size([int(header.get(n) or 0) for n in ("NumberOfFrames", "Rows", "Columns")])
    if "TotalPixelMatrixRows" in header:
        raise NotAMaskFile(
            f"'{file.name}' is drawn on a whole-slide image, whose frames are tiles of one large picture.",
            hint="Such images are not opened here. Save the part that you need as a picture, and its masks as NIfTI.",
        )
    try:
        with unheard():
            seg = Segmentation.from_dataset(_readable(dcmread(file.path)), copy=False)
        _check_whole(seg, file.name)
        numbers = [number for number in seg.segment_numbers if number != 0]
        check_count(len(numbers))
        if any(name in frame for frame in frame_groups(header) for name in PLACES):
            geometry, reader = _geometry(seg, numbers[0]), partial(_mask, seg, threshold)
        else:
            geometry, reader = grid, partial(_placeless, seg, _slices(file, seg, grid, slice_of), grid, threshold)
    except (AttributeError, RuntimeError, ValueError) as error:
        raise CorruptMaskFile(
            f"The frames of '{file.name}' do not make a volume: {reason_of(error)}",
            hint="Save the masks again, or as NIfTI.",
        ) from error
    return MaskFile(
        "dicom-seg",
        geometry,
        tuple(_segment(seg, number, partial(reader, number)) for number in numbers),
        belonging_of(file, header),
    )


def _readable(dataset: Dataset) -> Dataset:
    """With pixel measures as highdicom wants them when it reads: it writes pictures without a place in another way."""
    for frame in frame_groups(dataset):
        for measures in frame.get("PixelMeasuresSequence") or ():
            if "PixelSpacing" not in measures:
                del frame.PixelMeasuresSequence
            elif "SliceThickness" not in measures:
                measures.SliceThickness = measures.get("SpacingBetweenSlices")
    return dataset


def _geometry(seg: Segmentation, number: int) -> VolumeGeometry:
    grid = seg.get_volume_geometry()
    if grid is not None:
        check_size(grid.spatial_shape)
    volume = seg.get_volume(segment_numbers=[number])
    k, j, i = (int(n) for n in volume.spatial_shape)
    return VolumeGeometry(np.asarray(volume.affine), (k, j, i))


def _check_whole(seg: Segmentation, name: str) -> None:
    """Raises CorruptMaskFile when pixels are missing: libraries fill in zeros."""
    bits = int(seg.NumberOfFrames) * int(seg.Rows) * int(seg.Columns) * int(seg.BitsAllocated)
    if not seg.file_meta.TransferSyntaxUID.is_compressed and len(seg.PixelData) < -(-bits // 8):
        raise CorruptMaskFile(f"'{name}' is cut off: frames are missing.", hint="Send the file again.")


def _segment(seg: Segmentation, number: int, read: Any) -> Segment:
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
        read=read,
        color=color,
        code=CodedTerm(kind.scheme_designator, kind.value, kind.meaning),
    )


def _lab(stored: Any) -> tuple[float, float, float]:
    """CIELab as DICOM stores it (three unsigned 16-bit numbers) -> L* in 0..100, a* and b* in -128..127."""
    lightness, a, b = (float(value) / 65535 for value in stored)
    return lightness * 100, a * 255 - 128, b * 255 - 128


def _mask(seg: Segmentation, threshold: float, number: int) -> BoolMask:
    array: NDArray[Any] = np.asarray(seg.get_volume(segment_numbers=[number]).array)[..., 0]
    return np.asarray(array >= threshold if array.dtype.kind == "f" else array != 0)


# -- frames without a place -------------------------------------------------------------------------------------------
def _slices(file: SourceFile, seg: Segmentation, grid: VolumeGeometry, slice_of: SliceOf) -> Mapping[int, int]:
    """Frame, from 0 -> the slice of the volume that it was drawn on. Raises NotAMaskFile."""
    if (int(seg.Rows), int(seg.Columns)) != grid.shape_kji[1:]:
        raise NotAMaskFile(
            f"The frames of '{file.name}' say no place in the patient and have {seg.Rows} x {seg.Columns} pixels; the "
            f"images have {grid.shape_kji[1]} x {grid.shape_kji[2]}.",
            hint="Choose the series that the masks were drawn on.",
        )
    found: dict[int, int] = {}
    shared = [image for frame in seg.SharedFunctionalGroupsSequence for image in source_images(frame)]
    for n, frame in enumerate(seg.PerFrameFunctionalGroupsSequence):
        for image in source_images(frame) or shared:
            number = image.get("ReferencedFrameNumber")
            k = slice_of(str(image.ReferencedSOPInstanceUID), int(number) if number else None)
            if k is not None:
                found[n] = k
        if n not in found:
            raise NotAMaskFile(
                f"Frame {n + 1} of '{file.name}' says no place in the patient, and no image of this volume.",
                hint="Choose the series that the masks were drawn on.",
            )
    return found


def _placeless(
    seg: Segmentation, slices: Mapping[int, int], grid: VolumeGeometry, threshold: float, number: int
) -> BoolMask:
    frames = np.asarray(seg.pixel_array).reshape(-1, *grid.shape_kji[1:])
    is_label_map = seg.SegmentationType == "LABELMAP"
    least = threshold * int(seg.get("MaximumFractionalValue") or 1) if seg.SegmentationType == "FRACTIONAL" else 1
    mask = np.zeros(grid.shape_kji, dtype=np.bool_)
    shared = seg.SharedFunctionalGroupsSequence[0]
    for n, frame in enumerate(seg.PerFrameFunctionalGroupsSequence):
        if is_label_map:
            mask[slices[n]] |= frames[n] == number
            continue
        said = frame if "SegmentIdentificationSequence" in frame else shared
        if int(said.SegmentIdentificationSequence[0].ReferencedSegmentNumber) == number:
            mask[slices[n]] |= frames[n] >= least
    return mask
