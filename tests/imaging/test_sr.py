"""Measurements as a structured report, read back by highdicom and judged by dciodvfy."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

from backend.imaging.errors import NothingToExport
from backend.imaging.measure import MeasureKind, measure, positions_mm
from backend.imaging.phantom import Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.seg import SourceSlice
from backend.imaging.sr import Measured, ReportAbout, write_sr

ABOUT = ReportAbout(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "1.2.3", "Measurements of CT", "Ada Lovelace", "HU")
SHAPES = [
    (MeasureKind.LENGTH, 0, 3, ((10.0, 12.0), (30.0, 20.5))),
    (MeasureKind.ANGLE, 0, 5, ((10.0, 12.0), (20.0, 20.0), (40.0, 15.0))),
    (MeasureKind.BIDIRECTIONAL, 1, 20, ((10.0, 2.0), (30.0, 9.0), (20.0, 3.0), (18.0, 7.0))),
    (MeasureKind.RECTANGLE, 0, 5, ((10.0, 12.0), (30.0, 20.0))),
    (MeasureKind.ELLIPSE, 0, 5, ((20.0, 10.0), (26.0, 34.0))),
]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom((12, 48, 56), (16.0, 8.0, 7.0), seed=4)


@pytest.fixture(scope="module")
def sources(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> list[SourceSlice]:
    return [SourceSlice(file) for file in write_dicom_series(phantom, tmp_path_factory.mktemp("series"))]


def measured(phantom: Phantom) -> list[Measured]:
    volume = phantom.volume
    return [
        Measured(
            f"m{n}", kind, axis, k, points, measure(kind, points, volume.geometry, axis, k, volume.slice_image(axis, k))
        )
        for n, (kind, axis, k, points) in enumerate(SHAPES)
    ]


def test_figures_and_places_come_back(phantom: Phantom, sources: list[SourceSlice], tmp_path: Path) -> None:
    made = measured(phantom)
    write_sr(tmp_path / "sr.dcm", sources, phantom.volume.geometry, made, ABOUT)
    report = hd.sr.srread(tmp_path / "sr.dcm")
    image = pydicom.dcmread(sources[0].file, stop_before_pixels=True)
    assert (report.PatientID, report.StudyInstanceUID) == (image.PatientID, image.StudyInstanceUID)
    groups = [*report.content.get_image_measurement_groups(), *report.content.get_planar_roi_measurement_groups()]
    figures = [
        [(item.name.meaning, item.derivation.meaning if item.derivation else "", item.unit.value, item.value)
         for item in group.get_measurements()]
        for group in groups
    ]  # fmt: skip
    f = [one.figures for one in made]
    assert figures[0] == [("Length", "", "mm", pytest.approx(f[0]["length_mm"]))]
    assert figures[1] == [("Angle", "", "deg", pytest.approx(f[1]["angle_deg"]))]
    assert [(name, value) for name, _, _, value in figures[2]] == [
        ("Long Axis", pytest.approx(f[2]["long_mm"])),
        ("Short Axis", pytest.approx(f[2]["short_mm"])),
    ]
    for n in (3, 4):
        area, *values = figures[n]
        assert area == ("Area", "", "mm2", pytest.approx(f[n]["area_mm2"]))
        assert [unit for _, _, unit, _ in values] == ["[hnsf'U]"] * 4
        assert values[0][3] == pytest.approx(f[n]["mean"])
    where = positions_mm(phantom.volume.geometry, 0, 5, [(20, 22), (26, 22), (23, 10), (23, 34)])
    ellipse = groups[4].roi.value
    np.testing.assert_allclose(ellipse, where[[2, 3, 0, 1]], atol=1e-3)  # the long axis first


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian package dicom3tools)")
def test_dciodvfy_finds_no_error(phantom: Phantom, sources: list[SourceSlice], tmp_path: Path) -> None:
    write_sr(tmp_path / "sr.dcm", sources, phantom.volume.geometry, measured(phantom), ABOUT)
    checked = subprocess.run(["dciodvfy", str(tmp_path / "sr.dcm")], capture_output=True, text=True, check=False)
    assert [line for line in checked.stderr.splitlines() if line.startswith("Error")] == []


def test_the_same_report_is_the_same_object_and_an_empty_one_is_none(
    phantom: Phantom, sources: list[SourceSlice], tmp_path: Path
) -> None:
    made = measured(phantom)
    uids = [write_sr(tmp_path / f"{n}.dcm", sources, phantom.volume.geometry, made[n:], ABOUT) for n in (0, 0, 1)]
    assert uids[0] == uids[1] != uids[2]
    with pytest.raises(NothingToExport):
        write_sr(tmp_path / "none.dcm", sources, phantom.volume.geometry, [], ABOUT)
