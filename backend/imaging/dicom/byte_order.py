"""Big endian data sets turned around: pydicom converts numbers, and leaves values that are runs of words, as pixels
are, to its callers."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from backend.imaging.dicom.elements import integer

WIDTHS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def as_little_endian(dataset: Dataset) -> Dataset:
    """The same data set as if it had been read little endian; itself where it was."""
    if dataset.original_encoding[1] is not False:
        return dataset
    turned = _turned(dataset)
    turned.file_meta, turned.preamble = dataset.file_meta, getattr(dataset, "preamble", None)
    return turned


def _turned(dataset: Dataset) -> Dataset:
    made = Dataset()
    for element in dataset:
        if element.VR == "SQ":
            element.value = [_turned(item) for item in element.value]
        elif element.VR in WIDTHS and isinstance(element.value, bytes):
            width = WIDTHS[element.VR]
            if element.keyword == "PixelData":
                width = max(width, (integer(dataset, "BitsAllocated") or 8) // 8)
            element.value = np.frombuffer(element.value, f">u{width}").astype(f"<u{width}").tobytes()
        made.add(element)
    return made
