"""Accepted masks of a project -> cases of the evaluation protocol.

Images are read from the object store when they are needed and masks are kept where there are some, so that many large
volumes fit into memory. Nothing here knows a person, a job or the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from backend.db.tables import VolumeRow
from backend.imaging import intensity, masks
from backend.services.evaluations import ReferenceMasks, ReferenceVolume
from backend.stores.objects import Objects
from workers.sammed.protocol import Case

PICTURES = "pictures"
"""The case that all chosen pictures are measured as."""


def cases_of(chosen: Sequence[ReferenceVolume], dataset: str, objects: Objects) -> list[Case]:
    """Volumes as cases of the protocol, and all pictures together as one; `dataset` is the group that tables name."""
    cases: list[Case] = []
    names: set[str] = set()
    pictures = [volume for volume in chosen if volume.volume.slices == 1]
    for stack in [[volume] for volume in chosen if volume.volume.slices > 1] + ([pictures] if pictures else []):
        is_volume = stack[0].volume.slices > 1
        for layer in _layers(stack):
            name = _unique(stack[0].case.name if is_volume else PICTURES, names)
            present = {mask.label.value: mask.label.name for volume in stack for mask in volume.masks}
            cases.append(
                Case(
                    name=name,
                    images=StoredImages(objects, [v.volume for v in stack for _ in range(v.volume.slices)]),
                    labels=layer.planes,
                    label_names={value: present[value] for value in sorted(layer.values)},
                    is_volume=is_volume,
                    dataset=dataset,
                )
            )
    return cases


class StoredImages(Sequence[NDArray[np.uint8]]):
    """Slices through the model's window, read when asked for. `volumes` names the volume of every slice; equal ones
    follow each other."""

    def __init__(self, objects: Objects, volumes: Sequence[VolumeRow]) -> None:
        self._objects = objects
        self._volumes = volumes

    def __len__(self) -> int:
        return len(self._volumes)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.uint8]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        """[H, W] or [H, W, 3] uint8"""
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        volume = self._volumes[index]
        shown = volume.presentation["model_window"]
        window = intensity.Window("model", shown["width"], shown["center"]) if shown else None
        pixels = self._objects.read_slice(volume.voxels_hash, index if volume.slices > 1 else 0)
        return intensity.model_input(pixels, window)


class _Layer:
    """Labels of one case that do not overlap, as one plane of values a slice. Slices without one share a plane."""

    def __init__(self, shapes_hw: Sequence[tuple[int, int]]) -> None:
        empty = {shape: np.zeros(shape, np.uint8) for shape in set(shapes_hw)}
        self._shapes = shapes_hw
        self.planes: list[NDArray[np.uint8]] = [empty[shape] for shape in shapes_hw]
        self.values: set[int] = set()
        self._drawn: set[int] = set()

    def takes(self, drawn: dict[int, masks.BoolMask]) -> bool:
        return not any((self.planes[k] > 0)[mask].any() for k, mask in drawn.items())

    def add(self, value: int, drawn: dict[int, masks.BoolMask]) -> None:
        for k, mask in drawn.items():
            if k not in self._drawn:
                self.planes[k] = self.planes[k].copy()
                self._drawn.add(k)
            self.planes[k][mask] = value
        self.values.add(value)


def _layers(stack: Sequence[ReferenceVolume]) -> list[_Layer]:
    """The labels of a volume, or of pictures one after the other. In the application labels may overlap, in a case of
    the protocol they may not: one that does goes into a layer of its own."""
    shapes = [(v.volume.rows, v.volume.columns) for v in stack for _ in range(v.volume.slices)]
    drawn: dict[int, dict[int, masks.BoolMask]] = {}
    first = 0
    for volume in stack:
        for reference in volume.masks:
            drawn.setdefault(reference.label.value, {}).update(_decoded(reference, volume.volume, first))
        first += volume.volume.slices
    layers: list[_Layer] = []
    for value in sorted(drawn):
        layer = next((layer for layer in layers if layer.takes(drawn[value])), None)
        if layer is None:
            layer = _Layer(shapes)
            layers.append(layer)
        layer.add(value, drawn[value])
    return layers


def _decoded(reference: ReferenceMasks, volume: VolumeRow, first: int) -> dict[int, masks.BoolMask]:
    size = [volume.rows, volume.columns]
    return {
        first + k: masks.decode({"size": size, "counts": counts}) for k, counts in reference.counts_by_slice.items()
    }


def _unique(name: str, taken: set[str]) -> str:
    """The name, with a number where another case has it: the protocol tells cases apart by name."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    taken.add(found)
    return found
