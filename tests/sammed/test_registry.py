"""Weights: found, refused or fetched. The server is a real one on this machine, and the cards name small files."""

from __future__ import annotations

import errno
import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from workers.sammed import MODELS, CheckpointError, available, load_sam, pull, registry
from workers.sammed.registry import sha256_of

WEIGHTS = np.random.default_rng(0).bytes(3_000_001)


class WeightServer(BaseHTTPRequestHandler):
    """Serves WEIGHTS under any path; may ignore ranges or break off."""

    ranges: ClassVar[list[str | None]] = []
    can_resume: ClassVar[bool] = True
    break_after: ClassVar[int | None] = None
    body: ClassVar[bytes] = WEIGHTS

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.ranges.append(wanted)
        if "missing" in self.path:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.can_resume else 0
        if start >= len(self.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.body) - start))
        self.end_headers()
        end = None if self.break_after is None else start + self.break_after
        self.wfile.write(self.body[start:end])

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[WeightServer]]:
    class Handler(WeightServer):
        ranges: ClassVar[list[str | None]] = []

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(registry, "OFFICIAL_URL", f"http://127.0.0.1:{httpd.server_port}/sam")
    monkeypatch.setitem(MODELS, "vit_b", replace(MODELS["vit_b"], sha256=hashlib.sha256(WEIGHTS).hexdigest()))
    yield Handler
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_every_downloadable_model_has_a_whole_sha256() -> None:
    for card in MODELS.values():
        if not card.bundled:
            assert card.sha256 is not None and len(bytes.fromhex(card.sha256)) == 32


def test_a_model_is_fetched_checked_and_put_in_place(server: type[WeightServer], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = pull("vit_b", tmp_path / "new", progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == WEIGHTS
    assert path.name == "sam_vit_b_01ec64.pth"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS)) and seen == sorted(seen)


def test_what_is_there_is_not_fetched_again(server: type[WeightServer], tmp_path: Path) -> None:
    pull("vit_b", tmp_path)
    pull("vit_b", tmp_path)
    assert len(server.ranges) == 1


def test_a_broken_download_goes_on_where_it_stopped(server: type[WeightServer], tmp_path: Path) -> None:
    server.break_after = 1_500_000
    with pytest.raises(CheckpointError, match="1500000 of 3000001") as caught:
        pull("vit_b", tmp_path)
    assert "resumes" in caught.value.hint
    server.break_after = None
    assert pull("vit_b", tmp_path).read_bytes() == WEIGHTS
    assert server.ranges == [None, "bytes=1500000-"]


def test_a_server_that_cannot_resume_starts_anew(server: type[WeightServer], tmp_path: Path) -> None:
    server.can_resume = False
    (tmp_path / "sam_vit_b_01ec64.pth.partial").write_bytes(b"left over")
    assert pull("vit_b", tmp_path).read_bytes() == WEIGHTS


def test_a_whole_partial_file_is_checked_and_used(server: type[WeightServer], tmp_path: Path) -> None:
    (tmp_path / "sam_vit_b_01ec64.pth.partial").write_bytes(WEIGHTS)
    assert pull("vit_b", tmp_path).read_bytes() == WEIGHTS


def test_other_bytes_than_promised_are_removed(server: type[WeightServer], tmp_path: Path) -> None:
    server.body = WEIGHTS[:-1] + b"!"
    with pytest.raises(CheckpointError, match=r"is not sam_vit_b_01ec64.pth"):
        pull("vit_b", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_and_no_network_are_told_apart(server: type[WeightServer], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="404"):
        pull("vit_b", tmp_path, base_url=f"{registry.OFFICIAL_URL}/missing")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(CheckpointError, match="cannot be fetched") as caught:
            pull("vit_b", tmp_path, base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert "by hand" in caught.value.hint


def test_a_full_disk_is_named(server: type[WeightServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(registry, "_download", no_space)
    with pytest.raises(CheckpointError, match="full"):
        pull("vit_b", tmp_path)


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    for ask in (lambda: pull("vit_x", tmp_path), lambda: load_sam("vit_x", models_dir=tmp_path)):
        with pytest.raises(CheckpointError) as caught:
            ask()
        assert "vit_b" in caught.value.hint


def test_a_missing_file_names_itself_and_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"sam_vit_b_01ec64\.pth is missing") as caught:
        load_sam("vit_b", models_dir=tmp_path)
    assert caught.value.hint == "Fetch it: sammed models pull vit_b"
    monkeypatch.setattr(registry, "BUNDLED_FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=r"sammed_small\.safetensors is missing"):
        load_sam()


def test_available_tells_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "sam_vit_l_0b3195.pth").touch()
    installed = {card.name: card.installed for card in available(tmp_path)}
    assert installed == {"sammed-small": True, "vit_b": False, "vit_l": True, "vit_h": False}
    assert not any(card.installed for card in available(None) if not card.bundled)


def test_a_file_under_an_official_name_must_be_the_official_one(tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "sam_vit_b_01ec64.pth").write_bytes(tiny_checkpoint.read_bytes())
    with pytest.raises(CheckpointError, match="not the published vit_b"):
        load_sam("vit_b", models_dir=tmp_path)


def test_any_checkpoint_of_that_shape_loads_by_path(tiny_checkpoint: Path) -> None:
    model = load_sam(tiny_checkpoint)
    assert (model.name, model.image_size, model.checksum) == ("tiny", 224, sha256_of(tiny_checkpoint))


@pytest.mark.parametrize("content", [b"", b"not weights at all"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_sam(path)


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    torch.save({"image_encoder.patch_embed.proj.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(CheckpointError):
        load_sam(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


def test_checkpoints_of_another_shape_are_refused(
    tiny_checkpoint: Path, small_checkpoint: Path, tmp_path: Path
) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="shape"):
        load_sam(tmp_path / "other.pth")
    state = torch.load(tiny_checkpoint, weights_only=True)
    del state["mask_decoder.iou_token.weight"]
    torch.save(state, tmp_path / "incomplete.pth")
    with pytest.raises(CheckpointError, match="does not fit"):
        load_sam(tmp_path / "incomplete.pth")
