"""What a viewer must not claim: real files that do not say where their sides are, or how large a pixel is."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.imaging.archive import ArchiveLimits
from backend.imaging.importing import ImportedVolume, read_uploads
from backend.imaging.outcomes import SourceFile
from backend.imaging.unknowns import sides_known, sizes_known

LIMITS = ArchiveLimits(max_files=100, max_total_bytes=10**9, max_ratio=1000)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("single_mono1_cr_chest", (False, False)),
        ("single_us_rgb_epicard", (False, False)),
        ("single_multiframe_test1", (False, False)),
        ("ct_philips_scout_S1000", (True, True)),
        ("brain_mr_Study1_13_HCropVolume", (True, True)),
    ],
)
def test_real_series_claim_no_more_than_their_files_say(
    tmp_path: Path, shared_data: Path, name: str, known: tuple[bool, bool]
) -> None:
    path = shared_data / "data" / "dicom" / f"{name}.zip"
    volumes = [
        one
        for one in read_uploads([SourceFile(path, path.name)], tmp_path, limits=LIMITS)
        if isinstance(one, ImportedVolume)
    ]
    assert volumes
    assert {(sides_known(one.kind, one.warnings), sizes_known(one.warnings)) for one in volumes} == {known}
