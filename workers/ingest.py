"""The job `import`: uploaded files to volumes and cases, with an outcome for every file. No torch here."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import structlog

from backend.db.tables import Job
from backend.domain.jobs import ImportPayload
from backend.errors import AppError
from backend.imaging import intensity
from backend.imaging.archive import ArchiveLimits
from backend.imaging.cleaning import Cleaner
from backend.imaging.dicom.attributes import START_BYTES, read_object_info
from backend.imaging.dicom.errors import CorruptDicom
from backend.imaging.importing import ImportedVolume, SourceKind, read_uploads
from backend.imaging.outcomes import DUPLICATE, Fault, Ignored, SourceFile
from backend.imaging.samples import sample_files
from backend.services.dicom_index import NewInstance, Received
from backend.services.imports import NewOriginal, NewVolume, StoredVolume, content_hash_of
from backend.services.jobs import Progress
from backend.stores.objects import file_sha256, voxels_hash
from backend.wiring import Services

log = structlog.get_logger(__name__)

T = TypeVar("T")

# of the study's header, what lists and exports need; the patient's name and the accession number stay in the originals
KEPT_OF_STUDY = ("study_instance_uid", "study_id", "date", "time", "description", "patient_id")

PAUSE_S = 0.1
"""A received study is read when nothing more of it has come for so long, ..."""
QUIET_S = 1.0
"""... and stored when nothing more has come for so long."""
POLL_S = 0.05
WAIT_S = 60.0
"""So long an import waits for that; what comes later is imported by a job of its own."""


class _MoreCame(Exception):
    """Inside this module: what was read is not all any more."""


class Ingest:
    def __init__(self, services: Services) -> None:
        self._services = services
        settings = services.settings
        self._limits = ArchiveLimits(
            max_files=settings.upload_max_files,
            max_total_bytes=4 * settings.upload_max_bytes,  # unpacked
            max_ratio=settings.archive_max_ratio,
        )

    def run(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Reads everything that was uploaded. One bad file never stops the others. Running it again after a lost worker
        finds what is stored already."""
        payload = ImportPayload.model_validate(job.payload)
        give_up = time.monotonic() + WAIT_S
        while True:
            try:
                return self._read(job, payload, progress, give_up)
            except _MoreCame:
                continue

    def _read(self, job: Job, payload: ImportPayload, progress: Progress, give_up: float) -> dict[str, Any]:
        report = _Report()
        with tempfile.TemporaryDirectory(prefix="sammed-import-") as scratch:
            folder = Path(scratch)
            received = self._received(payload, progress, give_up)
            files = list(self._files(job, payload, received, folder / "files"))
            by_path = {file.path: instance for file, instance in zip(files, received, strict=False)}
            workspace = folder / "unpacked"
            workspace.mkdir()
            cleaner = self._cleaner(payload, folder / "clean")
            is_settled = not received
            for outcome in read_uploads(
                files,
                workspace,
                limits=self._limits,
                progress=lambda part, text: progress(0.95 * part, text),
                rename=cleaner.name if cleaner else _as_it_is,
                clean=cleaner.file if cleaner else _as_it_is,
            ):
                if cleaner:
                    self._services.privacy.remember(payload.project_id, cleaner.found())
                if isinstance(outcome, ImportedVolume):
                    digest = voxels_hash(outcome.volume.voxels)
                    if not is_settled:
                        with self._written_ahead(payload, outcome, digest):
                            self._settle(payload, received, progress, give_up)
                        is_settled = True
                    try:
                        with self._services.content.storing():
                            report.volume(outcome, self._store(payload, outcome, by_path, digest))
                    except AppError as error:
                        report.fault(Fault(outcome.files, error))
                elif isinstance(outcome, Fault):
                    report.fault(outcome)
                else:
                    report.ignored(outcome)
        read = [instance.id for instance in received]
        if self._services.imports.keeps_originals(payload.project_id):
            self._services.dicom_index.mark_imported(read)
        else:
            self._services.dicom_index.forget(read)
        return report.result()

    def clean_up(self, job: Job) -> None:
        """The uploaded files have been read: forget them (the originals of what was imported are kept)."""
        self._services.imports.forget_upload(job.id)

    def _cleaner(self, payload: ImportPayload, folder: Path) -> Cleaner | None:
        """What de-identifies this upload: nothing where the project wants that, nor of what was received and has been
        cleaned on its way in, nor of our own samples."""
        if payload.samples or payload.study_uid is not None:
            return None
        pseudonyms = self._services.privacy.pseudonyms(payload.project_id)
        folder.mkdir()
        return Cleaner(pseudonyms, folder) if pseudonyms else None

    def _received(self, payload: ImportPayload, progress: Progress, give_up: float) -> Sequence[Received]:
        """What awaits import of a received study, once it comes no faster than it is read."""
        if payload.study_uid is None:
            return ()
        self._wait(payload, payload.study_uid, PAUSE_S, progress, give_up)
        return self._services.dicom_index.to_import(payload.project_id, payload.study_uid)

    def _settle(self, payload: ImportPayload, received: Sequence[Received], progress: Progress, give_up: float) -> None:
        """Returns when no more of a received study is coming, before anything of it is stored: archives send a study in
        many requests, and a part of a series is no volume. Raises _MoreCame when it has to be read again."""
        assert payload.study_uid is not None
        self._wait(payload, payload.study_uid, QUIET_S, progress, give_up)
        if time.monotonic() < give_up:
            now = self._services.dicom_index.to_import(payload.project_id, payload.study_uid)
            if {instance.id for instance in now} != {instance.id for instance in received}:
                raise _MoreCame

    @contextmanager
    def _written_ahead(self, payload: ImportPayload, made: ImportedVolume, digest: str) -> Iterator[None]:
        """The voxels are written while it is waited for more, which rarely comes: then they are not needed."""
        written = False
        if self._services.imports.find(payload.project_id, _content_hash(made, digest)) is None:
            with suppress(AppError), self._services.content.storing():  # storing it tries again, and reports
                self._services.objects.put_voxels(made.volume.voxels, digest)
                written = True
        try:
            yield
        except BaseException:
            if written:
                self._services.content.let_go([f"voxels/{digest}"])
            raise

    def _wait(self, payload: ImportPayload, study_uid: str, quiet_s: float, progress: Progress, give_up: float) -> None:
        index = self._services.dicom_index
        while time.monotonic() < give_up and not index.is_quiet(payload.project_id, study_uid, for_s=quiet_s):
            progress(0.0, "Waiting for the rest of the study")
            time.sleep(POLL_S)

    def _files(
        self, job: Job, payload: ImportPayload, received: Sequence[Received], folder: Path
    ) -> Iterator[SourceFile]:
        folder.mkdir()
        for n, instance in enumerate(received):
            path = folder / f"received-{n:05d}"
            self._services.objects.fetch(f"originals/{instance.sha256}", path)
            yield SourceFile(path, f"{instance.sop_instance_uid}.dcm")
        if payload.samples:
            yield from sample_files(folder)
        names = self._services.imports.names(job.id, len(payload.files)) if payload.files else []
        for n, (file, name) in enumerate(zip(payload.files, names, strict=True)):
            path = folder / f"{n:05d}"
            self._services.objects.fetch(file.key, path)
            yield SourceFile(path, name)

    def _store(
        self, payload: ImportPayload, made: ImportedVolume, received: Mapping[Path, Received], digest: str
    ) -> StoredVolume:
        """`digest`: the voxels' hash."""
        objects, imports = self._services.objects, self._services.imports
        volume = made.volume
        geometry, content_hash = volume.geometry.to_json(), _content_hash(made, digest)
        known = imports.find(payload.project_id, content_hash)
        if known is not None and known.was_blanked:
            return known  # nothing of what was blanked is stored again
        keep = imports.keeps_originals(payload.project_id)
        originals = list(self._originals(made, received, keep))
        instances = list(_instances(made, originals, received)) if keep else []
        if known is not None:
            self._services.dicom_index.add(payload.project_id, instances)
            return known
        study_key, case_name = _case_of(made, originals)
        return imports.store(
            payload.project_id,
            NewVolume(
                study_key=study_key,
                case_name=case_name,
                study={name: value for name, value in asdict(made.study).items() if name in KEPT_OF_STUDY and value},
                content_hash=content_hash,
                voxels_hash=objects.put_voxels(volume.voxels, digest),
                name=made.name,
                modality=volume.modality,
                dtype=volume.voxels.dtype.name,
                channels=volume.channels,
                shape_kji=volume.geometry.shape_kji,
                geometry=geometry,
                presentation=_presentation(made),
                series={name: value for name, value in asdict(made.series).items() if value},
                source={
                    "kind": str(made.kind),
                    "nifti": made.nifti.to_json() if made.nifti else None,
                    "mirrored_about": made.mirrored_about,
                },
                warnings=made.warnings,
                text_risk=made.text_risk,
                originals=originals,
                instances=instances,
            ),
        )

    def _originals(self, made: ImportedVolume, received: Mapping[Path, Received], keep: bool) -> Iterator[NewOriginal]:
        """Stores each file the volume was read from, as it was read and once by content, if it is to be kept. What was
        received is there."""
        instances: dict[Path, dict[str, Any]] = {}
        for ref in made.instances:
            instance = instances.setdefault(
                ref.path,
                {"sop_instance_uid": ref.sop_instance_uid, "sop_class_uid": ref.sop_class_uid, "slices": []},
            )
            place: dict[str, Any] = {"slice_index": ref.slice_index, "frame_number": ref.frame_number}
            instance["slices"].append(place | {"tile": list(ref.tile)} if ref.tile else place)
        for file in made.files:
            place_of = instances.get(file.path, {})
            if (known := received.get(file.path)) is not None:
                yield NewOriginal(known.sha256, file.name, known.size_bytes, place_of, keep)
                continue
            sha256 = file_sha256(file.path)
            if keep:
                self._services.objects.put_content(f"originals/{sha256}", file.path)
            yield NewOriginal(sha256, file.name, file.path.stat().st_size, place_of, keep)


def _content_hash(made: ImportedVolume, digest: str) -> str:
    volume = made.volume
    return content_hash_of(digest, volume.geometry.to_json(), volume.modality, volume.channels)


def _as_it_is(what: T, *_: object) -> T:
    return what


def _case_of(made: ImportedVolume, originals: Sequence[NewOriginal]) -> tuple[str, str]:
    """Which case a volume belongs to, and what that case is called: a study of DICOM, else each file for itself."""
    study = made.study
    if made.kind is SourceKind.DICOM and study.study_instance_uid:
        name = " ".join(part for part in (study.patient_id, study.date) if part)
        return study.study_instance_uid, name or study.description or made.name
    return f"file:{originals[0].sha256}", made.name


def _instances(
    made: ImportedVolume, originals: Sequence[NewOriginal], received: Mapping[Path, Received]
) -> Iterator[NewInstance]:
    """What DICOMweb is to show of a volume: its files in the DICOM file format with valid identifiers. It shows already
    what was received."""
    if made.kind is not SourceKind.DICOM:
        return
    for file, original in zip(made.files, originals, strict=True):
        if file.path in received:
            continue
        with file.path.open("rb") as opened:
            start = opened.read(START_BYTES)
        try:
            yield NewInstance(read_object_info(start), original.sha256, original.size_bytes)
        except CorruptDicom:
            log.info("not shown over DICOMweb", sha256=original.sha256)


def _presentation(made: ImportedVolume) -> dict[str, Any]:
    """How to show the volume, and the window through which the model sees it."""
    volume = made.volume
    statistics = intensity.intensity_statistics(volume.voxels)
    windows = intensity.default_windows(volume.modality, statistics, made.windows, volume.channels, volume.unit)
    model_window = intensity.model_window(volume.modality, statistics, made.windows, volume.channels)
    return {
        "value_range": [statistics.minimum, statistics.maximum],
        "windows": [window.to_json() for window in windows],
        "model_window": model_window.to_json() if model_window else None,
        "unit": volume.unit,
    }


class _Report:
    """What became of every file and every series: the job's result."""

    def __init__(self) -> None:
        self._files: list[dict[str, Any]] = []
        self._series: list[dict[str, Any]] = []
        self._told: set[str] = set()

    def volume(self, made: ImportedVolume, stored: StoredVolume) -> None:
        outcome = "imported" if stored.is_new else "duplicate"
        self._series.append(
            {
                "name": made.name,
                "outcome": outcome,
                "kind": str(made.kind),
                "modality": made.volume.modality,
                "slices": made.volume.geometry.shape_kji[0],
                "volume_id": str(stored.volume_id),
                "case_id": str(stored.case_id),
                "warnings": list(made.warnings),
                "text_risk": made.text_risk if stored.is_new else None,
            }
        )
        detail = None if stored.is_new else "This project has the same images already."
        for file in made.files:
            self._tell(file, outcome, None if stored.is_new else DUPLICATE, detail, None, str(stored.volume_id))

    def fault(self, fault: Fault) -> None:
        problem = fault.error.to_problem()
        log.info("files rejected", code=problem["code"], files=len(fault.files))
        for file in fault.files:
            self._tell(file, "rejected", problem["code"], problem["detail"], problem.get("hint"), None)

    def ignored(self, ignored: Ignored) -> None:
        outcome = "duplicate" if ignored.code == DUPLICATE else "ignored"
        self._tell(ignored.file, outcome, ignored.code, ignored.detail, None, None)

    def result(self) -> dict[str, Any]:
        return {"files": self._files, "series": self._series}

    def _tell(
        self,
        file: SourceFile,
        outcome: str,
        code: str | None,
        detail: str | None,
        hint: str | None,
        volume_id: str | None,
    ) -> None:
        if file.name in self._told and outcome == "imported":
            return  # a file of several volumes is imported once
        self._told.add(file.name)
        entry = {"name": file.name, "outcome": outcome, "code": code, "detail": detail, "hint": hint}
        self._files.append({key: value for key, value in {**entry, "volume_id": volume_id}.items() if value})
