from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from workers.sammed.tensor_file import read_tensors, tensors_to_bytes
from workers.sammed.types import CheckpointError

TENSORS = {name: np.full((2, 3), k, np.float32) for k, name in enumerate("qwertyuiop")}
PROVENANCE = {"seed": 7, "slices": [0, 3], "model": "abc", "label": "左肾"}


def test_same_content_same_bytes() -> None:
    """safetensors keeps its metadata in a map that is shuffled at each call, so one call proves nothing."""
    written = {tensors_to_bytes(TENSORS, "kind-1", PROVENANCE) for _ in range(50)}
    assert len(written) == 1


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    path.write_bytes(tensors_to_bytes(TENSORS, "kind-1", PROVENANCE))
    tensors, provenance = read_tensors(path, "kind-1", "a test")
    assert provenance == PROVENANCE
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], tensor)


@pytest.mark.parametrize("metadata", [{"kind-1": "{}"}, {"format": "kind-1", "provenance": "{}"}])
def test_an_earlier_kind_is_refused_with_what_to_do(tmp_path: Path, metadata: dict[str, str]) -> None:
    path = tmp_path / "file.safetensors"
    path.write_bytes(save(TENSORS, metadata))
    with pytest.raises(CheckpointError, match="of the kind kind-1, which is not read any more") as refused:
        read_tensors(path, "kind-2", "a test")
    assert refused.value.hint == "Learn it again from the same slices: this version writes and reads kind-2."


def test_what_is_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    path.write_bytes(tensors_to_bytes(TENSORS, "kind-1", PROVENANCE))
    with pytest.raises(CheckpointError, match="does not hold a test of the kind other-2"):
        read_tensors(path, "other-2", "a test")
    path.write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match="cannot be read as a test"):
        read_tensors(path, "kind-1", "a test")
    with pytest.raises(CheckpointError, match="cannot be read as a test"):
        read_tensors(tmp_path / "missing", "kind-1", "a test")
