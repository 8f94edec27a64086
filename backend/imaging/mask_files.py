"""Reading masks that other programs (or our own exports) wrote: DICOM SEG, RTSTRUCT, NIfTI label maps, NRRD.

A file becomes segments on the file's own grid; nothing is moved or resampled here (`imaging/mask_placing.py`). Only
RTSTRUCT has no grid of its own: its contours are filled on that of the volume. Segments are read one at a time, so that
memory holds the file and one mask. Here: telling formats apart, and NIfTI with the sidecar of our own export.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.uid import RTStructureSetStorage

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import CodedTerm
from backend.imaging.mask_nrrd import read_nrrd
from backend.imaging.mask_references import belonging_of, read_header
from backend.imaging.mask_rtstruct import read_rtstruct
from backend.imaging.mask_seg import SEG_CLASSES, read_seg
from backend.imaging.mask_types import (
    INTEGERS,
    Belonging,
    CorruptMaskFile,
    MaskFile,
    NotAMaskFile,
    Segment,
    SliceOf,
    check_count,
    check_size,
    faults_told,
    label_map,
    no_slice,
)
from backend.imaging.masks import BoolMask
from backend.imaging.nifti import is_nifti, read_nifti
from backend.imaging.outcomes import SourceFile


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What the JSON file that our NIfTI export writes says of the values of its label map. `own_files`: where labels
    overlap, the file of each value that holds all its voxels."""

    labels: Mapping[int, Mapping[str, Any]]
    own_files: Mapping[int, Path] = field(default_factory=dict)


def read_mask_file(
    file: SourceFile,
    grid: VolumeGeometry,
    *,
    threshold: float = 0.5,
    sidecar: Sidecar | None = None,
    slice_of: SliceOf = no_slice,
) -> MaskFile:
    """The segments of a file, told by its content; `grid` is that of the volume that they are for, `slice_of` finds its
    images. In a fractional DICOM SEG a voxel belongs to a segment where its fraction is at least `threshold` (above 0,
    at most 1). Raises NotAMaskFile, CorruptMaskFile, TooManySegments, MaskFileTooLarge, ContoursAcrossSlices and what
    `read_nifti` raises."""
    start = _start(file)
    if _is_nrrd(start):
        return read_nrrd(file.path, file.name)
    if _may_be_nifti(start):
        return _nifti(file, sidecar or Sidecar({}))
    header = read_header(file)
    with faults_told(file.name):
        if header.get("SOPClassUID") in SEG_CLASSES:
            return read_seg(file, header, grid, threshold, slice_of)
        if header.get("SOPClassUID") == RTStructureSetStorage:
            return read_rtstruct(header, file, grid)
    raise NotAMaskFile(
        f"'{file.name}' is a DICOM object of another kind ({header.get('Modality', '') or 'unknown'}).",
        hint="Save the masks as DICOM SEG, RTSTRUCT, NIfTI or .seg.nrrd.",
    )


def whose(file: SourceFile) -> Belonging:
    """Whose images a file of masks was drawn on; formats other than DICOM do not say. Raises NotAMaskFile,
    CorruptMaskFile, MaskFileTooLarge."""
    start = _start(file)
    return Belonging() if _is_nrrd(start) or _may_be_nifti(start) else belonging_of(file, read_header(file))


def _start(file: SourceFile) -> bytes:
    with file.path.open("rb") as opened:
        return opened.read(348)


def _is_nrrd(start: bytes) -> bool:
    return start[:4] == b"NRRD"


def _may_be_nifti(start: bytes) -> bool:
    return start[:2] == b"\x1f\x8b" or is_nifti(start)


# -- NIfTI ------------------------------------------------------------------------------------------------------------
def read_sidecar(path: Path) -> tuple[str, dict[int, str], Sidecar]:
    """The label map that a JSON file is about, the names of the files of single labels, and what it says. Raises
    NotAMaskFile for every other JSON file."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        labels = {int(label["value"]): dict(label) for label in said["labels"]}
        own = {value: str(label["file"]) for value, label in labels.items() if label.get("file")}
        for label in labels.values():
            label |= {"name": str(label["name"]), "code": label.get("code") and CodedTerm(**label["code"])}
        return str(said["image"]), own, Sidecar(labels)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise NotAMaskFile(
            "The JSON file is not one that an export wrote beside its masks.",
            hint="Leave it away to import the masks without names.",
        ) from error


def _nifti(file: SourceFile, sidecar: Sidecar) -> MaskFile:
    voxels, geometry = _voxels(file)
    if not sidecar.own_files:
        return MaskFile("nifti", geometry, label_map(voxels, file.name, sidecar.labels))
    segments = []
    for value, label in sidecar.labels.items():
        path = sidecar.own_files.get(value)
        if path is not None or bool((voxels == value).any()):
            segments.append(
                Segment(
                    number=value,
                    name=label["name"],
                    read=partial(_own, path, file.name, geometry) if path else partial(np.equal, voxels, value),
                    color=label.get("color"),
                    code=label["code"],
                )
            )
    check_count(len(segments))
    return MaskFile("nifti", geometry, tuple(segments))


def _own(path: Path, name: str, geometry: VolumeGeometry) -> BoolMask:
    voxels, grid = _voxels(SourceFile(path, name))
    if not grid.close_to(geometry):
        raise CorruptMaskFile(f"A file of a single label beside '{name}' lies on another grid.")
    return np.asarray(voxels != 0)


def _voxels(file: SourceFile) -> tuple[Any, VolumeGeometry]:
    """[slices, rows, columns] of the one volume of a file."""
    volumes = read_nifti(file)
    first = next(volumes)
    if next(volumes, None) is not None:
        raise NotAMaskFile(f"'{file.name}' holds several volumes (4D).", hint="Save one label map with three axes.")
    voxels = first.volume.voxels
    if voxels.ndim != 3 or first.replaced_voxels:
        raise NotAMaskFile(f"'{file.name}' holds colours or values that are no numbers.", hint=INTEGERS)
    check_size(voxels.shape)
    return voxels, first.volume.geometry
