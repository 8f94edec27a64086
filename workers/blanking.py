"""The job `blank`: rectangles of images made blank for good, in the voxels and in the original files. No torch here."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from numpy.typing import NDArray

from backend.db.tables import Job, Original, VolumeRow
from backend.domain.jobs import BlankPayload, BlankScope, JobMessage
from backend.errors import Rejected
from backend.imaging.blanked_files import FrameBlank, blank_dicom, blank_nifti, write_picture
from backend.imaging.blanking import Rectangle, darkest, fill
from backend.imaging.dicom.attributes import START_BYTES, read_object_info
from backend.imaging.dicom.errors import CorruptDicom
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.importing import SourceKind
from backend.imaging.nifti import NiftiSource
from backend.services.imports import content_hash_of
from backend.services.jobs import Progress
from backend.services.text_in_pixels import Blanked, BlankedFile
from backend.stores.objects import file_sha256
from backend.wiring import Services

log = structlog.get_logger(__name__)

MOST_TRIES = 5


class CannotBeBlanked(Rejected):
    """A volume whose files do not say where its slices lie in them. Raised by workers.blanking."""

    code = "cannot_be_blanked"
    title = "The image cannot be blanked"


class Blanking:
    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Volume by volume, each whole or not at all. Running it again finds blank what is blank."""
        payload = BlankPayload.model_validate(job.payload)
        targets = self._services.text_in_pixels.targets(payload)
        slices = files = 0
        for done, volume_id in enumerate(targets):
            progress(done / len(targets), JobMessage.BLANKING, done=done, of=len(targets))
            made, count = self._blank(job, payload, volume_id, progress)
            slices, files = slices + count, files + len(made.files)
        if not self._services.content.forget():
            log.info("old pixels are deleted a little later", job=str(job.id))
        return {"volumes": len(targets), "slices": slices, "files": files}

    def _blank(self, job: Job, payload: BlankPayload, volume_id: UUID, progress: Progress) -> tuple[Blanked, int]:
        boxes = tuple(Rectangle(*box) for box in payload.rectangles)
        for _ in range(MOST_TRIES):
            volume, originals = self._services.text_in_pixels.volume(volume_id)
            whole = payload.scope is not BlankScope.SLICE or volume.slices == 1
            wanted = range(volume.slices) if whole else [payload.slice_index]
            voxels = self._services.objects.read_voxels(volume.voxels_hash).copy()
            like = {}
            for k in wanted:
                progress.checkpoint()
                like[k] = darkest(voxels[k])
                fill(voxels[k], boxes, like[k])
            with self._services.content.storing(), tempfile.TemporaryDirectory(prefix="sammed-blank-") as scratch:
                files = self._files(volume, originals, voxels, boxes, like, Path(scratch), progress)
                voxels_hash = self._services.objects.put_voxels(voxels)
                made = Blanked(
                    voxels_hash=voxels_hash,
                    content_hash=content_hash_of(voxels_hash, volume.geometry, volume.modality, volume.channels),
                    value_range=(float(voxels.min()), float(voxels.max())),
                    files=files,
                    is_whole=whole,
                )
                if self._services.text_in_pixels.replace(volume, made, payload.user_id, job.id):
                    return made, len(wanted)
        raise CannotBeBlanked("Others go on changing the same images.", hint="Try again when they are done.")

    def _files(
        self,
        volume: VolumeRow,
        originals: Sequence[Original],
        voxels: NDArray[Any],
        boxes: tuple[Rectangle, ...],
        like: dict[int, tuple[int, int]],
        folder: Path,
        progress: Progress,
    ) -> dict[str, BlankedFile]:
        """Every original that shows one of the slices, written anew and stored."""
        made: dict[str, BlankedFile] = {}
        for n, original in enumerate(originals):
            progress.checkpoint()
            source, target = folder / f"{n}-old", folder / f"{n}-new"
            kind = volume.source.get("kind")
            suffix = None
            blanks = _blanks(original, boxes, like) if kind == SourceKind.DICOM else []
            if kind == SourceKind.DICOM and not blanks:
                continue
            self._services.objects.fetch(f"originals/{original.sha256}", source)
            if kind == SourceKind.DICOM:
                blank_dicom(source, target, blanks, whole=len(blanks) == len(original.instance["slices"]))
            elif kind == SourceKind.NIFTI:
                grid = NiftiSource.from_json(volume.source["nifti"])
                whole_slices = [FrameBlank(k, None, None, boxes, like[k]) for k in like]
                blank_nifti(source, target, grid, whole_slices)
            else:
                suffix = write_picture(target, voxels, VolumeGeometry.from_json(volume.geometry).spacing_kji_mm)
            made[original.sha256] = self._kept(target, suffix, is_dicom=kind == SourceKind.DICOM)
            source.unlink()
            target.unlink()
        return made

    def _kept(self, path: Path, suffix: str | None, *, is_dicom: bool) -> BlankedFile:
        sha256 = file_sha256(path)
        if not self._services.objects.exists(f"originals/{sha256}"):
            self._services.objects.put_file(f"originals/{sha256}", path)
        info = None
        if is_dicom:
            with path.open("rb") as file:
                try:
                    info = read_object_info(file.read(START_BYTES))
                except CorruptDicom:  # not in the file format: DICOMweb does not show it
                    info = None
        return BlankedFile(sha256, path.stat().st_size, suffix, info)


def _blanks(original: Original, boxes: tuple[Rectangle, ...], like: dict[int, tuple[int, int]]) -> list[FrameBlank]:
    """Which frames of a DICOM file to blank. Raises CannotBeBlanked."""
    by_frame: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    slices = original.instance.get("slices", [])
    for place in slices:
        by_frame[place["frame_number"], tuple(place.get("tile") or ())].append(place)
    if not slices or any(len(places) > 1 for places in by_frame.values()):
        raise CannotBeBlanked(
            "Its files do not say where in them its slices lie; an earlier version imported them.",
            hint="Import them again into another project.",
        )
    return [
        FrameBlank(place["slice_index"], place["frame_number"], tuple(tile) if tile else None, boxes, like[k])
        for place in slices
        if (k := place["slice_index"]) in like
        for tile in [place.get("tile")]
    ]
