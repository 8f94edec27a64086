"""The entry point: any mix of files, told apart by content; no file goes unmentioned."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.imaging.archive import ArchiveLimits
from backend.imaging.errors import UnknownFileType
from backend.imaging.importing import ImportedVolume, Outcome, SourceKind, read_uploads, sniff
from backend.imaging.outcomes import Fault, Ignored, SourceFile
from tests import phantoms

AFFINE = phantoms.ras_of(phantoms.geometry("LPS"))


@pytest.fixture
def mixed(tmp_path: Path) -> list[SourceFile]:
    """A zip with a CT series, an RTSTRUCT-like report and system files; a NIfTI, a PNG and rubbish beside it."""
    folder = tmp_path / "ct"
    folder.mkdir()
    phantoms.write_dicom(folder, phantoms.numbered((3, 4, 5)), phantoms.geometry())
    report = phantoms.image_dataset(np.zeros((2, 2), np.uint8))
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    del report.PixelData, report.Rows, report.Columns
    phantoms.save([report], folder, "report")
    with zipfile.ZipFile(tmp_path / "upload0", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"DICOM/{path.name}")
        archive.writestr("DICOM/.DS_Store", "x")
    phantoms.write_nifti(tmp_path / "b.nii.gz", phantoms.numbered((4, 5, 6)), AFFINE)
    (tmp_path / "b.nii.gz").rename(tmp_path / "upload1")
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "upload2", format="PNG")
    (tmp_path / "upload3").write_bytes(b"")
    (tmp_path / "upload4").write_bytes(b"%PDF-1.7 something")
    names = ["ct.zip", "liver.nii.gz", "photo.png", "empty.dcm", "notes.dcm"]
    return [SourceFile(tmp_path / f"upload{n}", name) for n, name in enumerate(names)]


def run(files: list[SourceFile], tmp_path: Path) -> list[Outcome]:
    workspace = tmp_path / "work"
    workspace.mkdir()
    return list(read_uploads(files, workspace, limits=ArchiveLimits()))


def test_a_mixed_upload(mixed: list[SourceFile], tmp_path: Path) -> None:
    outcomes = run(mixed, tmp_path)
    volumes = {o.name: o for o in outcomes if isinstance(o, ImportedVolume)}
    assert {name: (o.kind, o.volume.geometry.shape_kji) for name, o in volumes.items()} == {
        "Thorax": (SourceKind.DICOM, (3, 4, 5)),
        "liver": (SourceKind.NIFTI, (4, 6, 5)),
        "photo": (SourceKind.RASTER, (1, 8, 8)),
    }
    assert {o.files[0].name: o.error.code for o in outcomes if isinstance(o, Fault)} == {
        "empty.dcm": "empty_file",
        "notes.dcm": "unknown_file_type",
    }
    assert sorted(o.code for o in outcomes if isinstance(o, Ignored)) == ["not_an_image", "system_file"]
    assert all(file.name.startswith("ct.zip/DICOM/im") for file in volumes["Thorax"].files)
    assert len(volumes["Thorax"].instances) == len(volumes["Thorax"].files) == 3
    assert volumes["liver"].nifti is not None and volumes["liver"].files == (mixed[1],)


def test_no_file_goes_unmentioned(mixed: list[SourceFile], tmp_path: Path) -> None:
    mentioned = []
    for outcome in run(mixed, tmp_path):
        mentioned += [outcome.file] if isinstance(outcome, Ignored) else list(outcome.files)
    assert len({file.name for file in mentioned}) == 3 + 2 + 4


def test_volumes_come_one_at_a_time(mixed: list[SourceFile], tmp_path: Path) -> None:
    """The first volume is given out before the others are read."""
    (tmp_path / "work").mkdir()
    outcomes = read_uploads(mixed, tmp_path / "work", limits=ArchiveLimits())
    first = next(outcome for outcome in outcomes if isinstance(outcome, ImportedVolume))
    assert first.kind is SourceKind.DICOM
    mixed[1].path.write_bytes(mixed[1].path.read_bytes()[:200])
    codes = [outcome.error.code for outcome in outcomes if isinstance(outcome, Fault)]
    assert codes == ["corrupt_nifti"]


def test_progress_grows_to_one(mixed: list[SourceFile], tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    seen: list[float] = []
    for _ in read_uploads(
        mixed, tmp_path / "work", limits=ArchiveLimits(), progress=lambda fraction, message: seen.append(fraction)
    ):
        pass
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, pytest.approx(1.0))


def test_an_upload_of_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello world, this is text")
    [outcome] = run([SourceFile(tmp_path / "a", "a.txt")], tmp_path)
    assert isinstance(outcome, Fault)
    assert "hello" not in outcome.error.detail and "68 65" not in outcome.error.detail


def test_what_is_sent_by_mistake_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"%PDF-1.7 a letter about somebody")
    [outcome] = run([SourceFile(tmp_path / "a", "a.dcm")], tmp_path)
    assert isinstance(outcome, Fault) and "it looks like a PDF document" in outcome.error.detail


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0" * 128 + b"DICM", SourceKind.DICOM),
        (b"\x08\0\x05\0CS\x0a\0ISO_IR 100", SourceKind.DICOM),
        (b"\x08\0\x08\0\x16\0\0\0DERIVED\\PRIMARY", SourceKind.DICOM),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 16, SourceKind.RASTER),
        (b"II*\0" + b"\0" * 16, SourceKind.RASTER),
        (b"\0" * 344 + b"n+1\0", SourceKind.NIFTI),
        (b"\x1c\x02\0\0n+2\0\r\n\x1a\n" + b"\0" * 600, SourceKind.NIFTI),
    ],
)
def test_sniffing(content: bytes, kind: SourceKind, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    assert sniff(tmp_path / "x") is kind


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08rubbish", b"\x1f\x8b", b"GIF89a" + b"\0" * 20, b"\x08\0"])
def test_what_is_no_image(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UnknownFileType):
        sniff(tmp_path / "x")
