"""Small volumes with known content, written as DICOM and NIfTI on the fly, in any of the 48 orientations.

The writers compute positions from the geometry by plain arithmetic of their own, and use no code of the readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.outcomes import SourceFile

DIRECTIONS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}

ORIENTATIONS = tuple(
    "".join(pair[sign] for pair, sign in zip(axes, signs, strict=True))
    for axes in permutations(("LR", "PA", "SI"))
    for signs in product((0, 1), repeat=3)
)
"""All 48: the letters of growing k, j and i."""

Change = Callable[[Dataset, int], None]
"""Changes the data set of slice k before it is written."""


def geometry(
    letters_kji: str = "SPL",
    spacing_kji_mm: Sequence[float] = (2.5, 0.75, 0.5),
    shape_kji: Sequence[int] = (3, 4, 5),
    origin_mm: Sequence[float] = (-31.0, 12.5, 101.0),
    rotation: NDArray[np.float64] | None = None,
) -> VolumeGeometry:
    """A grid whose axes point to these letters, optionally rotated [3, 3] as a whole."""
    turn = np.eye(3) if rotation is None else rotation
    steps = [turn @ np.array(DIRECTIONS[n]) * mm for n, mm in zip(letters_kji, spacing_kji_mm, strict=True)]
    return VolumeGeometry.from_axes(
        origin_mm=origin_mm, step_k_mm=steps[0], step_j_mm=steps[1], step_i_mm=steps[2], shape_kji=shape_kji
    )


def numbered(shape_kji: Sequence[int], dtype: Any = np.int16) -> NDArray[Any]:
    """Every voxel has a value of its own, so that a voxel out of place shows wherever it went."""
    return np.arange(1, int(np.prod(shape_kji)) + 1).reshape(shape_kji).astype(dtype)


def sphere(grid: VolumeGeometry, center_mm: Sequence[float], radius_mm: float) -> NDArray[np.bool_]:
    """[slices, rows, columns]: the voxels whose centres lie in the sphere."""
    index = np.indices(grid.shape_kji).reshape(3, -1).T
    inside = np.linalg.norm(grid.position_mm(index) - np.asarray(center_mm), axis=1) <= radius_mm
    return inside.reshape(grid.shape_kji)


def source_files(paths: Sequence[Path]) -> list[SourceFile]:
    return [SourceFile(path, path.name) for path in paths]


# -- DICOM ------------------------------------------------------------------------------------------------------------
def image_dataset(pixels: NDArray[Any], *, sop_class: str = CTImageStorage, modality: str = "CT") -> Dataset:
    """A minimal image without a place: [rows, columns], [rows, columns, 3] uint8, or [frames, rows, columns]."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.StudyDate = "Phantom^A", "P-1", "20260102"
    dataset.Modality, dataset.SeriesDescription, dataset.SeriesNumber = modality, "Thorax", 7
    is_color = pixels.ndim == 3 and pixels.shape[-1] == 3 and pixels.dtype == np.uint8
    dataset.SamplesPerPixel = 3 if is_color else 1
    dataset.PhotometricInterpretation = "RGB" if is_color else "MONOCHROME2"
    if is_color:
        dataset.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        dataset.NumberOfFrames = pixels.shape[0]
    dataset.Rows, dataset.Columns = pixels.shape[:2] if is_color or pixels.ndim == 2 else pixels.shape[1:]
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = pixels.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return dataset


def slice_datasets(voxels: NDArray[Any], grid: VolumeGeometry, *, modality: str = "CT") -> list[Dataset]:
    """One classic data set per slice k, with position, orientation and spacing; one series."""
    study_uid, series_uid, frame_uid = generate_uid(), generate_uid(), generate_uid()
    step_j, step_i = grid.affine_lps[:3, 1], grid.affine_lps[:3, 2]
    datasets = []
    for k, pixels in enumerate(voxels):
        sop_class = {"CT": CTImageStorage}.get(modality, MRImageStorage)
        dataset = image_dataset(np.ascontiguousarray(pixels), sop_class=sop_class, modality=modality)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
        dataset.FrameOfReferenceUID = frame_uid
        position = grid.affine_lps[:3, 3] + k * grid.affine_lps[:3, 0]
        dataset.ImagePositionPatient = [f"{value:.10g}"[:16] for value in position]
        cosines = [*(step_i / np.linalg.norm(step_i)), *(step_j / np.linalg.norm(step_j))]
        dataset.ImageOrientationPatient = [f"{value:.10g}"[:16] for value in cosines]
        dataset.PixelSpacing = [f"{np.linalg.norm(step):.10g}" for step in (step_j, step_i)]
        dataset.SliceThickness = f"{np.linalg.norm(grid.affine_lps[:3, 0]):.10g}"
        dataset.InstanceNumber = (k * 7) % 5 + 1  # of no use for sorting, on purpose
        datasets.append(dataset)
    return datasets


def save(datasets: Sequence[Dataset], folder: Path, prefix: str = "im") -> list[Path]:
    """Writes data sets under names whose order says nothing, and returns the paths sorted by name."""
    paths = []
    for n, dataset in enumerate(datasets):
        path = folder / f"{prefix}{(n * 37 + 11) % 101:03d}_{n}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return sorted(paths)


def write_dicom(
    folder: Path, voxels: NDArray[Any], grid: VolumeGeometry, *, modality: str = "CT", change: Change | None = None
) -> list[SourceFile]:
    """A classic series in `folder`, one file per slice."""
    datasets = slice_datasets(voxels, grid, modality=modality)
    for k, dataset in enumerate(datasets):
        if change is not None:
            change(dataset, k)
    return source_files(save(datasets, folder))


def enhanced_dataset(stacks: Sequence[tuple[NDArray[Any], VolumeGeometry]]) -> Dataset:
    """An Enhanced MR object with the frames of all stacks, last slice first, each stack under an id of its own."""
    frames, groups = [], []
    for number, (voxels, grid) in enumerate(stacks, start=1):
        classic = slice_datasets(voxels, grid, modality="MR")
        for k in reversed(range(len(voxels))):
            frames.append(voxels[k])
            groups.append(_functional_groups(classic[k], stack=str(number), place=k + 1))
    dataset = image_dataset(np.stack(frames), sop_class=EnhancedMRImageStorage, modality="MR")
    dataset.PerFrameFunctionalGroupsSequence = DicomSequence(groups)
    shared = Dataset()
    transformation = Dataset()
    transformation.RescaleSlope, transformation.RescaleIntercept, transformation.RescaleType = 2, -10, "US"
    shared.PixelValueTransformationSequence = DicomSequence([transformation])
    dataset.SharedFunctionalGroupsSequence = DicomSequence([shared])
    return dataset


def _functional_groups(classic: Dataset, stack: str, place: int) -> Dataset:
    group, content, plane, orientation, measures = (Dataset() for _ in range(5))
    content.StackID, content.InStackPositionNumber = stack, place
    plane.ImagePositionPatient = classic.ImagePositionPatient
    orientation.ImageOrientationPatient = classic.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = classic.PixelSpacing, classic.SliceThickness
    group.FrameContentSequence = DicomSequence([content])
    group.PlanePositionSequence = DicomSequence([plane])
    group.PlaneOrientationSequence = DicomSequence([orientation])
    group.PixelMeasuresSequence = DicomSequence([measures])
    return group


# -- NIfTI ------------------------------------------------------------------------------------------------------------
def write_nifti(path: Path, array_ijk: NDArray[Any], affine_ras: NDArray[np.float64], **header: Any) -> SourceFile:
    """A NIfTI-1 file with this affine as sform (code 1); `header` sets further fields."""
    image = nib.Nifti1Image(array_ijk, affine_ras)
    image.set_sform(affine_ras, code=1)
    image.set_qform(None, code=0)
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)
    return SourceFile(path, path.name)


def ras_of(grid: VolumeGeometry) -> NDArray[np.float64]:
    """[4, 4] (k, j, i, 1) -> RAS: a NIfTI affine for a file whose first axis is k."""
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine_lps
