"""How well two masks agree. NumPy only. Masks are bool arrays of one shape, of any dimension."""

from __future__ import annotations

import numpy as np

from workers.sammed.types import BoolArray


def dice(predicted: BoolArray, reference: BoolArray) -> float:
    """2 |A and B| / (|A| + |B|), in [0, 1]; two empty masks agree completely."""
    total = int(np.count_nonzero(predicted)) + int(np.count_nonzero(reference))
    return 2.0 * int(np.count_nonzero(predicted & reference)) / total if total else 1.0


def iou(predicted: BoolArray, reference: BoolArray) -> float:
    """|A and B| / |A or B|, in [0, 1]; two empty masks agree completely."""
    union = int(np.count_nonzero(predicted | reference))
    return int(np.count_nonzero(predicted & reference)) / union if union else 1.0
