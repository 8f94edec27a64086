"""Intakes on the real stores: what has arrived is known, nothing comes twice, nothing is read before all is there."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from backend.db.tables import Intake, IntakeFile, Job
from backend.domain.jobs import ImportPayload, JobState
from backend.domain.privacy import Privacy
from backend.services.access import Principal, ProjectNotFound, RoleForbids
from backend.services.imports import EmptyUpload, UploadTooLarge
from backend.services.intakes import KEPT_FOR, Arrived, IntakeClosed, IntakeNotFound, Intakes
from backend.wiring import Services
from tests.services.conftest import World, person

A, B, C = b"slice a", b"slice b", b"slice c"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def send(intakes: Intakes, who: Principal, intake_id: UUID, *contents: bytes) -> list[Arrived]:
    upload = intakes.begin(who, intake_id)
    for content in contents:
        upload.start(f"Doe/{content.decode()}.dcm")
        upload.write(content)
        upload.end()
    return intakes.keep(who, intake_id, upload)


def states(services: Services, who: Principal, project_id: UUID, *contents: bytes) -> dict[bytes, str]:
    found = services.intakes.known(who, project_id, [sha256(content) for content in contents])
    by_sha = {arrived.sha256: arrived.state for arrived in found}
    return {content: by_sha[sha256(content)] for content in contents if sha256(content) in by_sha}


@pytest.fixture
def project_id(services: Services, admin: Principal) -> UUID:
    return services.projects.create(admin, "Intakes", "", [], Privacy.NONE).project.id


def test_who_comes_again_goes_on(services: Services, admin: Principal, project_id: UUID) -> None:
    intake_id = services.intakes.open(admin, project_id, "study 1")
    send(services.intakes, admin, intake_id, A)
    assert services.intakes.open(admin, project_id, "study 1") == intake_id
    assert services.intakes.open(admin, project_id, "study 2") != intake_id
    assert states(services, admin, project_id, A, B) == {A: "waiting"}
    send(services.intakes, admin, intake_id, A, B)  # A's answer was lost on the way
    job = services.intakes.complete(admin, intake_id)
    payload = ImportPayload.model_validate(job.payload)
    assert job.id == intake_id
    assert services.imports.names(job.id, len(payload.files)) == ["Doe/slice a.dcm", "Doe/slice b.dcm"]
    kept = [b"".join(services.objects.chunks(file.key)) for file in payload.files]
    assert kept == [A, B]
    files = [key for key in services.objects.keys(f"uploads/{intake_id}") if not key.endswith("/names")]
    assert len(files) == 2, "what came twice is not kept twice"
    assert services.intakes.complete(admin, intake_id).id == job.id
    assert states(services, admin, project_id, A, B, C) == {A: "queued", B: "queued"}
    with pytest.raises(IntakeClosed):
        send(services.intakes, admin, intake_id, C)
    assert services.intakes.open(admin, project_id, "study 1") != intake_id


def test_what_a_failed_import_had_is_sent_again(services: Services, admin: Principal, project_id: UUID) -> None:
    for state in (JobState.FAILED, JobState.CANCELLED, JobState.DONE):
        intake_id = services.intakes.open(admin, project_id, "study")
        send(services.intakes, admin, intake_id, A)
        services.intakes.complete(admin, intake_id)
        with services.db.begin() as session:
            session.get_one(Job, intake_id).state = state
        assert states(services, admin, project_id, A) == ({A: "done"} if state is JobState.DONE else {})


def test_a_request_is_kept_whole_or_not_at_all(services: Services, admin: Principal, project_id: UUID) -> None:
    intake_id = services.intakes.open(admin, project_id, "study")
    upload = services.intakes.begin(admin, intake_id)
    upload.start("1")
    upload.write(A)
    upload.end()
    upload.start("2")
    upload.write(B)  # and here the connection is lost
    upload.discard()
    assert services.objects.keys(f"uploads/{intake_id}") == []
    assert states(services, admin, project_id, A) == {}
    with pytest.raises(EmptyUpload):
        services.intakes.complete(admin, intake_id)
    with pytest.raises(EmptyUpload):
        send(services.intakes, admin, intake_id)


def test_of_patients_nothing_is_kept_that_they_could_be_found_by(services: Services, admin: Principal) -> None:
    project_id = services.projects.create(admin, "Private", "", [], Privacy.FULL).project.id
    intake_id = services.intakes.open(admin, project_id, "study:1.2.3")
    [arrived] = send(services.intakes, admin, intake_id, A)
    assert arrived.sha256 == sha256(A) and "Doe" not in arrived.name
    assert services.intakes.open(admin, project_id, "study:1.2.3") == intake_id
    assert states(services, admin, project_id, A) == {A: "waiting"}
    with services.db.begin() as session:
        [file] = session.scalars(select(IntakeFile).where(IntakeFile.intake_id == intake_id))
        intake = session.get_one(Intake, intake_id)
    held = f"{file.digest} {file.name} {file.object_key} {intake.key}"
    for planted in (sha256(A), "Doe", "1.2.3", sha256(b"study:1.2.3")):
        assert planted not in held


def test_what_nobody_goes_on_with_is_forgotten(services: Services, admin: Principal, project_id: UUID) -> None:
    old, new = (services.intakes.open(admin, project_id, key) for key in ("old", "new"))
    for intake_id in (old, new):
        send(services.intakes, admin, intake_id, A)
    with services.db.begin() as session:
        session.get_one(Intake, old).touched_at = datetime.now(UTC) - KEPT_FOR - timedelta(minutes=1)
    assert services.intakes.forget_abandoned() == 1
    assert services.objects.keys(f"uploads/{old}") == [] and services.objects.keys(f"uploads/{new}")
    with pytest.raises(IntakeNotFound):
        services.intakes.complete(admin, old)


def test_limits_hold_over_all_requests(services: Services, admin: Principal, project_id: UUID) -> None:
    intakes = Intakes(services.db, services.objects, services.jobs, services.privacy, max_bytes=20, max_files=2)
    intake_id = intakes.open(admin, project_id, "study")
    send(intakes, admin, intake_id, A, B)
    with pytest.raises(UploadTooLarge):
        send(intakes, admin, intake_id, C)


def test_only_who_may_upload_sends(services: Services, admin: Principal, world: World) -> None:
    intake_id = services.intakes.open(world.manager, world.project_id, "study")
    with pytest.raises(RoleForbids):
        services.intakes.begin(world.annotator, intake_id)
    with pytest.raises(ProjectNotFound):
        services.intakes.complete(world.outsider, intake_id)
    other = person(services, admin, "else@example.org")
    with pytest.raises(ProjectNotFound):
        services.intakes.known(other, world.project_id, [sha256(A)])
