"""The job `export`: the masks of a case as files that other programs show in the right place. No torch here."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from backend.db.tables import Job, Measurement, VolumeRow
from backend.domain.annotation import Origin
from backend.domain.jobs import ExportPayload
from backend.errors import Rejected
from backend.imaging import masks
from backend.imaging.errors import OriginalsNotKept, SourceIsNotDicom
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.intensity import Window, model_input
from backend.imaging.labels import Algorithm, CodedTerm, ExportLabel, ReadMask
from backend.imaging.labels_nifti import file_grid_of, write_labels
from backend.imaging.labels_nrrd import write_seg_nrrd
from backend.imaging.labels_pictures import write_coco, write_png
from backend.imaging.measure import MeasureKind
from backend.imaging.nifti import NiftiSource
from backend.imaging.rtstruct import StructureSetAbout, write_rtstruct
from backend.imaging.seg import SegAbout, SourceSlice, write_seg
from backend.imaging.sr import Measured, ReportAbout, write_sr
from backend.services.exports import ExportPlan, LabelMask, Provenance, VolumeExport
from backend.services.jobs import Progress
from backend.wiring import Services

SOFTWARE = "sammed"

WriteVolume = Callable[[ExportPlan, VolumeExport, str, Path], list[Path]]


class UnknownFormat(Rejected):
    """No such export format. Raised by workers.export."""

    code = "unknown_export_format"
    title = "This format cannot be written"


class Export:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._formats: dict[str, WriteVolume] = {
            "nifti": self._nifti,
            "nrrd": self._nrrd,
            "dicom-seg": self._dicom_seg,
            "dicom-seg-labelmap": partial(self._dicom_seg, as_label_map=True),
            "rtstruct": self._rtstruct,
            "dicom-sr": self._dicom_sr,
            "png": self._png,
            "coco": self._coco,
        }

    def run(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Writes all volumes of the case that have masks; one file is handed out as it is, several as a zip."""
        payload = ExportPayload.model_validate(job.payload)
        write = self._formats.get(payload.format)
        if write is None:
            raise UnknownFormat(
                f"There is no format '{payload.format}'.", hint=f"Use one of {', '.join(self._formats)}."
            )
        plan = self._services.exports.plan(payload)
        with tempfile.TemporaryDirectory(prefix="sammed-export-") as folder:
            names = _names(plan)
            files: list[Path] = []
            for n, volume in enumerate(plan.volumes):
                progress(n / len(plan.volumes), f"Writing volume {n + 1} of {len(plan.volumes)}")
                files += write(plan, volume, names[n], Path(folder))
            if len(files) > 1:  # one file is what it is: a program waits for it
                files += _measured(plan, Path(folder))
            made = files[0] if len(files) == 1 else _zipped(files, Path(folder), file_name(plan.case.name))
            return self._services.exports.keep(job.id, made, _MEDIA_TYPES.get(made.suffix, "application/octet-stream"))

    def write(self, plan: ExportPlan, folder: Path) -> list[Path]:
        """The files of a case in the plan's format, below a folder; measurements go with NIfTI, once."""
        names = _names(plan)
        written: list[Path] = []
        for name, volume in zip(names, plan.volumes, strict=True):
            written += self._formats[plan.format](plan, volume, name, folder)
        return written + (_measured(plan, folder) if plan.format == "nifti" else [])

    # -- formats ------------------------------------------------------------------------------------------------------
    def _nifti(self, plan: ExportPlan, volume: VolumeExport, name: str, folder: Path) -> list[Path]:
        row = volume.volume
        geometry = VolumeGeometry.from_json(row.geometry)
        original = None
        grid = file_grid_of(geometry)
        if row.source.get("nifti"):
            grid = NiftiSource.from_json(row.source["nifti"])
        if row.source.get("nifti") and volume.originals[0].is_kept:
            original = folder / f"original-{row.id}"
            self._services.objects.fetch(f"originals/{volume.originals[0].sha256}", original)
        return write_labels(
            folder,
            name,
            geometry,
            grid,
            [_label(mask) for mask in volume.masks],
            _reader(row, volume.masks),
            original=original,
            provenance=_made_by(plan),
            provenance_of={mask.label.value: _provenance_json(mask) for mask in volume.masks},
        )

    def _nrrd(self, plan: ExportPlan, volume: VolumeExport, name: str, folder: Path) -> list[Path]:
        path = folder / f"{name}.seg.nrrd"
        write_seg_nrrd(
            path,
            VolumeGeometry.from_json(volume.volume.geometry),
            [_label(mask) for mask in volume.masks],
            _reader(volume.volume, volume.masks),
            provenance=_made_by(plan) | _provenance_of(volume),
        )
        return [path]

    def _png(self, plan: ExportPlan, volume: VolumeExport, name: str, folder: Path) -> list[Path]:
        row = volume.volume
        return write_png(
            folder,
            name,
            (row.slices, row.rows, row.columns),
            [_label(mask) for mask in volume.masks],
            _reader(row, volume.masks),
            provenance=_made_by(plan) | _provenance_of(volume),
        )

    def _coco(self, plan: ExportPlan, volume: VolumeExport, name: str, folder: Path) -> list[Path]:
        row = volume.volume
        shown = row.presentation["model_window"]
        window = Window("model", shown["width"], shown["center"]) if shown else None
        return write_coco(
            folder,
            name,
            (row.slices, row.rows, row.columns),
            [_label(mask) for mask in volume.masks],
            _reader(row, volume.masks),
            lambda k: model_input(self._services.objects.read_slice(row.voxels_hash, k), window),
            made_at=datetime.now(UTC),
            provenance=_made_by(plan) | _provenance_of(volume),
        )

    def _dicom_seg(
        self, plan: ExportPlan, volume: VolumeExport, name: str, folder: Path, *, as_label_map: bool = False
    ) -> list[Path]:
        row = volume.volume
        path = folder / f"{name}.seg.dcm"
        write_seg(
            path,
            self._source_slices(volume, folder),
            VolumeGeometry.from_json(row.geometry),
            [_label(mask) for mask in volume.masks],
            _reader(row, volume.masks),
            SegAbout(
                created_at=datetime.now(UTC),
                software_version=version(SOFTWARE),
                series_description=f"Segmentation of {row.name}",
                creator=plan.annotator,
            ),
            as_label_map=as_label_map,
        )
        return [path]

    def _rtstruct(self, plan: ExportPlan, volume: VolumeExport, name: str, folder: Path) -> list[Path]:
        row = volume.volume
        path = folder / f"{name}.rtstruct.dcm"
        write_rtstruct(
            path,
            self._source_slices(volume, folder),
            VolumeGeometry.from_json(row.geometry),
            [_label(mask) for mask in volume.masks],
            _reader(row, volume.masks),
            StructureSetAbout(
                created_at=datetime.now(UTC),
                software_version=version(SOFTWARE),
                series_description=f"Segmentation of {row.name}",
                creator=plan.annotator,
            ),
        )
        return [path]

    def _dicom_sr(self, plan: ExportPlan, volume: VolumeExport, name: str, folder: Path) -> list[Path]:
        row = volume.volume
        path = folder / f"{name}.sr.dcm"
        write_sr(
            path,
            self._source_slices(volume, folder),
            VolumeGeometry.from_json(row.geometry),
            [
                Measured(
                    str(one.id), MeasureKind(one.kind), one.axis, one.slice_index, _points_xy(one), dict(one.figures)
                )
                for one in volume.measured
            ],
            ReportAbout(
                created_at=volume.measured[-1].created_at,
                software_version=version(SOFTWARE),
                series_description=f"Measurements of {row.name}",
                creator=plan.annotator,
                unit="HU" if row.modality == "CT" else row.presentation.get("unit", ""),
            ),
        )
        return [path]

    def _source_slices(self, volume: VolumeExport, folder: Path) -> list[SourceSlice]:
        """The original image of each slice, fetched into the folder. Raises SourceIsNotDicom, OriginalsNotKept."""
        row = volume.volume
        if row.source.get("kind") != "dicom":
            raise SourceIsNotDicom(
                "The case has masks on images that were not imported from DICOM.",
                hint="Export them as NIfTI or NRRD instead.",
            )
        if not all(original.is_kept for original in volume.originals):
            raise OriginalsNotKept(
                "This project kept only the voxels of these images; DICOM objects take over what the originals say.",
                hint="Export its masks as NIfTI or NRRD; or keep originals (Settings) and import the images again.",
            )
        scratch = folder / f"originals-{row.id}"
        scratch.mkdir()
        slices: dict[int, SourceSlice] = {}
        for original in volume.originals:
            path = scratch / f"{original.position:05d}.dcm"
            self._services.objects.fetch(f"originals/{original.sha256}", path)
            for instance in original.instance["slices"]:
                slices[instance["slice_index"]] = SourceSlice(path, instance["frame_number"])
        return [slices[k] for k in range(row.slices)]


_MEDIA_TYPES = {
    ".zip": "application/zip",
    ".dcm": "application/dicom",
    ".gz": "application/gzip",
    ".nrrd": "application/octet-stream",
}


def _label(mask: LabelMask) -> ExportLabel:
    row = mask.label
    code = None
    if row.code_scheme and row.code_value:
        code = CodedTerm(row.code_scheme, row.code_value, row.code_meaning or row.name)
    return ExportLabel(row.name, row.value, row.color, code, _algorithm(mask.provenance))


def _algorithm(provenance: Provenance) -> Algorithm:
    """MANUAL when no model ever proposed, SEMIAUTOMATIC when a person accepted each slice."""
    if not provenance.models:
        return Algorithm()
    return Algorithm(
        type="SEMIAUTOMATIC",
        name=f"SAM {provenance.models[0].get('name', '')}".strip(),
        version=version(SOFTWARE),
        parameters={
            f"model{n if n > 1 else ''}.{key}": str(value)
            for n, model in enumerate(provenance.models, start=1)
            for key, value in sorted(model.items())
        },
    )


def _reader(row: VolumeRow, label_masks: Sequence[LabelMask]) -> ReadMask:
    counts = {mask.label.value: mask.counts_by_slice for mask in label_masks}

    def read(label: ExportLabel) -> masks.BoolMask:
        whole = np.zeros((row.slices, row.rows, row.columns), dtype=np.bool_)
        for k, text in counts[label.value].items():
            whole[k] = masks.decode({"size": [row.rows, row.columns], "counts": text})
        return whole

    return read


def _made_by(plan: ExportPlan) -> dict[str, Any]:
    return {"software": f"{SOFTWARE} {version(SOFTWARE)}", "annotator": plan.annotator}


def _provenance_of(volume: VolumeExport) -> dict[str, Any]:
    return {"labels": {mask.label.name: _provenance_json(mask) for mask in volume.masks}}


def _provenance_json(mask: LabelMask) -> dict[str, Any]:
    p = mask.provenance
    machine = {str(o) for o in (Origin.SAM, Origin.ASSIST, Origin.AUTO, Origin.PROPAGATION, Origin.INTERPOLATION)}
    return {
        "revisions": p.revisions,
        "origins": p.origins,
        "assisted_revisions": sum(count for origin, count in p.origins.items() if origin in machine),
        "models": list(p.models),
        "authors": list(p.authors),
        "first_at": p.first_at.isoformat(),
        "last_at": p.last_at.isoformat(),
    }


def _points_xy(one: Measurement) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in one.points)


def _measured(plan: ExportPlan, folder: Path) -> list[Path]:
    """What the annotator measured on the case, as a table beside the masks."""
    if plan.measurements is None:
        return []
    path = folder / "measurements.csv"
    path.write_text(plan.measurements, encoding="utf-8", newline="")
    return [path]


def _names(plan: ExportPlan) -> list[str]:
    """One file name a volume, without suffix, no two alike."""
    names: list[str] = []
    for volume in plan.volumes:
        base = file_name(f"{plan.case.name}_{volume.volume.name}" if len(plan.volumes) > 1 else plan.case.name)
        names.append(base if base not in names else f"{base}_{len(names) + 1}")
    return names


def file_name(text: str) -> str:
    """What every file system takes: letters, digits, dot, dash and underscore."""
    kept = "".join(c if c.isalnum() or c in "-_." else "_" for c in text).strip("._")
    return kept[:100] or "case"


def _zipped(files: Sequence[Path], folder: Path, name: str) -> Path:
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    return path
