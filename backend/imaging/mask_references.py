"""Whose images a DICOM file of masks was drawn on: patient, study, frame of reference, and which images it refers to.

Here too: how far such a file may unpack, before a library reads it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from backend.imaging.mask_types import MAX_VOXELS, Belonging, MaskFileTooLarge, NotAMaskFile, faults_told
from backend.imaging.outcomes import SourceFile

MOST_UNPACKED_BYTES = MAX_VOXELS
"""Of a deflated file: a byte for each voxel of the largest grid."""

CHUNK_BYTES = 2**20
META_START = 128 + 4 + 12
"""Preamble, mark, and the element that says how long the rest of the file meta information is."""


def read_header(file: SourceFile) -> Dataset:
    """A DICOM file without its pixels. Raises NotAMaskFile, CorruptMaskFile, MaskFileTooLarge."""
    with faults_told(file.name):
        try:
            meta = read_file_meta_info(file.path)
            if meta.TransferSyntaxUID.is_deflated:
                _check_unpacked(file, META_START + int(meta.FileMetaInformationGroupLength))
            return dcmread(file.path, stop_before_pixels=True)
        except (InvalidDicomError, EOFError) as error:
            raise NotAMaskFile(
                f"'{file.name}' is neither DICOM nor NIfTI nor NRRD.",
                hint="Save the masks as DICOM SEG, RTSTRUCT, .nii.gz or .seg.nrrd.",
            ) from error


def _check_unpacked(file: SourceFile, start: int) -> None:
    unpacked, packed = 0, zlib.decompressobj(-zlib.MAX_WBITS)
    with file.path.open("rb") as opened:
        opened.seek(start)
        left = b""
        while not packed.eof and (left := packed.unconsumed_tail or opened.read(CHUNK_BYTES)):
            unpacked += len(packed.decompress(left, CHUNK_BYTES))
            if unpacked > MOST_UNPACKED_BYTES:
                raise MaskFileTooLarge(
                    f"'{file.name}' unpacks to more than {MOST_UNPACKED_BYTES} bytes.",
                    hint="Save the masks on the grid of the images.",
                )


def belonging_of(file: SourceFile, header: Dataset) -> Belonging:
    """What the header says; references that it makes for single contours or frames count before those to whole series.
    Raises CorruptMaskFile."""
    with faults_told(file.name):
        series = list(_referenced_series(header))
        images = _uids(_contour_images(header)) or _uids(
            image
            for item in series
            for image in (*_items(item, "ReferencedInstanceSequence"), *_items(item, "ContourImageSequence"))
        )
        return Belonging(
            str(header.get("FrameOfReferenceUID") or ""),
            str(header.get("StudyInstanceUID") or ""),
            str(header.get("PatientID") or "").strip(),
            str(header.get("IssuerOfPatientID") or "").strip(),
            frozenset(str(item.get("SeriesInstanceUID") or "") for item in series) - {""},
            images or _uids(image for frame in frame_groups(header) for image in source_images(frame)),
        )


def frame_groups(header: Dataset) -> list[Dataset]:
    """What a segmentation says of each of its frames; of all of them first, if it does."""
    return [*_items(header, "SharedFunctionalGroupsSequence"), *_items(header, "PerFrameFunctionalGroupsSequence")]


def source_images(frame: Dataset) -> list[Dataset]:
    """References to the images that a frame was drawn on."""
    return [
        image
        for derivation in _items(frame, "DerivationImageSequence")
        for image in _items(derivation, "SourceImageSequence")
    ]


def _referenced_series(header: Dataset) -> Iterator[Dataset]:
    yield from _items(header, "ReferencedSeriesSequence")
    for study in _items(header, "StudiesContainingOtherReferencedInstancesSequence"):
        yield from _items(study, "ReferencedSeriesSequence")
    for frame in _items(header, "ReferencedFrameOfReferenceSequence"):
        for study in _items(frame, "RTReferencedStudySequence"):
            yield from _items(study, "RTReferencedSeriesSequence")


def _contour_images(header: Dataset) -> Iterator[Dataset]:
    for region in _items(header, "ROIContourSequence"):
        for contour in _items(region, "ContourSequence"):
            yield from _items(contour, "ContourImageSequence")


def _items(dataset: Dataset, name: str) -> Iterable[Dataset]:
    return dataset.get(name) or ()


def _uids(references: Iterable[Dataset]) -> frozenset[str]:
    return frozenset(str(item.get("ReferencedSOPInstanceUID") or "") for item in references) - {""}
