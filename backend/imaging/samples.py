"""The sample images behind the button "Load samples": a generated phantom, and real images that the installed packages
bring along for their own tests. Nothing is downloaded and nothing of them lies in this repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import structlog

from backend.imaging.outcomes import SourceFile
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series

log = structlog.get_logger(__name__)

PHANTOM_SEED = 0


@dataclass(frozen=True, slots=True)
class PackagedSample:
    """One file inside an installed package: where it lies there, and the name that a user reads."""

    package: str
    path: str
    name: str

    def find(self) -> Path | None:
        """The file in this installation; the package is not imported. None where package or file is missing."""
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            return None
        file = Path(spec.submodule_search_locations[0]) / self.path
        return file if file.is_file() else None


PACKAGED_SAMPLES = (
    PackagedSample("nibabel", "tests/data/example4d.nii.gz", "Brain MR (EPI).nii.gz"),
    PackagedSample("pydicom", "data/test_files/examples_overlay.dcm", "Abdomen MR.dcm"),
    PackagedSample("pydicom", "data/test_files/693_J2KI.dcm", "Head CT.dcm"),
    PackagedSample("pydicom", "data/test_files/CT_small.dcm", "Vertebra CT.dcm"),
    PackagedSample("pydicom", "data/test_files/MR_small.dcm", "MR detail.dcm"),
    PackagedSample("pydicom", "data/test_files/examples_ybr_color.dcm", "Heart ultrasound.dcm"),
    PackagedSample("pydicom", "data/test_files/examples_rgb_color.dcm", "Lymph node ultrasound.dcm"),
    PackagedSample("pydicom", "data/test_files/JPEG2000.dcm", "Bone scintigraphy.dcm"),
    PackagedSample("skimage", "data/retina.jpg", "Retina.jpg"),
    PackagedSample("skimage", "data/ihc.png", "Immunohistochemistry.png"),
    PackagedSample("skimage", "data/cell.png", "Cell.png"),
)


def sample_files(folder: Path) -> list[SourceFile]:
    """The files to import, the phantom first: its DICOM series is written to `folder`/phantom, the others stay where
    they are. What this installation lacks is left out with a line in the log."""
    series = write_dicom_series(abdominal_phantom(seed=PHANTOM_SEED), folder / "phantom")
    files = [SourceFile(path, f"Phantom/{path.name}") for path in series]
    for sample in PACKAGED_SAMPLES:
        path = sample.find()
        if path is None:
            log.info("sample_missing", name=sample.name, package=sample.package)
        else:
            files.append(SourceFile(path, sample.name))
    return files
