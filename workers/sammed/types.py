"""The values that cross the border of this package, and its errors. No torch here: a program without it can build
prompts, read embeddings and catch errors.

Coordinates are those of the original slice: x = column, y = row, integers at pixel centres, origin in the first pixel.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_MAGIC = b"SME1"
_HEADER = struct.Struct("<4sI")


class SammedError(Exception):
    """Root of this package's errors: a sentence for the user and a hint for the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class InvalidPrompt(SammedError):
    """A prompt that no model can answer: outside the slice, not finite, of a wrong shape, or absent."""


class EmptyMask(SammedError):
    """A region without a single pixel was to be sampled."""


class CheckpointError(SammedError):
    """A weight file is missing, damaged, of an unknown shape, or not the one an embedding was made with."""


class NotEnoughSlices(SammedError):
    """There are fewer annotated slices than a method needs to learn from."""


def _no_points() -> FloatArray:
    return np.zeros((0, 2), np.float32)


def _no_labels() -> NDArray[np.int32]:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the user said about one object on one slice."""

    points_xy: FloatArray = field(default_factory=_no_points)
    """[n, 2] float32"""
    point_labels: NDArray[np.int32] = field(default_factory=_no_labels)
    """[n] int32, 1 foreground, 0 background"""
    box_xyxy: FloatArray | None = None
    """[4] float32, inclusive corner pixels: the box of a single pixel (3, 5) is (3, 5, 3, 5)"""
    mask_logits: FloatArray | None = None
    """[h4, w4] float32, `Prediction.low_res_logits` of an earlier prediction on the same slice by the same model"""
    mask: BoolArray | None = None
    """[H, W] bool, an earlier mask of the whole slice; turned into logits inside. Not together with `mask_logits`."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One proposed mask."""

    mask: BoolArray
    """[H, W] bool, in the pixels of the original slice"""
    score: float
    """the model's own estimate of its IoU with the object, in [0, 1]"""
    low_res_logits: FloatArray
    """[h4, w4] float32, to be handed back as `Prompts.mask_logits` when the user corrects"""


@dataclass(frozen=True, slots=True)
class SliceEmbedding:
    """A slice as the mask decoder sees it: all that clicking needs, no pixels. Made by `SamModel.encode`."""

    features: NDArray[np.float16]
    """[C, h, w] float16"""
    original_hw: tuple[int, int]
    """rows, columns of the slice"""
    input_hw: tuple[int, int]
    """rows, columns after scaling the longest side to the model's image size, before padding"""
    model_checksum: str
    """sha256 of the weights that made it; no other model may decode it"""

    def to_bytes(self) -> bytes:
        """`SME1`, u32 length of the header, JSON header (shape, sizes, checksum), features as little-endian float16."""
        header = json.dumps(
            {
                "shape": list(self.features.shape),
                "original_hw": list(self.original_hw),
                "input_hw": list(self.input_hw),
                "model_checksum": self.model_checksum,
            },
            separators=(",", ":"),
        ).encode()
        payload = np.ascontiguousarray(self.features, dtype="<f2").tobytes()
        return _HEADER.pack(_MAGIC, len(header)) + header + payload

    @classmethod
    def from_bytes(cls, data: bytes) -> SliceEmbedding:
        """The inverse of `to_bytes`. Raises ValueError for anything that is not a whole embedding."""
        if len(data) < _HEADER.size or data[:4] != _MAGIC:
            raise ValueError("Not an embedding: the leading bytes are not SME1.")
        _, header_length = _HEADER.unpack_from(data)
        start = _HEADER.size + header_length
        try:
            header = json.loads(data[_HEADER.size : start])
            shape = tuple(int(n) for n in header["shape"])
            original_hw = (int(header["original_hw"][0]), int(header["original_hw"][1]))
            input_hw = (int(header["input_hw"][0]), int(header["input_hw"][1]))
            checksum = str(header["model_checksum"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ValueError("Not an embedding: its header cannot be read.") from error
        if len(shape) != 3 or min(shape) < 1 or len(data) - start != 2 * int(np.prod(shape)):
            raise ValueError("Not an embedding: its length does not fit its shape.")
        features = np.frombuffer(data, dtype="<f2", offset=start).reshape(shape)
        return cls(features, original_hw, input_hw, checksum)


@dataclass(frozen=True, slots=True)
class AnnotatedSlice:
    """One annotated slice of one label: (I_T, L_T) of the paper, with the slice as its embedding."""

    index: int
    """position in the volume, or number of the picture in its set"""
    embedding: SliceEmbedding
    mask: BoolArray
    """[H, W] bool in the pixels of the original slice; empty for a background slice, which only SAM^auto uses"""


class Slices(Protocol):
    """A volume, or a set of pictures, as the method sees it. Encodes when asked and keeps what it likes."""

    def __len__(self) -> int:
        """Number of slices."""

    def image(self, index: int) -> NDArray[np.uint8]:
        """[H, W] or [H, W, 3] uint8, windowed: what the model sees."""

    def embedding(self, index: int) -> SliceEmbedding:
        """The embedding of that image."""
