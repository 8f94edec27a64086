"""What the machine learns from an annotator and what it proposes then: the words, and the form of what is kept.

A learned prompt is a fact (SAM^assist taught one label from these slices); a proposal is a mask that nobody accepted
yet (SAM^auto, propagation). Proposals never touch revisions: accepting makes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from backend.domain.annotation import Origin
from backend.errors import Rejected

MIN_EXAMPLES = 2
"""Annotated slices from which something can be learned and judged by leaving one out."""

MAX_EXAMPLES = 16
"""Of more annotated slices, so many are learned from, evenly spread: learning has to take seconds."""

MACHINE_ORIGINS = frozenset({Origin.AUTO, Origin.PROPAGATION, Origin.INTERPOLATION})
"""A slice whose newest change has one of these origins teaches nothing: the machine would learn from itself."""


class NotEnoughExamples(Rejected):
    """Too few slices of a label were drawn or corrected by the annotator. Raised by services.learning."""

    code = "not_enough_slices"
    title = "There is too little to learn from"


class CannotLearn(Rejected):
    """The method refuses what it was given; the detail is its own. Raised by workers.batch, stored on the job."""

    code = "cannot_learn"
    title = "This cannot be learned"


class Generator(StrEnum):
    """Where the prompts of SAM^auto come from."""

    SAPNET = "sapnet"
    CLASSIFICATION = "classification"
    PROPAGATION = "propagation"


class PromptKind(StrEnum):
    """What a generator asks the model with."""

    POINTS = "points"
    BOXES = "boxes"
    COMPOSITE = "composite"


class PromptSource(StrEnum):
    """Why a learned prompt answers a click."""

    VOLUME = "volume"
    """it was learned on this volume by this annotator"""
    PICTURES = "pictures"
    """it was learned on the project's pictures by this annotator"""
    WARM_START = "warm_start"
    """the project keeps it for this label's next cases"""
    CHOSEN = "chosen"
    """the request named it"""


class ProposalState(StrEnum):
    """What became of a proposal."""

    OPEN = "open"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    """the annotator drew on the slice instead"""
    REJECTED = "rejected"
    ABSENT = "absent"
    """the annotator said that the slice does not show the label: a background slice for the next run"""


class Verdict(BaseModel):
    """What leaving slices out said of a learned prompt: mean Dice on held-out slices with the plain model and with the
    prompt. `reason`: `better`, `no_gain`, `deaf` (the mask no longer follows its prompts)."""

    model_config = ConfigDict(frozen=True)

    active: bool
    plain: float
    learned: float
    gain: float
    folds: int
    sensitive: bool
    reason: str
    warm_start_gain: float | None = None
    """Dice that the project's warm start, as it is, gains over the plain model on all annotated slices; None without"""


class LearnedNetwork(BaseModel):
    """Where a network that proposed masks comes from: part of its job's result."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    generator: Generator
    model: str
    model_checksum: str
    """the weights that made the embeddings it was trained on; it fits no others"""
    seed: int
    checksum: str
    """sha256 of its file: the same for the same slices, seed and config on the same machine"""
    size_bytes: int
    examples: list[dict[str, Any]]
    """slices with the label that it learned from: volume_id, slice, revision_id"""
    absent: list[dict[str, Any]]
    """slices of which the annotator said that they do not show the label: volume_id, slice"""
    provenance: dict[str, Any]
    """as workers.sammed wrote it: config, loss, code version"""


@dataclass(frozen=True, slots=True)
class ProposedSlice:
    """A mask for one slice as a generator made it. Prompts in the form of a revision's: points and box."""

    volume_id: UUID
    slice_index: int
    counts: str
    """COCO compressed RLE of [rows, columns] of the volume"""
    voxels: int
    confidence: float
    """in [0, 1]; ranks the slices of one run"""
    prompts: dict[str, Any] | None
    """None: nothing was found on this slice, and the mask is empty"""
