"""De-identified files: nothing that was planted is left, and the image is still the same image."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from backend.imaging.archive import ArchiveLimits
from backend.imaging.cleaning import Cleaner
from backend.imaging.deidentify import TECHNICAL, TEXTS, deidentify
from backend.imaging.importing import ImportedVolume, Outcome, read_uploads
from backend.imaging.outcomes import SourceFile
from backend.imaging.phantom import abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.pseudonyms import Pseudonyms, moved
from backend.imaging.stripping import strip_nifti, strip_picture

PLANTED = "PLANTED"
PLANTED_UID = "1.2.3.4.987654321"
KEY = b"k" * 32
FULL = Pseudonyms(KEY, keep_uids=False)
RETAIN = Pseudonyms(KEY, keep_uids=True)


def planted_everywhere(path: Path) -> None:
    """A value in every text attribute that DICOM has, at the top, inside a sequence, and in private attributes."""
    dataset = pydicom.dcmread(path)
    about = Dataset()
    for place in (dataset, about):
        for number, (kind, _, _, _, keyword) in DicomDictionary.items():
            tag = Tag(number)
            if kind in TEXTS - {"UN"} and tag not in TECHNICAL and tag.group >= 8 and keyword:
                place[tag] = DataElement(tag, kind, f"{PLANTED}^{tag.element:04X}")
            elif kind == "DA":
                place[tag] = DataElement(tag, "DA", "19710203")
        place.InstanceCreatorUID = PLANTED_UID
    about.private_block(0x0021, "MAKER", create=True).add_new(1, "LO", PLANTED)
    dataset.RequestAttributesSequence = Sequence([about])
    dataset.ReferencedStudySequence = Sequence([about])
    dataset.SharedFunctionalGroupsSequence = Sequence([about])
    dataset.private_block(0x0011, PLANTED, create=True).add_new(1, "LO", PLANTED)
    dataset.file_meta.SourceApplicationEntityTitle = PLANTED
    dataset.preamble = PLANTED.encode().ljust(128, b"\0")
    dataset.save_as(path)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    files = write_dicom_series(abdominal_phantom((4, 32, 32), (30.0, 12.0, 12.0)), tmp_path_factory.mktemp("planted"))
    for file in files:
        planted_everywhere(file)
    assert PLANTED.encode() in files[0].read_bytes() and b"19710203" in files[0].read_bytes()
    return files


@pytest.mark.parametrize("pseudonyms", [RETAIN, FULL], ids=["retain-uids", "full"])
def test_no_planted_value_is_left_and_what_was_done_is_said(
    planted: list[Path], pseudonyms: Pseudonyms, tmp_path: Path
) -> None:
    identities = deidentify(planted[0], tmp_path / "clean", pseudonyms)
    content = (tmp_path / "clean").read_bytes()
    assert PLANTED.encode() not in content and b"19710203" not in content
    before, after = pydicom.dcmread(planted[0]), pydicom.dcmread(tmp_path / "clean")
    same_uids = [after[name].value == before[name].value for name in ("SOPInstanceUID", "StudyInstanceUID")]
    same_uids.append(after.file_meta.MediaStorageSOPInstanceUID == before.file_meta.MediaStorageSOPInstanceUID)
    same_uids.append(PLANTED_UID.encode() in content)
    assert same_uids == [pseudonyms.keep_uids] * 4
    assert after.SOPClassUID == before.SOPClassUID
    meta_ends = 144 + after.file_meta.FileMetaInformationGroupLength  # preamble, DICM, and the element itself
    assert content[meta_ends : meta_ends + 2] == b"\x08\0"
    assert after.PatientIdentityRemoved == "YES" and after.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107", *(["113110"] if pseudonyms.keep_uids else [])]
    np.testing.assert_array_equal(after.pixel_array, before.pixel_array)
    patient, study = identities
    assert patient.pseudonym == after.PatientID and patient.values["PatientID"].startswith(PLANTED)
    assert study.pseudonym == after.StudyInstanceUID and study.values["StudyInstanceUID"] == before.StudyInstanceUID


def test_a_patient_stays_one_patient_and_the_same_file_becomes_the_same_bytes(
    planted: list[Path], tmp_path: Path
) -> None:
    for n, file in enumerate((planted[0], planted[1], planted[0])):
        deidentify(file, tmp_path / str(n), FULL)
    first, second = pydicom.dcmread(tmp_path / "0"), pydicom.dcmread(tmp_path / "1")
    assert (first.PatientID, first.StudyDate, first.SeriesInstanceUID) == (
        second.PatientID,
        second.StudyDate,
        second.SeriesInstanceUID,
    )
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert (tmp_path / "0").read_bytes() == (tmp_path / "2").read_bytes()
    deidentify(planted[0], tmp_path / "other", Pseudonyms(b"o" * 32, keep_uids=False))
    assert pydicom.dcmread(tmp_path / "other").PatientID != first.PatientID  # another project, another key


def test_dates_move_by_whole_days_and_keep_their_distance() -> None:
    days = FULL.days("P1")
    assert -3650 <= days <= -1
    assert moved("20240301", -1) == "20240229" and moved("2024.03.01", -1) == "20240229"
    assert moved("20240301101112.5+0100", -1) == "20240229101112.5+0100"
    assert moved("2024", -1) == "" and moved("somewhen", -1) == ""


def outcomes(files: list[SourceFile], folder: Path, pseudonyms: Pseudonyms | None) -> list[Outcome]:
    for name in ("unpacked", "clean"):
        (folder / name).mkdir(parents=True)
    if pseudonyms is None:
        return list(read_uploads(files, folder / "unpacked", limits=ArchiveLimits()))
    cleaner = Cleaner(pseudonyms, folder / "clean")
    return list(
        read_uploads(files, folder / "unpacked", limits=ArchiveLimits(), rename=cleaner.name, clean=cleaner.file)
    )


@pytest.mark.parametrize(
    "name", ["siemens_mosaic_cor_asc35", "d2n_siemens_multiframe", "d2n_philips_anatomical", "single_us_rgb_epicard"]
)
def test_real_images_are_read_as_they_were(name: str, shared_data: Path, tmp_path: Path) -> None:
    files = [SourceFile(shared_data / "data" / "dicom" / f"{name}.zip", f"{PLANTED}.zip")]
    raw, clean = (outcomes(files, tmp_path / part, rules) for part, rules in (("raw", None), ("clean", FULL)))
    assert len(raw) == len(clean) > 0
    for one, other in zip(raw, clean, strict=True):
        assert isinstance(one, ImportedVolume) and isinstance(other, ImportedVolume)
        np.testing.assert_array_equal(one.volume.voxels, other.volume.voxels)
        assert one.volume.geometry.to_json() == other.volume.geometry.to_json()
        assert other.study.patient_id.startswith("P-") and one.windows == other.windows


def test_names_of_files_become_codes_and_bad_members_of_archives_are_not_quoted(tmp_path: Path) -> None:
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr(f"{PLANTED}/image.nii", b"no image " * 10)
        made.writestr(f"../{PLANTED}.dcm", b"outside")
        made.writestr(f"{PLANTED}.png", b"\x89PNG\r\n\x1a\n broken picture")
        made.writestr("__MACOSX/._x", b"")
    content = bytearray(archive.read_bytes())
    content[content.index(b"no image ")] ^= 1  # its checksum is wrong now
    archive.write_bytes(content)
    found = outcomes([SourceFile(archive, FULL.file(f"{PLANTED}.zip"))], tmp_path / "work", FULL)
    assert len(found) == 4 and PLANTED not in repr(found)
    assert "macOS" in repr(found)


def test_nifti_keeps_its_voxels_and_loses_its_texts(tmp_path: Path) -> None:
    image = nib.nifti1.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([1.5, 2, 3, 1]))
    image.header["descrip"] = PLANTED.encode()
    image.header["aux_file"] = PLANTED.encode()
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", PLANTED.encode()))
    nib.save(image, tmp_path / f"{PLANTED}.nii.gz")
    with gzip.open(tmp_path / "packed.nii.gz", "wb") as packed:
        packed.write(gzip.decompress((tmp_path / f"{PLANTED}.nii.gz").read_bytes()))
    nib.save(image, tmp_path / "plain.nii")
    for name in (f"{PLANTED}.nii.gz", "packed.nii.gz", "plain.nii"):
        target = tmp_path / f"clean.{name.partition('.')[2]}"
        strip_nifti(tmp_path / name, target)
        content = target.read_bytes()
        assert PLANTED.encode() not in content
        assert PLANTED.encode() not in (gzip.decompress(content) if name.endswith("gz") else content)
        read = nib.load(target)
        np.testing.assert_array_equal(np.asarray(read.dataobj), np.asarray(image.dataobj))
        np.testing.assert_array_equal(read.affine, image.affine)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "progressive.jpg", "a.tif", "imagej.tif"])
def test_pictures_keep_their_pixels_their_turn_and_their_size(name: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x013B] = 6, PLANTED, PLANTED
    source, target = tmp_path / name, tmp_path / f"clean-{name}"
    if name == "a.png":
        texts = PngInfo()
        texts.add_text("Comment", PLANTED)
        Image.fromarray(pixels).save(source, pnginfo=texts, exif=exif)
    elif name.endswith(".jpg"):
        Image.fromarray(pixels).save(source, exif=exif, comment=PLANTED, progressive=name.startswith("pro"))
        source.write_bytes(source.read_bytes() + PLANTED.encode())  # as cameras add a second picture
    elif name == "a.tif":
        tifffile.imwrite(
            source, pixels, description=PLANTED, software=PLANTED, extratags=[(65001, 2, 0, PLANTED, True)]
        )
    else:
        tifffile.imwrite(
            source, pixels[..., 0], imagej=True, resolution=(2.0, 2.0), metadata={"unit": "mm", "Info": PLANTED}
        )
    assert PLANTED.encode() in source.read_bytes() or name == "imagej.tif"
    strip_picture(source, target)
    assert PLANTED.encode() not in target.read_bytes()
    (raw,) = outcomes([SourceFile(source, name)], tmp_path / "raw", None)
    (clean,) = outcomes([SourceFile(target, name)], tmp_path / "clean", None)
    assert isinstance(raw, ImportedVolume) and isinstance(clean, ImportedVolume)
    np.testing.assert_array_equal(raw.volume.voxels, clean.volume.voxels)
    assert raw.volume.geometry.to_json() == clean.volume.geometry.to_json()


def test_the_same_number_of_two_issuers_is_two_patients(planted: list[Path], tmp_path: Path) -> None:
    """Without an issuer, the pseudonym is that of the number alone, as it always was."""
    found = {}
    for issuer in ("", "Hospital A", "Hospital B"):
        dataset = pydicom.dcmread(planted[0])
        dataset.PatientID, dataset.IssuerOfPatientID = "4711", issuer
        dataset.save_as(tmp_path / "one")
        deidentify(tmp_path / "one", tmp_path / "clean", FULL)
        clean = pydicom.dcmread(tmp_path / "clean")
        found[issuer] = str(clean.PatientID), str(clean.StudyDate)
    assert len({name for name, _ in found.values()}) == len({day for _, day in found.values()}) == 3
    assert found[""][0] == FULL.patient("4711")
