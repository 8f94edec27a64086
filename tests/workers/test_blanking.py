"""Text blanked for good on the real stores: nothing of one project keeps it, and no other project loses anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import JPEGLSLossless
from sqlalchemy import select

from backend.db.tables import AuditEvent, Case, DicomInstance, DiscardedObject, Job, Original, VolumeRow
from backend.domain.ids import new_id
from backend.domain.jobs import BlankScope, ExportPayload, JobKind, JobState
from backend.domain.privacy import Privacy
from backend.domain.prompts import EmbeddingKey
from backend.domain.workflow import Role
from backend.errors import Relayed
from backend.imaging.blanking import InvalidRectangles, Rectangle
from backend.services.access import Principal, RoleForbids
from backend.services.dicom_store import Failure
from backend.services.jobs import Progress
from backend.services.text_in_pixels import CheckScope
from backend.wiring import Services
from tests import phantoms
from tests.services.conftest import person
from workers.blanking import Blanking
from workers.ingest import Ingest

BOX = Rectangle(2, 1, 30, 6)
TEXT = 251


def screen(path: Path, *, frames: int = 1, modality: str = "US") -> Path:
    """An ultrasound picture of 40 x 60 pixels, or several, whose upper left corner holds a "text"."""
    pixels = np.random.default_rng(len(path.name)).integers(1, 200, (frames, 40, 60), np.uint8)
    BOX.of(np.moveaxis(pixels, 0, -1))[...] = TEXT
    sop_class = "1.2.840.10008.5.1.4.1.1.6.1" if frames == 1 else "1.2.840.10008.5.1.4.1.1.3.1"
    data = phantoms.image_dataset(pixels[0] if frames == 1 else pixels, sop_class=sop_class, modality=modality)
    data.StudyInstanceUID, data.SeriesDescription = "1.2.826.77", path.name
    data.save_as(path, enforce_file_format=True)
    return path


def compressed(path: Path) -> Path:
    data = pydicom.dcmread(screen(path))
    data.compress(JPEGLSLossless, generate_instance_uid=False)
    data.save_as(path)
    return path


def project(services: Services, admin: Principal, name: str) -> UUID:
    return services.projects.create(admin, name, "", [], Privacy.NONE).project.id


def upload(services: Services, who: Principal, project_id: UUID, *files: Path) -> dict[str, Any]:
    received = services.imports.begin(who, project_id)
    for file in files:
        received.start(file.name)
        received.write(file.read_bytes())
        received.end()
    return run(services, Ingest(services).run, services.imports.submit(who, project_id, received))


def run(services: Services, act: Any, job: Job) -> dict[str, Any]:
    claimed = services.jobs.claim(job.id)
    assert claimed is not None
    result = act(claimed, Progress(services.jobs, job.id))
    services.jobs.finish(job.id, result)
    return dict(result)


def blank(
    services: Services, who: Principal, volume_id: UUID, scope: BlankScope, slice_index: int = 0
) -> dict[str, Any]:
    job = services.text_in_pixels.submit(who, volume_id, slice_index, [BOX], scope)
    return run(services, Blanking(services).run, job)


def volumes(services: Services, project_id: UUID) -> list[VolumeRow]:
    with services.db.begin() as session:
        return list(
            session.scalars(select(VolumeRow).where(VolumeRow.project_id == project_id).order_by(VolumeRow.name))
        )


def files(services: Services, project_id: UUID) -> list[Original]:
    with services.db.begin() as session:
        mine = select(VolumeRow.id).where(VolumeRow.project_id == project_id)
        return list(session.scalars(select(Original).where(Original.volume_id.in_(mine)).order_by(Original.name)))


def shown(voxels: np.ndarray[Any, Any]) -> bool:
    return bool((voxels == TEXT).any())


def keeps(services: Services, key: str) -> bool:
    return services.objects.exists(key)


def test_one_project_is_blanked_and_another_with_the_same_image_is_not(
    services: Services, admin: Principal, tmp_path: Path
) -> None:
    file = screen(tmp_path / "us.dcm")
    mine, theirs = project(services, admin, "Mine"), project(services, admin, "Theirs")
    made = upload(services, admin, mine, file)
    upload(services, admin, theirs, file)
    assert made["series"][0]["text_risk"] == "ultrasound"
    [before] = volumes(services, mine)
    [original] = files(services, mine)
    assert before.warns_of_text == "ultrasound"
    assert shown(services.objects.read_voxels(before.voxels_hash))
    embedding = EmbeddingKey(before.voxels_hash, 0, None, "model", "1").digest()
    other = EmbeddingKey("f" * 64, 0, None, "model", "1").digest()
    for key in (embedding, other):
        services.embeddings.put(key, b"made of the old pixels")

    assert blank(services, admin, before.id, BlankScope.VOLUME) == {"volumes": 1, "slices": 1, "files": 1}

    [after] = volumes(services, mine)
    assert (after.id, after.geometry, after.warns_of_text) == (before.id, before.geometry, None)
    voxels = services.objects.read_voxels(after.voxels_hash)
    assert not shown(voxels) and (voxels == voxels.min()).sum() >= BOX.of(voxels[0]).size
    assert after.presentation["value_range"] == [voxels.min(), voxels.max()]
    [new] = files(services, mine)
    with services.objects.as_file(f"originals/{new.sha256}") as path:
        stored = pydicom.dcmread(path)
        assert not shown(stored.pixel_array) and stored.BurnedInAnnotation == "NO"
    with services.db.begin() as session:
        row = session.scalars(select(DicomInstance).where(DicomInstance.project_id == mine)).one()
        assert (row.sha256, row.size_bytes) == (new.sha256, new.size_bytes)
        assert row.attributes["00280301"]["Value"] == ["NO"]
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "pixels.blanked")).one()
        assert event.detail["by"] == str(admin.id)

    # the other project has its image as before, so the old objects stay, and their embeddings
    [untouched] = volumes(services, theirs)
    assert untouched.voxels_hash == before.voxels_hash and untouched.warns_of_text == "ultrasound"
    assert keeps(services, f"originals/{original.sha256}") and keeps(services, f"voxels/{before.voxels_hash}/complete")
    assert services.embeddings.ready([embedding, other]) == [True, True]

    # once nobody has it any more, nothing of it is left
    blank(services, admin, untouched.id, BlankScope.VOLUME)
    assert not keeps(services, f"originals/{original.sha256}")
    assert services.objects.keys(f"voxels/{before.voxels_hash}") == []
    assert services.embeddings.ready([embedding, other]) == [False, True]
    with services.db.begin() as session:
        assert session.scalars(select(DiscardedObject)).all() == []

    # the file that was blanked comes again: it is known, and its text does not come back
    again = upload(services, admin, mine, file)
    assert again["series"][0]["outcome"] == "duplicate"
    assert [volume.voxels_hash for volume in volumes(services, mine)] == [after.voxels_hash]
    reception = services.dicom_store.begin(admin, mine)
    reception.start()
    reception.write(file.read_bytes())
    reception.end()
    [refused] = services.dicom_store.keep(admin, mine, reception).refused
    assert refused.reason == Failure.DUPLICATE and services.content.forget()
    assert not keeps(services, f"originals/{original.sha256}")
    assert services.objects.keys(f"voxels/{before.voxels_hash}") == []


def test_one_slice_and_then_all_images_of_the_case(services: Services, admin: Principal, tmp_path: Path) -> None:
    mine = project(services, admin, "Whole case")
    upload(services, admin, mine, screen(tmp_path / "a.dcm", frames=3), screen(tmp_path / "bb.dcm"))
    first, second = volumes(services, mine)
    blank(services, admin, first.id, BlankScope.SLICE, 1)
    now, untouched = volumes(services, mine)
    seen = [shown(plane) for plane in services.objects.read_voxels(now.voxels_hash)]
    assert seen == [True, False, True]
    assert now.warns_of_text and untouched.voxels_hash == second.voxels_hash
    result = blank(services, admin, first.id, BlankScope.CASE)
    assert result == {"volumes": 2, "slices": 4, "files": 2}
    for volume in volumes(services, mine):
        assert not shown(services.objects.read_voxels(volume.voxels_hash)) and volume.warns_of_text is None
        assert len(volume.former_hashes) in (1, 2)
    for original in files(services, mine):
        with services.objects.as_file(f"originals/{original.sha256}") as path:
            assert not shown(pydicom.dcmread(path).pixel_array)


def test_a_job_that_runs_again_finds_blank_what_is_blank(services: Services, admin: Principal, tmp_path: Path) -> None:
    mine = project(services, admin, "Twice")
    upload(services, admin, mine, screen(tmp_path / "f.dcm", frames=2), compressed(tmp_path / "ff.dcm"))
    first = volumes(services, mine)[0]
    blank(services, admin, first.id, BlankScope.CASE)
    once = [(v.voxels_hash, v.content_hash, v.former_hashes) for v in volumes(services, mine)]
    shas = [original.sha256 for original in files(services, mine)]
    blank(services, admin, first.id, BlankScope.CASE)
    assert [(v.voxels_hash, v.content_hash, v.former_hashes) for v in volumes(services, mine)] == once
    assert [original.sha256 for original in files(services, mine)] == shas
    assert all(services.objects.exists(f"originals/{sha256}") for sha256 in shas)


def test_pictures_and_nifti_are_blanked_too(services: Services, admin: Principal, tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(1, 200, (40, 60, 3), np.uint8)
    BOX.of(pixels)[...] = TEXT
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", quality=100, subsampling=0)
    grey = np.random.default_rng(4).integers(1, 200, (60, 40, 5)).astype(np.int16)
    nib.save(nib.Nifti1Image(grey, np.diag([1.0, 1.0, 4.0, 1.0])), tmp_path / "scan.nii.gz")
    mine = project(services, admin, "Files")
    upload(services, admin, mine, tmp_path / "photo.jpg", tmp_path / "scan.nii.gz")
    photo, scan = volumes(services, mine)
    assert (photo.warns_of_text, scan.warns_of_text) == ("picture", None)
    for volume in (photo, scan):
        blank(services, admin, volume.id, BlankScope.VOLUME)
    again = project(services, admin, "Again")
    for original in files(services, mine):
        path = tmp_path / f"blanked-{original.name}"
        services.objects.fetch(f"originals/{original.sha256}", path)
        upload(services, admin, again, path)
    assert [original.name for original in files(services, mine)] == ["photo.png", "scan.nii.gz"]
    assert [v.voxels_hash for v in volumes(services, again)] == [v.voxels_hash for v in volumes(services, mine)]
    assert not shown(services.objects.read_voxels(volumes(services, mine)[0].voxels_hash))


def test_what_was_exported_before_is_gone_and_says_why(services: Services, admin: Principal, tmp_path: Path) -> None:
    mine = project(services, admin, "Exported")
    upload(services, admin, mine, screen(tmp_path / "c.dcm"))
    [volume] = volumes(services, mine)
    jobs = []
    for done in (True, False):
        with services.db.begin() as session:
            payload = ExportPayload(case_id=volume.case_id, format="png", annotator_id=admin.id)
            job = services.jobs.add(session, admin, JobKind.EXPORT, payload, project_id=mine, id=new_id())
        assert services.jobs.claim(job.id)
        (tmp_path / "masks.png").write_bytes(b"the old pixels")
        kept = services.exports.keep(job.id, tmp_path / "masks.png", "image/png")
        if done:
            services.jobs.finish(job.id, kept)
            assert b"".join(services.exports.download(admin, job.id).chunks) == b"the old pixels"
        jobs.append((job, kept))
    blank(services, admin, volume.id, BlankScope.VOLUME)
    (finished, kept), (running, made_meanwhile) = jobs
    with pytest.raises(Relayed, match="blanked since"):
        services.exports.download(admin, finished.id)
    assert not keeps(services, kept["key"])
    services.jobs.finish(running.id, made_meanwhile)  # it read the old pixels
    assert services.jobs.get(admin, running.id).state == JobState.CANCELLED
    assert services.content.forget() and not keeps(services, made_meanwhile["key"])


def test_content_is_not_deleted_while_somebody_stores(services: Services, admin: Principal, tmp_path: Path) -> None:
    mine = project(services, admin, "Busy")
    upload(services, admin, mine, screen(tmp_path / "dddd.dcm"))
    [volume] = volumes(services, mine)
    with services.content.storing():
        blank(services, admin, volume.id, BlankScope.VOLUME)
        assert keeps(services, f"voxels/{volume.voxels_hash}/complete")
    assert services.content.forget()
    assert not keeps(services, f"voxels/{volume.voxels_hash}/complete")


def test_who_may_and_what_is_refused(services: Services, admin: Principal, tmp_path: Path) -> None:
    mine = project(services, admin, "Rules")
    upload(services, admin, mine, screen(tmp_path / "ee.dcm"), screen(tmp_path / "eee.dcm"))
    first, second = volumes(services, mine)
    reader = person(services, admin, "reader@example.org")
    services.projects.set_member(admin, mine, reader.email, Role.REVIEWER)
    with pytest.raises(RoleForbids):
        services.text_in_pixels.submit(reader, first.id, 0, [BOX], BlankScope.SLICE)
    with pytest.raises(InvalidRectangles, match="60 x 40"):
        services.text_in_pixels.submit(admin, first.id, 0, [Rectangle(0, 0, 60, 3)], BlankScope.SLICE)
    services.text_in_pixels.checked(admin, first.id, CheckScope.VOLUME, is_clean=True)
    assert [volume.warns_of_text for volume in volumes(services, mine)] == [None, "ultrasound"]
    services.text_in_pixels.checked(admin, first.id, CheckScope.CASE, is_clean=True)
    assert [volume.warns_of_text for volume in volumes(services, mine)] == [None, None]
    services.text_in_pixels.checked(admin, second.id, CheckScope.VOLUME, is_clean=False)
    assert [volume.warns_of_text for volume in volumes(services, mine)] == [None, "ultrasound"]
    with services.db.begin() as session:
        assert session.get_one(Case, first.case_id).state == "new"
