"""The click: prompts on a slice in, a proposed mask out. Writes nothing; a prediction is a proposal.

The API process has no model. It names the embedding, looks whether it is in the cache and asks a worker: on the queue
`click` when the slice is encoded, so that a click never waits behind an encoding, else on `encode`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import VolumeRow
from backend.domain.jobs import (
    Call,
    EncodeCall,
    ModelInfo,
    ModelMissing,
    NoWorker,
    PredictAnswer,
    PredictCall,
    QueueName,
    SliceSource,
)
from backend.domain.prompts import EmbeddingKey, PromptSet
from backend.domain.workflow import Action
from backend.errors import Rejected
from backend.imaging import intensity, masks
from backend.services.access import Principal, require_volume
from backend.services.learned_prompts import LearnedPrompts, UsedPrompt
from backend.services.projects import label_on
from backend.services.volumes import SliceNotFound
from backend.stores.embeddings import CLAIM_S, Embeddings
from backend.stores.queue import JobQueue

MAX_SLICES_AHEAD = 64

PromptChoice = UUID | Literal["auto"] | None
"""Which learned prompt shall answer: this one, whichever is active for the label, or none."""


class TooManySlices(Rejected):
    """More slices were asked to be encoded ahead than one request may. Raised by services.segmentation."""

    code = "too_many_slices"
    title = "Too many slices at once"


@dataclass(frozen=True, slots=True)
class Prediction:
    """A proposed mask (COCO RLE), the model's own estimate of its IoU, and where the milliseconds went."""

    mask: masks.Rle
    score: float
    model: str
    learned_prompt: UsedPrompt | None
    cached: bool
    total_ms: float
    encode_ms: float
    decode_ms: float


@dataclass(frozen=True, slots=True)
class Encodings:
    """Which slices are encoded, and which were queued by this request."""

    model: str
    ready: tuple[int, ...]
    queued: tuple[int, ...]


class Segmentation:
    def __init__(
        self,
        db: Database,
        queue: JobQueue,
        embeddings: Embeddings,
        prompts: LearnedPrompts,
        *,
        default_model: str,
        timeout_s: float,
    ) -> None:
        self._db = db
        self._queue = queue
        self._embeddings = embeddings
        self._prompts = prompts
        self._default_model = default_model
        self._timeout_s = timeout_s

    @property
    def default_model(self) -> str:
        return self._default_model

    def models(self) -> dict[str, ModelInfo]:
        """The models that running workers can load."""
        found: dict[str, ModelInfo] = {}
        for worker in self._queue.workers():
            for name, info in worker["models"].items():
                found[name] = ModelInfo.model_validate(info)
        return found

    def predict(
        self,
        who: Principal,
        volume_id: UUID,
        slice_index: int,
        prompts: PromptSet,
        *,
        label_id: UUID | None = None,
        model: str | None = None,
        learned_prompt: PromptChoice = "auto",
    ) -> Prediction:
        """`auto` needs the label; without one the plain model answers.

        Raises InvalidPrompts, SliceNotFound, LabelNotFound, LearnedPromptNotFound, LearnedPromptOfAnotherModel,
        NoWorker, ModelMissing, CallTimedOut, QueueUnavailable."""
        started = time.perf_counter()
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, Action.ANNOTATE)
            self._check_slice(volume, slice_index)
            size_hw = (volume.rows, volume.columns)
            prompts.check(size_hw)
            if prompts.mask is not None:
                masks.parse_runs({"size": list(size_hw), "counts": prompts.mask.counts}, size_hw)
            if label_id is not None:
                label_on(session, volume, label_id)
            name, info = self._model(model)
            used = self._learned_prompt(session, who, volume, label_id, learned_prompt, info)
        source = slice_source(volume, slice_index, name, info)
        cached = self._embeddings.ready([source.embedding_key])[0]
        answer = PredictAnswer.model_validate(
            self._queue.call(
                QueueName.CLICK if cached else QueueName.ENCODE,
                Call.PREDICT,
                PredictCall(
                    source=source,
                    points=tuple((point.x, point.y, point.positive) for point in prompts.points),
                    box_xyxy=prompts.box_xyxy,
                    mask_counts=prompts.mask.counts if prompts.mask else None,
                    learned_prompt=used.row.id if used else None,
                    around=prompts.around,
                ),
                timeout_s=self._timeout_s,
            )
        )
        return Prediction(
            mask=masks.Rle(size=list(size_hw), counts=answer.counts),
            score=answer.score,
            model=name,
            learned_prompt=used,
            cached=not answer.encoded_now,
            total_ms=(time.perf_counter() - started) * 1000,
            encode_ms=answer.encode_ms,
            decode_ms=answer.decode_ms,
        )

    def encode_ahead(self, who: Principal, volume_id: UUID, slices: Sequence[int], model: str | None) -> Encodings:
        """Have slices encoded before somebody clicks on them, in the order given. Returns at once."""
        if len(slices) > MAX_SLICES_AHEAD:
            raise TooManySlices(f"{len(slices)} slices were asked for.", hint=f"Ask for at most {MAX_SLICES_AHEAD}.")
        volume, name, info = self._ready_to_encode(who, volume_id, Action.ANNOTATE, model)
        for slice_index in slices:
            self._check_slice(volume, slice_index)
        sources = {k: slice_source(volume, k, name, info) for k in dict.fromkeys(slices)}
        there = self._embeddings.ready([source.embedding_key for source in sources.values()])
        ready = tuple(k for k, is_there in zip(sources, there, strict=True) if is_there)
        queued = []
        for k, source in sources.items():
            if k not in ready and self._embeddings.claim(source.embedding_key):
                self._queue.cast(QueueName.ENCODE, Call.ENCODE, EncodeCall(source=source), ttl_s=CLAIM_S)
                queued.append(k)
        return Encodings(name, ready, tuple(queued))

    def encodings(self, who: Principal, volume_id: UUID, model: str | None) -> Encodings:
        """Which slices of a volume are encoded."""
        volume, name, info = self._ready_to_encode(who, volume_id, Action.VIEW, model)
        digests = [slice_source(volume, k, name, info).embedding_key for k in range(volume.slices)]
        there = self._embeddings.ready(digests)
        return Encodings(name, tuple(k for k, is_there in enumerate(there) if is_there), ())

    def _learned_prompt(
        self,
        session: Session,
        who: Principal,
        volume: VolumeRow,
        label_id: UUID | None,
        choice: PromptChoice,
        info: ModelInfo,
    ) -> UsedPrompt | None:
        if isinstance(choice, UUID):
            return self._prompts.chosen(session, who, volume, choice, label_id, info.checksum)
        if choice is None or label_id is None:
            return None
        return self._prompts.answering(session, who, volume, label_id, info.checksum)

    def _ready_to_encode(
        self, who: Principal, volume_id: UUID, action: Action, model: str | None
    ) -> tuple[VolumeRow, str, ModelInfo]:
        with self._db.begin() as session:
            volume = require_volume(session, who, volume_id, action)
        name, info = self._model(model)
        return volume, name, info

    def _model(self, asked: str | None) -> tuple[str, ModelInfo]:
        name = asked or self._default_model
        models = self.models()
        if name in models:
            return name, models[name]
        if not self._queue.worker_counts()[QueueName.CLICK]:
            raise NoWorker(
                "No worker process answers clicks.",
                hint="`sammed up` starts them, else `sammed worker click encode` does. It is tried again by itself.",
            )
        raise ModelMissing(
            f"No running worker has the model '{name}'.",
            hint=f"`sammed models pull {name}` downloads it; `sammed models list` shows what is there.",
            context={"available": sorted(models)},
        )

    @staticmethod
    def _check_slice(volume: VolumeRow, slice_index: int) -> None:
        if not 0 <= slice_index < volume.slices:
            raise SliceNotFound(f"There is no slice {slice_index}.", hint=f"The volume has {volume.slices} slices.")


def slice_source(volume: VolumeRow, slice_index: int, model: str, info: ModelInfo) -> SliceSource:
    """Where a worker finds the pixels of a slice, and the name of its embedding."""
    shown = volume.presentation
    window = (shown["model_window"]["width"], shown["model_window"]["center"]) if shown["model_window"] else None
    key = EmbeddingKey(
        voxels_hash=volume.voxels_hash,
        slice_index=slice_index,
        window=window,
        model_checksum=info.checksum,
        preprocessing=f"{intensity.PREPROCESSING_VERSION}/{info.preprocessing}",
    )
    return SliceSource(
        voxels_hash=volume.voxels_hash,
        slice_index=slice_index,
        size_hw=(volume.rows, volume.columns),
        window=window,
        model=model,
        embedding_key=key.digest(),
    )
