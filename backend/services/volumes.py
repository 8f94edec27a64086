"""Volumes: what is known of one, and its slices along any axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from backend.db.session import Database
from backend.db.tables import Case, Project, VolumeRow
from backend.domain.windows import modality_windows, offered
from backend.domain.workflow import Action
from backend.errors import NotFound
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.intensity import Window
from backend.services.access import Principal, require_volume
from backend.stores.planes import Planes


class SliceNotFound(NotFound):
    """The slice index or the axis is outside the volume. Raised by services.volumes and services.segmentation."""

    code = "slice_not_found"
    title = "There is no such slice"


@dataclass(frozen=True, slots=True)
class VolumeView:
    """`windows`: what the project and the volume offer for the eye, the one to open it with first."""

    volume: VolumeRow
    case: Case
    geometry: VolumeGeometry
    windows: list[Window]


@dataclass(frozen=True, slots=True)
class Plane:
    """A slice of a volume of `shape` [slices, rows, columns(, 3)], which the caller may see."""

    voxels_hash: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axis: int
    index: int


class Volumes:
    def __init__(self, db: Database, planes: Planes) -> None:
        self._db = db
        self._planes = planes

    def get(self, who: Principal, volume_id: UUID) -> VolumeView:
        with self._db.begin() as session:
            row = require_volume(session, who, volume_id, Action.VIEW)
            project = session.get_one(Project, row.project_id)
            own = [Window.from_json(window) for window in row.presentation["windows"]]
            windows = offered(own, modality_windows(project.windows, row.modality))
            return VolumeView(row, session.get_one(Case, row.case_id), VolumeGeometry.from_json(row.geometry), windows)

    def plane(self, who: Principal, volume_id: UUID, axis: int, index: int) -> Plane:
        """One slice, not yet read. Raises SliceNotFound."""
        with self._db.begin() as session:
            row = require_volume(session, who, volume_id, Action.VIEW)
        shape_kji = (row.slices, row.rows, row.columns)
        if axis not in (0, 1, 2) or not 0 <= index < shape_kji[axis]:
            raise SliceNotFound(
                f"There is no slice {index} along axis {axis}.",
                hint=f"The volume has {shape_kji} slices along its axes (k, j, i).",
            )
        shape = shape_kji if row.channels == 1 else (*shape_kji, row.channels)
        return Plane(row.voxels_hash, shape, np.dtype(row.dtype), axis, index)

    def pixels(self, plane: Plane) -> NDArray[Any]:
        """In raw array order (see imaging.volume)."""
        return self._planes.read(plane.voxels_hash, plane.shape, plane.dtype, plane.axis, plane.index)
