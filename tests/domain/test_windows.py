"""Which windows a volume offers once its project has some, and which one it is opened with."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from backend.domain.windows import ModalityWindows, ProjectWindows, WindowPreset, offered
from backend.imaging.intensity import Window

OWN = [Window("Series 1", 300, 30), Window("Lung", 1500, -600), Window("Full range", 4000, 1000)]
PANCREAS = WindowPreset(name="Pancreas", width=250, center=60)


def names(windows: list[Window]) -> list[str]:
    return [window.name for window in windows]


def test_without_a_first_one_the_volume_is_opened_as_it_would_be() -> None:
    assert offered(OWN, None) == OWN
    assert names(offered(OWN, ModalityWindows(presets=[PANCREAS]))) == ["Series 1", "Pancreas", "Lung", "Full range"]


@pytest.mark.parametrize(
    ("first", "opened"), [("Pancreas", (250, 60)), ("Lung", (1500, -600)), ("Bone", (300, 30)), (None, (300, 30))]
)
def test_the_first_one_is_a_preset_or_what_the_volume_offers_by_that_name(
    first: str | None, opened: tuple[float, float]
) -> None:
    windows = offered(OWN, ModalityWindows(first=first, presets=[PANCREAS]))
    assert (windows[0].width, windows[0].center) == opened
    assert len(windows) == 4 and sorted(names(windows)) == ["Full range", "Lung", "Pancreas", "Series 1"]


def test_a_preset_takes_the_place_of_a_window_of_its_name_or_its_values() -> None:
    presets = [
        WindowPreset(name="Lung", width=1200, center=-500),
        WindowPreset(name="As scanned", width=300, center=30),
    ]
    windows = offered(OWN, ModalityWindows(presets=presets))
    assert names(windows) == ["As scanned", "Lung", "Full range"]
    assert (windows[1].width, windows[1].center) == (1200, -500)


def test_colours_have_no_window() -> None:
    assert offered([], ModalityWindows(first="Pancreas", presets=[PANCREAS])) == []


@pytest.mark.parametrize(
    "windows",
    [
        {"CT": {"presets": [{"name": "Flat", "width": 0, "center": 40}]}},
        {"CT": {"presets": [{"name": "Endless", "width": float("inf"), "center": 40}]}},
        {"CT": {"presets": [{"name": "", "width": 1, "center": 40}]}},
        {"CT": {"presets": [PANCREAS.model_dump(), PANCREAS.model_dump() | {"width": 9}]}},
        {"computed tomography": {"first": "Lung"}},
    ],
)
def test_what_cannot_be_shown_is_refused(windows: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ProjectWindows).validate_python(windows)
