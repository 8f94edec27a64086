"""Standardised uptake values of PET by body weight: what a value in Bq/ml is multiplied by, or why that cannot be said.

SUV = concentration [Bq/ml] * weight [g] / dose [Bq], the dose as it was left at the time that the values were corrected
to: the start of the series (or of its first image, where a series bears a later date of processing) when
DecayCorrection is START, the injection when it is ADMIN. Times of day and distances between dates survive
de-identification, and so does the weight of PET.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom.dataset import Dataset

from backend.imaging.dicom.elements import positive, text, values
from backend.imaging.intensity import SUV

STORED_UNITS = {"BQML": "Bq/ml", "CNTS": "counts", "PROPCPS": "counts/s", "CPS": "counts/s"}
MOST_HALF_LIVES = 20
"""After so many nothing is left to see: a time is wrong."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tracer:
    """What a PET image says of its values, of the patient's weight and of what was injected; None or "" where it is
    silent. Times are of the scanner's clock."""

    units: str
    suv_type: str
    decay_correction: str
    corrected: frozenset[str]
    weight_kg: float | None
    dose_bq: float | None
    half_life_s: float | None
    injected_at: datetime | None
    has_injection_day: bool
    series_at: datetime | None
    acquired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Scale:
    """Values times `factor` are in `unit`; `note` says why they are not SUV."""

    factor: float
    unit: str
    note: str | None = None


def read_tracer(dataset: Dataset) -> Tracer | None:
    """None for what is no PET."""
    if text(dataset, "Modality") != "PT":
        return None
    injections = dataset.get("RadiopharmaceuticalInformationSequence") or []
    injection = injections[0] if len(injections) == 1 else Dataset()
    series_at = _moment(text(dataset, "SeriesDate"), text(dataset, "SeriesTime"))
    acquired_at = _moment(text(dataset, "AcquisitionDate"), text(dataset, "AcquisitionTime"))
    injected_at = _moment(text(injection, "RadiopharmaceuticalStartDateTime"))
    has_day = injected_at is not None
    if injected_at is None and (scan := series_at or acquired_at) is not None:
        injected_at = _moment(scan.strftime("%Y%m%d"), text(injection, "RadiopharmaceuticalStartTime"))
    return Tracer(
        units=text(dataset, "Units"),
        suv_type=text(dataset, "SUVType"),
        decay_correction=text(dataset, "DecayCorrection"),
        corrected=frozenset(str(value) for value in values(dataset, "CorrectedImage")),
        weight_kg=positive(dataset, "PatientWeight"),
        dose_bq=positive(injection, "RadionuclideTotalDose"),
        half_life_s=positive(injection, "RadionuclideHalfLife"),
        injected_at=injected_at,
        has_injection_day=has_day,
        series_at=series_at,
        acquired_at=acquired_at,
    )


def scale_of(tracers: Iterable[Tracer]) -> Scale:
    """Of all images of a volume, at least one."""
    images = list(tracers)
    first = images[0]
    if first.units == "GML" and first.suv_type in ("", "BW"):
        return Scale(1.0, SUV)
    unit = STORED_UNITS.get(first.units, first.units)
    factor = _factor(images)
    if isinstance(factor, float):
        return Scale(factor, SUV)
    return Scale(1.0, unit, f"No SUV: {factor} Values are {f'in {unit}' if unit else 'as they are stored'}.")


def _factor(images: list[Tracer]) -> float | str:
    """Or the reason why there is none."""
    first = images[0]
    about = {(one.units, one.decay_correction, one.weight_kg, one.dose_bq, one.injected_at) for one in images}
    if len(about) > 1:
        return "the images of the series disagree on what was injected."
    if first.units != "BQML":
        return "the values are not in Bq/ml."
    if first.weight_kg is None:
        return "the files do not say the patient's weight."
    if first.dose_bq is None or first.half_life_s is None:
        return "the files do not say the injected dose and its half-life."
    if "DECY" not in first.corrected or first.decay_correction not in ("START", "ADMIN"):
        return "the values are not corrected for decay to a known time."
    left_bq = first.dose_bq
    if first.decay_correction == "START":
        elapsed_s = _elapsed_s(images)
        if elapsed_s is None or not 0 <= elapsed_s <= MOST_HALF_LIVES * first.half_life_s:
            return "the times of injection and scan are missing or do not fit each other."
        left_bq *= 2 ** (-elapsed_s / first.half_life_s)
    return 1000 * first.weight_kg / left_bq


def _elapsed_s(images: list[Tracer]) -> float | None:
    """From the injection to the scan. A time of injection without a day is the last one before the scan."""
    first = images[0]
    acquired = min((one.acquired_at for one in images if one.acquired_at is not None), default=None)
    scanned = first.series_at
    if scanned is None or (acquired is not None and acquired < scanned):
        scanned = acquired
    if scanned is None or first.injected_at is None:
        return None
    injected = first.injected_at
    if not first.has_injection_day and injected > scanned:
        injected -= DAY
    return (scanned - injected).total_seconds()


def _moment(day: str, time: str = "") -> datetime | None:
    """Of DA and TM, or of DT alone; the offset from UTC is left out: the scanner's clock has one. None where a part is
    missing."""
    digits = (day + time).partition("+")[0].partition("-")[0]
    whole, _, fraction = digits.partition(".")
    if (
        len(whole) not in (12, 14)
        or not whole.isdigit()
        or (time == "" and len(day) < 12)
        or (time != "" and len(day) != 8)
    ):
        return None
    try:
        moment = datetime.strptime(whole.ljust(14, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        return None
    return moment + timedelta(seconds=float(f"0.{fraction}")) if fraction.isdigit() else moment
