"""An embedding survives its bytes; broken bytes are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from workers.sammed import SliceEmbedding


def an_embedding() -> SliceEmbedding:
    features = np.random.default_rng(0).standard_normal((8, 5, 6)).astype(np.float16)
    return SliceEmbedding(features, (40, 31), (256, 198), "ab" * 32)


def test_bytes_carry_everything() -> None:
    before = an_embedding()
    after = SliceEmbedding.from_bytes(before.to_bytes())
    np.testing.assert_array_equal(after.features, before.features)
    assert after.features.dtype == np.float16
    assert (after.original_hw, after.input_hw) == ((40, 31), (256, 198))
    assert after.model_checksum == before.model_checksum


def test_bytes_are_little_more_than_the_features() -> None:
    assert len(an_embedding().to_bytes()) < 2 * 8 * 5 * 6 + 250


@pytest.mark.parametrize(
    "broken",
    [b"", b"SME1", b"PNG?" + bytes(64), an_embedding().to_bytes()[:-1], an_embedding().to_bytes() + b"\0"],
    ids=["empty", "no header", "another magic", "cut short", "too long"],
)
def test_broken_bytes_are_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="Not an embedding"):
        SliceEmbedding.from_bytes(broken)


def test_a_header_that_is_not_json_is_refused() -> None:
    data = bytearray(an_embedding().to_bytes())
    data[8] = 0xFF
    with pytest.raises(ValueError, match="header"):
        SliceEmbedding.from_bytes(bytes(data))
