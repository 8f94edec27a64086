"""SAM^assist: teach SAM's prompt encoder one label from a few annotated slices (PAPER.md section 2, Eq. 1).

    argmin_theta  Loss( F_theta(I_T, P_T), L_T )          theta: the prompt encoder's parameters, and nothing else

The image encoder and the mask decoder stay frozen, so each slice is embedded once and learning runs on embeddings
alone. Every iteration draws fresh prompts from the reference masks, as a user might have given them.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from torch import Tensor, nn

from workers.sammed.losses import dice_loss
from workers.sammed.sam import SamModel
from workers.sammed.sampling import PromptKind, Scheme, draw_prompts
from workers.sammed.small import SmallMaskDecoder
from workers.sammed.tensor_file import read_tensors, tensors_to_bytes
from workers.sammed.types import (
    AnnotatedSlice,
    BoolArray,
    CheckpointError,
    FloatArray,
    NotEnoughSlices,
    Prompts,
    SliceEmbedding,
)

CODE_VERSION = 2
"""Part of every learned prompt's provenance; raise it when the same slices, seed and config give another prompt."""

FORMAT = "sammed-prompt-2"

POSITION = "position"
"""Name of the grid of AssistConfig.position_grid among a learned prompt's tensors."""

ANY: tuple[PromptKind, ...] = ("points", "points", "boxes", "composite")
"""What `any` draws from: points twice, as users click more often than they draw boxes."""

StepCallback = Callable[[int, int], None]
"""Called with the step just done and the most there will be; may raise to abort."""


@dataclass(frozen=True, slots=True)
class AssistConfig:
    """Every choice of section 3.3 of the paper, and ours where it is silent."""

    kind: PromptKind | Literal["any"] = "any"
    """`any` draws one of the three anew for every step: one learned prompt for whatever the user does next"""
    scheme: Scheme = "uniform"
    max_points: int = 11
    """N_pt: every draw has n in [1, N_pt) foreground points for each instance and as many background points. The paper
    draws n uniformly; we draw its logarithm so, because the first clicks are those that matter"""
    foreground_only_share: float = 0.3
    """share of point draws without background points, as a first click comes (0 in the paper)"""
    per_instance: bool = True
    inwards_px: float = 0.0
    outwards_px: float = 0.0
    """d_in and d_out of the box's jitter in pixels of the slice; both 0: a twentieth of each side of the box"""
    steps: int = 120
    draws_per_slice: int = 1
    slices_per_step: int = 3
    """of more annotated slices than this, so many are drawn for each step"""
    position_grid: int = 8
    """side of a grid over the slice with a learned vector for each cell, added to the dense prompt of points: where in
    the volume the label lies. 0: none, as in the paper, and as it must be for a set of pictures"""
    learning_rate: float = 7e-3
    weight_decay: float = 0.0
    kept: float = 0.75
    """share of the way from where learning began that is kept (1 in the paper): a little less than all costs nothing
    where learning helps much, and is safer on slices that look unlike the annotated ones"""
    patience: int = 80
    """stop when the smoothed loss has not fallen by a hundredth for so many steps"""


class TaughtPromptEncoder(nn.Module):
    """A copy of SAM's prompt encoder to be taught, and a vector for each cell of a grid over the slice, which is added
    to the dense prompt where there is no box. Called like SAM's."""

    def __init__(self, plain: Any, position_grid: int) -> None:
        super().__init__()
        self.base: Any = copy.deepcopy(plain)
        self.mask_input_size: tuple[int, int] = plain.mask_input_size
        self.position: nn.Parameter | None = None
        if position_grid:
            cells = plain.no_mask_embed.weight.new_zeros(plain.embed_dim, position_grid, position_grid)
            self.position = nn.Parameter(cells)

    def learnable(self) -> dict[str, nn.Parameter]:
        """All parameters by the names under which a LearnedPrompt keeps them."""
        parameters = dict(self.base.named_parameters())
        return parameters if self.position is None else parameters | {POSITION: self.position}

    def get_dense_pe(self) -> Tensor:
        """As SAM's: [1, C, h, w]."""
        encoding: Tensor = self.base.get_dense_pe()
        return encoding

    def forward(
        self, points: tuple[Tensor, Tensor] | None, boxes: Tensor | None, masks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As SAM's: sparse [N, T, C] and dense [N, C, h, w]."""
        sparse, dense = self.base(points, boxes, masks)
        if self.position is not None and boxes is None:  # a box says itself where the object lies
            cells = F.interpolate(self.position[None], dense.shape[-2:], mode="bilinear")
            dense = dense + cells / _foreground_points(points, dense)[:, None, None, None]
        return sparse, dense


def _foreground_points(points: tuple[Tensor, Tensor] | None, like: Tensor) -> Tensor:
    """How many foreground points each prompt has, at least 1: the more of them, the less the position has to say."""
    return like.new_ones(len(like)) if points is None else (points[1] == 1).sum(1).clamp_min(1).to(like)


@dataclass(frozen=True, slots=True)
class LearnedPrompt:
    """A prompt encoder that was taught one label: thousands of numbers, and how they came about."""

    tensors: dict[str, FloatArray]
    """parameters of the prompt encoder by name, float32"""
    provenance: dict[str, Any]
    """model, model_checksum, label, slices, seed, config, steps, seconds, loss, code_version; JSON"""

    @property
    def model_checksum(self) -> str:
        """sha256 of the weights that it was learned on; it fits no others."""
        return str(self.provenance["model_checksum"])

    @property
    def checksum(self) -> str:
        """sha256 hex of the tensors: the same for the same slices, seed and config on the same machine."""
        digest = hashlib.sha256()
        for name in sorted(self.tensors):
            digest.update(name.encode() + np.ascontiguousarray(self.tensors[name], "<f4").tobytes())
        return digest.hexdigest()

    def prompt_encoder(self, plain: Any) -> TaughtPromptEncoder:
        """The prompt encoder that was learned, given the model's own, which stays as it is. Raises CheckpointError when
        names or shapes are others."""
        grid = self.tensors[POSITION].shape[-1] if POSITION in self.tensors else 0
        taught = TaughtPromptEncoder(plain, grid)
        own = taught.learnable()
        if own.keys() != self.tensors.keys() or any(own[n].shape != t.shape for n, t in self.tensors.items()):
            raise CheckpointError("The learned prompt does not fit this prompt encoder.", "Learn it again.")
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                own[name].copy_(torch.from_numpy(tensor))
        return taught.requires_grad_(False)

    def to_bytes(self) -> bytes:
        """The file of `save`: safetensors with the provenance."""
        return tensors_to_bytes(self.tensors, FORMAT, self.provenance)

    def save(self, path: Path) -> None:
        """`to_bytes` as a file."""
        path.write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> LearnedPrompt:
        """The inverse of `save`. Raises CheckpointError for a file that holds no learned prompt."""
        return cls(*read_tensors(path, FORMAT, "a learned prompt"))


def learn_prompt(
    model: SamModel,
    slices: Sequence[AnnotatedSlice],
    config: AssistConfig | None = None,
    *,
    seed: int = 0,
    label: str = "",
    start: LearnedPrompt | None = None,
    on_step: StepCallback | None = None,
) -> LearnedPrompt:
    """Learn a prompt for one label from its annotated slices (background slices are ignored).

    `model` is the plain model; only a copy of its prompt encoder is trained, beginning with `start` where one was
    learned on an earlier case (warm start), else with SAM's own. Raises NotEnoughSlices when no slice has a
    foreground, CheckpointError when an embedding is of other weights."""
    config = config or AssistConfig()
    features: dict[int, Tensor] = {}  # by embedding: instances on one slice share them
    lessons = [_Lesson.of(model, s, features) for s in slices if s.mask.any()]
    if not lessons:
        raise NotEnoughSlices("None of the annotated slices shows the label.", "Annotate one slice at least.")
    started = time.perf_counter()
    rng = np.random.default_rng([seed, len(lessons)])
    if start is None:
        prompt_encoder = TaughtPromptEncoder(model.network.prompt_encoder, config.position_grid)
    elif start.model_checksum == model.checksum:
        prompt_encoder = start.prompt_encoder(model.network.prompt_encoder)
    else:
        raise CheckpointError("The prompt to start from was learned on another model.", "Start without it.")
    before = {name: parameter.detach().clone() for name, parameter in prompt_encoder.learnable().items()}
    prompt_encoder.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        prompt_encoder.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    image_pe = prompt_encoder.get_dense_pe().detach()
    smoothed, best, best_step, step = 0.0, np.inf, 0, 0
    for step in range(1, config.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, config.steps)
        chosen = lessons
        if len(lessons) > config.slices_per_step:
            chosen = [lessons[i] for i in rng.choice(len(lessons), config.slices_per_step, replace=False)]
        loss = _step_loss(model, prompt_encoder, image_pe, chosen, config, rng)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if on_step:
            on_step(step, config.steps)
        smoothed = float(loss.detach()) if step == 1 else 0.9 * smoothed + 0.1 * float(loss.detach())
        if smoothed < 0.99 * best:
            best, best_step = smoothed, step
        elif step - best_step >= config.patience:
            break
    tensors = {
        name: torch.lerp(before[name], learned.detach(), config.kept).cpu().numpy().astype(np.float32)
        for name, learned in prompt_encoder.learnable().items()
    }
    provenance = {
        "model": model.name,
        "model_checksum": model.checksum,
        "label": label,
        "slices": list(dict.fromkeys(lesson.index for lesson in lessons)),
        "seed": seed,
        "started_from": start.checksum if start else None,
        "config": asdict(config),
        "steps": step,
        "loss": round(smoothed, 4),
        "seconds": round(time.perf_counter() - started, 3),
        "code_version": CODE_VERSION,
    }
    return LearnedPrompt(tensors, provenance)


def _schedule(step: int, steps: int) -> float:
    """Full rate for the first half, then down to a tenth in a straight line."""
    return min(1.0, 2.0 - 1.8 * step / steps - 0.1) if step > steps / 2 else 1.0


@dataclass(frozen=True, slots=True)
class _Lesson:
    """An annotated slice with everything that does not change from step to step."""

    index: int
    mask: BoolArray
    """[H, W] bool"""
    embedding: SliceEmbedding
    features: Tensor
    """[1, C, h, w]"""
    target: Tensor
    """[h4, w4] float32, the share of each low-resolution cell that the mask covers"""
    inside: Tensor
    """[h4, w4] float32, 1 where the cell shows the slice, 0 where it is padding"""

    @classmethod
    def of(cls, model: SamModel, annotated: AnnotatedSlice, features: dict[int, Tensor]) -> _Lesson:
        embedding = annotated.embedding
        if id(embedding) not in features:
            features[id(embedding)] = model.features(embedding)
        side = model.network.prompt_encoder.mask_input_size[0]
        (height, width), size = embedding.input_hw, model.image_size

        def on_the_square(image: Tensor) -> Tensor:
            scaled = F.interpolate(image[None, None], (height, width), mode="bilinear", antialias=True)
            padded = F.pad(scaled, (0, size - width, 0, size - height))
            return F.interpolate(padded, (side, side), mode="area")[0, 0].to(model.device)

        mask = torch.from_numpy(annotated.mask).float()
        return cls(
            annotated.index,
            annotated.mask,
            embedding,
            features[id(embedding)],
            on_the_square(mask),
            (on_the_square(torch.ones_like(mask)) > 0.5).float(),
        )


def _step_loss(
    model: SamModel,
    prompt_encoder: nn.Module,
    image_pe: Tensor,
    lessons: Sequence[_Lesson],
    config: AssistConfig,
    rng: Generator,
) -> Tensor:
    """Cross-entropy plus Dice on low-resolution logits, mean over slices and draws."""
    kind: PromptKind = ANY[rng.integers(len(ANY))] if config.kind == "any" else config.kind
    n_points = int(np.exp(rng.uniform(0, np.log(config.max_points))))
    with_background = rng.random() >= config.foreground_only_share or kind == "composite"
    drawn = [
        draw_prompts(
            lesson.mask,
            kind,
            n_points,
            n_points if with_background else 0,
            rng,
            scheme=config.scheme,
            per_instance=config.per_instance,
            inwards_px=config.inwards_px,
            outwards_px=config.outwards_px,
        )
        for lesson in lessons
        for _ in range(config.draws_per_slice)
    ]
    embeddings = [lesson.embedding for lesson in lessons for _ in range(config.draws_per_slice)]
    sparse, dense = _embed_prompts(model, prompt_encoder, drawn, embeddings)
    logits = _decode(model, torch.cat([lesson.features for lesson in lessons]), image_pe, sparse, dense)
    repeats = config.draws_per_slice
    target = torch.stack([lesson.target for lesson in lessons]).repeat_interleave(repeats, 0)
    inside = torch.stack([lesson.inside for lesson in lessons]).repeat_interleave(repeats, 0)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, weight=inside, reduction="none")
    cross_entropy = cross_entropy.sum((-2, -1)) / inside.sum((-2, -1))
    outside = (1 - inside) * 1e4
    return (cross_entropy + dice_loss(logits - outside, target)).mean()


def _embed_prompts(
    model: SamModel, prompt_encoder: nn.Module, drawn: Sequence[Prompts], embeddings: Sequence[SliceEmbedding]
) -> tuple[Tensor, Tensor]:
    """Prompts of one kind -> sparse [N, T, C], dense [N, C, h, w]. Shorter ones are filled up with SAM's own pad."""
    most = max(len(p.points_xy) for p in drawn)
    tensors = [model.prompt_tensors(p, e) for p, e in zip(drawn, embeddings, strict=True)]
    points = boxes = None
    if most:
        coords = torch.zeros(len(drawn), most, 2, device=model.device)
        labels = torch.full((len(drawn), most), -1, dtype=torch.int32, device=model.device)
        for row, prompt in enumerate(tensors):
            if prompt.points is not None:
                n = prompt.points[1].shape[1]
                coords[row, :n], labels[row, :n] = prompt.points[0][0], prompt.points[1][0]
        points = (coords, labels)
    if all(prompt.boxes is not None for prompt in tensors):
        boxes = torch.cat([prompt.boxes for prompt in tensors if prompt.boxes is not None])
    sparse, dense = prompt_encoder(points, boxes, None)
    return sparse, dense


def _decode(model: SamModel, features: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor) -> Tensor:
    """SAM's single mask for N prompts on B images, image-major -> logits [N, h4, w4]."""
    decoder = model.network.mask_decoder
    repeats = len(sparse) // len(features)
    batches = [slice(0, len(sparse))]
    if not isinstance(decoder, SmallMaskDecoder):  # segment_anything's takes one image at a time
        batches = [slice(i * repeats, (i + 1) * repeats) for i in range(len(features))]
    images = [features] if len(batches) == 1 else [features[i : i + 1] for i in range(len(features))]
    logits = [
        decoder(
            image_embeddings=image,
            image_pe=image_pe,
            sparse_prompt_embeddings=sparse[batch],
            dense_prompt_embeddings=dense[batch],
            multimask_output=False,
        )[0]
        for image, batch in zip(images, batches, strict=True)
    ]
    return torch.cat(logits)[:, 0]
