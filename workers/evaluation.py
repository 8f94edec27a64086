"""Files on disk -> cases of the evaluation protocol, and what a report says of where it came from.

Volumes are read as the application reads them: the same slice axis, the same window for the model. Sets of pictures are
zips with `images/`, `masks/` and `index.csv`. Every fault of a file is an `UnusableCase` with its path in the sentence.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from glob import glob
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from backend.errors import AppError
from backend.imaging.intensity import intensity_statistics, model_input, model_window
from backend.imaging.nifti import NiftiImport, read_nifti
from backend.imaging.outcomes import SourceFile
from workers.sammed.assist import AssistConfig
from workers.sammed.protocol import Case, InvalidProtocol, ProtocolConfig, TrialName
from workers.sammed.sam import SamModel
from workers.sammed.types import SammedError
from workers.training.data import INSTANCE_SETS

SAME_GRID_VOXELS = 0.5
"""Label and image may lie this far apart at a corner of the grid, in voxels; rounded headers do."""

ALL_SETS = "all"
"""What `merge` takes for every data set."""


class UnusableCase(SammedError):
    """A file that cannot be a case: missing, of another kind or shape, without labels."""


# ---- volumes --------------------------------------------------------------------------------------------------------


def find_volumes(folder: Path) -> list[tuple[Path, Path]]:
    """All pairs `image.nii.gz`, `label.nii.gz` (or without .gz) that lie together below a folder, sorted.

    Raises UnusableCase when there is none."""
    if not folder.is_dir():
        raise UnusableCase(f"There is no folder {folder}.")
    pairs = []
    for ending in (".nii.gz", ".nii"):
        found = glob(f"**/image{ending}", root_dir=folder, recursive=True)  # unlike rglob it follows linked folders
        images = [folder / path for path in found]
        pairs += [(i, i.with_name(f"label{ending}")) for i in images if i.with_name(f"label{ending}").is_file()]
    if not pairs:
        raise UnusableCase(f"Nowhere below {folder} lie an image.nii.gz and a label.nii.gz together.")
    return sorted(pairs)


def volume_case(image_path: Path, label_path: Path, merge: Sequence[str] = ()) -> Case:
    """One volume with its label image. Label names come from a `labels.json` or the application's own sidecar beside
    the label image, otherwise they are the values. `merge` names the data sets (folders above the case's folder) whose
    label values number instances of one label. Raises UnusableCase."""
    image, label = _read(image_path), _read(label_path)
    if image.volume.channels != 1:
        raise UnusableCase(f"{image_path} is a colour volume.", "Evaluation of volumes needs grey values.")
    if label.volume.voxels.shape != image.volume.voxels.shape:
        shapes = (" x ".join(map(str, i.source.file_shape_ijk)) for i in (label, image))
        raise UnusableCase("{} has {} voxels, its image has {}.".format(label_path, *shapes))
    if (apart := _voxels_apart(label, image)) > SAME_GRID_VOXELS:
        raise UnusableCase(f"{label_path} lies up to {apart:.1f} voxels beside its image.", "Resample it to the image.")
    if not np.issubdtype(label.volume.voxels.dtype, np.integer):
        raise UnusableCase(f"{label_path} holds values that are no whole numbers.", "Labels are 0, 1, 2, ...")
    values = [int(v) for v in np.unique(label.volume.voxels) if v]
    if not values:
        raise UnusableCase(f"{label_path} is empty: all its voxels are 0.")
    if values[0] < 0:
        raise UnusableCase(f"{label_path} holds the value {values[0]}.", "Labels are 0, 1, 2, ...")
    voxels, modality = image.volume.voxels, image.volume.modality
    window = model_window(modality, intensity_statistics(voxels))
    known = _label_names(label_path)
    dataset = image_path.resolve().parent.parent.name
    return Case(
        name=f"{dataset}/{image_path.resolve().parent.name}",
        images=[model_input(plane, window) for plane in voxels],
        labels=list(label.volume.voxels),
        label_names={value: known.get(value, str(value)) for value in values},
        is_volume=True,
        dataset=dataset,
        merged="all labels" if ALL_SETS in merge or dataset in merge else "",
    )


def _read(path: Path) -> NiftiImport:
    """The one volume of a file, all of whose voxels are numbers. Raises UnusableCase."""
    try:
        volumes = list(read_nifti(SourceFile(path, path.name)))
    except AppError as error:
        raise UnusableCase(f"{path}: {error.detail}", error.hint or "") from error
    except FileNotFoundError as error:
        raise UnusableCase(f"There is no file {path}.") from error
    except OSError as error:
        raise UnusableCase(f"{path} cannot be read: {error.strerror}.") from error
    if len(volumes) != 1:
        raise UnusableCase(f"{path} holds {len(volumes)} volumes.", "Write each to a file of its own.")
    if volumes[0].replaced_voxels:
        raise UnusableCase(f"{path} holds {volumes[0].replaced_voxels} voxels that are no finite numbers (NaN).")
    return volumes[0]


def _voxels_apart(label: NiftiImport, image: NiftiImport) -> float:
    """How far the same voxel lies from itself in the two files, at worst, in voxels of the image."""
    grids = [i.volume.geometry for i in (label, image)]
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in grids[1].shape_kji], [1], indexing="ij")).reshape(4, -1)
    away = (grids[0].affine_lps - grids[1].affine_lps) @ corners
    return float(np.linalg.norm(away[:3], axis=0).max() / min(grids[1].spacing_kji_mm))


def _label_names(label_path: Path) -> dict[int, str]:
    """Value -> name: {"labels": {"1": "liver"}} or {"labels": [{"value": 1, "name": "liver"}]}; {} without a file."""
    stem = label_path.name.removesuffix(".gz").removesuffix(".nii")
    for path in (label_path.with_name("labels.json"), label_path.with_name(f"{stem}.json")):
        if not path.is_file():
            continue
        try:
            labels = json.loads(path.read_text(encoding="utf-8"))["labels"]
            if isinstance(labels, dict):
                return {int(value): str(name) for value, name in labels.items()}
            return {int(entry["value"]): str(entry["name"]) for entry in labels}
        except (ValueError, KeyError, TypeError) as error:
            raise UnusableCase(f"{path} does not name labels: {error}.") from error
    return {}


# ---- sets of pictures -----------------------------------------------------------------------------------------------


def set_case(path: Path, most: int, seed: int, merge: Sequence[str] = ()) -> Case:
    """At most `most` annotated pictures of a set, drawn by `seed`, in the order of its index. Sets known to hold
    instances are merged, and those that `merge` names. Raises UnusableCase."""
    try:
        with zipfile.ZipFile(path) as archive:
            table = io.TextIOWrapper(archive.open("index.csv"), "utf-8")
            names = [row["name"] for row in csv.DictReader(table)]
            pairs = [(_picture(archive, f"images/{n}.jpg"), _picture(archive, f"masks/{n}.png")) for n in names]
    except FileNotFoundError as error:
        raise UnusableCase(f"There is no file {path}.") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UnusableCase(
            f"{path} is not a set of pictures: {error}", "It needs images/*.jpg, masks/*.png and index.csv."
        ) from error
    annotated = [(image, mask) for image, mask in pairs if mask.any()]
    if not annotated:
        raise UnusableCase(f"{path} is empty: no picture has a mask.")
    for image, mask in annotated:
        if mask.shape != image.shape[:2]:
            raise UnusableCase(f"{path}: a mask has {mask.shape} pixels, its picture has {image.shape[:2]}.")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(annotated))[:most])
    images, masks = zip(*(annotated[i] for i in chosen), strict=True)
    values = sorted({int(v) for mask in masks for v in np.unique(mask) if v})
    merged = path.stem in INSTANCE_SETS or path.stem in merge or ALL_SETS in merge
    return Case(
        name=path.stem,
        images=images,
        labels=masks,
        label_names={value: str(value) for value in values},
        is_volume=False,
        dataset=path.stem,
        merged="all instances" if merged else "",
    )


def _picture(archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    """uint8 [H, W] for grey pictures and masks, [H, W, 3] for others."""
    with Image.open(io.BytesIO(archive.read(name))) as picture:
        return np.array(picture if picture.mode in ("L", "P") else picture.convert("RGB"))


# ---- all of them ----------------------------------------------------------------------------------------------------


def read_cases(
    volumes: Sequence[tuple[Path, Path]],
    sets: Sequence[Path],
    *,
    labels: Sequence[str] = (),
    merge: Sequence[str] = (),
    pictures: int = 30,
    seed: int = 0,
) -> list[Case]:
    """All cases, those labels of them that `labels` names by value or name (all without), under names of their own.

    Raises UnusableCase for a file, and when a wanted label is in none of them."""
    cases = [volume_case(image, label, merge) for image, label in volumes]
    cases += [set_case(path, pictures, seed, merge) for path in sets]
    if not cases:
        raise UnusableCase("There is nothing to evaluate.", "Give --image and --label, --cases or --set.")
    taken: dict[str, int] = {}
    for number, case in enumerate(cases):
        taken[case.name] = taken.get(case.name, 0) + 1
        if taken[case.name] > 1:
            cases[number] = _renamed(case, f"{case.name} ({taken[case.name]})")
    return _with_labels(cases, labels) if labels else cases


def _renamed(case: Case, name: str) -> Case:
    return Case(name, case.images, case.labels, case.label_names, case.is_volume, case.dataset, case.merged)


def _with_labels(cases: Sequence[Case], wanted: Sequence[str]) -> list[Case]:
    present = {word for case in cases for value, name in case.label_names.items() for word in (str(value), name)}
    if absent := [word for word in wanted if word not in present]:
        known = sorted({f"{v} ({n})" if n != str(v) else n for c in cases for v, n in c.label_names.items()})
        more = ", ..." if len(known) > 20 else ""
        raise UnusableCase(
            f"The label {absent[0]} is in none of the cases.", f"There are: {', '.join(known[:20])}{more}."
        )
    chosen = []
    for case in cases:
        names = {v: n for v, n in case.label_names.items() if str(v) in wanted or n in wanted}
        if names:
            labels = case.labels
            if case.merged:
                labels = [np.where(np.isin(plane, list(names)), plane, 0) for plane in labels]
            chosen.append(Case(case.name, case.images, labels, names, case.is_volume, case.dataset, case.merged))
    return chosen


# ---- where it came from ---------------------------------------------------------------------------------------------


def describe(
    command: TrialName, model: SamModel, cases: Sequence[Case], config: ProtocolConfig, skipped: Sequence[str]
) -> dict[str, Any]:
    """What has to be known to measure the same again; JSON."""
    return {
        "command": command,
        "model": model.name,
        "model_checksum": model.checksum,
        "seed": config.seed,
        "config": asdict(config),
        "cases": [
            {
                "name": case.name,
                "dataset": case.dataset,
                "slices": len(case.images),
                "labels": [case.merged] if case.merged else [case.label_names[v] for v in sorted(case.label_names)],
            }
            for case in cases
        ],
        "skipped": list(skipped),
        "code": {"version": version("sammed"), "commit": _commit()},
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
    }


def _commit() -> str | None:
    """What git calls this checkout, `-dirty` with changes; None outside of one."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


# ---- options of the commands ----------------------------------------------------------------------------------------


def check_options(options: Mapping[str, Any]) -> None:
    """What can be said before any file is read. Raises InvalidProtocol, and UnusableCase for the folder to write."""
    if len(options["image"]) != len(options["label"]):
        raise InvalidProtocol(
            f"There are {len(options['image'])} --image and {len(options['label'])} --label.", "They belong in pairs."
        )
    for name in ("jobs", "threads", "pictures", "steps"):
        if options[name] is not None and options[name] < 1:
            raise InvalidProtocol(f"The number of {name} is {options[name]}; 1 is the least.")
    out = options["out"]
    if out is None and not options["as_json"]:
        raise InvalidProtocol("Nobody would see the result.", "Name a folder with --out, or ask for --json.")
    if out is not None:
        there = next(folder for folder in (Path(out).absolute(), *Path(out).absolute().parents) if folder.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise UnusableCase(f"The report cannot be written to {out}: {there} is no folder that can be written.")


def protocol_config(options: Mapping[str, Any]) -> ProtocolConfig:
    """The options of a command as the protocol's settings; what a command has no option for keeps its default. Raises
    InvalidProtocol."""
    given: dict[str, Any] = {
        "slices": _numbers(options["slices"], "--slices"),
        "repeats": options["repeats"],
        "seed": options["seed"],
        "test_slices": options["test_slices"] or None,
    }
    if "points" in options:
        given["points"] = _numbers(options["points"], "--points")
    for name in ("prompts", "schemes", "baselines", "generators"):
        if name in options:
            given[name] = words(options[name])
    for name in ("baseline_slices", "background_slices"):
        if name in options:
            given[name] = options[name]
    if options["steps"] is not None:
        given["assist"] = AssistConfig(steps=options["steps"])
    return ProtocolConfig(**given)


def words(text: str) -> tuple[str, ...]:
    """`points,boxes` -> ("points", "boxes"); () for nothing."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidProtocol(f"{option} takes whole numbers with commas between, not {text!r}.") from error
