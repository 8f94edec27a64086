"""Which models there are, where their weights come from, and how they become a `SamModel`.

`load_sam` and `available` never touch the network. `pull` does, when somebody asks for it by name: it resumes a broken
download, checks the sha256, and only then gives the file its final name.
"""

from __future__ import annotations

import errno
import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import Tensor, nn

from workers.sammed.sam import SamModel
from workers.sammed.small import SmallConfig, SmallSam
from workers.sammed.types import CheckpointError

BUNDLED_FOLDER = Path(__file__).parent / "bundled"
OFFICIAL_URL = "https://dl.fbaipublicfiles.com/segment_anything"
SMALL_FORMAT = "sammed-small-2"
CHUNK_BYTES = 1 << 20
NETWORK_TIMEOUT_S = 30.0

ProgressCallback = Callable[[int, int], None]
"""Called with bytes so far and bytes in all (0 when the server does not say)."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a model before it is loaded."""

    name: str
    file_name: str
    description: str
    licence: str
    size_bytes: int | None = None
    sha256: str | None = None
    """of the weight file; None for the bundled model, whose file is part of the program"""
    bundled: bool = False
    installed: bool = False

    def path(self, models_dir: Path | None) -> Path | None:
        """Where the weights lie, whether or not they are there; None when no folder for models was given."""
        if self.bundled:
            return BUNDLED_FOLDER / self.file_name
        return models_dir / self.file_name if models_dir else None


MODELS: dict[str, ModelCard] = {
    card.name: card
    for card in (
        ModelCard(
            name="sammed-small",
            file_name="sammed_small.safetensors",
            description="Ships with the program. SAM's prompt encoder and mask decoder on a small encoder, 256 x 256.",
            licence="Research use: see CARD.md for the sets it was trained on.",
            bundled=True,
        ),
        ModelCard(
            name="vit_b",
            file_name="sam_vit_b_01ec64.pth",
            description="Segment Anything, ViT-B, 1024 x 1024.",
            licence="Apache-2.0",
            size_bytes=375_042_383,
            sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        ),
        ModelCard(
            name="vit_l",
            file_name="sam_vit_l_0b3195.pth",
            description="Segment Anything, ViT-L, 1024 x 1024.",
            licence="Apache-2.0",
            size_bytes=1_249_524_607,
            sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        ),
        ModelCard(
            name="vit_h",
            file_name="sam_vit_h_4b8939.pth",
            description="Segment Anything, ViT-H, 1024 x 1024.",
            licence="Apache-2.0",
            size_bytes=2_564_550_879,
            sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        ),
    )
}


def available(models_dir: Path | None) -> list[ModelCard]:
    """All known models, each with `installed` telling whether its file is there."""
    cards = []
    for card in MODELS.values():
        path = card.path(models_dir)
        cards.append(replace(card, installed=path is not None and path.is_file()))
    return cards


def load_sam(
    name_or_path: str | Path = "sammed-small", *, models_dir: Path | None = None, device: str = "cpu"
) -> SamModel:
    """A known model by name, or any checkpoint of SAM's or sammed-small's shape by path. Never downloads.

    Raises CheckpointError when the file is missing, damaged or of an unknown shape."""
    card = MODELS.get(str(name_or_path))
    path = card.path(models_dir) if card else Path(name_or_path)
    if card and path is None:
        raise CheckpointError(f"{card.name} needs a folder for models.", "Name one as models_dir.")
    assert path is not None
    if not path.is_file():
        if card is None:
            raise CheckpointError(f"There is no model and no file {name_or_path}.", f"Models: {', '.join(MODELS)}.")
        hint = "The installation is incomplete." if card.bundled else f"Fetch it: sammed models pull {card.name}"
        raise CheckpointError(f"The weights of {card.name} are not installed: {path} is missing.", hint)
    checksum = sha256_of(path)
    if card and card.sha256 and checksum != card.sha256:
        raise CheckpointError(
            f"{path} is not the published {card.name}: its sha256 is {checksum}.", "Delete and pull it again."
        )
    network = _read_small(path) if path.suffix == ".safetensors" else _read_official(path)
    return SamModel(card.name if card else path.stem, network, checksum, device)


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---- files to networks ------------------------------------------------------------------------------------------


def _read_small(path: Path) -> SmallSam:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors: {error}") from error
    if metadata.get("format") != SMALL_FORMAT:
        raise CheckpointError(f"{path} does not hold a model of the kind {SMALL_FORMAT}.")
    network = SmallSam(SmallConfig.from_json(metadata["config"]))
    _load_state(network, {n: t.float() if t.is_floating_point() else t for n, t in state.items()}, path)
    return network


def _read_official(path: Path) -> Sam:
    """A checkpoint in segment_anything's format, of ViT-B, -L, -H or other sizes of the same build."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen types for damaged or foreign files
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    if not isinstance(state, dict) or "image_encoder.patch_embed.proj.weight" not in state:
        raise CheckpointError(f"{path} is not a checkpoint of segment_anything's shape.")
    network = build_official(state)
    _load_state(network, state, path)
    return network


def build_official(state: dict[str, Tensor]) -> Sam:
    """segment_anything's Sam with the sizes that the tensors of a checkpoint imply; weights not yet loaded."""
    patch = state["image_encoder.patch_embed.proj.weight"]  # [dim, 3, patch, patch]
    position = state["image_encoder.pos_embed"]  # [1, grid, grid, dim]
    prefix = "image_encoder.blocks."
    depth = 1 + max(int(name.removeprefix(prefix).split(".")[0]) for name in state if name.startswith(prefix))
    dim, patch_size, grid = patch.shape[0], patch.shape[2], position.shape[1]
    spans = [(state[f"{prefix}{i}.attn.rel_pos_h"].shape[0] + 1) // 2 for i in range(depth)]
    head_dim = state[f"{prefix}0.attn.rel_pos_h"].shape[1]
    windows = [span for span in spans if span != grid]
    embed_dim = state["prompt_encoder.no_mask_embed.weight"].shape[1]
    image_size = grid * patch_size
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=image_size,
            patch_size=patch_size,
            embed_dim=dim,
            depth=depth,
            num_heads=dim // head_dim,
            mlp_ratio=state[f"{prefix}0.mlp.lin1.weight"].shape[0] / dim,
            norm_layer=_norm,
            use_rel_pos=True,
            window_size=windows[0] if windows else 0,
            global_attn_indexes=tuple(i for i, span in enumerate(spans) if span == grid),
            out_chans=embed_dim,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=embed_dim,
            image_embedding_size=(grid, grid),
            input_image_size=(image_size, image_size),
            mask_in_chans=state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=embed_dim, mlp_dim=2048, num_heads=8),
            transformer_dim=embed_dim,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
    )


def _norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6)


def _load_state(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit the network it names: {error}") from error


# ---- download ---------------------------------------------------------------------------------------------------


def pull(name: str, models_dir: Path, *, base_url: str | None = None, progress: ProgressCallback | None = None) -> Path:
    """Fetch the weights of a model and return their path; at once when they are there already.

    A broken download is resumed from `<file>.partial` by an HTTP range. Raises CheckpointError for an unknown name, no
    network, a full disk or a wrong sha256 (the partial file is then removed)."""
    card = MODELS.get(name)
    if card is None:
        raise CheckpointError(f"There is no model {name}.", f"Models: {', '.join(MODELS)}.")
    path = card.path(models_dir)
    assert path is not None
    if card.bundled or (path.is_file() and sha256_of(path) == card.sha256):
        return path
    url = f"{(base_url or OFFICIAL_URL).rstrip('/')}/{card.file_name}"
    partial = path.with_name(path.name + ".partial")
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        _download(url, partial, progress)
    except urllib.error.HTTPError as error:
        raise CheckpointError(f"{url} answered {error.code} {error.reason}.") from error
    except OSError as error:  # URLError and timeouts are OSErrors
        if error.errno == errno.ENOSPC:
            raise CheckpointError(
                f"The disk of {models_dir} is full.", "Free some space; the download will resume."
            ) from error
        hint = (
            f"Check the network and try again, the download resumes; or put {card.file_name} into {models_dir} by hand."
        )
        raise CheckpointError(f"{url} cannot be fetched: {error}.", hint) from error
    checksum = sha256_of(partial)
    if checksum != card.sha256:
        partial.unlink()
        raise CheckpointError(
            f"What came from {url} is not {card.file_name}: its sha256 is {checksum}.", "It was removed; try again."
        )
    partial.replace(path)
    return path


def _download(url: str, partial: Path, progress: ProgressCallback | None) -> None:
    """Append to `partial` what is missing of it; start anew where the server cannot resume."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=NETWORK_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing; the checksum decides
            return
        raise
    with answer:
        resumed = answer.status == 206
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else 0
        with partial.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                if progress:
                    progress(have, total)
    if total and have < total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")
