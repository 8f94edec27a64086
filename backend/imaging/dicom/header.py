"""A DICOM file's header, read once into plain values; no pydicom object leaves this package.

Here: which objects are images, which compressions can be read, whether the pixels are there. What each frame says is in
`frames.py`, pixels are decoded in `pixels.py`, and what frames mean together is in `grid.py` and `series.py`.
"""

from __future__ import annotations

import math
from typing import cast

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from backend.errors import AppError
from backend.imaging.dicom.elements import integer, positive, required_integer, text, unheard, values
from backend.imaging.dicom.errors import (
    CorruptDicom,
    NoPixelData,
    TruncatedPixelData,
    UnsupportedDicomObject,
    UnsupportedTransferSyntax,
)
from backend.imaging.dicom.frames import read_frames
from backend.imaging.dicom.mosaic import read_mosaic
from backend.imaging.dicom.suv import read_tracer
from backend.imaging.dicom.syntaxes import read_as
from backend.imaging.dicom.text_risk import text_risk
from backend.imaging.dicom.types import Header, NativePixels, SeriesInfo, StudyInfo
from backend.imaging.outcomes import NOT_AN_IMAGE, SYSTEM_FILE, Ignored, SourceFile

DEFER_BYTES = 4096
"""Elements longer than this stay in the file while a header is read; pixels are never loaded with it."""

NON_IMAGES_WITH_PIXELS = {
    "1.2.840.10008.5.1.4.1.1.66.4": "A segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "A label map segmentation",
    "1.2.840.10008.5.1.4.1.1.481.2": "A radiotherapy dose",
}
WHOLE_SLIDE_IMAGES = frozenset({"1.2.840.10008.5.1.4.1.1.77.1.6"})
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
PIXEL_ELEMENTS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
"""Integers, and real numbers of 32 and 64 bits, as parametric maps have."""
OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
UNDEFINED_LENGTH = 0xFFFFFFFF


def read_header(file: SourceFile) -> Header | Ignored:
    """The header of a DICOM image; Ignored for objects that are no images.

    Raises CorruptDicom, NoPixelData, TruncatedPixelData, UnsupportedTransferSyntax, UnsupportedDicomObject,
    InvalidImageGeometry and MosaicGeometryMissing.
    """
    with unheard():
        try:
            dataset = pydicom.dcmread(file.path, defer_size=DEFER_BYTES, force=True)
            return _header_of(file, dataset)
        except (AppError, MemoryError):
            raise
        except (InvalidDicomError, EOFError) as error:
            raise CorruptDicom(f"The header ends before it is complete ({type(error).__name__}).") from error
        except Exception as error:  # a damaged file makes a parser raise anything at all; nothing of ours runs here
            raise CorruptDicom(f"The header cannot be read ({type(error).__name__}).") from error


def _header_of(file: SourceFile, dataset: Dataset) -> Header | Ignored:
    meta = dataset.file_meta
    sop_class = UID(text(dataset, "SOPClassUID") or str(meta.get("MediaStorageSOPClassUID", "")))
    if sop_class == MEDIA_DIRECTORY:
        return Ignored(file, SYSTEM_FILE, "A DICOMDIR lists the files of a medium and holds no image.")
    if not sop_class or len(dataset) == 0:
        raise CorruptDicom("The file names no SOP class: its header is empty, cut off or not DICOM.")
    if sop_class in NON_IMAGES_WITH_PIXELS:
        return Ignored(file, NOT_AN_IMAGE, f"{NON_IMAGES_WITH_PIXELS[sop_class]} is no image to annotate.")
    name = next((name for name in PIXEL_ELEMENTS if name in dataset), None)
    if name is None:
        if "Image" in sop_class.name or "Rows" in dataset:
            raise NoPixelData(sop_class.name)
        return Ignored(file, NOT_AN_IMAGE, f"{sop_class.name} holds no image.")
    pixel_element = cast(RawDataElement, dataset.get_item(name, keep_deferred=True))
    if sop_class in WHOLE_SLIDE_IMAGES:
        raise UnsupportedDicomObject(
            "It is a whole-slide microscopy image, whose frames are tiles of one large picture and not slices.",
            hint="Export the region of interest as TIFF or PNG.",
        )
    transfer_syntax = _transfer_syntax(dataset)
    rows, columns = required_integer(dataset, "Rows"), required_integer(dataset, "Columns")
    samples = integer(dataset, "SamplesPerPixel") or 1
    bits_allocated = required_integer(dataset, "BitsAllocated")
    if samples not in (1, 3) or (samples == 3 and bits_allocated != 8):
        raise UnsupportedDicomObject(
            f"Its pixels have {samples} samples of {bits_allocated} bits; grey and 8-bit colour images are supported.",
            hint="Export it as 8-bit RGB.",
        )
    photometric = text(dataset, "PhotometricInterpretation") or ("RGB" if samples == 3 else "MONOCHROME2")
    count = max(1, integer(dataset, "NumberOfFrames") or 1)
    _check_length(file, transfer_syntax, pixel_element, count, rows * columns * samples, bits_allocated, photometric)
    mosaic = read_mosaic(dataset, rows, columns) if _is_mosaic(dataset) else None
    return Header(
        file=file,
        study=_study(dataset),
        series=_series(dataset),
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        transfer_syntax_uid=str(transfer_syntax),
        photometric=photometric,
        samples=samples,
        bits_allocated=bits_allocated,
        bits_stored=integer(dataset, "BitsStored") or bits_allocated,
        signed=(integer(dataset, "PixelRepresentation") or 0) == 1,
        has_embedded_overlay=any(dataset.get((group, 0x0102)) for group in OVERLAY_GROUPS),
        is_real=name != "PixelData",
        slice_spacing_mm=positive(dataset, "SpacingBetweenSlices") or positive(dataset, "SliceThickness"),
        frames=tuple(read_frames(file, dataset, str(sop_class), rows, columns, count, mosaic)),
        notes=mosaic.notes if mosaic else (),
        native=_native_pixels(dataset, transfer_syntax, pixel_element) if name == "PixelData" else None,
        text_risk=text_risk(dataset),
        tracer=read_tracer(dataset),
    )


def _transfer_syntax(dataset: Dataset) -> UID:
    """The declared transfer syntax; for files without meta information the one that pydicom read them with."""
    declared = dataset.file_meta.get("TransferSyntaxUID")
    if declared is None:
        is_implicit, is_little = dataset.original_encoding
        return UID(
            "1.2.840.10008.1.2" if is_implicit else "1.2.840.10008.1.2.1" if is_little else "1.2.840.10008.1.2.2"
        )
    uid = UID(str(declared))
    if not uid.is_compressed:
        return uid
    try:
        decoder = get_decoder(read_as(uid))
    except NotImplementedError as error:
        raise UnsupportedTransferSyntax(uid.name, str(uid), []) from error
    if not decoder.is_available:
        raise UnsupportedTransferSyntax(uid.name, str(uid), list(decoder.missing_dependencies))
    return uid


def _check_length(
    file: SourceFile,
    syntax: UID,
    element: RawDataElement,
    frames: int,
    samples: int,
    bits_allocated: int,
    photometric: str,
) -> None:
    """Native pixels must be as long as the header promises, and must be there; encapsulated ones show when decoded."""
    length = element.length
    if syntax.is_encapsulated or length == UNDEFINED_LENGTH:
        return
    expected = math.ceil(frames * samples * bits_allocated / 8)
    if photometric == "YBR_FULL_422" and samples % 3 == 0:
        expected = expected // 3 * 2
    # A deflated file is shorter than its content; any other cannot hold more pixels than bytes follow the element.
    found = length if syntax.is_deflated else min(length, max(0, file.path.stat().st_size - element.value_tell))
    if found < expected:
        raise TruncatedPixelData(expected, found)


def _native_pixels(dataset: Dataset, syntax: UID, element: RawDataElement) -> NativePixels | None:
    """Of the plain kind that most images are; colour, single bits and big endian are left to the decoders."""
    bits = required_integer(dataset, "BitsAllocated")
    stored = integer(dataset, "BitsStored") or bits
    is_plain = (
        syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
        and text(dataset, "PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2")
        and (integer(dataset, "SamplesPerPixel") or 1) == 1
        and bits in (8, 16, 32)
        and 0 < stored <= bits
        and element.length != UNDEFINED_LENGTH
        and element.value_tell > 0
    )
    if not is_plain:
        return None
    sign = "i" if integer(dataset, "PixelRepresentation") == 1 else "u"
    rows, columns = required_integer(dataset, "Rows"), required_integer(dataset, "Columns")
    return NativePixels(element.value_tell, f"<{sign}{bits // 8}", rows, columns, bits - stored)


def _is_mosaic(dataset: Dataset) -> bool:
    return "MOSAIC" in values(dataset, "ImageType") and "SIEMENS" in text(dataset, "Manufacturer").upper()


def _study(dataset: Dataset) -> StudyInfo:
    return StudyInfo(
        study_instance_uid=text(dataset, "StudyInstanceUID"),
        study_id=text(dataset, "StudyID"),
        date=text(dataset, "StudyDate"),
        time=text(dataset, "StudyTime"),
        description=text(dataset, "StudyDescription"),
        accession_number=text(dataset, "AccessionNumber"),
        patient_id=text(dataset, "PatientID"),
        patient_name=text(dataset, "PatientName"),
    )


def _series(dataset: Dataset) -> SeriesInfo:
    return SeriesInfo(
        series_instance_uid=text(dataset, "SeriesInstanceUID"),
        number=text(dataset, "SeriesNumber"),
        description=text(dataset, "SeriesDescription"),
        modality=text(dataset, "Modality") or "OT",
        body_part=text(dataset, "BodyPartExamined"),
        protocol=text(dataset, "ProtocolName"),
        manufacturer=text(dataset, "Manufacturer"),
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
    )
