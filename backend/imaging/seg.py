"""Writing masks as a DICOM Segmentation (SEG, PS3.3 A.51) that any viewer can lay over the source images.

One segment per label that has a voxel, numbered from 1 in the order of the labels: as BINARY, which every viewer knows
and where labels may overlap, or, if none do, as LABELMAP (Supplement 243), one frame for all labels of a slice. Frames
exist only where a segment has voxels; each refers to the image it was drawn on and copies its position. The objects are
built by highdicom; this file prepares what highdicom takes for granted and real archives do not give (absent type 2
elements, orientations that differ in the last digit, several volumes in one multi-frame file).

Not here: reading SEG, and where masks come from (`ReadMask`, see `imaging/labels.py`).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import highdicom as hd
import numpy as np
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.valuerep import format_number_as_ds

from backend.errors import Rejected
from backend.imaging.dicom_elements import MANUFACTURER, USE_NIFTI, long_string, number_of, person_name, read_header
from backend.imaging.errors import ExportGridMismatch, NothingToExport, SourceCannotCarrySeg
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import CodedTerm, ExportLabel, LabelMap, ReadMask, checked_mask, compose
from backend.imaging.uids import uid_of

TISSUE = Code("85756007", "SCT", "Tissue")
"""Category and type of a label without a code: what 3D Slicer writes when nothing better is known."""

ANATOMICAL_STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
ABNORMAL_CODES = frozenset(
    ("SCT", value)
    for value in (
        "108369006",  # neoplasm
        "86049000",  # primary malignant neoplasm
        "14799000",  # secondary malignant neoplasm
        "4147007",  # mass
        "52988006",  # lesion
        "27925004",  # nodule
        "367643001",  # cyst
        "79654002",  # edema
        "50960005",  # hemorrhage
        "6574001",  # necrosis
        "55641003",  # infarct
        "1187425009",  # carcinoma
        "1187332001",  # adenocarcinoma
        "1187375007",  # adenoma
        "1163043007",  # lymphoma
        "35566002",  # hematoma
        "396339007",  # thrombus
        "85659009",  # aneurysm
        "415582006",  # stenosis
        "44132006",  # abscess
        "23583003",  # inflammation
        "112674009",  # fibrosis
        "56208002",  # ulcer
        "60046008",  # pleural effusion
        "36118008",  # pneumothorax
    )
)
"""Types whose category is the abnormal structure."""

BODY_SUBSTANCE = Code("91720002", "SCT", "Body Substance")
SUBSTANCE_CODES = frozenset(
    ("SCT", value)
    for value in (
        "65216001",  # cerebrospinal fluid
        "77012006",  # amniotic fluid
        "87612001",  # blood
        "15158005",  # air
    )
)
"""Types whose category is the substance; every code that is in neither set counts as anatomy (CID 7150)."""

POSITION_TOLERANCE = 0.5
"""How far, in slice spacings, an image may lie from where the volume says its slice is."""


class LabelsOverlap(Rejected):
    """A voxel of a label map belongs to one label. Raised by imaging.seg."""

    code = "labels_overlap"
    title = "The labels overlap"


@dataclass(frozen=True, slots=True)
class SourceSlice:
    """The DICOM image that slice k of a volume was read from. `frame_number` counts from 1; None in a classic file."""

    file: Path
    frame_number: int | None = None


@dataclass(frozen=True, slots=True)
class SegAbout:
    """Who made the segmentation, when and with what: the elements that are not in masks or images.

    `series_number` None: 1000 more than that of the images. `created_at` has a time zone or is local time.
    """

    created_at: datetime
    software_version: str
    series_description: str = "Segmentation"
    creator: str = ""
    series_number: int | None = None


@dataclass(frozen=True, slots=True)
class SegSummary:
    """What was written: the labels in the order of the segments, those left out because they are empty."""

    sop_instance_uid: str
    segments: tuple[ExportLabel, ...]
    empty: tuple[ExportLabel, ...]
    frames: int


def write_seg(
    path: Path,
    sources: Sequence[SourceSlice],
    geometry: VolumeGeometry,
    labels: Sequence[ExportLabel],
    read_mask: ReadMask,
    about: SegAbout,
    *,
    as_label_map: bool = False,
) -> SegSummary:
    """One SEG of all labels; `sources[k]` is the image of slice k of the volume with this geometry.

    Raises LabelsOverlap for a label map of labels that do, NothingToExport when no label has a voxel, SourceIsNotDicom,
    SourceCannotCarrySeg (mosaics, several multi-frame files, frames without a position), ExportGridMismatch (masks,
    volume and images disagree), LabelValuesClash. Memory: a label map and one mask; where labels overlap, one byte per
    label and voxel of the annotated slices.
    """
    if len(sources) != geometry.shape_kji[0]:
        raise ExportGridMismatch(f"The volume has {geometry.shape_kji[0]} slices, {len(sources)} images were given.")
    label_map = compose(labels, read_mask, geometry.shape_kji)
    if not label_map.present:
        raise NothingToExport("No label has a single voxel.", hint="Annotate at least one slice, then export again.")
    if as_label_map and label_map.overlaps:
        first, second, count = label_map.overlaps[0]
        raise LabelsOverlap(
            f"'{first}' and '{second}' share {count} voxels; a label map gives each voxel to one label.",
            hint="Export as DICOM SEG (binary), which holds overlapping labels.",
        )
    planes = np.flatnonzero(label_map.voxels.any(axis=(1, 2)))
    pixels = _segment_pixels(label_map, planes, read_mask)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of pydicom and highdicom quote values, the patient's name among them
        images = _read_sources(sources, geometry, planes)
        seg = _segmentation(images, label_map, pixels, about, "LABELMAP" if as_label_map else "BINARY")
        if images.frame_numbers:
            _restore_frame_numbers(seg, images.frame_numbers)
        if geometry.shape_kji[0] > 1:
            _set_spacing(seg, geometry)
        seg.save_as(path, enforce_file_format=True)
    empty = tuple(label for label in labels if label not in label_map.present)
    return SegSummary(str(seg.SOPInstanceUID), label_map.present, empty, int(seg.NumberOfFrames))


def _segmentation(
    images: _Images, label_map: LabelMap, pixels: NDArray[Any], about: SegAbout, kind: Literal["BINARY", "LABELMAP"]
) -> Segmentation:
    first = images.annotated[0]
    identity = _identity(label_map, pixels, first, about, kind)
    descriptions = _descriptions(label_map.present, first)
    day, time = about.created_at.date(), about.created_at.time()
    try:
        seg = Segmentation(
            source_images=images.annotated,
            further_source_images=images.others or None,
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=descriptions,
            series_instance_uid=uid_of("seg", identity, "series"),
            series_number=about.series_number or number_of(first.get("SeriesNumber")) + 1000,
            sop_instance_uid=uid_of("seg", identity, "instance"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER,
            software_versions=about.software_version,
            device_serial_number=about.software_version,
            content_label="SEGMENTATION",
            content_description=long_string(about.series_description),
            content_creator_name=person_name(about.creator),
            content_date=day,
            content_time=time,
            series_date=day,
            series_time=time,
            series_description=long_string(about.series_description),
            specific_character_set="ISO_IR 192",
            omit_empty_frames=True,
        )
    except (ValueError, AttributeError) as error:  # ours was checked before: what highdicom refuses now are the images
        raise SourceCannotCarrySeg(f"The images cannot be referred to: {error}", hint=USE_NIFTI) from error
    seg.InstanceCreationDate, seg.InstanceCreationTime = seg.ContentDate, seg.ContentTime
    if "FrameOfReferenceUID" not in seg:
        seg.PatientOrientation = first.get("PatientOrientation", "")  # type 2C where nothing else tells the sides
    return seg


# -- the source images ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Images:
    """Headers for highdicom: `annotated` are the images of the planes, in their order, or one multi-frame image reduced
    to these frames; `frame_numbers` are then the frames' numbers in the file."""

    annotated: list[Dataset]
    others: list[Dataset]
    frame_numbers: list[int]


def _read_sources(sources: Sequence[SourceSlice], geometry: VolumeGeometry, planes: NDArray[np.intp]) -> _Images:
    files = list(dict.fromkeys(source.file for source in sources))
    headers = {file: read_header(file) for file in files}
    is_enhanced = len(files) == 1 and "PerFrameFunctionalGroupsSequence" in headers[files[0]]
    is_classic = len(files) == len(sources) and not any(
        "PerFrameFunctionalGroupsSequence" in header for header in headers.values()
    )
    if not (is_enhanced or is_classic):
        raise SourceCannotCarrySeg(
            f"{len(sources)} slices come from {len(files)} files (a mosaic, a clip, or a volume in several files).",
            hint=USE_NIFTI,
        )
    for header in headers.values():
        if (header.Rows, header.Columns) != geometry.shape_kji[1:]:
            raise ExportGridMismatch(
                f"An image has {header.Rows} x {header.Columns} pixels, the volume {geometry.shape_kji[1:]} "
                "(rows, columns)."
            )
    if is_enhanced:
        numbers = [int(source.frame_number or 1) for source in sources]
        return _enhanced(headers[files[0]], numbers, geometry, planes)
    return _classic([headers[source.file] for source in sources], sources, geometry, planes)


def _classic(
    headers: list[Dataset], sources: Sequence[SourceSlice], geometry: VolumeGeometry, planes: NDArray[np.intp]
) -> _Images:
    if len(headers) > 1:
        for k, header in enumerate(headers):
            if not header.get("FrameOfReferenceUID") or not header.get("ImagePositionPatient"):
                raise SourceCannotCarrySeg("The images have no position or no frame of reference.", hint=USE_NIFTI)
            _check_position(header.ImagePositionPatient, k, geometry)
            # They made one volume, so they agree but for rounding; highdicom compares digit by digit.
            header.ImageOrientationPatient = headers[0].ImageOrientationPatient
    numbers = []
    if len(headers) == 1:
        if headers[0].get("NumberOfFrames", 1) > 1:
            numbers = [sources[0].frame_number or 1]
        headers[0].NumberOfFrames = 1
    chosen = set(planes.tolist())
    others = [header for k, header in enumerate(headers) if k not in chosen]
    return _Images([headers[k] for k in planes], others, numbers)


def _enhanced(header: Dataset, numbers: list[int], geometry: VolumeGeometry, planes: NDArray[np.intp]) -> _Images:
    """The one multi-frame image, reduced to the frames of the planes: its other frames may lie at the same places (a
    series of time points), in another order or in another orientation, and highdicom wants one stack."""
    frames = header.PerFrameFunctionalGroupsSequence
    if max(numbers) > len(frames):
        raise ExportGridMismatch(f"Frame {max(numbers)} was asked for, the file has {len(frames)}.")
    shared = header.SharedFunctionalGroupsSequence[0] if header.get("SharedFunctionalGroupsSequence") else Dataset()
    for name in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
        if name not in shared and name in frames[numbers[0] - 1]:
            setattr(shared, name, frames[numbers[0] - 1][name].value)
    chosen = []
    for k in planes.tolist():
        frame = frames[numbers[k] - 1]
        position = frame.get("PlanePositionSequence") or shared.get("PlanePositionSequence")
        if not position or "PlaneOrientationSequence" not in shared or not header.get("FrameOfReferenceUID"):
            raise SourceCannotCarrySeg("The frames have no position or no frame of reference.", hint=USE_NIFTI)
        _check_position(position[0].ImagePositionPatient, k, geometry)
        chosen.append(frame)
    header.SharedFunctionalGroupsSequence = DicomSequence([shared])
    header.PerFrameFunctionalGroupsSequence = DicomSequence(chosen)
    header.NumberOfFrames = len(chosen)
    return _Images([header], [], [numbers[k] for k in planes])


def _check_position(position_mm: Sequence[float], k: int, geometry: VolumeGeometry) -> None:
    expected = geometry.position_mm([k, 0, 0])[0]
    away_mm = float(np.linalg.norm(np.array([float(value) for value in position_mm]) - expected))
    if away_mm > POSITION_TOLERANCE * geometry.spacing_kji_mm[0]:
        raise ExportGridMismatch(f"Slice {k} of the volume lies {away_mm:.2f} mm away from its source image.")


def _set_spacing(seg: Dataset, geometry: VolumeGeometry) -> None:
    """The spacing of the whole stack: highdicom measures it between annotated slices where the images do not tell."""
    normal = np.cross(geometry.directions_kji[:, 2], geometry.directions_kji[:, 1])
    between_planes_mm = format_number_as_ds(float(abs(normal @ geometry.affine_lps[:3, 0])))
    for measures in seg.SharedFunctionalGroupsSequence[0].get("PixelMeasuresSequence") or ():
        measures.SpacingBetweenSlices = between_planes_mm
        measures.SliceThickness = measures.get("SliceThickness") or between_planes_mm


def _restore_frame_numbers(seg: Dataset, frame_numbers: list[int]) -> None:
    """References into the reduced image become references into the file. Segments of one slice share their item."""
    items = {
        id(source): source
        for frame in seg.PerFrameFunctionalGroupsSequence
        for derivation in frame.DerivationImageSequence
        for source in derivation.SourceImageSequence
    }
    for source in items.values():
        source.ReferencedFrameNumber = frame_numbers[int(source.get("ReferencedFrameNumber", 1)) - 1]


# -- the segments -----------------------------------------------------------------------------------------------------
def _segment_pixels(label_map: LabelMap, planes: NDArray[np.intp], read_mask: ReadMask) -> NDArray[np.uint8]:
    """[planes, rows, columns] with segment numbers, or [planes, rows, columns, segments] where labels overlap."""
    segments = label_map.present
    if label_map.overlaps:
        shape_kji = (int(label_map.voxels.shape[0]), int(label_map.voxels.shape[1]), int(label_map.voxels.shape[2]))
        stacked = np.zeros((len(planes), *shape_kji[1:], len(segments)), dtype=np.uint8)
        for n, label in enumerate(segments):
            stacked[..., n] = checked_mask(label, read_mask, shape_kji)[planes]
        return stacked
    segment_of_value = np.zeros(
        int(np.iinfo(label_map.voxels.dtype).max) + 1, dtype=np.uint8 if len(segments) < 256 else np.uint16
    )
    for n, label in enumerate(segments, start=1):
        segment_of_value[label.value] = n
    return np.asarray(segment_of_value[label_map.voxels[planes]])


def _descriptions(labels: Sequence[ExportLabel], image: Dataset) -> list[SegmentDescription]:
    return [_description(number, label, str(image.SeriesInstanceUID)) for number, label in enumerate(labels, start=1)]


def category_of(code: CodedTerm) -> Code:
    """The property category (CID 7150) of a segment's property type."""
    key = (code.scheme, code.value)
    if key in ABNORMAL_CODES:
        return ABNORMAL_STRUCTURE
    return BODY_SUBSTANCE if key in SUBSTANCE_CODES else ANATOMICAL_STRUCTURE


def _description(number: int, label: ExportLabel, series_uid: str) -> SegmentDescription:
    category, kind = TISSUE, TISSUE
    if label.code is not None:
        kind = Code(label.code.value, label.code.scheme, long_string(label.code.meaning))
        category = category_of(label.code)
    algorithm = label.algorithm
    identification = None
    if algorithm.type != "MANUAL":
        identification = hd.AlgorithmIdentificationSequence(
            name=long_string(algorithm.name),
            family=codes.cid7162.ArtificialIntelligence,
            version=long_string(algorithm.version),
            source=MANUFACTURER,
            parameters=dict(algorithm.parameters) or None,
        )
    return SegmentDescription(
        segment_number=number,
        segment_label=long_string(label.name),
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=algorithm.type,
        algorithm_identification=identification,
        tracking_uid=uid_of("seg", series_uid, "label", str(label.value), label.name),
        tracking_id=long_string(label.name),
        display_color=CIELabColor.from_rgb(*label.rgb),
    )


def _identity(label_map: LabelMap, pixels: NDArray[Any], image: Dataset, about: SegAbout, kind: str) -> str:
    """A digest of all that is written: a repeated export is the same object, a changed one another."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).data)
    for part in (str(image.SeriesInstanceUID), repr(label_map.present), repr(about), kind):
        digest.update(part.encode())
    return digest.hexdigest()
