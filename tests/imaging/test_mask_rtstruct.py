"""Structure sets read: our own export voxel for voxel, others' ways to write holes, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from backend.errors import AppError
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.mask_files import read_mask_file
from backend.imaging.mask_placing import compare, place
from backend.imaging.mask_types import ContoursAcrossSlices, MaskFile
from backend.imaging.outcomes import SourceFile
from backend.imaging.phantom import ORGANS, Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.rtstruct import StructureSetAbout, write_rtstruct
from backend.imaging.seg import SourceSlice

ABOUT = StructureSetAbout(datetime(2026, 3, 1, 12, 30), "9.9.9")  # noqa: DTZ001 - DICOM dates are local
GRID = VolumeGeometry.from_axes(
    origin_mm=(12.5, -40, 7),
    step_k_mm=(0, -1.5, 2),
    step_j_mm=(0, 0.8, 0.6),
    step_i_mm=(0.7, 0, 0),
    shape_kji=(6, 20, 24),
)
"""Turned about the patient's left."""


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom((16, 48, 56), (16.0, 8.0, 7.0), seed=4)


@pytest.fixture(scope="module")
def exported(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    sources = [SourceSlice(file) for file in write_dicom_series(phantom, folder)]
    write_rtstruct(folder / "rt.dcm", sources, phantom.volume.geometry, ORGANS, phantom.mask, ABOUT)
    return folder / "rt.dcm"


def read(path: Path, grid: VolumeGeometry) -> MaskFile:
    return read_mask_file(SourceFile(path, path.name), grid)


def masks(file: MaskFile, grid: VolumeGeometry) -> dict[str, np.ndarray]:
    fit = compare(file.geometry, grid)
    assert fit.is_exact
    return {segment.name: place(segment.read(), fit)[0] for segment in file.segments}


@pytest.fixture
def structures(exported: Path, tmp_path: Path) -> Callable[..., MaskFile]:
    """A structure set of one region with these contours, each (place k, corners [n, (row, column)], type)."""

    def make(*contours: tuple[object, Sequence[tuple[float, float]], str]) -> MaskFile:
        dataset = pydicom.dcmread(exported)
        roi, item = dataset.StructureSetROISequence[0], dataset.ROIContourSequence[0]
        roi.ROIName, item.ContourSequence = "Thing", []
        for k, corners, kind in contours:
            contour = Dataset()
            points = GRID.position_mm(np.column_stack([np.broadcast_to(np.asarray(k), len(corners)), corners]))
            contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(corners)
            contour.ContourData = [f"{value:.4f}" for value in points.ravel()]
            item.ContourSequence.append(contour)
        dataset.StructureSetROISequence, dataset.ROIContourSequence = [roi], [item]
        dataset.save_as(tmp_path / "made.dcm")
        return read(tmp_path / "made.dcm", GRID)

    return make


SQUARE = [(2.5, 3.5), (2.5, 15.5), (14.5, 15.5), (14.5, 3.5)]
HOLE = [(5.5, 6.5), (5.5, 9.5), (8.5, 9.5), (8.5, 6.5)]


def test_an_export_comes_back_voxel_by_voxel(phantom: Phantom, exported: Path) -> None:
    file = read(exported, phantom.volume.geometry)
    found = masks(file, phantom.volume.geometry)
    assert list(found) == [organ.name for organ in ORGANS] and not file.off_planes
    for organ, segment in zip(ORGANS, file.segments, strict=True):
        np.testing.assert_array_equal(found[organ.name], phantom.mask(organ))
        assert segment.color == organ.color and organ.code is not None and segment.code is not None
        assert (segment.code.scheme, segment.code.value) == (organ.code.scheme, organ.code.value)
    image = pydicom.dcmread(exported)
    said = file.belongs_to
    assert (said.patient_id, said.study_uid) == (image.PatientID, image.StudyInstanceUID)
    assert said.frame_of_reference_uid == image.FrameOfReferenceUID and image.PatientID not in repr(file)


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_an_inner_contour_is_a_hole(structures: Callable[..., MaskFile], kind: str) -> None:
    expected = np.zeros(GRID.shape_kji, bool)
    expected[3, 3:15, 4:16] = True
    expected[3, 6:9, 7:10] = False
    found = masks(structures((3, SQUARE, kind), (3, HOLE, kind)), GRID)
    np.testing.assert_array_equal(found["Thing"], expected)


def test_contours_between_slices_are_told_of_and_taken_to_the_nearest(structures: Callable[..., MaskFile]) -> None:
    file = structures((1.4, SQUARE, "CLOSED_PLANAR"), (3.4, HOLE, "CLOSED_PLANAR"))
    assert "2 contours of 'Thing' lie up to" in file.off_planes
    drawn = masks(file, GRID)["Thing"].sum(axis=(1, 2)).tolist()
    assert drawn == [0, 144, 144, 9, 9, 0]


def test_contours_outside_make_the_grid_larger(structures: Callable[..., MaskFile]) -> None:
    above = [(-3.5, 2.5), (-3.5, 4.5), (1.5, 4.5), (1.5, 2.5)]
    file = structures(*((k, ring, "CLOSED_PLANAR") for k, ring in ((0, SQUARE), (-2, SQUARE), (1, above))))
    (segment,) = file.segments
    placed, outside = place(segment.read(), compare(file.geometry, GRID))
    assert (int(placed.sum()), outside) == (144 + 4, 144 + 6)


def test_what_is_no_region_or_lies_elsewhere_is_refused_by_name(structures: Callable[..., MaskFile]) -> None:
    with pytest.raises(ContoursAcrossSlices, match="'Thing' runs through 3"):
        structures(([1, 1, 4, 4], SQUARE, "CLOSED_PLANAR"))
    codes = {}
    for name, contour in {
        "point": (2, [(4.0, 4.0)], "POINT"),
        "line": (2, SQUARE, "OPEN_PLANAR"),
        "far": (2, [(1e7, 1e7), (1e7, 2e7), (2e7, 2e7)], "CLOSED_PLANAR"),
    }.items():
        with pytest.raises(AppError) as refused:
            structures(contour)
        codes[name] = refused.value.code
    assert codes == {"point": "not_a_mask_file", "line": "not_a_mask_file", "far": "mask_file_too_large"}


def test_a_structure_set_that_is_cut_is_refused(exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(exported.read_bytes()[:3000])
    with pytest.raises(AppError) as refused:
        read(path, GRID)
    assert refused.value.code in ("corrupt_mask_file", "not_a_mask_file")
