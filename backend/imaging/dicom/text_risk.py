"""Which images may have text burned into their pixels: names, dates and numbers of patients that no header tells.

DICOM says it in Burned In Annotation (0028,0301), and where it says nothing, the kind of image does: ultrasound
machines, screens, scanned film and cameras write into the picture, tomographs do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydicom.dataset import Dataset

from backend.imaging.dicom.elements import text, values


class TextRisk(StrEnum):
    """Why an image may show text, the surest first."""

    STATED = "stated"
    """the file says so"""
    SECONDARY_CAPTURE = "secondary-capture"
    """a screen, a scan or a report as a picture"""
    ULTRASOUND = "ultrasound"
    CAMERA = "camera"
    """photographs, endoscopy, microscopy, video"""
    PICTURE = "picture"
    """a picture file, which says nothing of what it shows"""


SECONDARY_CAPTURE_CLASSES = "1.2.840.10008.5.1.4.1.1.7"
CAMERA_CLASSES = "1.2.840.10008.5.1.4.1.1.77.1"
ULTRASOUND_CLASSES = frozenset(f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("3", "3.1", "6", "6.1"))
"""Volumes of ultrasound (6.2) are computed and show no screen."""
ULTRASOUND_MODALITIES = frozenset({"US", "IVUS"})
CAMERA_MODALITIES = frozenset({"ES", "GM", "XC", "OP", "SM", "DMS"})
SCREEN_MODALITIES = frozenset({"OT", "SC", "DOC", "HC"})
SCREEN_TYPES = frozenset({"SCREEN SAVE", "SCREENSHOT", "REPORT"})
FROM_FILM_OR_SCREEN = frozenset({"DV", "DI", "DF", "WSD", "SD", "SI"})
"""Conversion types (0008,0064) of what was digitised or taken from a screen."""


def text_risk(dataset: Dataset) -> TextRisk | None:
    """Why the image of a DICOM header may show text; None where the file denies it or nothing speaks for it."""
    stated = text(dataset, "BurnedInAnnotation").upper()
    if stated == "YES":
        return TextRisk.STATED
    if stated == "NO":
        return None
    sop_class, modality = text(dataset, "SOPClassUID"), text(dataset, "Modality").upper()
    types = {str(value).upper() for value in values(dataset, "ImageType")}
    conversion = text(dataset, "ConversionType").upper()
    if sop_class in ULTRASOUND_CLASSES or modality in ULTRASOUND_MODALITIES:
        return None if sop_class.endswith(".6.2") else TextRisk.ULTRASOUND
    if sop_class.startswith(CAMERA_CLASSES) or modality in CAMERA_MODALITIES:
        return TextRisk.CAMERA
    if (
        sop_class.startswith(SECONDARY_CAPTURE_CLASSES)
        or modality in SCREEN_MODALITIES
        or conversion in FROM_FILM_OR_SCREEN
        or types & SCREEN_TYPES
    ):
        return TextRisk.SECONDARY_CAPTURE
    return None


def surest(risks: Iterable[TextRisk | None]) -> TextRisk | None:
    """Of the files of one volume."""
    found = {risk for risk in risks if risk is not None}
    return next((risk for risk in TextRisk if risk in found), None)
