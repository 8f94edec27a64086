"""Files and voxels in an object store, looked at around the class under test."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest

from backend.stores.objects import Objects, ObjectsUnavailable, voxels_hash
from backend.stores.planes import Planes


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects((tmp_path / "objects").as_uri())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(urlparse((tmp_path / "objects").as_uri()).path)


def test_a_file_comes_back_as_it_went(objects: Objects, folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 5000)
    objects.put_file("originals/a", source)
    assert (folder / "originals" / "a").read_bytes() == source.read_bytes()
    assert b"".join(objects.chunks("originals/a")) == source.read_bytes()
    assert objects.size_bytes("originals/a") == source.stat().st_size
    objects.fetch("originals/a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def test_what_is_missing_is_said(objects: Objects, tmp_path: Path) -> None:
    assert not objects.exists("originals/nothing")
    with pytest.raises(ObjectsUnavailable):
        objects.fetch("originals/nothing", tmp_path / "copy")
    with pytest.raises(ObjectsUnavailable):
        objects.size_bytes("originals/nothing")
    with pytest.raises(ObjectsUnavailable):
        objects.read_slice("0" * 64, 0)


def test_a_prefix_is_deleted_and_nothing_else(objects: Objects, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for key in ("uploads/1/a", "uploads/1/b", "uploads/2/a"):
        objects.put_file(key, source)
    objects.delete_prefix("uploads/1")
    assert [objects.exists(key) for key in ("uploads/1/a", "uploads/1/b", "uploads/2/a")] == [False, False, True]
    objects.delete_prefix("uploads/nothing")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32"])
def test_voxels_of_every_type(objects: Objects, dtype: str) -> None:
    voxels = np.random.default_rng(0).integers(0, 100, (5, 7, 9)).astype(dtype)
    digest = objects.put_voxels(voxels)
    assert digest == voxels_hash(voxels) == objects.put_voxels(voxels)
    np.testing.assert_array_equal(objects.read_voxels(digest), voxels)
    one = objects.read_slice(digest, 3)
    np.testing.assert_array_equal(one, voxels[3])
    assert one.dtype == voxels.dtype


def test_content_has_one_name(objects: Objects) -> None:
    voxels = np.zeros((2, 3, 4), dtype=np.int16)
    names = {
        voxels_hash(voxels),
        voxels_hash(voxels.astype(np.uint16)),
        voxels_hash(voxels.reshape(3, 2, 4)),
        voxels_hash(voxels + 1),
    }
    assert len(names) == 4
    strided = np.zeros((4, 3, 4), dtype=np.int16)[::2]
    assert voxels_hash(strided) == voxels_hash(voxels)


def test_half_an_array_is_written_again(objects: Objects, folder: Path) -> None:
    """The process was killed after some chunks."""
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    digest = objects.put_voxels(voxels)
    (folder / "voxels" / digest / "complete").unlink()
    (folder / "voxels" / digest / "c" / "2" / "0" / "0").unlink()
    assert objects.put_voxels(voxels) == digest
    np.testing.assert_array_equal(objects.read_voxels(digest), voxels)


@pytest.mark.parametrize("shape", [(6, 7, 8), (6, 7, 8, 3)])
def test_planes_along_every_axis(objects: Objects, tmp_path: Path, shape: tuple[int, ...]) -> None:
    voxels = np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)
    digest = objects.put_voxels(voxels)
    planes = Planes(objects, tmp_path / "planes", max_bytes=10**6)
    for axis in range(3):
        for index in (0, shape[axis] - 1):
            image = planes.read(digest, shape, voxels.dtype, axis, index)
            np.testing.assert_array_equal(image, np.take(voxels, index, axis=axis))


def test_unpacked_volumes_stay_within_their_bound(objects: Objects, tmp_path: Path) -> None:
    planes = Planes(objects, tmp_path / "planes", max_bytes=2500)
    for seed in range(4):
        voxels = np.random.default_rng(seed).integers(0, 255, (10, 10, 10)).astype(np.uint8)
        planes.read(objects.put_voxels(voxels), voxels.shape, voxels.dtype, 1, 0)
        assert sum(file.stat().st_size for file in (tmp_path / "planes").iterdir()) <= 2500
