"""What is sent together and what is not sent at all, from a tree of files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from backend.bulk import sending, tree
from backend.bulk.tree import TreeFile, scan
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies, one of them in two folders, an archive, pictures, a NIfTI file, and what is none of these."""
    root = tmp_path_factory.mktemp("tree")
    for seed in (1, 2):
        write_dicom_series(abdominal_phantom((4, 32, 32), (30.0, 12.0, 12.0), seed=seed), root / f"patient {seed}")
    (root / "late").mkdir()
    (root / "patient 1" / "phantom_003.dcm").rename(root / "late" / "phantom_003.dcm")
    with zipfile.ZipFile(root / "old.zip", "w") as archive:
        archive.writestr("a", b"b")
    (root / "pictures").mkdir()
    for n in range(3):
        Image.fromarray(np.full((8, 8), n, np.uint8)).save(root / "pictures" / f"{n}.png")
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), root / "head.nii.gz")
    (root / "notes.txt").write_text("no image")
    (root / "nothing.dcm").touch()
    (root / ".DS_Store").write_bytes(b"x")
    return root


def test_a_study_goes_together_wherever_its_files_lie(root: Path) -> None:
    seen: list[int] = []
    found = scan(root, on_file=seen.append)
    by_key = {group.key.partition(":")[0]: group for group in found.groups}
    studies = [group for group in found.groups if group.key.startswith("study:")]
    assert sorted(len(group.files) for group in studies) == [4, 4]
    split = next(group for group in studies if "late/phantom_003.dcm" in [file.name for file in group.files])
    assert len({file.series for file in split.files}) == 1
    assert [file.name for file in by_key["file"].files] == ["old.zip"]
    folders = {group.key: [file.name for file in group.files] for group in found.groups if "folder:" in group.key}
    assert folders == {
        "folder::0": ["head.nii.gz"],
        "folder:pictures:0": ["pictures/0.png", "pictures/1.png", "pictures/2.png"],
    }
    assert seen[-1] == sum(1 for path in root.rglob("*") if path.is_file())


def test_what_is_no_image_is_left_out_with_a_reason(root: Path) -> None:
    skipped = {file.name: file for file in scan(root).skipped}
    assert set(skipped) == {"notes.txt", "nothing.dcm", ".DS_Store"}
    assert [skipped[name].code for name in sorted(skipped)] == ["system_file", "unknown_file_type", "empty_file"]
    assert all(file.reason for file in skipped.values())


def test_one_file_is_a_tree(root: Path) -> None:
    [group] = scan(root / "head.nii.gz").groups
    assert [file.name for file in group.files] == ["head.nii.gz"]
    assert not scan(root / "absent").groups


def test_a_folder_of_many_pictures_is_cut(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_FILES_OF_A_FOLDER", 2)
    groups = scan(root / "pictures").groups
    assert [(group.key, len(group.files)) for group in groups] == [("folder::0", 2), ("folder::1", 1)]


def test_batches_are_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BATCH_FILES", 3)
    monkeypatch.setattr(sending, "BATCH_BYTES", 100)
    series = next(scan(root).files).series
    files = [TreeFile(root, str(n), size, series) for n, size in enumerate([10, 10, 10, 10, 95, 500, 1])]
    assert [[file.size_bytes for file in batch] for batch in sending.batches(files)] == [
        [10, 10, 10],
        [10],
        [95],
        [500],
        [1],
    ]
