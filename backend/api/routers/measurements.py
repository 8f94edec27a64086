"""Measurements of a case, and the figures of its labels."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_measurements import LabelFiguresOut, MeasurementIn, MeasurementOut

router = APIRouter(prefix="/api", tags=["measurements"])


@router.get("/cases/{case_id}/measurements", operation_id="list_measurements")
def list_measurements(case_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[MeasurementOut]:
    """All measurements of a case, oldest first."""
    return Page(items=[MeasurementOut.of(view) for view in s.measurements.of_case(user, case_id)])


@router.get(
    "/cases/{case_id}/measurements.csv",
    operation_id="get_measurements_csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}},
)
def get_measurements_csv(case_id: UUID, user: CurrentUser, s: ServicesDep) -> Response:
    """The measurements of a case and the figures of the labels that the caller drew, one row each."""
    headers = {"Content-Disposition": f'attachment; filename="measurements-{case_id}.csv"'}
    return Response(s.measurements.table(user, case_id), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/volumes/{volume_id}/measurements", operation_id="add_measurement", status_code=201)
def add_measurement(volume_id: UUID, body: MeasurementIn, user: CurrentUser, s: ServicesDep) -> MeasurementOut:
    """Measure on a slice; the figures are computed from the volume and kept."""
    points = [(point.x, point.y) for point in body.points]
    return MeasurementOut.of(s.measurements.add(user, volume_id, body.kind, body.axis, body.slice, points, body.id))


@router.delete("/measurements/{measurement_id}", operation_id="remove_measurement", status_code=204)
def remove_measurement(measurement_id: UUID, user: CurrentUser, s: ServicesDep) -> None:
    s.measurements.remove(user, measurement_id)


@router.get("/volumes/{volume_id}/label-figures", operation_id="get_label_figures")
def get_label_figures(volume_id: UUID, user: CurrentUser, s: ServicesDep) -> Page[LabelFiguresOut]:
    """Volume and values of every label that the caller drew on the volume."""
    return Page(items=[LabelFiguresOut.of(found) for found in s.measurements.of_labels(user, volume_id)])
