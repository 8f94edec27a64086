"""A CT as a scanner writes it, for benchmarks: 300 slices of 512 x 512 with noise, a patient, and headers of the usual
length, private elements among them; uncompressed, or compressed as archives keep it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless, generate_uid

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.phantom import Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.volume import Volume

CT_SHAPE_KJI = (300, 512, 512)

ROOT = "1.2.826.0.1.3680043.8.498"
STUDY_NUMBER = b"7770000"
INTERCEPT = b"-1024"

ELEMENTS = {
    "AccessionNumber": "A-4711-0815",
    "AcquisitionTime": "101533.120000",
    "AdmissionID": "ADM-1",
    "CTDIvol": 11.4,
    "DataCollectionDiameter": "500",
    "DateOfLastCalibration": "20251231",
    "DeviceSerialNumber": "73201",
    "DistanceSourceToDetector": "1085.6",
    "DistanceSourceToPatient": "595",
    "EstimatedDoseSaving": 12.0,
    "Exposure": "148",
    "ExposureModulationType": "XYZ_EC",
    "ExposureTime": "500",
    "FilterType": "FLAT",
    "FocalSpots": "1.2",
    "GantryDetectorTilt": "0",
    "GeneratorPower": "36",
    "InstitutionAddress": "Street 1, Town",
    "InstitutionName": "A Hospital",
    "InstitutionalDepartmentName": "Radiology",
    "InstanceCreationDate": "20260101",
    "InstanceCreationTime": "101600.000000",
    "LossyImageCompression": "00",
    "OperatorsName": "Operator^One",
    "PatientAge": "063Y",
    "PatientComments": "a comment that somebody typed",
    "PatientWeight": "71.5",
    "PerformedProcedureStepDescription": "CT Abdomen",
    "PerformedProcedureStepID": "PPS-1",
    "PerformedProcedureStepStartDate": "20260101",
    "PerformedProcedureStepStartTime": "101500.000000",
    "PerformingPhysicianName": "Doctor^Two",
    "ProtocolName": "Abdomen portal venous",
    "ReconstructionDiameter": "384",
    "ReconstructionTargetCenterPatient": [0.0, -14.0, 0.0],
    "ReferringPhysicianName": "Doctor^Three",
    "RequestedProcedureDescription": "CT abdomen with contrast",
    "RotationDirection": "CW",
    "SingleCollimationWidth": 0.6,
    "SoftwareVersions": "syngo VB40",
    "SpiralPitchFactor": 0.9,
    "StationName": "CT7001",
    "TableFeedPerRotation": 34.6,
    "TableHeight": "158",
    "TableSpeed": 69.1,
    "TotalCollimationWidth": 38.4,
    "XRayTubeCurrent": "267",
}


def write_scanner_ct(folder: Path, shape_kji: tuple[int, int, int] = CT_SHAPE_KJI) -> list[Path]:
    """Files `CT.000.dcm`, ... of one series, uncompressed."""
    slices, rows, columns = shape_kji
    small = abdominal_phantom((max(1, slices // 5), rows // 2, columns // 2), (5.0, 1.5, 1.5))
    voxels = np.repeat(np.repeat(np.repeat(small.volume.voxels, 5, axis=0), 2, axis=1), 2, axis=2)[:slices]
    rng = np.random.default_rng(0)
    for k in range(voxels.shape[0]):
        voxels[k] += rng.integers(-12, 13, voxels.shape[1:], dtype=np.int16)
    geometry = VolumeGeometry.from_axes(
        origin_mm=(-192, -192, -150),
        step_k_mm=(0, 0, 1.0),
        step_j_mm=(0, 0.75, 0),
        step_i_mm=(0.75, 0, 0),
        shape_kji=voxels.shape,
    )
    phantom = Phantom(Volume(geometry, np.ascontiguousarray(voxels), "CT"), np.zeros(voxels.shape, np.uint8))
    made = []
    for k, path in enumerate(write_dicom_series(phantom, folder)):
        dataset = pydicom.dcmread(path)
        _as_scanners_write(dataset, k)
        path.unlink()
        made.append(folder / f"CT.{k:03d}.dcm")
        dataset.save_as(made[-1])
    return made


def write_compressed(files: list[Path], folder: Path) -> list[Path]:
    """The same images, compressed by JPEG 2000 without loss."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        made.append(folder / path.name)
        dataset.save_as(made[-1])
    return made


def variant(content: bytes, n: int) -> bytes:
    """The same image in a study of its own for each n in 0..999, with other values: no server has it already."""
    moved = content.replace(STUDY_NUMBER, b"777%04d" % n)
    return moved.replace(INTERCEPT, b"-%04d" % (1000 + n), 1)


def _as_scanners_write(dataset: Dataset, k: int) -> None:
    root = f"{ROOT}.{STUDY_NUMBER.decode()}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{root}.1", f"{root}.2"
    dataset.FrameOfReferenceUID, dataset.SOPInstanceUID = f"{root}.3", f"{root}.4.{k}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    for name, value in ELEMENTS.items():
        setattr(dataset, name, value)
    dataset.PatientName, dataset.PatientBirthDate = "Doe^Planted", "19620229"
    del dataset.PatientIdentityRemoved, dataset.DeidentificationMethod
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "CTABD", "99LOCAL", "CT abdomen"
    dataset.ProcedureCodeSequence = Sequence([code])
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = dataset.SOPClassUID, generate_uid()
    dataset.ReferencedImageSequence = Sequence([reference])
    for group in (0x0019, 0x0021, 0x0029):
        block = dataset.private_block(group, f"VENDOR {group:x}", create=True)
        for n in range(8):
            block.add_new(n, "LO", f"a private value {n}")
        block.add_new(0x40, "OB", bytes(1024))
