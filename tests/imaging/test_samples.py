"""The samples are there, importing takes all of them, and they are the pictures that they are said to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from backend.imaging import samples
from backend.imaging.archive import ArchiveLimits
from backend.imaging.importing import ImportedVolume, read_uploads
from backend.imaging.samples import PACKAGED_SAMPLES, PackagedSample, sample_files

LIMITS = ArchiveLimits(max_files=1000, max_total_bytes=2**30, max_ratio=200)


def test_every_sample_is_imported_as_what_it_is_called(tmp_path: Path) -> None:
    files = sample_files(tmp_path / "samples")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    outcomes = list(read_uploads(files, workspace, limits=LIMITS))
    volumes = [outcome for outcome in outcomes if isinstance(outcome, ImportedVolume)]
    assert outcomes == volumes, "a sample was refused or ignored"
    seen = {
        (volume.files[0].name.split("/")[0], volume.volume.modality, volume.volume.voxels.shape) for volume in volumes
    }
    assert seen == {
        ("Phantom", "CT", (64, 256, 256)),
        ("Brain MR (EPI).nii.gz", "OT", (24, 96, 128)),
        ("Abdomen MR.dcm", "MR", (1, 300, 484)),
        ("Head CT.dcm", "CT", (1, 512, 512)),
        ("Vertebra CT.dcm", "CT", (1, 128, 128)),
        ("MR detail.dcm", "MR", (1, 64, 64)),
        ("Heart ultrasound.dcm", "US", (30, 240, 320, 3)),
        ("Lymph node ultrasound.dcm", "US", (1, 240, 320, 3)),
        ("Bone scintigraphy.dcm", "NM", (1, 1024, 256)),
        ("Retina.jpg", "OT", (1, 1411, 1411, 3)),
        ("Immunohistochemistry.png", "OT", (1, 512, 512, 3)),
        ("Cell.png", "OT", (1, 660, 550)),
    }


def test_what_an_installation_lacks_is_left_out_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = (
        PackagedSample("no_such_package", "image.png", "Nothing"),
        PackagedSample("pydicom", "data/test_files/no_such_file.dcm", "Nowhere"),
        PackagedSample("pydicom", "data/test_files/CT_small.dcm", "Vertebra"),
    )
    monkeypatch.setattr(samples, "PACKAGED_SAMPLES", lacking)
    with capture_logs() as lines:
        files = sample_files(tmp_path)
    assert [line["name"] for line in lines if line["event"] == "sample_missing"] == ["Nothing", "Nowhere"]
    assert [file.name for file in files if not file.name.startswith("Phantom/")] == ["Vertebra"]


def test_names_are_unique() -> None:
    assert len({sample.name for sample in PACKAGED_SAMPLES}) == len(PACKAGED_SAMPLES)
