"""A segmentation in NRRD, read back by ITK."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from backend.imaging.errors import NothingToExport
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import ExportLabel
from backend.imaging.labels_nrrd import write_seg_nrrd
from backend.imaging.phantom import LIVER, ORGANS, Phantom, abdominal_phantom


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom((16, 48, 56), (16.0, 8.0, 7.0), seed=4)


def test_labels_lie_where_the_volume_lies(phantom: Phantom, tmp_path: Path) -> None:
    path = tmp_path / "case.seg.nrrd"
    tilted = phantom.volume.geometry.affine_lps.copy()
    turn = np.deg2rad(20)
    tilted[:3, :3] = np.array(
        [[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]
    ) @ tilted[:3, :3]  # fmt: skip
    geometry = VolumeGeometry(tilted, phantom.volume.geometry.shape_kji)
    write_seg_nrrd(path, geometry, ORGANS, phantom.mask, provenance={"software": "sammed 1"})
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), phantom.truth)
    for kji in ((0, 0, 0), (15, 3, 50)):
        position = image.TransformIndexToPhysicalPoint(tuple(reversed(kji)))
        np.testing.assert_allclose(position, geometry.position_mm(kji)[0], atol=1e-6)
    assert image.GetMetaData("Segment0_Name") == ORGANS[0].name
    assert image.GetMetaData("Segment0_LabelValue") == str(ORGANS[0].value)
    assert image.GetMetaData("Segmentation_MasterRepresentation") == "Binary labelmap"
    assert ORGANS[0].code is not None and f"^{ORGANS[0].code.value}^" in image.GetMetaData("Segment0_Tags")
    color = [float(channel) * 255 for channel in image.GetMetaData("Segment0_Color").split()]
    np.testing.assert_allclose(color, ORGANS[0].rgb, atol=0.01)
    first_i, last_i, *_ = map(int, image.GetMetaData("Segment0_Extent").split())
    shown = np.flatnonzero(phantom.mask(ORGANS[0]).any(axis=(0, 1)))
    assert (first_i, last_i) == (shown[0], shown[-1])
    assert json.loads(image.GetMetaData("sammed")) == {"software": "sammed 1"}


def test_overlapping_labels_get_layers_and_keep_their_voxels(phantom: Phantom, tmp_path: Path) -> None:
    inner = ExportLabel("Lesion | in ~liver", 40, "#ff0000")
    second = ExportLabel("Vessel", 41, "#0000ff")
    masks = {
        label.value: phantom.mask(LIVER) & (np.indices(phantom.truth.shape)[2] % step == 0)
        for label, step in ((inner, 2), (second, 3))
    }

    def read_mask(label: ExportLabel) -> np.ndarray:
        return masks.get(label.value, phantom.mask(label))

    path = tmp_path / "case.seg.nrrd"
    write_seg_nrrd(path, phantom.volume.geometry, [LIVER, inner, second, ORGANS[-1]], read_mask)
    image = sitk.ReadImage(str(path))
    layers = sitk.GetArrayFromImage(image)  # [slices, rows, columns, layers]
    assert layers.shape == (*phantom.truth.shape, 3)
    for n, label in enumerate([LIVER, inner, second, ORGANS[-1]]):
        layer = int(image.GetMetaData(f"Segment{n}_Layer"))
        np.testing.assert_array_equal(layers[..., layer] == label.value, read_mask(label))
    assert image.GetMetaData("Segment1_Name") == "Lesion   in  liver"


def test_no_voxel_is_a_named_error_and_writes_nothing(phantom: Phantom, tmp_path: Path) -> None:
    with pytest.raises(NothingToExport):
        write_seg_nrrd(
            tmp_path / "x.seg.nrrd", phantom.volume.geometry, [ExportLabel("None", 9, "#ffffff")], phantom.mask
        )
    assert list(tmp_path.iterdir()) == []
