"""`sammed evaluate assist|auto|ablation` on files: what it reads, what it writes, and how it refuses."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from tests.sammed.conftest import small_checkpoint  # noqa: F401, a fixture
from tests.sammed.evaluation_cases import SHAPE_HW, cells, volume
from workers.cli import app
from workers.evaluation import find_volumes, read_cases, set_case, volume_case

AFFINE = np.diag([-1.0, -1.0, 4.0, 1.0])
"""Rows and columns as in the picture, slices along the third axis of the file."""
QUICK = ["--steps", "2", "--slices", "2", "--points", "1", "--prompts", "points", "--test-slices", "2"]


def write(path: Path, slices: Any, affine: NDArray[Any] = AFFINE) -> Path:
    """Planes [rows, columns] -> a NIfTI file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.ascontiguousarray(np.stack(slices).transpose(2, 1, 0))
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def write_case(folder: Path, name: str = "ball") -> tuple[Path, Path]:
    case = volume(name, both=True)
    image = write(folder / name / "image.nii.gz", [plane.astype(np.int16) for plane in case.images])
    label = write(folder / name / "label.nii.gz", case.labels)
    (folder / name / "labels.json").write_text(json.dumps({"labels": {"1": "ball", "2": "marble"}}))
    return image, label


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write_case(tmp_path / "phantoms")


@pytest.fixture
def evaluate(small_checkpoint: Path) -> Callable[..., Result]:  # noqa: F811
    """`evaluate("assist", ...)` with the tiny model."""

    def run(*words: object) -> Result:
        arguments = ["evaluate", *map(str, words)]
        if "--model" not in arguments:
            arguments += ["--model", str(small_checkpoint)]
        return CliRunner().invoke(app, arguments)

    return run


# ---- what it writes ---------------------------------------------------------------------------------------------


def test_one_json_document_on_stdout_and_the_report_beside_it(
    evaluate: Callable[..., Result], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "new" / "report"
    result = evaluate("assist", "--image", pair[0], "--label", pair[1], *QUICK, "--json", "--out", out)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert {r["label"] for r in printed["rows"]} == {"ball", "marble"}
    assert {r["method"] for r in printed["rows"]} == {"plain", "assist", "grabcut", "random_walker", "region_growing"}
    assert {(r["case"], r["dataset"]) for r in printed["rows"]} == {("phantoms/ball", "phantoms")}
    assert printed["protocol"]["cases"] == [
        {"name": "phantoms/ball", "dataset": "phantoms", "slices": 9, "labels": ["ball", "marble"]}
    ]
    assert json.loads((out / "protocol.json").read_text()) == printed["protocol"]
    assert printed["protocol"]["code"]["version"] and printed["protocol"]["torch_threads"] >= 1
    assert len((out / "results.csv").read_text().splitlines()) == len(printed["rows"]) + 1
    assert (out / "plots" / "fig7_points.png").exists() and not list(out.glob(".report*"))


def test_the_same_seed_gives_the_same_table(evaluate: Callable[..., Result], pair: tuple[Path, Path]) -> None:
    words = ["--image", pair[0], "--label", pair[1], "--labels", "ball", *QUICK, "--baselines", "region_growing"]
    tables = []
    for seed in (3, 3, 4):
        rows = json.loads(evaluate("assist", *words, "--json", "--seed", seed).stdout)["rows"]
        tables.append([{k: v for k, v in r.items() if k != "seconds"} for r in rows])
    assert tables[0] == tables[1] != tables[2]


@pytest.mark.parametrize("command", ["auto", "ablation"])
def test_the_other_two_commands_write_their_reports(
    evaluate: Callable[..., Result], pair: tuple[Path, Path], tmp_path: Path, command: str
) -> None:
    words = ["--image", pair[0], "--label", pair[1], "--labels", "1", "--slices", "2", "--steps", "2"]
    result = evaluate(command, *words, "--test-slices", "2", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""  # what it has to say goes to standard error
    text = (tmp_path / "out" / "report.md").read_text()
    assert ("Fig. 12" if command == "auto" else "Table 5") in text and "phantoms" in text


def test_labels_with_too_few_slices_are_said_to_be_left_out(
    evaluate: Callable[..., Result], pair: tuple[Path, Path]
) -> None:
    few = [np.where(plane == 2, 2 * (k == 4), plane) for k, plane in enumerate(volume(both=True).labels)]
    write(pair[1], [plane.astype(np.uint8) for plane in few])
    result = evaluate("assist", "--image", pair[0], "--label", pair[1], *QUICK, "--baselines", "", "--json")
    assert result.exit_code == 0 and "left out: phantoms/ball, marble: only 1 slice shows it" in result.stderr
    assert {r["label"] for r in json.loads(result.stdout)["rows"]} == {"ball"}


# ---- what it reads ----------------------------------------------------------------------------------------------


def test_a_folder_of_cases_is_found_whole(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_case(tmp_path / "phantoms", name)
    (tmp_path / "phantoms" / "lonely").mkdir()
    write(tmp_path / "phantoms" / "lonely" / "image.nii.gz", volume().labels)
    assert [image.parent.name for image, _ in find_volumes(tmp_path)] == ["a", "b"]
    assert [c.name for c in read_cases(find_volumes(tmp_path), [])] == ["phantoms/a", "phantoms/b"]


@pytest.mark.parametrize("axes", [(2, 1, 0), (0, 2, 1), (1, 0, 2)])
def test_slices_are_those_of_the_application(tmp_path: Path, axes: tuple[int, int, int]) -> None:
    """The coarsest axis is the slice axis, wherever it lies. `axes`: slice, row or column of each axis of the file."""
    case = volume(both=True)
    steps = np.array([[0, 0, 4.0], [0, -1.0, 0], [-1.0, 0, 0]])  # of a slice, a row, a column in the patient (RAS)
    affine = np.eye(4)
    affine[:3, :3] = steps[list(axes)].T
    for kind, planes in (("image", [p.astype(np.int16) for p in case.images]), ("label", case.labels)):
        array = np.ascontiguousarray(np.stack(planes).transpose(axes))
        nib.save(nib.Nifti1Image(array, affine), tmp_path / f"{kind}.nii.gz")
    read = volume_case(tmp_path / "image.nii.gz", tmp_path / "label.nii.gz")
    assert len(read.images) == 9 and read.images[0].shape == SHAPE_HW and read.is_volume
    np.testing.assert_array_equal(np.stack(read.labels), np.stack(case.labels))
    assert all(plane.dtype == np.uint8 for plane in read.images)


def test_label_names_come_from_the_sidecar_of_an_export(tmp_path: Path) -> None:
    image, label = write_case(tmp_path / "phantoms")
    label.with_name("labels.json").unlink()
    assert volume_case(image, label).label_names == {1: "1", 2: "2"}
    label.with_name("label.json").write_text(json.dumps({"labels": [{"value": 2, "name": "marble"}]}))
    assert volume_case(image, label).label_names == {1: "1", 2: "marble"}


def test_merged_labels_are_instances_of_one(pair: tuple[Path, Path]) -> None:
    case = read_cases([pair], [], merge=["phantoms"])[0]
    assert case.merged and len(read_cases([pair], [], merge=["others"])[0].merged) == 0
    only_two = read_cases([pair], [], merge=["all"], labels=["marble"])[0]
    assert set(np.unique(np.stack(only_two.labels))) == {0, 2}


def write_set(path: Path) -> Path:
    case = cells(path.stem)
    with zipfile.ZipFile(path, "w") as archive:
        names = [f"p{n}" for n in range(len(case.images))]
        archive.writestr("index.csv", "name,group,split\r\n" + "".join(f"{n},{n},train\r\n" for n in names))
        for name, image, mask in zip(names, case.images, case.labels, strict=True):
            for member, pixels in ((f"images/{name}.jpg", image), (f"masks/{name}.png", mask)):
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, member[-3:].replace("jpg", "jpeg"))
                archive.writestr(member, buffer.getvalue())
    return path


def test_a_set_of_pictures_plays_the_slices(evaluate: Callable[..., Result], tmp_path: Path) -> None:
    path = write_set(tmp_path / "dsb2018.zip")
    assert len(set_case(path, 4, seed=0).images) == 4 and set_case(path, 4, seed=0).merged
    assert not set_case(write_set(tmp_path / "others.zip"), 9, seed=0).merged
    result = evaluate("assist", "--set", path, "--steps", 2, "--slices", 2, "--prompts", "boxes", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["rows"]
    assert {r["case"] for r in rows} == {"dsb2018"} and {r["interactions"] for r in rows} == {4.0}


# ---- how it refuses ---------------------------------------------------------------------------------------------


def spoil_shape(image: Path, label: Path) -> None:
    write(label, volume().labels[:-1])


def spoil_grid(image: Path, label: Path) -> None:
    shifted = AFFINE.copy()
    shifted[0, 3] = 30
    write(label, volume().labels, shifted)


def spoil_empty(image: Path, label: Path) -> None:
    write(label, np.zeros((9, *SHAPE_HW), np.uint8))


def spoil_single(image: Path, label: Path) -> None:
    write(image, [volume().images[4].astype(np.int16)])
    write(label, [volume().labels[4]])


def spoil_colour(image: Path, label: Path) -> None:
    array = np.zeros((SHAPE_HW[1], SHAPE_HW[0], 9), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(array, AFFINE), image)


def spoil_nan(image: Path, label: Path) -> None:
    planes = np.stack(volume().images).astype(np.float32)
    planes[2, 3, 4] = np.nan
    write(image, planes)


def spoil_fractions(image: Path, label: Path) -> None:
    write(label, np.stack(volume().labels).astype(np.float32) / 2)


def spoil_kind(image: Path, label: Path) -> None:
    image.write_bytes(b"no image at all" * 50)


def spoil_missing(image: Path, label: Path) -> None:
    label.unlink()


def refused(result: Result, sentence: str) -> None:
    """One sentence on standard error, code 2, nothing on standard output, no traceback."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert sentence in result.stderr and "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_shape, "label.nii.gz has 56 x 48 x 8 voxels, its image has 56 x 48 x 9."),
        (spoil_grid, "label.nii.gz lies up to 30.0 voxels beside its image."),
        (spoil_empty, "label.nii.gz is empty"),
        (spoil_single, "only 1 slice shows it"),
        (spoil_colour, "image.nii.gz is a colour volume"),
        (spoil_nan, "image.nii.gz holds 1 voxels that are no finite numbers"),
        (spoil_fractions, "label.nii.gz holds values that are no whole numbers"),
        (spoil_kind, "image.nii.gz: "),
        (spoil_missing, "There is no file"),
    ],
)
def test_unusable_files_are_told_in_a_sentence(
    evaluate: Callable[..., Result],
    pair: tuple[Path, Path],
    tmp_path: Path,
    spoil: Callable[[Path, Path], None],
    sentence: str,
) -> None:
    spoil(*pair)
    out = tmp_path / "out"
    refused(evaluate("assist", "--image", pair[0], "--label", pair[1], *QUICK, "--out", out), sentence)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--slices", "0"], "number of slices is 0"),
        (["--slices", "two"], "--slices takes whole numbers"),
        (["--prompts", "points,lines"], "no prompt kind lines"),
        (["--labels", "7"], "The label 7 is in none of the cases. There are: 1 (ball), 2 (marble)."),
        (["--model", "vit_x"], "no model and no file vit_x"),
        (["--image", "more.nii.gz"], "2 --image and 1 --label"),
        (["--cases", "nowhere"], "no folder nowhere"),
        (["--jobs", "0"], "number of jobs is 0"),
    ],
)
def test_options_that_mean_nothing_are_told_in_a_sentence(
    evaluate: Callable[..., Result], pair: tuple[Path, Path], options: list[str], sentence: str
) -> None:
    refused(evaluate("assist", "--image", pair[0], "--label", pair[1], *QUICK, "--json", *options), sentence)


def test_a_checkpoint_of_another_shape_is_told_in_a_sentence(
    evaluate: Callable[..., Result],
    pair: tuple[Path, Path],
    tmp_path: Path,
    small_checkpoint: Path,  # noqa: F811
) -> None:
    with safe_open(small_checkpoint, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(small_checkpoint)
    first = next(iter(sorted(tensors)))
    save_file({**tensors, first: torch.zeros(3, 5)}, tmp_path / "wrong.safetensors", metadata)
    words = ["--image", pair[0], "--label", pair[1], *QUICK, "--json", "--model", tmp_path / "wrong.safetensors"]
    refused(evaluate("assist", *words), "does not fit the network")


def test_a_folder_that_cannot_be_written_is_said_before_any_work(
    evaluate: Callable[..., Result], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ["--image", pair[0], "--label", pair[1], *QUICK, "--out", tmp_path / "file" / "report"]
    refused(evaluate("assist", *words), "cannot be written")


def test_it_asks_where_the_result_should_go(evaluate: Callable[..., Result], pair: tuple[Path, Path]) -> None:
    refused(evaluate("assist", "--image", pair[0], "--label", pair[1], *QUICK), "--out")


def test_no_case_at_all_is_told(evaluate: Callable[..., Result]) -> None:
    refused(evaluate("auto", "--json"), "There is nothing to evaluate.")


@pytest.mark.parametrize("spoil", [b"no zip", None])
def test_a_set_that_is_none_is_told(evaluate: Callable[..., Result], tmp_path: Path, spoil: bytes | None) -> None:
    path = tmp_path / "busi.zip"
    if spoil:
        path.write_bytes(spoil)
    refused(evaluate("assist", "--set", path, "--json"), str(path))
