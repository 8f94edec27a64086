"""Writing measurements as a DICOM structured report (Comprehensive 3D SR, template TID 1500), which workstations and
OHIF read: every measurement is a group with its points in patient millimetres and its figures with units.

Figures of values are written where their unit has a code of DICOM (HU, SUV); others have none that readers would know.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
from highdicom.sr import (
    CodedConcept,
    CoordinatesForMeasurement3D,
    GraphicTypeValues3D,
    ImageRegion3D,
    TrackingIdentifier,
)
from highdicom.sr import Measurement as MeasurementItem
from numpy.typing import NDArray
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from backend.imaging.dicom_elements import MANUFACTURER, long_string, person_name, read_header
from backend.imaging.errors import ExportGridMismatch, NothingToExport, SourceCannotCarrySeg
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.measure import MeasureKind, PointXY, positions_mm
from backend.imaging.seg import SourceSlice
from backend.imaging.uids import uid_of

USE_CSV = "Download the measurements as CSV or JSON instead."

MM, MM2, DEGREE = codes.UCUM.Millimeter, codes.UCUM.SquareMillimeter, codes.UCUM.Degree
LENGTH = Code("410668003", "SCT", "Length")
LONG_AXIS = Code("103339001", "SCT", "Long Axis")
SHORT_AXIS = Code("103340004", "SCT", "Short Axis")
ANGLE = Code("1483009", "SCT", "Angle")
AREA = Code("42798000", "SCT", "Area")
VALUES = {
    "HU": (Code("112031", "DCM", "Attenuation Coefficient"), Code("[hnsf'U]", "UCUM", "Hounsfield unit")),
    "SUV": (
        Code("126401", "DCM", "SUVbw"),
        Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight"),
    ),
}
"""What a value is called and its unit, by the volume's unit."""

DERIVATIONS = {
    "mean": codes.SCT.Mean,
    "sd": codes.SCT.StandardDeviation,
    "minimum": codes.SCT.Minimum,
    "maximum": codes.SCT.Maximum,
}
MOST_CHARACTERS = 16
"""Of a decimal string."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`points_xy` lie on the raw slice at `index` along `axis`; `figures` are named as in imaging.measure."""

    id: str
    kind: MeasureKind
    axis: int
    index: int
    points_xy: tuple[PointXY, ...]
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class ReportAbout:
    """Who measured, when the report was made and with what. `unit` is that of the volume's values."""

    created_at: datetime
    software_version: str
    series_description: str = "Measurements"
    creator: str = ""
    unit: str = ""


def write_sr(
    path: Path,
    sources: Sequence[SourceSlice],
    geometry: VolumeGeometry,
    measured: Sequence[Measured],
    about: ReportAbout,
) -> str:
    """One report of all measurements; `sources[k]` is the image of slice k. -> its SOP Instance UID

    Raises NothingToExport, SourceIsNotDicom, SourceCannotCarrySeg (no frame of reference) and ExportGridMismatch.
    """
    if len(sources) != geometry.shape_kji[0]:
        raise ExportGridMismatch(f"The volume has {geometry.shape_kji[0]} slices, {len(sources)} images were given.")
    if not measured:
        raise NothingToExport("Nothing was measured.", hint="Measure something on the images first.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values, the patient's name among them
        used = sorted({one.index for one in measured if one.axis == 0}) or [0]
        images = list({str(h.SOPInstanceUID): h for h in (read_header(sources[k].file) for k in used)}.values())
        first = images[0]
        frame_of_reference = first.get("FrameOfReferenceUID")
        if not frame_of_reference:
            raise SourceCannotCarrySeg("The images have no frame of reference.", hint=USE_CSV)
        identity = hashlib.sha256(f"{first.SeriesInstanceUID} {measured!r} {about!r}".encode()).hexdigest()
        groups = [
            _group(n, one, geometry, str(frame_of_reference), about.unit) for n, one in enumerate(measured, start=1)
        ]
        report = hd.sr.Comprehensive3DSR(
            evidence=images,
            content=hd.sr.MeasurementReport(
                observation_context=_observers(about),
                procedure_reported=codes.LN.CTUnspecifiedBodyRegion
                if first.get("Modality") == "CT"
                else Code("363679005", "SCT", "Imaging procedure"),
                imaging_measurements=groups,
                title=codes.DCM.ImagingMeasurementReport,
                referenced_images=images,
            )[0],
            series_instance_uid=uid_of("sr", identity, "series"),
            series_number=1000,
            sop_instance_uid=uid_of("sr", identity, "instance"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            is_complete=True,
            series_description=long_string(about.series_description),
        )
        report.SoftwareVersions = long_string(about.software_version)
        day, time = about.created_at.strftime("%Y%m%d"), about.created_at.strftime("%H%M%S")
        for name in ("Content", "Series", "InstanceCreation"):
            setattr(report, f"{name}Date", day)
            setattr(report, f"{name}Time", time)
        report.save_as(path, enforce_file_format=True)
    return str(report.SOPInstanceUID)


def _observers(about: ReportAbout) -> hd.sr.ObservationContext:
    name = person_name(about.creator)
    if name is None:
        device = hd.sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of("sr", about.software_version, "device"), manufacturer_name=MANUFACTURER
        )
        return hd.sr.ObservationContext(observer_device_context=hd.sr.ObserverContext(codes.DCM.Device, device))
    person = hd.sr.PersonObserverIdentifyingAttributes(name=name)
    return hd.sr.ObservationContext(observer_person_context=hd.sr.ObserverContext(codes.DCM.Person, person))


def _group(
    number: int, one: Measured, geometry: VolumeGeometry, frame_of_reference: str, unit: str
) -> hd.sr.MeasurementsAndQualitativeEvaluations | hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """TID 1501 for lengths and angles, TID 1410 for the values in a shape."""
    tracking = TrackingIdentifier(uid=uid_of("sr", one.id, "tracking"), identifier=f"{one.kind} {number}")
    if one.kind in (MeasureKind.RECTANGLE, MeasureKind.ELLIPSE):
        region = ImageRegion3D(*_outline(one, geometry), frame_of_reference_uid=frame_of_reference)
        return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking, referenced_region=region, measurements=_statistics(one, unit)
        )
    places = positions_mm(geometry, one.axis, one.index, one.points_xy)

    def item(name: Code, figure: str, of: Code, points: NDArray[np.float64]) -> MeasurementItem:
        line = CoordinatesForMeasurement3D(
            GraphicTypeValues3D.POLYLINE, points, frame_of_reference_uid=frame_of_reference
        )
        return MeasurementItem(_coded(name), _number(one.figures[figure]), _coded(of), referenced_coordinates=[line])

    if one.kind is MeasureKind.ANGLE:
        items = [item(ANGLE, "angle_deg", DEGREE, places)]
    elif one.kind is MeasureKind.LENGTH:
        items = [item(LENGTH, "length_mm", MM, places)]
    else:
        axes = sorted((places[:2], places[2:]), key=lambda ends: -float(np.linalg.norm(ends[0] - ends[1])))
        items = [item(LONG_AXIS, "long_mm", MM, axes[0]), item(SHORT_AXIS, "short_mm", MM, axes[1])]
    return hd.sr.MeasurementsAndQualitativeEvaluations(tracking_identifier=tracking, measurements=items)


def _outline(one: Measured, geometry: VolumeGeometry) -> tuple[GraphicTypeValues3D, NDArray[np.float64]]:
    """A closed polygon, or the ends of the long and of the short axis, in patient millimetres."""
    (xa, ya), (xb, yb) = one.points_xy
    if one.kind is MeasureKind.RECTANGLE:
        corners = [(xa, ya), (xb, ya), (xb, yb), (xa, yb), (xa, ya)]
        return GraphicTypeValues3D.POLYGON, positions_mm(geometry, one.axis, one.index, corners)
    x, y = (xa + xb) / 2, (ya + yb) / 2
    ends = positions_mm(geometry, one.axis, one.index, [(xa, y), (xb, y), (x, ya), (x, yb)])
    wide, high = (float(np.linalg.norm(ends[n] - ends[n + 1])) for n in (0, 2))
    return GraphicTypeValues3D.ELLIPSE, ends if wide >= high else ends[[2, 3, 0, 1]]


def _statistics(one: Measured, unit: str) -> list[MeasurementItem]:
    items = [MeasurementItem(_coded(AREA), _number(one.figures["area_mm2"]), _coded(MM2))]
    if unit in VALUES:
        name, of = VALUES[unit]
        items += [
            MeasurementItem(_coded(name), _number(one.figures[figure]), _coded(of), derivation=derivation)
            for figure, derivation in DERIVATIONS.items()
            if figure in one.figures
        ]
    return items


def _coded(code: Code) -> CodedConcept:
    return CodedConcept(code.value, code.scheme_designator, code.meaning)


def _number(value: float) -> float:
    """With as many digits as a decimal string holds."""
    return float(f"{value:.8g}"[:MOST_CHARACTERS])
