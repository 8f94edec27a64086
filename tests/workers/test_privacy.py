"""De-identification on every way in, on the real stores: what the database and the object store hold, and the key."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from uuid import UUID

import nibabel as nib
import numpy as np
import pydicom
import pytest
from sqlalchemy import Text, cast, func, select

from backend.db.tables import AuditEvent, Base, Case, DicomInstance, Job, Original, Project, Pseudonym, VolumeRow
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import JobKind
from backend.domain.privacy import Privacy, PrivacyKeyMissing, PseudonymNotFound
from backend.domain.workflow import Role
from backend.imaging import masks
from backend.imaging.errors import OriginalsNotKept
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.services.access import Principal, ProjectNotFound, RoleForbids
from backend.services.dicom_query import DicomNotFound
from backend.services.dicom_store import DicomStore
from backend.services.jobs import Progress
from backend.services.privacy import PrivacyService
from backend.services.projects import LabelDraft
from backend.wiring import Services
from workers.export import Export
from workers.ingest import Ingest

NAME, NUMBER, ACCESSION = "PLANTED^NAME", "PLANTED-NUMBER", "PLANTED-ACC"


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("series")
    files = write_dicom_series(abdominal_phantom((4, 48, 48), (30.0, 8.0, 8.0), seed=21), folder)
    for n, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = NAME, NUMBER, ACCESSION
        dataset.StudyDescription = dataset.SeriesDescription = dataset.ProtocolName = "PLANTED text"
        dataset.private_block(0x0011, "PLANTED", create=True).add_new(1, "LO", "PLANTED")
        file.unlink()
        dataset.save_as(folder / f"PLANTED-{n}.dcm")
    return sorted(folder.iterdir())


def run(services: Services, job: Job) -> Job:
    claimed = services.jobs.claim(job.id)
    assert claimed is not None
    ingest = Ingest(services)
    result = ingest.run(claimed, Progress(services.jobs, job.id))
    services.jobs.finish(job.id, result)
    ingest.clean_up(claimed)
    return claimed


def uploaded(services: Services, admin: Principal, project_id: UUID, files: list[Path]) -> None:
    received = services.imports.begin(admin, project_id)
    for file in files:
        received.start(f"PLANTED/{file.name}")
        received.write(file.read_bytes())
        received.end()
    run(services, services.imports.submit(admin, project_id, received))


def sent(services: Services, store: DicomStore, admin: Principal, project_id: UUID, files: list[Path]) -> None:
    """As STOW-RS, C-STORE and pulling from another server do."""
    for _ in range(2):  # the second time changes nothing
        reception = store.begin(admin, project_id)
        for file in files:
            reception.start()
            reception.write(file.read_bytes())
            reception.end()
        report = store.keep(admin, project_id, reception)
        assert len(report.stored) == len(files) and not report.refused
    with services.db.begin() as session:
        job = session.scalars(select(Job).where(Job.project_id == project_id, Job.kind == JobKind.IMPORT)).one()
    run(services, job)


def held(services: Services, project_id: UUID) -> str:
    """All that the database and the object store hold of a project, as text."""
    found = []
    with services.db.begin() as session:
        for table in Base.metadata.sorted_tables:
            column = table.c.get("project_id")
            if table.name == Original.__tablename__:
                column = select(VolumeRow.project_id).where(VolumeRow.id == table.c.volume_id).scalar_subquery()
            if column is not None:
                found += session.scalars(
                    select(cast(func.row_to_json(table.table_valued()), Text)).where(column == project_id)
                )
        digests = set(session.scalars(select(DicomInstance.sha256).where(DicomInstance.project_id == project_id)))
        digests |= set(
            session.scalars(select(Original.sha256).join(VolumeRow).where(VolumeRow.project_id == project_id))
        )
    for digest in digests:
        found.append(b"".join(services.objects.chunks(f"originals/{digest}")).decode("latin-1"))
    assert len(digests) >= 4
    return "\n".join(found)


@pytest.mark.parametrize("way", ["upload", "send"])
@pytest.mark.parametrize("policy", [Privacy.RETAIN_UIDS, Privacy.FULL])
def test_nothing_of_the_patient_is_stored_on_any_way_in(
    services: Services, admin: Principal, series: list[Path], policy: Privacy, way: str
) -> None:
    project_id = services.projects.create(admin, f"{policy} {way}", "", [], policy).project.id
    if way == "upload":
        uploaded(services, admin, project_id, series)
    else:
        sent(services, services.dicom_store, admin, project_id, series)
    original = pydicom.dcmread(series[0])
    text = held(services, project_id)
    assert "PLANTED" not in text and original.StudyDate not in text
    assert (original.StudyInstanceUID in text) == (policy is Privacy.RETAIN_UIDS)
    assert (original.SOPInstanceUID in text) == (policy is Privacy.RETAIN_UIDS)
    assert services.objects.keys("uploads") == []
    with services.db.begin() as session:
        case = session.scalars(select(Case).where(Case.project_id == project_id)).one()
        volume = session.scalars(select(VolumeRow).where(VolumeRow.project_id == project_id)).one()
        assert volume.slices == 4
    code = case.study["patient_id"]
    assert case.name.startswith(code) and code.startswith("P-")

    known = services.privacy.look_up(admin, project_id, code)
    assert known.values["PatientName"] == NAME and known.values["PatientID"] == NUMBER
    kinds = {row.kind: row for row in services.privacy.all(admin, project_id)}
    assert kinds["study"].values["AccessionNumber"] == ACCESSION
    assert kinds["study"].pseudonym == case.study["study_instance_uid"]
    with services.db.begin() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.project_id == project_id)).all()
        said = {event.action: event for event in events}
        assert said["identity.looked_up"].subject == code and said["identities.exported"].detail == {"rows": 2}
        sealed = session.scalars(select(Pseudonym.sealed).where(Pseudonym.project_id == project_id)).all()
    assert all(b"PLANTED" not in box for box in sealed)


def test_a_file_is_known_by_a_code_for_its_name(services: Services, admin: Principal, tmp_path: Path) -> None:
    project_id = services.projects.create(admin, "Files", "", []).project.id
    path = tmp_path / "PLANTED.nii.gz"
    image = nib.nifti1.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4))
    image.header["descrip"] = b"PLANTED"
    nib.save(image, path)
    notes = tmp_path / "PLANTED.txt"
    notes.write_text("PLANTED")
    uploaded(services, admin, project_id, [path, notes])
    with services.db.begin() as session:
        case = session.scalars(select(Case).where(Case.project_id == project_id)).one()
        job = session.scalars(select(Job).where(Job.project_id == project_id)).one()
        assert "PLANTED" not in json.dumps([job.payload, job.result, case.name, case.study])
        assert [file["outcome"] for file in job.result["files"]] in (["imported", "rejected"], ["rejected", "imported"])
    assert services.privacy.look_up(admin, project_id, case.name).values == {"name": f"PLANTED/{path.name}"}


def test_only_managers_look_up_and_only_with_the_key(
    services: Services, admin: Principal, series: list[Path], tmp_path: Path
) -> None:
    project_id = services.projects.create(admin, "Key", "", [], Privacy.FULL).project.id
    uploaded(services, admin, project_id, series)
    code = next(row.pseudonym for row in services.privacy.all(admin, project_id) if row.kind == "patient")
    reviewer = services.accounts.create_user(admin, "key-reviewer@example.org", "Reviewer").credential.user_id
    who = Principal(reviewer, "Reviewer", "key-reviewer@example.org", is_admin=False)
    with pytest.raises(ProjectNotFound):
        services.privacy.look_up(who, project_id, code)
    services.projects.set_member(admin, project_id, who.email, Role.REVIEWER)
    with pytest.raises(RoleForbids):
        services.privacy.look_up(who, project_id, code)
    with pytest.raises(PseudonymNotFound):
        services.privacy.look_up(admin, project_id, "P-NOBODY")

    other = PrivacyService(services.db, secret=None, folder=tmp_path)
    with pytest.raises(PrivacyKeyMissing):
        other.look_up(admin, project_id, code)
    with pytest.raises(PrivacyKeyMissing), services.db.begin() as session:
        other.pseudonyms_within(session, session.get_one(Project, project_id))
    assert stat.S_IMODE((tmp_path / "privacy.key").stat().st_mode) == 0o600
    again = PrivacyService(services.db, secret=None, folder=tmp_path)
    assert again._secret == other._secret


@pytest.mark.parametrize("way", ["upload", "send"])
def test_a_project_can_keep_voxels_alone(services: Services, admin: Principal, series: list[Path], way: str) -> None:
    project_id = services.projects.create(admin, f"Voxels {way}", "", [], keep_originals=False).project.id
    if way == "upload":
        uploaded(services, admin, project_id, series)
    else:
        sent(services, services.dicom_store, admin, project_id, series)
    assert services.content.forget()
    with services.db.begin() as session:
        volume = session.scalars(select(VolumeRow).where(VolumeRow.project_id == project_id)).one()
        originals = session.scalars(select(Original).where(Original.volume_id == volume.id)).all()
        assert session.scalar(select(func.count()).where(DicomInstance.project_id == project_id)) == 0
        study_uid = session.get_one(Case, volume.case_id).study["study_instance_uid"]
    assert len(originals) == 4 and not any(original.is_kept for original in originals)
    assert not any(services.objects.exists(f"originals/{original.sha256}") for original in originals)
    assert services.objects.read_voxels(volume.voxels_hash).shape[0] == 4
    with pytest.raises(DicomNotFound) as missing:
        services.dicom_query.instances(admin, project_id, study_uid, None, None)
    assert missing.value.hint is not None and "voxels alone" in missing.value.hint

    label = services.projects.add_label(admin, project_id, LabelDraft("organ", "#aabbcc"))
    drawn = services.annotations.create(admin, volume.id, label.id, None).annotation.id
    mask = np.zeros((volume.rows, volume.columns), bool)
    mask[4:9, 4:9] = True
    flips = SliceFlips(0, mask.shape, masks.encode(mask)["counts"])
    services.annotations.append(admin, drawn, RevisionDraft(new_id(), None, Origin.MANUAL, (flips,)))
    for format, error in (("dicom-seg", OriginalsNotKept), ("rtstruct", OriginalsNotKept), ("nifti", None)):
        job = services.exports.submit(admin, volume.case_id, format)
        claimed = services.jobs.claim(job.id)
        assert claimed is not None
        if error is None:
            assert Export(services).run(claimed, Progress(services.jobs, job.id))["name"].endswith(".zip")
        else:
            with pytest.raises(error, match="kept only the voxels"):
                Export(services).run(claimed, Progress(services.jobs, job.id))
