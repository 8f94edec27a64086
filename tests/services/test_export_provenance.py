"""What an export says of the models that made a mask: each once, with checksums of weights and of what was learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.domain.annotation import Origin, RevisionDraft, SliceFlips
from backend.domain.ids import new_id
from backend.domain.jobs import ExportPayload, ModelInfo, QueueName
from backend.imaging import masks
from backend.services.exports import LabelMask
from backend.wiring import Services
from tests.api.test_access import learned_prompt
from tests.services.conftest import SHAPE_KJI, World, world
from workers.export import _algorithm, _provenance_json

__all__ = ["world"]


def exported(services: Services, world: World, *models: tuple[int, dict[str, Any] | None]) -> LabelMask:
    """The first label's mask with one revision a slice, each with what a client says of its model."""
    view = services.annotations.create(world.annotator, world.volume_id, world.labels[0], None)
    dot = np.zeros(SHAPE_KJI[1:], bool)
    dot[2, 3] = True
    head = view.head
    for k, model in models:
        flips = SliceFlips(k, SHAPE_KJI[1:], masks.encode(dot)["counts"])
        draft = RevisionDraft(new_id(), head, Origin.SAM if model else Origin.MANUAL, (flips,), model=model)
        head = services.annotations.append(world.annotator, view.annotation.id, draft).revision.id
    payload = ExportPayload(case_id=world.case_id, format="nifti", annotator_id=world.annotator.id)
    (volume,) = services.exports.plan(payload).volumes
    (mask,) = volume.masks
    return mask


def test_models_are_told_once_with_their_checksums(services: Services, world: World) -> None:
    info = ModelInfo(checksum="c0ffee", preprocessing="1")
    services.queue.announce_worker("test", [QueueName.CLICK], {"sammed-small": info.model_dump()})
    learned = learned_prompt(services, world.project_id, world.labels[0], world.annotator)
    run = {"job": "j", "generator": "sapnet", "seed": 3, "model": "vit_b", "model_checksum": "beef"}
    mask = exported(
        services,
        world,
        (0, {"name": "sammed-small", "learned_prompt": None, "proposal": "first"}),
        (1, {"name": "sammed-small", "learned_prompt": None, "proposal": "second"}),
        (2, {"name": "sammed-small", "learned_prompt": learned, "proposal": "third"}),
        (3, {"name": "vit_b", "checksum": "beef", "runs": [{**run, "learned_prompt": learned}]}),
        (4, {"name": "unknown", "learned_prompt": "no id"}),
    )
    prompt = {"learned_prompt": learned, "learned_prompt_checksum": "b" * 64}
    assert _provenance_json(mask)["models"] == [
        {"name": "unknown", "learned_prompt": "no id"},
        {"name": "vit_b", "checksum": "beef", "generator": "sapnet", "seed": 3, **prompt},
        {"name": "sammed-small", "checksum": "c0ffee", **prompt},
        {"name": "sammed-small", "checksum": "c0ffee"},
    ]
    said = _algorithm(mask.provenance)
    assert (said.type, said.name) == ("SEMIAUTOMATIC", "SAM unknown")
    assert (
        said.parameters["model2.learned_prompt_checksum"] == "b" * 64 and said.parameters["model4.checksum"] == "c0ffee"
    )
