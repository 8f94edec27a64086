"""Masks of other programs through the upload and the job, on real stores: what is stored, and what is refused."""

from __future__ import annotations

import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import nibabel as nib
import numpy as np
import pydicom
import pytest
from sqlalchemy import Text, cast, func, select

from backend.db.tables import AuditEvent, Job
from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import JobState, QueueName
from backend.domain.mask_import import MaskOptions, NoImportTarget, NothingToImport
from backend.domain.privacy import Privacy
from backend.domain.workflow import CaseState, Role
from backend.imaging import masks
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels_nifti import file_grid_of, write_labels
from backend.imaging.labels_nrrd import write_seg_nrrd
from backend.imaging.nifti import affine_ras_ijk
from backend.imaging.phantom import LIVER, ORGANS, Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.rtstruct import StructureSetAbout, write_rtstruct
from backend.imaging.seg import SegAbout, SourceSlice, write_seg
from backend.services.access import CaseLocked, NotYourAnnotation, Principal, RoleForbids
from backend.services.agreements import DEFAULT_TOLERANCE_MM
from backend.services.jobs import Progress
from backend.services.mask_imports import changes
from backend.wiring import Services
from tests.services.conftest import SHAPE_KJI, World, new_volume, person, world
from workers.mask_import import MaskImport
from workers.runtime import Runtime

__all__ = ["world"]

WHEN = datetime(2026, 3, 1, 12, 30)  # noqa: DTZ001 - DICOM dates are local
GRID = VolumeGeometry.from_axes(
    origin_mm=(0, 0, 0), step_k_mm=(0, 0, 5), step_j_mm=(0, 0.5, 0), step_i_mm=(0.5, 0, 0), shape_kji=SHAPE_KJI
)
"""Of the volumes of `new_volume`."""

REFERENCES = (
    "ReferencedSeriesSequence", "SourceImageSequence", "DerivationImageSequence", "RTReferencedStudySequence",
    "ContourImageSequence",
)  # fmt: skip

Import = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def seeds() -> Iterator[int]:
    return itertools.count(1000)


@pytest.fixture(scope="module")
def runtime(services: Services) -> Runtime:
    return Runtime(services, [QueueName.IO])


@pytest.fixture
def case(services: Services, world: World, seeds: Iterator[int]) -> tuple[UUID, UUID]:
    """A new case of one volume: (case, volume)."""
    seed = next(seeds)
    stored = services.imports.store(world.project_id, new_volume(services, seed, study_key=f"9.{seed}"))
    return stored.case_id, stored.volume_id


def sent(services: Services, who: Principal, case_id: UUID, *files: Path, **options: Any) -> Job:
    upload = services.mask_imports.begin(who, case_id)
    for file in files:
        upload.start(file.name)
        upload.write(file.read_bytes())
        upload.end()
    return services.mask_imports.submit(who, case_id, upload, MaskOptions.model_validate(options))


@pytest.fixture(scope="module")
def run(services: Services, runtime: Runtime) -> Import:
    """Send files and let the worker read them: the job's result; nothing of the upload is left."""

    def through(who: Principal, case_id: UUID, *files: Path, **options: Any) -> dict[str, Any]:
        job = sent(services, who, case_id, *files, **options)
        runtime.run_job(job.id)
        done = services.jobs.get(who, job.id)
        assert not services.objects.exists(f"uploads/{job.id}/00000")
        assert done.state == JobState.DONE and done.result is not None, done.problem
        return done.result

    return through


def saved(path: Path, voxels: np.ndarray, *, scale: float = 1.0, shift_mm: float = 0.0) -> Path:
    geometry = VolumeGeometry.from_axes(
        origin_mm=(shift_mm, 0, 0), step_k_mm=(0, 0, 5), step_j_mm=(0, 0.5 * scale, 0), step_i_mm=(0.5 * scale, 0, 0),
        shape_kji=voxels.shape,
    )  # fmt: skip
    nib.save(nib.Nifti1Image(voxels.T, affine_ras_ijk(geometry)), path)
    return path


def blobs() -> np.ndarray:
    voxels = np.zeros(SHAPE_KJI, np.uint8)
    voxels[1:3, 2:6, 3:7] = 1
    voxels[3, 1, 1] = 2
    return voxels


def drawn(services: Services, who: Principal, volume_id: UUID, reader_id: UUID, label_id: UUID) -> np.ndarray:
    """[slices, rows, columns] of a person's or a program's mask."""
    whole = np.zeros(SHAPE_KJI, bool)
    for view in services.annotations.of(who, volume_id, reader_id):
        if view.annotation.label_id == label_id:
            for k, rle in services.annotations.drawn(who, view.annotation.id).by_slice.items():
                whole[k] = masks.decode(rle)
    return whole


def code_of(result: dict[str, Any], file: int = 0) -> str:
    return str(result["files"][file]["problem"]["code"])


KIDNEY = {"targets": [{"segment": "1", "label": "kidney"}]}


def test_masks_become_one_revision_a_label_and_nothing_is_silent(
    services: Services, world: World, run: Import, case: tuple[UUID, UUID], tmp_path: Path
) -> None:
    case_id, volume_id = case
    me, (kidney, _) = world.annotator, world.labels
    voxels = blobs()
    path = saved(tmp_path / "patient name.nii.gz", voxels)

    seen = run(me, case_id, path, dry_run=True, **KIDNEY)
    (file,) = seen["files"]
    first, second = file["segments"]
    assert (file["outcome"], file["needs"], file["same_voxels"]) == ("ready", [], True)
    assert (first["label_id"], first["voxels"], first["slices"], second["label_id"]) == (str(kidney), 32, 2, None)
    assert services.annotations.mine(me, volume_id) == []

    (file,) = run(me, case_id, path, **KIDNEY)["files"]
    assert file["outcome"] == "imported" and file["skipped"] == ["Label 2"]
    assert [(label["label"], label["slices"], label["kept"]) for label in file["labels"]] == [("kidney", [1, 2], [])]
    np.testing.assert_array_equal(drawn(services, me, volume_id, me.id, kidney), voxels == 1)
    left_out = run(me, case_id, path, targets=[{"segment": "1"}, {"segment": "Label 2", "file": 0}])
    assert left_out["files"][0]["outcome"] == "left_out"
    (view,) = services.annotations.mine(me, volume_id)
    ((revision, author),) = services.annotations.revisions(me, view.annotation.id)
    assert (revision.origin, author.id) == ("import", me.id)
    assert revision.prompts is not None and "patient" not in str(revision.prompts)
    assert revision.prompts["import"]["resampled"] is False and len(revision.prompts["import"]["sha256"]) == 64
    assert services.cases.get(me, case_id).state is CaseState.IN_PROGRESS

    voxels[1, 8, 8] = voxels[4, 0, 0] = 1
    more = saved(tmp_path / "more.nii.gz", voxels)
    assert run(me, case_id, more, dry_run=True, **KIDNEY)["files"][0]["segments"][0]["drawn_before"] == 1
    label = run(me, case_id, more, **KIDNEY)["files"][0]["labels"][0]
    assert (label["slices"], label["kept"]) == ([4], [1])
    label = run(me, case_id, more, replace=True, **KIDNEY)["files"][0]["labels"][0]
    assert (label["slices"], label["kept"]) == ([1], [])


def test_resampling_and_cutting_are_asked_for(
    world: World, run: Import, case: tuple[UUID, UUID], tmp_path: Path
) -> None:
    case_id, _ = case
    fine = saved(tmp_path / "fine.nii.gz", blobs(), scale=0.9)
    beside = saved(tmp_path / "beside.nii.gz", blobs(), shift_mm=2.0)
    away = saved(tmp_path / "away.nii.gz", blobs(), shift_mm=500.0)
    assert code_of(run(world.annotator, case_id, fine, **KIDNEY)) == "mask_needs_resampling"
    (file,) = run(world.annotator, case_id, fine, dry_run=True, **KIDNEY)["files"]
    assert [need["option"] for need in file["needs"]] == ["resample"] and "0.45 x 0.45" in file["needs"][0]["detail"]
    assert run(world.annotator, case_id, fine, resample=True, **KIDNEY)["files"][0]["outcome"] == "imported"
    assert code_of(run(world.annotator, case_id, beside, **KIDNEY)) == "mask_reaches_outside"
    cut = run(world.annotator, case_id, beside, crop=True, replace=True, **KIDNEY)["files"][0]
    assert cut["outcome"] == "imported"
    assert code_of(run(world.annotator, case_id, away, crop=True, **KIDNEY)) == "mask_does_not_fit"


def test_what_is_named_must_be_there(services: Services, world: World, case: tuple[UUID, UUID], run: Import,
                                     runtime: Runtime, tmp_path: Path) -> None:  # fmt: skip
    case_id, _ = case
    path = saved(tmp_path / "m.nii.gz", blobs())
    assert code_of(run(world.annotator, case_id, path)) == "no_import_target"
    for target in ({"segment": "1", "label": "spleen"}, {"segment": "7", "label": "kidney"}):
        job = sent(services, world.annotator, case_id, path, targets=[target])
        runtime.run_job(job.id)
        problem = services.jobs.get(world.annotator, job.id).problem
        assert problem is not None and problem["code"] == "no_import_target"
    with pytest.raises(NothingToImport):
        sent(services, world.annotator, case_id)
    with pytest.raises(NoImportTarget):
        sent(services, world.annotator, case_id, path, volume_id=world.volume_id)


def test_who_may_do_what(services: Services, admin: Principal, world: World, case: tuple[UUID, UUID],
                         tmp_path: Path) -> None:  # fmt: skip
    case_id, _ = case
    path = saved(tmp_path / "m.nii.gz", blobs())
    reviewer = person(services, admin, "masks-reviewer@example.org")
    services.projects.set_member(world.manager, world.project_id, reviewer.email, Role.REVIEWER)
    with pytest.raises(RoleForbids):
        sent(services, world.annotator, case_id, path, reader="nnU-Net")
    for who in (world.annotator, reviewer):
        with pytest.raises(RoleForbids):
            sent(services, who, case_id, path, new_labels=True)
        with pytest.raises(RoleForbids):
            sent(services, who, case_id, path, targets=[{"segment": "1", "new_label": {"name": "x"}}])
    services.cases.change(world.annotator, case_id, {"state": CaseState.SUBMITTED})
    with pytest.raises(CaseLocked):
        sent(services, world.annotator, case_id, path, **KIDNEY)


def test_labels_are_made_on_the_way_and_a_file_is_stored_whole_or_not(
    services: Services, world: World, run: Import, case: tuple[UUID, UUID], tmp_path: Path
) -> None:
    case_id, volume_id = case
    me = world.manager
    made = [
        {"segment": "1", "new_label": {"name": "Duodenum", "color": "#123456",
                                       "code": {"scheme": "SCT", "value": "38848004", "meaning": "Duodenum"}}},
        {"segment": "2", "new_label": {"name": "Wrong", "color": "blue"}},
    ]  # fmt: skip
    path = saved(tmp_path / "m.nii.gz", blobs())
    assert code_of(run(me, case_id, path, targets=made)) == "invalid_label"
    assert "Duodenum" not in [label.name for label in services.projects.labels(me, world.project_id)]
    assert services.annotations.mine(me, volume_id) == []

    made[1]["new_label"] = {"name": "Right"}
    (file,) = run(me, case_id, path, targets=made)["files"]
    assert [(label["label"], label["is_new"]) for label in file["labels"]] == [("Duodenum", True), ("Right", True)]
    labels = {label.name: label for label in services.projects.labels(me, world.project_id)}
    assert (labels["Duodenum"].color, labels["Duodenum"].code_value) == ("#123456", "38848004")
    assert labels["Right"].color not in {labels[name].color for name in labels if name != "Right"}


def test_a_job_that_runs_twice_stores_once(
    services: Services, world: World, runtime: Runtime, case: tuple[UUID, UUID], tmp_path: Path
) -> None:
    case_id, volume_id = case
    job = sent(services, world.annotator, case_id, saved(tmp_path / "m.nii.gz", blobs()), **KIDNEY)
    claimed = services.jobs.claim(job.id)
    assert claimed is not None
    once, twice = (MaskImport(services).run(claimed, Progress(services.jobs, job.id)) for _ in range(2))
    assert once == twice
    (view,) = services.annotations.mine(world.annotator, volume_id)
    assert view.sequence == 1


def test_a_program_is_a_second_reader(
    services: Services, world: World, run: Import, runtime: Runtime, case: tuple[UUID, UUID], tmp_path: Path
) -> None:
    """Its masks are compared with the person's, change no state, and can become the case's result."""
    case_id, volume_id = case
    kidney, _ = world.labels
    run(world.annotator, case_id, saved(tmp_path / "m.nii.gz", blobs()), **KIDNEY)
    half = np.where(np.arange(SHAPE_KJI[0])[:, None, None] == 1, blobs(), 0).astype(np.uint8)
    told = run(world.manager, case_id, saved(tmp_path / "p.nii.gz", half), reader=" nnU-Net  2.5", **KIDNEY)
    assert told["files"][0]["outcome"] == "imported"
    assert services.cases.get(world.manager, case_id).annotated_slices == 2
    services.cases.change(world.annotator, case_id, {"state": CaseState.SUBMITTED})

    readers = {user.name: user for user, _ in services.cases.readers(world.manager, case_id)}
    program = readers["nnU-Net 2.5"]
    assert (program.kind, program.password_hash, program.disabled_at is None) == ("program", None, False)
    np.testing.assert_array_equal(drawn(services, world.manager, volume_id, program.id, kidney), half == 1)
    (view,) = services.annotations.of(world.manager, volume_id, program.id)
    draft = RevisionDraft(
        new_id(), view.head, Origin.REVIEW, (SliceFlips(0, SHAPE_KJI[1:], masks.encode(half[1])["counts"]),)
    )
    with pytest.raises(NotYourAnnotation):
        services.annotations.append(world.manager, view.annotation.id, draft)
    job = services.agreements.start(world.manager, world.project_id, DEFAULT_TOLERANCE_MM)
    runtime.run_job(job.id)
    (pair,) = services.agreements.of_case(world.manager, case_id, DEFAULT_TOLERANCE_MM).found
    assert {pair.first.id, pair.second.id} == {program.id, world.annotator.id}
    assert pair.numbers.dice == pytest.approx(2 * 16 / (16 + 32))

    whole = saved(tmp_path / "q.nii.gz", blobs())
    again = run(world.manager, case_id, whole, reader="NNU-net 2.5", replace=True, **KIDNEY)
    assert again["files"][0]["labels"][0]["slices"] == [2]  # the same reader, although the case is locked for people
    accept = {"state": CaseState.ACCEPTED, "result_by_id": program.id}
    assert services.cases.change(world.manager, case_id, accept).state is CaseState.ACCEPTED
    locked = run(world.manager, case_id, tmp_path / "p.nii.gz", reader="nnU-Net 2.5", replace=True, **KIDNEY)
    assert code_of(locked) == "masks_are_the_result"
    people = services.people.search(services.accounts.administrator(), text="nnU-Net", limit=10, cursor=None)
    assert people.items == []


# -- DICOM, and the other patient -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom((8, 32, 36), (32.0, 12.0, 11.0), seed=4)


@pytest.fixture(scope="module")
def exported(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the organs of a phantom in every format that masks are read from, and its series."""
    folder = tmp_path_factory.mktemp("exported")
    files = write_dicom_series(phantom, folder / "series")
    sources, geometry = [SourceSlice(file) for file in files], phantom.volume.geometry
    write_seg(folder / "m.seg.dcm", sources, geometry, ORGANS, phantom.mask, SegAbout(WHEN, "9"))
    write_rtstruct(folder / "m.rt.dcm", sources, geometry, ORGANS, phantom.mask, StructureSetAbout(WHEN, "9"))
    write_seg_nrrd(folder / "m.seg.nrrd", geometry, ORGANS, phantom.mask)
    (folder / "nifti").mkdir()
    made = write_labels(folder / "nifti", "m", geometry, file_grid_of(geometry), ORGANS, phantom.mask)
    with zipfile.ZipFile(folder / "m.zip", "w") as archive:
        for path in made:
            archive.write(path, path.name)
    return folder


def imaged(services: Services, runtime: Runtime, who: Principal, project_id: UUID, exported: Path) -> tuple[UUID, UUID]:
    """The phantom's series in a project: (case, volume)."""
    upload = services.imports.begin(who, project_id)
    for file in sorted((exported / "series").iterdir()):
        upload.start(file.name)
        upload.write(file.read_bytes())
        upload.end()
    job = services.imports.submit(who, project_id, upload)
    runtime.run_job(job.id)
    result = services.jobs.get(who, job.id).result
    assert result is not None
    (series,) = result["series"]
    return UUID(series["case_id"]), UUID(series["volume_id"])


@pytest.mark.parametrize("privacy", list(Privacy))
def test_every_format_comes_back_voxel_by_voxel_under_every_policy(
    services: Services, runtime: Runtime, run: Import, admin: Principal, phantom: Phantom, exported: Path,
    privacy: Privacy,
) -> None:  # fmt: skip
    """The same patient is known by the project's pseudonyms; labels are made of what the files say."""
    project = services.projects.create(admin, f"Formats {privacy}", "", [], privacy)
    case_id, volume_id = imaged(services, runtime, admin, project.project.id, exported)
    for name, format in (
        ("m.seg.dcm", "dicom-seg"),
        ("m.rt.dcm", "rtstruct"),
        ("m.seg.nrrd", "nrrd"),
        ("m.zip", "nifti"),
    ):
        files = [exported / name]
        (told,) = run(admin, case_id, *files, reader=format, new_labels=True)["files"]
        assert (told["outcome"], told["format"], told["differs"]) == ("imported", format, []), told
        labels = {label.name: label for label in services.projects.labels(admin, project.project.id)}
        assert set(labels) == {organ.name for organ in ORGANS}
        reader = next(user for user, _ in services.cases.readers(admin, case_id) if user.name == format)
        for organ in ORGANS:
            label = labels[organ.name]
            found = np.zeros(phantom.truth.shape, bool)
            (view,) = (
                v for v in services.annotations.of(admin, volume_id, reader.id) if v.annotation.label_id == label.id
            )
            for k, rle in services.annotations.drawn(admin, view.annotation.id).by_slice.items():
                found[k] = masks.decode(rle)
            np.testing.assert_array_equal(found, phantom.mask(organ))
            assert label.code_value == (organ.code.value if organ.code else None)


def test_masks_of_another_patient_are_refused_unless_it_is_meant(
    services: Services, runtime: Runtime, run: Import, admin: Principal, exported: Path, tmp_path: Path
) -> None:
    project = services.projects.create(admin, "Others", "", [], Privacy.FULL)
    case_id, _ = imaged(services, runtime, admin, project.project.id, exported)
    for keyword, expected in (
        ("PatientID", "patient"), ("StudyInstanceUID", "study"), ("FrameOfReferenceUID", "frame")
    ):  # fmt: skip
        for name in ("m.seg.dcm", "m.rt.dcm"):
            dataset = pydicom.dcmread(exported / name)
            value = "PLANTED-ID" if keyword == "PatientID" else "1.2.3.4"
            setattr(dataset, keyword, value)
            if expected == "frame":  # masks that name the case's own images lie where these lie
                dataset.walk(_forget_images)
            for roi in dataset.get("StructureSetROISequence", ()):
                roi.ReferencedFrameOfReferenceUID = dataset.FrameOfReferenceUID
            dataset.save_as(tmp_path / name)
            seen = run(admin, case_id, tmp_path / name, dry_run=True, new_labels=True)["files"][0]
            assert seen["differs"] == [expected] and [need["option"] for need in seen["needs"]] == ["other_patient"]
            refused = run(admin, case_id, tmp_path / name, new_labels=True)
            assert code_of(refused) == "mask_of_another_patient"
            meant = run(
                admin, case_id, tmp_path / name, new_labels=True, other_patient=True, reader=f"{name} {keyword}"
            )
            assert meant["files"][0]["outcome"] == "imported"
    with services.db.begin() as session:
        kept = session.scalars(select(func.concat(cast(Job.payload, Text), cast(Job.result, Text))))
        assert not any("PLANTED" in text for text in kept)
        audited = session.scalars(select(cast(AuditEvent.detail, Text)).where(AuditEvent.action == "masks.imported"))
        assert not any("PLANTED" in text for text in audited)


def _forget_images(dataset: pydicom.Dataset, element: pydicom.DataElement) -> None:
    if element.keyword in REFERENCES:
        del dataset[element.tag]


def test_overlapping_labels_of_an_export_keep_their_voxels(
    services: Services, world: World, run: Import, case: tuple[UUID, UUID], tmp_path: Path
) -> None:
    """The zip of our NIfTI export: the label map has only the later label where two overlap, the files by label all."""
    case_id, volume_id = case
    whole, part = blobs() == 1, np.zeros(SHAPE_KJI, bool)
    part[1, 3:5, 4:6] = True
    labels = [replace(LIVER, name="kidney", value=1, code=None), replace(LIVER, name="liver", value=2, code=None)]
    made = write_labels(
        tmp_path, "m", GRID, file_grid_of(GRID), labels, lambda label: whole if label.value == 1 else part
    )
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        for path in made:
            archive.write(path, path.name)
    (file,) = run(world.annotator, case_id, tmp_path / "m.zip")["files"]
    assert file["outcome"] == "imported"
    for label_id, expected in zip(world.labels, (whole, part), strict=True):
        np.testing.assert_array_equal(
            drawn(services, world.annotator, volume_id, world.annotator.id, label_id), expected
        )


def test_hostile_files_are_refused_one_by_one(
    world: World, run: Import, case: tuple[UUID, UUID], exported: Path, tmp_path: Path
) -> None:
    case_id, _ = case
    files = {"good.nii.gz": saved(tmp_path / "good.nii.gz", blobs()).read_bytes()}
    files["cut.dcm"] = (exported / "m.seg.dcm").read_bytes()[:-2000]
    files["cut.nii.gz"] = files["good.nii.gz"][:60]
    files["cut.nrrd"] = (exported / "m.seg.nrrd").read_bytes()[:-30]
    files["text.txt"] = b"hello"
    files["other.json"] = json.dumps({"labels": "none"}).encode()
    files["image.dcm"] = next((exported / "series").iterdir()).read_bytes()
    files["bad.zip"] = b"PK\3\4 no archive"
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    result = run(world.annotator, case_id, *(tmp_path / name for name in files), **KIDNEY)
    outcomes = {list(files)[file["upload"]]: file["outcome"] for file in result["files"]}
    assert outcomes == {name: "imported" if name == "good.nii.gz" else "refused" for name in files}
    assert all(file["problem"]["detail"] for file in result["files"] if file["outcome"] == "refused")


def test_changes_keep_what_was_drawn_unless_replacing() -> None:
    old, new = np.zeros((4, 5), bool), np.zeros((4, 5), bool)
    old[0, 0] = new[1, 1] = True
    drawn_before = {0: masks.encode(old)["counts"], 2: masks.encode(new)["counts"]}
    wanted = {0: masks.encode(new), 1: masks.encode(new), 2: masks.encode(new)}
    slices, kept = changes(drawn_before, wanted, replace=False)
    assert ([change.slice_index for change in slices], kept) == ([1], [0])
    slices, kept = changes(drawn_before, wanted, replace=True)
    assert ([change.slice_index for change in slices], kept) == ([0, 1], [])
    np.testing.assert_array_equal(masks.decode({"size": [4, 5], "counts": slices[0].counts}), old | new)
