"""Original files with rectangles made blank, so that nothing that is kept shows the text.

DICOM pixels are written without loss: uncompressed where they were, else RLE Lossless; so are pictures (a JPEG becomes
a PNG). What else of a file may show the text goes with it: icons, overlays, signatures.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, RLELossless

from backend.errors import AppError
from backend.imaging.blanking import Rectangle, fill
from backend.imaging.dicom.byte_order import as_little_endian
from backend.imaging.dicom.elements import integer, text, unheard, values
from backend.imaging.dicom.errors import UndecodablePixelData
from backend.imaging.dicom.syntaxes import read_as
from backend.imaging.nifti import NiftiSource

CLEANED = ("113101", "Clean Pixel Data Option")
METHOD = "sammed: text in pixels blanked"

SHOWS_THE_PICTURE = (
    "IconImageSequence",
    "DigitalSignaturesSequence",
    "MACParametersSequence",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
)
OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
GZIP_START = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class FrameBlank:
    """What to blank of one slice. `frame_number` counts from 1, None in single-frame files; `tile` is the (row, column)
    of the slice's first pixel in a mosaic. `like` is the (row, column) in the slice of the pixel whose value fills."""

    slice_index: int
    frame_number: int | None
    tile: tuple[int, int] | None
    rectangles: tuple[Rectangle, ...]
    like: tuple[int, int]


# -- DICOM ------------------------------------------------------------------------------------------------------------
def blank_dicom(source: Path, target: Path, blanks: Sequence[FrameBlank], *, whole: bool) -> None:
    """`whole`: after this, no picture of the file shows text, and the file says so. Raises UndecodablePixelData."""
    with unheard():
        dataset: Dataset = pydicom.dcmread(source, force=True)
        was_a_file = bool(getattr(dataset, "preamble", None))
        try:
            dataset = _native(dataset)
            compress = dataset.file_meta.TransferSyntaxUID == RLELossless
            _blank_frames(dataset, blanks)
            for name in SHOWS_THE_PICTURE:
                dataset.pop(name, None)
            for tag in [tag for tag in dataset.keys() if tag.group in OVERLAY_GROUPS]:  # noqa: SIM118
                del dataset[tag]
            _say(dataset, whole)
            if compress:
                dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
                dataset.compress(RLELossless, generate_instance_uid=False)
            implicit = dataset.file_meta.TransferSyntaxUID.is_implicit_VR
            dataset.save_as(target, implicit_vr=implicit, little_endian=True, enforce_file_format=was_a_file)
        except (AppError, MemoryError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # decoders of damaged data raise anything; those in Rust panic past Exception
            raise UndecodablePixelData(UID(_syntax(dataset)).name, type(error).__name__) from error


def _syntax(dataset: Dataset) -> UID:
    declared = dataset.file_meta.get("TransferSyntaxUID")
    if declared is not None:
        return UID(str(declared))
    is_implicit, is_little = dataset.original_encoding
    return UID(
        "1.2.840.10008.1.2" if is_implicit else str(ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian)
    )


def _native(dataset: Dataset) -> Dataset:
    """Pixels as they would lie in an uncompressed little endian file; the transfer syntax says how to write it."""
    syntax = read_as(_syntax(dataset))
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax.is_compressed and not syntax.is_deflated:
        dataset.decompress(generate_instance_uid=False)
        whole_bytes = (integer(dataset, "BitsAllocated") or 0) % 8 == 0
        dataset.file_meta.TransferSyntaxUID = RLELossless if whole_bytes else ExplicitVRLittleEndian
    elif text(dataset, "PhotometricInterpretation") == "YBR_FULL_422":
        frames = list(iter_pixels(dataset))
        dataset.PixelData = b"".join(frame.tobytes() for frame in frames)
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    elif not syntax.is_little_endian or syntax.is_deflated:
        dataset = as_little_endian(dataset)
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _blank_frames(dataset: Dataset, blanks: Sequence[FrameBlank]) -> None:
    name, pixels, save = _pixels(dataset)
    for blank in blanks:
        frame = pixels[(blank.frame_number or 1) - 1]
        if blank.tile is not None:
            frame = frame[blank.tile[0] :, blank.tile[1] :]
        fill(frame, blank.rectangles, blank.like)
    element = dataset[name]
    element.value = save(pixels)


def _pixels(dataset: Dataset) -> tuple[str, NDArray[Any], Callable[[NDArray[Any]], bytes]]:
    """The element with the pixels, a writable array [frames, rows, columns, ...], and what makes bytes of it."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frames, samples = max(1, integer(dataset, "NumberOfFrames") or 1), integer(dataset, "SamplesPerPixel") or 1
    bits = int(dataset.BitsAllocated)
    for name, kind in (("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")):
        if name in dataset:
            shape = (frames, rows, columns)
            found = np.frombuffer(dataset[name].value, kind, count=int(np.prod(shape))).reshape(shape).copy()
            return name, found, lambda array: array.tobytes()
    stored = dataset.PixelData
    if bits == 1:
        count = frames * rows * columns
        flat = np.unpackbits(np.frombuffer(stored, np.uint8), bitorder="little")[:count]
        return "PixelData", flat.reshape(frames, rows, columns), lambda a: _even(np.packbits(a, bitorder="little"))
    planar = samples > 1 and (integer(dataset, "PlanarConfiguration") or 0) == 1
    layout = (frames, samples, rows, columns) if planar else (frames, rows, columns, samples)
    array = np.frombuffer(stored, f"<u{bits // 8}", count=int(np.prod(layout))).reshape(layout).copy()
    seen = np.moveaxis(array, 1, -1) if planar else array
    return "PixelData", seen, lambda _: _even(array)


def _even(array: NDArray[Any]) -> bytes:
    stored = array.tobytes()
    return stored + b"\0" * (len(stored) % 2)


def _say(dataset: Dataset, whole: bool) -> None:
    if whole:
        dataset.BurnedInAnnotation = "NO"
    said = [str(value) for value in values(dataset, "DeidentificationMethod")]
    if METHOD not in said:
        dataset.DeidentificationMethod = [*said, METHOD]
    code, meaning = CLEANED
    items = list(dataset.get("DeidentificationMethodCodeSequence") or [])
    if not any(text(item, "CodeValue") == code for item in items):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
        dataset.DeidentificationMethodCodeSequence = DicomSequence([*items, item])


# -- NIfTI ------------------------------------------------------------------------------------------------------------
def blank_nifti(source: Path, target: Path, grid: NiftiSource, blanks: Sequence[FrameBlank]) -> None:
    """The header, and everything that is not in a rectangle, stays byte for byte."""
    with source.open("rb") as file:
        packed = file.read(2) == GZIP_START
    plain = target.with_name(f"{target.name}.plain") if packed else target
    with gzip.open(source, "rb") if packed else source.open("rb") as opened, plain.open("wb") as out:
        shutil.copyfileobj(opened, out)
    with plain.open("rb") as file:
        start = file.read(8)
    kind = nib.Nifti2Image if start[4:8] == b"n+2\0" else nib.Nifti1Image
    with plain.open("rb") as file:
        header: Any = kind.header_class.from_fileobj(file, check=False)  # type: ignore[no-untyped-call]
    shape = (*grid.file_shape_ijk, -1)
    voxels = np.memmap(plain, header.get_data_dtype(), "r+", int(header["vox_offset"]), order="F")
    count = int(np.prod(grid.file_shape_ijk)) * max(1, int(np.prod(header["dim"][4 : 1 + int(header["dim"][0])])))
    volume = grid.from_file_grid(voxels[:count].reshape(shape, order="F")[..., grid.volume_index])
    for blank in blanks:
        fill(volume[blank.slice_index], blank.rectangles, blank.like)
    voxels.flush()
    if packed:
        with (
            plain.open("rb") as opened,
            target.open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as out,
        ):
            shutil.copyfileobj(opened, out)
        plain.unlink()


# -- pictures ---------------------------------------------------------------------------------------------------------
def write_picture(target: Path, voxels: NDArray[Any], spacing_kji_mm: tuple[float, float, float]) -> str:
    """Writes [pages, rows, columns(, 3)] as PNG where that can say it, else as TIFF. Returns the name's suffix."""
    if len(voxels) == 1 and voxels.dtype in (np.uint8, np.uint16) and spacing_kji_mm == (1.0, 1.0, 1.0):
        Image.fromarray(voxels[0]).save(target, "PNG")
        return ".png"
    says_size = spacing_kji_mm != (1.0, 1.0, 1.0) and voxels.dtype in (np.uint8, np.uint16, np.float32)
    about: dict[str, Any] = {}
    if says_size:
        pages, rows, columns = spacing_kji_mm
        about = {
            "imagej": True,
            "resolution": (1 / columns, 1 / rows),
            "metadata": {"axes": "ZYXS" if voxels.ndim == 4 else "ZYX", "unit": "mm", "spacing": pages},
        }
    tifffile.imwrite(target, voxels, photometric="rgb" if voxels.ndim == 4 else "minisblack", **about)
    return ".tif"
