"""What anyone has for nothing: three classical methods that segment one picture from the very prompts the model gets.

They know nothing but this picture: no training, no other slice. Each takes uint8 [H, W] or [H, W, 3] and prompts with a
foreground point, a box, or both, and answers with a mask [H, W] bool. Where a method needs what the prompts do not say
(seeds inside a bare box), its docstring tells what it takes in their place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import random_walker as skimage_random_walker

from workers.sammed.types import BoolArray, FloatArray, InvalidPrompt, Prompts

SEED_RADIUS_PX = 2
"""A point stands for the disc around it: colour models cannot be fitted to a single pixel."""

MIN_MODEL_PX = 10
"""GrabCut's colour models need that many pixels on either side."""

CENTRE_SHARE = 0.25
"""Of a box without points, the ellipse in its middle with this share of its sides is taken for foreground seeds."""

_UNKNOWN, _FOREGROUND, _BACKGROUND = 0, 1, 2


def box_mask(shape_hw: tuple[int, ...], box_xyxy: FloatArray) -> BoolArray:
    """All pixels of the box.  -> [H, W] bool"""
    x0, y0, x1, y1 = (int(v) for v in box_xyxy)
    inside = np.zeros(shape_hw, bool)
    inside[y0 : y1 + 1, x0 : x1 + 1] = True
    return inside


def grabcut(image: NDArray[np.uint8], prompts: Prompts, iterations: int = 5) -> BoolArray:
    """OpenCV's GrabCut. Outside the box, and around background points, is certainly background; around foreground
    points, or in the middle of a bare box, is certainly foreground; the rest of the box is probably foreground; without
    a box, probably background. With foreground points, only parts that hold one are kept.

    -> [H, W] bool. Raises InvalidPrompt."""
    seeds = _seeds(image, prompts)
    if not (seeds == _FOREGROUND).any():  # grey values of the object are seldom absent outside: it would lose them all
        seeds[_middle_of_box(image.shape[:2], prompts)] = _FOREGROUND
    free = cv2.GC_PR_BGD if prompts.box_xyxy is None else cv2.GC_PR_FGD
    state = np.choose(seeds, [free, cv2.GC_FGD, cv2.GC_BGD]).astype(np.uint8)
    foreground: BoolArray = (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)
    if prompts.box_xyxy is not None and min(np.count_nonzero(foreground), np.count_nonzero(~foreground)) < MIN_MODEL_PX:
        return foreground
    colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    cv2.setRNGSeed(0)  # its k-means starts at random
    no_box = (0, 0, 0, 0)  # the state says it all
    cv2.grabCut(colour, state, no_box, np.zeros((1, 65)), np.zeros((1, 65)), iterations, cv2.GC_INIT_WITH_MASK)
    return _parts_with_a_point((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD), prompts)


def random_walker(image: NDArray[np.uint8], prompts: Prompts, beta: float = 130.0) -> BoolArray:
    """scikit-image's random walker. Seeds are the points; outside the box is background. A bare box is seeded in its
    middle; without any background the frame of the picture is taken for it.  -> [H, W] bool. Raises InvalidPrompt."""
    seeds = _seeds(image, prompts)
    if not (seeds == _FOREGROUND).any():
        seeds[_middle_of_box(image.shape[:2], prompts)] = _FOREGROUND
    if not (seeds == _BACKGROUND).any():
        for edge in (seeds[0], seeds[-1], seeds[:, 0], seeds[:, -1]):
            edge[edge == _UNKNOWN] = _BACKGROUND
    if not (seeds == _UNKNOWN).any() or not (seeds == _BACKGROUND).any():
        return np.asarray(seeds == _FOREGROUND)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # probabilities a hair outside [0, 1]; only their order counts
        answer = skimage_random_walker(
            image.astype(np.float64) / 255,
            seeds,
            beta=beta,
            mode="bf",  # exact, and faster than conjugate gradients where seeds are few
            channel_axis=-1 if image.ndim == 3 else None,
        )
    return np.asarray(answer == _FOREGROUND)


def region_growing(image: NDArray[np.uint8], prompts: Prompts, tolerance_sd: float = 2.5) -> BoolArray:
    """Every pixel whose intensity lies within `tolerance_sd` standard deviations of the seeds' and that hangs together
    with one of them, inside the box if there is one, never through a background point. A bare box is seeded in its
    middle.  -> [H, W] bool. Raises InvalidPrompt."""
    seeds = _seeds(image, prompts)
    start = seeds == _FOREGROUND
    if not start.any():
        start = _middle_of_box(image.shape[:2], prompts)
    values = image[start].astype(np.float64).reshape(np.count_nonzero(start), -1)  # [n, channels]
    spread = np.maximum(values.std(axis=0), 4.0)  # grey levels: seeds on flat ground still tolerate noise
    away = np.abs(image.reshape(*image.shape[:2], -1) - values.mean(axis=0)) / spread  # [H, W, channels]
    similar = ((away <= tolerance_sd).all(axis=2) | start) & (seeds != _BACKGROUND)
    _, parts = cv2.connectedComponents(similar.astype(np.uint8), connectivity=4)
    grown: BoolArray = np.isin(parts, np.unique(parts[start & similar])) & similar
    return grown


BASELINES: dict[str, Callable[[NDArray[np.uint8], Prompts], BoolArray]] = {
    "grabcut": grabcut,
    "random_walker": random_walker,
    "region_growing": region_growing,
}
"""By the name under which a report shows them."""


def _seeds(image: NDArray[np.uint8], prompts: Prompts) -> NDArray[np.uint8]:
    """[H, W] uint8 of _UNKNOWN, _FOREGROUND, _BACKGROUND. The pixel of a point is always its own; where discs of both
    kinds meet, foreground wins."""
    foreground, background = (prompts.points_xy[prompts.point_labels == label] for label in (1, 0))
    if prompts.box_xyxy is None and not len(foreground):
        raise InvalidPrompt("There is neither a foreground point nor a box.", "Give one of them.")
    seeds = np.zeros(image.shape[:2], np.uint8)
    if prompts.box_xyxy is not None:
        seeds[~box_mask(image.shape[:2], prompts.box_xyxy)] = _BACKGROUND
    for radius in (SEED_RADIUS_PX, 0):
        for points, value in ((background, _BACKGROUND), (foreground, _FOREGROUND)):
            for x, y in np.rint(points).astype(int):
                cv2.circle(seeds, (int(x), int(y)), radius, value, thickness=-1)
    return seeds


def _middle_of_box(shape_hw: tuple[int, ...], prompts: Prompts) -> BoolArray:
    assert prompts.box_xyxy is not None
    x0, y0, x1, y1 = prompts.box_xyxy
    rows, columns = np.indices(shape_hw)
    across = max(CENTRE_SHARE * (x1 - x0 + 1) / 2, 0.71)  # half a pixel's diagonal: one pixel at least
    down = max(CENTRE_SHARE * (y1 - y0 + 1) / 2, 0.71)
    middle: BoolArray = ((columns - (x0 + x1) / 2) / across) ** 2 + ((rows - (y0 + y1) / 2) / down) ** 2 <= 1.0
    return middle


def _parts_with_a_point(mask: BoolArray, prompts: Prompts) -> BoolArray:
    """The connected parts of a mask that hold a foreground point; the mask itself when there are no points."""
    points = np.rint(prompts.points_xy[prompts.point_labels == 1]).astype(int)
    if not len(points):
        return mask
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    kept: BoolArray = np.isin(parts, np.unique(parts[points[:, 1], points[:, 0]])) & mask
    return kept
