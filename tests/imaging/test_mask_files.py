"""Masks read from files: our own exports give the very same voxels back, other libraries' files too."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.sr.codedict import codes
from pydicom.uid import DeflatedExplicitVRLittleEndian

from backend.errors import AppError
from backend.imaging import mask_references
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import ExportLabel
from backend.imaging.labels_nifti import file_grid_of, write_labels
from backend.imaging.labels_nrrd import write_seg_nrrd
from backend.imaging.mask_files import read_mask_file as read
from backend.imaging.mask_files import read_sidecar, whose
from backend.imaging.mask_placing import compare, place
from backend.imaging.mask_types import MaskFile
from backend.imaging.nifti import affine_ras_ijk
from backend.imaging.outcomes import SourceFile
from backend.imaging.phantom import LIVER, ORGANS, Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.seg import SegAbout, SourceSlice, write_seg

ANY_GRID = VolumeGeometry.without_patient((1, 1, 1))
ABOUT = SegAbout(created_at=datetime(2026, 3, 1, 12, 30), software_version="9")  # noqa: DTZ001 - DICOM dates are local


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom((16, 48, 56), (16.0, 8.0, 7.0), seed=4)


@pytest.fixture(scope="module")
def series(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_dicom_series(phantom, tmp_path_factory.mktemp("series"))


def read_mask_file(path: Path, grid: VolumeGeometry = ANY_GRID, *, threshold: float = 0.5) -> MaskFile:
    """With what the JSON file beside it says, as a worker reads an upload."""
    beside = path.with_name(path.name.split(".")[0] + ".json")
    sidecar = None
    if beside.exists():
        image, own, sidecar = read_sidecar(beside)
        assert image == path.name
        sidecar = replace(sidecar, own_files={value: path.with_name(name) for value, name in own.items()})
    return read(SourceFile(path, path.name), grid, threshold=threshold, sidecar=sidecar)


def placed(file: MaskFile, geometry: VolumeGeometry) -> dict[str, np.ndarray]:
    fit = compare(file.geometry, geometry)
    assert fit.is_exact
    found = {segment.name: place(segment.read(), fit) for segment in file.segments}
    assert all(outside == 0 for _, outside in found.values())
    return {name: mask for name, (mask, _) in found.items()}


@pytest.mark.parametrize("format", ["nifti", "nrrd", "dicom-seg", "dicom-seg-labelmap"])
def test_an_export_comes_back_voxel_by_voxel(phantom: Phantom, series: list[Path], tmp_path: Path, format: str) -> None:
    geometry = phantom.volume.geometry
    path = tmp_path / {"nifti": "m.nii.gz", "nrrd": "m.seg.nrrd"}.get(format, "m.dcm")
    if format == "nifti":
        write_labels(tmp_path, "m", geometry, file_grid_of(geometry), ORGANS, phantom.mask)
    elif format == "nrrd":
        write_seg_nrrd(path, geometry, ORGANS, phantom.mask)
    else:
        sources, as_label_map = [SourceSlice(file) for file in series], format == "dicom-seg-labelmap"
        write_seg(path, sources, geometry, ORGANS, phantom.mask, ABOUT, as_label_map=as_label_map)
    file = read_mask_file(path)
    assert file.format == format.removesuffix("-labelmap")
    masks = placed(file, geometry)
    assert list(masks) == [organ.name for organ in ORGANS]
    for organ, segment in zip(ORGANS, file.segments, strict=True):
        np.testing.assert_array_equal(masks[organ.name], phantom.mask(organ))
        assert organ.code is not None and segment.code is not None and segment.color is not None
        assert (segment.code.scheme, segment.code.value) == (organ.code.scheme, organ.code.value)
        read = bytes.fromhex(segment.color[1:])
        assert all(abs(a - b) <= 1 for a, b in zip(read, organ.rgb, strict=True))


def test_overlapping_segments_keep_their_voxels(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    whole = ExportLabel("Abdomen", 200, "#102030")

    def mask(label: ExportLabel) -> np.ndarray:
        return phantom.truth > 0 if label == whole else phantom.mask(label)

    write_seg_nrrd(tmp_path / "m.seg.nrrd", phantom.volume.geometry, [whole, LIVER], mask)
    sources = [SourceSlice(file) for file in series]
    write_seg(tmp_path / "m.dcm", sources, phantom.volume.geometry, [whole, LIVER], mask, ABOUT)
    geometry = phantom.volume.geometry
    write_labels(tmp_path, "n", geometry, file_grid_of(geometry), [whole, LIVER], mask)
    for name in ("m.seg.nrrd", "m.dcm", "n.nii.gz"):
        found = placed(read_mask_file(tmp_path / name), phantom.volume.geometry)
        for label in (whole, LIVER):
            np.testing.assert_array_equal(found[label.name], mask(label))


def test_a_fractional_segmentation_is_cut_at_the_threshold(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    liver = phantom.mask(LIVER)
    fractions = np.where(liver, 0.8, 0.3).astype(np.float32)
    described = hd.seg.SegmentDescription(
        1, "liver", codes.SCT.Organ, codes.SCT.Liver, hd.seg.SegmentAlgorithmTypeValues.MANUAL
    )
    seg = hd.seg.Segmentation(
        [pydicom.dcmread(file) for file in series], fractions, hd.seg.SegmentationTypeValues.FRACTIONAL, [described],
        hd.UID(), 1, hd.UID(), 1, "m", "m", "1", "1", transfer_syntax_uid="1.2.840.10008.1.2.1",
    )  # fmt: skip
    seg.save_as(tmp_path / "m.dcm")
    geometry = phantom.volume.geometry
    np.testing.assert_array_equal(placed(read_mask_file(tmp_path / "m.dcm"), geometry)["liver"], liver)
    assert placed(read_mask_file(tmp_path / "m.dcm", threshold=0.2), geometry)["liver"].all()
    assert not placed(read_mask_file(tmp_path / "m.dcm", threshold=0.9), geometry)["liver"].any()


def test_a_label_map_segmentation_is_read_without_its_background(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    described = [
        hd.seg.SegmentDescription(
            n, f"organ {n}", codes.SCT.Organ, codes.SCT.Organ, hd.seg.SegmentAlgorithmTypeValues.MANUAL
        )
        for n in (1, 2)
    ]
    numbers = np.where(phantom.truth <= 2, phantom.truth, 0).astype(np.uint8)
    seg = hd.seg.Segmentation(
        [pydicom.dcmread(file) for file in series], numbers, hd.seg.SegmentationTypeValues.LABELMAP, described,
        hd.UID(), 1, hd.UID(), 1, "m", "m", "1", "1", transfer_syntax_uid="1.2.840.10008.1.2.1",
    )  # fmt: skip
    seg.save_as(tmp_path / "m.dcm")
    found = placed(read_mask_file(tmp_path / "m.dcm"), phantom.volume.geometry)
    assert list(found) == ["organ 1", "organ 2"]
    for n in (1, 2):
        np.testing.assert_array_equal(found[f"organ {n}"], numbers == n)


def test_files_in_another_orientation_are_reordered_exactly(phantom: Phantom, tmp_path: Path) -> None:
    truth, geometry = phantom.truth.astype(np.uint8), phantom.volume.geometry
    image = nib.Nifti1Image(truth.T, affine_ras_ijk(geometry))
    turned = image.as_reoriented(nib.orientations.ornt_transform(
        nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("SPR")))  # fmt: skip
    nib.save(turned, tmp_path / "m.nii")
    itk = sitk.GetImageFromArray(truth)
    itk.SetSpacing(geometry.spacing_kji_mm[::-1])
    itk.SetOrigin(geometry.affine_lps[:3, 3].tolist())
    itk.SetDirection(geometry.directions_kji[:, ::-1].ravel().tolist())
    sitk.WriteImage(itk[8:40, ::-1, 2:14], str(tmp_path / "m.nrrd"))
    for name, want in (("m.nii", truth), ("m.nrrd", np.zeros_like(truth))):
        if name == "m.nrrd":
            want[2:14, :, 8:40] = truth[2:14, :, 8:40]
        found = placed(read_mask_file(tmp_path / name), geometry)
        for value in np.unique(want[want > 0]):
            np.testing.assert_array_equal(found[f"Label {value}"], want == value)


def test_another_grid_is_no_exact_fit_and_takes_the_nearest_voxel() -> None:
    volume = VolumeGeometry.without_patient((2, 8, 8))
    coarse = VolumeGeometry.from_axes(
        origin_mm=(0.5, 0.5, 0), step_k_mm=(0, 0, 1), step_j_mm=(0, 2, 0), step_i_mm=(2, 0, 0), shape_kji=(2, 4, 4)
    )
    mask = np.zeros((2, 4, 4), bool)
    mask[1, 1, 2] = True
    fit = compare(coarse, volume)
    assert not fit.is_exact
    want = np.zeros((2, 8, 8), bool)
    want[1, 2:4, 4:6] = True
    found, outside = place(mask, fit)
    np.testing.assert_array_equal(found, want)
    assert outside == 0


def test_a_file_claims_no_more_than_it_holds(tmp_path: Path) -> None:
    """Nothing outside the file is read, and no memory is taken for what a header claims."""
    space = "space: left-posterior-superior\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n"
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {{}}\n{space}encoding: {{}}\n"
    (tmp_path / "secret").write_bytes(b"\1" * 8)
    detached = head.format("2 2 2", "raw") + f"data file: {tmp_path / 'secret'}\n\n"
    bomb = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = bomb.compress(bytes(64 * 2**20)) + bomb.flush()
    hostile = {
        "detached": (detached.encode(), "not_a_mask_file"),
        "bomb": (head.format("2 2 2", "gzip").encode() + b"\n" + packed, "mask_file_too_large"),
        "huge": (head.format("99999 99999 99999", "raw").encode() + b"\n", "mask_file_too_large"),
    }
    for name, (content, code) in hostile.items():
        (tmp_path / f"{name}.nrrd").write_bytes(content)
        with pytest.raises(AppError) as refused:
            read_mask_file(tmp_path / f"{name}.nrrd")
        assert refused.value.code == code, name


def test_a_deflated_file_is_not_unpacked_without_bound(
    phantom: Phantom, series: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.dcm"
    write_seg(path, [SourceSlice(file) for file in series], phantom.volume.geometry, ORGANS, phantom.mask, ABOUT)
    packed = pydicom.dcmread(path)
    packed.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    packed.save_as(path)
    np.testing.assert_array_equal(placed(read_mask_file(path), phantom.volume.geometry)["Liver"], phantom.mask(LIVER))
    monkeypatch.setattr(mask_references, "MOST_UNPACKED_BYTES", 20_000)
    for read_it in (read_mask_file, lambda path: whose(SourceFile(path, path.name))):
        with pytest.raises(AppError) as refused:
            read_it(path)
        assert refused.value.code == "mask_file_too_large"


def test_a_segmentation_that_is_cut_or_lies_is_refused(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "m.dcm"
    write_seg(path, [SourceSlice(file) for file in series], phantom.volume.geometry, ORGANS, phantom.mask, ABOUT)
    whole = path.read_bytes()
    for length in (200, 2000, len(whole) // 2, len(whole) - 100):
        path.write_bytes(whole[:length])
        with pytest.raises(AppError) as refused:
            read_mask_file(path)
        assert refused.value.code in ("corrupt_mask_file", "not_a_mask_file")
    path.write_bytes(whole)
    lying = pydicom.dcmread(path)
    lying.Rows = lying.Columns = 60_000
    lying.save_as(path)
    with pytest.raises(AppError) as refused:
        read_mask_file(path)
    assert refused.value.code == "mask_file_too_large"


def test_files_that_hold_no_masks_say_why(tmp_path: Path, series: list[Path]) -> None:
    fractions = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    many = np.arange(300, dtype=np.int16).reshape(3, 10, 10)
    for name, array in (("fractions", fractions), ("many", many), ("empty", np.zeros((2, 3, 4), np.uint8)),
                        ("time", np.ones((2, 3, 4, 2), np.uint8))):  # fmt: skip
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")
    (tmp_path / "text.nrrd").write_text("hello")
    (tmp_path / "cut.nrrd").write_bytes(b"NRRD0004\ntype: uint8\n")
    codes_of = {}
    for path in (*sorted(tmp_path.iterdir()), series[0]):
        with pytest.raises(AppError) as refused:
            read_mask_file(path)
        codes_of[path.name.split(".")[0] if path.parent == tmp_path else "image"] = refused.value.code
        assert refused.value.hint
    assert codes_of == {
        "fractions": "not_a_mask_file", "many": "too_many_segments", "empty": "not_a_mask_file",
        "time": "not_a_mask_file", "text": "not_a_mask_file", "cut": "corrupt_mask_file", "image": "not_a_mask_file",
    }  # fmt: skip
