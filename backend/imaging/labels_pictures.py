"""Writing masks slice by slice: as indexed PNG pictures, and as COCO annotations with the pictures they belong to.

Only slices that show a label are written. Rows and columns are the volume's; where a slice lies in the patient is in
neither: NIfTI, NRRD and the DICOM formats keep that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from backend.imaging import masks
from backend.imaging.errors import LabelValuesClash, NothingToExport
from backend.imaging.labels import ExportLabel, ReadMask, checked_mask, compose

ReadPicture = Callable[[int], NDArray[np.uint8]]
"""Slice k as a picture: [rows, columns] or [rows, columns, 3] uint8."""

PALETTE_SIZE = 256


def write_png(
    folder: Path,
    name: str,
    shape_kji: tuple[int, int, int],
    labels: Sequence[ExportLabel],
    read_mask: ReadMask,
    *,
    provenance: Mapping[str, Any] | None = None,
) -> list[Path]:
    """`name/0001.png` and so on (the number of the slice, from 1): a pixel is the value of its label, shown in its
    colour; and `name/labels.json`. Where labels overlap the later one has the pixel, and each label gets black and
    white pictures of its own, `name/0001.<value>.png`, besides.

    Raises NothingToExport, ExportGridMismatch and LabelValuesClash (a value above 255 as well).
    """
    label_map = compose(labels, read_mask, shape_kji)
    if not label_map.present:
        raise NothingToExport("No label has a single voxel.", hint="Annotate at least one slice, then export again.")
    too_high = [label.name for label in label_map.present if label.value >= PALETTE_SIZE]
    if too_high:
        raise LabelValuesClash(f"'{too_high[0]}' has a value above 255.", hint="Export NIfTI, or change the value.")
    palette = np.zeros((PALETTE_SIZE, 3), np.uint8)
    for label in label_map.labels:
        palette[label.value] = label.rgb
    (folder / name).mkdir()
    written: list[Path] = []
    for k in np.flatnonzero(label_map.voxels.any(axis=(1, 2))):
        picture = Image.fromarray(label_map.voxels[k].astype(np.uint8))
        picture.putpalette(palette.tobytes())
        written.append(folder / name / f"{k + 1:04d}.png")
        picture.save(written[-1], optimize=True)
    if label_map.overlaps:
        for label in label_map.present:
            mask = checked_mask(label, read_mask, shape_kji)
            for k in np.flatnonzero(mask.any(axis=(1, 2))):
                written.append(folder / name / f"{k + 1:04d}.{label.value:03d}.png")
                Image.fromarray(mask[k]).save(written[-1], optimize=True)
    about = {
        "background": 0,
        "labels": [_about(label) for label in label_map.present],
        "overlaps": [{"labels": [a, b], "pixels": n} for a, b, n in label_map.overlaps],
        "slices": shape_kji[0],
        "provenance": dict(provenance or {}),
    }
    written.append(folder / name / "labels.json")
    written[-1].write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return written


def write_coco(
    folder: Path,
    name: str,
    shape_kji: tuple[int, int, int],
    labels: Sequence[ExportLabel],
    read_mask: ReadMask,
    read_picture: ReadPicture,
    *,
    made_at: datetime,
    provenance: Mapping[str, Any] | None = None,
) -> list[Path]:
    """`name/annotations.json`, one annotation for each part of a label that hangs together on a slice, its mask as
    compressed RLE (holes and all); and the pictures in `name/images`. Labels may overlap.

    Raises NothingToExport and ExportGridMismatch.
    """
    pictures: dict[int, dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    categories: list[dict[str, Any]] = []
    for label in labels:
        mask = checked_mask(label, read_mask, shape_kji)
        categories.append({"id": label.value, "supercategory": "", **_about(label)})
        for k in (int(k) for k in np.flatnonzero(mask.any(axis=(1, 2)))):
            picture = pictures.setdefault(k, _picture(k, shape_kji))
            annotations += _annotations(mask[k], picture["id"], label.value, first_id=len(annotations) + 1)
    if not annotations:
        raise NothingToExport("No label has a single voxel.", hint="Annotate at least one slice, then export again.")
    (folder / name / "images").mkdir(parents=True)
    written = [folder / name / "annotations.json"]
    for k in sorted(pictures):
        written.append(folder / name / "images" / pictures[k]["file_name"])
        Image.fromarray(read_picture(k)).save(written[-1], optimize=True)
    document = {
        "info": {"description": name, "date_created": made_at.isoformat(), **(provenance or {})},
        "images": [pictures[k] for k in sorted(pictures)],
        "annotations": annotations,
        "categories": categories,
        "licenses": [],
    }
    written[0].write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return written


def _about(label: ExportLabel) -> dict[str, Any]:
    code, made = label.code, label.algorithm
    return {
        "name": label.name,
        "value": label.value,
        "color": label.color,
        "code": {"scheme": code.scheme, "value": code.value, "meaning": code.meaning} if code else None,
        "algorithm": {"type": made.type, "name": made.name, "version": made.version, **dict(made.parameters)},
    }


def _picture(k: int, shape_kji: tuple[int, int, int]) -> dict[str, Any]:
    return {"id": k + 1, "file_name": f"{k + 1:04d}.png", "height": shape_kji[1], "width": shape_kji[2]}


def _annotations(mask: masks.BoolMask, image: int, category: int, first_id: int) -> Iterator[dict[str, Any]]:
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    for n, (rows, columns) in enumerate(ndimage.find_objects(parts), start=1):
        part = parts == n
        yield {
            "id": first_id + n - 1,
            "image_id": image,
            "category_id": category,
            "segmentation": masks.encode(part),
            "area": int(np.count_nonzero(part)),
            "bbox": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
            "iscrowd": 0,
        }
