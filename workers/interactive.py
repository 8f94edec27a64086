"""Encode and click: what the queues `click` and `encode` do.

An embedding is looked for in this process, then in Redis, and is made (and shared through Redis) where it is nowhere.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any
from uuid import UUID

import numpy as np
import structlog
import torch
from safetensors.numpy import load as load_tensors

from backend.db.tables import LearnedPromptRow
from backend.domain.jobs import EncodeCall, ModelInfo, ModelMissing, PredictAnswer, PredictCall, SliceSource
from backend.domain.prompts import InvalidPrompts
from backend.errors import AppError
from backend.imaging import intensity, masks
from backend.services.learned_prompts import LearnedPromptOfAnotherModel
from backend.stores.embeddings import EmbeddingsUnavailable
from backend.wiring import Services
from workers.sammed import registry
from workers.sammed.assist import LearnedPrompt
from workers.sammed.correction import corrected
from workers.sammed.sam import PREPROCESSING_VERSION, SamModel
from workers.sammed.types import CheckpointError, InvalidPrompt, Prompts, SammedError, SliceEmbedding

log = structlog.get_logger(__name__)

HOT_EMBEDDINGS = 64
HOT_PROMPTS = 32


class Interactive:
    """The models of one process, loaded when first used, and its hottest embeddings."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._services = services
        self._models_dir = settings.models_path
        self._device = _device(settings.device)
        torch.set_num_threads(settings.compute_threads)
        self._loaded: dict[str, SamModel] = {}
        self._hot: OrderedDict[str, SliceEmbedding] = OrderedDict()
        self._taught: OrderedDict[UUID, SamModel] = OrderedDict()
        self._announced = self._installed()
        if settings.model in self._announced:
            self.model(settings.model)  # before the first click, not with it

    def models(self) -> dict[str, dict[str, Any]]:
        """What this process can load: name -> ModelInfo as JSON."""
        return self._announced

    def encode(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Encode a slice ahead of need."""
        source = EncodeCall.model_validate(payload).source
        try:
            if self._services.embeddings.ready([source.embedding_key]) == [False]:
                self._encode(source)
        except AppError:
            self._services.embeddings.release(source.embedding_key)
            raise
        return {}

    def predict(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Prompts to a mask; encodes the slice first where nobody has."""
        call = PredictCall.model_validate(payload)
        started = time.perf_counter()
        embedding, encoded_now = self._find(call.source)
        encoded = time.perf_counter()
        try:
            model = self.with_prompt(call.source.model, call.learned_prompt)
            prompts = _prompts(call)
            prediction = model.decode(embedding, prompts)
            mask = prediction.mask
            if call.around and prompts.mask is not None:
                logits = model.logits_of_slice(prediction.low_res_logits, embedding)
                mask = corrected(prompts.mask, prediction.mask, logits, prompts, call.around)
        except InvalidPrompt as error:
            raise InvalidPrompts(error.message, hint=error.hint or None) from error
        counts = masks.encode(mask)["counts"]
        done = time.perf_counter()
        return PredictAnswer(
            counts=counts,
            score=prediction.score,
            encoded_now=encoded_now,
            encode_ms=(encoded - started) * 1000,
            decode_ms=(done - encoded) * 1000,
        ).model_dump()

    def embedding(self, source: SliceSource) -> SliceEmbedding:
        """From this process, from Redis, or made now and shared."""
        return self._find(source)[0]

    def model(self, name: str) -> SamModel:
        """Loaded when first asked for. Raises ModelMissing."""
        if name not in self._loaded:
            try:
                self._loaded[name] = registry.load_sam(name, models_dir=self._models_dir, device=self._device)
            except SammedError as error:
                raise ModelMissing(error.message, hint=error.hint or None) from error
        return self._loaded[name]

    def with_prompt(self, name: str, learned_prompt_id: UUID | None) -> SamModel:
        """The model as it was taught; the plain one without a learned prompt. Learned prompts never change, so each is
        read from the database once. Raises ModelMissing, LearnedPromptNotFound, LearnedPromptOfAnotherModel."""
        if learned_prompt_id is None:
            return self.model(name)
        if learned_prompt_id not in self._taught:
            learned = learned_prompt_of(self._services.learned_prompts.load(learned_prompt_id))
            try:
                self._taught[learned_prompt_id] = self.model(name).with_prompt(learned)
            except CheckpointError as error:
                raise LearnedPromptOfAnotherModel(error.message, hint=error.hint or None) from error
            while len(self._taught) > HOT_PROMPTS:
                self._taught.popitem(last=False)
        self._taught.move_to_end(learned_prompt_id)
        return self._taught[learned_prompt_id]

    def _installed(self) -> dict[str, dict[str, Any]]:
        found = {}
        for card in registry.available(self._models_dir):
            path = card.path(self._models_dir)
            if card.installed and path is not None:
                checksum = card.sha256 or registry.sha256_of(path)
                info = ModelInfo(checksum=checksum, preprocessing=str(PREPROCESSING_VERSION))
                found[card.name] = info.model_dump()
        return found

    # -- inside -------------------------------------------------------------------------------------------------------
    def _find(self, source: SliceSource) -> tuple[SliceEmbedding, bool]:
        key = source.embedding_key
        if key in self._hot:
            self._hot.move_to_end(key)
            return self._hot[key], False
        stored = self._services.embeddings.get(key)
        embedding = SliceEmbedding.from_bytes(stored) if stored is not None else self._encode(source)
        self._keep_hot(key, embedding)
        return embedding, stored is None

    def _encode(self, source: SliceSource) -> SliceEmbedding:
        model = self.model(source.model)
        pixels = self._services.objects.read_slice(source.voxels_hash, source.slice_index)
        window = intensity.Window("model", *source.window) if source.window else None
        embedding = model.encode(intensity.model_input(pixels, window))
        try:
            self._services.embeddings.put(source.embedding_key, embedding.to_bytes())
        except EmbeddingsUnavailable as error:
            log.warning("embedding not shared", code=error.code)
        return embedding

    def _keep_hot(self, key: str, embedding: SliceEmbedding) -> None:
        self._hot[key] = embedding
        while len(self._hot) > HOT_EMBEDDINGS:
            self._hot.popitem(last=False)


def learned_prompt_of(row: LearnedPromptRow) -> LearnedPrompt:
    """A stored row, with its tensors, as the method takes it."""
    return LearnedPrompt(load_tensors(row.tensors), row.provenance)


def _prompts(call: PredictCall) -> Prompts:
    rows, columns = call.source.size_hw
    mask = None
    if call.mask_counts is not None:
        mask = masks.decode({"size": [rows, columns], "counts": call.mask_counts}, (rows, columns))
    return Prompts(
        points_xy=np.array([(x, y) for x, y, _ in call.points], dtype=np.float32).reshape(-1, 2),
        point_labels=np.array([positive for _, _, positive in call.points], dtype=np.int32),
        box_xyxy=np.array(call.box_xyxy, dtype=np.float32) if call.box_xyxy else None,
        mask=mask,
    )


def _device(setting: str) -> str:
    if setting != "auto":
        return setting
    return "cuda" if torch.cuda.is_available() else "cpu"
