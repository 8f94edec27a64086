"""Files and voxels in an object store, looked at around the class under test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from backend.stores.objects import Objects, ObjectsUnavailable, voxels_hash
from backend.stores.planes import Planes


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a bucket, whose server's address and key are in the environment, as on an installation."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
        }.items():
            environment.setenv(name, value)
        httpx.put(f"http://{host}:{port}/images").raise_for_status()
        yield "s3://images/of/sammed"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def objects(tmp_path: Path, request: pytest.FixtureRequest) -> Objects:
    if request.param == "folder":
        return Objects((tmp_path / "objects").as_uri())
    return Objects(f"{request.getfixturevalue('s3')}/{tmp_path.name}")


def test_a_file_comes_back_as_it_went(objects: Objects, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 5000)
    objects.put_file("originals/a", source)
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


def test_a_folder_of_objects_is_a_folder_of_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"as it is")
    Objects((tmp_path / "objects").as_uri()).put_file("originals/a", source)
    assert (tmp_path / "objects" / "originals" / "a").read_bytes() == b"as it is"


def test_what_is_written_bit_by_bit_appears_at_its_end_and_takes_another_name(objects: Objects) -> None:
    """More than one part of an S3 upload."""
    writer = objects.open_writer("exports/1")
    for _ in range(3):
        writer.write(b"0123456789" * 500_000)
    assert not objects.exists("exports/1")
    writer.close()
    objects.adopt("exports/1", "exports/2")
    assert (objects.keys("exports"), objects.size_bytes("exports/2")) == (["exports/2"], 15_000_000)
    objects.delete_all(["exports/2"])
    assert objects.keys("exports") == []
    objects.delete("exports/2")


def test_content_that_is_adopted_twice_is_there_once(objects: Objects) -> None:
    for key in ("uploads/1/1", "uploads/1/2"):
        objects.put_bytes(key, b"the same")
        objects.adopt(key, "originals/same")
    assert b"".join(objects.chunks("originals/same")) == b"the same"
    objects.delete_prefix("uploads/1")
    assert objects.keys("uploads") == [] and objects.exists("originals/same")
    with pytest.raises(ObjectsUnavailable):
        objects.adopt("uploads/1/none", "originals/none")


def test_a_bucket_that_is_not_there_is_said(s3: str) -> None:
    with pytest.raises(ObjectsUnavailable):
        Objects(s3.replace("images", "nowhere")).ping()


def test_half_an_array_is_written_again(objects: Objects) -> None:
    """The process was killed after some chunks."""
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    digest = objects.put_voxels(voxels)
    objects.delete(f"voxels/{digest}/complete")
    objects.delete(f"voxels/{digest}/c/2/0/0")
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
