"""Volumes: facts, slices, and the click."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_volumes import (
    EncodingsIn,
    EncodingsOut,
    ModelOut,
    PredictionIn,
    PredictionOut,
    Volume,
    pixels_name,
)
from backend.imaging import wire

router = APIRouter(prefix="/api", tags=["volumes"])


@router.get("/volumes/{volume_id}", operation_id="get_volume")
def get_volume(volume_id: UUID, user: CurrentUser, s: ServicesDep) -> Volume:
    return Volume.of(s.volumes.get(user, volume_id))


@router.get(
    "/volumes/{volume_id}/slices/{axis}/{index}",
    operation_id="get_slice",
    response_class=Response,
    responses={200: {"content": {wire.MEDIA_TYPE: {}}}, 304: {"description": "The caller has it"}},
)
def get_slice(
    volume_id: UUID, axis: int, index: int, request: Request, user: CurrentUser, s: ServicesDep, v: str | None = None
) -> Response:
    """One slice in raw array order, in the wire format of `backend/imaging/wire.py`. With the volume's `pixels` as `v`
    it may be kept for good."""
    plane = s.volumes.plane(user, volume_id, axis, index)
    kept = "private, max-age=31536000, immutable" if v == pixels_name(plane.voxels_hash) else "private, no-cache"
    headers = {"ETag": f'"{plane.voxels_hash}-{axis}-{index}"', "Cache-Control": kept}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(wire.encode_slice(s.volumes.pixels(plane)), media_type=wire.MEDIA_TYPE, headers=headers)


@router.post("/volumes/{volume_id}/predictions", operation_id="predict_mask")
def predict_mask(volume_id: UUID, body: PredictionIn, user: CurrentUser, s: ServicesDep) -> PredictionOut:
    """The mask that the prompts mean. Writes nothing."""
    return PredictionOut.of(
        s.segmentation.predict(
            user,
            volume_id,
            body.slice,
            body.to_domain(),
            label_id=body.label_id,
            model=body.model,
            learned_prompt=body.learned_prompt,
        )
    )


@router.post("/volumes/{volume_id}/encodings", operation_id="encode_ahead")
def encode_ahead(volume_id: UUID, body: EncodingsIn, user: CurrentUser, s: ServicesDep) -> EncodingsOut:
    return EncodingsOut.of(s.segmentation.encode_ahead(user, volume_id, body.slices, body.model))


@router.get("/volumes/{volume_id}/encodings", operation_id="list_encodings")
def list_encodings(volume_id: UUID, user: CurrentUser, s: ServicesDep, model: str | None = None) -> EncodingsOut:
    return EncodingsOut.of(s.segmentation.encodings(user, volume_id, model))


@router.get("/models", operation_id="list_models")
def list_models(user: CurrentUser, s: ServicesDep) -> Page[ModelOut]:
    """The models that running workers can load."""
    default = s.segmentation.default_model
    models = s.segmentation.models()
    return Page(
        items=[
            ModelOut(name=name, default=name == default, checksum=info.checksum)
            for name, info in sorted(models.items())
        ]
    )
