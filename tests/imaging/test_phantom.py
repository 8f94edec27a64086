"""The phantom: organs of the right size, side and grey value; the same files each time; readable by strangers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy import ndimage

from backend.imaging.dicom import SeriesImport, read_dicom
from backend.imaging.nifti import read_nifti
from backend.imaging.outcomes import SourceFile
from backend.imaging.phantom import (
    AORTA,
    LEFT_KIDNEY,
    LIVER,
    LUNGS,
    ORGANS,
    RIGHT_KIDNEY,
    SPLEEN,
    VERTEBRAE,
    Phantom,
    abdominal_phantom,
)
from backend.imaging.phantom_files import write_dicom_series, write_nifti


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom()


@pytest.fixture(scope="module")
def small() -> Phantom:
    return abdominal_phantom((12, 40, 48), (20.0, 9.0, 8.0), seed=3)


def centre_mm(phantom: Phantom, organ: object) -> np.ndarray:
    """(x, y, z) LPS of the centroid of an organ."""
    return phantom.volume.geometry.position_mm([np.argwhere(phantom.mask(organ)).mean(axis=0)])[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("organ", "least_ml", "most_ml", "hu"),
    [
        (LIVER, 1100, 1700, 110),
        (SPLEEN, 120, 260, 120),
        (RIGHT_KIDNEY, 110, 190, 172),
        (LEFT_KIDNEY, 110, 190, 172),
        (AORTA, 60, 120, 150),
        (LUNGS, 1400, 2500, -840),
    ],
)
def test_organs_have_adult_size_and_the_grey_of_a_contrast_ct(
    phantom: Phantom, organ: object, least_ml: float, most_ml: float, hu: float
) -> None:
    mask = phantom.mask(organ)  # type: ignore[arg-type]
    volume_ml = mask.sum() * phantom.volume.geometry.voxel_volume_mm3 / 1000
    assert least_ml < volume_ml < most_ml
    assert phantom.volume.voxels[mask].mean() == pytest.approx(hu, abs=12)


def test_organs_lie_where_they_belong(phantom: Phantom) -> None:
    liver, spleen = centre_mm(phantom, LIVER), centre_mm(phantom, SPLEEN)
    right, left = centre_mm(phantom, RIGHT_KIDNEY), centre_mm(phantom, LEFT_KIDNEY)
    aorta, spine, lungs = centre_mm(phantom, AORTA), centre_mm(phantom, VERTEBRAE), centre_mm(phantom, LUNGS)
    assert liver[0] < -30 and spleen[0] > 60  # LPS: the liver on the patient's right
    assert right[0] < -50 and left[0] > 50 and right[2] < left[2]  # the right kidney lies lower
    assert 0 < aorta[0] < 25 and aorta[1] < spine[1]  # left of the middle, in front of the spine
    assert lungs[2] > liver[2] + 30
    assert phantom.volume.geometry.axis_letters == ("S", "P", "L")


def test_each_solid_organ_is_one_piece(phantom: Phantom) -> None:
    for organ in (LIVER, SPLEEN, RIGHT_KIDNEY, LEFT_KIDNEY, AORTA):
        pieces, count = ndimage.label(phantom.mask(organ))
        assert np.bincount(pieces.ravel())[1:].max() > 0.98 * phantom.mask(organ).sum(), (organ.name, count)


def test_outside_is_air_and_noise_is_that_of_a_scanner(phantom: Phantom) -> None:
    corner = phantom.volume.voxels[:, :20, :20]
    assert corner.mean() == pytest.approx(-1000, abs=3)
    assert 8 < corner[corner > -1024].std() < 16
    spleen = ndimage.binary_erosion(phantom.mask(SPLEEN), iterations=3)
    assert phantom.volume.voxels[spleen].std() == pytest.approx(14, abs=2)


def test_the_seed_decides_and_the_truth_does_not_depend_on_it(phantom: Phantom) -> None:
    again, other = abdominal_phantom(), abdominal_phantom(seed=1)
    np.testing.assert_array_equal(again.volume.voxels, phantom.volume.voxels)
    assert (other.volume.voxels != phantom.volume.voxels).mean() > 0.5
    for organ in (LIVER, SPLEEN, RIGHT_KIDNEY, LEFT_KIDNEY, AORTA, VERTEBRAE, LUNGS):
        np.testing.assert_array_equal(other.mask(organ), phantom.mask(organ))


def test_any_grid_shows_the_same_body(phantom: Phantom) -> None:
    coarse = abdominal_phantom((32, 96, 96), (8.0, 4.0, 4.0))
    for organ in (LIVER, SPLEEN, LUNGS):
        fine_ml = phantom.mask(organ).sum() * phantom.volume.geometry.voxel_volume_mm3
        coarse_ml = coarse.mask(organ).sum() * coarse.volume.geometry.voxel_volume_mm3
        assert coarse_ml == pytest.approx(fine_ml, rel=0.06)


def read_back(paths: Iterator[Path] | list[Path]) -> SeriesImport:
    (outcome,) = read_dicom([SourceFile(path, path.name) for path in paths])
    assert isinstance(outcome, SeriesImport)
    return outcome


def test_the_dicom_series_comes_back_to_the_value(small: Phantom, tmp_path: Path) -> None:
    read = read_back(reversed(write_dicom_series(small, tmp_path)))
    np.testing.assert_array_equal(read.volume.voxels, small.volume.voxels)
    assert read.volume.geometry.close_to(small.volume.geometry)
    assert (read.volume.modality, read.warnings) == ("CT", ())
    assert read.study.patient_name == "Phantom^Abdomen"
    assert [(window.width, window.center) for window in read.windows] == [(400, 40), (1500, -600)]


def test_the_same_phantom_gives_the_same_files_and_another_has_other_uids(small: Phantom, tmp_path: Path) -> None:
    first, second = write_dicom_series(small, tmp_path / "a"), write_dicom_series(small, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    other = write_dicom_series(abdominal_phantom((2, 40, 48), (20.0, 9.0, 8.0), seed=4), tmp_path / "c")
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in (first[0], first[1], other[0])]
    assert headers[0].SeriesInstanceUID == headers[1].SeriesInstanceUID != headers[2].SeriesInstanceUID
    assert headers[0].SOPInstanceUID != headers[1].SOPInstanceUID
    assert all(header.SOPInstanceUID.is_valid for header in headers)


def test_the_nifti_pair_comes_back_to_the_value(small: Phantom, tmp_path: Path) -> None:
    image, labels = write_nifti(small, tmp_path)
    (read,) = read_nifti(SourceFile(image, image.name))
    (truth,) = read_nifti(SourceFile(labels, labels.name))
    assert read.volume.geometry.close_to(small.volume.geometry)
    np.testing.assert_array_equal(read.volume.voxels, small.volume.voxels)
    np.testing.assert_array_equal(truth.volume.voxels, small.truth)
    assert set(np.unique(truth.volume.voxels)) == {0, *(organ.value for organ in ORGANS)}
