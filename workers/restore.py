"""The job `restore`: the archive of a project becomes a project here, whole or not at all. No torch here.

Everything is checked before anything is written: the zip, its manifest, the checksum of every file. Rows come in by one
transaction (`backend/services/archives.py`), images under the hash of what they are.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from pydantic import ValidationError

from backend.db import records
from backend.db.tables import Job
from backend.domain.archive import (
    FILES,
    FORMAT,
    MANIFEST,
    ORIGINALS,
    PEOPLE,
    VOXELS,
    ArchiveTooLarge,
    DamagedArchive,
    Manifest,
    NewerArchive,
    NotAProjectArchive,
    records_name,
)
from backend.domain.jobs import JobMessage, RestorePayload
from backend.services.jobs import Progress
from backend.stores.objects import voxels_hash
from backend.wiring import Services

_CHUNK = 1024**2
_CHECKED, _LOADED = 0.4, 0.6  # progress when a step is done
_JOB_FILE = re.compile(rf"{FILES}/(?P<kind>networks|evaluations)/(?P<job>[0-9a-f-]{{36}})(?P<rest>[./].+)")
_AGAIN = "Nothing was kept. Copy or download the archive again."


class Restore:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._most_bytes = 4 * services.settings.upload_max_bytes  # unpacked

    def run(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Raises NotAProjectArchive, NewerArchive, DamagedArchive, ArchiveTooLarge, ProjectIsHere, ImagesMissing."""
        payload = RestorePayload.model_validate(job.payload)
        with tempfile.TemporaryDirectory(prefix="sammed-restore-") as scratch:
            path = Path(scratch) / "archive.zip"
            self._services.objects.fetch(payload.files[0].key, path)
            try:
                with zipfile.ZipFile(path) as archive:
                    manifest = _manifest(archive)
                    self._check(archive, manifest, progress)
                    progress(_CHECKED, JobMessage.RESTORING_RECORDS)
                    restored = self._services.archives.restore(
                        job,
                        payload.name,
                        manifest,
                        lambda name: _lines(archive, name),
                        lambda jobs: self._store(archive, manifest, jobs, progress),
                    )
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise DamagedArchive(f"The zip cannot be read: {error}.", hint=_AGAIN) from error
        return restored.to_json()

    def clean_up(self, job: Job) -> None:
        """The uploaded archive has been read: forget it."""
        self._services.imports.forget_upload(job.id)

    def _check(self, archive: zipfile.ZipFile, manifest: Manifest, progress: Progress) -> None:
        """Every file that the manifest names is there as it was written, and no other."""
        there = {info.filename: info.file_size for info in archive.infolist()}
        there.pop(MANIFEST)
        needed = {PEOPLE, *(records_name(table) for table in manifest.tables)}
        missing = sorted((manifest.files.keys() | needed) - there.keys())
        added = sorted(there.keys() - manifest.files.keys())
        if missing or added:
            what = f"{missing[0]} is missing" if missing else f"{added[0]} does not belong to it"
            raise DamagedArchive(f"{what} ({len(missing)} missing, {len(added)} added).", hint=_AGAIN)
        if sum(there.values()) > self._most_bytes:
            raise ArchiveTooLarge(
                f"Unpacked it has {sum(there.values())} bytes; {self._most_bytes} is the most.",
                hint="SAMMED_UPLOAD_MAX_BYTES sets the limit, a fourth of this.",
            )
        of = len(manifest.files)
        for done, (name, described) in enumerate(manifest.files.items()):
            progress(_CHECKED * done / of, JobMessage.CHECKING_ARCHIVE, done=done, of=of)
            digest = hashlib.sha256()
            with archive.open(name) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            if digest.hexdigest() != described.sha256 or there[name] != described.size_bytes:
                raise DamagedArchive(f"{name} is not as it was exported.", hint=_AGAIN)

    def _store(self, archive: zipfile.ZipFile, manifest: Manifest, jobs: dict[UUID, UUID], progress: Progress) -> None:
        wanted = [name for name in manifest.files if name.startswith((f"{VOXELS}/", f"{ORIGINALS}/", f"{FILES}/"))]
        for done, name in enumerate(wanted):
            share = _LOADED + (0.99 - _LOADED) * done / len(wanted)
            progress(share, JobMessage.RESTORING_IMAGES, done=done, of=len(wanted))
            if name.startswith(f"{VOXELS}/"):
                self._voxels(archive, name)
            elif name.startswith(f"{ORIGINALS}/"):
                self._original(archive, name, manifest)
            else:
                self._copy(archive, name, _key(name, jobs))

    def _voxels(self, archive: zipfile.ZipFile, name: str) -> None:
        """Voxels go under the hash of what they are, so that no archive can put others in their place."""
        try:
            voxels = np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
        except ValueError as error:
            raise DamagedArchive(f"{name} is no array.", hint=_AGAIN) from error
        if voxels_hash(voxels) != Path(name).stem:
            raise DamagedArchive(f"{name} holds other voxels than its name says.", hint=_AGAIN)
        self._services.objects.put_voxels(voxels)

    def _original(self, archive: zipfile.ZipFile, name: str, manifest: Manifest) -> None:
        digest = Path(name).name
        if manifest.files[name].sha256 != digest:
            raise DamagedArchive(f"{name} holds another file than its name says.", hint=_AGAIN)
        key = f"originals/{digest}"
        if not self._services.objects.exists(key):
            self._copy(archive, name, key)

    def _copy(self, archive: zipfile.ZipFile, name: str, key: str) -> None:
        writer = self._services.objects.open_writer(key)
        with archive.open(name) as file:
            while chunk := file.read(_CHUNK):
                writer.write(chunk)
        writer.close()


def _key(name: str, jobs: dict[UUID, UUID]) -> str:
    """Where a file of a job goes: to the same job, under its id here."""
    parts = _JOB_FILE.fullmatch(name)
    job_id = jobs.get(UUID(parts["job"])) if parts else None
    if parts is None or job_id is None or ".." in name:
        raise DamagedArchive(f"{name} is of no job of the project.", hint=_AGAIN)
    return f"{parts['kind']}/{job_id}{parts['rest']}"


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    """Raises NotAProjectArchive, NewerArchive."""
    try:
        content = archive.read(MANIFEST)
        format = json.loads(content)["format"]
        if not isinstance(format, int):
            raise TypeError("format")
    except (KeyError, ValueError, TypeError) as error:
        raise NotAProjectArchive(
            "It has no manifest.json of sammed.",
            hint="Images and masks are uploaded into a project; here goes what *Export the project* made.",
        ) from error
    if format > FORMAT:
        raise NewerArchive(
            f"It has format {format}; {FORMAT} is the newest known here.", hint="Update this installation."
        )
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise DamagedArchive(f"Its manifest cannot be read: {error.errors()[0]['msg']}.", hint=_AGAIN) from error
    known = {table.name: set(records.columns(table)) for table in records.tables()}
    for name, described in manifest.tables.items():
        unknown = sorted(set(described.columns) - known.get(name, set()))
        if unknown:
            raise NewerArchive(
                f"{manifest.software} wrote it with '{name}.{unknown[0]}', which is not known here.",
                hint="Update this installation.",
            )
    return manifest


def _lines(archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    with archive.open(name) as file:
        for line in io.TextIOWrapper(file, encoding="utf-8", newline="\n"):
            yield line.rstrip("\n")
