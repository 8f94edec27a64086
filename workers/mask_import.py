"""The job `import_masks`: files of masks of other programs into a case, with an outcome for every file. No torch here.

Each file is stored whole or not at all, and one that is refused stops no other. A dry run reads everything and stores
nothing. Results name files by their place in the upload: their names may be a patient's.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np

from backend.db.tables import Job, LabelRow, VolumeRow
from backend.domain.jobs import JobMessage
from backend.domain.mask_import import (
    MaskImportPayload,
    NewLabel,
    NoImportTarget,
    NothingToImport,
)
from backend.errors import AppError
from backend.imaging import masks
from backend.imaging.archive import ArchiveLimits, expand
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.mask_placing import Fit, MaskDoesNotFit, compare, place
from backend.imaging.mask_types import MaskFile, Segment, faults_told
from backend.imaging.outcomes import Fault, Ignored, SourceFile
from backend.services.jobs import Progress
from backend.services.mask_imports import ImportPlace, WantedMask, changes
from backend.stores.objects import file_sha256
from backend.wiring import Services
from workers.mask_matching import (
    OPTION_OF,
    check_needs,
    check_targets,
    differences,
    is_left_out,
    needs_of,
    new_label_of,
    other_images,
    target_of,
)
from workers.mask_series import known_uid, read_given
from workers.mask_upload import Given, paired


@dataclass(slots=True)
class Found:
    """A segment on the volume's grid: slice -> RLE, how many voxels it has and how many lie outside."""

    segment: Segment
    target: UUID | NewLabel | None
    by_slice: dict[int, masks.Rle] = field(default_factory=dict)
    voxels: int = 0
    outside: int = 0


class MaskImport:
    def __init__(self, services: Services) -> None:
        self._services = services
        settings = services.settings
        self._limits = ArchiveLimits(
            max_files=settings.upload_max_files,
            max_total_bytes=4 * settings.upload_max_bytes,  # unpacked
            max_ratio=settings.archive_max_ratio,
        )

    def run(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Raises NothingToImport when no file of the upload could hold masks, NoImportTarget for targets that no file
        has."""
        payload = MaskImportPayload.model_validate(job.payload)
        place = self._services.mask_imports.place(payload)
        with tempfile.TemporaryDirectory(prefix="sammed-masks-") as scratch:
            names = self._services.imports.names(job.id, len(payload.files))
            given, refused = self._files(payload, names, place, Path(scratch))
            if not given and not refused:
                raise NothingToImport(
                    "The upload holds no file of masks.",
                    hint="Send DICOM SEG, RTSTRUCT, NIfTI, .nrrd or .seg.nrrd, or a zip of them.",
                )
            check_targets(given, place, payload.options)
            outcomes = list(refused)
            for n, file in enumerate(given):
                progress(n / len(given), JobMessage.PLACING_MASKS, done=n, of=len(given))
                outcomes.append(self._one(job, payload, place, n, file))
        return {"dry_run": payload.options.dry_run, "files": outcomes}

    def clean_up(self, job: Job) -> None:
        """Nothing of the upload is kept."""
        self._services.imports.forget_upload(job.id)

    # -- the upload ---------------------------------------------------------------------------------------------------
    def _files(
        self, payload: MaskImportPayload, names: Sequence[str], place: ImportPlace, folder: Path
    ) -> tuple[list[Given], list[dict[str, Any]]]:
        """The files of masks in the order of the upload, and what became of those that cannot be."""
        rename = place.pseudonyms.file if place.pseudonyms else str
        (folder / "unpacked").mkdir()
        found: list[tuple[int, SourceFile, str]] = []
        refused: list[dict[str, Any]] = []
        for n, (uploaded, name) in enumerate(zip(payload.files, names, strict=True)):
            path = folder / f"{n:05d}"
            self._services.objects.fetch(uploaded.key, path)
            (unpacked := folder / "unpacked" / str(n)).mkdir()
            for outcome in expand([SourceFile(path, name)], unpacked, self._limits, rename):
                if isinstance(outcome, Fault):
                    refused.append(
                        {"upload": n, "name": "", "outcome": "refused", "problem": outcome.error.to_problem()}
                    )
                elif not isinstance(outcome, Ignored):
                    inside = "" if outcome.path == path else PurePosixPath(outcome.name).name
                    found.append((n, outcome, inside))
        return list(paired(found, rename)), refused

    # -- one file -----------------------------------------------------------------------------------------------------
    def _one(
        self, job: Job, payload: MaskImportPayload, place: ImportPlace, number: int, given: Given
    ) -> dict[str, Any]:
        options = payload.options
        told: dict[str, Any] = {"file": number, "upload": given.upload, "name": given.name}
        try:
            volume, file = read_given(given, place, options)
            told |= {"volume_id": str(volume.id), "series": volume.name}
            if not options.dry_run and is_left_out(file.segments, number, options):
                return told | {"outcome": "left_out"}
            fit = compare(file.geometry, VolumeGeometry.from_json(volume.geometry))
            differs = differences(file.belongs_to, volume, place)
            chosen = [Found(segment, target_of(segment, number, place.labels, options)) for segment in file.segments]
            for found in chosen:
                if options.dry_run or found.target is not None:
                    with faults_told(given.source.name):
                        _read(found, fit)
            read = [found for found in chosen if options.dry_run or found.target is not None]
            voxels, outside = sum(found.voxels for found in read), sum(found.outside for found in read)
            needs = needs_of(file, fit, self._others(payload, place, file, differs), voxels, outside)
            told |= _described(file, fit, differs, needs)
            if options.dry_run:
                drawn = self._services.mask_imports.drawn(payload, volume.id)
                told["segments"] = [_proposed(found, fit, place.labels, drawn) for found in chosen]
                return told | {"outcome": "ready"}
            check_needs(needs, options)
            told["labels"] = self._store(job, payload, volume, number, given, file, fit, differs, chosen)
            told["skipped"] = [found.segment.name for found in chosen if found.target is None]
            return told | {"outcome": "imported"}
        except AppError as error:
            return told | {"outcome": "refused", "problem": error.to_problem()}

    def _others(
        self, payload: MaskImportPayload, place: ImportPlace, file: MaskFile, differs: Sequence[str]
    ) -> AppError | None:
        """What is wrong with a file of other images; nothing where it names the case's."""
        if not differs:
            return None
        said = file.belongs_to
        studies = [said.study_uid, known_uid(place)(said.study_uid)]
        other = self._services.mask_imports.other_case(payload, studies) if "study" in differs else None
        return other_images(differs, said, place, other)

    def _store(
        self,
        job: Job,
        payload: MaskImportPayload,
        volume: VolumeRow,
        number: int,
        given: Given,
        file: MaskFile,
        fit: Fit,
        differs: Sequence[str],
        chosen: Sequence[Found],
    ) -> list[dict[str, Any]]:
        """All labels of the file, or none."""
        by_target: dict[UUID | NewLabel, list[Found]] = {}
        for found in chosen:
            if found.target is not None:
                by_target.setdefault(found.target, []).append(found)
        if not by_target:
            raise NoImportTarget(
                "No segment of the file has the code or the name of a label.", hint="Say which segment goes where."
            )
        if not any(found.by_slice for parts in by_target.values() for found in parts):
            voxels = sum(found.voxels for parts in by_target.values() for found in parts)
            raise MaskDoesNotFit(
                f"None of the {voxels} voxels of the masks lies inside the volume; the centres of the grids are "
                f"{fit.apart_mm:.1f} mm apart.",
                hint="Is it the mask of another case, or in another frame of reference?",
            )
        about = {
            "format": file.format,
            "sha256": file_sha256(given.source.path),
            "resampled": not fit.is_exact or bool(file.off_planes),
            **({"reader": payload.options.reader} if payload.options.reader else {}),
            **({"differs": list(differs)} if differs else {}),
        }
        wanted = [
            WantedMask(
                target,
                _joined(parts),
                about
                | {"segments": [found.segment.number for found in parts], "cut_voxels": sum(f.outside for f in parts)},
            )
            for target, parts in by_target.items()
        ]
        stored = self._services.mask_imports.store(job, payload, volume.id, number, wanted)
        return [
            {
                "label_id": str(mask.label.id),
                "label": mask.label.name,
                "is_new": mask.is_new,
                "slices": list(mask.slices),
                "kept": list(mask.kept),
            }
            for mask in stored
        ]


def _read(found: Found, fit: Fit) -> None:
    mask = found.segment.read()
    placed, found.outside = place(mask, fit)
    found.voxels = int(mask.sum())
    found.by_slice = {k: masks.encode(placed[k]) for k in np.flatnonzero(placed.any(axis=(1, 2))).tolist()}


def _joined(parts: Sequence[Found]) -> dict[int, masks.Rle]:
    """Segments that go to one label together."""
    joined = dict(parts[0].by_slice)
    for found in parts[1:]:
        for k, rle in found.by_slice.items():
            joined[k] = masks.encode(masks.decode(joined[k]) | masks.decode(rle)) if k in joined else rle
    return joined


# -- what is told -----------------------------------------------------------------------------------------------------
def _described(file: MaskFile, fit: Fit, differs: Sequence[str], needs: Sequence[AppError]) -> dict[str, Any]:
    return {
        "format": file.format,
        "same_voxels": fit.is_exact and not file.off_planes,
        "spacing_kji_mm": list(fit.mask.spacing_kji_mm),
        "volume_spacing_kji_mm": list(fit.volume.spacing_kji_mm),
        "centres_apart_mm": fit.apart_mm,
        "differs": list(differs),
        "left_out": list(file.left_out),
        "needs": [{"option": OPTION_OF[type(need)], **need.to_problem()} for need in needs],
    }


def _proposed(
    found: Found, fit: Fit, labels: Sequence[LabelRow], drawn: Mapping[UUID, Mapping[int, str]]
) -> dict[str, Any]:
    segment, target = found.segment, found.target
    kept: list[int] = []
    if isinstance(target, UUID):
        _, kept = changes(dict(drawn.get(target, {})), found.by_slice, replace=False)
    inside = Counter({k: masks.area(rle) for k, rle in found.by_slice.items()})
    return {
        "number": segment.number,
        "name": segment.name,
        "color": segment.color,
        "code": {"scheme": segment.code.scheme, "value": segment.code.value, "meaning": segment.code.meaning}
        if segment.code
        else None,
        "voxels": found.voxels,
        "outside": found.outside,
        "volume_ml": inside.total() * fit.volume.voxel_volume_mm3 / 1000,
        "slices": len(found.by_slice),
        "drawn_before": len(kept),
        "label_id": str(target) if isinstance(target, UUID) else None,
        "label": next((label.name for label in labels if label.id == target), None),
        "new_label": target.model_dump() if isinstance(target, NewLabel) else None,
        "would_be": new_label_of(segment).model_dump(),
    }
