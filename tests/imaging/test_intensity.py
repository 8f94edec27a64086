"""Windows and the model's 8-bit image, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backend.imaging.intensity import (
    CT_BONE,
    CT_BRAIN,
    CT_LUNG,
    CT_SOFT_TISSUE,
    IntensityStatistics,
    Window,
    default_windows,
    intensity_statistics,
    model_input,
    model_window,
)


def statistics(minimum: float, maximum: float, *, whole_bytes: bool = False) -> IntensityStatistics:
    return IntensityStatistics(minimum, maximum, minimum + 1, maximum - 1, minimum + 2, maximum - 2, whole_bytes)


CT = statistics(-1024, 3071)


# -- statistics -------------------------------------------------------------------------------------------------------
def test_range_is_exact_and_percentiles_are_those_of_all_voxels() -> None:
    voxels = np.random.default_rng(1).normal(100, 20, (40, 128, 128)).astype(np.float32)
    voxels[17, 3, 5], voxels[2, 2, 2] = -5000, 9000  # single voxels that no sample would meet
    stats = intensity_statistics(voxels)
    assert (stats.minimum, stats.maximum) == (-5000, 9000)
    assert (stats.low, stats.high) == pytest.approx(np.percentile(voxels, [1, 99]), abs=0.3)
    assert not stats.whole_bytes


def test_large_volumes_are_sampled_evenly() -> None:
    ramp = np.broadcast_to(np.arange(300, dtype=np.int16)[:, None, None], (300, 200, 200))
    stats = intensity_statistics(ramp)
    assert (stats.minimum, stats.maximum) == (0, 299)
    assert (stats.low, stats.high) == pytest.approx((2.99, 296.0), abs=4)


def test_background_zeros_do_not_count_for_tissue() -> None:
    voxels = np.zeros((4, 50, 50), np.int16)
    voxels[:, :10] = np.arange(500, 1000).reshape(10, 50)
    stats = intensity_statistics(voxels)
    assert stats.low == 0
    assert (stats.nonzero_low, stats.nonzero_high) == pytest.approx((505, 994), abs=1)


def test_not_a_number_and_infinity_are_left_out() -> None:
    voxels = np.full((2, 3, 3), np.nan, np.float32)
    voxels[0, 0] = (1.0, np.inf, 5.0)
    stats = intensity_statistics(voxels)
    assert (stats.minimum, stats.maximum) == (1.0, 5.0)
    assert stats.low >= 1.0 and stats.high <= 5.0
    nothing = intensity_statistics(np.full((2, 3, 3), np.nan, np.float32))
    assert (nothing.minimum, nothing.maximum) == (0.0, 0.0)
    assert model_window("MR", nothing) == Window("1-99 % of tissue", 1.0, 0.0)


# -- which windows ----------------------------------------------------------------------------------------------------
def test_ct_offers_the_presets_after_the_windows_of_the_series() -> None:
    own = Window("ABDOMEN", 360, 60)
    names = [window.name for window in default_windows("CT", CT, [own])]
    assert names == ["ABDOMEN", "Soft tissue", "Lung", "Liver", "Bone", "Brain", "Mediastinum", "Full range"]
    by_name = {window.name: (window.width, window.center) for window in default_windows("CT", CT)}
    assert by_name["Lung"] == (1500, -600) and by_name["Bone"] == (2500, 480) and by_name["Liver"] == (150, 90)
    assert by_name["Full range"] == (4095, 1023.5)


def test_a_window_of_the_series_that_is_a_preset_is_offered_once() -> None:
    windows = default_windows("CT", CT, [Window("WINDOW1", 400, 40)])
    assert [(w.width, w.center) for w in windows].count((400, 40)) == 1
    assert windows[0].name == "WINDOW1"


def test_a_nameless_window_of_the_series_gets_a_name() -> None:
    windows = default_windows("MR", statistics(0, 900), [Window("", 600, 300), Window("T2", 50, 100)])
    assert windows[:2] == [Window("Series 1", 600, 300), Window("T2", 50, 100)]


def test_colour_has_no_windows() -> None:
    assert default_windows("US", statistics(0, 255, whole_bytes=True), channels=3) == []
    assert model_window("US", statistics(0, 255, whole_bytes=True), channels=3) is None


@pytest.mark.parametrize(
    ("voi", "expected"),
    [
        ([], CT_SOFT_TISSUE),
        ([Window("", 350, 50)], CT_SOFT_TISSUE),
        ([Window("", 150, 90)], CT_SOFT_TISSUE),
        ([Window("", 1400, -500), Window("", 350, 50)], CT_LUNG),
        ([Window("", 2000, 300)], CT_BONE),
        ([Window("", 100, 40)], CT_BRAIN),
    ],
)
def test_the_model_sees_ct_through_the_preset_of_the_kind_of_examination(voi: list[Window], expected: Window) -> None:
    assert model_window("CT", CT, voi) == expected


def test_ct_that_lost_its_rescale_is_seen_by_percentiles() -> None:
    window = model_window("CT", statistics(0, 4000))
    assert window is not None and (window.low, window.high) == (1, 3999)


def test_an_unknown_modality_is_seen_by_percentiles() -> None:
    assert model_window("OT", statistics(-20, 1500)) == Window.between("1-99 %", -19, 1499)
    assert model_window("OT", statistics(0, 1500)) == Window.between("1-99 % of tissue", 2, 1498)


def test_the_model_sees_mr_without_its_background_and_ignores_voi() -> None:
    window = model_window("MR", statistics(0, 900), [Window("", 10, 5)])
    assert window is not None and (window.low, window.high) == (2, 898)


def test_pet_starts_at_zero() -> None:
    window = model_window("PT", statistics(0, 20_000))
    assert window is not None and (window.low, window.high) == (0, 19_998)


def test_bytes_stay_bytes() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    window = model_window("US", intensity_statistics(pixels[None]))
    np.testing.assert_array_equal(model_input(pixels, window), pixels)


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "CR", "OT", "US"])
def test_a_constant_volume_has_usable_windows(modality: str) -> None:
    stats = intensity_statistics(np.full((2, 4, 4), 7, np.int16))
    for window in default_windows(modality, stats):
        assert window.width > 0
    assert model_input(np.full((4, 4), 7, np.int16), model_window(modality, stats)).dtype == np.uint8


@pytest.mark.parametrize(("width", "center"), [(0, 1), (-5, 1), (float("nan"), 1), (1, float("inf"))])
def test_an_impossible_window_cannot_be_made(width: float, center: float) -> None:
    with pytest.raises(ValueError, match="window needs"):
        Window("bad", width, center)


def test_windows_survive_json() -> None:
    assert Window.from_json(CT_LUNG.to_json()) == CT_LUNG


# -- the model's image ------------------------------------------------------------------------------------------------
def test_soft_tissue_by_hand() -> None:
    hu = np.array([[-1024, -160, -159], [40, 239, 240]], np.int16)
    # (hu + 160) / 400 * 255: 0.6375 rounds to 1, 127.5 to the even 128, 254.3625 to 254
    np.testing.assert_array_equal(model_input(hu, CT_SOFT_TISSUE), [[0, 0, 1], [128, 254, 255]])


def test_not_a_number_is_black_and_infinity_is_clipped() -> None:
    pixels = np.array([[np.nan, np.inf, -np.inf, 40.0]], np.float32)
    np.testing.assert_array_equal(model_input(pixels, CT_SOFT_TISSUE), [[0, 255, 0, 128]])


def test_extreme_integers_do_not_overflow() -> None:
    pixels = np.array([[-(2**31), 2**31 - 1]], np.int32)
    np.testing.assert_array_equal(model_input(pixels, Window("full", 2.0**32, 0)), [[0, 255]])


def test_the_source_is_left_alone() -> None:
    pixels = np.full((2, 2), np.nan, np.float32)
    model_input(pixels, CT_SOFT_TISSUE)
    assert np.isnan(pixels).all()


def test_colour_passes_through() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(model_input(pixels, None), pixels)


@pytest.mark.parametrize(
    ("pixels", "window"),
    [
        (np.zeros((2, 2), np.int16), None),
        (np.zeros((2, 2, 3), np.uint8), CT_LUNG),
        (np.zeros((2, 2, 4), np.uint8), None),
        (np.zeros(3, np.uint8), CT_LUNG),
    ],
)
def test_a_slice_and_a_window_that_do_not_fit_are_refused(pixels: np.ndarray, window: Window | None) -> None:
    with pytest.raises(ValueError, match="slice is"):
        model_input(pixels, window)
