"""A data set that was read and changed in places is written as pydicom writes it, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import FileDataset

from backend.imaging.dicom.elements import unheard
from backend.imaging.dicom.rewriting import save_changed

NAMES = (
    "CT_small.dcm",  # explicit little endian
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",  # deflated
    "JPEG2000.dcm",  # pixels of undefined length
    "rtplan.dcm",  # sequences
    "nested_priv_SQ.dcm",
    "chrH31.dcm",  # several character sets
    "UN_sequence.dcm",
    "no_meta.dcm",
    "SC_rgb_small_odd.dcm",  # an odd number of bytes
)


def changed(path: Path) -> FileDataset:
    dataset = pydicom.dcmread(path, force=True)
    for name in ("PatientName", "StudyDescription", "ReferencedImageSequence"):
        if name in dataset:
            del dataset[name]
    dataset.PatientID = "changed"
    dataset.PatientIdentityRemoved = "YES"
    return dataset


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_are_those_of_pydicom(name: str, tmp_path: Path) -> None:
    found = next(iter(get_charset_files(name)), None) or get_testdata_file(name, download=False)
    assert isinstance(found, str), "it comes with pydicom"
    with unheard():
        try:
            changed(Path(found)).save_as(tmp_path / "expected", enforce_file_format=False)
        except AttributeError as error:  # what pydicom cannot write, this cannot either
            with pytest.raises(type(error)):
                save_changed(changed(Path(found)), tmp_path / "written")
            return
        save_changed(changed(Path(found)), tmp_path / "written")
    assert (tmp_path / "written").read_bytes() == (tmp_path / "expected").read_bytes()
