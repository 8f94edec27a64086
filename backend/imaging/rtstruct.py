"""Writing masks as a DICOM RT Structure Set (RTSTRUCT, PS3.3 A.19), which planning systems and most viewers read.

Every label that has a voxel is a ROI; on each slice its outlines are closed planar contours in patient millimetres,
each referring to the image it was drawn on. Outlines lie between pixels (`imaging/contours.py`): a reader who asks
which pixel centres lie inside gets the mask back. Labels may overlap.

Not here: reading RTSTRUCT, and where masks come from (`ReadMask`, see `imaging/labels.py`).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage
from pydicom.valuerep import format_number_as_ds

from backend.imaging.contours import Polygon, outlines
from backend.imaging.dicom_elements import (
    MANUFACTURER,
    USE_NIFTI,
    long_string,
    number_of,
    person_name,
    read_header,
)
from backend.imaging.errors import ExportGridMismatch, NothingToExport, SourceCannotCarrySeg
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import ExportLabel, ReadMask, check_values, checked_mask
from backend.imaging.seg import SourceSlice
from backend.imaging.uids import uid_of

TAKEN_OVER = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Of patient and study: a structure set belongs to the study of its images."""

SHORT_STRING = 16
DETACHED_STUDY = "1.2.840.10008.3.1.2.3.1"
"""The class that RT Referenced Study names, as every system writes it: it is retired but still of type 1."""


@dataclass(frozen=True, slots=True)
class StructureSetAbout:
    """Who made it, when and with what. `created_at` has a time zone or is local time."""

    created_at: datetime
    software_version: str
    series_description: str = "Segmentation"
    creator: str = ""


def write_rtstruct(
    path: Path,
    sources: Sequence[SourceSlice],
    geometry: VolumeGeometry,
    labels: Sequence[ExportLabel],
    read_mask: ReadMask,
    about: StructureSetAbout,
) -> str:
    """One structure set of all labels that have a voxel; `sources[k]` is the image of slice k of the volume with this
    geometry. Memory: one mask.  -> its SOP Instance UID

    Raises NothingToExport, SourceIsNotDicom, SourceCannotCarrySeg (no frame of reference), ExportGridMismatch and
    LabelValuesClash.
    """
    if len(sources) != geometry.shape_kji[0]:
        raise ExportGridMismatch(f"The volume has {geometry.shape_kji[0]} slices, {len(sources)} images were given.")
    check_values(labels)
    drawn = {label.value: _polygons(checked_mask(label, read_mask, geometry.shape_kji)) for label in labels}
    present = [label for label in labels if drawn[label.value]]
    if not present:
        raise NothingToExport("No label has a single voxel.", hint="Annotate at least one slice, then export again.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values, the patient's name among them
        headers = {file: read_header(file) for file in dict.fromkeys(source.file for source in sources)}
        first = headers[sources[0].file]
        if not first.get("FrameOfReferenceUID"):
            raise SourceCannotCarrySeg("The images have no frame of reference.", hint=USE_NIFTI)
        references = [_reference(source, headers[source.file]) for source in sources]
        structures = _header(first, about, _digest(first, present, drawn, about))
        _add_images(structures, first, references)
        structures.StructureSetROISequence = [_roi(n, label, first) for n, label in enumerate(present, start=1)]
        structures.ROIContourSequence = [
            _contours(n, label, drawn[label.value], geometry, references) for n, label in enumerate(present, start=1)
        ]
        structures.RTROIObservationsSequence = [_observation(n, label) for n, label in enumerate(present, start=1)]
        structures.save_as(path, enforce_file_format=True)
    return str(structures.SOPInstanceUID)


def _polygons(mask: np.ndarray) -> dict[int, list[Polygon]]:
    """Of each slice that shows the label."""
    return {int(k): outlines(mask[k]) for k in np.flatnonzero(mask.any(axis=(1, 2)))}


def _digest(
    first: Dataset, labels: Sequence[ExportLabel], drawn: dict[int, dict[int, list[Polygon]]], about: StructureSetAbout
) -> str:
    """Of all that is written: a repeated export is the same object, a changed one another."""
    digest = hashlib.sha256(f"{first.SeriesInstanceUID} {labels!r} {about!r}".encode())
    for label in labels:
        for k, polygons in drawn[label.value].items():
            digest.update(f"{label.value} {k}".encode())
            for polygon in polygons:
                digest.update(np.ascontiguousarray(polygon).data)
    return digest.hexdigest()


# -- the structure set ------------------------------------------------------------------------------------------------
def _header(first: Dataset, about: StructureSetAbout, identity: str) -> Dataset:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for name in TAKEN_OVER:
        if name in first:
            setattr(made, name, first[name].value)
    made.ReferringPhysicianName = made.get("ReferringPhysicianName", "")
    day, time = about.created_at.strftime("%Y%m%d"), about.created_at.strftime("%H%M%S")
    made.SOPClassUID = RTStructureSetStorage
    made.SOPInstanceUID = uid_of("rtstruct", identity, "instance")
    made.SeriesInstanceUID = uid_of("rtstruct", identity, "series")
    made.Modality = "RTSTRUCT"
    made.SeriesNumber = number_of(first.get("SeriesNumber")) + 1000
    made.SeriesDescription = long_string(about.series_description)
    made.SeriesDate = made.StructureSetDate = made.InstanceCreationDate = day
    made.SeriesTime = made.StructureSetTime = made.InstanceCreationTime = time
    made.OperatorsName = person_name(about.creator) or ""
    made.Manufacturer = made.ManufacturerModelName = MANUFACTURER
    made.SoftwareVersions = about.software_version
    made.StructureSetLabel = "SEGMENTATION"
    made.StructureSetName = long_string(about.series_description)
    made.InstanceNumber = 1
    made.FrameOfReferenceUID = first.FrameOfReferenceUID
    made.PositionReferenceIndicator = first.get("PositionReferenceIndicator", "")
    made.ApprovalStatus = "UNAPPROVED"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def _reference(source: SourceSlice, header: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    if source.frame_number is not None:
        item.ReferencedFrameNumber = source.frame_number
    return item


def _add_images(structures: Dataset, first: Dataset, references: Sequence[Dataset]) -> None:
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    images: dict[str, Dataset] = {}
    for reference in references:
        image = images.setdefault(str(reference.ReferencedSOPInstanceUID), Dataset())
        image.ReferencedSOPClassUID = reference.ReferencedSOPClassUID
        image.ReferencedSOPInstanceUID = reference.ReferencedSOPInstanceUID
    series.ContourImageSequence = list(images.values())
    study.ReferencedSOPClassUID = DETACHED_STUDY
    study.ReferencedSOPInstanceUID = first.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    structures.ReferencedFrameOfReferenceSequence = [frame]


# -- the regions ------------------------------------------------------------------------------------------------------
def _roi(number: int, label: ExportLabel, first: Dataset) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
    item.ROIName = long_string(label.name)
    item.ROIGenerationAlgorithm = label.algorithm.type
    if label.algorithm.type != "MANUAL":
        # LO holds 64 characters: what made it; the checksums of its weights are in the description
        item.ROIGenerationDescription = long_string(f"{label.algorithm.name} {label.algorithm.version}")
        made_by = ", ".join(f"{key} {value}" for key, value in label.algorithm.parameters.items())
        item.ROIDescription = made_by[:1024].replace("\\", "/")
    return item


def _contours(
    number: int,
    label: ExportLabel,
    drawn: dict[int, list[Polygon]],
    geometry: VolumeGeometry,
    references: Sequence[Dataset],
) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(label.rgb)
    item.ContourSequence = [
        _contour(polygon, k, geometry, references[k]) for k, polygons in drawn.items() for polygon in polygons
    ]
    item.ReferencedROINumber = number
    return item


def _contour(polygon: Polygon, k: int, geometry: VolumeGeometry, reference: Dataset) -> Dataset:
    positions_mm = geometry.position_mm(np.column_stack([np.full(len(polygon), k), polygon]))
    contour = Dataset()
    contour.ContourImageSequence = [reference]
    contour.ContourGeometricType = "CLOSED_PLANAR"
    contour.NumberOfContourPoints = len(polygon)
    contour.ContourData = [format_number_as_ds(float(value)) for value in positions_mm.ravel()]
    return contour


def _observation(number: int, label: ExportLabel) -> Dataset:
    item = Dataset()
    item.ObservationNumber = number
    item.ReferencedROINumber = number
    item.ROIObservationLabel = long_string(label.name)[:SHORT_STRING]
    if label.code is not None:
        code = Dataset()
        code.CodeValue = label.code.value
        code.CodingSchemeDesignator = label.code.scheme
        code.CodeMeaning = long_string(label.code.meaning)
        item.RTROIIdentificationCodeSequence = [code]
    item.RTROIInterpretedType = ""
    item.ROIInterpreter = ""
    return item
