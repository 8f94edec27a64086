"""Colours for labels that nobody chose one for."""

from __future__ import annotations

from colorsys import hls_to_rgb

GOLDEN_RATIO = 0.618033988749895


def distinct_color(n: int) -> str:
    """The n-th of a row of colours, each far in hue from those before it: "#rrggbb"."""
    rgb = hls_to_rgb((0.08 + n * GOLDEN_RATIO) % 1.0, 0.62, 0.6)
    return "#" + bytes(round(channel * 255) for channel in rgb).hex()
