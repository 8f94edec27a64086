"""The windows that a project offers for the images of a modality, and the one that a volume is opened with.

This is about the eye only: the window of the model is chosen with the volume and stays as it is (imaging.intensity).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from backend.imaging.intensity import Window

Modality = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,16}$", description="As DICOM writes it: CT, MR, PT")]
WindowName = Annotated[str, Field(min_length=1, max_length=60)]
_LARGEST = 1e9


class WindowPreset(BaseModel):
    """A named window, in the values of the modality (HU for CT)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: WindowName
    width: float = Field(gt=0, le=_LARGEST, allow_inf_nan=False)
    center: float = Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)


class ModalityWindows(BaseModel):
    """What a project offers for one modality beside what the files and the modality offer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: WindowName | None = Field(
        default=None,
        description="Name of the window that volumes are opened with: one of `presets`, or one that the volume offers "
        "itself, so that it may follow from the volume's own values; null, or where a volume has none of that name: "
        "as without the project",
    )
    presets: list[WindowPreset] = Field(default=[], max_length=12)

    @field_validator("presets")
    @classmethod
    def _told_apart(cls, presets: list[WindowPreset]) -> list[WindowPreset]:
        if len({preset.name for preset in presets}) < len(presets):
            raise ValueError("two windows have the same name")
        return presets


ProjectWindows = Annotated[dict[Modality, ModalityWindows], Field(max_length=40)]


def offered(own: Sequence[Window], project: ModalityWindows | None) -> list[Window]:
    """The windows of a volume of that modality in the order of the page's menu; the first is the one to open it with.
    A preset of the project takes the place of the volume's own window of the same name or of the same values. Colour
    volumes, which have none, get none."""
    if project is None or not own:
        return list(own)
    mine = [Window(preset.name, preset.width, preset.center) for preset in project.presets]
    others = [window for window in own if not any(_same(window, preset) for preset in mine)]
    windows = [*mine, *others]
    # Without a first one the volume is opened as it would be, and the project's are offered behind that window.
    opened = next((window for window in windows if window.name == project.first), None)
    if opened is None:
        opened = next((preset for preset in mine if _same(own[0], preset)), own[0])
    return [opened, *(window for window in windows if window is not opened)]


def modality_windows(windows: Mapping[str, object], modality: str) -> ModalityWindows | None:
    """Of a project's stored windows, those of a modality."""
    stored = windows.get(modality)
    return None if stored is None else ModalityWindows.model_validate(stored)


def _same(a: Window, b: Window) -> bool:
    return a.name == b.name or (math.isclose(a.width, b.width) and math.isclose(a.center, b.center))
