"""Reading masks that other programs (or our own exports) wrote: DICOM SEG, NIfTI label maps, NRRD and `.seg.nrrd`.

A file becomes segments on the file's own grid; nothing is moved or resampled here (`imaging/mask_placing.py`). Segments
are read one at a time, so that memory holds the file and one mask. Not here: RTSTRUCT, and what a project calls things.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import highdicom as hd
import nrrd
import numpy as np
from highdicom.seg import Segmentation
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from backend.errors import Rejected
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import CodedTerm
from backend.imaging.masks import BoolMask
from backend.imaging.nifti import is_nifti, read_nifti
from backend.imaging.outcomes import SourceFile

MAX_SEGMENTS = 255
"""As many labels as a project can have values for."""

SEG_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
"""Segmentation Storage and Label Map Segmentation Storage."""

SIGNS_TO_LPS = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}


class NotAMaskFile(Rejected):
    """The file is of no format that masks are read from, or not of integers. Raised by imaging.mask_files."""

    code = "not_a_mask_file"
    title = "No masks can be read from this file"


class CorruptMaskFile(Rejected):
    """The file is cut off or contradicts itself. Raised by imaging.mask_files."""

    code = "corrupt_mask_file"
    title = "The mask file cannot be read"


class TooManySegments(Rejected):
    """More segments than a project can have labels. Raised by imaging.mask_files."""

    code = "too_many_segments"
    title = "The file has too many segments"


@dataclass(frozen=True, slots=True)
class Segment:
    """One structure of a mask file. `number` is its number or voxel value there, `read` gives its mask [slices, rows,
    columns] on the file's grid; `color` is "#rrggbb"."""

    number: int
    name: str
    read: Callable[[], BoolMask]
    color: str | None = None
    code: CodedTerm | None = None


@dataclass(frozen=True, slots=True)
class MaskFile:
    """`format` is dicom-seg, nifti or nrrd. `frame_of_reference_uid` is what DICOM says, "" in others."""

    format: str
    geometry: VolumeGeometry
    segments: tuple[Segment, ...]
    frame_of_reference_uid: str = ""


def read_mask_file(path: Path, *, threshold: float = 0.5) -> MaskFile:
    """The segments of a file, told by its content. In a fractional DICOM SEG a voxel belongs to a segment where its
    fraction is at least `threshold` (above 0, at most 1). Raises NotAMaskFile, CorruptMaskFile, TooManySegments and
    what `read_nifti` raises."""
    with path.open("rb") as file:
        start = file.read(348)
    if start[:4] == b"NRRD":
        return _nrrd(path)
    if start[:2] == b"\x1f\x8b" or is_nifti(start):
        return _nifti(path)
    return _dicom(path, threshold)


# -- DICOM ------------------------------------------------------------------------------------------------------------
def _dicom(path: Path, threshold: float) -> MaskFile:
    try:
        header = dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, EOFError) as error:
        raise NotAMaskFile(
            f"'{path.name}' is neither DICOM SEG nor NIfTI nor NRRD.",
            hint="Save the masks as .seg.dcm, .nii.gz or .seg.nrrd.",
        ) from error
    if header.get("SOPClassUID") not in SEG_CLASSES:
        kind = header.get("Modality", "") or "unknown"
        raise NotAMaskFile(
            f"'{path.name}' is a DICOM object of another kind ({kind}).",
            hint="Save the masks as DICOM SEG, NIfTI or .seg.nrrd; other kinds, RTSTRUCT too, are not read.",
        )
    try:
        seg = hd.seg.segread(path)
        numbers = [number for number in seg.segment_numbers if number != 0]
        _check_count(len(numbers))
        volume = seg.get_volume(segment_numbers=numbers[:1])
    except (AttributeError, EOFError, KeyError, RuntimeError, ValueError) as error:
        raise CorruptMaskFile(
            f"The frames of '{path.name}' do not make a volume: {str(error)[:200] or type(error).__name__}.",
            hint="Save the masks again, or as NIfTI.",
        ) from error
    k, j, i = (int(n) for n in volume.spatial_shape)
    return MaskFile(
        "dicom-seg",
        VolumeGeometry(np.asarray(volume.affine), (k, j, i)),
        tuple(_dicom_segment(seg, number, threshold) for number in numbers),
        str(seg.get("FrameOfReferenceUID", "")),
    )


def _dicom_segment(seg: Segmentation, number: int, threshold: float) -> Segment:
    described = seg.get_segment_description(number)
    kind = described.segmented_property_type
    lab = described.get("RecommendedDisplayCIELabValue")
    color = None
    if lab is not None:
        red, green, blue = hd.color.CIELabColor(*_lab(lab)).to_rgb()
        color = f"#{red:02x}{green:02x}{blue:02x}"
    return Segment(
        number=number,
        name=described.segment_label,
        read=partial(_dicom_mask, seg, number, threshold),
        color=color,
        code=CodedTerm(kind.scheme_designator, kind.value, kind.meaning),
    )


def _lab(stored: Any) -> tuple[float, float, float]:
    """CIELab as DICOM stores it (three unsigned 16-bit numbers) -> L* in 0..100, a* and b* in -128..127."""
    lightness, a, b = (float(value) / 65535 for value in stored)
    return lightness * 100, a * 255 - 128, b * 255 - 128


def _dicom_mask(seg: Segmentation, number: int, threshold: float) -> BoolMask:
    array: NDArray[Any] = np.asarray(seg.get_volume(segment_numbers=[number]).array)[..., 0]
    return np.asarray(array >= threshold if array.dtype.kind == "f" else array != 0)


# -- NIfTI ------------------------------------------------------------------------------------------------------------
def _nifti(path: Path) -> MaskFile:
    volumes = read_nifti(SourceFile(path, path.name))
    first = next(volumes)
    if next(volumes, None) is not None:
        raise NotAMaskFile(f"'{path.name}' holds several volumes (4D).", hint="Save one label map with three axes.")
    voxels = first.volume.voxels
    if voxels.ndim != 3 or first.replaced_voxels:
        raise NotAMaskFile(f"'{path.name}' holds colours or values that are no numbers.", hint=_INTEGERS)
    names = _sidecar(path)
    return MaskFile("nifti", first.volume.geometry, _labels(voxels, path.name, names))


def _sidecar(path: Path) -> dict[int, Mapping[str, Any]]:
    """What the JSON file beside a label map (as our export writes it) says of its values."""
    beside = path.with_name(re.sub(r"\.nii(\.gz)?$", "", path.name) + ".json")
    if not beside.is_file():
        return {}
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
        if said.get("image") != path.name:
            return {}
        return {int(label["value"]): label for label in said["labels"]}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptMaskFile(
            f"'{beside.name}' beside the masks cannot be read.", hint="Move it away to import without names."
        ) from error


# -- NRRD -------------------------------------------------------------------------------------------------------------
def _nrrd(path: Path) -> MaskFile:
    try:
        voxels, header = nrrd.read(str(path), index_order="C")
    except (EOFError, OSError, ValueError, KeyError, nrrd.NRRDError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise CorruptMaskFile(f"'{path.name}' cannot be read: {reason}", hint="Save the masks again.") from error
    signs = SIGNS_TO_LPS.get(str(header.get("space", "")).lower())
    directions = np.asarray(header.get("space directions", ()), dtype=np.float64)
    origin = header.get("space origin")
    if signs is None or origin is None or directions.shape != (voxels.ndim, 3):
        raise NotAMaskFile(
            f"'{path.name}' does not say where its voxels lie in the patient.",
            hint="Save it with `space`, `space directions` and `space origin`.",
        )
    spatial = np.asarray(np.isfinite(directions).all(axis=1))
    if spatial.sum() != 3 or not spatial[-3:].all() or voxels.ndim > 4:
        raise NotAMaskFile(f"'{path.name}' has {spatial.sum()} axes in space.", hint="Save one label map, not 4D.")
    steps_ijk = directions[-3:] * signs
    layers = voxels[..., np.newaxis] if voxels.ndim == 3 else voxels
    try:
        geometry = VolumeGeometry.from_axes(
            origin_mm=np.asarray(origin) * signs,
            step_k_mm=steps_ijk[2],
            step_j_mm=steps_ijk[1],
            step_i_mm=steps_ijk[0],
            shape_kji=layers.shape[:3],
        )
    except ValueError as error:
        raise CorruptMaskFile(f"The grid of '{path.name}' cannot be used: {error}.") from error
    described = _slicer_segments(header, layers, path.name)
    if described:
        return MaskFile("nrrd", geometry, described)
    if layers.shape[3] != 1:
        raise NotAMaskFile(f"'{path.name}' has four axes and names no segments.", hint="Save one label map.")
    return MaskFile("nrrd", geometry, _labels(layers[..., 0], path.name, {}))


def _slicer_segments(header: Mapping[str, Any], layers: NDArray[Any], name: str) -> tuple[Segment, ...]:
    """The segments that 3D Slicer's fields name; none in a plain label map."""
    found: list[Segment] = []
    numbers = sorted(int(match[1]) for key in header if (match := re.fullmatch(r"Segment(\d+)_LabelValue", key)))
    if numbers:
        _check_integers(layers, name)
    for n in numbers:
        value, layer = int(header[f"Segment{n}_LabelValue"]), int(header.get(f"Segment{n}_Layer", 0))
        if not 0 <= layer < layers.shape[3]:
            raise CorruptMaskFile(f"Segment {n} of '{name}' names layer {layer} of {layers.shape[3]}.")
        channels = [round(float(c) * 255) for c in str(header.get(f"Segment{n}_Color", "")).split()]
        found.append(
            Segment(
                number=n + 1,
                name=str(header.get(f"Segment{n}_Name", f"Segment {n + 1}")),
                read=partial(_equal, layers[..., layer], value),
                color="#" + "".join(f"{c:02x}" for c in channels) if len(channels) == 3 else None,
                code=_terminology(str(header.get(f"Segment{n}_Tags", ""))),
            )
        )
    _check_count(len(found) or 1)
    return tuple(found)


def _terminology(tags: str) -> CodedTerm | None:
    """The property type out of `TerminologyEntry:context~category~type~...`, each scheme^value^meaning."""
    entry = next((tag for tag in tags.split("|") if tag.startswith("TerminologyEntry:")), "")
    parts = entry.split("~")
    fields = parts[2].split("^") if len(parts) > 2 else []
    return CodedTerm(*fields) if len(fields) == 3 and all(fields) else None


# -- label maps -------------------------------------------------------------------------------------------------------
_INTEGERS = "Save a label map: whole numbers, 0 for background."


def _labels(voxels: NDArray[Any], file_name: str, said: Mapping[int, Mapping[str, Any]]) -> tuple[Segment, ...]:
    """One segment for each value but 0, named by what is said of the value."""
    _check_integers(voxels, file_name)
    values = [int(value) for value in np.unique(voxels) if value != 0]
    _check_count(len(values))
    found = []
    for value in values:
        label = said.get(value, {})
        code = label.get("code")
        found.append(
            Segment(
                number=value,
                name=str(label.get("name", f"Label {value}")),
                read=partial(_equal, voxels, value),
                color=label.get("color"),
                code=CodedTerm(code["scheme"], code["value"], code["meaning"]) if code else None,
            )
        )
    return tuple(found)


def _equal(voxels: NDArray[Any], value: int) -> BoolMask:
    return np.asarray(voxels == value, dtype=np.bool_)


def _check_integers(voxels: NDArray[Any], name: str) -> None:
    if voxels.dtype.kind == "f" and not np.array_equal(voxels, np.rint(voxels)):
        raise NotAMaskFile(f"'{name}' holds fractions: an image or a probability map.", hint=_INTEGERS)


def _check_count(count: int) -> None:
    if count == 0:
        raise NotAMaskFile("The file holds no segment: every voxel is background.", hint=_INTEGERS)
    if count > MAX_SEGMENTS:
        raise TooManySegments(
            f"The file has {count} segments; a project has at most {MAX_SEGMENTS} labels.",
            hint="Is it an image rather than a mask? Else save the wanted segments alone.",
        )
