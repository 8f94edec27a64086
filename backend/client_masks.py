"""Masks from a file into an annotation, over the HTTP interface: what `sammed masks import` does.

The file is read where the command runs; the server gets revisions of origin `import`, decides who may write them and
refuses locked cases as for every other change. Nothing is resampled, cut off or drawn over unless the caller says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.client import Client, Json
from backend.domain.ids import new_id
from backend.errors import NotFound, Rejected
from backend.imaging import masks
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.mask_files import MaskFile, Segment, read_mask_file
from backend.imaging.mask_placing import Fit, MaskDoesNotFit, compare, place


class NeedsResampling(Rejected):
    """The file's voxels do not coincide with the volume's and nobody asked to resample."""

    code = "mask_needs_resampling"
    title = "The masks lie on another grid"


class MaskReachesOutside(Rejected):
    """Part of a mask lies outside the volume and nobody said to cut it off."""

    code = "mask_reaches_outside"
    title = "The masks reach beyond the volume"


class OtherFrameOfReference(Rejected):
    """The file and the volume say that their coordinates cannot be compared."""

    code = "mask_in_another_frame"
    title = "The masks lie in another frame of reference"


class NoSuchTarget(NotFound):
    """A segment, label or volume named for the import does not exist, or nothing was matched."""

    code = "no_import_target"
    title = "The masks have nowhere to go"


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody said about an import. `labels` maps the name or number of a segment to the name of a label;
    segments not named go by code, then by name. `resample` and `crop` allow what is refused else, `replace` draws over
    slices that the label has already."""

    labels: Mapping[str, str]
    volume_id: str | None = None
    threshold: float = 0.5
    resample: bool = False
    crop: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """One segment and the label that it goes to (None: skipped)."""

    segment: Segment
    label: Json | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import will do; nothing is written yet."""

    path: Path
    file: MaskFile
    volume: Json
    fit: Fit
    segments: tuple[Planned, ...]

    def to_json(self) -> Json:
        fit = self.fit
        return {
            "format": self.file.format,
            "volume_id": self.volume["id"],
            "same_voxels": fit.is_exact,
            "spacing_kji_mm": list(fit.mask.spacing_kji_mm),
            "volume_spacing_kji_mm": list(fit.volume.spacing_kji_mm),
            "centres_apart_mm": fit.apart_mm,
            "segments": [
                {
                    "number": planned.segment.number,
                    "name": planned.segment.name,
                    "color": planned.segment.color,
                    "code": planned.segment.code.value if planned.segment.code else None,
                    "label": planned.label["name"] if planned.label else None,
                }
                for planned in self.segments
            ],
        }


def plan_import(client: Client, case_id: str, path: Path, choices: Choices) -> Plan:
    """Read the file and match it with the case. Raises NoSuchTarget, OtherFrameOfReference and what
    `read_mask_file` raises."""
    if not path.is_file():
        raise NoSuchTarget(f"{path} is no file.")
    case = client.case(case_id)
    volumes = [v["id"] for v in case["volumes"] if choices.volume_id in (None, v["id"])]
    if len(volumes) != 1:
        raise NoSuchTarget(
            f"The case has {len(case['volumes'])} volumes." if choices.volume_id is None else "No such volume here.",
            hint=f"Name one of them: {', '.join(v['id'] for v in case['volumes'])}.",
        )
    volume = client.volume(volumes[0])
    file = read_mask_file(path, threshold=choices.threshold)
    frame = volume["series"].get("frame_of_reference_uid")
    if frame and file.frame_of_reference_uid and frame != file.frame_of_reference_uid:
        raise OtherFrameOfReference(
            "The frame of reference of the file is not that of the volume: another patient or another examination.",
            hint="Choose the case that the masks were drawn on.",
        )
    slices, rows, columns = volume["shape_kji"]
    grid = VolumeGeometry(np.array(volume["affine_lps"]), (slices, rows, columns))
    labels = client.labels(case["project_id"])
    return Plan(path, file, volume, compare(file.geometry, grid), _matched(file.segments, labels, choices.labels))


def apply_import(client: Client, plan: Plan, choices: Choices) -> list[Json]:
    """Append one revision a label and say what was done to each. All masks are placed and checked before the first is
    sent. Raises NeedsResampling, MaskReachesOutside, MaskDoesNotFit, NoSuchTarget and what the server refuses."""
    wanted = [(planned.segment, planned.label) for planned in plan.segments if planned.label is not None]
    if not wanted:
        raise NoSuchTarget(
            "No segment of the file has the code or the name of a label.", hint='Say which goes where: --map "1=Liver".'
        )
    if not plan.fit.is_exact and not choices.resample:
        spacing = " x ".join(f"{mm:.3g}" for mm in plan.fit.mask.spacing_kji_mm)
        own = " x ".join(f"{mm:.3g}" for mm in plan.fit.volume.spacing_kji_mm)
        raise NeedsResampling(
            f"The file has voxels of {spacing} mm, the volume {own} mm (slices, rows, columns); the centres of the "
            f"grids are {plan.fit.apart_mm:.1f} mm apart.",
            hint="--resample takes the nearest voxel of the mask for each voxel of the volume.",
        )
    placed: dict[str, tuple[Json, masks.BoolMask, list[Segment]]] = {}
    voxels = lost = 0
    for segment, label in wanted:
        mask = segment.read()
        on_volume, outside = place(mask, plan.fit)
        voxels, lost = voxels + int(mask.sum()), lost + outside
        _, before, segments = placed.get(label["id"], (label, np.zeros_like(on_volume), []))
        placed[label["id"]] = (label, before | on_volume, [*segments, segment])
    if not any(mask.any() for _, mask, _ in placed.values()):
        raise MaskDoesNotFit(
            f"None of the {voxels} voxels of the masks lies inside the volume; the centres of the grids are "
            f"{plan.fit.apart_mm:.1f} mm apart.",
            hint="Is it the mask of another case, or in another frame of reference?",
        )
    if lost and not choices.crop:
        raise MaskReachesOutside(
            f"{lost} of {voxels} voxels ({lost / voxels:.1%}) lie outside the volume.", hint="--crop leaves them out."
        )
    digest = hashlib.sha256(plan.path.read_bytes()).hexdigest()
    done = []
    for label, mask, segments in placed.values():
        told = {
            "format": plan.file.format,
            "sha256": digest,
            "segments": [segment.number for segment in segments],
            "resampled": not plan.fit.is_exact,
        }
        done.append(_append(client, plan.volume["id"], label, mask, told, replace=choices.replace))
    return done


def _append(client: Client, volume_id: str, label: Json, mask: masks.BoolMask, told: Json, *, replace: bool) -> Json:
    """One revision with the slices that change. The name of the file is not told: it may name the patient."""
    annotation = client.annotation(volume_id, label["id"])
    drawn = client.masks(annotation["id"])
    slices, kept = [], []
    for k in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        wanted = masks.encode(mask[k])
        present = drawn["slices"].get(str(k))
        if present is None or replace:
            flips = masks.xor(present, wanted) if present else wanted
            if not masks.is_empty(flips):
                slices.append({"slice": k, "flips": {"size": list(flips["size"]), "counts": flips["counts"]}})
        elif not masks.is_empty(masks.xor(present, wanted)):
            kept.append(k)
    if slices:
        revision = {
            "id": str(new_id()),
            "parent": drawn["head"],
            "origin": "import",
            "slices": slices,
            "prompts": {"import": told},
        }
        client.append_revision(annotation["id"], revision)
    return {"label": label["name"], "slices": [change["slice"] for change in slices], "kept": kept}


def _matched(segments: Sequence[Segment], labels: Sequence[Json], said: Mapping[str, str]) -> tuple[Planned, ...]:
    by_name = {label["name"].casefold(): label for label in labels}
    by_code = {(label["code"]["scheme"], label["code"]["value"]): label for label in labels if label["code"]}
    names = {key for segment in segments for key in (segment.name, str(segment.number))}
    for key, name in said.items():
        if key not in names:
            raise NoSuchTarget(f"The file has no segment '{key}'.", hint="--dry-run lists the segments.")
        if name.casefold() not in by_name:
            raise NoSuchTarget(f"The project has no label '{name}'.", hint=f"It has {', '.join(by_name) or 'none'}.")
    planned = []
    for segment in segments:
        chosen = said.get(str(segment.number)) or said.get(segment.name)
        if chosen:
            label: Json | None = by_name[chosen.casefold()]
        else:
            code = (segment.code.scheme, segment.code.value) if segment.code else None
            label = (by_code.get(code) if code else None) or by_name.get(segment.name.casefold())
        planned.append(Planned(segment, label))
    return tuple(planned)
