"""Training pictures: reading the 2-D sets into memory, drawing objects and prompts from them, and augmentation.

A set is `<name>.zip` with `images/*.jpg`, `masks/*.png` (labels or instance ids) and `index.csv` (name, group, split).
Pictures have a longest side of at most 256 and stay uint8 in memory; everything random comes from one generator.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from workers.sammed.sampling import depth_px, draw_pixels, tight_box
from workers.sammed.small import PIXEL_MEAN
from workers.sammed.types import BoolArray

SIZE = 256
MIN_AREA_PX = 20

MODALITIES: dict[str, tuple[str, ...]] = {
    "CT": (
        "aorta_ct chaos_liver_ct chd_heart_ct curvas_abdomen_ct hepatic_vessel_ct ibsi_sts_ct ircad_liver_ct "
        "lung_ct_lungsegdb medsam2_ct_lesion msd_liver_ct spleen_ct"
    ).split(),
    "MR": (
        "acdc_cardiac_mri brats2023_mri ibsi_sts_mr_t1 kidney_t2_mri la2018_mri msd_hippocampus pancreas_t2_mri "
        "spider_spine_mri spine_mri_vb1 spine_mri_vb2 spine_mri_vb3"
    ).split(),
    "ultrasound": "busi carotid_us fetal_head_us nerve_us_kaggle stu_hospital usgra_nerve".split(),
    "X-ray": "cxr_lungs mlua_caries".split(),
    "microscopy": "drosophila_mito drosophila_neurites dsb2018 gbm40_nuclei glas_gland wbc".split(),
    "endoscopy": "cvc_clinicdb kvasir_polyp".split(),
    "photograph": "drishti_optic isic_skin".split(),
}
"""Fundus and skin photographs stand under `photograph`."""

INSTANCE_SETS = frozenset(
    "drosophila_mito drosophila_neurites dsb2018 gbm40_nuclei glas_gland mlua_caries spine_mri_vb1 spine_mri_vb2 "
    "spine_mri_vb3 spider_spine_mri cxr_lungs".split()
)
"""Sets whose mask values number single things. In the others a value is a label that may have several parts."""


def modality_of(set_name: str) -> str:
    """The modality under which a set is reported; `other` for a set not listed above."""
    return next((m for m, names in MODALITIES.items() if set_name in names), "other")


@dataclass(frozen=True, slots=True)
class Picture:
    """One annotated picture in memory."""

    set_name: str
    name: str
    split: str
    image: NDArray[np.uint8]
    """[H, W] or [H, W, 3] uint8"""
    labels: NDArray[np.uint8]
    """[H, W] uint8, 0 background"""
    values: tuple[int, ...]
    """mask values with at least MIN_AREA_PX pixels"""


def load_pictures(folder: Path, splits: set[str]) -> list[Picture]:
    """Every picture of the named splits that has at least one object, in a fixed order.

    Raises FileNotFoundError when the folder holds no set."""
    archives = sorted(folder.glob("*.zip"))
    if not archives:
        raise FileNotFoundError(f"No training sets (*.zip) in {folder}.")
    pictures: list[Picture] = []
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            rows = list(csv.DictReader(io.TextIOWrapper(archive.open("index.csv"), "utf-8")))
            for row in rows:
                if row["split"] not in splits:
                    continue
                image = _decode(archive.read(f"images/{row['name']}.jpg"))
                labels = _decode(archive.read(f"masks/{row['name']}.png"))
                if image.ndim == 3:
                    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                counts = np.bincount(labels.ravel())
                values = tuple(int(v) for v in np.flatnonzero(counts >= MIN_AREA_PX) if v)
                if values:
                    pictures.append(Picture(path.stem, row["name"], row["split"], image, labels, values))
    return pictures


def _decode(data: bytes) -> NDArray[np.uint8]:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


# ---- objects and prompts ----------------------------------------------------------------------------------------


def draw_object(labels: NDArray[np.uint8], values: tuple[int, ...], instances: bool, rng: Generator) -> BoolArray:
    """One object of a picture: an instance; or a label, a single part of one, or sometimes a union of two labels.
    -> [H, W] bool"""
    value = values[rng.integers(len(values))]
    mask = labels == value
    if instances:
        return mask
    if len(values) > 1 and rng.random() < 0.12:
        return mask | (labels == values[rng.integers(len(values))])
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= MIN_AREA_PX]
    if len(large) > 1 and rng.random() < 0.6:
        return parts == large[rng.integers(len(large))]
    return mask


@dataclass(frozen=True, slots=True)
class PromptBatch:
    """First prompts for N objects. Coordinates are in the 256 x 256 picture."""

    points_xy: NDArray[np.float32]
    """[N, K, 2]"""
    labels: NDArray[np.int32]
    """[N, K]: 1, 0, or -1 for no point"""
    boxes_xyxy: NDArray[np.float32]
    """[N, 4]"""
    has_box: BoolArray
    """[N]"""

    @property
    def single_point(self) -> bool:
        """Whether prompts are one point or one box each, rather than several points."""
        return self.points_xy.shape[1] == 1


def draw_prompts(masks: list[BoolArray], max_points: int, rng: Generator) -> PromptBatch:
    """max_points = 1: a point or a box for each object. More: 1 to max_points points inside and outside, a third of the
    objects with a box as well."""
    count = len(masks)
    points = np.zeros((count, max_points, 2), np.float32)
    labels = np.full((count, max_points), -1, np.int32)
    boxes = np.stack([_training_box(mask, rng) for mask in masks])
    has_box = rng.random(count) < (0.45 if max_points == 1 else 0.33)
    for index, mask in enumerate(masks):
        if max_points == 1:
            if not has_box[index]:
                points[index, 0] = draw_first_point(mask, rng)
                labels[index, 0] = 1
            continue
        n_positive = int(rng.integers(1, max_points + 1))
        n_negative = int(rng.integers(0, max_points - n_positive + 1)) if (~mask).any() else 0
        points[index, :n_positive] = draw_pixels(mask, n_positive, rng)
        labels[index, :n_positive] = 1
        if n_negative:
            points[index, n_positive : n_positive + n_negative] = _draw_background(mask, n_negative, rng)
            labels[index, n_positive : n_positive + n_negative] = 0
    return PromptBatch(points, labels, boxes, has_box)


def draw_first_point(mask: BoolArray, rng: Generator) -> NDArray[np.float32]:
    """[2] float32: half the time anywhere in the mask, half the time towards its middle, as people click."""
    if rng.random() < 0.5:
        return draw_pixels(mask, 1, rng)[0]
    depth = depth_px(mask)
    return draw_pixels(depth >= 0.6 * depth.max(), 1, rng)[0]


def _draw_background(mask: BoolArray, count: int, rng: Generator) -> NDArray[np.float32]:
    """Half of the time close to the object, where background points carry news."""
    if rng.random() < 0.5:
        near = cv2.dilate(mask.astype(np.uint8), np.ones((25, 25), np.uint8)).astype(bool) & ~mask
        if near.any():
            return draw_pixels(near, count, rng)
    return draw_pixels(~mask, count, rng)


def _training_box(mask: BoolArray, rng: Generator) -> NDArray[np.float32]:
    """As in SAM's training: every corner moved by Gaussian noise of a tenth of the side, 20 pixels at most; a quarter
    of the boxes tight."""
    box = tight_box(mask)
    if rng.random() < 0.25:
        return box
    sides = np.array([box[2] - box[0] + 1, box[3] - box[1] + 1])
    noise = np.clip(rng.normal(size=4) * 0.1 * np.tile(sides, 2), -20, 20)
    moved = np.clip(box + noise, 0, SIZE - 1)
    return np.array(
        [min(moved[0], moved[2]), min(moved[1], moved[3]), max(moved[0], moved[2]), max(moved[1], moved[3])], np.float32
    )


# ---- augmentation -----------------------------------------------------------------------------------------------


def augment(picture: Picture, rng: Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A new view of a picture.  -> image [256, 256, 3] uint8 (padding is the mean grey), labels [256, 256] uint8."""
    image = _change_intensity(picture.image, rng)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    warp = _random_affine(image.shape[:2], rng)
    image = cv2.warpAffine(image, warp, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderValue=(PIXEL_MEAN,) * 3)
    labels = cv2.warpAffine(picture.labels, warp, (SIZE, SIZE), flags=cv2.INTER_NEAREST)
    return image, labels


def plain(picture: Picture) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The picture as it is, scaled and padded like `augment`."""
    height, width = picture.image.shape[:2]
    scale = SIZE / max(height, width)
    size = (round(width * scale), round(height * scale))
    image = picture.image if picture.image.ndim == 3 else cv2.cvtColor(picture.image, cv2.COLOR_GRAY2RGB)
    image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    labels = cv2.resize(picture.labels, size, interpolation=cv2.INTER_NEAREST)
    pad = (0, SIZE - size[1], 0, SIZE - size[0])
    image = cv2.copyMakeBorder(image, *pad, cv2.BORDER_CONSTANT, value=(PIXEL_MEAN,) * 3)
    return image, cv2.copyMakeBorder(labels, *pad, cv2.BORDER_CONSTANT, value=0)


def _random_affine(shape_hw: tuple[int, int], rng: Generator) -> NDArray[np.float64]:
    """[2, 3]: flips, quarter turns, rotation, scale, stretch and shift about the centre of the picture."""
    height, width = shape_hw
    fit = SIZE / max(height, width)
    if rng.random() < 0.2:  # exactly what inference sees: scaled, anchored in the first pixel, at most flipped
        flip = -1.0 if rng.random() < 0.5 else 1.0
        return np.array([[flip * fit, 0, (width - 1) * fit if flip < 0 else 0], [0, fit, 0]])
    angle = rng.normal(0, 12) if rng.random() < 0.8 else rng.uniform(-180, 180)
    angle += 90 * int(rng.integers(4)) if rng.random() < 0.2 else 0
    scale = fit * float(np.exp(rng.normal(0.03, 0.22)))
    stretch = float(np.exp(rng.normal(0, 0.08)))
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([scale * stretch, scale / stretch])
    linear = linear @ np.diag(np.where(rng.random(2) < 0.4, -1.0, 1.0))
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    target = np.array([SIZE / 2, SIZE / 2]) + rng.normal(0, 18, size=2)
    return np.concatenate([linear, (target - linear @ centre)[:, None]], axis=1)


def _change_intensity(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Window, gamma, contrast, inversion, tint, blur and noise; colour pictures sometimes become grey."""
    if image.ndim == 3 and rng.random() < 0.25:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    ramp = np.arange(256, dtype=np.float32) / 255
    if rng.random() < 0.25:  # another window on the same values
        low, high = np.percentile(image[::4, ::4], [rng.uniform(0, 15), rng.uniform(85, 100)]) / 255
        ramp = np.clip((ramp - low) / max(high - low, 0.1), 0, 1)
    if rng.random() < 0.7:
        ramp = ramp ** float(np.exp(rng.normal(0, 0.3)))
    if rng.random() < 0.6:
        ramp = (ramp - 0.5) * float(np.exp(rng.normal(0, 0.2))) + 0.5 + rng.normal(0, 0.08)
    if rng.random() < 0.07:
        ramp = 1 - ramp
    if image.ndim == 3:
        tint = 1 + rng.normal(0, 0.1, size=3) * (rng.random() < 0.7)
        table = np.clip(255 * ramp[:, None] * tint, 0, 255).astype(np.uint8)
        image = cv2.LUT(image, table[:, None, :])
    else:
        image = cv2.LUT(image, np.clip(255 * ramp, 0, 255).astype(np.uint8))
    if rng.random() < 0.12:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.4)))
    if rng.random() < 0.2:
        noise = rng.standard_normal(image.shape, dtype=np.float32) * float(rng.uniform(3, 16))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


# ---- batches ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """B pictures with P objects each, image-major; N = B * P."""

    images: NDArray[np.uint8]
    """[B, 256, 256, 3] uint8"""
    masks: BoolArray
    """[N, 256, 256] bool"""
    prompts: PromptBatch


class BatchSource:
    """Endless batches. A set is drawn with weight size ** `balance` (0: all alike, 1: by size), then a picture."""

    def __init__(self, pictures: list[Picture], rng: Generator, balance: float = 0.5) -> None:
        by_set: dict[str, list[Picture]] = {}
        for picture in pictures:
            by_set.setdefault(picture.set_name, []).append(picture)
        self.sets = list(by_set.values())
        weights = np.array([len(s) ** balance for s in self.sets])
        self.weights = weights / weights.sum()
        self.rng = rng

    def next_batch(self, images: int, objects: int, max_points: int) -> Batch:
        """`images` augmented pictures, `objects` objects of each (an object may come twice, with other prompts)."""
        rng = self.rng
        views, masks = [], []
        while len(views) < images:
            members = self.sets[rng.choice(len(self.sets), p=self.weights)]
            picture = members[rng.integers(len(members))]
            image, labels = augment(picture, rng)
            counts = np.bincount(labels.ravel())
            values = tuple(int(v) for v in np.flatnonzero(counts >= MIN_AREA_PX) if v)
            if not values:  # the augmentation moved every object out of the picture
                continue
            instances = picture.set_name in INSTANCE_SETS
            masks += [draw_object(labels, values, instances, rng) for _ in range(objects)]
            views.append(image)
        return Batch(np.stack(views), np.stack(masks), draw_prompts(masks, max_points, rng))
