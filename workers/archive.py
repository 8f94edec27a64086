"""The job `archive`: a whole project as one zip that another installation restores. No torch here.

What is in it, and where, is in `backend/domain/archive.py`. Everything is written once, straight into the zip.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from backend.db import records
from backend.db.tables import Job
from backend.domain.archive import (
    FILES,
    FORMAT,
    MANIFEST,
    MASKS,
    ORIGINALS,
    PEOPLE,
    README,
    VOXELS,
    ArchivedFile,
    ArchivedTable,
    Manifest,
    records_name,
)
from backend.domain.jobs import ArchivePayload, ExportPayload, JobMessage
from backend.errors import Rejected
from backend.imaging.errors import NothingToExport
from backend.services.archives import Snapshot
from backend.services.jobs import Progress
from backend.wiring import Services
from workers.export import Export, file_name

SOFTWARE = "sammed"
_RECORDS_SHARE, _IMAGES_SHARE = 0.1, 0.7  # of the progress that is shown

_README = """\
# {name}

A project of sammed, exported on {at} by {by} with version {version}.

- `masks/`: {masks}
- `images/originals/`: the untouched files as they were uploaded, by sha256; `records/originals.jsonl` has their names.
- `images/voxels/`: the same as NumPy arrays, [slices, rows, columns], by hash; `records/volumes.jsonl` has their
  geometry (millimetres, LPS).{no_images}
- `files/`: reports and networks (SAP-Net, safetensors) that jobs made, by the job's id.
- `records/`: everything else, one JSON object a line: cases with their states and who has them, comments, every
  revision of every mask with its author and time (`revisions.jsonl`, `revision_slices.jsonl`: COCO run lengths of the
  voxels that it flipped), measurements with their figures, learned prompts, the log.
- `manifest.json`: the version of this format and the sha256 of every file.

To bring it into another installation: *Projects*, *Import a project*, or `sammed project import FILE`.
The people it names are e-mail addresses and names; there are no passwords in it.
"""


class Archive:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._export = Export(services)

    def run(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Writes the project as it is when the job begins (masks for other programs: as they are a little later)."""
        payload = ArchivePayload.model_validate(job.payload)
        archives = self._services.archives
        with tempfile.TemporaryDirectory(prefix="sammed-archive-") as scratch:
            folder = Path(scratch)
            with archives.snapshot(payload.project_id) as snapshot:
                path = folder / f"{file_name(snapshot.project.name)}.sammed.zip"
                with _Zip(path) as packed:
                    progress(0.0, JobMessage.PACKING_RECORDS)
                    tables = _records(packed, snapshot, progress)
                    self._files(packed, snapshot.jobs, progress)
                    if payload.images:
                        self._images(packed, snapshot, folder, progress)
                    unwritten = self._masks(packed, snapshot, folder, progress) if payload.masks else []
                    about = Manifest(
                        format=FORMAT,
                        software=f"{SOFTWARE} {version(SOFTWARE)}",
                        made_at=datetime.now(UTC),
                        made_by=archives.name_of(job.created_by),
                        project_id=payload.project_id,
                        project_name=snapshot.project.name,
                        images=payload.images,
                        masks=payload.masks,
                        tables=tables,
                        files={},
                    )
                    packed.add(README, _readme(about, unwritten).encode())
                    whole = about.model_copy(update={"files": packed.files})
                    packed.add(MANIFEST, whole.model_dump_json(indent=1).encode())
            progress(0.99, JobMessage.PACKING_RECORDS)
            return self._services.exports.keep(job.id, path, "application/zip")

    def _files(self, packed: _Zip, jobs: Iterable[UUID], progress: Progress) -> None:
        objects = self._services.objects
        for kind in ("networks", "evaluations"):
            wanted = {str(job_id) for job_id in jobs}
            for key in objects.keys(kind):
                owner = key.split("/")[1].removesuffix(".safetensors")
                if owner in wanted:
                    progress.checkpoint()
                    packed.copy(f"{FILES}/{key}", objects.chunks(key))

    def _images(self, packed: _Zip, snapshot: Snapshot, folder: Path, progress: Progress) -> None:
        objects = self._services.objects
        of = len(snapshot.voxels) + len(snapshot.originals)
        scratch = folder / "voxels.npy"
        for done, digest in enumerate(snapshot.voxels):
            progress(_RECORDS_SHARE + _IMAGES_SHARE * done / of, JobMessage.PACKING_IMAGES, done=done, of=of)
            np.save(scratch, objects.read_voxels(digest))
            with scratch.open("rb") as file:
                packed.copy(f"{VOXELS}/{digest}.npy", iter(lambda file=file: file.read(_CHUNK), b""))
        for done, digest in enumerate(snapshot.originals, start=len(snapshot.voxels)):
            progress(_RECORDS_SHARE + _IMAGES_SHARE * done / of, JobMessage.PACKING_IMAGES, done=done, of=of)
            packed.copy(f"{ORIGINALS}/{digest}", objects.chunks(f"originals/{digest}"))

    def _masks(self, packed: _Zip, snapshot: Snapshot, folder: Path, progress: Progress) -> list[str]:
        """The masks of every case and person; the sentences that say which could not be written."""
        unwritten: list[str] = []
        begun = _RECORDS_SHARE + _IMAGES_SHARE
        for done, (case_id, annotator_id) in enumerate(snapshot.drawn):
            share = begun + (0.98 - begun) * done / len(snapshot.drawn)
            progress(share, JobMessage.PACKING_MASKS, done=done, of=len(snapshot.drawn))
            for format in ("nifti", "dicom-seg"):
                payload = ExportPayload(case_id=case_id, format=format, annotator_id=annotator_id)
                try:
                    plan = self._services.exports.plan(payload)
                except NothingToExport:
                    break  # everything drawn there was taken back
                if format == "dicom-seg" and any(v.volume.source.get("kind") != "dicom" for v in plan.volumes):
                    continue
                where = f"{MASKS}/{file_name(plan.case.name)}-{str(case_id)[-8:]}/{file_name(plan.annotator)}"
                with tempfile.TemporaryDirectory(dir=folder) as scratch:
                    try:
                        written = self._export.write(plan, Path(scratch))
                    except Rejected as error:
                        unwritten.append(f"{where} as {format}: {error.detail}")
                        continue
                    for path in written:
                        packed.add(f"{where}/{path.name}", path.read_bytes())
        return unwritten


_CHUNK = 1024**2


class _Zip:
    """A zip that knows the checksum of every file in it."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self.files: dict[str, ArchivedFile] = {}

    def __enter__(self) -> _Zip:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def add(self, name: str, content: bytes) -> None:
        self.copy(name, [content])

    def copy(self, name: str, chunks: Iterable[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        with self._zip.open(name, "w", force_zip64=True) as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.files[name] = ArchivedFile(sha256=digest.hexdigest(), size_bytes=size)


def _records(packed: _Zip, snapshot: Snapshot, progress: Progress) -> dict[str, ArchivedTable]:
    packed.copy(PEOPLE, (json.dumps(person, ensure_ascii=False).encode() + b"\n" for person in snapshot.people))
    described: dict[str, ArchivedTable] = {}
    tables = records.tables()
    for done, table in enumerate(tables):
        rows = 0

        def counted(table: Any = table) -> Iterable[bytes]:
            nonlocal rows
            for line in snapshot.lines(table):
                rows += 1
                yield line.encode() + b"\n"

        progress(_RECORDS_SHARE * done / len(tables), JobMessage.PACKING_RECORDS)
        packed.copy(records_name(table.name), counted())
        described[table.name] = ArchivedTable(columns=records.columns(table), rows=rows)
    return described


def _readme(about: Manifest, unwritten: list[str]) -> str:
    masks = "every person's masks of every case, as NIfTI and, where the images are DICOM, as DICOM SEG."
    if not about.masks:
        masks = "not in this archive (exported without them); the records have them all."
    text = _README.format(
        name=about.project_name,
        at=f"{about.made_at:%Y-%m-%d %H:%M} UTC",
        by=about.made_by,
        version=about.software,
        masks=masks,
        no_images="" if about.images else "\n  This archive was exported without images.",
    )
    if unwritten:
        text += "\nMasks that could not be written for other programs (the records have them):\n\n"
        text += "".join(f"- {line}\n" for line in unwritten)
    return text
