"""What was learned, as bytes: safetensors with its provenance, the same bytes for the same content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from workers.sammed.types import CheckpointError

Tensors = dict[str, NDArray[Any]]


def tensors_to_bytes(tensors: Tensors, kind: str, provenance: dict[str, Any]) -> bytes:
    """safetensors with one entry in its metadata, `kind`, that holds the provenance as JSON. One entry and no more:
    safetensors writes several in random order, and a checksum of the file would mean nothing."""
    data: bytes = save(tensors, {kind: json.dumps(provenance)})
    return data


def read_tensors(path: Path, kind: str, name: str) -> tuple[Tensors, dict[str, Any]]:
    """Tensors and provenance of a file that holds a `kind`; `name` says what that is. Raises CheckpointError."""
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, not a dict
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as {name}: {error}") from error
    family = kind.rpartition("-")[0]
    others = [word for word in (*metadata, metadata.get("format", "")) if word.rpartition("-")[0] == family]
    if kind not in metadata and others:
        raise CheckpointError(
            f"{path} holds {name} of the kind {others[0]}, which is not read any more.",
            f"Learn it again from the same slices: this version writes and reads {kind}.",
        )
    if kind not in metadata:
        raise CheckpointError(f"{path} does not hold {name} of the kind {kind}.")
    return tensors, json.loads(metadata[kind])
