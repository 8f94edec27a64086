"""A generated abdominal CT with known organs: the sample that needs no download, and the truth that tests compare with.

Everything is geometry in millimetres, LPS, origin in the middle of the grid, so that any grid shows the same body.
Grey values are those of a CT with contrast in the portal venous phase, with partial volume, blur and noise. Not here:
writing it to files (`imaging/phantom_files.py`), and which samples the product offers (`imaging/samples.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import CodedTerm, ExportLabel
from backend.imaging.masks import BoolMask
from backend.imaging.volume import Volume

FloatArray = NDArray[np.floating[Any]]
Shape = Callable[[FloatArray, FloatArray, FloatArray], BoolMask]
"""(x, y, z) in mm LPS from the shape's centre, broadcastable -> inside or not."""

Point = tuple[float, float, float]
"""(x, y, z) in mm, LPS."""

BLUR_MM = 0.9
NOISE_HU = 14.0
DIAPHRAGM_MM = 4.0
AIR, LUNG, FAT, MUSCLE, SKIN = -1000.0, -865.0, -105.0, 58.0, 25.0
BLOOD, WATER, BONE, MARROW, DISC = 160.0, 12.0, 520.0, 190.0, 85.0

LIVER = ExportLabel("Liver", 1, "#dd8265", CodedTerm("SCT", "10200004", "Liver"))
SPLEEN = ExportLabel("Spleen", 2, "#9d6ca2", CodedTerm("SCT", "78961009", "Spleen"))
RIGHT_KIDNEY = ExportLabel("Right kidney", 3, "#b96653", CodedTerm("SCT", "9846003", "Right kidney"))
LEFT_KIDNEY = ExportLabel("Left kidney", 4, "#d19a6a", CodedTerm("SCT", "18639004", "Left kidney"))
AORTA = ExportLabel("Aorta", 5, "#e0614c", CodedTerm("SCT", "15825003", "Aorta"))
VERTEBRAE = ExportLabel("Vertebrae", 6, "#f1d691", CodedTerm("SCT", "51282000", "Vertebra"))
LUNGS = ExportLabel("Lungs", 7, "#c5a591", CodedTerm("SCT", "39607008", "Lung"))
ORGANS = (LIVER, SPLEEN, RIGHT_KIDNEY, LEFT_KIDNEY, AORTA, VERTEBRAE, LUNGS)
"""The labels of the truth, with colours and codes to start a project with."""


@dataclass(frozen=True, slots=True)
class Phantom:
    """`volume` is CT in HU, int16; `truth` [slices, rows, columns] uint8 holds the values of ORGANS, 0 elsewhere."""

    volume: Volume
    truth: NDArray[np.uint8]

    def mask(self, label: ExportLabel) -> BoolMask:
        """The true mask of one organ, [slices, rows, columns]."""
        return np.equal(self.truth, label.value)


def abdominal_phantom(
    shape_kji: tuple[int, int, int] = (64, 256, 256),
    spacing_kji_mm: Point = (4.0, 1.5, 1.5),
    seed: int = 0,
) -> Phantom:
    """A supine body of 340 x 230 mm, slices from feet to head: k grows to S, j to P, i to L.

    The seed moves bowel, lung vessels and noise; the organs of the truth stay where they are.
    """
    rng = np.random.default_rng(seed)
    canvas = _Canvas(shape_kji, spacing_kji_mm)
    cavity = _trunk(canvas)
    _spine(canvas)
    below = _below_diaphragm(canvas, cavity)
    _gut(canvas, below, rng)
    _organs(canvas, below, _below_diaphragm(canvas, cavity, DIAPHRAGM_MM))
    _chest(canvas, cavity & ~below, rng)
    _table(canvas)
    half_mm = [(n - 1) / 2 * mm for n, mm in zip(shape_kji, spacing_kji_mm, strict=True)]
    geometry = VolumeGeometry.from_axes(
        origin_mm=(-half_mm[2], -half_mm[1], -half_mm[0]),
        step_k_mm=(0, 0, spacing_kji_mm[0]),
        step_j_mm=(0, spacing_kji_mm[1], 0),
        step_i_mm=(spacing_kji_mm[2], 0, 0),
        shape_kji=shape_kji,
    )
    return Phantom(Volume(geometry, _scan(canvas, rng), "CT"), canvas.truth)


# -- the canvas and its shapes ----------------------------------------------------------------------------------------
class _Canvas:
    """Tissues are painted from the outside in: what comes later covers what was there, in the picture and the truth."""

    def __init__(self, shape_kji: tuple[int, int, int], spacing_kji_mm: Point) -> None:
        self.axes_zyx_mm = [
            ((np.arange(n) - (n - 1) / 2) * mm).astype(np.float32)
            for n, mm in zip(shape_kji, spacing_kji_mm, strict=True)
        ]
        self.spacing_kji_mm = spacing_kji_mm
        self.hu = np.full(shape_kji, AIR, dtype=np.float32)
        self.truth = np.zeros(shape_kji, dtype=np.uint8)

    def paint(
        self,
        shape: Shape,
        hu: float,
        label: ExportLabel | None = None,
        *,
        centre: Point = (0, 0, 0),
        reach: Point = (1e4, 1e4, 1e4),
        within: BoolMask | None = None,
    ) -> None:
        """`reach` is how far the shape goes from its centre along x, y, z: nothing outside that box is looked at."""
        box, (x, y, z) = self.box(centre, reach)
        inside = np.broadcast_to(shape(x, y, z), self.hu[box].shape)
        if within is not None:
            inside = inside & within[box]
        self.hu[box][inside] = hu
        self.truth[box][inside] = label.value if label else 0

    def box(
        self, centre: Point = (0, 0, 0), reach: Point = (1e4, 1e4, 1e4)
    ) -> tuple[tuple[slice, slice, slice], tuple[FloatArray, FloatArray, FloatArray]]:
        """The part of the grid within `reach` of `centre`: its slices (k, j, i), and x, y, z from the centre in mm."""
        ranges = [
            slice(*(int(n) for n in np.searchsorted(axis, (middle - far, middle + far))))
            for axis, middle, far in zip(self.axes_zyx_mm, reversed(centre), reversed(reach), strict=True)
        ]
        z, y, x = (
            axis[part] - np.float32(middle)
            for axis, part, middle in zip(self.axes_zyx_mm, ranges, reversed(centre), strict=True)
        )
        return (ranges[0], ranges[1], ranges[2]), (x[None, None, :], y[None, :, None], z[:, None, None])

    def ellipsoid(
        self,
        centre: Point,
        radii: Point,
        hu: float,
        label: ExportLabel | None = None,
        *,
        power: float = 2.0,
        turn_degrees: float = 0.0,
        within: BoolMask | None = None,
    ) -> None:
        """A superquadric (2 = ellipsoid, more = boxier), turned about z."""
        cosine, sine = np.cos(np.radians(turn_degrees)), np.sin(np.radians(turn_degrees))

        def shape(x: FloatArray, y: FloatArray, z: FloatArray) -> BoolMask:
            along, across = cosine * x + sine * y, cosine * y - sine * x
            norm = sum(np.abs(part / radius) ** power for part, radius in zip((along, across, z), radii, strict=True))
            inside: BoolMask = np.less(norm, 1)
            return inside

        far = max(radii[0], radii[1]) if turn_degrees else None
        self.paint(shape, hu, label, centre=centre, reach=(far or radii[0], far or radii[1], radii[2]), within=within)


def _oval(x: FloatArray, y: FloatArray, radius_x: float, radius_y: float, power: float = 2.0) -> FloatArray:
    """Below 1 inside of the (super)ellipse."""
    return np.asarray(np.abs(x / radius_x) ** power + np.abs(y / radius_y) ** power, dtype=np.float32)


# -- the body ---------------------------------------------------------------------------------------------------------
def _trunk(canvas: _Canvas) -> BoolMask:
    """Skin, fat, muscles, ribs. Returns the cavity that they enclose, [slices, rows, columns]."""

    def trunk(inset_mm: float) -> Shape:
        def shape(x: FloatArray, y: FloatArray, z: FloatArray) -> BoolMask:
            waist = 1 - 0.05 * np.cos(z / 60)
            return _oval(x / waist, y / waist, 170 - inset_mm, 115 - inset_mm, 2.3) < 1

        return shape

    def rib(x: FloatArray, y: FloatArray, z: FloatArray) -> BoolMask:
        descent = z - 0.45 * y
        return (np.mod(descent, 30) < 9) & (z > -35 + 0.3 * np.abs(x)) & trunk(16)(x, y, z)

    canvas.paint(trunk(0), SKIN)
    canvas.paint(trunk(2.5), FAT)
    canvas.paint(trunk(13), MUSCLE)
    canvas.paint(rib, BONE * 0.9)
    for side in (-1, 1):
        canvas.ellipsoid((side * 34, 88, 0), (26, 15, 400), MUSCLE)
    canvas.paint(trunk(23), FAT)
    _, (x, y, z) = canvas.box()
    return np.ascontiguousarray(np.broadcast_to(trunk(25)(x, y, z), canvas.hu.shape))


def _spine(canvas: _Canvas) -> None:
    """Vertebrae of 26 mm with 8 mm discs, their arches and processes, the canal, and the muscles beside them."""

    def vertebra(z: FloatArray) -> BoolMask:
        return np.mod(z, 34) < 26

    def cortex(x: FloatArray, y: FloatArray, z: FloatArray) -> BoolMask:
        phase = np.mod(z, 34)
        return vertebra(z) & ((_oval(x, y, 19.5, 14.5) > 1) | (phase < 2) | (phase > 24)) & (_oval(x, y, 22, 17) < 1)

    for side in (-1, 1):
        canvas.ellipsoid((side * 40, 56, -70), (19, 21, 95), MUSCLE)
        canvas.ellipsoid((side * 30, 90, 0), (27, 17, 400), MUSCLE)
    centre, reach = (0.0, 54.0, 0.0), (24.0, 20.0, 1e4)
    canvas.paint(lambda x, y, z: _oval(x, y, 21, 16) < 1 + 0 * z, DISC, centre=centre, reach=reach)
    canvas.paint(lambda x, y, z: vertebra(z) & (_oval(x, y, 22, 17) < 1), MARROW, VERTEBRAE, centre=centre, reach=reach)
    canvas.paint(cortex, BONE, VERTEBRAE, centre=centre, reach=reach)

    def arch(x: FloatArray, y: FloatArray, z: FloatArray) -> BoolMask:
        spinous = (np.abs(x) < 3.5) & (y > 8) & (y < 30) & (np.mod(z, 34) < 16)
        transverse = (np.abs(y) < 4.5) & (np.abs(x) < 34) & (np.mod(z, 34) < 12)
        return spinous | transverse | (vertebra(z) & (_oval(x, y, 15, 13) < 1))

    centre, reach = (0.0, 80.0, 0.0), (36.0, 32.0, 1e4)
    canvas.paint(arch, BONE * 0.8, VERTEBRAE, centre=centre, reach=reach)
    canvas.paint(lambda x, y, z: _oval(x, y, 9.5, 8.5) < 1 + 0 * z, WATER * 2, centre=centre, reach=reach)


def _below_diaphragm(canvas: _Canvas, cavity: BoolMask, inset_mm: float = 0.0) -> BoolMask:
    """The part of the cavity that lies `inset_mm` under the diaphragm: two domes and the saddle between them."""
    _, (x, y, z) = canvas.box()
    right = 98 - 90 * (((x + 72) / 98) ** 2 + ((y + 4) / 88) ** 2)
    left = 86 - 90 * (((x - 72) / 98) ** 2 + ((y + 4) / 88) ** 2)
    saddle = 70 - 60 * ((x / 60) ** 2 + (y / 150) ** 2)
    return cavity & (z < np.maximum(np.maximum(right, left), saddle) - inset_mm)


def _gut(canvas: _Canvas, below: BoolMask, rng: np.random.Generator) -> None:
    """Stomach, colon and loops of bowel, with fluid and gas."""
    for _ in range(46):
        x, y, z = rng.uniform(-112, 112), rng.uniform(-74, 14), rng.uniform(-140, -4)
        radius, gas = rng.uniform(11, 19), rng.random() < 0.35
        canvas.ellipsoid((x, y, z), (radius * 1.35, radius, radius * 1.2), 62, within=below)
        canvas.ellipsoid((x, y, z), (radius * 1.05, radius * 0.75, radius), WATER * 2, within=below)
        if gas:
            canvas.ellipsoid((x, y - radius * 0.2, z), (radius * 0.8, radius * 0.45, radius * 0.7), -900, within=below)
    canvas.ellipsoid((66, -30, 40), (50, 38, 40), 70, power=2.3, within=below)
    canvas.ellipsoid((66, -30, 40), (46, 34, 36), WATER * 2, power=2.3, within=below)
    canvas.ellipsoid((66, -46, 44), (36, 15, 26), -930, within=below)
    canvas.ellipsoid((18, -4, 6), (62, 12, 14), 95, turn_degrees=18, within=below)  # pancreas


def _organs(canvas: _Canvas, below: BoolMask, liver_space: BoolMask) -> None:
    """What the truth knows below the diaphragm, and the vessels between."""

    def liver(x: FloatArray, y: FloatArray, z: FloatArray) -> BoolMask:
        right = np.abs((x + 78) / 76) ** 2.4 + np.abs((y + 2) / 80) ** 2.4 + np.abs((z - 22) / 92) ** 2.4 < 1
        left = ((x + 2) / 72) ** 2 + ((y + 44) / 36) ** 2 + ((z - 46) / 40) ** 2 < 1
        return (right & (z > -66 + 0.62 * (x + 150) + 0.006 * (y - 10) ** 2)) | left

    canvas.paint(liver, 112, LIVER, within=liver_space)
    inside = canvas.truth == LIVER.value
    for centre, radii, turn in (
        ((-62, -8, 38), (56, 7, 7), 12),
        ((-86, 10, 24), (34, 5.5, 6), -35),
        ((-74, -34, 58), (6, 34, 6), 20),
        ((-104, -4, 52), (26, 5, 5), 40),
    ):
        canvas.ellipsoid(centre, radii, BLOOD + 8, LIVER, turn_degrees=turn, within=inside)
    for centre, radius in (((-112, 18, 8), 11.0), ((-70, 30, 62), 8.0), ((-10, -52, 44), 6.5)):
        canvas.ellipsoid(centre, (radius, radius, radius), 48, LIVER, within=inside)
    canvas.ellipsoid((-52, -46, -16), (15, 15, 27), WATER, within=below)  # gallbladder
    canvas.ellipsoid((106, 34, 34), (27, 50, 48), 126, SPLEEN, turn_degrees=18, power=2.2, within=below)
    for label, x, z in ((RIGHT_KIDNEY, -70, -34), (LEFT_KIDNEY, 72, -20)):
        turn, medial = (35, 1) if x < 0 else (-35, -1)
        canvas.ellipsoid((x, 46, z), (29, 24, 54), 196, label, turn_degrees=turn, within=below)
        canvas.ellipsoid((x, 46, z), (20, 16, 43), 150, label, turn_degrees=turn, within=below)
        canvas.ellipsoid((x + medial * 17, 40, z), (15, 8, 22), -70, turn_degrees=turn, within=below)
    canvas.paint(
        lambda x, y, z: _oval(x - 4 * np.sin(z / 50), y - 3 * np.cos(z / 70), 10.5, 10.5) < 1,
        BLOOD,
        AORTA,
        centre=(13, 25, 0),
        reach=(18, 18, 1e4),
    )
    canvas.paint(
        lambda x, y, z: _oval(x - 3 * np.cos(z / 80), y, 12.5, 9.5) < 1 + 0 * z,
        BLOOD - 12,
        centre=(-21, 25, 0),
        reach=(18, 14, 1e4),
    )


def _chest(canvas: _Canvas, above: BoolMask, rng: np.random.Generator) -> None:
    """Heart, lungs with their vessels."""
    _, (x, y, _) = canvas.box()
    spine = _oval(x, y - 76, 34, 34) < 1
    mediastinum = spine | (_oval(x - 6, y - 34, 40, 34) < 1) | (_oval(x - 22, y + 38, 62, 44) < 1)
    lungs = above & ~np.broadcast_to(mediastinum, above.shape) & (canvas.truth == 0)
    canvas.hu[lungs] = LUNG
    canvas.truth[lungs] = LUNGS.value
    grain = _smooth(rng.standard_normal(canvas.hu.shape, dtype=np.float32), 2.6, canvas.spacing_kji_mm)
    grain /= grain.std()
    canvas.hu[lungs] += 22 * grain[lungs]
    canvas.hu[lungs & (grain > 2.1)] = MUSCLE
    heart = above & np.broadcast_to(_oval(x - 24, y + 36, 56, 38) < 1, above.shape)
    canvas.hu[heart] = BLOOD - 25
    canvas.truth[heart] = 0


def _table(canvas: _Canvas) -> None:
    def table(x: FloatArray, y: FloatArray, z: FloatArray) -> BoolMask:
        depth = y - 121 + (x / 210) ** 2 * 26
        return np.greater(depth, 0) & (depth < 5) & (np.abs(x) < 190) & np.isfinite(z)

    canvas.paint(table, -180)


# -- the scanner ------------------------------------------------------------------------------------------------------
def _scan(canvas: _Canvas, rng: np.random.Generator) -> NDArray[np.int16]:
    """Tissues [slices, rows, columns] in HU -> what a scanner makes of them: blurred, noisy, whole numbers."""
    picture = _smooth(canvas.hu, BLUR_MM, canvas.spacing_kji_mm)
    noise = _smooth(rng.standard_normal(picture.shape, dtype=np.float32), BLUR_MM, canvas.spacing_kji_mm)
    picture += noise * (NOISE_HU / noise.std())
    return np.clip(np.rint(picture), -1024, 3071).astype(np.int16)


def _smooth(field: FloatArray, sigma_mm: float, spacing_kji_mm: Point) -> FloatArray:
    sigma = [sigma_mm / mm for mm in spacing_kji_mm]
    return np.asarray(ndimage.gaussian_filter(field, sigma, truncate=3.0))
