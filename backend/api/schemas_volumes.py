"""Volumes on the wire: facts, and the click."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Rle, Schema, rle
from backend.domain.learning import PromptSource
from backend.domain.prompts import MaskPrompt, PointPrompt, PromptSet
from backend.imaging.dicom.text_risk import TextRisk
from backend.imaging.unknowns import sides_known, sizes_known
from backend.services.learned_prompts import UsedPrompt
from backend.services.segmentation import Encodings, Prediction
from backend.services.volumes import VolumeView


def pixels_name(voxels_hash: str) -> str:
    """Changes with the voxels, so that a browser keeps no slice that was blanked."""
    return voxels_hash[:16]


class WindowValue(Schema):
    name: str = ""
    width: float
    center: float


class Volume(Schema):
    id: UUID
    case_id: UUID
    project_id: UUID
    name: str
    modality: str
    shape_kji: tuple[int, int, int]
    spacing_kji_mm: tuple[float, float, float]
    axis_letters: tuple[str, str, str] = Field(description="Direction of growing k, j, i: L R P A S I")
    affine_lps: list[list[float]] = Field(description="4 x 4, (k, j, i, 1) -> (x, y, z, 1) in mm, LPS")
    voxel_volume_mm3: float
    dtype: str
    channels: int
    value_range: tuple[float, float]
    unit: str = Field(description="Of the values: HU, SUV (by body weight), Bq/ml; empty where they have none")
    windows: list[WindowValue] = Field(description="For the eye; the first is the one to open the volume with")
    model_window: WindowValue | None
    warnings: list[str]
    study: dict[str, Any]
    series: dict[str, Any]
    source_kind: str
    sides_known: bool = Field(
        description="The file says which side of the patient is where; else letters would be guesses"
    )
    sizes_known: bool = Field(description="Millimetres mean something; else a pixel counts as 1 mm")
    pixels: str = Field(description="Names the voxels as they are now; `v` of the slices' addresses")
    text_risk: TextRisk | None = Field(
        description="Why its pixels may show text of the patient; null also when somebody looked and saw none"
    )
    text_checked_at: datetime | None = Field(description="When somebody looked through the pixels for text")

    @classmethod
    def of(cls, view: VolumeView) -> Volume:
        row, geometry = view.volume, view.geometry
        shown = row.presentation
        return cls(
            id=row.id,
            case_id=row.case_id,
            project_id=row.project_id,
            name=row.name,
            modality=row.modality,
            shape_kji=geometry.shape_kji,
            spacing_kji_mm=geometry.spacing_kji_mm,
            axis_letters=geometry.axis_letters,
            affine_lps=geometry.affine_lps.tolist(),
            voxel_volume_mm3=geometry.voxel_volume_mm3,
            dtype=row.dtype,
            channels=row.channels,
            value_range=tuple(shown["value_range"]),
            unit="HU" if row.modality == "CT" else shown.get("unit", ""),
            windows=[WindowValue(name=each.name, width=each.width, center=each.center) for each in view.windows],
            model_window=WindowValue.model_validate(shown["model_window"]) if shown["model_window"] else None,
            warnings=row.warnings,
            study=view.case.study,
            series=row.series,
            source_kind=row.source.get("kind", ""),
            sides_known=sides_known(row.source.get("kind", ""), row.warnings),
            sizes_known=sizes_known(row.warnings),
            pixels=pixels_name(row.voxels_hash),
            text_risk=TextRisk(row.warns_of_text) if row.warns_of_text else None,
            text_checked_at=row.text_checked_at,
        )


class Point(Schema):
    x: float = Field(description="Column, 0 is the centre of the first")
    y: float = Field(description="Row, 0 is the centre of the first")
    positive: bool = True


class PredictionIn(Schema):
    slice: int
    label_id: UUID | None = None
    points: list[Point] = Field(default=[])
    box: tuple[float, float, float, float] | None = Field(default=None, description="[x0, y0, x1, y1], both inside")
    mask: Rle | None = Field(default=None, description="An earlier mask of the slice as a prompt")
    around: list[tuple[float, float]] = Field(
        default=[],
        description="Places [x, y]: `mask` is right but there, and only what is connected with these places changes",
    )
    model: str | None = None
    learned_prompt: UUID | Literal["auto"] | None = Field(
        default="auto", description="`auto`: what is active for the label, if any; null: the plain model"
    )

    def to_domain(self) -> PromptSet:
        return PromptSet(
            points=tuple(PointPrompt(point.x, point.y, point.positive) for point in self.points),
            box_xyxy=self.box,
            mask=MaskPrompt(self.mask.size, self.mask.counts) if self.mask else None,
            around=tuple(self.around),
        )


class Milliseconds(Schema):
    total: float
    encode: float
    decode: float


class LearnedPromptUsed(Schema):
    """The learned prompt that answers, and why: `volume` and `pictures` were learned there, `warm_start` is kept by the
    project, `chosen` was named by the request."""

    id: UUID
    source: PromptSource
    gain: float = Field(description="Dice over the plain model on held-out slices, when it was learned")
    examples: int = Field(description="Slices that it was learned from")

    @classmethod
    def of(cls, used: UsedPrompt) -> LearnedPromptUsed:
        row = used.row
        return cls(id=row.id, source=used.source, gain=row.verdict["gain"], examples=len(row.provenance["examples"]))


class PredictionOut(Schema):
    mask: Rle
    score: float = Field(description="The model's own estimate of its IoU, 0 to 1")
    model: str
    learned_prompt: LearnedPromptUsed | None = Field(description="null: the plain model answered")
    cached: bool = Field(description="The slice was encoded before this click")
    ms: Milliseconds

    @classmethod
    def of(cls, prediction: Prediction) -> PredictionOut:
        return cls(
            mask=rle(prediction.mask),
            score=prediction.score,
            model=prediction.model,
            learned_prompt=LearnedPromptUsed.of(prediction.learned_prompt) if prediction.learned_prompt else None,
            cached=prediction.cached,
            ms=Milliseconds(total=prediction.total_ms, encode=prediction.encode_ms, decode=prediction.decode_ms),
        )


class EncodingsIn(Schema):
    slices: list[int]
    model: str | None = None


class EncodingsOut(Schema):
    model: str
    ready: list[int]
    queued: list[int]

    @classmethod
    def of(cls, encodings: Encodings) -> EncodingsOut:
        return cls(model=encodings.model, ready=list(encodings.ready), queued=list(encodings.queued))


class ModelOut(Schema):
    name: str
    default: bool
    checksum: str
