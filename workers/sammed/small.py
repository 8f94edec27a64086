"""The network behind `sammed-small`: SAM's own prompt encoder, two-way transformer and mask decoder, at width 128, over
a small convolutional encoder for 256 x 256 images. Network only: no files (registry.py), no users' pixels (sam.py).

Letters in the shape comments: B images, N prompts (N a multiple of B, image-major), C = 128 channels, T tokens.

The embedding keeps a 64 x 64 grid, as SAM's does, for fine masks and for everything that works on cached embeddings.
The two-way transformer sees it at 32 x 32, where attention costs a quarter; the way back up adds the fine grid again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn

PIXEL_MEAN = 114.0
PIXEL_STD = 58.0


@dataclass(frozen=True, slots=True)
class SmallConfig:
    """Sizes of the network. The defaults are those of the bundled weights."""

    image_size: int = 256
    embed_dim: int = 128
    stem_widths: tuple[int, int] = (32, 64)
    stage_depths: tuple[int, int, int] = (2, 2, 3)
    """Residual blocks at strides 4, 8, 16."""
    stage_widths: tuple[int, int, int, int] = (64, 128, 256, 384)
    attention_depth: int = 3
    """Transformer blocks at stride 32, where every position sees the whole image."""
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp_dim: int = 512
    mask_channels: int = 16
    """Channels of the 128 x 128 grid on which a mask token is compared with every position."""

    @property
    def grid(self) -> int:
        """Side of the embedding grid."""
        return self.image_size // 4

    @classmethod
    def from_json(cls, text: str) -> SmallConfig:
        """The sizes as stored beside the weights."""
        sizes: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in json.loads(text).items()}
        return cls(**sizes)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut; stride 2 halves the grid."""

    def __init__(self, width_in: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        nn.init.zeros_(self.norm2.weight)  # a fresh block is its shortcut
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width:
            self.shortcut = nn.Sequential()
            if stride != 1:
                self.shortcut.add_module("pool", nn.AvgPool2d(stride))
            self.shortcut.add_module("project", nn.Conv2d(width_in, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.shortcut(x), inplace=True)


class AttentionBlock(nn.Module):
    """Pre-norm transformer block over the positions of a coarse grid."""

    def __init__(self, width: int, heads: int = 6) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # 3 x [B, heads, T, width / heads]
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
        x = x + self.project(mixed)
        x = x + self.narrow(F.gelu(self.widen(self.norm2(x))))
        return x


class SmallImageEncoder(nn.Module):
    """Normalised image [B, 3, 256, 256] -> embedding [B, 128, 64, 64]."""

    def __init__(self, config: SmallConfig) -> None:
        super().__init__()
        w0, w1 = config.stem_widths
        widths = config.stage_widths
        self.img_size = config.image_size
        self.stem1 = nn.Conv2d(3, w0, 3, 2, 1, bias=False)
        self.stem1_norm = nn.BatchNorm2d(w0)
        self.stem2 = nn.Conv2d(w0, w1, 3, 2, 1, bias=False)
        self.stem2_norm = nn.BatchNorm2d(w1)
        self.stages = nn.ModuleList()
        width_in = w1
        for index, (width, depth) in enumerate(zip(widths, config.stage_depths, strict=False)):
            blocks = [ResidualBlock(width_in, width, 1 if index == 0 else 2)]
            blocks += [ResidualBlock(width, width) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*blocks))
            width_in = width
        self.coarse = ResidualBlock(widths[2], widths[3], 2)
        side = config.image_size // 32
        self.coarse_position = nn.Parameter(0.02 * torch.randn(1, side * side, widths[3]))
        self.attention = nn.ModuleList(AttentionBlock(widths[3]) for _ in range(config.attention_depth))
        self.laterals = nn.ModuleList(nn.Conv2d(width, config.embed_dim, 1) for width in widths)
        self.merge16 = ResidualBlock(config.embed_dim, config.embed_dim)
        self.merge8 = ResidualBlock(config.embed_dim, config.embed_dim)
        self.out = nn.Conv2d(config.embed_dim, config.embed_dim, 3, 1, 1, bias=False)
        self.out_norm = nn.BatchNorm2d(config.embed_dim)  # no channel may become a large constant
        nn.init.constant_(self.out_norm.weight, 0.5)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.stem1_norm(self.stem1(image)), inplace=True)  # [B, 32, 128, 128]
        x = F.relu(self.stem2_norm(self.stem2(x)), inplace=True)  # [B, 64, 64, 64]
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)  # strides 4, 8, 16
        x = self.coarse(x)  # [B, 384, 8, 8]
        batch, width, side, _ = x.shape
        tokens = x.flatten(2).transpose(1, 2) + self.coarse_position  # [B, 64, 384]
        for block in self.attention:
            tokens = block(tokens)
        x = tokens.transpose(1, 2).reshape(batch, width, side, side)
        y = self.laterals[3](x)  # [B, C, 8, 8]
        y = self.merge16(_twice(y) + self.laterals[2](levels[2]))  # [B, C, 16, 16]
        y = self.merge8(_twice(y) + self.laterals[1](levels[1]))  # [B, C, 32, 32]
        embedding: Tensor = self.out_norm(self.out(_twice(y) + self.laterals[0](levels[0])))  # [B, C, 64, 64]
        return embedding


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class SmallPromptEncoder(PromptEncoder):  # type: ignore[misc]  # the package carries no types
    """SAM's prompt encoder, which in addition draws points and box into the dense prompt.

    SAM gives the decoder a point only as a token, from which every position has to work out by attention how far away
    it is; for a box, whether it lies inside. A small network learns that slowly. Here four maps say it outright, each
    times a learned vector, which SAM^assist learns with the rest of the prompt encoder."""

    HINTS = ("inside the box", "ellipse in the box", "near a foreground point", "near a background point")
    NEAR_PX = 6.0
    """Width (sigma) of the spot around a point, in pixels of the 256 x 256 picture."""

    def __init__(self, config: SmallConfig) -> None:
        super().__init__(
            embed_dim=config.embed_dim,
            image_embedding_size=(config.grid, config.grid),
            input_image_size=(config.image_size, config.image_size),
            mask_in_chans=16,
        )
        self.hint_embeddings = nn.Parameter(0.3 * torch.randn(len(self.HINTS), config.embed_dim))

    def forward(
        self, points: tuple[Tensor, Tensor] | None, boxes: Tensor | None, masks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """As SAM's: sparse [N, T, C] and dense [N, C, 64, 64]."""
        sparse, dense = super().forward(points, boxes, masks)
        return sparse, dense + self.embed_hints(self.draw_hints(points, boxes))

    def embed_hints(self, maps: Tensor) -> Tensor:
        """[N, 4, 64, 64] -> [N, C, 64, 64]"""
        embedded: Tensor = torch.einsum("nkhw,kc->nchw", maps, self.hint_embeddings)
        return embedded

    def draw_hints(self, points: tuple[Tensor, Tensor] | None, boxes: Tensor | None) -> Tensor:
        """The four maps of HINTS, [N, 4, 64, 64] float32 in [0, 1]. Coordinates in pixels of the picture."""
        side = self.image_embedding_size[0]
        cell = self.input_image_size[0] / side
        centre = (torch.arange(side, device=self.hint_embeddings.device, dtype=torch.float32) + 0.5) * cell - 0.5
        count = points[0].shape[0] if points is not None else boxes.shape[0] if boxes is not None else 1
        maps: Tensor = centre.new_zeros(count, len(self.HINTS), side, side)
        if boxes is not None:
            x0, y0, x1, y1 = boxes.reshape(-1, 4).float().T[:, :, None]  # 4 x [N, 1]
            across_x = ((x1 + 0.5 - centre) / cell + 0.5).clamp(0, 1) * ((centre - x0 + 0.5) / cell + 0.5).clamp(0, 1)
            across_y = ((y1 + 0.5 - centre) / cell + 0.5).clamp(0, 1) * ((centre - y0 + 0.5) / cell + 0.5).clamp(0, 1)
            inside = across_y[:, :, None] * across_x[:, None, :]
            maps[:, 0] = inside
            u = (2 * centre - x0 - x1) / (x1 - x0 + 1)  # -1 and 1 on the sides of the box
            v = (2 * centre - y0 - y1) / (y1 - y0 + 1)
            maps[:, 1] = (1 - v[:, :, None] ** 2 - u[:, None, :] ** 2).clamp_min(0) * inside
        if points is not None:
            xy, labels = points
            away = (xy[:, :, None, :].float() - torch.stack([centre, centre], -1)) ** 2  # [N, K, 64, 2]
            spot = torch.exp(-away / (2 * self.NEAR_PX**2))
            spots = spot[..., 1][:, :, :, None] * spot[..., 0][:, :, None, :]  # [N, K, 64, 64]
            for index, label in ((2, 1), (3, 0)):
                maps[:, index] = (spots * (labels == label)[:, :, None, None]).amax(dim=1)
        return maps


class SmallMaskDecoder(MaskDecoder):  # type: ignore[misc]  # the package carries no types
    """SAM's mask decoder with the transformer on a grid of half the side, and the fine grid added on the way up.

    Same call and same answer as SAM's: logits [N, 1 or 3, 4 * 64, 4 * 64] and predicted IoU. In addition one call may
    carry several images: `image_embeddings` [B, C, 64, 64] with N prompts, N / B for each image, image-major.
    """

    def __init__(self, config: SmallConfig) -> None:
        dim = config.embed_dim
        super().__init__(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=config.decoder_depth,
                embedding_dim=dim,
                mlp_dim=config.decoder_mlp_dim,
                num_heads=config.decoder_heads,
            ),
            transformer_dim=dim,
            iou_head_depth=3,
            iou_head_hidden_dim=dim,
        )
        fine, finest = dim // 2, config.mask_channels
        self.reduce = nn.Conv2d(dim, dim, 2, 2)
        self.skip = nn.Linear(dim, fine)
        self.up_fine = nn.Linear(dim, 4 * fine)
        self.norm_fine = nn.LayerNorm(fine)
        self.up_finest = nn.Linear(fine, 4 * finest)
        self.dense_skip = nn.Linear(dim, fine, bias=False)
        nn.init.zeros_(self.dense_skip.weight)
        del self.output_upscaling
        _attend_to_equal_positions(self.transformer)
        self.mask_bias = nn.Parameter(torch.full((self.num_mask_tokens,), -2.0))  # most of a picture is background
        self.output_hypernetworks_mlps = nn.ModuleList(MLP(dim, dim, finest, 3) for _ in range(self.num_mask_tokens))

    def predict_masks(
        self,
        image_embeddings: Tensor,
        image_pe: Tensor,
        sparse_prompt_embeddings: Tensor,
        dense_prompt_embeddings: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """All four masks [N, 4, 256, 256] and their predicted IoU [N, 4]; token 0 is the unambiguous one."""
        masks, iou = self.predict_half_masks(
            image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings
        )
        return F.interpolate(masks, scale_factor=2.0, mode="bilinear", align_corners=False), iou

    def predict_half_masks(
        self,
        embeddings: Tensor,
        image_pe: Tensor,
        sparse: Tensor,
        dense: Tensor,
        hints: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The same on the 128 x 128 grid where the network makes them: what training compares with the truth.

        `hints` are maps [N, 4, 64, 64] and embeddings [4, C] that `dense` does not hold yet: adding them after the
        linear maps that follow is the same sum at a tenth of the cost for many prompts."""
        count, repeats = sparse.shape[0], sparse.shape[0] // embeddings.shape[0]
        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([output_tokens.expand(count, -1, -1), sparse], dim=1)  # [N, T, C]
        coarse = self.reduce(embeddings).repeat_interleave(repeats, dim=0) + _halve_dense(dense)  # [N, C, 32, 32]
        if hints is not None:
            coarse = coarse + torch.einsum("nkhw,kc->nchw", F.avg_pool2d(hints[0], 2), hints[1])
        position = F.avg_pool2d(image_pe, 2).expand(count, -1, -1, -1)
        hs, coarse = self.transformer(coarse, position, tokens)  # [N, T, C], [N, 32 * 32, C]

        side = embeddings.shape[-1]
        skip = self.skip(embeddings.permute(0, 2, 3, 1)).repeat_interleave(repeats, dim=0)  # [N, 64, 64, C / 2]
        uniform = dense.stride()[2:] == (0, 0)
        skip = skip + self.dense_skip((dense[:, :, :1, :1] if uniform else dense).permute(0, 2, 3, 1))
        if hints is not None:
            skip = skip + hints[0].permute(0, 2, 3, 1) @ self.dense_skip(hints[1])
        fine = F.gelu(self.norm_fine(_unfold_twice(self.up_fine(coarse), side // 2) + skip))
        finest = F.relu(_unfold_twice(self.up_finest(fine.flatten(1, 2)), side))  # [N, 128, 128, mask_channels]
        weights = torch.stack(
            [mlp(hs[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )  # [N, 4, mask_channels]
        masks = (weights @ finest.flatten(1, 2).transpose(1, 2)).view(count, -1, 2 * side, 2 * side)  # [N, 4, 128, 128]
        return masks.float() + self.mask_bias[:, None, None], self.iou_prediction_head(hs[:, 0]).float()


@torch.no_grad()
def _attend_to_equal_positions(transformer: TwoWayTransformer, sharpness: float = 3.0) -> None:
    """Initial weights under which a token and the image positions near it attend to each other: queries and keys of the
    cross attentions start with one common projection, so that their product is the likeness of the two positions.
    From independent projections training spends its first thousand steps on finding out where the prompt is."""
    for name, module in transformer.named_modules():
        if ("cross_attn" in name and hasattr(module, "q_proj")) or name == "final_attn_token_to_image":
            module.q_proj.weight.mul_(sharpness)
            module.k_proj.weight.copy_(module.q_proj.weight)
            module.k_proj.bias.copy_(module.q_proj.bias)


def _halve_dense(dense: Tensor) -> Tensor:
    """Dense prompt on the transformer's grid. Without a mask prompt SAM expands one vector over the grid (stride 0):
    it stays one vector here, [N, C, 1, 1]."""
    if dense.stride()[2:] == (0, 0):
        return dense[:, :, :1, :1]
    return F.avg_pool2d(dense, 2)


def _unfold_twice(x: Tensor, side: int) -> Tensor:
    """Every position becomes 2 x 2: [N, side * side, 4 c] -> [N, 2 side, 2 side, c]."""
    count, _, width = x.shape
    x = x.view(count, side, side, 2, 2, width // 4).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(count, 2 * side, 2 * side, width // 4)


class SmallSam(nn.Module):
    """The three parts under the names that segment_anything uses, so that code for one works with the other."""

    mask_threshold: float = 0.0
    image_format: str = "RGB"
    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: SmallConfig | None = None) -> None:
        super().__init__()
        config = config or SmallConfig()
        self.config = config
        self.image_encoder = SmallImageEncoder(config)
        self.prompt_encoder = SmallPromptEncoder(config)
        self.mask_decoder = SmallMaskDecoder(config)
        self.register_buffer("pixel_mean", torch.full((3, 1, 1), PIXEL_MEAN), persistent=False)
        self.register_buffer("pixel_std", torch.full((3, 1, 1), PIXEL_STD), persistent=False)

    def preprocess(self, image: Tensor) -> Tensor:
        """Scaled image [B, 3, h, w] in 0..255, longest side 256 -> normalised, padded below and right to 256 x 256."""
        x = (image - self.pixel_mean) / self.pixel_std
        size = self.config.image_size
        return F.pad(x, (0, size - x.shape[-1], 0, size - x.shape[-2]))
