"""The phantom as files that any program can read: a classic DICOM CT series, or NIfTI with its truth beside it.

Everything in the files is a function of the voxels, so that the same phantom gives the same bytes and the same UIDs: a
second import finds duplicates. The patient's name and identifier say that there is no patient.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from backend.imaging.nifti import affine_ras_ijk
from backend.imaging.phantom import Phantom
from backend.imaging.uids import uid_of

STORED_OFFSET_HU = -1024
"""Stored value 0: the pixels are unsigned 12 bit, as scanners write them."""

MADE_ON = "20260101"
"""Study date of a phantom: fixed, so that the files do not depend on the day."""

MANUFACTURER = "sammed"


def write_dicom_series(phantom: Phantom, folder: Path) -> list[Path]:
    """One file per slice, feet first, named `phantom_000.dcm` ...; the folder is made. Overwrites older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = hashlib.sha256(np.ascontiguousarray(phantom.volume.voxels).data).hexdigest()
    paths = []
    for k in range(phantom.volume.geometry.shape_kji[0]):
        path = folder / f"phantom_{k:03d}.dcm"
        dcmwrite(path, _ct_slice(phantom, k, identity), enforce_file_format=True)
        paths.append(path)
    return paths


def write_nifti(phantom: Phantom, folder: Path) -> tuple[Path, Path]:
    """`phantom.nii.gz` with the HU and `phantom_labels.nii.gz` with the truth, on one grid: arrays [i, j, k], RAS+."""
    folder.mkdir(parents=True, exist_ok=True)
    affine = affine_ras_ijk(phantom.volume.geometry)
    kind: Any = nib.Nifti1Image
    paths = folder / "phantom.nii.gz", folder / "phantom_labels.nii.gz"
    for path, voxels in zip(paths, (phantom.volume.voxels, phantom.truth), strict=True):
        image = kind(voxels.T, affine)
        image.header.set_xyzt_units("mm")
        image.set_qform(affine, code="scanner")
        image.set_sform(affine, code="scanner")
        nib.save(image, path)
    return paths


def _ct_slice(phantom: Phantom, k: int, identity: str) -> Dataset:
    geometry = phantom.volume.geometry
    dataset = Dataset()
    _describe_patient_and_study(dataset, identity)
    _describe_series(dataset, identity)

    # General Equipment, General Image, Image Plane
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = "phantom"
    dataset.SoftwareVersions = "1"
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = uid_of("phantom", identity, "instance", str(k))
    dataset.InstanceNumber = k + 1
    dataset.AcquisitionNumber = 1
    dataset.ContentDate = dataset.AcquisitionDate = MADE_ON
    dataset.ContentTime = dataset.AcquisitionTime = "000000"
    dataset.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    dataset.DerivationDescription = "Generated phantom, not a patient"
    dataset.ImageComments = "Generated phantom, not a patient"
    dataset.BurnedInAnnotation = "NO"
    position = geometry.position_mm([k, 0, 0])[0]
    directions = geometry.directions_kji
    dataset.ImagePositionPatient = [format_number_as_ds(float(value)) for value in position]
    dataset.ImageOrientationPatient = [
        format_number_as_ds(float(value)) for value in (*directions[:, 2], *directions[:, 1])
    ]
    spacing_k, spacing_j, spacing_i = geometry.spacing_kji_mm
    dataset.PixelSpacing = [spacing_j, spacing_i]
    dataset.SliceThickness = spacing_k
    dataset.SpacingBetweenSlices = spacing_k
    dataset.SliceLocation = float(position[2])

    # CT Image
    dataset.KVP = 120
    dataset.ScanOptions = ""
    dataset.RescaleIntercept = STORED_OFFSET_HU
    dataset.RescaleSlope = 1
    dataset.RescaleType = "HU"
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
    dataset.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNG"]

    # Image Pixel
    stored = (phantom.volume.voxels[k].astype(np.int32) - STORED_OFFSET_HU).astype("<u2")
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW"

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _describe_patient_and_study(dataset: Dataset, identity: str) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Phantom^Abdomen"
    dataset.PatientID = f"PHANTOM-{identity[:8].upper()}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Generated, there is no patient"
    dataset.StudyInstanceUID = uid_of("phantom", identity, "study")
    dataset.StudyDate = MADE_ON
    dataset.StudyTime = "000000"
    dataset.StudyID = "1"
    dataset.StudyDescription = "Generated abdominal phantom"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""


def _describe_series(dataset: Dataset, identity: str) -> None:
    dataset.Modality = "CT"
    dataset.SeriesInstanceUID = uid_of("phantom", identity, "series")
    dataset.SeriesNumber = 1
    dataset.SeriesDate = MADE_ON
    dataset.SeriesTime = "000000"
    dataset.SeriesDescription = "Abdomen, portal venous phase (phantom)"
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.PatientPosition = "HFS"
    dataset.FrameOfReferenceUID = uid_of("phantom", identity, "frame of reference")
    dataset.PositionReferenceIndicator = ""
