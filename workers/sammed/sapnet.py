"""SAP-Net: the few-shot segmenter of SAM^auto, whose coarse mask yields prompts (PAPER.md section 3, Eq. 3 to 7).

    F(x, y) = [ T(E(I))(x, y), gamma(x, y) ]                                   Eq. 5: tuned SAM features and position
    gamma(x, y) = [ cos(2 pi B (x, y)), sin(2 pi B (x, y)) ]                   Eq. 6
    class of a cell: softmax over c of alpha * cosine similarity(F, p_c)       Eq. 4
    loss: query by the support's prototypes, and support by the query's        Eq. 3, with the biased Dice of Eq. 7

It works on cached embeddings alone, so an episode costs milliseconds. PANet is the same network without position.

Letters in the shape comments: B slices, C channels of the input, F features, d frequencies, K prototypes per class,
h w cells of the grid; class 0 is the background, 1 the foreground. Channels come last: what is summed lies together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from workers.sammed.coarse import CoarseMask, cells_of_slice, components, keep_largest, pixels_from_grid, share_on_grid
from workers.sammed.sapnet_parts import (
    Fcn,
    PixelBackbone,
    biased_dice_loss,
    clustered_prototypes,
    pixels_on_square,
    pooled_prototype,
    whitening,
)
from workers.sammed.tensor_file import read_tensors, tensors_to_bytes
from workers.sammed.types import AnnotatedSlice, NotEnoughSlices, SliceEmbedding, Slices

CODE_VERSION = 2
"""Part of the provenance; raise it when the same slices, seed and config give another network."""

FORMAT = "sammed-sapnet-2"

OFFSET = 1.0
"""Spread of T's first offsets, about twice that of its first answers."""

StepCallback = Callable[[int, int], None]
"""Called with the episode just done and how many there will be; may raise to abort."""


@dataclass(frozen=True, slots=True)
class SapNetConfig:
    """Every part of SAP-Net; the defaults are the whole of it."""

    features: Literal["pixels", "sam", "sam+position"] = "sam+position"
    """`pixels`: PANet as it was before SAM, a backbone of its own on the picture"""
    position_dim: int = 32
    """d: columns of B"""
    position_sigma: float = 2.0
    """sigma of B's entries, in periods across the longest side of the slice"""
    whitening: float | None = 0.1
    """share of the mean variance that is added to every direction of the embedding before all are made alike: a few
    directions hold nearly all variance, and hardly those that tell this label from the rest; T finds these sooner so.
    None: each channel is standardised on its own"""
    width: int = 32
    """channels of T"""
    depth: int = 2
    """layers of T: the first looks at single cells, the others at 3 x 3"""
    temperature: float = 20.0
    """alpha of Eq. 4"""
    loss: Literal["cross_entropy", "dice", "both"] = "both"
    """d of Eq. 3; `both` is their sum: far from the target Dice hardly has a slope"""
    beta: float = 2.0
    """weight of false positives in Eq. 7; 1 is plain Dice"""
    align_weight: float = 1.0
    prototypes: int = 3
    """prototypes per class (1 in the paper); more are found by clustering the cells of the class"""
    support_sets: int = 1
    """sets of prototypes whose answers are averaged: all annotated slices, and random halves of them"""
    top_k: int | Literal["support"] | None = "support"
    """connected parts that stay; `support`: as many as the annotated slice with most parts shows"""
    episodes: int = 60
    slices_per_episode: int = 6
    learning_rate: float = 5e-3
    weight_decay: float = 1e-4


class SapNet(nn.Module):
    """T, gamma and, after training, the prototypes of the annotated slices. Made by `train_sapnet`."""

    def __init__(self, channels: int, config: SapNetConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.provenance: dict[str, Any] = {"channels": channels, "seed": seed, "config": asdict(config)}
        generator = torch.Generator().manual_seed(seed)
        if config.features == "pixels":
            self.backbone: nn.Module = PixelBackbone()
            channels = PixelBackbone.WIDTH
        else:
            self.backbone = nn.Identity()
        self.tune = Fcn(channels, config.width, config.depth)
        with torch.no_grad():
            for parameter in self.parameters():  # one generator for all: the same network for the same seed
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(noise * (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0 * noise)
            # The input is centred, and so would be T's output: the mean of the background, its prototype, would have no
            # direction. An offset common to all cells gives it one.
            self.tune.reduce.bias.copy_(OFFSET * torch.randn(config.width, generator=generator))
        self.register_buffer("channel_mean", torch.zeros(channels))
        self.register_buffer("whitener", torch.eye(channels))
        frequencies = config.position_sigma * torch.randn(2, config.position_dim, generator=generator)
        self.register_buffer("frequencies", frequencies)  # B of Eq. 6, rows x, y
        self.register_buffer("support_prototypes", torch.zeros(config.support_sets, 2, config.prototypes, 1))
        self.register_buffer("parts", torch.tensor(1))
        self.channel_mean: Tensor
        self.whitener: Tensor
        self.frequencies: Tensor
        self.support_prototypes: Tensor
        """[sets, 2, K, F]"""
        self.parts: Tensor
        """most connected parts on an annotated slice"""

    # ---- the paper's parts ----------------------------------------------------------------------------------------

    def position(self, grid_hw: tuple[int, int]) -> Tensor:
        """gamma of Eq. 6 at the centres of the cells.  -> [h, w, 2 d]"""
        height, width = grid_hw
        y, x = torch.meshgrid(
            (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij"
        )  # the square of the embedding is the unit square
        angle = 2 * torch.pi * (torch.stack([x, y], 2) @ self.frequencies)  # [h, w, d]
        return torch.cat([angle.cos(), angle.sin()], 2)

    def features(self, inputs: Tensor) -> Tensor:
        """F of Eq. 5. inputs [B, h, w, C] whitened embeddings, or [B, 3, 4 h, 4 w] pixels -> [B, h, w, F]"""
        tuned: Tensor = self.tune(self.backbone(inputs))
        if self.config.features == "sam+position":
            gamma = self.position((tuned.shape[1], tuned.shape[2]))
            tuned = torch.cat([tuned, gamma.expand(len(tuned), -1, -1, -1)], 3)
        return tuned

    def inputs(self, embedding: SliceEmbedding, image: NDArray[np.uint8] | None) -> Tensor:
        """What `features` takes, for one slice and without B."""
        if self.config.features == "pixels":
            if image is None:
                raise ValueError("The backbone on pixels needs the pictures of the slices.")
            return pixels_on_square(embedding, image)
        channels_last = torch.from_numpy(embedding.features.astype(np.float32)).permute(1, 2, 0)
        return (channels_last - self.channel_mean) @ self.whitener

    def prototypes(self, features: Tensor, share: Tensor, inside: Tensor) -> Tensor:
        """Background and foreground prototypes of some slices: [B, h, w, F], [B, h, w], [B, h, w] -> [2, K, F]"""
        classes = (inside * (1 - share), inside * share)
        if self.config.prototypes == 1:
            return torch.stack([pooled_prototype(features, s)[None] for s in classes])
        return torch.stack([clustered_prototypes(features, s, self.config.prototypes) for s in classes])

    def logits(self, features: Tensor, prototypes: Tensor) -> Tensor:
        """alpha * cosine similarity to the nearest prototype of each class (Eq. 4).  -> [B, 2, h, w]"""
        directions = F.normalize(prototypes, dim=2)
        length = features.norm(dim=3, keepdim=True).clamp_min(1e-5)
        similarity = features @ directions.flatten(0, 1).T / length  # [B, h, w, 2 K]
        nearest: Tensor = similarity.unflatten(3, (2, self.config.prototypes)).amax(4)  # [B, h, w, 2]
        return self.config.temperature * nearest.permute(0, 3, 1, 2)

    def loss(self, logits: Tensor, share: Tensor, inside: Tensor) -> Tensor:
        """d of Eq. 3, mean over the slices. [B, 2, h, w], [B, h, w], [B, h, w] -> scalar"""
        total = logits.new_zeros(())
        if self.config.loss != "cross_entropy":
            total = total + biased_dice_loss(logits.softmax(1)[:, 1], share, inside, self.config.beta).mean()
        if self.config.loss != "dice":
            log_probability = logits.log_softmax(1)
            cross_entropy = -(share * log_probability[:, 1] + (1 - share) * log_probability[:, 0])
            total = total + ((cross_entropy * inside).sum((-2, -1)) / inside.sum((-2, -1))).mean()
        return total

    def episode(self, batch: _Batch, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """L_seg and L_align of one split; support and query hold positions in the batch."""
        features = self.features(batch.inputs)
        share, inside = batch.share, batch.inside
        prototypes = self.prototypes(features[support], share[support], inside[support])
        logits = self.logits(features[query], prototypes)
        segmentation = self.loss(logits, share[query], inside[query])
        predicted = (logits.argmax(1) == 1).float()  # [query, h, w]
        if not predicted.any():  # no foreground, no prototype to align with
            return segmentation, torch.zeros(())
        backwards = self.prototypes(features[query], predicted, inside[query])
        align = self.loss(self.logits(features[support], backwards), share[support], inside[support])
        return segmentation, align

    # ---- after training -------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def grid_probability(self, embedding: SliceEmbedding, image: NDArray[np.uint8] | None = None) -> Tensor:
        """[h, w] float32: probability of the foreground in each cell, 0 in the padding. `image` (uint8 [H, W] or
        [H, W, 3]) is for the `pixels` backbone only."""
        features = self.features(self.inputs(embedding, image)[None])
        probability = torch.stack([self.logits(features, p).softmax(1)[0, 1] for p in self.support_prototypes]).mean(0)
        return probability * (torch.from_numpy(cells_of_slice(embedding)) > 0)

    def segment(self, embedding: SliceEmbedding, image: NDArray[np.uint8] | None = None) -> CoarseMask:
        """The coarse mask of a slice; arguments as for `grid_probability`."""
        return self.coarse_mask(self.grid_probability(embedding, image), embedding)

    def coarse_mask(self, grid_probability: Tensor, embedding: SliceEmbedding) -> CoarseMask:
        """Probabilities of cells -> the coarse mask in pixels, with its largest parts only (top-K)."""
        probability = pixels_from_grid(grid_probability, embedding)
        mask = probability > 0.5
        top_k = int(self.parts) if self.config.top_k == "support" else self.config.top_k
        return CoarseMask(probability, mask if top_k is None else keep_largest(mask, top_k))

    def to_bytes(self) -> bytes:
        """The file of `save`: safetensors with the provenance."""
        tensors = {name: tensor.contiguous().numpy() for name, tensor in self.state_dict().items()}
        return tensors_to_bytes(tensors, FORMAT, self.provenance)

    def save(self, path: Path) -> None:
        """`to_bytes` as a file."""
        path.write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> SapNet:
        """The inverse of `save`. Raises CheckpointError for a file that holds no SAP-Net."""
        tensors, provenance = read_tensors(path, FORMAT, "a SAP-Net")
        net = cls(provenance["channels"], SapNetConfig(**provenance["config"]), seed=provenance["seed"])
        state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
        net.support_prototypes = state["support_prototypes"]
        net.load_state_dict(state)
        net.provenance = provenance
        return net.eval()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Annotated slices as tensors."""

    inputs: Tensor
    """as `SapNet.features` takes them"""
    share: Tensor
    """[B, h, w] share of each cell under the mask"""
    inside: Tensor
    """[B, h, w] share of each cell inside the slice"""

    @classmethod
    def of(cls, net: SapNet, slices: Sequence[AnnotatedSlice], images: Slices | None) -> _Batch:
        pictures = [None if images is None else images.image(s.index) for s in slices]
        return cls(
            torch.stack([net.inputs(s.embedding, picture) for s, picture in zip(slices, pictures, strict=True)]),
            torch.from_numpy(np.stack([share_on_grid(s.mask, s.embedding) for s in slices])),
            torch.from_numpy(np.stack([cells_of_slice(s.embedding) for s in slices])),
        )

    def take(self, chosen: Tensor) -> _Batch:
        return _Batch(self.inputs[chosen], self.share[chosen], self.inside[chosen])


def train_sapnet(
    slices: Sequence[AnnotatedSlice],
    config: SapNetConfig | None = None,
    *,
    images: Slices | None = None,
    seed: int = 0,
    on_step: StepCallback | None = None,
) -> SapNet:
    """Train on the annotated slices of one label, background slices among them if there are any.

    Every episode splits them anew into support and query; a single slice with foreground is both. `images` gives the
    pictures, for the `pixels` backbone only. Raises NotEnoughSlices when no slice shows the label."""
    config = config or SapNetConfig()
    if not any(s.mask.any() for s in slices):
        raise NotEnoughSlices("None of the annotated slices shows the label.", "Annotate one slice at least.")
    rng = np.random.default_rng([seed, len(slices)])
    net = SapNet(slices[0].embedding.features.shape[0], config, seed=seed)
    net.parts = torch.tensor(max(len(components(s.mask)) for s in slices))
    if config.features != "pixels":
        net.channel_mean, net.whitener = whitening([s.embedding for s in slices], config.whitening)
    batch = _Batch.of(net, slices, images)
    foreground = np.array([bool(s.mask.any()) for s in slices])
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, config.episodes), config.learning_rate / 20)
    losses: list[float] = []
    for episode in range(1, config.episodes + 1):
        support, query = _split(foreground, config.slices_per_episode, rng)
        both = torch.from_numpy(np.concatenate([support, query]))
        positions = torch.arange(len(both))
        segmentation, align = net.episode(batch.take(both), positions[: len(support)], positions[len(support) :])
        loss = segmentation + config.align_weight * align
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(float(segmentation.detach()))
        if on_step:
            on_step(episode, config.episodes)
    _remember_support(net, batch, foreground, rng)
    net.provenance |= {
        "slices": [s.index for s in slices],
        "model_checksum": slices[0].embedding.model_checksum,
        "loss": round(float(np.mean(losses[-10:])), 4) if losses else None,
        "code_version": CODE_VERSION,
    }
    return net.eval()


def _split(foreground: NDArray[np.bool_], most: int, rng: Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of support and query slices, at most `most` in all; each has a slice that shows the label."""
    shown, empty = rng.permutation(np.flatnonzero(foreground)), rng.permutation(np.flatnonzero(~foreground))
    if len(shown) == 1:
        return np.concatenate([shown, empty[: max(0, most - 2)]]), np.concatenate([shown, empty[: max(0, most - 2)]])
    shown = shown[: max(2, (most + 1) // 2 if len(empty) else most)]
    empty = empty[: max(0, most - len(shown))]
    cut = int(rng.integers(1, len(shown)))
    cut_empty = int(rng.integers(0, len(empty) + 1))
    support = np.concatenate([shown[:cut], empty[:cut_empty]])
    query = np.concatenate([shown[cut:], empty[cut_empty:]])
    return support, query


@torch.no_grad()
def _remember_support(net: SapNet, batch: _Batch, foreground: NDArray[np.bool_], rng: Generator) -> None:
    """At inference all annotated slices are support; further sets are random halves of them."""
    features = net.features(batch.inputs)
    sets = [np.arange(len(foreground))]
    while len(sets) < net.config.support_sets:
        sets.append(_split(foreground, len(foreground), rng)[0])
    net.support_prototypes = torch.stack(
        [net.prototypes(features[s], batch.share[s], batch.inside[s]) for s in map(torch.from_numpy, sets)]
    )
