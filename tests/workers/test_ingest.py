"""The import job on the real stores: what is kept, what is forgotten, and running it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select

from backend.db.tables import Case, Job, Original, VolumeRow
from backend.domain.ids import new_id
from backend.domain.privacy import Privacy
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.services.access import Principal
from backend.services.jobs import Progress
from backend.stores.objects import file_sha256
from backend.wiring import Services
from workers.ingest import Ingest


@pytest.fixture
def project_id(services: Services, admin: Principal) -> UUID:
    return services.projects.create(admin, "Import", "", [], Privacy.NONE).project.id


def run(services: Services, job: Job) -> dict[str, Any]:
    claimed = services.jobs.claim(job.id)
    assert claimed is not None
    return Ingest(services).run(claimed, Progress(services.jobs, job.id))


def upload(services: Services, admin: Principal, project_id: UUID, files: list[Path]) -> Job:
    received = services.imports.begin(admin, project_id)
    for file in files:
        received.start(file.name)
        received.write(file.read_bytes())
        received.end()
    return services.imports.submit(admin, project_id, received)


def test_a_series_is_kept_whole_and_its_files_untouched(
    services: Services, admin: Principal, project_id: UUID, tmp_path: Path
) -> None:
    phantom = abdominal_phantom((6, 64, 64), (20.0, 6.0, 6.0))
    files = write_dicom_series(phantom, tmp_path)
    shuffled = [files[n] for n in np.random.default_rng(3).permutation(len(files))]
    job = upload(services, admin, project_id, shuffled)
    result = run(services, job)
    assert [series["outcome"] for series in result["series"]] == ["imported"]
    with services.db.begin() as session:
        volume = session.scalars(select(VolumeRow).where(VolumeRow.project_id == project_id)).one()
        originals = list(session.scalars(select(Original).where(Original.volume_id == volume.id)))
        case = session.get_one(Case, volume.case_id)
    np.testing.assert_array_equal(services.objects.read_voxels(volume.voxels_hash), phantom.volume.voxels)
    assert {original.sha256 for original in originals} == {file_sha256(path) for path in files}
    for original in originals:
        kept = b"".join(services.objects.chunks(f"originals/{original.sha256}"))
        assert kept == (tmp_path / original.name).read_bytes()
    slices = {entry["slice_index"] for original in originals for entry in original.instance["slices"]}
    assert slices == set(range(6))
    assert "patient_name" not in case.study and case.study["patient_id"].startswith("PHANTOM")
    Ingest(services).clean_up(job)
    assert not services.objects.exists(f"uploads/{job.id}/00000")


def test_running_an_import_again_adds_nothing(
    services: Services, admin: Principal, project_id: UUID, tmp_path: Path
) -> None:
    """A worker was lost after it had stored the volume and before it could say so."""
    files = write_dicom_series(abdominal_phantom((4, 48, 48), (30.0, 8.0, 8.0), seed=9), tmp_path)
    first = upload(services, admin, project_id, files)
    run(services, first)
    again = upload(services, admin, project_id, files)
    result = run(services, again)
    assert {file["outcome"] for file in result["files"]} == {"duplicate"}
    with services.db.begin() as session:
        assert len(list(session.scalars(select(VolumeRow).where(VolumeRow.project_id == project_id)))) == 1


def test_one_voxel_array_serves_two_projects(
    services: Services, admin: Principal, project_id: UUID, tmp_path: Path
) -> None:
    files = write_dicom_series(abdominal_phantom((4, 48, 48), (30.0, 8.0, 8.0), seed=11), tmp_path)
    other = services.projects.create(admin, "Other", "", [], Privacy.NONE).project.id
    for project in (project_id, other):
        assert run(services, upload(services, admin, project, files))["series"][0]["outcome"] == "imported"
    with services.db.begin() as session:
        rows = list(session.scalars(select(VolumeRow).where(VolumeRow.project_id.in_((project_id, other)))))
    assert len(rows) == 2 and len({row.voxels_hash for row in rows}) == 1


def test_the_samples_are_images_worth_looking_at(services: Services, admin: Principal, project_id: UUID) -> None:
    result = run(services, services.imports.submit_samples(admin, project_id))
    rejected = [file for file in result["files"] if file["outcome"] == "rejected"]
    assert rejected == []
    modalities = {series["modality"] for series in result["series"]}
    assert {"CT", "MR"} <= modalities and len(result["series"]) >= 4
    with services.db.begin() as session:
        for row in session.scalars(select(VolumeRow).where(VolumeRow.project_id == project_id)):
            low, high = row.presentation["value_range"]
            assert high > low, row.name


def test_a_job_of_another_attempt_is_not_claimed(services: Services) -> None:
    assert services.jobs.claim(new_id()) is None
