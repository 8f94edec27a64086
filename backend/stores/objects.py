"""Files and voxels in an object store (a folder or S3, through obstore).

Layout: `originals/<sha256>` untouched files; `voxels/<hash>/` one Zarr v3 array [slices, rows, columns(, 3)], one
chunk a slice, high and low bytes apart and packed by LZ4 (a fifth of Zstandard's time, and smaller); `uploads/<job>/`
what an import has not read yet; `exports/<job>/` files to download.
Content-addressed objects are written again or not at all, never changed. Which of them are in use, and may be deleted,
is the database's knowledge (services.content), not ours.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
import obstore
import zarr
from numcodecs import Blosc
from numpy.typing import NDArray
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url
from zarr.codecs import BloscCodec
from zarr.storage import ObjectStore

from backend.errors import Unavailable

_READ_BYTES = 4 * 1024**2
_OPEN_ARRAYS = 64


class ObjectsUnavailable(Unavailable):
    """The object store does not answer, is full or may not be written. Raised by stores.objects."""

    code = "objects_unavailable"
    title = "The object store cannot be used"


class Objects:
    """The object store of one installation. Thread-safe."""

    def __init__(self, url: str) -> None:
        parsed = urlparse(url)
        self._folder = Path(unquote(parsed.path)) if parsed.scheme == "file" else None
        if self._folder is not None:
            self._store: Any = LocalStore(self._folder, mkdir=True)
        else:
            self._store = from_url(url)
        self._arrays: OrderedDict[str, zarr.Array[Any]] = OrderedDict()
        self._lock = Lock()

    # -- files --------------------------------------------------------------------------------------------------------
    def put_file(self, key: str, path: Path) -> None:
        """Store a whole file under a key; it appears complete or not at all."""
        with _translated(f"writing {key}"), path.open("rb") as file:
            obstore.put(self._store, key, file)

    def put_bytes(self, key: str, content: bytes) -> None:
        """Store these bytes under a key; they appear complete or not at all."""
        with _translated(f"writing {key}"):
            obstore.put(self._store, key, content)

    def put_content(self, key: str, path: Path) -> None:
        """Store a whole file under a key that is named after its content, once. On the same disk it is a hard link:
        never write to the file afterwards."""
        if self.exists(key):
            return
        if self._folder is not None:
            target = self._folder / key
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, target)
                return
            except FileExistsError:
                return
            except OSError:  # another disk, or one without links
                pass
        self.put_file(key, path)

    def open_writer(self, key: str) -> Any:
        """A binary writer (write, close); the object appears at close."""
        with _translated(f"writing {key}"):
            return obstore.open_writer(self._store, key)

    def chunks(self, key: str) -> Iterator[bytes]:
        """The bytes of an object in pieces, for streaming to a client."""
        with _translated(f"reading {key}"):
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=_READ_BYTES):
                yield bytes(chunk)

    def fetch(self, key: str, destination: Path) -> None:
        """Copy an object into a local file; a hard link where the store is a folder of the same disk."""
        if self._folder is not None:
            source = self._folder / key
            try:
                os.link(source, destination)
                return
            except FileNotFoundError as error:
                raise ObjectsUnavailable(f"The object {key} is missing.") from error
            except OSError:
                shutil.copyfile(source, destination)
                return
        with destination.open("wb") as file:
            for chunk in self.chunks(key):
                file.write(chunk)

    def exists(self, key: str) -> bool:
        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        except BaseError as error:
            raise ObjectsUnavailable(f"{key} cannot be looked up.") from error
        return True

    def size_bytes(self, key: str) -> int:
        with _translated(f"reading {key}"):
            return int(obstore.head(self._store, key)["size"])

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix, sorted."""
        with _translated(f"listing {prefix}"):
            return sorted(meta["path"] for batch in obstore.list(self._store, prefix) for meta in batch)

    def adopt(self, source: str, target: str) -> None:
        """Give an object a key that is named after its content; where that is there already, the source may stay."""
        if self._folder is not None:
            place = self._folder / target
            with _translated(f"moving {source} to {target}"):
                place.parent.mkdir(exist_ok=True)
                os.replace(self._folder / source, place)
        elif not self.exists(target):
            with _translated(f"moving {source} to {target}"):
                obstore.rename(self._store, source, target)

    @contextmanager
    def as_file(self, key: str) -> Iterator[Path]:
        """The object as a local file, for as long as the context lasts. Never write to it."""
        with tempfile.TemporaryDirectory(prefix="sammed-object-") as folder:
            path = Path(folder) / "object"
            self.fetch(key, path)
            yield path

    def delete(self, key: str) -> None:
        """Delete one object; where there is none, that is fine."""
        with _translated(f"deleting {key}"):
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                return

    def delete_all(self, keys: Sequence[str]) -> None:
        """Delete these objects."""
        with _translated("deleting"):
            if keys:
                obstore.delete(self._store, list(keys))

    def delete_prefix(self, prefix: str) -> None:
        """Delete all objects below a prefix; none there is fine."""
        with _translated(f"deleting {prefix}"):
            for batch in obstore.list(self._store, prefix):
                self.delete_all([meta["path"] for meta in batch])

    def ping(self) -> None:
        """Raises ObjectsUnavailable unless a small object can be written, read back and deleted."""
        with _translated("trying the store"):
            obstore.put(self._store, "ping", b"ping")
            obstore.delete(self._store, "ping")

    # -- voxels -------------------------------------------------------------------------------------------------------
    def put_voxels(self, voxels: NDArray[Any], digest: str | None = None) -> str:
        """Store [slices, rows, columns(, 3)] voxels once by content. Returns their `voxels_hash`; give it if it is
        known."""
        digest = digest or voxels_hash(voxels)
        with _translated(f"writing voxels {digest}"):
            if not self.exists(f"voxels/{digest}/complete"):
                array = zarr.create_array(
                    ObjectStore(self._store),
                    name=f"voxels/{digest}",
                    shape=voxels.shape,
                    chunks=(1, *voxels.shape[1:]),
                    dtype=voxels.dtype,
                    compressors=BloscCodec(cname="lz4", clevel=1, shuffle="shuffle"),
                    overwrite=True,
                )
                array[:] = voxels
                obstore.put(
                    self._store, f"voxels/{digest}/complete", b""
                )  # last, so that half an array is written again
        return digest

    def read_slice(self, voxels_hash: str, slice_index: int) -> NDArray[Any]:
        """One slice [rows, columns(, 3)] of the acquisition plane."""
        with _translated(f"reading slice {slice_index} of {voxels_hash}"):
            array = self._array(voxels_hash)
            if not isinstance(array.compressors[0], BloscCodec):
                return np.asarray(array[slice_index])
            inner = "/0" * (array.ndim - 1)
            try:  # through Zarr's own event loop it takes three times as long
                packed = obstore.get(self._store, f"voxels/{voxels_hash}/c/{slice_index}{inner}").bytes()
            except FileNotFoundError:  # Zarr writes no chunk of zeros, and says what is no slice
                return np.asarray(array[slice_index])
            made = np.empty(array.shape[1:], array.dtype.newbyteorder("<"))
            Blosc().decode(packed, out=made)
            return made

    def read_voxels(self, voxels_hash: str) -> NDArray[Any]:
        """All voxels [slices, rows, columns(, 3)]."""
        with _translated(f"reading voxels {voxels_hash}"):
            return np.asarray(self._array(voxels_hash)[:])

    def _array(self, digest: str) -> zarr.Array[Any]:
        with self._lock:
            if digest in self._arrays:
                self._arrays.move_to_end(digest)
                return self._arrays[digest]
        array = zarr.open_array(ObjectStore(self._store, read_only=True), path=f"voxels/{digest}", mode="r")
        with self._lock:
            self._arrays[digest] = array
            while len(self._arrays) > _OPEN_ARRAYS:
                self._arrays.popitem(last=False)
        return array


def voxels_hash(voxels: NDArray[Any]) -> str:
    """sha256 hex of dtype, shape and C-ordered bytes."""
    digest = hashlib.sha256(f"{voxels.dtype.str} {voxels.shape}".encode())
    digest.update(np.ascontiguousarray(voxels).data.cast("B"))
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise ObjectsUnavailable(
            f"The object store failed while {doing}: {type(error).__name__}.",
            hint="Is the disk full, or the store's address or its credentials wrong?",
        ) from error
