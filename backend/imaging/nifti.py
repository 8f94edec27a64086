"""NIfTI files -> volumes. The only place that knows RAS.

Voxels are never resampled; axes are reordered and flipped so that a file looks like the DICOM series it came from:
axis 0 is the acquisition plane (slices follow the axis of coarsest spacing; the third file axis where that does not
decide), rows and columns run as radiology shows that plane, and (i, j, k) are right-handed. `NiftiSource` remembers the
way back, for writing labels on the identical file grid.

The sform is used when its code is set, else the qform; a file with neither has no orientation and carries a warning.
Not here: writing (`imaging/labels_nifti.py`).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import IOBase
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from backend.imaging.errors import CorruptNifti, InvalidImageGeometry, TooManyVolumes, UnsupportedNifti, VolumeTooLarge
from backend.imaging.geometry import FloatArray, VolumeGeometry
from backend.imaging.outcomes import SourceFile
from backend.imaging.reasons import reason_of
from backend.imaging.unknowns import NO_ORIENTATION
from backend.imaging.volume import Volume

MAX_VOLUMES_PER_FILE = 64
"""More time points or directions than this in one file are refused: nobody annotates them one by one."""

MAX_VOLUME_BYTES = 4 * 2**30
"""The largest voxel array that is read; a header that promises more is refused before anything is read."""

SAME_SPACING = 0.1
"""Spacings that differ by less, relative, count as equal when the slice axis is chosen: nearly isotropic files were
written slice by slice along their third axis."""

DISAGREEMENT_VOXELS = 0.5
"""A qform that places a corner of the grid further than this from the sform is worth a warning."""

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MILLIMETRES = {1: 1e3, 2: 1.0, 3: 1e-3}
"""Code of the spatial unit (metre, millimetre, micrometre) -> millimetres. Files without a unit mean millimetres."""

IN_PLANE_LETTERS = {"S": ("P", "L"), "A": ("I", "L"), "L": ("I", "P")}
"""Patient axis of the slices -> the directions of growing row and column in the usual radiological picture."""
OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}
AXIS_OF = {"R": "L", "L": "L", "A": "A", "P": "A", "S": "S", "I": "S"}

LOWEST_CT_VALUE, HIGHEST_AIR_VALUE = -4096, -900
"""A file that names no modality and whose lowest value lies between these is taken as CT: only CT measures air so."""


@dataclass(frozen=True, slots=True)
class NiftiSource:
    """The grid of the file and the way from it to the volume: volume[k, j, i] is the file's voxel at the index whose
    axis `axes_kji[n]` is volume index n, counted from the end where `flipped_kji[n]`.

    `affine_ras` is the file's own affine, (i, j, k, 1) of the file -> RAS in the file's unit; `volume_index` counts the
    volumes of a 4D file from 0.
    """

    file_shape_ijk: tuple[int, int, int]
    affine_ras: tuple[tuple[float, ...], ...]
    axes_kji: tuple[int, int, int]
    flipped_kji: tuple[bool, bool, bool]
    qform_code: int
    sform_code: int
    spatial_unit: int
    volume_index: int = 0

    def to_file_grid(self, labels_kji: NDArray[Any]) -> NDArray[Any]:
        """[slices, rows, columns] on the volume's grid -> [i, j, k] on the file's grid (a view)."""
        flips = tuple(slice(None, None, -1) if flipped else slice(None) for flipped in self.flipped_kji)
        return np.transpose(labels_kji[flips], np.argsort(self.axes_kji))

    def from_file_grid(self, voxels_ijk: NDArray[Any]) -> NDArray[Any]:
        """[i, j, k(, 3)] on the file's grid -> [slices, rows, columns(, 3)] on the volume's grid (a view)."""
        flips = tuple(slice(None, None, -1) if flipped else slice(None) for flipped in self.flipped_kji)
        return np.transpose(voxels_ijk, (*self.axes_kji, *range(3, voxels_ijk.ndim)))[flips]

    def to_json(self) -> dict[str, Any]:
        return {
            "file_shape_ijk": list(self.file_shape_ijk),
            "affine_ras": [list(row) for row in self.affine_ras],
            "axes_kji": list(self.axes_kji),
            "flipped_kji": list(self.flipped_kji),
            "qform_code": self.qform_code,
            "sform_code": self.sform_code,
            "spatial_unit": self.spatial_unit,
            "volume_index": self.volume_index,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NiftiSource:
        i, j, k = data["file_shape_ijk"]
        axis_k, axis_j, axis_i = data["axes_kji"]
        flip_k, flip_j, flip_i = data["flipped_kji"]
        return cls(
            file_shape_ijk=(i, j, k),
            affine_ras=tuple(tuple(float(value) for value in row) for row in data["affine_ras"]),
            axes_kji=(axis_k, axis_j, axis_i),
            flipped_kji=(flip_k, flip_j, flip_i),
            qform_code=data["qform_code"],
            sform_code=data["sform_code"],
            spatial_unit=data["spatial_unit"],
            volume_index=data["volume_index"],
        )


@dataclass(frozen=True, slots=True)
class NiftiImport:
    """One volume of a NIfTI file."""

    volume: Volume
    name: str
    source: NiftiSource
    warnings: tuple[str, ...]
    replaced_voxels: int = 0
    """How many voxels were not finite numbers; `warnings` says what became of them."""


def affine_ras_ijk(geometry: VolumeGeometry) -> FloatArray:
    """[4, 4] (i, j, k, 1) -> (x, y, z, 1) in mm, RAS: the affine of a NIfTI file whose array is voxels.T."""
    return np.asarray(LPS_FROM_RAS @ geometry.affine_lps[:, [2, 1, 0, 3]])


def is_nifti(start: bytes) -> bool:
    """Whether these first 348 bytes (or more) begin an uncompressed NIfTI-1 or NIfTI-2 file."""
    return start[344:348] in (b"n+1\0", b"ni1\0") or start[4:8] in (b"n+2\0", b"ni2\0")


# -- reading ----------------------------------------------------------------------------------------------------------
def read_nifti(file: SourceFile) -> Iterator[NiftiImport]:
    """The volumes of one .nii or .nii.gz file, whatever its name; one is in memory at a time.

    Raises CorruptNifti, UnsupportedNifti, InvalidImageGeometry, TooManyVolumes and VolumeTooLarge.
    """
    with _open(file.path) as stream:
        yield from _volumes(stream, _stem(file.name))


@contextmanager
def _named_faults() -> Iterator[None]:
    """What nibabel, gzip and mmap raise for a damaged file, as CorruptNifti."""
    try:
        yield
    except (EOFError, OSError, zlib.error, ImageFileError, HeaderDataError, ValueError) as error:
        raise CorruptNifti(f"The file cannot be read to its end: {reason_of(error)}") from error


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzip else path.open("rb")


def _volumes(stream: BinaryIO, name: str) -> Iterator[NiftiImport]:
    with _named_faults():
        start = stream.read(540)
    if not is_nifti(start):
        raise CorruptNifti("The header carries no NIfTI mark.")
    if start[344:348] == b"ni1\0" or start[4:8] == b"ni2\0":
        raise UnsupportedNifti(
            "It is one half of a pair (.hdr and .img).", hint="Convert the pair to one .nii or .nii.gz file."
        )
    kind = nib.Nifti2Image if start[4:8] == b"n+2\0" else nib.Nifti1Image
    with _named_faults():
        stream.seek(0)
        unmended: Any = kind.header_class.from_fileobj(stream, check=False)  # type: ignore[no-untyped-call]
        stream.seek(0)
        image = kind.from_stream(cast(IOBase, stream))
    header: Any = image.header
    shape, dtype = image.shape, header.get_data_dtype()
    if not len(shape) >= 2 or min(shape) < 1:
        raise UnsupportedNifti(f"Its array has the shape {shape}; images have two or more dimensions.", hint=None)
    if dtype.kind not in "iuf" and dtype.names is None:
        raise UnsupportedNifti(
            f"Its values are of type {dtype}; integers, real numbers and RGB are supported.",
            hint="Write magnitude and phase to files of their own.",
        )
    spatial = (*shape, 1)[:3] if len(shape) == 2 else shape[:3]
    count = int(np.prod(shape[3:], dtype=np.int64))
    if count > MAX_VOLUMES_PER_FILE:
        raise TooManyVolumes(count, MAX_VOLUMES_PER_FILE)
    size_bytes = int(np.prod(spatial, dtype=np.int64)) * (3 if dtype.names else max(dtype.itemsize, 4))
    if size_bytes > MAX_VOLUME_BYTES:
        raise VolumeTooLarge(size_bytes, MAX_VOLUME_BYTES)
    has_spacing = bool((np.abs(unmended["pixdim"][1 : 1 + min(3, len(shape))]) > 0).all())
    source, geometry, notes = _place(header, (int(spatial[0]), int(spatial[1]), int(spatial[2])), has_spacing)
    proxy: Any = image.dataobj
    unscaled: Any = ArrayProxy(  # type: ignore[no-untyped-call]
        proxy.file_like, ((*spatial, count), dtype, proxy.offset, 1.0, 0.0)
    )
    for index in range(count):
        with _named_faults():
            raw = np.asarray(unscaled[..., index])
            while index == count - 1 and stream.read(1 << 20):  # to the end, where a gzip file has its checksum
                pass
        voxels, own_notes, replaced = _values(
            source.from_file_grid(_as_rgb(raw)), float(proxy.slope), float(proxy.inter)
        )
        modality, modality_notes = _modality(voxels)
        yield NiftiImport(
            volume=Volume(geometry, voxels, modality, 3 if voxels.ndim == 4 else 1),
            name=f"{name}, volume {index + 1} of {count}" if count > 1 else name,
            source=_of_volume(source, index),
            warnings=(*notes, *own_notes, *modality_notes),
            replaced_voxels=replaced,
        )


def _of_volume(source: NiftiSource, index: int) -> NiftiSource:
    return NiftiSource.from_json({**source.to_json(), "volume_index": index})


def _stem(name: str) -> str:
    stem = name.rsplit("/", 1)[-1]
    for ending in (".gz", ".nii"):
        stem = stem[: -len(ending)] if stem.lower().endswith(ending) else stem
    return stem or name


# -- geometry ---------------------------------------------------------------------------------------------------------
def _place(
    header: Any, shape_ijk: tuple[int, int, int], has_spacing: bool
) -> tuple[NiftiSource, VolumeGeometry, list[str]]:
    """`has_spacing`: whether pixdim was positive in the file; nibabel's header has 1 in place of 0."""
    notes: list[str] = []
    affine_ras = _affine(header, shape_ijk, has_spacing, notes)
    unit = int(header["xyzt_units"]) & 0x07
    lps = LPS_FROM_RAS @ affine_ras
    lps[:3] *= MILLIMETRES.get(unit, 1.0)
    try:
        file_grid = VolumeGeometry(lps, shape_ijk)  # here the axes are the file's, in the file's order
    except ValueError as error:
        raise InvalidImageGeometry(f"The file's affine cannot be used: {error}.") from error
    axes, flipped = _display_axes(file_grid)
    geometry = file_grid.permuted(axes)
    for axis, is_flipped in enumerate(flipped):
        geometry = geometry.flipped(axis) if is_flipped else geometry
    if not geometry.is_right_handed:
        geometry, flipped = geometry.flipped(0), (not flipped[0], *flipped[1:])
    source = NiftiSource(
        file_shape_ijk=shape_ijk,
        affine_ras=tuple(tuple(float(value) for value in row) for row in affine_ras),
        axes_kji=axes,
        flipped_kji=flipped,
        qform_code=int(header["qform_code"]),
        sform_code=int(header["sform_code"]),
        spatial_unit=unit,
    )
    return source, geometry, notes


def _affine(header: Any, shape_ijk: tuple[int, int, int], has_spacing: bool, notes: list[str]) -> FloatArray:
    """The file's [4, 4] affine (i, j, k, 1) -> RAS: sform, else qform, else spacing alone with a warning."""
    sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    if sform is not None and not _is_usable(sform):
        notes.append("The sform is singular and not used.")
        sform = None
    if qform is not None and not (has_spacing and _is_usable(qform)):
        qform = None
    if sform is not None and qform is not None:
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape_ijk], indexing="ij")).reshape(3, -1)
        apart = np.linalg.norm((sform - qform)[:3, :3] @ corners + (sform - qform)[:3, 3:], axis=0).max()
        if apart > DISAGREEMENT_VOXELS * np.linalg.norm(sform[:3, :3], axis=0).min():
            notes.append(f"sform and qform place the image up to {apart:.3g} mm apart; the sform is used.")
    if sform is not None or qform is not None:
        return np.asarray(sform if sform is not None else qform, dtype=np.float64)
    if not has_spacing:
        raise InvalidImageGeometry("The file has no usable sform or qform, and a voxel size of zero.")
    notes.append(NO_ORIENTATION)
    return np.asarray(header.get_base_affine(), dtype=np.float64)


def _is_usable(affine: FloatArray) -> bool:
    return bool(np.isfinite(affine).all()) and abs(np.linalg.det(affine[:3, :3])) > 0


def _display_axes(file_grid: VolumeGeometry) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which file axis becomes k, j and i, and which of j and i run backwards; k is flipped later, for handedness."""
    shape, spacing = file_grid.shape_kji, np.array(file_grid.spacing_kji_mm)
    letters = file_grid.axis_letters
    single = [axis for axis in range(3) if shape[axis] == 1]
    if len(single) == 1:
        slice_axis = single[0]
    else:
        slice_axis = max(axis for axis in range(3) if spacing[axis] >= spacing.max() * (1 - SAME_SPACING))
    row_letter, column_letter = IN_PLANE_LETTERS[AXIS_OF[letters[slice_axis]]]
    row_axis = next(axis for axis in range(3) if letters[axis] in (row_letter, OPPOSITE[row_letter]))
    column_axis = next(axis for axis in range(3) if letters[axis] in (column_letter, OPPOSITE[column_letter]))
    return (slice_axis, row_axis, column_axis), (
        False,
        letters[row_axis] != row_letter,
        letters[column_axis] != column_letter,
    )


# -- values -----------------------------------------------------------------------------------------------------------
def _as_rgb(raw: NDArray[Any]) -> NDArray[Any]:
    """Structured RGB or RGBA voxels [i, j, k] -> [i, j, k, 3] uint8; others unchanged."""
    if raw.dtype.names is None:
        return raw
    return np.stack([raw[channel] for channel in ("R", "G", "B")], axis=-1)


def _values(raw: NDArray[Any], slope: float, intercept: float) -> tuple[NDArray[Any], list[str], int]:
    """Stored values [slices, rows, columns(, 3)] -> voxels of a Volume, slice by slice, what had to be
    changed, and how many were not finite numbers."""
    if raw.ndim == 4:
        return np.ascontiguousarray(raw, dtype=np.uint8), [], 0
    if raw.dtype.kind in "iu" and (slope, intercept) == (1.0, 0.0):
        return *_integers(raw), 0
    scaled = np.empty(raw.shape, np.float32)
    bad = 0
    for k, plane in enumerate(raw):
        scaled[k] = plane.astype(np.float64) * slope + intercept
        bad += int(np.count_nonzero(~np.isfinite(scaled[k])))
    notes = []
    if bad:
        finite = scaled[np.isfinite(scaled)]
        if not finite.size:
            raise UnsupportedNifti("None of its voxels is a finite number.", hint="Write the image again.")
        low, high = float(finite.min()), float(finite.max())
        np.nan_to_num(scaled, copy=False, nan=low, neginf=low, posinf=high)
        notes.append(
            f"{bad} voxels were not finite numbers; they have the lowest value, {low:g} (infinity the highest)."
        )
    is_whole = all(
        np.array_equal(plane, np.rint(plane)) and plane.min() >= -(2**15) and plane.max() < 2**15 for plane in scaled
    )
    return (scaled.astype(np.int16) if is_whole else scaled), notes, bad


def _integers(raw: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    low, high = int(raw.min()), int(raw.max())
    if raw.dtype == np.uint8:
        return np.ascontiguousarray(raw), []
    for dtype in (np.int16, np.uint16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.ascontiguousarray(raw, dtype=dtype), []
    return np.ascontiguousarray(raw, dtype=np.float32), ["Values beyond 32 bits are kept to seven digits."]


def _modality(voxels: NDArray[Any]) -> tuple[str, tuple[str, ...]]:
    if voxels.ndim == 3 and LOWEST_CT_VALUE <= (low := float(voxels.min())) <= HIGHEST_AIR_VALUE:
        return "CT", (
            f"The file does not name its modality; values from {low:g} on are taken as Hounsfield units of CT.",
        )
    return "OT", ()
