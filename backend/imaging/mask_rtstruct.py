"""Reading RTSTRUCT: the contours of a structure set become masks on the grid of the volume that they were drawn on.

A pixel belongs to a region when its centre lies inside or on the contour (`imaging/contours.py`). Contours of one
region on one slice are combined by XOR, so that holes are right however they are written: by a cut of no width, by an
inner contour, by CLOSEDPLANAR_XOR. Contours that lie between the slices can be taken to the nearest one, which is
resampling; contours that cross slices are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from backend.imaging.contours import Polygon, filled
from backend.imaging.geometry import FloatArray, VolumeGeometry
from backend.imaging.labels import CodedTerm
from backend.imaging.mask_references import belonging_of
from backend.imaging.mask_types import (
    Belonging,
    ContoursAcrossSlices,
    CorruptMaskFile,
    MaskFile,
    MaskFileTooLarge,
    NotAMaskFile,
    Segment,
    check_count,
    check_size,
)
from backend.imaging.masks import BoolMask
from backend.imaging.outcomes import SourceFile

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "")
PLANE_TOLERANCE = 0.05
"""Of the distance of slices: a contour so near to a slice lies on it. Writers round millimetres."""
PLACES = 6
"""Decimals of a pixel to which contours are rounded: what is left of millimetres and matrices."""


@dataclass(frozen=True, slots=True)
class _Region:
    number: int
    name: str
    planes: Mapping[float, Sequence[Polygon]]
    """place along the slices -> contours there; whole numbers where all of them lie on slices"""


def read_rtstruct(header: Dataset, file: SourceFile, grid: VolumeGeometry) -> MaskFile:
    """The regions of a structure set with this header. Its grid is the volume's, made larger by whole voxels where
    contours lie outside. Raises NotAMaskFile, CorruptMaskFile, ContoursAcrossSlices, TooManySegments and
    MaskFileTooLarge."""
    rois = {int(roi.ROINumber): roi for roi in header.get("StructureSetROISequence") or ()}
    drawn = {int(item.ReferencedROINumber): item for item in header.get("ROIContourSequence") or ()}
    codes = {int(item.ReferencedROINumber): _code(item) for item in header.get("RTROIObservationsSequence") or ()}
    found: list[_Region] = []
    left_out: list[str] = []
    off = ""
    for number, roi in rois.items():
        region, told = _region(number, roi, drawn.get(number), grid)
        off = off or told
        if region is None:
            left_out.append(str(roi.get("ROIName") or number))
        else:
            found.append(region)
    colors = {region.number: _color(drawn[region.number]) for region in found}
    belongs_to = _belonging(file, header, [rois[region.number] for region in found])
    if not found:
        raise NotAMaskFile(f"'{file.name}' holds no closed contour.", hint="Points and lines are no masks.")
    check_count(len(found))
    start, whole = _grid(found, grid)
    return MaskFile(
        "rtstruct",
        whole,
        tuple(
            Segment(
                region.number,
                region.name,
                partial(_mask, region, start, whole.shape_kji),
                colors[region.number],
                codes.get(region.number),
            )
            for region in found
        ),
        belongs_to,
        off,
        tuple(left_out),
    )


def _region(number: int, roi: Dataset, item: Dataset | None, grid: VolumeGeometry) -> tuple[_Region | None, str]:
    """The closed contours of a region, None when it has none, and how far they lie off the slices ("": they do not)."""
    name = str(roi.get("ROIName") or "").strip() or f"Region {number}"
    contours: list[FloatArray] = []
    for n, contour in enumerate(item.get("ContourSequence") or () if item is not None else (), start=1):
        if str(contour.get("ContourGeometricType") or "") not in CLOSED:
            continue
        points_mm = np.array([float(value) for value in contour.ContourData or ()], dtype=np.float64)
        if points_mm.size % 3 or not np.isfinite(points_mm).all():
            raise CorruptMaskFile(f"Contour {n} of '{name}' is not made of points in space.", hint="Save it again.")
        if not points_mm.size:
            continue
        corners = np.round(grid.index_kji(points_mm.reshape(-1, 3)), PLACES)
        if np.ptp(corners[:, 0]) > 2 * PLANE_TOLERANCE:
            raise ContoursAcrossSlices(
                f"Contour {n} of '{name}' runs through {np.ptp(corners[:, 0]):.1f} slices of the volume.",
                hint="The structures were drawn on another series. Choose that, or save them as a label map.",
            )
        contours.append(corners)
    if not contours:
        return None, ""
    places = np.array([float(corners[:, 0].mean()) for corners in contours])
    away = np.abs(places - np.rint(places))
    worst = int(away.argmax())
    told = ""
    if away[worst] > PLANE_TOLERANCE:
        off_mm = away[worst] * grid.spacing_kji_mm[0]
        told = f"{int((away > PLANE_TOLERANCE).sum())} contours of '{name}' lie up to {off_mm:.2f} mm off the slices."
    places = np.round(places, 2) if told else np.rint(places)
    planes: dict[float, list[Polygon]] = {}
    for place, corners in zip(places.tolist(), contours, strict=True):
        planes.setdefault(place, []).append(corners[:, 1:])
    return _Region(number, name, planes), told


def _grid(regions: Sequence[_Region], grid: VolumeGeometry) -> tuple[tuple[int, int, int], VolumeGeometry]:
    """The volume's grid and what contours need around it, and where it starts in voxels of the volume."""
    places = [place for region in regions for place in region.planes]
    corners = np.vstack([ring for region in regions for rings in region.planes.values() for ring in rings])
    low = np.minimum(0, np.floor([min(places), *corners.min(axis=0)]))
    high = np.maximum(np.array(grid.shape_kji) - 1, np.ceil([max(places), *corners.max(axis=0)]))
    k, j, i = (int(n) for n in high - low + 1)
    try:
        check_size((k, j, i))
    except MaskFileTooLarge as error:
        raise MaskFileTooLarge(
            "Contours lie so far outside the volume that they cannot belong to it.", hint="Choose another case."
        ) from error
    affine = np.array(grid.affine_lps)
    affine[:3, 3] = grid.position_mm(low)[0]
    return (int(low[0]), int(low[1]), int(low[2])), VolumeGeometry(affine, (k, j, i))


def _mask(region: _Region, start_kji: tuple[int, int, int], shape_kji: tuple[int, int, int]) -> BoolMask:
    """[slices, rows, columns]. A slice between the planes of contours takes the nearest, no further than half-way."""
    mask = np.zeros(shape_kji, dtype=np.bool_)
    places = np.array(sorted(region.planes))
    reach = 0.5 * float(np.median(np.diff(places))) if len(places) > 1 else 0.5
    on_slices = bool((places == np.rint(places)).all())
    for k in range(shape_kji[0]):
        place = float(places[np.abs(places - (k + start_kji[0])).argmin()])
        away = k + start_kji[0] - place
        if away == 0 or (not on_slices and -reach <= away < reach):
            mask[k] = filled([ring - start_kji[1:] for ring in region.planes[place]], shape_kji[1:])
    return mask


# -- what a region says -----------------------------------------------------------------------------------------------
def _belonging(file: SourceFile, header: Dataset, rois: Sequence[Dataset]) -> Belonging:
    frames = {str(roi.get("ReferencedFrameOfReferenceUID") or "") for roi in rois} - {""}
    if len(frames) > 1:
        raise CorruptMaskFile("The regions lie in several frames of reference.", hint="Save them one by one.")
    said = belonging_of(file, header)
    return replace(said, frame_of_reference_uid=next(iter(frames), said.frame_of_reference_uid))


def _color(item: Dataset) -> str | None:
    rgb = [int(channel) for channel in item.get("ROIDisplayColor") or ()]
    return "#" + bytes(rgb).hex() if len(rgb) == 3 and all(0 <= channel < 256 for channel in rgb) else None


def _code(observation: Dataset) -> CodedTerm | None:
    for item in observation.get("RTROIIdentificationCodeSequence") or ():
        fields: list[Any] = [item.get(n) for n in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning")]
        if all(fields):
            return CodedTerm(*map(str, fields))
    return None
