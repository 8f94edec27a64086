"""One data set -> its frames: where each lies, how its values are scaled, what tells it from others at the same place.

The same readers serve classic objects (elements at the top level), enhanced ones (functional groups, the frame's own
before the shared) and Siemens mosaics (tiles).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset

from backend.imaging.dicom.elements import integer, number, numbers, rounded, text, values
from backend.imaging.dicom.errors import CorruptDicom
from backend.imaging.dicom.mosaic import Mosaic
from backend.imaging.dicom.types import Frame, Rescale
from backend.imaging.errors import InvalidImageGeometry
from backend.imaging.intensity import Window
from backend.imaging.outcomes import SourceFile

PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"

UNIT_VECTOR_TOLERANCE = 1e-2
"""How far the length of a direction cosine vector may be from 1, and two of them from perpendicular (dot product)."""

CENTIMETRES = 3
"""Code of the unit of ultrasound regions that is a length."""


def read_frames(
    file: SourceFile, dataset: Dataset, sop_class: str, rows: int, columns: int, count: int, mosaic: Mosaic | None
) -> Iterator[Frame]:
    base = Frame(
        file=file,
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        sop_class_uid=sop_class,
        rows=rows,
        columns=columns,
        rescale=_rescale(dataset),
        windows=_windows(dataset),
        keys=_keys(dataset),
        instance_number=integer(dataset, "InstanceNumber"),
    )
    base = _placed(base, dataset, dataset, dataset)
    if mosaic is not None:
        yield from _tiles(base, mosaic)
        return
    if count == 1 and "PerFrameFunctionalGroupsSequence" not in dataset:
        yield base if "NumberOfFrames" not in dataset else replace(base, frame_number=1)
        return
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    if per_frame is None:
        # A classic multi-frame object: one position at most, and nothing that tells its frames apart in space.
        for n in range(1, count + 1):
            yield replace(base, frame_number=n, position_mm=None, instance_number=n)
        return
    if len(per_frame) < count:
        raise CorruptDicom(f"It promises {count} frames and describes {len(per_frame)}.")
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    for n in range(1, count + 1):
        yield _enhanced_frame(replace(base, frame_number=n, instance_number=n), per_frame[n - 1], shared)


def _enhanced_frame(base: Frame, own: Dataset, shared: Dataset) -> Frame:
    """A frame with what its functional groups say; the frame's own group goes before the shared one."""

    def group(name: str) -> Dataset:
        for source in (own, shared):
            items = source.get(name)
            if items:
                return items[0]  # type: ignore[no-any-return]
        return Dataset()

    transformation = group("PixelValueTransformationSequence")
    voi = group("FrameVOILUTSequence")
    frame = replace(
        base,
        rescale=_real_world(group("RealWorldValueMappingSequence"), base.sop_class_uid)
        or (_rescale(transformation) if "RescaleSlope" in transformation else base.rescale),
        windows=_windows(voi) or base.windows,
    )
    content, kind = (
        group("FrameContentSequence"),
        group("MRImageFrameTypeSequence") or group("CTImageFrameTypeSequence"),
    )
    diffusion = group("MRDiffusionSequence")
    merged = Dataset()
    for source in (
        kind,
        content,
        group("MREchoSequence"),
        group("CardiacSynchronizationSequence"),
        diffusion,
        (diffusion.get("DiffusionGradientDirectionSequence") or [Dataset()])[0],
    ):
        merged.update(source)
    keys = {**frame.keys, **_keys(merged)}
    stack = text(content, "StackID")
    frame = replace(frame, keys={"stack": stack, **keys} if stack else keys)
    return _placed(
        frame, group("PlanePositionSequence"), group("PlaneOrientationSequence"), group("PixelMeasuresSequence")
    )


def _tiles(base: Frame, mosaic: Mosaic) -> Iterator[Frame]:
    """The slices of a mosaic. Its position is that of a picture of the whole mosaic, centred on the first slice."""
    if (
        base.position_mm is None
        or base.row_direction is None
        or base.column_direction is None
        or base.pixel_spacing_mm is None
    ):
        raise InvalidImageGeometry("The mosaic has no position, orientation or pixel spacing.")
    between_rows, between_columns = base.pixel_spacing_mm
    first = (
        base.position_mm
        + base.row_direction * between_columns * (base.columns - mosaic.tile_columns) / 2
        + base.column_direction * between_rows * (base.rows - mosaic.tile_rows) / 2
    )
    normal = mosaic.normal if mosaic.normal is not None else np.cross(base.row_direction, base.column_direction)
    for n in range(mosaic.tiles):
        yield replace(
            base,
            rows=mosaic.tile_rows,
            columns=mosaic.tile_columns,
            tile=(n // mosaic.tiles_per_row * mosaic.tile_rows, n % mosaic.tiles_per_row * mosaic.tile_columns),
            position_mm=first + n * mosaic.slice_spacing_mm * normal,
        )


def _placed(frame: Frame, plane: Dataset, orientation: Dataset, measures: Dataset) -> Frame:
    """The frame with position, directions and pixel spacing where these data sets give them; checked."""
    position = numbers(plane, "ImagePositionPatient", 3)
    cosines = numbers(orientation, "ImageOrientationPatient", 6)
    spacing = _pixel_spacing(measures)
    if spacing is not None:
        frame = replace(frame, pixel_spacing_mm=spacing)
    if cosines is not None:
        row, column = np.array(cosines[:3]), np.array(cosines[3:])
        lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
        if np.abs(lengths - 1).max() > UNIT_VECTOR_TOLERANCE or abs(row @ column) > UNIT_VECTOR_TOLERANCE:
            raise InvalidImageGeometry(
                f"Image Orientation (Patient) {rounded(cosines)} is no pair of perpendicular unit vectors."
            )
        frame = replace(frame, row_direction=row / lengths[0], column_direction=column / lengths[1])
    if position is not None:
        frame = replace(frame, position_mm=np.array(position))
    return frame


def _pixel_spacing(measures: Dataset) -> tuple[float, float] | None:
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = numbers(measures, name, 2)
        if spacing is not None:
            if min(spacing) <= 0:
                raise InvalidImageGeometry(f"Pixel spacing {rounded(spacing)} mm is not positive.")
            return spacing[0], spacing[1]
    regions = measures.get("SequenceOfUltrasoundRegions")
    if regions and len(regions) == 1 and regions[0].get("PhysicalUnitsXDirection") == CENTIMETRES:
        across, down = number(regions[0], "PhysicalDeltaX"), number(regions[0], "PhysicalDeltaY")
        if across and down:
            return abs(down) * 10, abs(across) * 10
    return None


def _rescale(dataset: Dataset) -> Rescale:
    luts = dataset.get("ModalityLUTSequence")
    if luts:
        descriptor = values(luts[0], "LUTDescriptor")
        entries = np.array(values(luts[0], "LUTData"), dtype=np.float64)
        if len(descriptor) != 3 or not len(entries):
            raise CorruptDicom("Its modality table has no descriptor or no data.")
        return Rescale(table=(int(str(descriptor[1])), tuple(float(entry) for entry in entries)))
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    return Rescale(1.0 if slope is None else slope, 0.0 if intercept is None else intercept)


def _real_world(mapping: Dataset, sop_class: str) -> Rescale | None:
    """Of a parametric map, whose stored numbers mean nothing without it; of other images it is a second scale."""
    slope, intercept = number(mapping, "RealWorldValueSlope"), number(mapping, "RealWorldValueIntercept")
    return Rescale(slope, intercept or 0.0) if sop_class == PARAMETRIC_MAP and slope is not None else None


def _windows(dataset: Dataset) -> tuple[Window, ...]:
    centers = [float(str(value)) for value in values(dataset, "WindowCenter")]
    widths = [float(str(value)) for value in values(dataset, "WindowWidth")]
    names = [str(name) for name in values(dataset, "WindowCenterWidthExplanation")]
    return tuple(
        Window(names[n] if n < len(names) else "", width, center)
        for n, (center, width) in enumerate(zip(centers, widths, strict=False))
        if math.isfinite(center) and math.isfinite(width) and width > 0
    )


KEY_ELEMENTS: dict[str, tuple[str, ...]] = {
    "temporal position": ("TemporalPositionIdentifier", "TemporalPositionIndex"),
    "image type": ("ImageType", "FrameType", "ComplexImageComponent"),
    "echo time": ("EchoTime", "EffectiveEchoTime", "EchoNumbers"),
    "b-value": ("DiffusionBValue",),
    "gradient": ("DiffusionGradientOrientation",),
    "inversion time": ("InversionTime",),
    "trigger time": ("TriggerTime", "NominalCardiacTriggerDelayTime"),
    "acquisition": ("AcquisitionNumber", "FrameAcquisitionNumber"),
    "acquisition time": ("AcquisitionDateTime", "AcquisitionTime", "FrameAcquisitionDateTime"),
    "content time": ("ContentTime",),
}
"""What may tell two images at one position apart, the most telling first, and the elements that say it."""


def _keys(dataset: Dataset) -> dict[str, str]:
    found = {}
    for key, names in KEY_ELEMENTS.items():
        said = " ".join(filter(None, (text(dataset, name) for name in names)))
        if said:
            found[key] = said
    return found
