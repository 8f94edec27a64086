"""segment_anything's ViT image encoder, re-arranged to be fast on a CPU: same weights, same answer, fewer bytes moved.

What is different from the package (whose equations are in ViTDet and MViTv2):
 * The decomposed relative-position bias of attention is linear in the query, so it rides in extra channels: the query
   gets its products with the table of every row and column offset, the key a one-hot code of its row and column. Then
   the bias is part of one product, and no [heads, 4096, 4096] table is ever written.
 * Windows that overhang the grid are padded after the projection to q, k, v, where a padded position is the bias alone;
   the package projects zeros.
 * On CPUs that multiply bfloat16 natively everything but the first and last layers runs in bfloat16.

Tested against the package in tests/sammed/test_fast_encoder.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from segment_anything.modeling import ImageEncoderViT
from segment_anything.modeling.image_encoder import Block, get_rel_pos
from torch import Tensor, nn

ROWS_AT_ONCE = 256
"""Queries whose attention is computed together on a CPU: 256 x 4096 logits in bfloat16 are 2 MiB."""


def native_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 here: CPUs with AVX512-BF16 or AMX, and CUDA GPUs that support it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class FastImageEncoder(nn.Module):
    """Drop-in for `ImageEncoderViT`: image [B, 3, S, S] -> embedding [B, C, S / 16, S / 16] float32.

    Holds re-arranged copies of the weights in `dtype`; the original is not kept. `dtype` None: bfloat16 where it is
    native, else float32."""

    def __init__(self, encoder: ImageEncoderViT, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        device = encoder.patch_embed.proj.weight.device
        self.dtype = dtype or (torch.bfloat16 if native_bfloat16(device) else torch.float32)
        self.img_size = encoder.img_size
        self.patch_embed = encoder.patch_embed
        self.pos_embed = encoder.pos_embed
        self.neck = encoder.neck
        grid = encoder.img_size // encoder.patch_embed.proj.kernel_size[0]
        self.blocks = nn.ModuleList(_FastBlock(block, grid, self.dtype) for block in encoder.blocks)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed(image)  # [B, g, g, D]
        if self.pos_embed is not None:
            x = x + self.pos_embed
        x = x.to(self.dtype).contiguous()  # the convolution leaves channels outermost, and sums would keep that order
        for block in self.blocks:
            x = block(x)
        embedding: Tensor = self.neck(x.float().permute(0, 3, 1, 2))
        return embedding


class _FastBlock(nn.Module):
    """One transformer block over a grid of g x g positions, global or in windows."""

    table_h: Tensor
    table_w: Tensor
    key_code: Tensor

    def __init__(self, block: Block, grid: int, dtype: torch.dtype) -> None:
        super().__init__()
        attention = block.attn
        self.window: int = block.window_size
        self.heads: int = attention.num_heads
        self.scale: float = attention.scale
        side = self.window or grid
        self.norm1 = _Norm(block.norm1, dtype)
        self.norm2 = _Norm(block.norm2, dtype)
        self.qkv = _linear(attention.qkv, dtype)
        self.project = _linear(attention.proj, dtype)
        self.widen = _linear(block.mlp.lin1, dtype)
        self.narrow = _linear(block.mlp.lin2, dtype)
        table_h = get_rel_pos(side, side, attention.rel_pos_h.detach())  # [query row, key row, d]
        table_w = get_rel_pos(side, side, attention.rel_pos_w.detach())  # [query column, key column, d]
        self.register_buffer("table_h", table_h.transpose(1, 2).contiguous().to(dtype))  # [query row, d, key row]
        self.register_buffer("table_w", table_w.transpose(1, 2).contiguous().to(dtype))  # [query column, d, key column]
        eye = torch.eye(side, device=table_h.device, dtype=dtype)
        code = torch.cat([eye.repeat_interleave(side, dim=0), eye.repeat(side, 1)], dim=1)  # [side * side, 2 side]
        self.register_buffer("key_code", code)

    def forward(self, x: Tensor) -> Tensor:
        """[B, g, g, D] -> the same"""
        x = x + self.project(self._attend(self.qkv(self.norm1(x))))
        x = x + self.narrow(F.gelu(self.widen(self.norm2(x))))
        return x

    def _attend(self, qkv: Tensor) -> Tensor:
        """[B, g, g, 3 D] -> [B, g, g, D]"""
        batch, grid, _, width = qkv.shape
        if not self.window:
            return self._attend_in(qkv)
        side = self.window
        padded = -(-grid // side) * side
        if padded != grid:
            full = self.qkv.bias.expand(batch, padded, padded, width).contiguous()
            full[:, :grid, :grid] = qkv
            qkv = full
        n = padded // side
        windows = qkv.view(batch, n, side, n, side, width).transpose(2, 3).reshape(-1, side, side, width)
        out = self._attend_in(windows).view(batch, n, n, side, side, width // 3)
        return out.transpose(2, 3).reshape(batch, padded, padded, width // 3)[:, :grid, :grid]

    def _attend_in(self, qkv: Tensor) -> Tensor:
        """Attention within each of W squares.  [W, s, s, 3 D] -> [W, s, s, D]"""
        count, side, _, width = qkv.shape
        dim = width // 3 // self.heads
        q, k, v = qkv.view(count, side, side, 3, self.heads, dim).permute(3, 0, 4, 1, 2, 5)  # 3 x [W, heads, s, s, d]
        rows = torch.einsum("whrcd,rdk->whrck", q, self.table_h)  # query times the table of its row, for every key row
        columns = torch.einsum("whrcd,cdk->whrck", q, self.table_w)  # likewise columns  [W, heads, s, s, s]
        tokens, extra = side * side, 2 * side
        query = torch.cat([q * self.scale, rows, columns], dim=-1).flatten(2, 3)  # [W, heads, s * s, d + 2 s]
        key = torch.cat([k.flatten(2, 3), self.key_code.expand(count, self.heads, tokens, extra)], dim=-1)
        out = _fused_attention(query, key, v.flatten(2, 3))  # [W, heads, s * s, d]
        return out.transpose(1, 2).reshape(count, side, side, width // 3)


def _fused_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key^T) value.  query, key [W, heads, n, e], value [W, heads, n, d]  ->  [W, heads, n, d]

    On a GPU the fused kernel, which wants one width for all three. On a CPU that kernel is several times slower than
    plain products of a few hundred rows at a time, whose logits stay in the cache between product, softmax and
    product (one head of 4096 positions: 30 ms against 149 ms on one core)."""
    if query.device.type != "cpu":
        padded = F.pad(value, (0, query.shape[-1] - value.shape[-1]))
        return F.scaled_dot_product_attention(query, key, padded, scale=1.0)[..., : value.shape[-1]]
    tokens = query.shape[2]
    if tokens <= ROWS_AT_ONCE:
        return (query @ key.transpose(-1, -2)).softmax(dim=-1) @ value
    out = torch.empty_like(value)
    for window in range(query.shape[0]):
        for head in range(query.shape[1]):
            columns = key[window, head].T.contiguous()  # [e, n]
            for row in range(0, tokens, ROWS_AT_ONCE):
                rows = slice(row, row + ROWS_AT_ONCE)
                weights = (query[window, head, rows] @ columns).softmax(dim=-1)  # [rows, n]
                out[window, head, rows] = weights @ value[window, head]
    return out


class _Norm(nn.Module):
    """LayerNorm in `dtype`; its statistics are accumulated in float32 by the kernel."""

    weight: Tensor
    bias: Tensor

    def __init__(self, norm: nn.LayerNorm, dtype: torch.dtype) -> None:
        super().__init__()
        self.shape, self.eps = norm.normalized_shape, norm.eps
        self.register_buffer("weight", norm.weight.detach().to(dtype))
        self.register_buffer("bias", norm.bias.detach().to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


def _linear(source: nn.Linear, dtype: torch.dtype) -> nn.Linear:
    """A frozen copy in `dtype`."""
    copy = nn.Linear(source.in_features, source.out_features, device=source.weight.device, dtype=dtype)
    with torch.no_grad():
        copy.weight.copy_(source.weight)
        copy.bias.copy_(source.bias)
    return copy.requires_grad_(False)
