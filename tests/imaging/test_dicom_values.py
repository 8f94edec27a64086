"""DICOM: what voxels are worth (rescaling, depth, colour, presentation), and files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG4HP41,
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    SegmentationStorage,
    VLWholeSlideMicroscopyImageStorage,
)

from backend import errors
from backend.imaging.dicom import SeriesImport, read_dicom
from backend.imaging.dicom.errors import (
    CorruptDicom,
    NoPixelData,
    TruncatedPixelData,
    UnsupportedDicomObject,
    UnsupportedTransferSyntax,
)
from backend.imaging.errors import VolumeTooLarge
from backend.imaging.outcomes import NOT_AN_IMAGE, Fault, Ignored, SourceFile
from tests import phantoms

GRID = phantoms.geometry(shape_kji=(3, 4, 6))
VALUES = phantoms.numbered((3, 4, 6))


def read_one(files: list[SourceFile]) -> SeriesImport:
    [made] = list(read_dicom(files))
    assert isinstance(made, SeriesImport), made
    return made


def fault_of(files: list[SourceFile]) -> errors.AppError:
    [fault] = list(read_dicom(files))
    assert isinstance(fault, Fault), fault
    return fault.error


def written(tmp_path: Path, dataset: Dataset) -> list[SourceFile]:
    return phantoms.source_files(phantoms.save([dataset], tmp_path))


# -- values -----------------------------------------------------------------------------------------------------------
def test_whole_rescaling_gives_int16(tmp_path: Path) -> None:
    def rescale(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = "2", "-1024"

    made = read_one(phantoms.write_dicom(tmp_path, VALUES, GRID, change=rescale))
    assert made.volume.voxels.dtype == np.int16
    assert np.array_equal(made.volume.voxels, VALUES * 2 - 1024)


def test_fractions_that_differ_by_slice_give_float32(tmp_path: Path) -> None:
    """PET: each slice has a slope of its own."""
    slopes = (0.5, 1.25, 3.0)

    def rescale(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = slopes[k], 0
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage

    made = read_one(phantoms.write_dicom(tmp_path, VALUES, GRID, modality="PT", change=rescale))
    assert made.volume.voxels.dtype == np.float32
    assert made.volume.voxels == pytest.approx(VALUES * np.array(slopes)[:, None, None])


@pytest.mark.parametrize(
    ("stored", "intercept", "dtype"),
    [
        (np.array([0, 200], np.uint8), 0, np.uint8),
        (np.array([0, 4095], np.uint16), -1024, np.int16),
        (np.array([0, 60000], np.uint16), 0, np.uint16),
        (np.array([0, 60000], np.uint16), -1024, np.int32),
        (np.array([-2000, 3000], np.int16), -1024, np.int16),
        (np.array([-32768, 0], np.int16), -1024, np.int32),
    ],
)
def test_integers_take_the_first_type_that_holds_them(
    stored: np.ndarray, intercept: int, dtype: type, tmp_path: Path
) -> None:
    """The value that needs more room stands in the last slice alone: what was written before must survive."""
    values = np.zeros((3, 4, 6), stored.dtype)
    values[0], values[2] = stored[0], stored[1]

    def shift(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, intercept

    made = read_one(phantoms.write_dicom(tmp_path, values, GRID, change=shift))
    assert made.volume.voxels.dtype == dtype
    assert np.array_equal(made.volume.voxels, values.astype(np.int64) + intercept)


def test_a_modality_table_is_applied(tmp_path: Path) -> None:
    def table(dataset: Dataset, k: int) -> None:
        lut = Dataset()
        lut.LUTDescriptor = [4, 10, 16]
        lut["LUTDescriptor"].VR = "US"
        lut.LUTData = [100, 200, 300, 400]
        lut["LUTData"].VR = "US"
        lut.ModalityLUTType = "US"
        dataset.ModalityLUTSequence = [lut]

    made = read_one(phantoms.write_dicom(tmp_path, VALUES, GRID, change=table))
    assert np.array_equal(made.volume.voxels, np.clip(VALUES.astype(int) - 10, 0, 3) * 100 + 100)


def test_monochrome1_radiograph_is_mirrored_and_says_so(tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.array([[0, 100], [4000, 4095]], np.uint16), modality="DX")
    dataset.PhotometricInterpretation, dataset.BitsStored, dataset.HighBit = "MONOCHROME1", 12, 11
    dataset.WindowCenter, dataset.WindowWidth = 1000, 800
    made = read_one(written(tmp_path, dataset))
    assert made.volume.voxels.tolist() == [[[4095, 3995], [95, 0]]]
    assert made.mirrored_about == 4095
    assert (made.windows[0].center, made.windows[0].width) == (3095, 800)
    assert any("MONOCHROME1" in warning and "mirrored" in warning for warning in made.warnings)


def test_monochrome1_ct_keeps_its_hounsfield_units(tmp_path: Path) -> None:
    def invert(dataset: Dataset, k: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    made = read_one(phantoms.write_dicom(tmp_path, VALUES, GRID, change=invert))
    assert np.array_equal(made.volume.voxels, VALUES)
    assert made.mirrored_about is None
    assert any("MONOCHROME1" in warning for warning in made.warnings)


def test_windows_of_the_file_carry_their_names(tmp_path: Path) -> None:
    def window(dataset: Dataset, k: int) -> None:
        dataset.WindowCenter, dataset.WindowWidth = [40 + k, -600], [400, 1500]
        dataset.WindowCenterWidthExplanation = ["SOFT", "LUNG"]

    made = read_one(phantoms.write_dicom(tmp_path, VALUES, GRID, change=window))
    assert [(w.name, w.center, w.width) for w in made.windows] == [("SOFT", 41, 400), ("LUNG", -600, 1500)]


def test_a_graphic_in_the_high_bits_is_taken_away(tmp_path: Path) -> None:
    stored = np.array([[5, 0x0FFF], [0x1005, 0xF123]], np.uint16)
    dataset = phantoms.image_dataset(stored, modality="OT")
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.add_new((0x6000, 0x0102), "US", 12)
    assert read_one(written(tmp_path, dataset)).volume.voxels.tolist() == [[[5, 0x0FFF], [5, 0x0123]]]


def test_colour(tmp_path: Path) -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    made = read_one(written(tmp_path, phantoms.image_dataset(pixels, modality="US")))
    assert made.volume.channels == 3
    assert np.array_equal(made.volume.voxels[0], pixels)
    assert made.windows == ()


def test_palette_colour_becomes_rgb(tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.array([[0, 1], [2, 1]], np.uint8), modality="US")
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for name, entries in (("Red", (0, 255, 10)), ("Green", (0, 128, 20)), ("Blue", (0, 64, 30))):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [3, 0, 16])
        table = np.array([entry * 257 for entry in entries], "<u2").tobytes()
        setattr(dataset, f"{name}PaletteColorLookupTableData", table)
    made = read_one(written(tmp_path, dataset))
    assert made.volume.voxels[0].tolist() == [[[0, 0, 0], [255, 128, 64]], [[10, 20, 30], [255, 128, 64]]]


def test_grey_and_colour_of_one_series_are_kept_apart(tmp_path: Path) -> None:
    grey = phantoms.image_dataset(np.zeros((4, 6), np.uint8), modality="US")
    colour = phantoms.image_dataset(np.zeros((4, 6, 3), np.uint8), modality="US")
    colour.SeriesInstanceUID, colour.StudyInstanceUID = grey.SeriesInstanceUID, grey.StudyInstanceUID
    made = list(read_dicom(phantoms.source_files(phantoms.save([grey, colour], tmp_path))))
    assert sorted(one.volume.channels for one in made if isinstance(one, SeriesImport)) == [1, 3]


def test_ultrasound_regions_give_the_size_of_a_pixel(tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.zeros((4, 6), np.uint8), modality="US")
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    dataset.SequenceOfUltrasoundRegions = [region]
    spacing = read_one(written(tmp_path, dataset)).volume.geometry.spacing_kji_mm
    assert spacing[1:] == pytest.approx((0.3, 0.2))


# -- encodings --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless])
def test_encodings(syntax: pydicom.uid.UID, tmp_path: Path) -> None:
    def encode(dataset: Dataset, k: int) -> None:
        if syntax.is_compressed and not syntax.is_deflated:
            dataset.compress(syntax, generate_instance_uid=False)
        else:
            dataset.file_meta.TransferSyntaxUID = syntax

    made = read_one(phantoms.write_dicom(tmp_path, VALUES, GRID, change=encode))
    assert np.array_equal(made.volume.voxels, VALUES)


def test_big_endian(tmp_path: Path) -> None:
    dataset = phantoms.slice_datasets(VALUES[:1], phantoms.geometry(shape_kji=(1, 4, 6)))[0]
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset.PixelData = VALUES[0].astype(">i2").tobytes()
    made = read_one(written(tmp_path, dataset))
    assert np.array_equal(made.volume.voxels[0], VALUES[0])
    assert made.volume.voxels.dtype == np.int16


def test_a_file_without_preamble_and_meta_information(tmp_path: Path) -> None:
    dataset = phantoms.slice_datasets(VALUES[:1], phantoms.geometry(shape_kji=(1, 4, 6)))[0]
    del dataset.file_meta
    path = tmp_path / "bare"
    dataset.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert np.array_equal(read_one([SourceFile(path, "bare")]).volume.voxels[0], VALUES[0])


# -- faults -----------------------------------------------------------------------------------------------------------
def test_an_unsupported_compression_names_itself(tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.zeros((4, 6), np.uint8), modality="US")
    dataset.file_meta.TransferSyntaxUID = MPEG4HP41
    dataset.PixelData = pydicom.encaps.encapsulate([b"\0" * 100])
    dataset["PixelData"].is_undefined_length = True
    error = fault_of(written(tmp_path, dataset))
    assert isinstance(error, UnsupportedTransferSyntax)
    assert "MPEG-4" in error.detail and str(MPEG4HP41) in error.detail


def test_a_missing_plug_in_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.pixels.decoders import RLELosslessDecoder

    dataset = phantoms.image_dataset(np.zeros((4, 6), np.uint8), modality="US")
    dataset.compress(RLELossless, generate_instance_uid=False)
    files = written(tmp_path, dataset)
    monkeypatch.setattr(RLELosslessDecoder, "_available", {})
    monkeypatch.setattr(RLELosslessDecoder, "_unavailable", {"pylibjpeg": ("pylibjpeg-rle",)})
    error = fault_of(files)
    assert isinstance(error, UnsupportedTransferSyntax)
    assert "pylibjpeg" in error.detail


@pytest.mark.parametrize("keep", [0.999, 0.9, 0.6])
def test_a_native_file_that_is_cut_off(keep: float, tmp_path: Path) -> None:
    [file] = written(tmp_path, phantoms.image_dataset(np.ones((64, 64), np.int16), modality="MR"))
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[: int(len(whole) * keep)])
    error = fault_of([file])
    assert isinstance(error, TruncatedPixelData)
    assert "8192 bytes" in error.detail


def test_a_compressed_file_that_is_cut_off(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    dataset = phantoms.image_dataset(rng.integers(0, 4000, (64, 64)).astype(np.int16), modality="MR")
    dataset.compress(RLELossless, generate_instance_uid=False)
    [file] = written(tmp_path, dataset)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[: len(whole) // 2])
    assert fault_of([file]).code in ("undecodable_pixel_data", "truncated_pixel_data", "corrupt_dicom")


def test_pixels_shorter_than_promised(tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.ones((64, 64), np.int16), modality="MR")
    dataset.Rows = 65
    error = fault_of(written(tmp_path, dataset))
    assert isinstance(error, TruncatedPixelData)


@pytest.mark.parametrize("content", [b"DICM", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + bytes(range(256)) * 8])
def test_what_is_only_the_beginning_of_dicom(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(content)
    assert isinstance(fault_of([SourceFile(path, "x.dcm")]), CorruptDicom)


def test_an_image_without_pixels(tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.zeros((4, 6), np.int16))
    del dataset.PixelData
    error = fault_of(written(tmp_path, dataset))
    assert isinstance(error, NoPixelData)
    assert "CT Image Storage" in error.detail


@pytest.mark.parametrize("sop_class", [SegmentationStorage, BasicTextSRStorage])
def test_objects_that_are_no_images_are_ignored(sop_class: str, tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.zeros((4, 6), np.uint8))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    if sop_class == BasicTextSRStorage:
        del dataset.PixelData, dataset.Rows, dataset.Columns
    [ignored] = list(read_dicom(written(tmp_path, dataset)))
    assert isinstance(ignored, Ignored)
    assert ignored.code == NOT_AN_IMAGE


def test_whole_slide_images_are_named(tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.zeros((4, 6, 3), np.uint8))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    assert isinstance(fault_of(written(tmp_path, dataset)), UnsupportedDicomObject)


def test_a_header_that_promises_gigabytes_is_refused_before_decoding(tmp_path: Path) -> None:
    dataset = phantoms.image_dataset(np.zeros((4, 6), np.uint16), modality="MR")
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.Rows, dataset.Columns = 60000, 60000
    assert isinstance(fault_of(written(tmp_path, dataset)), VolumeTooLarge)


def test_a_damaged_slice_in_the_middle_leaves_a_named_gap(tmp_path: Path) -> None:
    """Its pixels only show when they are decoded; then both the file and the gap that it leaves are told."""
    grid = phantoms.geometry(shape_kji=(5, 4, 6))

    def damage(dataset: Dataset, k: int) -> None:
        dataset.compress(RLELossless, generate_instance_uid=False)
        if k == 2:
            dataset.PixelData = pydicom.encaps.encapsulate([b"\x07" * 40])

    files = phantoms.write_dicom(tmp_path, phantoms.numbered((5, 4, 6)), grid, change=damage)
    outcomes = list(read_dicom(files))
    assert {outcome.error.code for outcome in outcomes if isinstance(outcome, Fault)} == {
        "undecodable_pixel_data",
        "irregular_slice_spacing",
    }
    assert not any(isinstance(outcome, SeriesImport) for outcome in outcomes)


def test_a_damaged_slice_at_the_end_leaves_the_others(tmp_path: Path) -> None:
    grid = phantoms.geometry(shape_kji=(5, 4, 6))

    def damage(dataset: Dataset, k: int) -> None:
        dataset.compress(RLELossless, generate_instance_uid=False)
        if k == 4:
            dataset.PixelData = pydicom.encaps.encapsulate([b"\x07" * 40])

    outcomes = list(read_dicom(phantoms.write_dicom(tmp_path, phantoms.numbered((5, 4, 6)), grid, change=damage)))
    [made] = [outcome for outcome in outcomes if isinstance(outcome, SeriesImport)]
    [fault] = [outcome for outcome in outcomes if isinstance(outcome, Fault)]
    assert np.array_equal(made.volume.voxels, phantoms.numbered((5, 4, 6))[:4])
    assert [file.name[-6:] for file in fault.files] == ["_4.dcm"]


def test_study_and_series_are_read_as_text(tmp_path: Path) -> None:
    made = read_one(phantoms.write_dicom(tmp_path, VALUES, GRID))
    assert (made.study.patient_name, made.study.patient_id, made.study.date) == ("Phantom^A", "P-1", "20260102")
    assert (made.series.description, made.series.number, made.series.modality) == ("Thorax", "7", "CT")
    assert made.volume.modality == "CT"


def test_the_parser_quotes_no_patient(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    def odd(dataset: Dataset, k: int) -> None:
        dataset.add_new("StudyDate", "DA", "Smith, 1.1.")

    files = phantoms.write_dicom(tmp_path, VALUES, GRID, change=odd)
    recwarn.clear()
    caplog.clear()
    assert "Smith" in read_one(files).study.date
    assert "Smith" not in " ".join(str(warning.message) for warning in recwarn.list) + caplog.text
