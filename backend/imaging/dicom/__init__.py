"""DICOM: files -> grouped series -> sorted, checked volumes. Use `read_dicom`; the rest is how it is done.

header -> frames (mosaic) -> stacks (grid) -> assemble (pixels) -> series
"""

from backend.imaging.dicom.series import InstanceRef, SeriesImport, read_dicom
from backend.imaging.dicom.types import SeriesInfo, StudyInfo

__all__ = ["InstanceRef", "SeriesImport", "SeriesInfo", "StudyInfo", "read_dicom"]
