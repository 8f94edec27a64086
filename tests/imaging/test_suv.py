"""PET values become SUV where the files say what is needed, also after de-identification, and say why not where not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import PositronEmissionTomographyImageStorage

from backend.imaging import intensity
from backend.imaging.deidentify import deidentify
from backend.imaging.dicom import SeriesImport, read_dicom
from backend.imaging.dicom.places import NotPlain
from backend.imaging.outcomes import SourceFile
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.pseudonyms import Pseudonyms
from backend.imaging.splicing import spliced

WEIGHT_KG, DOSE_BQ, HALF_LIFE_S = 70.0, 350e6, 6586.2
SCAN = datetime(2026, 3, 2, 0, 20)  # noqa: DTZ001
BEFORE = timedelta(minutes=60)
Change = Callable[[Dataset], None]


def unchanged(_: Dataset) -> None:
    pass


def pet_series(folder: Path, change: Change = unchanged) -> list[Path]:
    """The phantom's values as Bq/ml, injected an hour before midnight had passed for twenty minutes."""
    paths = write_dicom_series(abdominal_phantom((3, 24, 24), (40.0, 16.0, 16.0), seed=2), folder)
    for n, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
        dataset.Modality, dataset.Units, dataset.DecayCorrection = "PT", "BQML", "START"
        dataset.CorrectedImage = ["DECY", "ATTN"]
        dataset.PatientWeight = WEIGHT_KG
        dataset.RescaleSlope, dataset.RescaleIntercept = 1.5, 0
        dataset.SeriesDate, dataset.SeriesTime = SCAN.strftime("%Y%m%d"), SCAN.strftime("%H%M%S.%f")
        dataset.AcquisitionDate = dataset.SeriesDate
        dataset.AcquisitionTime = (SCAN + timedelta(minutes=3 * n)).strftime("%H%M%S")
        injection = Dataset()
        injection.Radiopharmaceutical = "FDG"
        injection.RadionuclideTotalDose, injection.RadionuclideHalfLife = DOSE_BQ, HALF_LIFE_S
        injection.RadiopharmaceuticalStartTime = (SCAN - BEFORE).strftime("%H%M%S")
        dataset.RadiopharmaceuticalInformationSequence = Sequence([injection])
        change(dataset)
        dataset.save_as(path)
    return paths


def read(paths: list[Path]) -> SeriesImport:
    (made,) = read_dicom([SourceFile(path, path.name) for path in paths])
    assert isinstance(made, SeriesImport)
    return made


def bq_ml(paths: list[Path]) -> float:
    return max(float(pydicom.dcmread(path).pixel_array.max()) * 1.5 for path in paths)


def set_on_injection(**values: object) -> Change:
    def change(dataset: Dataset) -> None:
        for name, value in values.items():
            setattr(dataset.RadiopharmaceuticalInformationSequence[0], name, value)

    return change


def set_on_image(**values: object) -> Change:
    def change(dataset: Dataset) -> None:
        for name, value in values.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)

    return change


LEFT_BQ = DOSE_BQ * 0.5 ** (BEFORE.total_seconds() / HALF_LIFE_S)


@pytest.mark.parametrize(
    ("change", "dose_bq"),
    [
        (unchanged, LEFT_BQ),
        (set_on_injection(RadiopharmaceuticalStartDateTime="20260301232000.000000"), LEFT_BQ),
        (set_on_image(SeriesTime="235900"), LEFT_BQ),  # processed later the same day: the first image counts
        (set_on_image(DecayCorrection="ADMIN"), DOSE_BQ),
    ],
    ids=["midnight between", "with its day", "processed later", "corrected to the injection"],
)
def test_values_are_multiplied_by_weight_over_what_was_left_of_the_dose(
    tmp_path: Path, change: Change, dose_bq: float
) -> None:
    paths = pet_series(tmp_path, change)
    made = read(paths)
    assert (made.volume.unit, made.warnings, made.volume.voxels.dtype) == ("SUV", (), np.float32)
    assert made.volume.voxels.max() == pytest.approx(bq_ml(paths) * 1000 * WEIGHT_KG / dose_bq, rel=1e-6)
    voi = pydicom.dcmread(paths[1]).WindowWidth
    expected = float(voi[0] if isinstance(voi, pydicom.multival.MultiValue) else voi) * 1000 * WEIGHT_KG / dose_bq
    assert made.windows[0].width == pytest.approx(expected)
    statistics = intensity.intensity_statistics(made.volume.voxels)
    offered = intensity.default_windows("PT", statistics, made.windows, unit=made.volume.unit)
    assert offered[0] == intensity.Window("SUV 0–6", 6, 3)


@pytest.mark.parametrize("keep_uids", [True, False])
def test_de_identification_keeps_what_it_takes(tmp_path: Path, keep_uids: bool) -> None:
    dated = set_on_injection(RadiopharmaceuticalStartDateTime="20260301232000")
    paths = pet_series(tmp_path, dated)
    clean = tmp_path / "clean"
    clean.mkdir()
    for path in paths:
        with pytest.raises(NotPlain):  # the quick way leaves PET to the thorough one
            spliced(path.read_bytes(), Pseudonyms(b"k" * 32, keep_uids=keep_uids))
        deidentify(path, clean / path.name, Pseudonyms(b"k" * 32, keep_uids=keep_uids))
    cleaned = sorted(clean.iterdir())
    assert pydicom.dcmread(cleaned[0]).SeriesDate != SCAN.strftime("%Y%m%d")
    codes = [item.CodeValue for item in pydicom.dcmread(cleaned[0]).DeidentificationMethodCodeSequence]
    assert "113108" in codes
    np.testing.assert_array_equal(read(cleaned).volume.voxels, read(paths).volume.voxels)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_on_image(PatientWeight=None), "weight"),
        (set_on_image(Units="CNTS"), "not in Bq/ml"),
        (set_on_image(DecayCorrection="NONE"), "not corrected for decay"),
        (set_on_injection(RadionuclideHalfLife=None), "half-life"),
        (set_on_injection(RadiopharmaceuticalStartTime=""), "times of injection"),
        (set_on_injection(RadiopharmaceuticalStartDateTime="20260303000000"), "times of injection"),
    ],
)
def test_without_it_values_stay_and_the_reason_is_said(tmp_path: Path, change: Change, reason: str) -> None:
    paths = pet_series(tmp_path, change)
    made = read(paths)
    (note,) = made.warnings
    assert note.startswith("No SUV: ") and reason in note
    assert made.volume.unit == ("counts" if "not in" in reason else "Bq/ml")
    assert made.volume.voxels.max() == pytest.approx(bq_ml(paths))
