"""A promptable model as the rest of the program sees it: `encode` a slice once, `decode` prompts as often as one likes.

This is the seam between the user's pixels (NumPy, original slice) and the model's (torch, scaled and padded): every
change of unit between the two happens here. The networks live in segment_anything and small.py, files in registry.py.
Nothing is remembered between calls: the embedding is a value, the mask a function of embedding and prompts.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor

from workers.sammed.fast_encoder import FastImageEncoder
from workers.sammed.small import SmallSam
from workers.sammed.types import CheckpointError, FloatArray, InvalidPrompt, Prediction, Prompts, SliceEmbedding

if TYPE_CHECKING:
    from workers.sammed.assist import LearnedPrompt

PREPROCESSING_VERSION: int = 1
"""Part of every embedding's cache key; raise it when `encode` gives other features for the same pixels and weights."""

MASK_PROMPT_LOGIT = 8.0
"""Logit inside a mask that is handed in as prompt; minus this outside. About what the models answer when certain."""

MAX_POINTS = 256


@dataclass(frozen=True, slots=True)
class PromptTensors:
    """Prompts of one object in the model's pixels, on its device, ready for `prompt_encoder(points, boxes, masks)`."""

    points: tuple[Tensor, Tensor] | None
    """coordinates [1, n, 2] float32 and labels [1, n] int"""
    boxes: Tensor | None
    """[1, 4] float32"""
    masks: Tensor | None
    """[1, 1, h4, w4] float32 logits"""

    @property
    def ambiguous(self) -> bool:
        """A single point and nothing else: the extent of the object is open, and SAM offers three masks."""
        return self.points is not None and self.points[1].shape[1] == 1 and self.boxes is None and self.masks is None


class SamModel:
    """SAM (ViT-B, -L, -H or any checkpoint of that shape) or `sammed-small`, behind one pair of verbs.

    `network` has `image_encoder`, `prompt_encoder` and `mask_decoder` with segment_anything's calls, for those who
    learn prompts or read features. One instance belongs to one thread."""

    def __init__(self, name: str, network: Sam | SmallSam, checksum: str, device: str = "cpu") -> None:
        self.name = name
        self.checksum = checksum
        self.device = torch.device(device)
        self.learned: LearnedPrompt | None = None
        self.network = network.to(self.device).eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self.image_size: int = self.network.image_encoder.img_size
        self._resize = ResizeLongestSide(self.image_size)
        self._encoder = self._choose_encoder()
        self._image_pe = self.network.prompt_encoder.get_dense_pe()  # [1, C, h, w]

    def with_prompt(self, learned: LearnedPrompt) -> SamModel:
        """This model with a learned prompt: one image encoder and one mask decoder, shared, and a prompt encoder of its
        own. Embeddings of either serve both. Raises CheckpointError when the prompt was learned on other weights."""
        if learned.model_checksum != self.checksum:
            raise CheckpointError(
                f"The prompt was learned on another model than {self.name}.", "Learn it again with this one."
            )
        other = copy.copy(self)
        other.network = copy.copy(self.network)
        other.network._modules = dict(self.network._modules)
        other.network.prompt_encoder = learned.prompt_encoder(self.network.prompt_encoder)
        other.learned = learned
        return other

    def _choose_encoder(self) -> torch.nn.Module:
        """The ViT of segment_anything is re-arranged for speed; the small encoder is fast as it is."""
        if isinstance(self.network, SmallSam):
            return self.network.image_encoder.to(memory_format=torch.channels_last)
        return FastImageEncoder(self.network.image_encoder)

    # ---- a slice, once --------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def encode(self, image: NDArray[np.uint8]) -> SliceEmbedding:
        """image uint8 [H, W] grey or [H, W, 3] RGB, already windowed. Raises ValueError for anything else."""
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise ValueError(f"An image is uint8 [H, W] or [H, W, 3], not {image.dtype} {list(image.shape)}.")
        if min(image.shape[:2]) < 1:
            raise ValueError("The image has no pixels.")
        original_hw = (int(image.shape[0]), int(image.shape[1]))
        input_hw = self._input_hw(original_hw)
        scaled = np.array(Image.fromarray(image).resize(input_hw[::-1], Image.Resampling.BILINEAR))  # [h, w(, 3)]
        pixels = torch.from_numpy(scaled).to(self.device)
        pixels = pixels.expand(3, -1, -1) if pixels.ndim == 2 else pixels.permute(2, 0, 1)
        batch = self.network.preprocess(pixels[None].float())  # [1, 3, S, S]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._reduced_precision):
            features = self._encoder(batch)[0]  # [C, h, w]
        return SliceEmbedding(features.to(torch.float16).cpu().numpy(), original_hw, input_hw, self.checksum)

    @property
    def _reduced_precision(self) -> bool:
        """sammed-small was trained in bfloat16; FastImageEncoder chooses its own precision."""
        return isinstance(self.network, SmallSam)

    def _input_hw(self, original_hw: tuple[int, int]) -> tuple[int, int]:
        height, width = self._resize.get_preprocess_shape(*original_hw, self.image_size)
        return max(1, int(height)), max(1, int(width))

    # ---- prompts, often -------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def decode(self, embedding: SliceEmbedding, prompts: Prompts) -> Prediction:
        """The mask that the prompts ask for. One point alone: the best of three masks by predicted IoU; otherwise, and
        always with a learned prompt, which knows how far its object reaches, SAM's single mask.

        Raises InvalidPrompt, and CheckpointError for an embedding of other weights."""
        tensors = self.prompt_tensors(prompts, embedding)
        sparse, dense = self.network.prompt_encoder(tensors.points, tensors.boxes, tensors.masks)
        logits, scores = self.network.mask_decoder(
            image_embeddings=self.features(embedding),
            image_pe=self._image_pe,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=tensors.ambiguous and self.learned is None,
        )  # [1, 1 or 3, h4, w4], [1, 1 or 3]
        best = int(scores[0].argmax())
        low = logits[:, best : best + 1]  # [1, 1, h4, w4]
        mask = self.upscale(low, embedding)[0, 0] > self.network.mask_threshold  # [H, W]
        score = float(scores[0, best].clamp(0, 1))
        return Prediction(mask.cpu().numpy(), score, low[0, 0].float().cpu().numpy())

    def features(self, embedding: SliceEmbedding) -> Tensor:
        """[1, C, h, w] float32 on the model's device. Raises CheckpointError for an embedding of other weights."""
        if embedding.model_checksum != self.checksum:
            raise CheckpointError(
                f"The slice was encoded by another model than {self.name}.", "Encode it again with this one."
            )
        return torch.from_numpy(embedding.features.astype(np.float32))[None].to(self.device)

    def upscale(self, low_res_logits: Tensor, embedding: SliceEmbedding) -> Tensor:
        """Logits [N, M, h4, w4] of the padded square -> logits [N, M, H, W] of the original slice."""
        height, width = embedding.input_hw
        square = F.interpolate(low_res_logits.float(), (self.image_size, self.image_size), mode="bilinear")
        return F.interpolate(square[..., :height, :width], embedding.original_hw, mode="bilinear")

    def logits_of_slice(self, low_res_logits: FloatArray, embedding: SliceEmbedding) -> FloatArray:
        """[h4, w4] of a prediction -> [H, W] float32 in the pixels of the original slice."""
        low = torch.from_numpy(low_res_logits)[None, None].to(self.device)
        logits: FloatArray = self.upscale(low, embedding)[0, 0].cpu().numpy()
        return logits

    def prompt_tensors(self, prompts: Prompts, embedding: SliceEmbedding) -> PromptTensors:
        """Checked prompts in the model's pixels. Raises InvalidPrompt."""
        hw = embedding.original_hw
        points_xy = _checked_points(prompts, hw)
        box = _checked_box(prompts.box_xyxy, hw)
        if len(points_xy) == 0 and box is None:
            raise InvalidPrompt("There is neither a point nor a box.", "Click on the object or draw a box around it.")
        points = boxes = masks = None
        if len(points_xy):
            coords = torch.from_numpy(self._resize.apply_coords(points_xy, hw)).float()
            points = (
                coords[None].to(self.device),
                torch.from_numpy(prompts.point_labels.astype(np.int32))[None].to(self.device),
            )
        if box is not None:
            boxes = torch.from_numpy(self._resize.apply_boxes(box[None], hw)).float().reshape(1, 4).to(self.device)
        logits = self._mask_logits(prompts, embedding)
        if logits is not None:
            masks = logits[None, None].to(self.device)
        return PromptTensors(points, boxes, masks)

    def _mask_logits(self, prompts: Prompts, embedding: SliceEmbedding) -> Tensor | None:
        """[h4, w4] float32, from logits or from a mask in the original pixels."""
        side = self.network.prompt_encoder.mask_input_size[0]
        if prompts.mask_logits is not None and prompts.mask is not None:
            raise InvalidPrompt("There are two earlier masks, as logits and as pixels.", "Send one of them.")
        if prompts.mask_logits is not None:
            logits = np.asarray(prompts.mask_logits, np.float32)
            if logits.shape != (side, side) or not np.isfinite(logits).all():
                raise InvalidPrompt(f"Mask logits are {side} x {side} finite numbers, not {list(logits.shape)}.")
            return torch.from_numpy(logits)
        if prompts.mask is None:
            return None
        if prompts.mask.shape != embedding.original_hw:
            raise InvalidPrompt(
                f"The earlier mask has {list(prompts.mask.shape)} pixels, the slice {list(embedding.original_hw)}."
            )
        height, width = (max(1, round(n * side / self.image_size)) for n in embedding.input_hw)
        share = F.interpolate(
            torch.from_numpy(prompts.mask.astype(np.float32))[None, None],
            (height, width),
            mode="bilinear",
            antialias=True,
        )[0, 0]
        outside = torch.full((side, side), -MASK_PROMPT_LOGIT)
        outside[:height, :width] = (2 * share - 1) * MASK_PROMPT_LOGIT
        return outside


class EncodedSlices:
    """Pictures as `Slices`: each encoded when first asked for, and kept."""

    def __init__(self, model: SamModel, images: Sequence[NDArray[np.uint8]]) -> None:
        self._model = model
        self._images = images
        self._embeddings: dict[int, SliceEmbedding] = {}

    def __len__(self) -> int:
        return len(self._images)

    def image(self, index: int) -> NDArray[np.uint8]:
        """[H, W] or [H, W, 3] uint8"""
        return self._images[index]

    def embedding(self, index: int) -> SliceEmbedding:
        """Of the model given at the start."""
        if index not in self._embeddings:
            self._embeddings[index] = self._model.encode(self._images[index])
        return self._embeddings[index]


def _checked_points(prompts: Prompts, original_hw: tuple[int, int]) -> FloatArray:
    points = np.asarray(prompts.points_xy, np.float32)
    labels = np.asarray(prompts.point_labels)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != (len(points),):
        raise InvalidPrompt(f"Points are [n, 2] with n labels, not {list(points.shape)} with {list(labels.shape)}.")
    if len(points) > MAX_POINTS:
        raise InvalidPrompt(f"There are {len(points)} points; {MAX_POINTS} are the most.", "Remove some of them.")
    if not np.isin(labels, (0, 1)).all():
        raise InvalidPrompt("A point is foreground (1) or background (0).")
    _check_inside(points, original_hw, "A point")
    return points


def _checked_box(box_xyxy: FloatArray | None, original_hw: tuple[int, int]) -> FloatArray | None:
    if box_xyxy is None:
        return None
    box = np.asarray(box_xyxy, np.float32)
    if box.shape != (4,):
        raise InvalidPrompt(f"A box is four numbers x0, y0, x1, y1, not {list(box.shape)}.")
    _check_inside(box.reshape(2, 2), original_hw, "The box")
    if box[2] < box[0] or box[3] < box[1]:
        raise InvalidPrompt("The box ends before it begins.", "Give the upper left corner first.")
    return box


def _check_inside(points_xy: FloatArray, original_hw: tuple[int, int], what: str) -> None:
    height, width = original_hw
    if not np.isfinite(points_xy).all():
        raise InvalidPrompt(f"{what} is not a finite number.")
    low, high = np.float32(-0.5), np.array([width - 0.5, height - 0.5], np.float32)
    if (points_xy < low).any() or (points_xy > high).any():
        raise InvalidPrompt(f"{what} lies outside the slice of {width} x {height} pixels.")
