"""Reading NRRD label maps and the `.seg.nrrd` files of 3D Slicer, with layers where segments overlap."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import nrrd
import numpy as np
from numpy.typing import NDArray

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import CodedTerm
from backend.imaging.mask_types import (
    CorruptMaskFile,
    MaskFile,
    MaskFileTooLarge,
    NotAMaskFile,
    Segment,
    check_count,
    check_integers,
    check_size,
    equal,
    label_map,
)
from backend.imaging.reasons import reason_of

CHUNK_BYTES = 1 << 20

SIGNS_TO_LPS = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}


def read_nrrd(path: Path, name: str) -> MaskFile:
    """The segments of a file. Raises NotAMaskFile, CorruptMaskFile, TooManySegments, MaskFileTooLarge."""
    try:
        with path.open("rb") as file:
            _check_data(nrrd.read_header(file), file, name)
        voxels, header = nrrd.read(str(path), index_order="C")
    except (EOFError, OSError, OverflowError, TypeError, ValueError, KeyError, zlib.error, nrrd.NRRDError) as error:
        reason = reason_of(error)
        raise CorruptMaskFile(f"'{name}' cannot be read: {reason}", hint="Save the masks again.") from error
    signs = SIGNS_TO_LPS.get(str(header.get("space", "")).lower())
    directions = np.asarray(header.get("space directions", ()), dtype=np.float64)
    origin = header.get("space origin")
    if signs is None or origin is None or directions.shape != (voxels.ndim, 3):
        raise NotAMaskFile(
            f"'{name}' does not say where its voxels lie in the patient.",
            hint="Save it with `space`, `space directions` and `space origin`.",
        )
    spatial = np.asarray(np.isfinite(directions).all(axis=1))
    if spatial.sum() != 3 or not spatial[-3:].all() or voxels.ndim > 4:
        raise NotAMaskFile(f"'{name}' has {spatial.sum()} axes in space.", hint="Save one label map, not 4D.")
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
        raise CorruptMaskFile(f"The grid of '{name}' cannot be used: {error}.") from error
    described = _slicer_segments(header, layers, name)
    if described:
        return MaskFile("nrrd", geometry, described)
    if layers.shape[3] != 1:
        raise NotAMaskFile(f"'{name}' has four axes and names no segments.", hint="Save one label map.")
    return MaskFile("nrrd", geometry, label_map(layers[..., 0], name, {}))


def _check_data(header: Mapping[str, Any], file: BinaryIO, name: str) -> None:
    """Before anything is read of it: the data lie in the file itself and are not more than the header says."""
    if "data file" in header or "datafile" in header:
        raise NotAMaskFile(f"'{name}' keeps its voxels in another file.", hint="Save it as one .nrrd file.")
    sizes = [int(n) for n in header["sizes"]]
    check_size(sizes)
    if header["encoding"] not in ("gzip", "gz"):
        return
    most, found = 8 * prod(sizes) + CHUNK_BYTES, 0
    unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16)
    while packed := unpacked.unconsumed_tail or file.read(CHUNK_BYTES):
        found += len(unpacked.decompress(packed, CHUNK_BYTES))
        if found > most:
            raise MaskFileTooLarge(f"'{name}' unpacks to more than its header says.", hint="Save the masks again.")


def _slicer_segments(header: Mapping[str, Any], layers: NDArray[Any], name: str) -> tuple[Segment, ...]:
    """The segments that 3D Slicer's fields name; none in a plain label map."""
    found: list[Segment] = []
    numbers = sorted(int(match[1]) for key in header if (match := re.fullmatch(r"Segment(\d+)_LabelValue", key)))
    if numbers:
        check_integers(layers, name)
    for n in numbers:
        value, layer = int(header[f"Segment{n}_LabelValue"]), int(header.get(f"Segment{n}_Layer", 0))
        if not 0 <= layer < layers.shape[3]:
            raise CorruptMaskFile(f"Segment {n} of '{name}' names layer {layer} of {layers.shape[3]}.")
        channels = [round(float(c) * 255) for c in str(header.get(f"Segment{n}_Color", "")).split()]
        found.append(
            Segment(
                number=n + 1,
                name=str(header.get(f"Segment{n}_Name", f"Segment {n + 1}")),
                read=partial(equal, layers[..., layer], value),
                color="#" + "".join(f"{c:02x}" for c in channels) if len(channels) == 3 else None,
                code=_terminology(str(header.get(f"Segment{n}_Tags", ""))),
            )
        )
    check_count(len(found) or 1)
    return tuple(found)


def _terminology(tags: str) -> CodedTerm | None:
    """The property type out of `TerminologyEntry:context~category~type~...`, each scheme^value^meaning."""
    entry = next((tag for tag in tags.split("|") if tag.startswith("TerminologyEntry:")), "")
    parts = entry.split("~")
    fields = parts[2].split("^") if len(parts) > 2 else []
    return CodedTerm(*fields) if len(fields) == 3 and all(fields) else None
