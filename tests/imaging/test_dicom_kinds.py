"""Kinds of DICOM pixels that few archives have: real numbers, single bits, 32 bits, colours by another name, tables of
colours, enhanced CT and PET with a scale for each frame. Written by other libraries where these can."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import convert_color_space
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import (
    EnhancedCTImageStorage,
    EnhancedPETImageStorage,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLSLossless,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    RLELossless,
)

from backend.imaging.blanked_files import FrameBlank, blank_dicom
from backend.imaging.blanking import Rectangle, darkest, fill
from backend.imaging.dicom import SeriesImport, read_dicom
from backend.imaging.dicom.attributes import read_bulk, read_metadata
from backend.imaging.dicom.errors import UnsupportedTransferSyntax
from backend.imaging.dicom.serving import Look, as_explicit_little_endian, plain_frames, render
from backend.imaging.outcomes import Fault, SourceFile
from tests import phantoms

GRID = phantoms.geometry("SPL", (3.0, 1.0, 1.0), (4, 16, 20))
BOX = Rectangle(2, 1, 9, 4)


def read_one(path: Path) -> SeriesImport:
    [made] = read_dicom([SourceFile(path, path.name)])
    assert isinstance(made, SeriesImport), made
    return made


def saved(dataset: Dataset, folder: Path) -> Path:
    dataset.save_as(folder / "x.dcm", enforce_file_format=True)
    return folder / "x.dcm"


def assert_blanks(path: Path, made: SeriesImport, whole: int) -> None:
    """Rectangles are blanked in files of this kind, too."""
    expected, blanks = made.volume.voxels.copy(), []
    for instance in made.instances:
        k = instance.slice_index
        like = darkest(expected[k])
        fill(expected[k], [BOX], like)
        blanks.append(FrameBlank(k, instance.frame_number, instance.tile, (BOX,), like))
    target = path.with_name("blanked.dcm")
    blank_dicom(path, target, blanks, whole=len(blanks) == whole)
    np.testing.assert_array_equal(read_one(target).volume.voxels, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
def test_parametric_maps_have_real_values(dtype: type, tmp_path: Path) -> None:
    """As highdicom writes them: FloatPixelData, DoubleFloatPixelData, and integers with a real world value mapping."""
    source = phantoms.slice_datasets(phantoms.numbered((4, 16, 20)), GRID)
    for data in source:
        data.PatientSex = data.PatientBirthDate = data.AccessionNumber = data.ReferringPhysicianName = ""
        data.StudyTime, data.StudyID = "120000", "1"
    rng = np.random.default_rng(0)
    is_real = dtype is not np.uint16
    stored = (rng.normal(0, 100, (4, 16, 20)) if is_real else rng.integers(0, 900, (4, 16, 20))).astype(dtype)
    if is_real:
        stored[1, 2, 3] = np.nan
    slope, intercept = (1, 0) if is_real else (0.5, -5)
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="map",
        lut_explanation="a map",
        unit=codes.UCUM.NoUnits,
        value_range=(-1000.0, 1000.0) if is_real else (0, 900),
        intercept=intercept,
        slope=slope,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made_map = hd.pm.ParametricMap(
            source,
            stored,
            series_instance_uid=hd.UID(),
            series_number=9,
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer="nobody",
            manufacturer_model_name="none",
            software_versions="1",
            device_serial_number="1",
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            window_center=0,
            window_width=100,
        )
    path = tmp_path / "map.dcm"
    made_map.save_as(path)
    made = read_one(path)
    expected = stored.astype(np.float64) * slope + intercept
    if is_real:
        assert any("1 voxels were not finite" in note for note in made.warnings)
        expected[1, 2, 3] = np.nanmin(expected)
    assert made.volume.voxels.dtype == np.float32
    np.testing.assert_allclose(made.volume.voxels, expected, rtol=1e-6)
    np.testing.assert_allclose(made.volume.geometry.affine_lps, GRID.affine_lps, atol=1e-6)
    assert_blanks(path, made, 4)
    if is_real:
        place = {np.float32: "7FE00008", np.float64: "7FE00009"}[dtype]
        metadata = read_metadata(path, "bulk/{}".format)
        assert metadata[place]["BulkDataURI"] == f"bulk/{place}" and "7FE00010" not in metadata
        assert read_bulk(path, place) == made_map[int(place, 16)].value == b"".join(plain_frames(path, [1, 2, 3, 4]))
        assert {Image.open(io.BytesIO(render(path, n, Look()))).size for n in (1, 2, 3, 4)} == {(20, 16)}


def test_single_bits(tmp_path: Path) -> None:
    bits = np.random.default_rng(1).random((3, 7, 13)) > 0.5
    data = phantoms.image_dataset(bits.astype(np.uint8), modality="OT")
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = MultiFrameSingleBitSecondaryCaptureImageStorage
    data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    data.PixelData = packed + b"\0" * (len(packed) % 2)
    path = saved(data, tmp_path)
    made = read_one(path)
    np.testing.assert_array_equal(made.volume.voxels, bits.astype(np.uint8))
    assert_blanks(path, made, 3)


@pytest.mark.parametrize("dtype", [np.uint32, np.int32])
def test_integers_of_32_bits(dtype: type, tmp_path: Path) -> None:
    pixels = np.array([[0, 70_000, 2**31 - 1], [5, 6, 100_000]], dtype)
    made = read_one(saved(phantoms.image_dataset(pixels, modality="NM"), tmp_path))
    np.testing.assert_array_equal(made.volume.voxels[0], pixels)
    assert made.volume.voxels.dtype == np.int32


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
def test_luminance_and_colour_become_rgb(photometric: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rgb = np.repeat(rng.integers(20, 230, (16, 10, 3), np.uint8), 2, axis=1)
    ybr = convert_color_space(rgb, "RGB", "YBR_FULL")
    data = phantoms.image_dataset(ybr, modality="US")
    data.PhotometricInterpretation = photometric
    if photometric == "YBR_FULL_422":  # Y Y B R for every two pixels
        data.PixelData = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1).tobytes()
    path = saved(data, tmp_path)
    made = read_one(path)
    assert made.volume.channels == 3
    assert np.abs(made.volume.voxels[0].astype(int) - rgb).max() <= 2
    assert_blanks(path, made, 1)


def test_segmented_colour_tables(tmp_path: Path) -> None:
    """A table of runs: one discrete, one linear segment (PS3.3 C.7.9.2)."""
    data = phantoms.image_dataset(np.arange(256, dtype=np.uint8).reshape(16, 16), modality="US")
    data.PhotometricInterpretation = "PALETTE COLOR"
    for name in ("Red", "Green", "Blue"):
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        run = np.array([0, 1, 0, 1, 255, 65535], "<u2").tobytes()
        setattr(data, f"Segmented{name}PaletteColorLookupTableData", run)
    made = read_one(saved(data, tmp_path))
    shown = made.volume.voxels[0, ..., 0].ravel().astype(int)
    assert shown[0] == 0 and shown[-1] == 255 and (np.diff(shown) >= 0).all()


@pytest.mark.parametrize(("sop_class", "modality"), [(EnhancedCTImageStorage, "CT"), (EnhancedPETImageStorage, "PT")])
def test_each_frame_of_an_enhanced_object_has_its_scale(sop_class: str, modality: str, tmp_path: Path) -> None:
    stored = phantoms.numbered((4, 16, 20), np.int16)
    data = phantoms.enhanced_dataset([(stored, GRID)])
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = sop_class
    data.Modality = modality
    scales = [(0.5 + k, -1000.0 + k) for k in range(4)]
    for group, (slope, intercept) in zip(data.PerFrameFunctionalGroupsSequence, scales, strict=True):
        scale = Dataset()
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = slope, intercept, "US"
        group.PixelValueTransformationSequence = Sequence([scale])
    made = read_one(saved(data, tmp_path))
    assert made.volume.modality == modality
    scales.reverse()  # the last slice is the first frame
    expected = np.stack([plane * slope + intercept for plane, (slope, intercept) in zip(stored, scales, strict=True)])
    np.testing.assert_allclose(made.volume.voxels, expected, rtol=1e-6)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_colour_in_lossless_compressions(syntax: Any, tmp_path: Path) -> None:
    rgb = np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8)
    data = phantoms.image_dataset(rgb, modality="US")
    data.compress(syntax, generate_instance_uid=False)
    np.testing.assert_array_equal(read_one(saved(data, tmp_path)).volume.voxels[0], rgb)


def test_what_no_decoder_reads_is_refused_by_name(tmp_path: Path) -> None:
    data = phantoms.image_dataset(np.zeros((4, 4), np.uint8), modality="ES")
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    data.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0abcd\xfe\xff\xdd\xe0\0\0\0\0"
    data["PixelData"].is_undefined_length = True
    [fault] = read_dicom([SourceFile(saved(data, tmp_path), "video.dcm")])
    assert isinstance(fault, Fault) and isinstance(fault.error, UnsupportedTransferSyntax)
    assert "MPEG-4" in fault.error.detail


def test_high_throughput_jpeg_2000_is_read() -> None:
    from pydicom.pixels import get_decoder

    assert get_decoder(HTJ2KLossless).is_available


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32])
def test_big_endian_files_are_served_and_blanked(dtype: type, tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(1, 120, (16, 20)).astype(dtype)
    data = phantoms.image_dataset(pixels, modality="MR")
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    words = pixels.view("<u2") if dtype is np.uint8 else pixels
    data.PixelData = words.astype(words.dtype.newbyteorder(">")).tobytes()
    data["PixelData"].VR = "OW"
    item = Dataset()
    item.add_new(0x00091001, "OW", b"\x01\x02")
    data.SourceImageSequence = [item]
    path = tmp_path / "big.dcm"
    data.save_as(path, implicit_vr=False, little_endian=False, enforce_file_format=True)
    made = read_one(path)
    np.testing.assert_array_equal(made.volume.voxels[0], pixels)
    as_explicit_little_endian(path, tmp_path / "little.dcm")
    np.testing.assert_array_equal(read_one(tmp_path / "little.dcm").volume.voxels[0], pixels)
    assert plain_frames(path, [1])[0][: pixels.nbytes] == pixels.tobytes()
    assert read_bulk(path, "7FE00010") == pixels.tobytes()
    assert_blanks(path, made, 1)


def test_bulk_data_of_compressed_pixels_is_decoded(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 4000, (64, 96), np.uint16)
    data = phantoms.image_dataset(pixels)
    data.compress(JPEGLSLossless, generate_instance_uid=False)
    assert read_bulk(saved(data, tmp_path), "7FE00010") == pixels.tobytes()
