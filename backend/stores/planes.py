"""Slices across the acquisition plane, fast: a local, uncompressed copy of a volume that is read by seeking.

The object store keeps one chunk a slice, so a coronal or sagittal image touches all of them. The first such request
unpacks the volume into a file of the cache folder; later ones read a few kilobytes. The folder may be deleted at any
moment; the oldest copies go when it passes its bound.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.stores.objects import Objects


class Planes:
    """Planes of volumes along any axis."""

    def __init__(self, objects: Objects, folder: Path, *, max_bytes: int) -> None:
        self._objects = objects
        self._folder = folder
        self._max_bytes = max_bytes
        self._locks: dict[str, Lock] = {}
        self._guard = Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def read(
        self, voxels_hash: str, shape: tuple[int, ...], dtype: np.dtype[Any], axis: int, index: int
    ) -> NDArray[Any]:
        """The image at `index` along `axis` of a [slices, rows, columns(, 3)] volume, in raw array order: axis 0 gives
        [rows, columns], axis 1 [slices, columns], axis 2 [slices, rows] (each with 3 channels for colour)."""
        if axis == 0:
            return self._objects.read_slice(voxels_hash, index)
        path = self._unpacked(voxels_hash)
        voxels = np.memmap(path, dtype=dtype, mode="r", shape=shape)
        return np.array(voxels[:, index] if axis == 1 else voxels[:, :, index])  # a copy: the map is closed again

    def forget(self, voxels_hash: str) -> None:
        """Delete the copy of a volume that is no more."""
        (self._folder / f"{voxels_hash}.raw").unlink(missing_ok=True)

    def keep_only(self, known: Callable[[Iterable[str]], set[str]]) -> None:
        """Delete the copies of volumes that `known`, which gets the hashes of all, does not return."""
        there = {path.stem for path in self._folder.glob("*.raw")}
        for voxels_hash in there - known(there):
            self.forget(voxels_hash)

    def _unpacked(self, voxels_hash: str) -> Path:
        path = self._folder / f"{voxels_hash}.raw"
        with self._guard:
            lock = self._locks.setdefault(voxels_hash, Lock())
        with lock:
            if path.exists():
                os.utime(path)
                return path
            partial = path.with_suffix(f".{os.getpid()}.partial")
            self._objects.read_voxels(voxels_hash).tofile(partial)
            partial.replace(path)
            self._evict(keep=path)
            return path

    def _evict(self, *, keep: Path) -> None:
        files = sorted(self._folder.glob("*.raw"), key=lambda file: file.stat().st_mtime, reverse=True)
        total = 0
        for file in files:
            total += file.stat().st_size
            if total > self._max_bytes and file != keep:
                file.unlink(missing_ok=True)
