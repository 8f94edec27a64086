"""Elements that DICOM objects of ours take over from the images that they refer to, or write as DICOM wants them."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.valuerep import DA, TM

from backend.imaging.errors import SourceIsNotDicom

MANUFACTURER = "sammed"
USE_NIFTI = "Export the masks as NIfTI instead."

TYPE_2 = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
"""Elements that every image must have, possibly empty, and that de-identified files often lack."""


def read_header(file: Path) -> Dataset:
    """The header of a source image, with every element that an image must have. Raises SourceIsNotDicom."""
    try:
        header = dcmread(file, stop_before_pixels=True)
    except InvalidDicomError:
        header = dcmread(file, stop_before_pixels=True, force=True)  # without preamble, or no DICOM at all
    if not all(header.get(name) for name in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Rows", "Columns")):
        raise SourceIsNotDicom("The volume was not read from DICOM images.", hint=USE_NIFTI)
    for name in TYPE_2:
        if name not in header:
            setattr(header, name, "")
    for name, kind in (("StudyDate", DA), ("PatientBirthDate", DA), ("StudyTime", TM)):
        setattr(header, name, conformant(str(header.get(name) or ""), kind))
    return header


def conformant(text: str, kind: type[DA] | type[TM]) -> str:
    """A date or time as DICOM 3 writes it: "2004.01.19" and "14:04:38" lose their marks, what is neither is emptied."""
    cleaned = text.replace(":", "").replace(".", "") if kind is DA else text.replace(":", "")
    try:
        kind(cleaned)
    except ValueError:
        return ""
    return cleaned


def long_string(text: str) -> str:
    """At most 64 characters without a backslash (LO separates values with it) or control characters."""
    return "".join(" " if character < " " else character for character in text.replace("\\", "/")).strip()[:64]


def person_name(name: str) -> str | None:
    """A display name as a family name: nobody can tell the parts of a name apart."""
    cleaned = "".join(" " if character in "\\^=" else character for character in long_string(name)).strip()
    return f"{cleaned[:62]}^" if cleaned else None


def number_of(value: object) -> int:
    """The value of an IS element that may be absent or empty; 0 then."""
    return int(str(value)) if value not in (None, "") else 0
