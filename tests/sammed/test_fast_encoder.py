"""The fast ViT encoder against segment_anything's own, on the same weights."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT

from tests.sammed.conftest import randomise, tiny_vit
from workers.sammed.fast_encoder import FastImageEncoder


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@torch.inference_mode()
def test_it_gives_the_embedding_of_the_package(dtype: torch.dtype, tolerance: float) -> None:
    encoder = tiny_vit()
    image = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    assert relative_error(FastImageEncoder(encoder, dtype)(image), encoder(image)) < tolerance


@torch.inference_mode()
def test_relative_positions_take_part() -> None:
    """Without the bias the answer is another one: the comparison above would notice if it were dropped."""
    encoder, image = tiny_vit(), torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    wanted = encoder(image)
    for block in encoder.blocks:
        block.attn.rel_pos_h.zero_()
    assert relative_error(FastImageEncoder(encoder, torch.float32)(image), wanted) > 1e-3


@pytest.mark.bench
@torch.inference_mode()
def test_two_blocks_of_vit_b_at_full_size_stay_within_one_percent() -> None:
    encoder = ImageEncoderViT(
        depth=2,
        embed_dim=768,
        num_heads=12,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=(),
    ).eval()
    randomise(encoder, seed=4)
    image = torch.randn(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(0))
    assert relative_error(FastImageEncoder(encoder, torch.bfloat16)(image), encoder(image)) < 1e-2
