"""The small network's own parts: points and boxes drawn into the dense prompt."""

from __future__ import annotations

import pytest
import torch

from workers.sammed.small import SmallConfig, SmallPromptEncoder, SmallSam

NARROW = SmallConfig(
    embed_dim=32, stem_widths=(8, 8), stage_depths=(1, 1, 1), stage_widths=(8, 16, 24, 48), attention_depth=1
)


@pytest.fixture
def encoder() -> SmallPromptEncoder:
    torch.manual_seed(0)
    return SmallPromptEncoder(NARROW)


def test_a_box_covers_its_cells_and_parts_of_those_at_its_rim(encoder: SmallPromptEncoder) -> None:
    inside, ellipse = encoder.draw_hints(None, torch.tensor([[40.0, 20.0, 81.0, 59.0]]))[0, :2]
    covered_px = float(inside.sum()) * 4 * 4
    assert covered_px == pytest.approx(42 * 40)  # corner pixels belong to the box
    assert inside[10, 15] == 1 and inside[10, 20] == pytest.approx(0.5) and inside[10, 21] == 0
    assert ellipse.max() > 0.98 and bool((ellipse[inside == 0] == 0).all())
    assert ellipse[5, 10] == 0 < ellipse[5, 15]  # the corner of the box lies outside, the middle of its side inside


def test_points_are_spots_of_their_own_kind_and_pads_are_nothing(encoder: SmallPromptEncoder) -> None:
    points = torch.tensor([[[101.5, 61.5], [201.5, 29.5], [9.0, 9.0]]])
    maps = encoder.draw_hints((points, torch.tensor([[1, 0, -1]])), None)[0]
    assert float(maps[2, 15, 25]) == pytest.approx(1.0) and float(maps[3, 7, 50]) == pytest.approx(1.0)
    assert float(maps[2, 7, 50]) < 1e-6 and float(maps[:2].sum()) == 0 and float(maps[2:, 2, 2].max()) < 1e-6


def test_hints_added_late_are_the_same_sum() -> None:
    """Training adds the hints after the linear maps that follow; the masks are those of the plain way."""
    torch.manual_seed(0)
    model = SmallSam(NARROW).eval()
    torch.nn.init.normal_(model.mask_decoder.dense_skip.weight)
    points = torch.rand(2, 3, 2) * 255, torch.tensor([[1, 0, 1], [1, 1, -1]])
    boxes = torch.tensor([[10.0, 20, 100, 200], [50, 60, 70, 80]])
    embedding, encoder = torch.randn(1, 32, 64, 64), model.prompt_encoder
    position = encoder.get_dense_pe()
    with torch.no_grad():
        sparse, dense = encoder(points, boxes, None)
        plain, _ = model.mask_decoder.predict_half_masks(embedding, position, sparse, dense)
        bare = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(2, -1, 64, 64)
        hints = encoder.draw_hints(points, boxes), encoder.hint_embeddings
        late, _ = model.mask_decoder.predict_half_masks(embedding, position, sparse, bare, hints)
    torch.testing.assert_close(plain, late, atol=1e-4, rtol=1e-4)
