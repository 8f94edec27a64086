"""Patients taken out by copying bytes: what comes out is, byte for byte, what the general way makes of the same file,
and whatever is unusual is left to it."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from backend.errors import AppError
from backend.imaging.deidentify import deidentify
from backend.imaging.dicom import attributes
from backend.imaging.dicom.attributes import START_BYTES, read_object_info
from backend.imaging.dicom.errors import CorruptDicom
from backend.imaging.dicom.places import NotPlain
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.pseudonyms import Pseudonyms
from backend.imaging.splicing import spliced

KEYS = [Pseudonyms(b"k" * 32, keep_uids=True), Pseudonyms(b"k" * 32, keep_uids=False)]
A_FOLDER = 6
"""Files of each folder of real images; a folder is one series, mostly."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """One slice with what scanners write besides: sequences in sequences, with and without lengths, dates, private
    values, texts in another alphabet."""
    [path, *_] = write_dicom_series(abdominal_phantom((2, 16, 16), (30.0, 20.0, 20.0)), tmp_path_factory.mktemp("ct"))
    dataset = pydicom.dcmread(path)
    inner, outer = Dataset(), Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = dataset.SOPClassUID, "1.2.3.4"
    inner.StudyDate, inner.PatientComments = "20240102", "planted"
    inner.private_block(0x0021, "MAKER", create=True).add_new(1, "LO", "planted")
    outer.ReferencedImageSequence = Sequence([inner, Dataset()])
    outer["ReferencedImageSequence"].is_undefined_length = True
    outer.is_undefined_length_sequence_item = True  # type: ignore[attr-defined]
    dataset.SourceImageSequence = Sequence([outer, inner])
    dataset.SharedFunctionalGroupsSequence = Sequence([outer])
    dataset["SharedFunctionalGroupsSequence"].is_undefined_length = True
    dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 192", "Müller^Jörg"
    dataset.AcquisitionDateTime, dataset.StudyDescription = "20240102030405.5", "planted"
    dataset.private_block(0x0029, "MAKER", create=True).add_new(1, "OB", bytes(700))
    dataset.WindowCenter, dataset.WindowWidth = [40, "300.5"], [400, 1500]
    return dataset


def written(dataset: Dataset, syntax: str) -> bytes:
    out, file = BytesIO(), pydicom.dcmread(BytesIO(_saved(dataset)))
    file.file_meta.TransferSyntaxUID = syntax  # type: ignore[assignment]
    file.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _saved(dataset: Dataset) -> bytes:
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def is_spliced(content: bytes, folder: Path) -> bool:
    """Whether it is read at all; checks that it becomes what the general way makes of it."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(content)
    for pseudonyms in KEYS:
        try:
            made = spliced(content, pseudonyms)
        except NotPlain:
            return False
        identities = deidentify(source, target, pseudonyms)
        assert b"".join(made.pieces) == target.read_bytes()
        assert list(made.identities) == identities
    return True


def same_info(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an object is, read in both ways."""

    def refuse(*_: object) -> None:
        raise NotPlain

    for wanted in (True, False):
        said: list[object] = []
        for way in (attributes._info_of_plain, refuse):
            with monkeypatch.context() as patched:
                patched.setattr(attributes, "_info_of_plain", way)
                try:
                    said.append(read_object_info(content[:START_BYTES], attributes=wanted))
                except AppError as error:
                    said.append(error.detail)
        assert said[0] == said[1]


def test_the_usual_is_spliced_and_the_unusual_is_left(image: Dataset, tmp_path: Path) -> None:
    assert is_spliced(written(image, ExplicitVRLittleEndian), tmp_path)
    assert is_spliced(written(image, ImplicitVRLittleEndian), tmp_path)
    big_endian = pydicom.data.get_testdata_file("MR_small_bigendian.dcm", download=False)
    assert isinstance(big_endian, str) and not is_spliced(Path(big_endian).read_bytes(), tmp_path)
    assert not is_spliced(written(image, DeflatedExplicitVRLittleEndian), tmp_path)
    plain = written(image, ExplicitVRLittleEndian)
    assert not is_spliced(plain[132:], tmp_path), "without its head"
    assert not is_spliced(plain[:-1], tmp_path), "cut"
    assert not is_spliced(plain + b"planted and no element", tmp_path)
    assert not is_spliced(b"", tmp_path)


def test_nothing_planted_passes(image: Dataset) -> None:
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        content = written(image, syntax)
        assert b"planted" in content and "Müller".encode() in content
        made = b"".join(spliced(content, KEYS[1]).pieces)
        assert b"planted" not in made and "Müller".encode() not in made and b"20240102" not in made


def test_bytes_that_fell_over_become_the_same_or_nothing(
    image: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged at random: never another result than the general way's, and none where that has none."""
    draw, spared = random.Random(5), 0
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        content = written(image, syntax)
        header = content.index(b"\xe0\x7f\x10\x00")
        for _ in range(120):
            damaged = bytearray(content)
            for _ in range(draw.choice((1, 1, 3))):
                damaged[draw.randrange(132, header)] = draw.choice((0, 1, 0xFF, 0x41, 0x53, draw.randrange(256)))
            spared += is_spliced(bytes(damaged), tmp_path)
            same_info(bytes(damaged), monkeypatch)
    assert spared > 20


@pytest.mark.parametrize(
    ("sound", "damaged"),
    [(b"CS\x0a\0ISO_IR 192", b"CS\x0a\0ISO_IR\x00192"), (b"\x20\0\x40\x10LO\0\0", b"\x20\0\x40\x10LM\0\0")],
    ids=["no character set", "no value representation"],
)
def test_a_damaged_header_is_a_damaged_file(image: Dataset, sound: bytes, damaged: bytes) -> None:
    """Whatever pydicom raises of it: an object in a request must not end the request."""
    copy = Dataset(image)
    copy.file_meta, copy.PositionReferenceIndicator = image.file_meta, ""
    content = written(copy, ExplicitVRLittleEndian)
    assert content.count(sound) == 1
    with pytest.raises(CorruptDicom):
        read_object_info(content.replace(sound, damaged))


def _files_of_pydicom() -> Iterator[bytes]:
    for path in sorted(Path(pydicom.data.__file__).parent.rglob("*.dcm")):
        yield path.read_bytes()


def test_the_files_of_pydicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all kinds and compressions, and broken in many ways."""
    spliced_files = 0
    for content in _files_of_pydicom():
        spliced_files += is_spliced(content, tmp_path)
        same_info(content, monkeypatch)
    assert spliced_files > 50


def test_real_images(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = set()
    for archive in sorted((shared_data / "data" / "dicom").glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if not name.endswith("/")]
            for name in names[:: max(1, len(names) // A_FOLDER)]:
                content = opened.read(name)
                if not is_spliced(content, tmp_path):
                    left.add(archive.stem)
                same_info(content, monkeypatch)
    assert {name for name in left if "mosaic" not in name} <= {
        "ct_one_slice_14_transfer_syntaxes",  # big endian and deflated
        "ct_philips_scout_S1000",  # a directory of files
        "dcmqi_23x38x3_multiframe",  # beside it, what is no DICOM
        "highdicom_test_files",
        "single_us_rgb_epicard",  # big endian
    }
