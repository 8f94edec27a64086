"""PNG, JPEG and TIFF -> volumes of one picture, or of the pages of a TIFF, without a place in a patient.

Pixels count 1 mm. The resolution tags of these formats are a printer's and mean nothing in a body, with one exception:
TIFFs written by ImageJ state a unit of length, and scientists set it; that size is used. Grey pictures keep their depth
(8 or 16 bits, or real numbers); colour becomes 8-bit RGB; transparency is laid on black.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from backend.errors import AppError
from backend.imaging.errors import CorruptImage, UnsupportedImage, VolumeTooLarge
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.outcomes import SourceFile
from backend.imaging.reasons import reason_of
from backend.imaging.unknowns import NO_SIZE
from backend.imaging.volume import Volume

MAX_VOLUME_BYTES = 2 * 2**30
"""The largest array that is decoded; a header that promises more is refused before anything is decoded."""

IMAGEJ_UNITS_MM = {"mm": 1.0, "cm": 10.0, "micron": 1e-3, "um": 1e-3, "µm": 1e-3, "\\u00b5m": 1e-3, "nm": 1e-6}

STARTS: tuple[bytes, ...] = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
)
"""First bytes of PNG, JPEG, TIFF and BigTIFF in both byte orders."""


@dataclass(frozen=True, slots=True)
class RasterImport:
    """The volume of one picture file."""

    volume: Volume
    name: str
    warnings: tuple[str, ...]


def is_raster(start: bytes) -> bool:
    """Whether a file with these first bytes is a PNG, JPEG or TIFF."""
    return start.startswith(STARTS)


def read_raster(file: SourceFile) -> RasterImport:
    """Reads one picture file whole. Raises CorruptImage, UnsupportedImage and VolumeTooLarge."""
    with file.path.open("rb") as opened:
        is_tiff = opened.read(4) in STARTS[2:]
    name = file.name.rsplit("/", 1)[-1].rsplit(".", 1)[0] or file.name
    return _decoded(_read_tiff if is_tiff else _read_picture, file, name)


def _decoded(read: Callable[[SourceFile, str], RasterImport], file: SourceFile, name: str) -> RasterImport:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read(file, name)
        except (AppError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise UnsupportedImage(
                reason_of(error), hint="Crop the picture or save it at a lower resolution."
            ) from error
        except Exception as error:  # decoders of damaged files raise anything at all
            raise CorruptImage(f"The picture cannot be decoded: {reason_of(error)}") from error


# -- PNG and JPEG -----------------------------------------------------------------------------------------------------
def _read_picture(file: SourceFile, name: str) -> RasterImport:
    with Image.open(file.path, formats=("PNG", "JPEG")) as image:
        _check_size(image.width * image.height * (4 if image.mode in ("RGBA", "CMYK", "I", "F") else 3))
        notes = [NO_SIZE]
        if getattr(image, "n_frames", 1) > 1:
            notes.append("The file is animated; only its first picture is read.")
        upright = ImageOps.exif_transpose(image)
        pixels = _pixels(upright, notes)
    return _import(pixels[None], name, notes)


def _pixels(image: Image.Image, notes: list[str]) -> NDArray[Any]:
    """[rows, columns] grey or [rows, columns, 3] uint8."""
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    if image.mode.startswith("I") or image.mode == "F":
        return np.array(image)
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if np.array(rgba.getchannel("A")).min() < 255:
            notes.append("Transparent parts are laid on black.")
            rgba = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
        return np.array(rgba.convert("L" if image.mode in ("LA", "La") else "RGB"))
    return np.array(image.convert("RGB"))


# -- TIFF -------------------------------------------------------------------------------------------------------------
def _read_tiff(file: SourceFile, name: str) -> RasterImport:
    with tifffile.TiffFile(file.path) as tiff:
        series = tiff.series[0]
        page: Any = series.keyframe
        sizes = dict(zip(series.axes, series.shape, strict=True))
        stacked = [axis for axis, size in sizes.items() if axis not in "YXS" and size > 1]
        if len(stacked) > 1 or "C" in stacked:
            axes = " x ".join(f"{axis} {size}" for axis, size in sizes.items())
            raise UnsupportedImage(
                f"The TIFF has the axes {axes}; one stack of grey or RGB pictures is supported.",
                hint="Save each channel or time point to a file of its own.",
            )
        _check_size(int(np.prod(series.shape, dtype=np.int64)) * np.dtype(series.dtype).itemsize)
        notes = []
        if len(tiff.series) > 1:
            notes.append(f"The file holds {len(tiff.series) - 1} more pictures of other sizes; they are left out.")
        spacing = _imagej_spacing_mm(tiff)
        notes.append(NO_SIZE if spacing is None else "The size of a pixel is the one that ImageJ wrote.")
        if stacked and stacked[0] != "Z":
            notes.append("The third axis holds the pages of the file in their order.")
        pixels = _arranged(series.asarray(), series.axes)
        pixels = _tiff_colours(pixels, page, notes)
        orientation = page.tags.get("Orientation")
        if orientation is not None and int(orientation.value) in TURNS:
            pixels = TURNS[int(orientation.value)](pixels)
            if int(orientation.value) > 4 and spacing is not None:
                spacing = (spacing[0], spacing[2], spacing[1])
    return _import(pixels, name, notes, spacing)


TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, :, ::-1],
    3: lambda a: a[:, ::-1, ::-1],
    4: lambda a: a[:, ::-1],
    5: lambda a: a.swapaxes(1, 2),
    6: lambda a: a.swapaxes(1, 2)[:, :, ::-1],
    7: lambda a: a.swapaxes(1, 2)[:, ::-1, ::-1],
    8: lambda a: a.swapaxes(1, 2)[:, ::-1],
}
"""TIFF and EXIF orientation -> what turns the stored [pages, rows, columns(, samples)] upright."""


def _arranged(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """An array with these axes -> [pages, rows, columns] or [pages, rows, columns, samples]."""
    order = [n for n, axis in enumerate(axes) if axis not in "YXS"] + [axes.index("Y"), axes.index("X")]
    has_samples = "S" in axes and array.shape[axes.index("S")] > 1
    if "S" in axes:
        order.append(axes.index("S"))
    array = np.transpose(array, order)
    rows, columns = array.shape[order.index(axes.index("Y"))], array.shape[order.index(axes.index("X"))]
    return array.reshape((-1, rows, columns, array.shape[-1]) if has_samples else (-1, rows, columns))


def _tiff_colours(pixels: NDArray[Any], page: Any, notes: list[str]) -> NDArray[Any]:
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        return np.asarray((page.colormap[:, pixels] >> 8).astype(np.uint8).transpose(1, 2, 3, 0))
    if pixels.ndim == 3:
        if pixels.dtype == np.bool_:
            pixels = pixels.astype(np.uint8) * 255
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            notes.append("Low values were meant to be bright; the values are mirrored, so that it shows as intended.")
            pixels = pixels.max() - pixels if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max - pixels
        return pixels
    if pixels.shape[-1] == 2:
        notes.append("The second sample of each pixel, its transparency, is left out.")
        return pixels[..., 0]
    if pixels.dtype == np.uint16:
        notes.append("16-bit colour is reduced to 8 bits.")
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8 or pixels.shape[-1] not in (3, 4) or page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
        raise UnsupportedImage(
            f"Its pixels have {pixels.shape[-1]} samples of type {pixels.dtype} ({page.photometric.name}).",
            hint="Save it as grey or as 8-bit RGB.",
        )
    if pixels.shape[-1] == 4:
        if pixels[..., 3].min() < 255:
            notes.append("Transparent parts are laid on black.")
            opaque = pixels[..., 3:].astype(np.uint16)
            return ((pixels[..., :3] * opaque + 127) // 255).astype(np.uint8)
        return pixels[..., :3]
    return pixels


def _imagej_spacing_mm(tiff: tifffile.TiffFile) -> tuple[float, float, float] | None:
    """(page, row, column) size of a voxel as ImageJ states it, or None."""
    about: dict[str, Any] = tiff.imagej_metadata or {}
    unit = IMAGEJ_UNITS_MM.get(str(about.get("unit", "")))
    tags: Any = tiff.pages[0].tags  # type: ignore[union-attr]
    if unit is None or "XResolution" not in tags or "YResolution" not in tags:
        return None
    across, down = (tags[name].value for name in ("XResolution", "YResolution"))
    if not all((*across, *down)):
        return None
    spacing = float(about.get("spacing", 1.0))
    return (abs(spacing) * unit or 1.0, down[1] / down[0] * unit, across[1] / across[0] * unit)


# -- both -------------------------------------------------------------------------------------------------------------
def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_VOLUME_BYTES:
        raise VolumeTooLarge(size_bytes, MAX_VOLUME_BYTES)


def _import(
    pixels: NDArray[Any], name: str, notes: list[str], spacing_kji_mm: tuple[float, float, float] | None = None
) -> RasterImport:
    channels = 3 if pixels.ndim == 4 else 1
    voxels = np.ascontiguousarray(pixels if channels == 3 else _storable(pixels, notes))
    geometry = VolumeGeometry.without_patient(voxels.shape[:3], spacing_kji_mm or (1.0, 1.0, 1.0))
    return RasterImport(Volume(geometry, voxels, "OT", channels), name, tuple(notes))


def _storable(pixels: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    """Grey pixels as uint8, int16, uint16, int32 or float32, the values unchanged where that is possible."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind in "iu":
        low, high = int(pixels.min()), int(pixels.max())
        for dtype in (np.int16, np.uint16, np.int32):
            if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
                return pixels.astype(dtype)
    if pixels.dtype.kind not in "iuf":
        raise UnsupportedImage(f"Its pixels are of type {pixels.dtype}.", hint="Save it as grey or as 8-bit RGB.")
    values = pixels.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.any():
        raise UnsupportedImage("None of its pixels is a finite number.", hint="Save the picture again.")
    if not finite.all():
        low_value = float(values[finite].min())
        notes.append(f"{int((~finite).sum())} pixels were no finite numbers; they are set to {low_value:g}.")
        values[~finite] = low_value
    return values
