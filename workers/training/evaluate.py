"""How good the bundled model is on patients and sets it has not seen: Dice after 1, 3 and 5 points and after one tight
box, beside what the same box gives for nothing: filled in, and GrabCut. Everything goes through `SamModel`, as in the
product.

The first point is the deepest pixel of the object; each further point stands where the last mask is most wrong, and the
last logits go in as mask prompt. An object is a mask value of a picture, in one piece or several.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from workers.sammed.baselines import box_mask, grabcut
from workers.sammed.metrics import dice
from workers.sammed.sam import SamModel
from workers.sammed.sampling import depth_px, draw_pixels, next_correction, tight_box
from workers.sammed.types import BoolArray, FloatArray, Prompts, SliceEmbedding
from workers.training.data import MODALITIES, Picture, load_pictures, modality_of

SPLITS = {"val", "heldout-dataset"}
POINT_BUDGETS = (1, 3, 5)
MIN_OBJECT_PX = 25
COLUMNS = {
    "points_1": "1 point",
    "points_3": "3 points",
    "points_5": "5 points",
    "box": "box",
    "filled_box": "box filled in",
    "grabcut": "GrabCut in box",
}


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """The protocol, as a value."""

    pictures_per_set: int = 30
    objects_per_picture: int = 3
    grabcut: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """Dice of one object under each kind of prompt."""

    set_name: str
    modality: str
    split: str
    picture: str
    value: int
    area_px: int
    points_1: float
    points_3: float
    points_5: float
    box: float
    filled_box: float
    """the box itself taken for the mask: what a box prompt must beat"""
    grabcut: float
    """NaN when not asked for"""


def evaluate(model: SamModel, data_folder: Path, config: EvaluationConfig) -> Iterator[ObjectScore]:
    """Score objects of unseen patients (`val`) and unseen sets (`heldout-dataset`), picture by picture."""
    by_set: dict[str, list[Picture]] = {}
    for picture in load_pictures(data_folder, SPLITS):
        by_set.setdefault(picture.set_name, []).append(picture)
    for set_name, pictures in sorted(by_set.items()):
        rng = np.random.default_rng([config.seed, *set_name.encode()])
        order = rng.permutation(len(pictures))[: config.pictures_per_set]
        for index in order:
            yield from _score_picture(model, pictures[index], config, rng)


def _score_picture(
    model: SamModel, picture: Picture, config: EvaluationConfig, rng: Generator
) -> Iterator[ObjectScore]:
    large = [v for v in picture.values if np.count_nonzero(picture.labels == v) >= MIN_OBJECT_PX]
    if not large:
        return
    embedding = model.encode(picture.image)
    for value in rng.permutation(large)[: config.objects_per_picture]:
        mask = picture.labels == value
        by_points = clicks_to_dice(model, embedding, mask, max(POINT_BUDGETS), rng)
        box = tight_box(mask)
        by_box = dice(model.decode(embedding, Prompts(box_xyxy=box)).mask, mask)
        by_grabcut = dice(grabcut(picture.image, Prompts(box_xyxy=box)), mask) if config.grabcut else float("nan")
        yield ObjectScore(
            picture.set_name,
            modality_of(picture.set_name),
            picture.split,
            picture.name,
            int(value),
            int(mask.sum()),
            *(by_points[budget - 1] for budget in POINT_BUDGETS),
            by_box,
            dice(box_mask(mask.shape, box), mask),
            by_grabcut,
        )


def clicks_to_dice(
    model: SamModel, embedding: SliceEmbedding, mask: BoolArray, budget: int, rng: Generator
) -> list[float]:
    """Dice after 1, 2, ... `budget` simulated clicks on an object."""
    depth = depth_px(mask)
    points: list[FloatArray] = [draw_pixels(depth == depth.max(), 1, rng)[0]]
    labels = [1]
    scores: list[float] = []
    logits: FloatArray | None = None
    while True:
        answer = model.decode(embedding, Prompts(np.stack(points), np.array(labels, np.int32), mask_logits=logits))
        scores.append(dice(answer.mask, mask))
        click = next_correction(mask, answer.mask, rng)
        if len(scores) == budget or click is None:
            return scores + scores[-1:] * (budget - len(scores))
        points.append(click[0])
        labels.append(click[1])
        logits = answer.low_res_logits


# ---- tables -----------------------------------------------------------------------------------------------------


def write_scores(scores: list[ObjectScore], path: Path) -> None:
    """One row per object."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(scores[0])))
        writer.writeheader()
        writer.writerows(asdict(score) for score in scores)


def markdown_report(scores: list[ObjectScore]) -> str:
    """Mean Dice: of the sets' means in all, per modality, and per set. A set counts as much as any other."""
    sets = sorted({s.set_name for s in scores})
    rows = {name: [s for s in scores if s.set_name == name] for name in sets}
    means = {name: _means(members) for name, members in rows.items()}
    unseen_patients = [n for n in sets if rows[n][0].split == "val"]
    unseen_sets = [n for n in sets if rows[n][0].split == "heldout-dataset"]
    groups = [
        ("mean of sets", [("all", sets), ("unseen patients", unseen_patients), ("sets never trained on", unseen_sets)]),
        ("modality", [(m, [n for n in sets if modality_of(n) == m]) for m in [*MODALITIES, "other"]]),
        ("set (* never trained on)", [(n + " *" * (n in unseen_sets), [n]) for n in sets]),
    ]
    lines = []
    for title, entries in groups:
        lines.append(f"| {title} | sets | objects | {' | '.join(COLUMNS.values())} |")
        lines.append("|---|---|---|" + "---|" * len(COLUMNS))
        for entry, names in entries:
            if names:
                objects = sum(len(rows[n]) for n in names)
                numbers = " | ".join(f"{np.mean([means[n][column] for n in names]):.3f}" for column in COLUMNS)
                lines.append(f"| {entry} | {len(names)} | {objects} | {numbers} |")
        lines.append("")
    return "\n".join(lines)


def _means(scores: list[ObjectScore]) -> dict[str, float]:
    return {column: float(np.mean([getattr(s, column) for s in scores])) for column in COLUMNS}
