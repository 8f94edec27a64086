"""PNG, JPEG and TIFF: depth, colour, orientation and pages are kept; what cannot be shown has a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from backend.imaging.errors import CorruptImage, UnsupportedImage, VolumeTooLarge
from backend.imaging.outcomes import SourceFile
from backend.imaging.raster import RasterImport, is_raster, read_raster
from backend.imaging.unknowns import NO_SIZE

GREY = np.arange(12 * 17, dtype=np.uint8).reshape(12, 17)
RGB = np.stack([GREY, GREY[::-1], np.full_like(GREY, 9)], axis=-1)


def saved(tmp_path: Path, image: Image.Image, name: str = "a.png", **options: Any) -> RasterImport:
    image.save(tmp_path / name, **options)
    return read_raster(SourceFile(tmp_path / name, f"folder/{name}"))


def tiff(tmp_path: Path, array: np.ndarray, **options: Any) -> RasterImport:
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    return read_raster(SourceFile(tmp_path / "a.tif", "a.tif"))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(GREY), GREY),
        (Image.fromarray(RGB), RGB),
        (Image.fromarray(GREY.astype(np.uint16) * 200), GREY.astype(np.uint16) * 200),
        (Image.fromarray(GREY > 100), (GREY > 100) * np.uint8(255)),
        (Image.fromarray(np.dstack([RGB, np.full_like(GREY, 255)])), RGB),
    ],
)
def test_png(image: Image.Image, expected: np.ndarray, tmp_path: Path) -> None:
    made = saved(tmp_path, image)
    assert np.array_equal(made.volume.voxels[0], expected)
    assert made.volume.channels == (3 if expected.ndim == 3 else 1)
    assert made.volume.geometry.spacing_kji_mm == (1, 1, 1)
    assert made.volume.modality == "OT"
    assert made.warnings == (NO_SIZE,)
    assert made.name == "a"


def test_palette(tmp_path: Path) -> None:
    made = saved(tmp_path, Image.fromarray(RGB).quantize(256))
    assert made.volume.channels == 3
    assert np.abs(made.volume.voxels[0].astype(int) - RGB).max() <= 8


def test_transparency_lies_on_black_and_is_told(tmp_path: Path) -> None:
    alpha = np.zeros_like(GREY)
    alpha[:, :8] = 255
    made = saved(tmp_path, Image.fromarray(np.dstack([RGB, alpha])))
    assert np.array_equal(made.volume.voxels[0, :, :8], RGB[:, :8])
    assert (made.volume.voxels[0, :, 8:] == 0).all()
    assert any("Transparent" in warning for warning in made.warnings)


def test_jpeg_is_turned_upright(tmp_path: Path) -> None:
    gradient = np.repeat(np.arange(0, 240, 10, dtype=np.uint8)[:, None], 16, axis=1)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways: turn clockwise
    made = saved(tmp_path, Image.fromarray(gradient), "a.jpg", exif=exif, quality=95)
    upright = np.rot90(gradient, -1)
    assert made.volume.geometry.shape_kji == (1, *upright.shape)
    assert np.abs(made.volume.voxels[0].astype(int) - upright).max() <= 4


# -- TIFF -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (GREY, np.uint8),
        (GREY.astype(np.uint16) * 100, np.int16),
        (GREY.astype(np.uint16) * 300, np.uint16),
        (GREY.astype(np.int32) - 70000, np.int32),
        (GREY.astype(np.float32) / 3, np.float32),
        (GREY.astype(np.float64) / 4, np.float32),
    ],
)
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_tiff_depths(array: np.ndarray, dtype: type, compression: str | None, tmp_path: Path) -> None:
    made = tiff(tmp_path, array, compression=compression)
    assert made.volume.voxels.dtype == dtype
    assert np.array_equal(made.volume.voxels[0], array)


def test_tiff_pages_are_a_stack(tmp_path: Path) -> None:
    stack = np.stack([GREY, GREY[::-1], GREY.T.reshape(GREY.shape)])
    made = tiff(tmp_path, stack, photometric="minisblack")
    assert np.array_equal(made.volume.voxels, stack)
    assert any("pages" in warning for warning in made.warnings)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_colour(planar: str, tmp_path: Path) -> None:
    array = RGB if planar == "contig" else np.moveaxis(RGB, -1, 0)
    made = tiff(tmp_path, array, photometric="rgb", planarconfig=planar)
    assert np.array_equal(made.volume.voxels[0], RGB)


def test_tiff_16_bit_colour_is_reduced_and_told(tmp_path: Path) -> None:
    made = tiff(tmp_path, RGB.astype(np.uint16) * 257, photometric="rgb")
    assert np.array_equal(made.volume.voxels[0], RGB)
    assert any("16-bit" in warning for warning in made.warnings)


def test_tiff_where_low_is_bright_is_mirrored_and_told(tmp_path: Path) -> None:
    made = tiff(tmp_path, GREY, photometric="miniswhite")
    assert np.array_equal(made.volume.voxels[0], 255 - GREY)
    assert any("mirrored" in warning for warning in made.warnings)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_orientations_agree_with_pillow(orientation: int, tmp_path: Path) -> None:
    made = tiff(tmp_path, GREY, extratags=[(274, "H", 1, orientation, True)])
    image = Image.fromarray(GREY)
    image.getexif()[274] = orientation
    assert np.array_equal(made.volume.voxels[0], np.array(ImageOps.exif_transpose(image)))


def test_tiff_of_imagej_states_a_true_size(tmp_path: Path) -> None:
    made = tiff(
        tmp_path,
        np.stack([GREY] * 3),
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"unit": "um", "spacing": 5.0, "axes": "ZYX"},
    )
    assert made.volume.geometry.spacing_kji_mm == pytest.approx((5e-3, 0.5e-3, 0.25e-3))
    assert NO_SIZE not in made.warnings


def test_tiff_resolution_of_a_printer_is_not_believed(tmp_path: Path) -> None:
    made = tiff(tmp_path, GREY, resolution=(72, 72), resolutionunit="inch")
    assert made.volume.geometry.spacing_kji_mm == (1, 1, 1)
    assert NO_SIZE in made.warnings


def test_channels_and_times_are_no_stack(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImage, match="C 2"):
        tiff(tmp_path, np.zeros((3, 2, 8, 8), np.uint8), imagej=True, metadata={"axes": "ZCYX"})


# -- faults -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_picture_that_is_cut_off(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    path = tmp_path / name
    Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorruptImage):
        read_raster(SourceFile(path, name))


def test_a_picture_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, Image.fromarray(GREY))
    path = tmp_path / "a.png"
    raw = bytearray(path.read_bytes())
    raw[16:24] = (100_000).to_bytes(4, "big") * 2  # width and height of the header chunk
    path.write_bytes(bytes(raw))
    with pytest.raises((UnsupportedImage, VolumeTooLarge, CorruptImage)):
        read_raster(SourceFile(path, "a.png"))


def test_tiff_that_promises_gigabytes_is_refused_before_decoding(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as opened:
        opened.pages[0].tags["ImageWidth"].overwrite(80_000)
        opened.pages[0].tags["ImageLength"].overwrite(80_000)
    with pytest.raises(VolumeTooLarge):
        read_raster(SourceFile(tmp_path / "a.tif", "a.tif"))


@pytest.mark.parametrize(
    ("start", "expected"),
    [(b"\x89PNG\r\n\x1a\n", True), (b"\xff\xd8\xff\xe0", True), (b"II*\0", True), (b"MM\0+", True), (b"GIF89a", False)],
)
def test_marks(start: bytes, expected: bool) -> None:
    assert is_raster(start) is expected
