"""PNG and COCO, read back by Pillow and pycocotools."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from backend.imaging.errors import LabelValuesClash, NothingToExport
from backend.imaging.labels import ExportLabel
from backend.imaging.labels_pictures import write_coco, write_png

SHAPE = (3, 20, 24)
CELL = ExportLabel("Cell", 1, "#dd8265")
HOLE = ExportLabel("Nucleus", 7, "#00ff00")
MADE_AT = datetime(2026, 3, 1, tzinfo=UTC)


def mask(label: ExportLabel) -> np.ndarray:
    """Two cells on slice 1, one of them with a hole; a nucleus that lies on the other's edge, and one on slice 2."""
    drawn = np.zeros(SHAPE, bool)
    if label is CELL:
        drawn[1, 2:9, 2:9] = drawn[1, 12:18, 12:22] = True
        drawn[1, 4:6, 4:6] = False
    elif label is HOLE:
        drawn[1, 14:19, 20:23] = drawn[2, 5:7, 5:7] = True
    return drawn


def test_a_pixel_is_the_value_of_its_label(tmp_path: Path) -> None:
    written = write_png(tmp_path, "case", SHAPE, [CELL, HOLE], mask, provenance={"annotator": "Ann"})
    assert {path.relative_to(tmp_path / "case").as_posix() for path in written} == {
        "0002.png", "0003.png", "0002.001.png", "0002.007.png", "0003.007.png", "labels.json",
    }  # fmt: skip
    shown = Image.open(tmp_path / "case/0002.png")
    expected = np.where(mask(HOLE)[1], 7, np.where(mask(CELL)[1], 1, 0))
    np.testing.assert_array_equal(np.asarray(shown), expected)
    assert tuple(np.asarray(shown.convert("RGB"))[3, 3]) == CELL.rgb
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "case/0002.001.png")), mask(CELL)[1])
    about = json.loads((tmp_path / "case/labels.json").read_text())
    assert [label["value"] for label in about["labels"]] == [1, 7]
    assert about["overlaps"] == [{"labels": ["Cell", "Nucleus"], "pixels": 8}]


def test_coco_has_each_part_with_its_picture(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    write_coco(tmp_path, "case", SHAPE, [CELL, HOLE], mask, lambda k: pictures[k], made_at=MADE_AT)
    coco = COCO(str(tmp_path / "case/annotations.json"))
    assert [coco.imgs[n]["file_name"] for n in coco.getImgIds()] == ["0002.png", "0003.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "case/images/0002.png")), pictures[1])
    for label in (CELL, HOLE):
        parts = coco.loadAnns(coco.getAnnIds(catIds=[label.value], imgIds=[2]))
        joined = np.sum([coco.annToMask(part) for part in parts], axis=0)
        np.testing.assert_array_equal(joined, mask(label)[1])
    cells = coco.loadAnns(coco.getAnnIds(catIds=[1]))
    assert [(cell["bbox"], cell["area"]) for cell in cells] == [([2, 2, 7, 7], 45), ([12, 12, 10, 6], 60)]
    assert len({part["id"] for part in coco.dataset["annotations"]}) == 4


def test_bad_labels_are_named_and_write_nothing(tmp_path: Path) -> None:
    nothing = ExportLabel("Nothing", 3, "#ffffff")
    with pytest.raises(NothingToExport):
        write_png(tmp_path, "case", SHAPE, [nothing], mask)
    with pytest.raises(NothingToExport):
        write_coco(tmp_path, "case", SHAPE, [nothing], mask, lambda k: np.zeros(SHAPE[1:], np.uint8), made_at=MADE_AT)
    high = ExportLabel("High", 300, "#ffffff")
    with pytest.raises(LabelValuesClash):
        write_png(tmp_path, "case", SHAPE, [high], lambda _: np.ones(SHAPE, bool))
    assert list(tmp_path.iterdir()) == []
