"""NIfTI: voxels stay in their place in all orientations, labels find the way back to the file, faults have names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from backend.imaging.errors import CorruptNifti, InvalidImageGeometry, TooManyVolumes, UnsupportedNifti, VolumeTooLarge
from backend.imaging.nifti import NiftiImport, NiftiSource, affine_ras_ijk, is_nifti, read_nifti
from backend.imaging.outcomes import SourceFile
from tests import phantoms

SHAPE = (6, 5, 4)
VALUES = phantoms.numbered(SHAPE)
SPACING = (0.75, 0.5, 2.5)
AFFINE = phantoms.ras_of(phantoms.geometry("LPS", SPACING, SHAPE))


def read_one(file: SourceFile) -> NiftiImport:
    [made] = list(read_nifti(file))
    return made


@pytest.mark.parametrize("letters", phantoms.ORIENTATIONS)
@pytest.mark.parametrize("name", ["image.nii", "image.nii.gz"])
def test_all_orientations(letters: str, name: str, tmp_path: Path) -> None:
    """Every value lies where it was written; the slices follow the coarsest axis; the picture is the radiologist's."""
    grid = phantoms.geometry(letters, SPACING, SHAPE)
    made = read_one(phantoms.write_nifti(tmp_path / name, VALUES, phantoms.ras_of(grid)))
    ours = made.volume
    found = np.array([np.argwhere(ours.voxels == value)[0] for value in VALUES.ravel()])
    written = np.indices(SHAPE).reshape(3, -1).T
    assert np.abs(ours.geometry.position_mm(found) - grid.position_mm(written)).max() < 1e-3
    assert ours.geometry.spacing_kji_mm[0] == pytest.approx(2.5)
    assert ours.geometry.is_right_handed
    assert "".join(ours.geometry.axis_letters) in ("SPL", "PIL", "RIP")
    assert np.array_equal(made.source.to_file_grid(ours.voxels), VALUES)
    assert np.array_equal(made.source.from_file_grid(VALUES), ours.voxels)


def test_the_source_survives_json(tmp_path: Path) -> None:
    source = read_one(phantoms.write_nifti(tmp_path / "a.nii", VALUES, AFFINE)).source
    assert NiftiSource.from_json(json.loads(json.dumps(source.to_json()))) == source
    assert source.affine_ras == tuple(map(tuple, AFFINE.tolist()))
    assert (source.sform_code, source.qform_code) == (1, 0)


def test_a_written_volume_reads_back_with_its_geometry(tmp_path: Path) -> None:
    """`affine_ras_ijk` is the affine of voxels.T, in any orientation."""
    grid = phantoms.geometry("PIL", (3.0, 0.5, 0.75), (3, 5, 6))
    values = phantoms.numbered((3, 5, 6))
    made = read_one(phantoms.write_nifti(tmp_path / "a.nii.gz", values.T, affine_ras_ijk(grid)))
    assert made.volume.geometry.close_to(grid)
    assert np.array_equal(made.volume.voxels, values)


# -- which axis is sliced ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("spacing", "shape", "axis"),
    [
        ((1.0, 1.0, 1.0), (4, 5, 6), 2),
        ((1.0, 1.0, 0.95), (4, 5, 6), 2),
        ((3.0, 1.0, 1.0), (4, 5, 6), 0),
        ((1.0, 3.0, 1.0), (4, 5, 6), 1),
        ((3.0, 3.0, 1.0), (4, 5, 6), 1),
        ((0.5, 0.5, 0.1), (4, 5, 1), 2),
        ((0.5, 0.5, 3.0), (1, 5, 6), 0),
    ],
)
def test_the_slice_axis(spacing: tuple[float, ...], shape: tuple[int, int, int], axis: int, tmp_path: Path) -> None:
    grid = phantoms.geometry("LPS", spacing, shape)
    made = read_one(phantoms.write_nifti(tmp_path / "a.nii", phantoms.numbered(shape), phantoms.ras_of(grid)))
    assert made.source.axes_kji[0] == axis


def test_a_flat_picture_is_one_slice(tmp_path: Path) -> None:
    made = read_one(phantoms.write_nifti(tmp_path / "a.nii", phantoms.numbered((6, 5)), AFFINE))
    assert made.volume.geometry.shape_kji == (1, 5, 6)
    assert made.source.to_file_grid(made.volume.voxels).shape == (6, 5, 1)


def test_volumes_of_a_4d_file(tmp_path: Path) -> None:
    array = np.stack([VALUES, VALUES + 1000, VALUES - 500], axis=-1)
    for name in ("t.nii", "t.nii.gz"):
        made = list(read_nifti(phantoms.write_nifti(tmp_path / name, array, AFFINE)))
        assert [one.name for one in made] == [f"t, volume {n} of 3" for n in (1, 2, 3)]
        assert [one.source.volume_index for one in made] == [0, 1, 2]
        for index, one in enumerate(made):
            assert np.array_equal(one.source.to_file_grid(one.volume.voxels), array[..., index])


def test_too_many_volumes(tmp_path: Path) -> None:
    file = phantoms.write_nifti(tmp_path / "t.nii", np.zeros((2, 2, 2, 65), np.int16), AFFINE)
    with pytest.raises(TooManyVolumes, match="65 volumes"):
        list(read_nifti(file))


# -- orientation ------------------------------------------------------------------------------------------------------
def image_with(qform: np.ndarray | None, sform: np.ndarray | None) -> nib.Nifti1Image:
    image = nib.Nifti1Image(VALUES, None)
    image.header.set_zooms(SPACING)
    image.set_qform(qform, code=int(qform is not None))
    image.set_sform(sform, code=int(sform is not None))
    return image


def test_a_file_without_orientation_warns(tmp_path: Path) -> None:
    nib.save(image_with(None, None), tmp_path / "a.nii")
    made = read_one(SourceFile(tmp_path / "a.nii", "a.nii"))
    assert "left and right" in made.warnings[0]
    assert made.volume.geometry.spacing_kji_mm == pytest.approx((2.5, 0.5, 0.75))


def test_the_sform_goes_before_a_qform_that_disagrees(tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 7
    nib.save(image_with(qform=AFFINE, sform=moved), tmp_path / "a.nii")
    made = read_one(SourceFile(tmp_path / "a.nii", "a.nii"))
    assert any("7 mm apart" in warning for warning in made.warnings)
    assert made.source.affine_ras[0][3] == pytest.approx(moved[0, 3])


def test_the_qform_alone(tmp_path: Path) -> None:
    nib.save(image_with(qform=AFFINE, sform=None), tmp_path / "a.nii")
    made = read_one(SourceFile(tmp_path / "a.nii", "a.nii"))
    assert made.warnings == ()
    assert np.allclose(made.source.affine_ras, AFFINE, atol=1e-5)


def test_units_other_than_millimetres(tmp_path: Path) -> None:
    made = read_one(phantoms.write_nifti(tmp_path / "a.nii", VALUES, AFFINE, xyzt_units=3))
    assert made.volume.geometry.spacing_kji_mm == pytest.approx((2.5e-3, 0.5e-3, 0.75e-3))
    assert np.allclose(made.source.affine_ras, AFFINE)


def test_a_singular_affine_is_named(tmp_path: Path) -> None:
    file = phantoms.write_nifti(tmp_path / "a.nii", VALUES, AFFINE)
    raw = bytearray(file.path.read_bytes())
    raw[80:92] = b"\0" * 12  # pixdim
    raw[280:296] = b"\0" * 16  # first row of the sform
    file.path.write_bytes(bytes(raw))
    with pytest.raises(InvalidImageGeometry):
        list(read_nifti(file))


# -- values -----------------------------------------------------------------------------------------------------------
def with_values(tmp_path: Path, array: np.ndarray, **header: Any) -> NiftiImport:
    return read_one(phantoms.write_nifti(tmp_path / "v.nii.gz", array, AFFINE, **header))


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (VALUES.astype(np.uint8), np.uint8),
        (VALUES.astype(np.uint16), np.int16),
        (VALUES.astype(np.uint16) + 40000, np.uint16),
        (VALUES.astype(np.int32) - 40000, np.int32),
        (VALUES.astype(np.float64), np.int16),
        (VALUES.astype(np.float32) / 2, np.float32),
    ],
)
def test_values_are_exact(array: np.ndarray, dtype: type, tmp_path: Path) -> None:
    made = with_values(tmp_path, array)
    assert made.volume.voxels.dtype == dtype
    assert np.array_equal(made.source.to_file_grid(made.volume.voxels), array)


def test_slope_and_intercept_of_the_file(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VALUES, AFFINE)
    image.header.set_slope_inter(0.25, -3)
    nib.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    stored = np.frombuffer(raw[352:], np.int16)  # nibabel may have rescaled the stored values
    slope, inter = np.frombuffer(raw[112:120], np.float32)
    made = read_one(SourceFile(tmp_path / "a.nii", "a.nii"))
    expected = stored.reshape(SHAPE, order="F") * float(slope) + float(inter)
    assert made.source.to_file_grid(made.volume.voxels) == pytest.approx(expected)


def test_values_that_are_no_numbers_are_replaced_and_told(tmp_path: Path) -> None:
    array = VALUES.astype(np.float32) + 0.5
    array[0, 0, 0], array[1, 1, 1], array[2, 2, 2] = np.nan, np.inf, -np.inf
    made = with_values(tmp_path, array)
    ours = made.source.to_file_grid(made.volume.voxels)
    assert (ours[0, 0, 0], ours[1, 1, 1], ours[2, 2, 2]) == (2.5, 120.5, 2.5)
    assert made.replaced_voxels == 3 and any("3 voxels" in warning for warning in made.warnings)


def test_only_not_a_number_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedNifti):
        with_values(tmp_path, np.full(SHAPE, np.nan, np.float32))


def test_rgb(tmp_path: Path) -> None:
    array = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    array["R"], array["B"] = VALUES, 7
    made = with_values(tmp_path, array)
    assert made.volume.channels == 3
    assert np.array_equal(made.source.to_file_grid(made.volume.voxels[..., 0]), VALUES.astype(np.uint8))
    assert (made.volume.voxels[..., 2] == 7).all()


def test_complex_values_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedNifti, match="complex"):
        with_values(tmp_path, VALUES.astype(np.complex64))


def test_values_of_air_make_a_ct_with_a_note(tmp_path: Path) -> None:
    made = with_values(tmp_path, VALUES - 1024)
    assert made.volume.modality == "CT"
    assert any("Hounsfield" in warning for warning in made.warnings)
    assert with_values(tmp_path, VALUES).volume.modality == "OT"


# -- faults -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("keep", [0.3, 0.7, 0.99])
def test_a_file_that_is_cut_off(name: str, keep: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = phantoms.write_nifti(tmp_path / name, rng.integers(0, 999, (20, 20, 20)).astype(np.int16), AFFINE)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(CorruptNifti):
        list(read_nifti(file))


def test_a_wrong_checksum_is_found_before_the_volume_is_given_out(tmp_path: Path) -> None:
    file = phantoms.write_nifti(tmp_path / "a.nii.gz", VALUES, AFFINE)
    raw = bytearray(file.path.read_bytes())
    raw[-6] ^= 0xFF  # the checksum of the packed content
    file.path.write_bytes(bytes(raw))
    with pytest.raises(CorruptNifti):
        next(read_nifti(file))


def test_half_of_a_pair_is_named(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(VALUES, AFFINE), tmp_path / "a.hdr")
    with pytest.raises(UnsupportedNifti, match="pair"):
        list(read_nifti(SourceFile(tmp_path / "a.hdr", "a.hdr")))


def test_a_header_that_promises_gigabytes_is_refused(tmp_path: Path) -> None:
    file = phantoms.write_nifti(tmp_path / "a.nii", VALUES, AFFINE)
    raw = bytearray(file.path.read_bytes())
    raw[42:48] = np.array([30000, 30000, 10], "<i2").tobytes()
    file.path.write_bytes(bytes(raw))
    with pytest.raises(VolumeTooLarge):
        list(read_nifti(file))


def test_nifti_2_and_names_that_say_nothing(tmp_path: Path) -> None:
    nib.save(nib.Nifti2Image(VALUES, AFFINE), tmp_path / "a.nii")
    packed = tmp_path / "00017"
    packed.write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()))
    made = read_one(SourceFile(packed, "folder/Liver.NII.GZ"))
    assert made.name == "Liver"
    assert np.array_equal(made.source.to_file_grid(made.volume.voxels), VALUES)
    assert is_nifti((tmp_path / "a.nii").read_bytes()[:540])
    assert not is_nifti(packed.read_bytes()[:540])
