"""Text burned into pixels, on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.domain.jobs import BlankScope
from backend.imaging.blanking import Rectangle
from backend.services.text_in_pixels import CheckScope


class TextCheckIn(Schema):
    """Somebody looked through the images. `clean`: no text in them says who the patient is; false takes that back."""

    scope: CheckScope = CheckScope.VOLUME
    clean: bool = True


class BlankIn(Schema):
    slice: int = Field(description="Where the rectangles were drawn, in the acquisition plane")
    rectangles: list[Annotated[list[int], Field(min_length=4, max_length=4)]] = Field(
        description="[left, top, right, bottom] in pixels from 0, both ends inside"
    )
    scope: BlankScope = Field(
        description="`slice`, `volume`: all slices, `case`: all slices of all images of the case of the same size"
    )

    def boxes(self) -> list[Rectangle]:
        return [Rectangle(*box) for box in self.rectangles]
