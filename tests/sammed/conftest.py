"""Tiny models of both kinds, real code with seeded random weights, and simple pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from workers.sammed import SamModel, load_sam
from workers.sammed.registry import BUNDLED_FOLDER
from workers.sammed.small import SmallConfig, SmallSam

settings.register_profile("sammed", deadline=None, derandomize=True)
settings.load_profile("sammed")
torch.set_num_threads(1)  # tiny models gain nothing from more, and tests may share the machine


def randomise(module: torch.nn.Module, seed: int) -> None:
    """Every parameter from one generator, also those that the package starts at zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(noise * 0.05 if parameter.ndim > 1 else parameter + 0.02 * noise)


def tiny_vit(*, image_size: int = 224, dim: int = 64, depth: int = 3, heads: int = 2, out: int = 32) -> ImageEncoderViT:
    """ViT-B's build in small: windows of 4 that overhang the grid of 14, one global block."""
    torch.manual_seed(0)
    encoder = ImageEncoderViT(
        img_size=image_size,
        embed_dim=dim,
        depth=depth,
        num_heads=heads,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=4,
        global_attn_indexes=(1,),
        out_chans=out,
    )
    randomise(encoder, seed=1)
    return encoder.eval()


def tiny_sam() -> Sam:
    """segment_anything's Sam with random weights: wrong masks, right arithmetic."""
    width = 32
    torch.manual_seed(0)  # the Fourier matrix of the prompt encoder is a buffer, drawn at birth
    sam = Sam(
        image_encoder=tiny_vit(out=width),
        prompt_encoder=PromptEncoder(
            embed_dim=width, image_embedding_size=(14, 14), input_image_size=(224, 224), mask_in_chans=16
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=width, mlp_dim=2048, num_heads=8),
            transformer_dim=width,
        ),
    )
    randomise(sam.mask_decoder, seed=2)
    randomise(sam.prompt_encoder, seed=3)
    return sam.eval()


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Sam saved in the official format."""
    path = tmp_path_factory.mktemp("official") / "tiny.pth"
    torch.save(tiny_sam().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow relative of the bundled model, saved as it is."""
    config = SmallConfig(
        embed_dim=32, stem_widths=(8, 8), stage_depths=(1, 1, 1), stage_widths=(8, 16, 24, 48), attention_depth=1
    )
    torch.manual_seed(0)
    from workers.training.train import export_weights

    path = tmp_path_factory.mktemp("small") / "narrow.safetensors"
    export_weights(SmallSam(config), path, step=0, minutes=0.0)
    return path


@pytest.fixture(scope="session")
def small_model(small_checkpoint: Path) -> SamModel:
    return load_sam(small_checkpoint)


@pytest.fixture(scope="session")
def bundled_model() -> SamModel:
    """The weights that ship with the product."""
    assert (BUNDLED_FOLDER / "sammed_small.safetensors").is_file(), "the bundled weights are part of the repository"
    return load_sam("sammed-small")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def disc(shape_hw: tuple[int, int], center_xy: tuple[float, float], radius: float) -> NDArray[np.bool_]:
    """[H, W] bool"""
    rows, columns = np.indices(shape_hw)
    return (columns - center_xy[0]) ** 2 + (rows - center_xy[1]) ** 2 <= radius**2


def disc_picture(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A bright object on a darker, noisy ground: uint8 [H, W]."""
    return np.clip(np.where(mask, 175, 70) + rng.normal(0, 8, mask.shape), 0, 255).astype(np.uint8)
