"""Rectangles made blank: a blanked file read anew gives the blanked voxels, and nothing else of it has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless, UltrasoundImageStorage

from backend.imaging.archive import ArchiveLimits
from backend.imaging.blanked_files import FrameBlank, blank_dicom, blank_nifti, write_picture
from backend.imaging.blanking import InvalidRectangles, Rectangle, check_rectangles, darkest, fill
from backend.imaging.dicom.text_risk import TextRisk, text_risk
from backend.imaging.importing import ImportedVolume, read_uploads
from backend.imaging.outcomes import SourceFile
from tests import phantoms

LIMITS = ArchiveLimits(max_files=100, max_total_bytes=1 << 30, max_ratio=1000)
BOX = Rectangle(1, 0, 3, 1)


def read(path: Path, folder: Path) -> ImportedVolume:
    folder.mkdir()
    [made] = read_uploads([SourceFile(path, path.name)], folder, limits=LIMITS)
    assert isinstance(made, ImportedVolume), made
    return made


def blanked(voxels: np.ndarray[Any, Any], slices: range) -> tuple[np.ndarray[Any, Any], list[FrameBlank]]:
    expected, blanks = voxels.copy(), []
    for k in slices:
        like = darkest(expected[k])
        fill(expected[k], [BOX], like)
        blanks.append(FrameBlank(k, None, None, (BOX,), like))
    return expected, blanks


def ultrasound(path: Path, photometric: str, change: Callable[[Dataset], None] = lambda _: None, **kind: Any) -> Path:
    """A colour or grey picture of 80 x 120 pixels, noise."""
    dtype, is_color = np.dtype(f"uint{kind.get('bits', 8)}"), photometric in ("RGB", "YBR_FULL")
    pixels = np.random.default_rng(5).integers(1, np.iinfo(dtype).max, (80, 120, 3) if is_color else (80, 120), dtype)
    data = phantoms.image_dataset(pixels, sop_class=UltrasoundImageStorage, modality="US")
    data.PhotometricInterpretation = photometric
    if kind.get("planar"):
        data.PlanarConfiguration, data.PixelData = 1, np.moveaxis(pixels, -1, 0).tobytes()
    change(data)
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("photometric", "kind"),
    [
        ("RGB", {}),
        ("RGB", {"planar": 1}),
        ("YBR_FULL", {}),
        ("MONOCHROME2", {}),
        ("MONOCHROME2", {"bits": 16}),
        ("MONOCHROME1", {"bits": 16}),
        ("RGB", {"syntax": RLELossless}),
        ("RGB", {"syntax": JPEGLSLossless}),
        ("MONOCHROME2", {"bits": 16, "syntax": JPEG2000Lossless}),
    ],
)
def test_a_blanked_dicom_file_is_the_blanked_picture(photometric: str, kind: dict[str, Any], tmp_path: Path) -> None:
    def change(data: Dataset) -> None:
        data.BurnedInAnnotation = "YES"
        data.IconImageSequence = [Dataset()]
        if "syntax" in kind:
            data.compress(kind["syntax"], generate_instance_uid=False)

    source = ultrasound(tmp_path / "in.dcm", photometric, change, **kind)
    made = read(source, tmp_path / "a")
    assert made.text_risk is TextRisk.STATED
    expected, blanks = blanked(made.volume.voxels, range(1))
    assert (expected != made.volume.voxels).any()
    blank_dicom(source, tmp_path / "out.dcm", blanks, whole=True)
    again = read(tmp_path / "out.dcm", tmp_path / "b")
    np.testing.assert_array_equal(again.volume.voxels, expected)
    assert again.volume.geometry.to_json() == made.volume.geometry.to_json()
    assert again.text_risk is None
    header = pydicom.dcmread(tmp_path / "out.dcm")
    assert header.BurnedInAnnotation == "NO" and "IconImageSequence" not in header
    assert [item.CodeValue for item in header.DeidentificationMethodCodeSequence] == ["113101"]
    assert header.SOPInstanceUID == pydicom.dcmread(source).SOPInstanceUID
    stored = header.file_meta.TransferSyntaxUID
    assert stored == (RLELossless if "syntax" in kind else pydicom.dcmread(source).file_meta.TransferSyntaxUID)


def test_one_frame_of_several_is_blanked_and_the_file_does_not_call_itself_clean(tmp_path: Path) -> None:
    def frames(data: Dataset) -> None:
        data.NumberOfFrames = 3
        data.PixelData = np.random.default_rng(1).integers(1, 255, (3, 80, 120), np.uint8).tobytes()

    source = ultrasound(tmp_path / "in.dcm", "MONOCHROME2", frames)
    made = read(source, tmp_path / "a")
    like = darkest(made.volume.voxels[1])
    blank_dicom(source, tmp_path / "out.dcm", [FrameBlank(1, 2, None, (BOX,), like)], whole=False)
    again = read(tmp_path / "out.dcm", tmp_path / "b")
    changed = (again.volume.voxels != made.volume.voxels).any(axis=(1, 2))
    assert changed.tolist() == [False, True, False]
    assert "BurnedInAnnotation" not in pydicom.dcmread(tmp_path / "out.dcm")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["int16", ">i2", "float64", "rgb"])
def test_a_blanked_nifti_file_is_the_blanked_volume(dtype: str, packed: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    shape = (7, 9, 4)
    if dtype == "rgb":
        voxels = np.zeros(shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
        for name in "RGB":
            voxels[name] = rng.integers(0, 255, shape)
    else:
        voxels = rng.integers(0, 900, (*shape, 2)).astype(dtype)
    image = nib.Nifti1Image(voxels, np.diag([-1.0, 1.0, 3.0, 1.0]))
    if dtype == ">i2":
        image = nib.Nifti1Image(voxels, image.affine, nib.Nifti1Header(endianness=">"))
    source = tmp_path / ("in.nii.gz" if packed else "in.nii")
    image.to_filename(source)
    (tmp_path / "a").mkdir()
    before = list(read_uploads([SourceFile(source, source.name)], tmp_path / "a", limits=LIMITS))
    last = before[-1]
    assert isinstance(last, ImportedVolume) and last.nifti is not None
    expected, blanks = blanked(last.volume.voxels, range(len(last.volume.voxels)))
    target = tmp_path / "out"
    blank_nifti(source, target, last.nifti, blanks)
    (tmp_path / "b").mkdir()
    after = list(read_uploads([SourceFile(target, source.name)], tmp_path / "b", limits=LIMITS))
    for old, new in zip(before[:-1], after[:-1], strict=True):
        assert isinstance(old, ImportedVolume) and isinstance(new, ImportedVolume)
        np.testing.assert_array_equal(old.volume.voxels, new.volume.voxels)
    assert isinstance(after[-1], ImportedVolume)
    np.testing.assert_array_equal(after[-1].volume.voxels, expected)
    assert (expected != last.volume.voxels).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, "rgb"])
def test_a_picture_is_written_without_loss(dtype: Any, tmp_path: Path) -> None:
    shape, kind = ((1, 6, 7, 3), np.uint8) if dtype == "rgb" else ((1, 6, 7), dtype)
    voxels = np.random.default_rng(3).integers(0, 200, shape).astype(kind)
    suffix = write_picture(tmp_path / "out", voxels, (1.0, 1.0, 1.0))
    assert suffix == (".png" if np.dtype(kind) in (np.uint8, np.uint16) else ".tif")
    again = read(tmp_path / "out", tmp_path / "a")
    np.testing.assert_array_equal(again.volume.voxels, voxels)
    assert again.text_risk is TextRisk.PICTURE


def test_a_stack_of_pages_keeps_its_size(tmp_path: Path) -> None:
    voxels = np.random.default_rng(3).integers(0, 60000, (4, 6, 7), np.uint16)
    assert write_picture(tmp_path / "out", voxels, (2.0, 0.5, 0.25)) == ".tif"
    again = read(tmp_path / "out", tmp_path / "a")
    np.testing.assert_array_equal(again.volume.voxels, voxels)
    assert again.volume.geometry.spacing_kji_mm == pytest.approx((2.0, 0.5, 0.25))
    assert tifffile.TiffFile(tmp_path / "out").is_imagej
    assert Image.open(tmp_path / "out").n_frames == 4


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ([], "no rectangle"),
        ([(3, 3, 2, 4)], "is empty"),
        ([(0, 0, 12, 4)], "reaches outside the picture of 12 x 8"),
        ([(-1, 0, 2, 4)], "reaches outside"),
        ([(0, 0, 1, 1)] * 65, "64 at once"),
        ([(0, 0, 11, 7)], "covers the whole picture"),
    ],
)
def test_rectangles_that_cannot_be_are_refused_with_the_reason(boxes: Any, reason: str) -> None:
    with pytest.raises(InvalidRectangles, match=reason):
        check_rectangles([Rectangle(*box) for box in boxes], (8, 12))


@pytest.mark.parametrize(
    ("elements", "risk"),
    [
        ({"BurnedInAnnotation": "YES", "Modality": "CT"}, TextRisk.STATED),
        ({"BurnedInAnnotation": "NO", "Modality": "US"}, None),
        ({"Modality": "US", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, TextRisk.ULTRASOUND),
        ({"Modality": "OT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, TextRisk.SECONDARY_CAPTURE),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}, TextRisk.SECONDARY_CAPTURE),
        ({"Modality": "CT", "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, TextRisk.SECONDARY_CAPTURE),
        ({"Modality": "CR", "ConversionType": "DF"}, TextRisk.SECONDARY_CAPTURE),
        ({"Modality": "ES", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.1"}, TextRisk.CAMERA),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, None),
        ({"Modality": "MR", "ImageType": ["DERIVED", "SECONDARY", "MPR"]}, None),
    ],
)
def test_the_kind_of_image_tells_the_risk(elements: dict[str, Any], risk: TextRisk | None) -> None:
    data = Dataset()
    for name, value in elements.items():
        setattr(data, name, value)
    assert text_risk(data) is risk
