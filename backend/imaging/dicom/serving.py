"""Pixels of a stored DICOM file for others: frames as they lie in it or decoded, a whole file in a plain transfer
syntax, a picture to look at. These run decoders on what strangers sent: call them through `services.isolation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.uid import UID, ExplicitVRLittleEndian

from backend.errors import Rejected
from backend.imaging.dicom.byte_order import as_little_endian
from backend.imaging.dicom.elements import integer, text, unheard
from backend.imaging.dicom.errors import NoPixelData, UndecodablePixelData
from backend.imaging.dicom.header import PIXEL_ELEMENTS
from backend.imaging.dicom.pixels import stored_pixels
from backend.imaging.dicom.syntaxes import decodable


class FrameNotThere(Rejected):
    """A frame number beyond those of the instance. Raised by imaging.dicom.serving."""

    code = "frame_not_there"
    title = "There is no such frame"


@dataclass(frozen=True, slots=True)
class Look:
    """How to render a frame. `window` is (center, width, function) in modality values; `box` the wanted part of the
    picture (left, top, width, height; a negative size mirrors), `size` the most it may measure (width, height), both in
    pixels; `quality` is JPEG's, 1..100."""

    media_type: str = "image/jpeg"
    window: tuple[float, float, str] | None = None
    size: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    quality: int = 90


def stored_frames(path: Path, numbers: Sequence[int]) -> list[bytes]:
    """Compressed frames (counted from 1) as they lie in the file. Raises FrameNotThere, NoPixelData."""
    with unheard():
        dataset = _opened(path)
        count = _checked(dataset, numbers)
        found = {}
        for n, frame in enumerate(generate_frames(dataset.PixelData, number_of_frames=count), start=1):
            if n in numbers:
                found[n] = frame
        return [found[n] for n in numbers]


def plain_frames(path: Path, numbers: Sequence[int]) -> list[bytes]:
    """Frames (counted from 1) as little endian pixels without compression, as Explicit VR Little Endian has them.

    Raises FrameNotThere, NoPixelData, UndecodablePixelData.
    """
    with unheard():
        dataset = _opened(path)
        _checked(dataset, numbers)
        return [_little_endian(dataset, pixels) for pixels in _decoded(dataset, numbers)]


def as_explicit_little_endian(path: Path, target: Path) -> None:
    """Write the object without compression. Raises UndecodablePixelData."""
    with unheard():
        dataset = decodable(pydicom.dcmread(path))
        syntax = dataset.file_meta.TransferSyntaxUID
        if syntax.is_compressed:
            try:
                dataset.decompress(generate_instance_uid=False)
            except Exception as error:
                raise UndecodablePixelData(syntax.name, type(error).__name__) from error
        dataset = as_little_endian(dataset)
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.save_as(target, implicit_vr=False, little_endian=True, enforce_file_format=True)


def render(path: Path, number: int | None, look: Look) -> bytes:
    """One frame (counted from 1, None for the middle one) as PNG or JPEG, through the file's or the given window.

    Raises FrameNotThere, NoPixelData, UndecodablePixelData.
    """
    with unheard():
        dataset = _opened(path)
        count = max(1, integer(dataset, "NumberOfFrames") or 1)
        wanted = (count + 1) // 2 if number is None else number
        _checked(dataset, [wanted])
        [pixels] = _decoded(dataset, [wanted])
        picture = Image.fromarray(_visible(dataset, wanted, pixels, look))
    if look.box is not None:
        picture = _cut(picture, look.box)
    if look.size is not None:
        width, height = look.size
        scale = min(width / picture.width, height / picture.height)
        picture = picture.resize(
            (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.BILINEAR
        )
    out = BytesIO()
    if look.media_type == "image/png":
        picture.save(out, "PNG")
    else:
        picture.save(out, "JPEG", quality=look.quality)
    return out.getvalue()


def _opened(path: Path) -> Dataset:
    dataset = decodable(pydicom.dcmread(path))
    if not any(name in dataset for name in PIXEL_ELEMENTS):
        raise NoPixelData(UID(text(dataset, "SOPClassUID")).name)
    return dataset


def _checked(dataset: Dataset, numbers: Sequence[int]) -> int:
    count = max(1, integer(dataset, "NumberOfFrames") or 1)
    for number in numbers:
        if not 1 <= number <= count:
            raise FrameNotThere(f"Frame {number} was asked for; the instance has frames 1 to {count}.")
    return count


def _decoded(dataset: Dataset, numbers: Sequence[int]) -> list[NDArray[np.generic]]:
    try:
        return list(stored_pixels(dataset, [n - 1 for n in numbers], integer(dataset, "BitsAllocated") or 8))
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # decoders of damaged data raise anything; those in Rust panic past Exception
        raise UndecodablePixelData(dataset.file_meta.TransferSyntaxUID.name, type(error).__name__) from error


def _little_endian(dataset: Dataset, pixels: NDArray[np.generic]) -> bytes:
    if integer(dataset, "BitsAllocated") == 1:
        return np.packbits(pixels.astype(bool).ravel(), bitorder="little").tobytes()
    if pixels.ndim == 3 and integer(dataset, "PlanarConfiguration") == 1:
        pixels = np.moveaxis(pixels, -1, 0)
    return pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


def _visible(dataset: Dataset, number: int, pixels: NDArray[np.generic], look: Look) -> NDArray[np.uint8]:
    """[rows, columns] or [rows, columns, 3] uint8."""
    if text(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
        colours = apply_color_lut(pixels, dataset)
        if colours.dtype == np.uint16:
            colours = colours >> 8
        return np.ascontiguousarray(colours[..., :3], dtype=np.uint8)
    if pixels.ndim == 3:
        return pixels[..., :3].astype(np.uint8)
    source = _with_groups(dataset, number)
    values = np.asarray(apply_modality_lut(pixels, source), dtype=np.float64)
    if not np.isfinite(values).all():  # real numbers may be none
        finite = values[np.isfinite(values)]
        values = np.nan_to_num(values, nan=finite.min() if finite.size else 0.0)
    if look.window is not None:
        shown = _windowed(values, *look.window)
    elif "VOILUTSequence" in source:
        shown = _spread(np.asarray(apply_voi_lut(apply_modality_lut(pixels, source), source), dtype=np.float64))
    elif "WindowCenter" in source and "WindowWidth" in source:
        center, width = (float(np.ravel(source[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
        shown = _windowed(values, center, width, text(source, "VOILUTFunction") or "LINEAR")
    else:
        shown = _spread(values)
    if text(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        shown = 1 - shown
    return np.rint(shown * 255).astype(np.uint8)


def _windowed(values: NDArray[np.float64], center: float, width: float, function: str) -> NDArray[np.float64]:
    """Modality values to 0..1 by the formulas of PS3.3 C.11.2."""
    if function.upper() == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700))))
    if function.upper() == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    return np.clip((values - (center - 0.5)) / max(width - 1, 1e-9) + 0.5, 0, 1)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _with_groups(dataset: Dataset, number: int) -> Dataset:
    """The elements that say what values mean, from the functional groups of the frame where there are any."""
    merged = Dataset()
    merged.update({tag: dataset[tag] for tag in dataset.keys() if tag.group == 0x0028})  # noqa: SIM118
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    own = per_frame[number - 1] if number <= len(per_frame) else Dataset()
    for group in (shared, own):
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for item in (group.get(name) or [])[:1]:
                merged.update(item)
    return merged


def _cut(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    left, top, width, height = box
    picture = picture.crop((left, top, left + abs(width), top + abs(height)))
    if width < 0:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if height < 0 else picture
