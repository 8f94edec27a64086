"""The training loop of `sammed-small`, to be read from top to bottom. Data come from data.py, the network from
workers/sammed/small.py, the measure from evaluate.py.

One step: encode B pictures once; then for N = B * P objects one round of first prompts and up to two rounds of
corrective clicks, drawn from the error of the round before and, half of the time, with its logits as mask prompt.
The schedule runs on the clock, so that the learning rate reaches zero when the time is up, however fast the machine.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from workers.sammed.losses import dice_loss, focal_loss, hard_iou
from workers.sammed.small import SmallConfig, SmallSam
from workers.training.data import Batch, BatchSource, load_pictures


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides the result, apart from the data and the machine's speed."""

    minutes: float = 90.0
    images_per_step: int = 12
    objects_per_image: int = 3
    max_points: int = 6
    several_points_share: float = 0.35
    """share of steps that begin with several points at once instead of one point or one box"""
    round_shares: tuple[float, float, float] = (0.5, 0.3, 0.2)
    """share of steps with no, one, two corrective clicks"""
    mask_prompt_share: float = 0.5
    learning_rate: float = 1.0e-3
    warmup_steps: int = 100
    weight_decay: float = 0.02
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    focal_weight: float = 20.0
    balance: float = 0.4
    seed: int = 0
    start_from: str = ""
    """weights of an earlier training to go on from, with a fresh optimizer; empty: random weights"""
    threads: int = 2
    checkpoint_minutes: float = 5.0


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step tells its caller."""

    step: int
    elapsed_s: float
    learning_rate: float
    loss: float
    iou_first: float
    """mean IoU after the first prompt"""
    iou_last: float
    """mean IoU after the last corrective click of the step"""


def train(data_folder: Path, out: Path, config: TrainConfig) -> Iterator[StepReport]:
    """Train until the time is up, yielding after every step; resumes from `out/state.pt` where there is one.

    Writes `out/state.pt` (everything needed to go on) and `out/sammed_small.safetensors` (averaged weights, fp16) every
    few minutes and at the end. The time spent before an interruption counts."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)
    model = SmallSam(SmallConfig()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.start_from:
        _start_from(model, Path(config.start_from))
    average = SmallSam(model.config)
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(_parameter_groups(model, config), lr=config.learning_rate, betas=(0.9, 0.98))
    step, before_s = 0, 0.0
    state_path = out / "state.pt"
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, before_s = state["step"], state["elapsed_s"]
    rng = np.random.default_rng([config.seed, step])
    source = BatchSource(load_pictures(data_folder, {"train"}), rng, config.balance)
    (out / "config.json").write_text(json.dumps(asdict(config), indent=1))

    model.train()
    started = saved = time.monotonic()
    while (elapsed_s := before_s + time.monotonic() - started) < 60 * config.minutes:
        rate = config.learning_rate * _schedule(step, elapsed_s / (60 * config.minutes), config.warmup_steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        several = rng.random() < config.several_points_share
        max_points = int(rng.integers(2, config.max_points + 1)) if several else 1
        batch = source.next_batch(config.images_per_step, config.objects_per_image, max_points)
        rounds = 1 + int(rng.choice(3, p=config.round_shares))
        loss, ious = _backward(model, batch, rounds, config, rng)
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        _update_average(average, model, min(config.ema_decay, (1 + step) / (10 + step)))
        yield StepReport(step, elapsed_s, rate, loss, ious[0], ious[-1])
        if time.monotonic() - saved > 60 * config.checkpoint_minutes:
            saved = time.monotonic()
            _save(out, model, average, optimizer, step, before_s + saved - started)
    _save(out, model, average, optimizer, step, before_s + time.monotonic() - started)


def _start_from(model: SmallSam, path: Path) -> None:
    """Weights of an earlier training; parts that it did not have keep their initial values."""
    state = {n: t.float() if t.is_floating_point() else t for n, t in load_file(path).items()}
    own = model.state_dict()
    wrong = [n for n, t in own.items() if n not in state and "hint" not in n and "dense_skip" not in n]
    wrong += [n for n, t in state.items() if n not in own or own[n].shape != t.shape]
    if wrong:
        raise ValueError(f"{path} holds another network: {', '.join(wrong[:4])} do not fit.")
    model.load_state_dict(state, strict=False)


def _schedule(step: int, progress: float, warmup_steps: int) -> float:
    """Linear warm-up by steps times half a cosine by the clock, from 1 to 0."""
    return min(1.0, (step + 1) / warmup_steps) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _parameter_groups(model: SmallSam, config: TrainConfig) -> list[dict[str, object]]:
    """Weight decay for matrices and kernels, none for biases, norms and single vectors."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]


def _backward(
    model: SmallSam, batch: Batch, rounds: int, config: TrainConfig, rng: np.random.Generator
) -> tuple[float, list[float]]:
    """Losses of all rounds, gradients added to the parameters.  -> mean loss, mean IoU after each round."""
    images = torch.from_numpy(batch.images).permute(0, 3, 1, 2).float()  # [B, 3, 256, 256], channels last
    target = F.avg_pool2d(torch.from_numpy(batch.masks)[:, None].float(), 2)[:, 0]  # [N, 128, 128], soft at the rim
    with torch.autocast("cpu", torch.bfloat16):
        encoded = model.image_encoder(model.preprocess(images))  # [B, C, 64, 64]
    embedding = encoded.detach().requires_grad_()  # rounds add up their gradients here; the encoder goes back once
    points = torch.from_numpy(batch.prompts.points_xy)  # [N, K, 2]
    labels = torch.from_numpy(batch.prompts.labels)  # [N, K]
    boxes, has_box = torch.from_numpy(batch.prompts.boxes_xyxy), torch.from_numpy(batch.prompts.has_box)
    with torch.no_grad():
        image_pe = model.prompt_encoder.get_dense_pe()
    previous: Tensor | None = None
    total, ious = 0.0, []
    for index in range(rounds):
        if index > 0:
            assert previous is not None
            points, labels = _add_correction(points, labels, previous, target, rng)
        sparse = embed_sparse(model, points, labels, boxes, has_box)
        dense = model.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(len(points), -1, 64, 64)
        hints = model.prompt_encoder.draw_hints((points, labels), boxes)
        hints = torch.cat([hints[:, :2] * has_box[:, None, None, None], hints[:, 2:]], dim=1)
        with torch.autocast("cpu", torch.bfloat16):
            if previous is not None and rng.random() < config.mask_prompt_share:
                dense = model.prompt_encoder.mask_downscaling(
                    F.interpolate(previous[:, None], scale_factor=2.0, mode="bilinear")
                )
            logits, iou_predicted = model.mask_decoder.predict_half_masks(
                embedding, image_pe, sparse, dense, (hints, model.prompt_encoder.hint_embeddings)
            )
        ambiguous = (~has_box) & ((labels >= 0).sum(dim=1) == 1)
        loss, previous = _round_loss(logits, iou_predicted, target, ambiguous, config)
        (loss / rounds).backward()
        total += float(loss.detach()) / rounds
        ious.append(float(hard_iou(previous, target).mean()))
    encoded.backward(embedding.grad)
    return total, ious


def embed_sparse(model: SmallSam, points: Tensor, labels: Tensor, boxes: Tensor, has_box: Tensor) -> Tensor:
    """Tokens of N prompts of which some have a box, in full precision (bfloat16 would move points by half a pixel).

    With K points: K + 2 tokens with a box, K points and one pad without, made equally long by a second pad. With one
    point or a box, the only first prompts that have K = 1, both have two tokens, as they do at inference."""
    encoder = model.prompt_encoder
    count, most = labels.shape
    if most == 1 and not bool((has_box & (labels[:, 0] >= 0)).any()):
        sparse = encoder._embed_points(points, labels, pad=True)  # [N, 2, C]
        return torch.where(has_box[:, None, None], encoder._embed_boxes(boxes), sparse)
    with_box, _ = encoder((points, labels), boxes, None)  # [N, K + 2, C]
    pad = points.new_zeros(count, 1, 2), labels.new_full((count, 1), -1)
    without, _ = encoder((torch.cat([points, pad[0]], 1), torch.cat([labels, pad[1]], 1)), None, None)
    return torch.where(has_box[:, None, None], with_box, without)


def _round_loss(
    logits: Tensor, iou_predicted: Tensor, target: Tensor, ambiguous: Tensor, config: TrainConfig
) -> tuple[Tensor, Tensor]:
    """SAM's loss: the single mask (token 0) always; the best of the other three where one point leaves the extent open.

    logits [N, 4, h, w], iou_predicted [N, 4], target [N, h, w], ambiguous [N] bool
    -> loss, logits of the mask that the model would have shown [N, h, w] (detached)"""
    single = _mask_and_iou_loss(logits[:, :1], iou_predicted[:, :1], target, config)  # [N, 1] each
    loss = single[0].sum() + single[1].sum()
    if ambiguous.any():
        mask_loss, iou_loss = _mask_and_iou_loss(
            logits[ambiguous, 1:], iou_predicted[ambiguous, 1:], target[ambiguous], config
        )  # [A, 3] each
        loss = loss + (mask_loss.min(dim=1).values + iou_loss.mean(dim=1)).sum()
        loss = loss - 0.5 * (single[0] + single[1])[ambiguous].sum()
    loss = loss / len(target)
    best = 1 + iou_predicted[:, 1:].argmax(dim=1)
    shown = torch.where(ambiguous, best, torch.zeros_like(best))
    return loss, logits[torch.arange(len(shown)), shown].detach()


def _mask_and_iou_loss(
    logits: Tensor, iou_predicted: Tensor, target: Tensor, config: TrainConfig
) -> tuple[Tensor, Tensor]:
    """logits [N, M, h, w], iou_predicted [N, M], target [N, h, w] -> loss of each mask [N, M], of each IoU [N, M]."""
    spread = target[:, None].expand_as(logits).flatten(0, 1)
    flat = logits.flatten(0, 1)
    mask_loss = config.focal_weight * focal_loss(flat, spread) + dice_loss(flat, spread)
    iou_loss = (iou_predicted.flatten() - hard_iou(flat, spread)) ** 2
    return mask_loss.view_as(iou_predicted), iou_loss.view_as(iou_predicted)


def _add_correction(
    points: Tensor, labels: Tensor, logits: Tensor, target: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """One more point for each object, in the error of its last mask: half of the rounds anywhere in it, half where the
    error is widest. No error, no point (label -1)."""
    truth = target > 0.5
    wrong = ((logits > 0) != truth).float()  # [N, h, w]
    width = wrong.shape[-1]
    noise = torch.from_numpy(rng.random(wrong.shape, dtype=np.float32))
    if rng.random() < 0.5:
        noise = F.avg_pool2d(wrong[:, None], 11, 1, 5)[:, 0] + 0.02 * noise
    place = (wrong * noise).flatten(1).argmax(dim=1)  # [N]
    found = wrong.flatten(1).gather(1, place[:, None])[:, 0] > 0
    label = torch.where(found, truth.flatten(1).gather(1, place[:, None])[:, 0].int(), -1)
    scale = 256 / width
    xy = torch.stack([place % width, place // width], dim=1).float() * scale + (scale - 1) / 2
    return torch.cat([points, xy[:, None]], dim=1), torch.cat([labels, label[:, None].to(labels.dtype)], dim=1)


@torch.no_grad()
def _update_average(average: SmallSam, model: SmallSam, decay: float) -> None:
    """Exponential moving average of the weights and of the statistics of the batch norms."""
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - decay)
        else:
            slow.copy_(fast)


def _save(
    out: Path, model: SmallSam, average: SmallSam, optimizer: torch.optim.Optimizer, step: int, elapsed_s: float
) -> None:
    """Both files by way of a temporary name, so that a kill leaves the old ones whole."""
    state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state | {"step": step, "elapsed_s": elapsed_s}, out / "state.tmp")
    (out / "state.tmp").replace(out / "state.pt")
    export_weights(average, out / "weights.tmp", step=step, minutes=elapsed_s / 60)
    (out / "weights.tmp").replace(out / "sammed_small.safetensors")


def export_weights(model: SmallSam, path: Path, *, step: int, minutes: float) -> None:
    """fp16 safetensors with the sizes of the network in the metadata; the prompt encoder stays fp32: it is tiny, and
    its Fourier matrix and point embeddings decide where a click lands."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        keep = not tensor.is_floating_point() or name.startswith("prompt_encoder.")
        tensors[name] = (
            tensor.detach().clone(memory_format=torch.contiguous_format).to(tensor.dtype if keep else torch.float16)
        )
    metadata = {"format": "sammed-small-2", "config": json.dumps(asdict(model.config)), "steps": str(step)}
    save_file(tensors, path, metadata | {"minutes": f"{minutes:.1f}"})
