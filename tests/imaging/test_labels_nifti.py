"""Labels as NIfTI: on the voxels of the images, whatever these came from, and the sidecar that explains them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from backend import errors
from backend.imaging.dicom import SeriesImport, read_dicom
from backend.imaging.errors import ExportGridMismatch, LabelValuesClash, NothingToExport
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import Algorithm, CodedTerm, ExportLabel
from backend.imaging.labels_nifti import file_grid_of, write_labels
from backend.imaging.nifti import read_nifti
from backend.imaging.outcomes import SourceFile
from backend.imaging.phantom import LIVER, ORGANS, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series

RED = ExportLabel(
    "Red", 1, "#ff0000", CodedTerm("SCT", "10200004", "Liver"), Algorithm("AUTOMATIC", "m", "2", {"a": "b"})
)
BLUE = ExportLabel("Blue / β", 300, "#0000ff")
SHAPE_KJI = (3, 4, 5)
GEOMETRY = VolumeGeometry.without_patient(SHAPE_KJI)
DCM2NIIX = Path(sys.executable).parent / "dcm2niix"


def block(*corner_kji: int) -> np.ndarray:
    """A mask on SHAPE_KJI: two voxels along i from this corner."""
    mask = np.zeros(SHAPE_KJI, bool)
    k, j, i = corner_kji
    mask[k, j, i : i + 2] = True
    return mask


def source_files(folder: Path) -> list[SourceFile]:
    return [SourceFile(path, path.name) for path in sorted(folder.rglob("*")) if path.is_file()]


def volumes(folder: Path) -> list[SeriesImport]:
    return [outcome for outcome in read_dicom(source_files(folder)) if isinstance(outcome, SeriesImport)]


def converted(folder: Path, out: Path) -> list[nib.Nifti1Image]:
    out.mkdir()
    subprocess.run([DCM2NIIX, "-o", str(out), "-z", "n", str(folder)], check=True, capture_output=True)
    return [nib.load(path) for path in sorted(out.glob("*.nii"))]


# -- the grid ---------------------------------------------------------------------------------------------------------
def oriented_files() -> list[tuple[str, np.ndarray]]:
    """All 48 ways in which the axes of a file can lie in the patient, with uneven spacing and an odd origin."""
    found = []
    for axes, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        affine = np.eye(4)
        affine[:3, :3] = 0
        for file_axis, (axis, sign, spacing) in enumerate(zip(axes, signs, (0.7, 1.3, 3.1), strict=True)):
            affine[axis, file_axis] = sign * spacing
        affine[:3, 3] = (-11.5, 7.25, 3.125)
        found.append(("".join(nib.aff2axcodes(affine)), affine))
    return found


@pytest.mark.parametrize(("letters", "affine"), oriented_files(), ids=[letters for letters, _ in oriented_files()])
def test_labels_of_a_nifti_volume_lie_on_its_own_file_grid(letters: str, affine: np.ndarray, tmp_path: Path) -> None:
    stored = np.random.default_rng(1).integers(-500, 500, (4, 5, 6), dtype=np.int16)
    image = nib.Nifti1Image(stored, None)
    image.header.set_qform(affine, 1)
    image.header.set_sform(affine @ np.diag([1, 1, 1.0000001, 1]), 2)  # as converters write them: not bit by bit equal
    nib.save(image, tmp_path / "image.nii.gz")
    (read,) = read_nifti(SourceFile(tmp_path / "image.nii.gz", "image.nii.gz"))
    label = ExportLabel("Dark", 7, "#000000")
    paths = write_labels(
        tmp_path,
        "labels",
        read.volume.geometry,
        read.source,
        [label],
        lambda _: read.volume.voxels < -100,
        original=tmp_path / "image.nii.gz",
    )
    labels, saved = nib.load(paths[0]), nib.load(tmp_path / "image.nii.gz")
    np.testing.assert_array_equal(np.asarray(labels.dataobj), np.where(stored < -100, 7, 0))
    assert labels.get_data_dtype() == np.uint8
    for name in (
        *("pixdim", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z"),
        *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "xyzt_units"),
    ):
        assert labels.header[name].tobytes() == saved.header[name].tobytes(), name
    assert (labels.dataobj.slope, labels.dataobj.inter) == (1.0, 0.0)


def test_the_grid_alone_gives_the_affine_to_the_bit(tmp_path: Path) -> None:
    affine = nib.affines.from_matvec(np.array([[0.1, 0.7, 0], [-0.9, 0.1, 0.2], [0, -0.1, 3.3]]), (1.1, -2.2, 3.3))
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), affine), tmp_path / "image.nii")
    (read,) = read_nifti(SourceFile(tmp_path / "image.nii", "image.nii"))
    paths = write_labels(
        tmp_path, "labels", read.volume.geometry, read.source, [LIVER], lambda _: read.volume.voxels == 0
    )
    assert nib.load(paths[0]).affine.tobytes() == nib.load(tmp_path / "image.nii").affine.tobytes()


def test_the_scaling_of_the_images_is_not_that_of_the_labels(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.full((4, 5, 6), 100.0), np.eye(4))
    image.header.set_data_dtype(np.int16)
    image.header.set_slope_inter(2, -1000)
    image.header["cal_max"] = 400
    nib.save(image, tmp_path / "image.nii")
    (read,) = read_nifti(SourceFile(tmp_path / "image.nii", "image.nii"))
    assert np.unique(read.volume.voxels).tolist() == [-800]
    paths = write_labels(
        tmp_path,
        "labels",
        read.volume.geometry,
        read.source,
        [replace(LIVER, value=9)],
        lambda _: read.volume.voxels == -800,
        original=tmp_path / "image.nii",
    )
    labels = nib.load(paths[0])
    assert (labels.dataobj.slope, labels.dataobj.inter, float(labels.header["cal_max"])) == (1.0, 0.0, 0.0)
    assert np.unique(labels.dataobj.get_unscaled()).tolist() == [9]


def test_a_nifti_2_file_and_one_volume_of_a_series_keep_their_kind(tmp_path: Path) -> None:
    stored = np.zeros((4, 5, 3, 2), np.float32)
    stored[1, 2, 0, 1] = 9
    nib.save(nib.Nifti2Image(stored, np.diag([2.0, 2, 5, 1])), tmp_path / "series.nii")
    second = list(read_nifti(SourceFile(tmp_path / "series.nii", "series.nii")))[1]
    paths = write_labels(
        tmp_path,
        "labels",
        second.volume.geometry,
        second.source,
        [LIVER],
        lambda _: second.volume.voxels == 9,
        original=tmp_path / "series.nii",
    )
    labels = nib.load(paths[0])
    assert isinstance(labels, nib.Nifti2Image) and labels.shape == (4, 5, 3)
    np.testing.assert_array_equal(np.argwhere(np.asarray(labels.dataobj)), [[1, 2, 0]])


def test_labels_of_a_dicom_series_fit_what_dcm2niix_makes_of_it(tmp_path: Path) -> None:
    phantom = abdominal_phantom((12, 40, 48), (9.0, 9.0, 8.0))
    write_dicom_series(phantom, tmp_path / "series")
    (image,) = converted(tmp_path / "series", tmp_path / "nifti")
    (read,) = volumes(tmp_path / "series")
    assert read.volume.geometry.close_to(phantom.volume.geometry)
    geometry = read.volume.geometry
    paths = write_labels(tmp_path, "labels", geometry, file_grid_of(geometry), ORGANS, phantom.mask)
    labels = nib.load(paths[0])
    np.testing.assert_allclose(labels.affine, image.affine, atol=1e-5)
    np.testing.assert_allclose(labels.header.get_qform(), image.affine, atol=1e-4)
    assert (int(labels.header["sform_code"]), int(labels.header["qform_code"])) == (1, 1)
    np.testing.assert_array_equal(np.asarray(labels.dataobj), phantom.truth[:, ::-1].T)
    np.testing.assert_array_equal(np.asarray(image.dataobj), phantom.volume.voxels[:, ::-1].T)


@pytest.mark.parametrize(
    "name",
    ["brain_mr_Study1_13_HCropVolume", "ibsi_STS_001_CT", "d2n_hitachi_anatomical", "siemens_mosaic_cor_asc35"],
)
def test_real_series_have_the_grid_of_dcm2niix(name: str, shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "data" / "dicom" / f"{name}.zip") as archive:
        archive.extractall(tmp_path / "series")
    (image,) = converted(tmp_path / "series", tmp_path / "nifti")
    read = volumes(tmp_path / "series")[0]
    grid = file_grid_of(read.volume.geometry)
    assert grid.file_shape_ijk == image.shape[:3]
    np.testing.assert_allclose(grid.affine_ras, image.affine, atol=2e-2)
    if image.ndim == 3:
        np.testing.assert_array_equal(np.asarray(image.dataobj), grid.to_file_grid(read.volume.voxels))


def test_a_tilted_gantry_has_no_qform(tmp_path: Path) -> None:
    tilted = VolumeGeometry.from_axes(
        origin_mm=(1, 2, 3), step_k_mm=(0, 1.2, 4), step_j_mm=(0, 1, 0), step_i_mm=(1, 0, 0), shape_kji=SHAPE_KJI
    )
    paths = write_labels(tmp_path, "labels", tilted, file_grid_of(tilted), [RED], lambda _: block(1, 2, 3))
    labels = nib.load(paths[0])
    assert (int(labels.header["qform_code"]), int(labels.header["sform_code"])) == (0, 1)
    (index,) = np.argwhere(np.asarray(labels.dataobj))[:1]
    position_ras = nib.affines.apply_affine(labels.affine, index)
    np.testing.assert_allclose(position_ras * (-1, -1, 1), tilted.position_mm([1, 2, 3])[0], atol=1e-5)


# -- labels -----------------------------------------------------------------------------------------------------------
def test_the_sidecar_tells_names_values_codes_volumes_and_provenance(tmp_path: Path) -> None:
    paths = write_labels(
        tmp_path,
        "case",
        GEOMETRY,
        file_grid_of(GEOMETRY),
        [RED, BLUE, ExportLabel("Empty", 5, "#111111")],
        lambda label: {1: block(0, 0, 0), 300: block(1, 1, 1) | block(2, 0, 0), 5: block(0, 0, 5)}[label.value],
        provenance={"case": "c1"},
        provenance_of={1: {"authors": ["Ana"]}},
    )
    assert [path.name for path in paths] == ["case.nii.gz", "case.json"]
    stored = np.asarray(nib.load(paths[0]).dataobj)
    assert stored.dtype == np.uint16
    assert sorted(np.unique(stored)) == [0, 1, 300]
    sidecar = json.loads(paths[1].read_text(encoding="utf-8"))
    assert sidecar["image"] == "case.nii.gz" and sidecar["provenance"] == {"case": "c1"}
    red, blue, empty = sidecar["labels"]
    assert red == {
        "name": "Red",
        "value": 1,
        "color": "#ff0000",
        "code": {"scheme": "SCT", "value": "10200004", "meaning": "Liver"},
        "voxels": 2,
        "volume_ml": 0.002,
        "algorithm": {"type": "AUTOMATIC", "name": "m", "version": "2", "parameters": {"a": "b"}},
        "provenance": {"authors": ["Ana"]},
    }
    assert (blue["name"], blue["voxels"], blue["code"]) == ("Blue / β", 4, None)
    assert (empty["voxels"], empty["volume_ml"]) == (0, 0)
    assert sidecar["overlaps"]["pairs"] == []


def test_where_labels_overlap_the_later_wins_and_each_has_a_file(tmp_path: Path) -> None:
    own = {1: block(0, 0, 0), 300: block(0, 0, 1)}
    paths = write_labels(
        tmp_path, "case", GEOMETRY, file_grid_of(GEOMETRY), [RED, BLUE], lambda label: own[label.value]
    )
    assert [path.name for path in paths[2:]] == ["case.001_Red.nii.gz", "case.300_Blue___β.nii.gz"]
    to_file = file_grid_of(GEOMETRY).to_file_grid
    np.testing.assert_array_equal(
        np.asarray(nib.load(paths[0]).dataobj), to_file(np.where(own[300], 300, np.where(own[1], 1, 0)))
    )
    for path, value in zip(paths[2:], own, strict=True):
        np.testing.assert_array_equal(np.asarray(nib.load(path).dataobj), to_file(own[value]))
    sidecar = json.loads(paths[1].read_text(encoding="utf-8"))
    assert sidecar["overlaps"]["pairs"] == [{"labels": ["Red", "Blue / β"], "voxels": 1}]
    assert [entry["voxels"] for entry in sidecar["labels"]] == [2, 2]
    assert [entry["file"] for entry in sidecar["labels"]] == [path.name for path in paths[2:]]


def test_one_mask_at_a_time_is_asked_for(tmp_path: Path) -> None:
    asked: list[str] = []

    def read_mask(label: ExportLabel) -> np.ndarray:
        asked.append(label.name)
        return block(0, 0, 0) if label == RED else block(1, 0, 0)

    write_labels(tmp_path, "case", GEOMETRY, file_grid_of(GEOMETRY), [RED, BLUE], read_mask)
    assert asked == ["Red", "Blue / β"]


@pytest.mark.parametrize(
    ("labels", "mask", "error"),
    [
        ([], block(0, 0, 0), NothingToExport),
        ([RED], np.zeros(SHAPE_KJI, bool), NothingToExport),
        ([RED], np.zeros((1, 2, 3), bool), ExportGridMismatch),
        ([RED], np.zeros(SHAPE_KJI, np.uint8), ExportGridMismatch),
        ([RED, replace(BLUE, value=1)], block(0, 0, 0), LabelValuesClash),
        ([replace(RED, value=0)], block(0, 0, 0), LabelValuesClash),
        ([replace(RED, value=70000)], block(0, 0, 0), LabelValuesClash),
    ],
)
def test_refusals_have_names_and_leave_no_file(
    labels: Sequence[ExportLabel], mask: np.ndarray, error: type[errors.AppError], tmp_path: Path
) -> None:
    with pytest.raises(error):
        write_labels(tmp_path, "case", GEOMETRY, file_grid_of(GEOMETRY), labels, lambda _: mask)
    assert list(tmp_path.iterdir()) == []


def test_a_grid_of_another_volume_is_refused(tmp_path: Path) -> None:
    other = file_grid_of(VolumeGeometry.without_patient((3, 4, 6)))
    with pytest.raises(ExportGridMismatch, match=r"\(5, 4, 3\) voxels"):
        write_labels(tmp_path, "case", GEOMETRY, other, [RED], lambda _: block(0, 0, 0))
