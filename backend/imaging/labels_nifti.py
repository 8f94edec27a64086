"""Writing masks as one multi-label NIfTI file with a JSON sidecar, voxel for voxel on the grid of the images.

For a volume that came from NIfTI, that is the grid of its file: same shape, same affine to the bit, same qform and
sform. For DICOM it is the grid that dcm2niix gives the series (rows from bottom to top, RAS), so that the labels fit
images converted by it; where dcm2niix goes on to reorder axes (3D acquisitions, sagittal mosaics), the labels lie on
the same voxels in another order. `file_grid_of` makes the second, `NiftiImport.source` is the first.

Where labels overlap, the later label (in the order given) has the voxel in the multi-label file; the sidecar names the
pairs, and every label gets a binary file of its own besides. Not here: reading NIfTI (`imaging/nifti.py`).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from backend.imaging.errors import ExportGridMismatch, NothingToExport
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import ExportLabel, LabelMap, ReadMask, checked_mask, compose
from backend.imaging.nifti import NiftiSource, affine_ras_ijk

SCANNER_CODE = 1
"""NIFTI_XFORM_SCANNER_ANAT: coordinates of the scanner."""
MILLIMETRE_CODE = 2
LABEL_INTENT = 1002
"""NIFTI_INTENT_LABEL: voxels are indices into a list of names."""

SHEAR_TOLERANCE_DEGREES = 0.05
"""A grid more oblique than this has no qform: a rotation and spacings cannot say it."""

OVERLAP_POLICY = "Where labels overlap, the later label of this list has the voxel."


def file_grid_of(geometry: VolumeGeometry) -> NiftiSource:
    """The grid that dcm2niix gives a DICOM volume: i as the columns, j against the rows, k as the slices."""
    slices, rows, columns = geometry.shape_kji
    affine = affine_ras_ijk(geometry.flipped(1))
    return NiftiSource(
        file_shape_ijk=(columns, rows, slices),
        affine_ras=tuple(tuple(float(value) for value in row) for row in affine),
        axes_kji=(2, 1, 0),
        flipped_kji=(False, True, False),
        qform_code=0 if geometry.shear_degrees > SHEAR_TOLERANCE_DEGREES else SCANNER_CODE,
        sform_code=SCANNER_CODE,
        spatial_unit=MILLIMETRE_CODE,
    )


def write_labels(
    folder: Path,
    name: str,
    geometry: VolumeGeometry,
    grid: NiftiSource,
    labels: Sequence[ExportLabel],
    read_mask: ReadMask,
    *,
    original: Path | None = None,
    provenance: Mapping[str, Any] | None = None,
    provenance_of: Mapping[int, Mapping[str, Any]] | None = None,
) -> list[Path]:
    """Writes `name.nii.gz` and `name.json` into `folder`, and where labels overlap `name.<value>_<label>.nii.gz` for
    each label that has a voxel. Returns the paths in this order, the sidecar second.

    `geometry` and the masks are the volume's; `grid` is the way to the file. `original` is the NIfTI file that the
    volume was read from: its header is kept, because the grid alone does not carry qform and sform where they differ.
    `provenance` goes into the sidecar as it is, `provenance_of` to the label with that value. Memory: a label map and
    one mask. Raises NothingToExport, ExportGridMismatch and LabelValuesClash.
    """
    label_map = compose(labels, read_mask, geometry.shape_kji)
    if not label_map.present:
        raise NothingToExport("No label has a single voxel.", hint="Annotate at least one slice, then export again.")
    header = _header_of(original) if original else _header_for(grid)
    paths = [folder / f"{name}.nii.gz", folder / f"{name}.json"]
    _write_image(paths[0], label_map.voxels, grid, header)
    own_files: dict[int, Path] = {}
    if label_map.overlaps:
        for label in label_map.present:
            path = folder / f"{name}.{label.value:03d}_{_file_name(label.name)}.nii.gz"
            mask = checked_mask(label, read_mask, geometry.shape_kji)
            _write_image(path, mask.view(np.uint8), grid, header)
            own_files[label.value] = path
    sidecar = _sidecar(paths[0].name, label_map, geometry, own_files, provenance or {}, provenance_of or {})
    paths[1].write_text(json.dumps(sidecar, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return [*paths, *own_files.values()]


# -- the image --------------------------------------------------------------------------------------------------------
def _header_of(original: Path) -> Any:
    """The header of a NIfTI file as it is, whatever the name of the file; only its grid is of use for labels."""
    with original.open("rb") as file:
        start = file.read(540)
    if start[:2] == b"\x1f\x8b":
        with gzip.open(original) as file:
            start = file.read(540)
    kind: Any = nib.Nifti2Header if start[4:8] == b"n+2\0" else nib.Nifti1Header
    header = kind(start[: kind.sizeof_hdr], check=False)
    header["cal_min"] = header["cal_max"] = 0
    header["vox_offset"] = 0
    header["descrip"] = b""
    header["aux_file"] = b""
    header.set_data_shape(header.get_data_shape()[:3])
    return header


def _header_for(grid: NiftiSource) -> Any:
    affine = np.array(grid.affine_ras)
    kind: Any = nib.Nifti1Header
    header = kind()
    header.set_data_shape(grid.file_shape_ijk)
    header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    if grid.qform_code:
        header.set_qform(affine, grid.qform_code)
    if grid.sform_code:
        header.set_sform(affine, grid.sform_code)
    header["xyzt_units"] = grid.spatial_unit
    return header


def _write_image(path: Path, voxels_kji: NDArray[Any], grid: NiftiSource, header: Any) -> None:
    voxels = grid.to_file_grid(voxels_kji)
    if voxels.shape != grid.file_shape_ijk:
        raise ExportGridMismatch(f"The masks give {voxels.shape} voxels (i, j, k), the file has {grid.file_shape_ijk}.")
    header = header.copy()
    header.set_data_dtype(voxels.dtype)
    header.set_intent(LABEL_INTENT, name="")
    kind: Any = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    kind(voxels.reshape(header.get_data_shape()), None, header).to_filename(path)


# -- the sidecar ------------------------------------------------------------------------------------------------------
def _sidecar(
    image: str,
    label_map: LabelMap,
    geometry: VolumeGeometry,
    own_files: Mapping[int, Path],
    provenance: Mapping[str, Any],
    provenance_of: Mapping[int, Mapping[str, Any]],
) -> dict[str, Any]:
    voxel_ml = geometry.voxel_volume_mm3 / 1000
    entries = [
        _label_entry(label, count, voxel_ml, own_files, provenance_of)
        for label, count in zip(label_map.labels, label_map.voxel_counts, strict=True)
    ]
    pairs = [{"labels": [first, second], "voxels": voxels} for first, second, voxels in label_map.overlaps]
    return {
        "image": image,
        "background": 0,
        "labels": entries,
        "overlaps": {"policy": OVERLAP_POLICY, "pairs": pairs},
        "spacing_kji_mm": list(geometry.spacing_kji_mm),
        "voxel_volume_mm3": geometry.voxel_volume_mm3,
        "provenance": dict(provenance),
    }


def _label_entry(
    label: ExportLabel,
    voxels: int,
    voxel_ml: float,
    own_files: Mapping[int, Path],
    provenance_of: Mapping[int, Mapping[str, Any]],
) -> dict[str, Any]:
    """Voxels and volume are those of the whole label, before overlap takes any away."""
    code, algorithm = label.code, label.algorithm
    entry: dict[str, Any] = {
        "name": label.name,
        "value": label.value,
        "color": label.color,
        "code": {"scheme": code.scheme, "value": code.value, "meaning": code.meaning} if code else None,
        "voxels": voxels,
        "volume_ml": round(voxels * voxel_ml, 6),
        "algorithm": {
            "type": algorithm.type,
            "name": algorithm.name,
            "version": algorithm.version,
            "parameters": dict(algorithm.parameters),
        },
    }
    if label.value in own_files:
        entry["file"] = own_files[label.value].name
    if label.value in provenance_of:
        entry["provenance"] = dict(provenance_of[label.value])
    return entry


def _file_name(text: str) -> str:
    """What every file system takes: letters, digits, dash and underscore."""
    return "".join(c if c.isalnum() or c == "-" else "_" for c in text).strip("_")[:60] or "label"
