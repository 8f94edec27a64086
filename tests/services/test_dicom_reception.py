"""Receiving objects: small ones are written whole by threads, large ones as they come, and a cleaner that crashes costs
no other object."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from backend.domain.privacy import Privacy
from backend.imaging.deidentify import deidentify
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.services import dicom_reception
from backend.services.access import Principal
from backend.services.dicom_store import PrivacyChanged, StoreReport
from backend.wiring import Services


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_dicom_series(abdominal_phantom((5, 48, 48), (24.0, 8.0, 8.0), seed=31), tmp_path_factory.mktemp("ct"))


def made(services: Services, admin: Principal, policy: Privacy) -> UUID:
    return services.projects.create(admin, f"Reception {policy}", "", [], policy).project.id


def received(services: Services, admin: Principal, project_id: UUID, files: list[Path]) -> dicom_reception.Reception:
    reception = services.dicom_store.begin(admin, project_id)
    for file in files:
        content = file.read_bytes()
        reception.start()
        for start in range(0, len(content), 700):
            reception.write(content[start : start + 700])
        reception.end()
    return reception


def shas(services: Services, report: StoreReport) -> set[bytes]:
    return {
        b"".join(services.objects.chunks(key))
        for key in services.objects.keys("originals/")
        if report.stored and not key.endswith("/")
    }


def deflated(file: Path, folder: Path) -> Path:
    dataset = pydicom.dcmread(file)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(folder / file.name)
    return folder / file.name


@pytest.mark.parametrize("is_large", [False, True])
def test_what_is_kept_is_clean_in_either_way(
    services: Services,
    admin: Principal,
    files: list[Path],
    is_large: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Small objects are cleaned as they come, large and unusual ones by another process."""
    if is_large:
        monkeypatch.setattr(dicom_reception, "HELD_BYTES", 1000)
    project_id = made(services, admin, Privacy.FULL)
    sent = [*files[:2], deflated(files[2], tmp_path)]
    report = services.dicom_store.keep(admin, project_id, received(services, admin, project_id, sent))
    uids = {str(pydicom.dcmread(file).SOPInstanceUID) for file in sent}
    assert {info.sop_instance_uid for info in report.stored} == uids
    pseudonyms = services.privacy.pseudonyms(project_id)
    assert pseudonyms is not None
    for file in sent:
        deidentify(file, tmp_path / "clean", pseudonyms)
        assert (tmp_path / "clean").read_bytes() in shas(services, report)
    assert services.objects.keys("uploads/") == []


@pytest.mark.parametrize("held_bytes", [1000, 1 << 20])
def test_every_byte_is_kept_however_it_is_written(
    services: Services, admin: Principal, files: list[Path], held_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicom_reception, "HELD_BYTES", held_bytes)
    project_id = made(services, admin, Privacy.NONE)
    report = services.dicom_store.keep(admin, project_id, received(services, admin, project_id, files))
    assert len(report.stored) == len(files) and not report.refused
    assert {file.read_bytes() for file in files} <= shas(services, report)
    assert services.objects.keys("uploads/") == []


def test_a_cleaner_that_dies_is_started_again(
    services: Services, admin: Principal, files: list[Path], tmp_path: Path
) -> None:
    files = [deflated(file, tmp_path) for file in files]  # what copying bytes does not clean
    project_id = made(services, admin, Privacy.RETAIN_UIDS)
    services.dicom_store.keep(admin, project_id, received(services, admin, project_id, files[:1]))
    assert services.cleaning._pool is not None
    children = list((services.cleaning._pool._processes or {}).values())
    reception = received(services, admin, project_id, files)
    for child in children:
        child.kill()
    report = services.dicom_store.keep(admin, project_id, reception)
    assert len(report.stored) == len(files) and not report.refused


def test_a_policy_that_changes_meanwhile_is_not_passed_by(
    services: Services, admin: Principal, files: list[Path]
) -> None:
    project_id = made(services, admin, Privacy.NONE)
    reception = received(services, admin, project_id, files)
    services.projects.change(admin, project_id, {"privacy": Privacy.FULL})
    with pytest.raises(PrivacyChanged):
        services.dicom_store.keep(admin, project_id, reception)
    reception.discard()
    assert services.objects.keys("uploads/") == []


def test_who_goes_away_leaves_nothing(services: Services, admin: Principal, files: list[Path]) -> None:
    project_id = made(services, admin, Privacy.FULL)
    reception = received(services, admin, project_id, files)
    reception.start()
    reception.write(b"half")
    reception.discard()
    assert services.objects.keys("uploads/") == []
