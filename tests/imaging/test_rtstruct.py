"""RTSTRUCT, read back by pydicom and a polygon library, and judged by dciodvfy."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from backend.imaging.errors import ExportGridMismatch, NothingToExport, SourceCannotCarrySeg
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import Algorithm, ExportLabel
from backend.imaging.phantom import ORGANS, Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.rtstruct import StructureSetAbout, write_rtstruct
from backend.imaging.seg import SourceSlice
from tests.imaging.test_contours import filled
from tests.imaging.test_seg import complaints

ABOUT = StructureSetAbout(
    created_at=datetime(2026, 3, 1, 12, 30),  # noqa: DTZ001 - DICOM dates are local
    software_version="9.9.9",
    series_description="Organs \\ reviewed",
    creator="Ana^Li=x",
)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom((16, 48, 56), (16.0, 8.0, 7.0), seed=4)


@pytest.fixture(scope="module")
def series(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_dicom_series(phantom, tmp_path_factory.mktemp("series"))


def export(
    path: Path, phantom: Phantom, series: Sequence[Path], labels: Sequence[ExportLabel] = ORGANS
) -> pydicom.FileDataset:
    write_rtstruct(path, [SourceSlice(file) for file in series], phantom.volume.geometry, labels, phantom.mask, ABOUT)
    return pydicom.dcmread(path)


def read_back(roi: Dataset, geometry: VolumeGeometry) -> np.ndarray:
    """[slices, rows, columns]: contours put where their millimetres say."""
    mask = np.zeros(geometry.shape_kji, bool)
    for contour in roi.ContourSequence:
        corners = geometry.index_kji(np.array(contour.ContourData, float).reshape(-1, 3))
        k = round(corners[0, 0])
        np.testing.assert_allclose(corners[:, 0], k, atol=1e-3)  # planar, and on a slice
        mask[k] ^= filled([corners[:, 1:]], geometry.shape_kji[1:]) > 0
    return mask


def test_every_organ_comes_back_voxel_by_voxel(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    made = export(tmp_path / "rt.dcm", phantom, series)
    assert [roi.ROIName for roi in made.StructureSetROISequence] == [organ.name for organ in ORGANS]
    for organ, roi in zip(ORGANS, made.ROIContourSequence, strict=True):
        np.testing.assert_array_equal(read_back(roi, phantom.volume.geometry), phantom.mask(organ))
        assert tuple(roi.ROIDisplayColor) == organ.rgb


def test_contours_name_the_image_they_were_drawn_on(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    made = export(tmp_path / "rt.dcm", phantom, series)
    uids = [pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in series]
    geometry = phantom.volume.geometry
    for contour in made.ROIContourSequence[0].ContourSequence:
        k = round(geometry.index_kji(np.array(contour.ContourData[:3], float))[0, 0])
        assert contour.ContourImageSequence[0].ReferencedSOPInstanceUID == uids[k]
    image = pydicom.dcmread(series[0], stop_before_pixels=True)
    (frame,) = made.ReferencedFrameOfReferenceSequence
    assert frame.FrameOfReferenceUID == image.FrameOfReferenceUID == made.FrameOfReferenceUID
    assert (made.PatientID, made.StudyInstanceUID) == (image.PatientID, image.StudyInstanceUID)
    referenced = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert [item.ReferencedSOPInstanceUID for item in referenced.ContourImageSequence] == uids


def test_what_made_a_mask_is_said(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    model = Algorithm("SEMIAUTOMATIC", "SAM sammed-small", "1.0", {"model.checksum": "0f44"})
    label = ExportLabel(ORGANS[0].name, ORGANS[0].value, ORGANS[0].color, ORGANS[0].code, model)
    made = export(tmp_path / "rt.dcm", phantom, series, [label])
    (roi,) = made.StructureSetROISequence
    assert roi.ROIGenerationAlgorithm == "SEMIAUTOMATIC" and "sammed-small" in roi.ROIGenerationDescription
    assert "0f44" in roi.ROIDescription
    (observation,) = made.RTROIObservationsSequence
    assert label.code is not None
    assert observation.RTROIIdentificationCodeSequence[0].CodeValue == label.code.value


def test_the_same_export_is_the_same_object(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    first, again = (export(tmp_path / f"{n}.dcm", phantom, series).SOPInstanceUID for n in range(2))
    other = export(tmp_path / "other.dcm", phantom, series, ORGANS[:1]).SOPInstanceUID
    assert first == again != other


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian package dicom3tools)")
def test_dciodvfy_has_nothing_to_say(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    export(tmp_path / "rt.dcm", phantom, series)
    assert complaints(tmp_path / "rt.dcm") == []


def test_what_cannot_be_written_is_said(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    with pytest.raises(NothingToExport):
        export(tmp_path / "rt.dcm", phantom, series, [ExportLabel("Nothing", 200, "#ffffff")])
    with pytest.raises(ExportGridMismatch):
        export(tmp_path / "rt.dcm", phantom, series[1:])
    stray = pydicom.dcmread(series[0])
    del stray.FrameOfReferenceUID
    stray.save_as(tmp_path / "stray.dcm")
    with pytest.raises(SourceCannotCarrySeg):
        export(tmp_path / "rt.dcm", phantom, [tmp_path / "stray.dcm", *series[1:]])
    assert not (tmp_path / "rt.dcm").exists()
