"""A whole object graph on real Postgres and Redis, people in it, and a small volume to draw on."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pytest

from backend.domain.workflow import Role
from backend.imaging.geometry import VolumeGeometry
from backend.services.access import Principal
from backend.services.imports import NewVolume
from backend.services.projects import LabelDraft
from backend.wiring import Services

SHAPE_KJI = (5, 12, 10)


def person(services: Services, admin: Principal, email: str) -> Principal:
    """A new account, signed in by its one-time link."""
    link = services.accounts.create_user(admin, email, email.split("@")[0].title())
    session = services.accounts.login_once(link.value)
    return services.accounts.authenticate(session.value, kind="session")


@dataclass(frozen=True)
class World:
    """A project with two labels, a manager, an annotator, an outsider, and one volume of SHAPE_KJI."""

    project_id: UUID
    labels: tuple[UUID, UUID]
    manager: Principal
    annotator: Principal
    outsider: Principal
    volume_id: UUID
    case_id: UUID


def new_volume(services: Services, seed: int, *, study_key: str = "1.2.3") -> NewVolume:
    """Noise, stored in the object store; a different seed gives different content."""
    voxels = np.random.default_rng(seed).integers(-1000, 1000, SHAPE_KJI).astype(np.int16)
    geometry = VolumeGeometry.from_axes(
        origin_mm=(0, 0, 0), step_k_mm=(0, 0, 5), step_j_mm=(0, 0.5, 0), step_i_mm=(0.5, 0, 0), shape_kji=SHAPE_KJI
    )
    return NewVolume(
        study_key=study_key,
        case_name=f"case {study_key}",
        study={},
        content_hash=f"content {seed}",
        voxels_hash=services.objects.put_voxels(voxels),
        name=f"volume {seed}",
        modality="CT",
        dtype="int16",
        channels=1,
        shape_kji=SHAPE_KJI,
        geometry=geometry.to_json(),
        presentation={
            "value_range": [-1000, 1000],
            "windows": [],
            "model_window": {"name": "", "width": 400.0, "center": 40.0},
        },
        series={},
        source={"kind": "dicom"},
        warnings=[],
        originals=[],
    )


@pytest.fixture(scope="module")
def world(services: Services, admin: Principal) -> World:
    manager = person(services, admin, "manager@example.org")
    annotator = person(services, admin, "annotator@example.org")
    outsider = person(services, admin, "outsider@example.org")
    project = services.projects.create(
        manager, "Kidneys", "", [LabelDraft("kidney", "#b96653"), LabelDraft("liver", "#dd8265")]
    )
    services.projects.set_member(manager, project.project.id, annotator.email, Role.ANNOTATOR)
    stored = services.imports.store(project.project.id, new_volume(services, seed=0))
    labels = (project.labels[0].id, project.labels[1].id)
    return World(project.project.id, labels, manager, annotator, outsider, stored.volume_id, stored.case_id)
