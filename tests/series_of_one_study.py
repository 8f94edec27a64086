"""Two series of one study that show the same body on different grids: for what is linked in millimetres."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from pydicom import dcmread
from scipy.ndimage import map_coordinates

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.phantom import Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.volume import Volume

TILT = math.radians(12)


def first_series() -> Phantom:
    """Axial, 24 slices of 8 mm."""
    return abdominal_phantom((24, 128, 128), (8.0, 3.0, 3.0), seed=6)


def second_geometry(first: VolumeGeometry) -> VolumeGeometry:
    """Sagittal slices that lean by TILT about the patient's front-back axis, other spacings, and less of the body: it
    ends within the first one's left half and 40 mm below its top."""
    middle = first.position_mm([(n - 1) / 2 for n in first.shape_kji])[0]
    c, s = math.cos(TILT), math.sin(TILT)
    shape_kji = (20, 60, 80)
    step_k, step_j, step_i = np.array([6 * c, 0, 6 * s]), np.array([2.5 * s, 0, -2.5 * c]), np.array([0, 4.0, 0])
    origin = middle - step_k * 14 - step_j * 22 - step_i * 39.5
    return VolumeGeometry.from_axes(
        origin_mm=tuple(origin), step_k_mm=tuple(step_k), step_j_mm=tuple(step_j), step_i_mm=tuple(step_i),
        shape_kji=shape_kji,
    )  # fmt: skip


def seen_on(phantom: Phantom, geometry: VolumeGeometry) -> Phantom:
    """The same body on another grid; air where the phantom does not reach."""
    kji = np.stack(np.meshgrid(*map(np.arange, geometry.shape_kji), indexing="ij"), axis=-1).reshape(-1, 3)
    there = phantom.volume.geometry.index_kji(geometry.position_mm(kji))
    voxels = map_coordinates(phantom.volume.voxels.astype(np.float32), there.T, order=1, cval=-1000.0)
    truth = map_coordinates(phantom.truth, there.T, order=0, cval=0)
    shape = geometry.shape_kji
    return Phantom(Volume(geometry, voxels.reshape(shape).astype(np.int16), "CT"), truth.reshape(shape))


def write_study(folder: Path) -> list[Path]:
    """Both series as DICOM files of one study and one frame of reference, the second called "PET"."""
    first = first_series()
    paths = write_dicom_series(first, folder / "first")
    model = dcmread(paths[0])
    others = write_dicom_series(seen_on(first, second_geometry(first.volume.geometry)), folder / "second")
    for n, path in enumerate(others):
        dataset = dcmread(path)
        for name in ("StudyInstanceUID", "PatientID", "FrameOfReferenceUID"):
            setattr(dataset, name, getattr(model, name))
        dataset.Modality, dataset.SeriesDescription, dataset.SeriesNumber = "PT", "PET", 2
        dataset.save_as(path.with_name(f"pet_{n:03d}.dcm"))
        path.unlink()
    return [*paths, *sorted((folder / "second").glob("pet_*.dcm"))]
