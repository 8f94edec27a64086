"""Rectangles of a picture made blank: text that was burned into pixels goes, and the grid and all masks stay.

A rectangle is filled with the darkest value of its slice, which the file can say as well as the voxels, so that a
blanked file read anew gives the blanked voxels. The files are written in `blanked_files.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import Rejected

MOST_RECTANGLES = 64


class InvalidRectangles(Rejected):
    """Rectangles that are empty, too many or reach outside the picture. Raised by imaging.blanking."""

    code = "invalid_rectangles"
    title = "The rectangles cannot be blanked"


class Rectangle(NamedTuple):
    """Columns `left` to `right` and rows `top` to `bottom` of a slice, voxel indices from 0, both ends inside."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """The part of [rows, columns, ...] pixels (a view)."""
        return pixels[self.top : self.bottom + 1, self.left : self.right + 1]


def check_rectangles(rectangles: Sequence[Rectangle], size_hw: tuple[int, int]) -> None:
    """Raises InvalidRectangles."""
    rows, columns = size_hw
    if not rectangles:
        raise InvalidRectangles("There is no rectangle.", hint="Draw one over the text.")
    if len(rectangles) > MOST_RECTANGLES:
        raise InvalidRectangles(f"There are {len(rectangles)} rectangles; {MOST_RECTANGLES} at once are the most.")
    for n, (left, top, right, bottom) in enumerate(rectangles, start=1):
        said = f"Rectangle {n} ({left}, {top}, {right}, {bottom})"
        if right < left or bottom < top:
            raise InvalidRectangles(f"{said} is empty.", hint="Send [left, top, right, bottom], both ends inside.")
        if left < 0 or top < 0 or right >= columns or bottom >= rows:
            raise InvalidRectangles(
                f"{said} reaches outside the picture of {columns} x {rows} pixels.",
                hint="Pixels are counted from 0.",
            )
    if any(box == (0, 0, columns - 1, rows - 1) for box in rectangles):
        raise InvalidRectangles("A rectangle covers the whole picture: nothing would be left of it.")


def darkest(picture: NDArray[Any]) -> tuple[int, int]:
    """(row, column) of the darkest pixel of [rows, columns(, 3)]."""
    grey = picture if picture.ndim == 2 else picture.sum(axis=-1, dtype=np.int32)
    row, column = np.unravel_index(int(np.argmin(grey)), grey.shape)
    return int(row), int(column)


def fill(pixels: NDArray[Any], rectangles: Sequence[Rectangle], like: tuple[int, int]) -> None:
    """Give all pixels in the rectangles of [rows, columns, ...] the value of the pixel at (row, column) `like`, in
    place."""
    value = pixels[like].copy()
    for rectangle in rectangles:
        rectangle.of(pixels)[...] = value
