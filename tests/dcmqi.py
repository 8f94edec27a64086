"""DICOM SEG as dcmqi reads it: C++ upon DCMTK, and nothing in common with the libraries that we write and read with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk


def read_with_dcmqi(path: Path, folder: Path) -> list[tuple[dict[str, Any], sitk.Image, np.ndarray]]:
    """Of each segment what is said of it, the image that it lies in, and its mask [slices, rows, columns]. Skips the
    test where dcmqi is not installed."""
    program = shutil.which("segimage2itkimage", path=sysconfig.get_path("scripts")) or shutil.which("segimage2itkimage")
    if program is None:
        pytest.skip("dcmqi is not installed: there are packages for Linux alone")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [program, "--inputDICOM", path, "--outputDirectory", folder, "--outputType", "nrrd"]
    subprocess.run(command, check=True, capture_output=True)
    found = []
    for n, group in enumerate(json.loads((folder / "meta.json").read_text())["segmentAttributes"], start=1):
        image = sitk.ReadImage(str(folder / f"{n}.nrrd"))
        voxels = sitk.GetArrayFromImage(image)
        found += [(segment, image, voxels == segment["labelID"]) for segment in group]
    return found
