"""Masks from a file into an annotation, over the interface, on real stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend.client import Client, ServerRefused
from backend.client_masks import (
    Choices,
    MaskReachesOutside,
    NeedsResampling,
    NoSuchTarget,
    OtherFrameOfReference,
    apply_import,
    plan_import,
)
from backend.imaging import masks
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.mask_placing import MaskDoesNotFit
from backend.imaging.nifti import affine_ras_ijk
from backend.imaging.phantom import ORGANS, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.seg import SegAbout, SourceSlice, write_seg
from backend.main import create_app
from backend.services.access import Principal
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume, person, world

__all__ = ["world"]


def saved(path: Path, voxels: np.ndarray, *, scale: float = 1.0, shift_mm: float = 0.0) -> Path:
    geometry = VolumeGeometry.from_axes(
        origin_mm=(shift_mm, 0, 0), step_k_mm=(0, 0, 5), step_j_mm=(0, 0.5 * scale, 0), step_i_mm=(0.5 * scale, 0, 0),
        shape_kji=voxels.shape,
    )  # fmt: skip
    nib.save(nib.Nifti1Image(voxels.T, affine_ras_ijk(geometry)), path)
    return path


def client_of(services: Services, who: Principal, http: TestClient) -> Client:
    token = services.accounts.create_token(who, "masks", None).value
    return Client("http://testserver", token, transport=http._transport)


def test_masks_become_revisions_and_nothing_is_silent(
    services: Services, admin: Principal, world: World, tmp_path: Path
) -> None:
    voxels = np.zeros(SHAPE_KJI, np.uint8)
    voxels[1:3, 2:6, 3:7] = 1
    voxels[3, 1, 1] = 2
    path = saved(tmp_path / "patient name.nii.gz", voxels)
    case, said = str(world.case_id), {"1": "kidney"}
    with TestClient(create_app(services)) as http:
        client = client_of(services, world.annotator, http)

        def run(file: Path, **choices: Any) -> list[dict[str, Any]]:
            chosen = Choices(said, **choices)
            return apply_import(client, plan_import(client, case, file, chosen), chosen)

        assert run(path) == [{"label": "kidney", "slices": [1, 2], "kept": []}]
        annotation = client.annotation(str(world.volume_id), str(world.labels[0]))
        drawn = client.masks(annotation["id"])["slices"]
        for k in (1, 2):
            np.testing.assert_array_equal(masks.decode(drawn[str(k)]), voxels[k] == 1)
        ((revision, author),) = services.annotations.revisions(world.annotator, annotation["id"])
        assert (revision.origin, author.id) == ("import", world.annotator.id)
        assert revision.prompts is not None and "patient" not in str(revision.prompts)
        assert revision.prompts["import"]["resampled"] is False and len(revision.prompts["import"]["sha256"]) == 64

        voxels[1, 8, 8] = voxels[4, 0, 0] = 1
        more = saved(tmp_path / "more.nii.gz", voxels)
        assert run(more) == [{"label": "kidney", "slices": [4], "kept": [1]}]
        assert run(more, replace=True) == [{"label": "kidney", "slices": [1], "kept": []}]

        fine = saved(tmp_path / "fine.nii.gz", voxels, scale=0.9)
        with pytest.raises(NeedsResampling, match=r"0\.45 x 0\.45"):
            run(fine)
        run(fine, resample=True, replace=True)
        newest = services.annotations.revisions(world.annotator, annotation["id"])[-1][0]
        assert newest.prompts is not None and newest.prompts["import"]["resampled"] is True
        with pytest.raises(MaskReachesOutside):
            run(saved(tmp_path / "beside.nii.gz", voxels, shift_mm=2.0))
        with pytest.raises(MaskDoesNotFit):
            run(saved(tmp_path / "away.nii.gz", voxels, shift_mm=500.0))
        said = {}
        with pytest.raises(NoSuchTarget, match="No segment"):
            run(path)
        said = {"1": "spleen"}
        with pytest.raises(NoSuchTarget, match="spleen"):
            run(path)
        outsider = client_of(services, person(services, admin, "masks-outsider@example.org"), http)
        with pytest.raises(ServerRefused):
            plan_import(outsider, case, path, Choices({}))


def test_masks_of_another_frame_of_reference_are_refused(services: Services, world: World, tmp_path: Path) -> None:
    phantom = abdominal_phantom((8, 24, 28), (32.0, 16.0, 14.0), seed=4)
    sources = [SourceSlice(file) for file in write_dicom_series(phantom, tmp_path / "series")]
    about = SegAbout(created_at=datetime(2026, 3, 1), software_version="9")  # noqa: DTZ001 - DICOM dates are local
    write_seg(tmp_path / "m.dcm", sources, phantom.volume.geometry, ORGANS, phantom.mask, about)
    new = replace(new_volume(services, 77, study_key="frames"), series={"frame_of_reference_uid": "1.2.3"})
    stored = services.imports.store(world.project_id, new)
    with TestClient(create_app(services)) as http, pytest.raises(OtherFrameOfReference):
        client = client_of(services, world.manager, http)
        plan_import(client, str(stored.case_id), tmp_path / "m.dcm", Choices({}))
