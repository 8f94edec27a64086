"""A project out of one installation and into another: everything comes back, and nothing of what is damaged stays."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import func, select, update

from backend.db import records
from backend.db.tables import (
    AuditEvent,
    Base,
    Comparison,
    ComparisonPair,
    ComparisonReader,
    ComparisonTurn,
    ComparisonVote,
    LabelRow,
    Original,
    Project,
    Proposal,
    User,
    VolumeRow,
)
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.archive import (
    MANIFEST,
    DamagedArchive,
    ImagesMissing,
    NewerArchive,
    NotAProjectArchive,
    ProjectIsHere,
)
from backend.domain.ids import new_id
from backend.domain.jobs import JobKind, LearnPromptPayload
from backend.domain.learning import Verdict
from backend.domain.privacy import Privacy
from backend.domain.workflow import Role
from backend.errors import AppError
from backend.imaging import masks
from backend.imaging.measure import MeasureKind
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.services.access import Principal
from backend.services.comments import Pin
from backend.services.jobs import Progress
from backend.services.learned_prompts import NewLearnedPrompt
from backend.services.projects import LabelDraft
from backend.settings import Settings
from backend.wiring import Services, build_services
from tests.services.conftest import person
from workers.archive import Archive
from workers.ingest import Ingest
from workers.restore import Restore


def run(services: Services, job_id: UUID, work: Callable[..., dict[str, object]]) -> dict[str, object]:
    """What a worker does with a job, up to its end."""
    claimed = services.jobs.claim(job_id)
    assert claimed is not None
    result = work(claimed, Progress(services.jobs, job_id))
    services.jobs.finish(job_id, result)
    return result


@pytest.fixture(scope="module")
def project_id(services: Services, admin: Principal, tmp_path_factory: pytest.TempPathFactory) -> UUID:
    """A project in which something of every kind is: a CT, masks drawn and taken back, comments, learning."""
    project = services.projects.create(
        admin, "Livers & more", "All of it", [LabelDraft("Liver", "#dd8265")], Privacy.NONE
    )
    project_id, label = project.project.id, project.labels[0]
    upload = services.imports.begin(admin, project_id)
    for path in write_dicom_series(abdominal_phantom((6, 48, 48), (30.0, 8.0, 8.0)), tmp_path_factory.mktemp("ct")):
        upload.start(path.name)
        upload.write(path.read_bytes())
        upload.end()
    run(services, services.imports.submit(admin, project_id, upload).id, Ingest(services).run)
    ann = person(services, admin, "ann@archive.example.org")
    services.projects.set_member(admin, project_id, ann.email, Role.ANNOTATOR)
    with services.db.begin() as session:
        volume = session.scalars(select(VolumeRow).where(VolumeRow.project_id == project_id)).one()
    services.cases.change(admin, volume.case_id, {"assignee_id": ann.id, "priority": 2})
    annotation = services.annotations.create(ann, volume.id, label.id, None).annotation
    plane = np.zeros((volume.rows, volume.columns), bool)
    plane[10:20, 10:20] = True
    parent = None
    for k in (2, 3):
        flips = SliceFlips(k, plane.shape, masks.encode(plane)["counts"])
        draft = RevisionDraft(new_id(), parent, Origin.MANUAL, (flips,))
        parent = services.annotations.append(ann, annotation.id, draft).revision.id
    services.annotations.restore(ann, annotation.id, revision_id=new_id(), sequence=1, parent=parent)
    thread = services.comments.add(admin, volume.case_id, "Ränder?", Pin(volume.id, label.id, 2, (12.5, 11.0)))
    services.comments.answer(ann, thread.first.comment.id, "Done.")
    services.measurements.add(ann, volume.id, MeasureKind.ELLIPSE, 1, 20, [(10.25, 1.5), (30.0, 4.0)])
    services.measurements.add(admin, volume.id, MeasureKind.ANGLE, 0, 3, [(4, 4), (20.5, 9.25), (31, 40)])
    services.projects.change(admin, project_id, {"windows": {"CT": {"first": "Lung", "presets": []}}})
    payload = LearnPromptPayload(volume_id=volume.id, label_id=label.id, annotator_id=ann.id)
    with services.db.begin() as session:
        job = services.jobs.add(
            session, ann, JobKind.LEARN_PROMPT, payload, project_id=project_id, id=new_id(), subject=payload.subject
        )
    learned = services.learned_prompts.keep(
        NewLearnedPrompt(
            job_id=job.id,
            project_id=project_id,
            volume_id=volume.id,
            label_id=label.id,
            annotator_id=ann.id,
            model="sammed-small",
            model_checksum="a" * 64,
            checksum="b" * 64,
            tensors=bytes(range(256)),
            provenance={"examples": [{"volume": str(volume.id), "slice": 2}], "seed": 0.1},
            verdict=Verdict(active=True, plain=0.5, learned=0.6, gain=0.1, folds=2, sensitive=True, reason="better"),
        )
    )
    with services.db.begin() as session:
        session.execute(update(LabelRow).where(LabelRow.id == label.id).values(warm_start_id=learned.id))
        session.add(
            Proposal(
                job_id=job.id, volume_id=volume.id, label_id=label.id, annotator_id=ann.id, slice_index=5,
                counts=masks.encode(plane)["counts"], voxels=100, confidence=1 / 3, prompts=None, generator="sapnet",
                learned_prompt_id=learned.id, model="sammed-small", model_checksum="a" * 64, seed=7,
            )
        )  # fmt: skip
    services.networks.keep(job.id, b"a network's tensors")
    _compare(services, admin, volume.case_id, annotation.id)
    return project_id


def _compare(services: Services, admin: Principal, case_id: UUID, annotation_id: UUID) -> None:
    """A blinded comparison of which something was said; the rest of it is in tests/services."""
    comparison = Comparison(
        id=new_id(),
        project_id=services.cases.get(admin, case_id).case.project_id,
        name="Which?",
        settings={"first": {"what": "plain"}, "second": {"what": "human"}},
        plan=[],
        created_by=admin.id,
    )
    pair = ComparisonPair(
        id=new_id(),
        comparison_id=comparison.id,
        annotation_id=annotation_id,
        slice_index=2,
        first_counts="a",
        second_counts="b",
        first_from={"annotation": str(annotation_id)},
        second_from={},
    )
    with services.db.begin() as session:
        session.add(comparison)
        session.flush()
        session.add_all([pair, ComparisonReader(comparison_id=comparison.id, reader_id=admin.id)])
        session.flush()
        turn = ComparisonTurn(
            pair_id=pair.id, reader_id=admin.id, comparison_id=comparison.id, position=0, first_is_left=True
        )
        vote = ComparisonVote(id=new_id(), pair_id=pair.id, reader_id=admin.id, number=1, choice="left")
        session.add_all([turn, vote])


def packed(services: Services, admin: Principal, project_id: UUID, folder: Path, *, images: bool = True) -> Path:
    """The project's archive as a file."""
    job = services.archives.submit(admin, project_id, images=images, masks=images)
    run(services, job.id, Archive(services).run)
    download = services.exports.download(admin, job.id)
    path = folder / download.name
    path.write_bytes(b"".join(download.chunks))
    return path


@pytest.fixture(scope="module")
def archive(services: Services, admin: Principal, project_id: UUID, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(services, admin, project_id, tmp_path_factory.mktemp("archive"))


def restored(services: Services, path: Path, name: str | None = None) -> UUID:
    """The archive as a project of this installation."""
    admin = services.accounts.administrator()
    upload = services.archives.begin_restore(admin)
    upload.start(path.name)
    upload.write(path.read_bytes())
    upload.end()
    job = services.archives.submit_restore(admin, upload, name)
    return UUID(str(run(services, job.id, Restore(services).run)["project_id"]))


@pytest.fixture(scope="module")
def elsewhere(
    settings: Settings,
    new_database: Callable[[str | None], str],
    migrated_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Services]:
    """Another installation, with a database and an object store of its own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    changes = {"database_url": new_database(migrated_url), "objects_url": (folder / "objects").as_uri()}
    built = build_services(Settings(**settings.model_dump() | changes | {"data_dir": folder}))
    built.accounts.bootstrap(None)
    yield built
    built.close()


def rows(services: Services, project_id: UUID) -> dict[str, list[dict[str, object]]]:
    """Everything that a project has in the database, but for the log, to which exporting and importing add."""
    with services.db.begin() as session:
        return {
            table.name: [json.loads(line) for line in records.lines(session, table, project_id)]
            for table in records.tables()
            if table.name != AuditEvent.__tablename__
        }


def test_another_installation_gets_everything_as_it_was(
    services: Services, elsewhere: Services, project_id: UUID, archive: Path
) -> None:
    before = rows(services, project_id)
    kinds = "cases members originals revisions comments measurements learned_prompts proposals jobs comparison_votes"
    for kind in kinds.split():
        assert before[kind], f"the project of this test has no {kind}"
    assert restored(elsewhere, archive) == project_id
    after = rows(elsewhere, project_id)
    admin_here, admin_there = services.accounts.administrator(), elsewhere.accounts.administrator()
    as_there = json.loads(json.dumps(before).replace(str(admin_here.id), str(admin_there.id)))
    for name in before:
        assert after[name] == as_there[name], name
    with elsewhere.db.begin() as session:
        ann = session.scalars(select(User).where(User.email == "ann@archive.example.org")).one()
        originals = list(session.scalars(select(Original.sha256)))
        hashes = list(session.scalars(select(VolumeRow.voxels_hash)))
        log = set(session.scalars(select(AuditEvent.action).where(AuditEvent.project_id == project_id)))
    assert ann.disabled_at is not None and ann.password_hash is None and ann.name == "Ann"
    assert {"project.created", "case.changed", "comment.added", "project.imported"} <= log
    for sha256 in originals:
        key = f"originals/{sha256}"
        assert b"".join(elsewhere.objects.chunks(key)) == b"".join(services.objects.chunks(key))
    for digest in hashes:
        np.testing.assert_array_equal(elsewhere.objects.read_voxels(digest), services.objects.read_voxels(digest))
    (network,) = elsewhere.objects.keys("networks")
    assert b"".join(elsewhere.objects.chunks(network)) == b"a network's tensors"


def test_the_same_installation_gets_a_second_project(services: Services, project_id: UUID, archive: Path) -> None:
    with pytest.raises(ProjectIsHere):
        restored(services, archive)
    copy = restored(services, archive, "Once more")
    first, second = rows(services, project_id), rows(services, copy)
    assert copy != project_id and second["projects"][0]["name"] == "Once more"
    old = [row["id"] for name in first for row in first[name] if "id" in row]
    new = [row["id"] for name in first for row in second[name] if "id" in row]
    assert len(set(new)) == len(old) and not set(old) & set(new)
    as_second = json.dumps(first)
    for before, after in zip(old, new, strict=True):
        as_second = as_second.replace(str(before), str(after))
    expected = json.loads(as_second.replace(json.dumps("Livers & more"), json.dumps("Once more")))
    assert second == expected


def test_people_can_use_what_is_in_it(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        readme = opened.read("README.md").decode()
        manifest = json.loads(opened.read(MANIFEST))
    assert "Livers & more" in readme and "could not be written" not in readme
    drawn = [name for name in names if name.startswith("masks/")]
    assert any(name.endswith(".nii.gz") for name in drawn) and any(name.endswith(".seg.dcm") for name in drawn)
    assert [name.split("/")[-1] for name in drawn].count("measurements.csv") == 1  # Ann's; the manager drew nothing
    assert manifest["files"].keys() == set(names) - {MANIFEST}


def changed(archive: Path, target: Path, change: dict[str, bytes | None], manifest: dict[str, object]) -> Path:
    """A copy of the archive with some files replaced (None: left out) and some of the manifest."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == MANIFEST:
                content = json.dumps(json.loads(content) | manifest).encode()
            content = change.get(name, content)  # type: ignore[assignment]
            if content is not None:
                new.writestr(name, content)
    return target


def test_what_is_damaged_newer_or_something_else_leaves_nothing(
    elsewhere: Services, archive: Path, tmp_path: Path
) -> None:
    def counts() -> list[int]:
        with elsewhere.db.begin() as session:
            tables = [table for table in Base.metadata.sorted_tables if table.name not in ("jobs", "audit_events")]
            return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]

    before = counts()
    original = next(n for n in zipfile.ZipFile(archive).namelist() if n.startswith("images/originals/"))
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:-2000])
    stranger = tmp_path / "stranger.zip"
    with zipfile.ZipFile(stranger, "w") as other:
        other.writestr("a.txt", "something else")
    unknown = {"columns": ["id"], "rows": 1}
    wrong: list[tuple[type[AppError], Path]] = [
        (DamagedArchive, cut),
        (NotAProjectArchive, stranger),
        (DamagedArchive, changed(archive, tmp_path / "1.zip", {"records/cases.jsonl": b"{}\n"}, {})),
        (DamagedArchive, changed(archive, tmp_path / "2.zip", {original: None}, {})),
        (NewerArchive, changed(archive, tmp_path / "3.zip", {}, {"format": 99})),
        (
            NewerArchive,
            changed(archive, tmp_path / "4.zip", {}, {"tables": {"dreams": unknown}}),
        ),
    ]
    for n, (error, path) in enumerate(wrong):
        with pytest.raises(error):
            restored(elsewhere, path, f"Wrong {n}")
        assert counts() == before, path.name


def test_rows_that_reach_into_another_project_are_refused(
    services: Services, admin: Principal, project_id: UUID, archive: Path, tmp_path: Path
) -> None:
    other = services.projects.create(admin, "Other", "", [], Privacy.NONE).project.id
    with zipfile.ZipFile(archive) as opened:
        lines = opened.read("records/labels.jsonl").decode()
        manifest = json.loads(opened.read(MANIFEST))
    forged = lines.replace(str(project_id), str(other)).encode()
    manifest["files"]["records/labels.jsonl"]["sha256"] = hashlib.sha256(forged).hexdigest()
    manifest["files"]["records/labels.jsonl"]["size_bytes"] = len(forged)
    path = changed(archive, tmp_path / "forged.zip", {"records/labels.jsonl": forged}, manifest)
    with pytest.raises(DamagedArchive):
        restored(services, path, "Forged")
    assert rows(services, other)["labels"] == []


def test_without_images_it_needs_an_installation_that_has_them(
    services: Services,
    elsewhere: Services,
    admin: Principal,
    project_id: UUID,
    tmp_path: Path,
) -> None:
    path = packed(services, admin, project_id, tmp_path, images=False)
    assert not [name for name in zipfile.ZipFile(path).namelist() if name.startswith(("images/", "masks/"))]
    copy = restored(services, path, "Masks alone")
    assert len(rows(services, copy)["revisions"]) == 3
    elsewhere.objects.delete_prefix("voxels")
    with pytest.raises(ImagesMissing):
        restored(elsewhere, path, "No images")


def test_a_job_that_runs_again_finds_what_it_made(services: Services, admin: Principal, archive: Path) -> None:
    upload = services.archives.begin_restore(admin)
    upload.start(archive.name)
    upload.write(archive.read_bytes())
    upload.end()
    job = services.archives.submit_restore(admin, upload, "Twice")
    claimed = services.jobs.claim(job.id)
    assert claimed is not None
    results = [Restore(services).run(claimed, Progress(services.jobs, job.id)) for _ in range(2)]
    assert results[0]["project_id"] == results[1]["project_id"]
    with services.db.begin() as session:
        assert session.scalar(select(func.count()).where(Project.name == "Twice")) == 1


def test_every_table_travels_or_is_left_out_on_purpose() -> None:
    travelling = {table.name for table in records.tables()}
    there = {table.name for table in Base.metadata.sorted_tables}
    assert there == travelling | records.LEFT_OUT.keys()
