"""What an object is and can be searched by: values are read once for all images that hold the same bytes, and mean in
each what they mean there."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from backend.imaging.dicom.attributes import read_object_info


def written(syntax: str, charset: str, name: bytes, **elements: object) -> bytes:
    dataset = Dataset()
    dataset.SpecificCharacterSet = charset
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", "1.2.1"
    dataset.PatientName = name
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_value_is_what_pydicom_reads(syntax: str) -> None:
    said = {
        "Rows": 512,
        "PixelRepresentation": 1,
        "SmallestImagePixelValue": -1000 if syntax == ImplicitVRLittleEndian else 3,
        "PixelSpacing": ["0.5", "0.75"],
        "SpacingBetweenSlices": None,
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "InstanceNumber": 7,
        "StudyDate": "20260102",
        "CTDIvol": 1.25,
    }
    if syntax != ImplicitVRLittleEndian:
        del said["SmallestImagePixelValue"]
    content = written(syntax, "ISO_IR 100", "Müller^Jörg".encode("latin-1"), **said)
    expected = pydicom.dcmread(BytesIO(content)).to_json_dict(bulk_data_threshold=1 << 20)
    for _ in range(2):  # the second time from what is remembered
        assert read_object_info(content).attributes == expected


def test_the_same_bytes_in_another_character_set_are_another_name() -> None:
    name = "Müller".encode()
    one = read_object_info(written(ExplicitVRLittleEndian, "ISO_IR 192", name)).attributes["00100010"]
    other = read_object_info(written(ExplicitVRLittleEndian, "ISO_IR 100", name)).attributes["00100010"]
    assert one["Value"] == [{"Alphabetic": "Müller"}]
    assert other["Value"] == [{"Alphabetic": "MÃ¼ller"}]
