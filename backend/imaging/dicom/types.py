"""The plain values that a DICOM header is read into: nothing here knows pydicom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.imaging.dicom.suv import Tracer
from backend.imaging.dicom.text_risk import TextRisk
from backend.imaging.geometry import FloatArray
from backend.imaging.intensity import Window
from backend.imaging.outcomes import SourceFile


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """What a study says about itself, as text; "" where it is silent. Holds the patient's identity: never log it."""

    study_instance_uid: str = ""
    study_id: str = ""
    date: str = ""
    time: str = ""
    description: str = ""
    accession_number: str = ""
    patient_id: str = ""
    patient_name: str = ""


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """What a series says about itself, as text; "" where it is silent."""

    series_instance_uid: str = ""
    number: str = ""
    description: str = ""
    modality: str = ""
    body_part: str = ""
    protocol: str = ""
    manufacturer: str = ""
    frame_of_reference_uid: str = ""


@dataclass(frozen=True, slots=True)
class Rescale:
    """Modality values = stored values * slope + intercept, or, where a table is given, table[stored - first]."""

    slope: float = 1.0
    intercept: float = 0.0
    table: tuple[int, tuple[float, ...]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One two-dimensional image: a file, a frame of a multi-frame file, or a tile of a mosaic.

    `position_mm` is the LPS centre of its first pixel; `row_direction` and `column_direction` are unit LPS vectors of
    growing column and growing row; `pixel_spacing_mm` is (between rows, between columns). All four are None where the
    file does not say. `windows` are those that the file recommends, in modality values. `keys` tells frames at one
    position apart: name of the property -> its value as text.
    """

    file: SourceFile
    sop_instance_uid: str
    sop_class_uid: str
    rows: int
    columns: int
    frame_number: int | None = None
    tile: tuple[int, int] | None = None
    position_mm: FloatArray | None = None
    row_direction: FloatArray | None = None
    column_direction: FloatArray | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    rescale: Rescale = Rescale()
    windows: tuple[Window, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    instance_number: int | None = None


@dataclass(frozen=True, slots=True)
class NativePixels:
    """Where grey pixels without compression lie in a file, frame after frame: from `offset` on, little endian of
    `dtype`, each frame [rows, columns]. `unused_bits` at the high end of each pixel are no part of its value."""

    offset: int
    dtype: str
    rows: int
    columns: int
    unused_bits: int


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """What one DICOM image file says before its pixels are decoded.

    `is_real`: pixels are real numbers of `bits_stored` bits. `has_embedded_overlay`: bits above `bits_stored` hold a
    graphic and are no part of the pixel values. `notes` are warnings about this file. `native` is None where pixels
    must be decoded. `tracer` is of PET.
    """

    file: SourceFile
    study: StudyInfo
    series: SeriesInfo
    sop_instance_uid: str
    transfer_syntax_uid: str
    photometric: str
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    has_embedded_overlay: bool
    is_real: bool
    slice_spacing_mm: float | None
    frames: tuple[Frame, ...]
    notes: tuple[str, ...] = ()
    text_risk: TextRisk | None = None
    native: NativePixels | None = None
    tracer: Tracer | None = None

    @property
    def is_color(self) -> bool:
        return self.samples == 3 or self.photometric == "PALETTE COLOR"
