"""Pixels of DICOM files as stored values, frame by frame: decompression, colour, tiles of mosaics, overlays in high
bits. Not here: what stored values mean (`assemble.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from backend.imaging.dicom.elements import unheard
from backend.imaging.dicom.errors import UndecodablePixelData
from backend.imaging.dicom.syntaxes import read_as
from backend.imaging.dicom.types import Frame, Header, NativePixels
from backend.imaging.reasons import reason_of

PALETTE = "PALETTE COLOR"
PALETTE_ELEMENTS = [
    "PhotometricInterpretation",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "PixelRepresentation",
]


def decode_frames(header: Header, frames: Sequence[Frame]) -> Iterator[tuple[Frame, NDArray[Any]]]:
    """The given frames of one file, in this order: [rows, columns] integers as stored, or [rows, columns, 3] uint8 RGB.

    One frame is in memory at a time. Raises UndecodablePixelData.
    """
    if frames[0].tile is not None:
        [picture] = _decode(header, [0])
        for frame in frames:
            row, column = frame.tile or (0, 0)
            yield frame, picture[row : row + frame.rows, column : column + frame.columns]
        return
    yield from zip(frames, _decode(header, [(frame.frame_number or 1) - 1 for frame in frames]), strict=True)


def _decode(header: Header, indices: Sequence[int]) -> Iterator[NDArray[Any]]:
    with unheard():
        try:
            if header.native is not None and not header.has_embedded_overlay:
                yield from _native(header.file.path, header.native, indices)
                return
            palette = _palette(header) if header.photometric == PALETTE else None
            for stored in stored_pixels(_source(header), indices, header.bits_allocated):
                if palette is not None:
                    yield _as_uint8(apply_color_lut(stored, palette))
                elif header.has_embedded_overlay:
                    yield _without_overlay(stored, header.bits_stored, header.signed)
                else:
                    yield stored
        except (MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # decoders of damaged data raise anything; those in Rust panic past Exception
            raise UndecodablePixelData(UID(header.transfer_syntax_uid).name, reason_of(error)) from error


def stored_pixels(
    source: Path | pydicom.Dataset, indices: Sequence[int], bits_allocated: int
) -> Iterator[NDArray[Any]]:
    """Decoded frames, counted from 0: [rows, columns(, samples)], colour as RGB. Frames of single bits do not begin at
    whole bytes, which pydicom takes for granted when it reads them one by one."""
    if bits_allocated != 1:
        yield from iter_pixels(source, indices=indices)
        return
    dataset = pydicom.dcmread(source, force=True) if isinstance(source, Path) else source
    if UID(str(dataset.file_meta.TransferSyntaxUID)).is_encapsulated:
        yield from iter_pixels(source, indices=indices)
        return
    size = int(dataset.Rows) * int(dataset.Columns)
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
    for index in indices:
        yield bits[index * size : (index + 1) * size].reshape(int(dataset.Rows), int(dataset.Columns))


def _native(path: Path, pixels: NativePixels, indices: Sequence[int]) -> Iterator[NDArray[Any]]:
    dtype = np.dtype(pixels.dtype)
    count = pixels.rows * pixels.columns
    with path.open("rb") as file:
        for index in indices:
            file.seek(pixels.offset + index * count * dtype.itemsize)
            stored = np.fromfile(file, dtype, count).reshape(pixels.rows, pixels.columns)
            if pixels.unused_bits:
                np.left_shift(stored, pixels.unused_bits, out=stored)
                np.right_shift(stored, pixels.unused_bits, out=stored)
            yield stored


def _source(header: Header) -> Path | pydicom.Dataset:
    """Frames are read one by one from the path. A deflated file has no place in it to jump to, and one without meta
    information does not say how to read it: these are read whole, and so is what is read under another name."""
    syntax = UID(header.transfer_syntax_uid)
    with header.file.path.open("rb") as file:
        has_meta_information = file.read(132)[128:] == b"DICM"
    if has_meta_information and not syntax.is_deflated and read_as(syntax) == syntax:
        return header.file.path
    dataset = pydicom.dcmread(header.file.path, force=True)
    dataset.file_meta.TransferSyntaxUID = read_as(syntax)
    return dataset


def _palette(header: Header) -> pydicom.Dataset:
    return pydicom.dcmread(header.file.path, specific_tags=list(PALETTE_ELEMENTS), force=True)


def _as_uint8(colours: NDArray[Any]) -> NDArray[np.uint8]:
    """Colour tables have 8 or 16 bits; the eye and the model see 8."""
    if colours.dtype == np.uint16:
        colours = colours >> 8 if colours.max(initial=0) > 255 else colours
    return np.ascontiguousarray(colours[..., :3], dtype=np.uint8)


def _without_overlay(stored: NDArray[Any], bits_stored: int, signed: bool) -> NDArray[Any]:
    """Only the `bits_stored` low bits, the sign extended from the highest of them."""
    values = stored.astype(np.int32) & ((1 << bits_stored) - 1)
    if signed:
        sign = 1 << (bits_stored - 1)
        values = (values ^ sign) - sign
    return values
