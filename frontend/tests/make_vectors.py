"""Writes vectors.json: masks as bits beside what pycocotools makes of them, so that the browser's codec is held to the same
text. Run it after a change here: `python frontend/tests/make_vectors.py`. Nothing imports it."""

import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco


def masks() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(20260101)
    y, x = np.mgrid[:48, :64]
    corners = np.zeros((5, 7), dtype=bool)
    corners[0, 0] = corners[-1, -1] = corners[0, -1] = corners[-1, 0] = True
    return {
        "empty": np.zeros((4, 3), dtype=bool),
        "full": np.ones((3, 4), dtype=bool),
        "one voxel": np.ones((1, 1), dtype=bool),
        "corners": corners,
        "last column": np.repeat([[False, False, True]], 6, axis=0),
        "first row": np.arange(6)[:, None].repeat(5, axis=1) == 0,
        "noise": rng.random((17, 11)) < 0.5,
        "sparse noise": rng.random((40, 30)) < 0.02,
        "ellipse": ((x - 30.2) / 21) ** 2 + ((y - 22.7) / 13) ** 2 <= 1,
        "ring": np.abs(np.hypot(x - 31, y - 24) - 17) < 3,
        "long runs": (x // 9 + y // 7) % 5 == 0,
    }


def main() -> None:
    vectors = []
    for name, mask in masks().items():
        encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        vectors.append(
            {
                "name": name,
                "size": [int(n) for n in encoded["size"]],
                "counts": encoded["counts"].decode("ascii"),
                "area": int(coco.area(encoded)),
                "rows": ["".join("1" if voxel else "0" for voxel in row) for row in mask],
            }
        )
    Path(__file__).with_name("vectors.json").write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()
