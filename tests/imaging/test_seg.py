"""DICOM SEG, read back by three independent readers: highdicom, pydicom with arithmetic of our own, and dciodvfy."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from highdicom.legacy import LegacyConvertedEnhancedCTImage

from backend.imaging.dicom import SeriesImport, read_dicom
from backend.imaging.errors import (
    ExportGridMismatch,
    LabelValuesClash,
    NothingToExport,
    SourceCannotCarrySeg,
    SourceIsNotDicom,
)
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import Algorithm, CodedTerm, ExportLabel
from backend.imaging.nifti import read_nifti
from backend.imaging.outcomes import SourceFile
from backend.imaging.phantom import LIVER, ORGANS, Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.seg import LabelsOverlap, SegAbout, SegSummary, SourceSlice, write_seg
from tests.dcmqi import read_with_dcmqi

SHAPE, SPACING = (16, 48, 56), (16.0, 8.0, 7.0)
ABOUT = SegAbout(
    created_at=datetime(2026, 3, 1, 12, 30),  # noqa: DTZ001 - DICOM dates are local
    software_version="9.9.9",
    series_description="Organs \\ reviewed",
    creator="Ana^Li=x",
)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom(SHAPE, SPACING, seed=4)


@pytest.fixture(scope="module")
def series(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_dicom_series(phantom, tmp_path_factory.mktemp("series"))


def export(
    path: Path, phantom: Phantom, sources: Sequence[SourceSlice], labels: Sequence[ExportLabel] = ORGANS
) -> SegSummary:
    return write_seg(path, sources, phantom.volume.geometry, labels, phantom.mask, ABOUT)


def by_position(path: Path, geometry: VolumeGeometry, segment: int) -> np.ndarray:
    """One segment [slices, rows, columns], every frame put where its Image Position (Patient) says; pydicom only."""
    seg = pydicom.dcmread(path)
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    frames = bits[: seg.NumberOfFrames * seg.Rows * seg.Columns].reshape(-1, seg.Rows, seg.Columns)
    volume = np.zeros(geometry.shape_kji, bool)
    shared = seg.SharedFunctionalGroupsSequence[0]
    for pixels, groups in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        owner = groups if "SegmentIdentificationSequence" in groups else shared
        if owner.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment:
            index = geometry.index_kji([groups.PlanePositionSequence[0].ImagePositionPatient])[0]
            np.testing.assert_allclose(index, np.rint(index), atol=1e-3)
            assert tuple(np.rint(index[1:])) == (0, 0)
            assert not volume[round(index[0])].any()
            volume[round(index[0])] = pixels
    return volume


def by_highdicom(path: Path, files: Sequence[Path], segment: int) -> np.ndarray:
    """One segment in the order of the source instances, looked up by their UIDs."""
    uids = [pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in files]
    pixels = hd.seg.segread(path).get_pixels_by_source_instance(uids, segment_numbers=[segment])
    return pixels[..., 0] != 0


def complaints(path: Path) -> list[str]:
    checked = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith(("Error", "Warning"))]


# -- pixels -----------------------------------------------------------------------------------------------------------
def test_every_organ_comes_back_voxel_by_voxel(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "seg.dcm"
    summary = export(path, phantom, [SourceSlice(file) for file in series])
    assert summary.segments == ORGANS and summary.empty == ()
    frames = 0
    for segment, organ in enumerate(ORGANS, start=1):
        truth = phantom.mask(organ)
        frames += int(truth.any(axis=(1, 2)).sum())
        np.testing.assert_array_equal(by_position(path, phantom.volume.geometry, segment), truth)
        np.testing.assert_array_equal(by_highdicom(path, series, segment), truth)
    assert summary.frames == frames == pydicom.dcmread(path).NumberOfFrames


def test_the_volume_of_highdicom_lies_where_the_images_lie(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "seg.dcm"
    export(path, phantom, [SourceSlice(file) for file in series])
    volume = hd.seg.segread(path).get_volume(combine_segments=True)
    present = np.flatnonzero(phantom.truth.any(axis=(1, 2)))
    downwards = np.asarray(volume.array)  # highdicom stacks against our k
    np.testing.assert_array_equal(downwards[::-1], phantom.truth[present[0] : present[-1] + 1])
    np.testing.assert_allclose(volume.affine[:3, 3], phantom.volume.geometry.position_mm([present[-1], 0, 0])[0])
    np.testing.assert_allclose(volume.spacing, SPACING)


def test_overlapping_labels_keep_their_voxels(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    abdomen = ExportLabel("Abdomen", 200, "#102030")

    def read_mask(label: ExportLabel) -> np.ndarray:
        return phantom.truth > 0 if label == abdomen else phantom.mask(label)

    path = tmp_path / "seg.dcm"
    write_seg(path, [SourceSlice(file) for file in series], phantom.volume.geometry, [abdomen, LIVER], read_mask, ABOUT)
    for segment, label in enumerate([abdomen, LIVER], start=1):
        np.testing.assert_array_equal(by_position(path, phantom.volume.geometry, segment), read_mask(label))
    assert pydicom.dcmread(path).SegmentsOverlap == "YES"


def test_two_distant_slices_keep_the_spacing_of_the_stack(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    truth = phantom.mask(LIVER)
    kept = np.flatnonzero(truth.any(axis=(1, 2)))[[0, 3]]
    sparse = np.zeros_like(truth)
    sparse[kept] = truth[kept]
    silent = []  # images that do not say how far apart they are
    for file in series:
        header = pydicom.dcmread(file)
        del header.SpacingBetweenSlices
        silent.append(tmp_path / file.name)
        header.save_as(silent[-1])
    path = tmp_path / "seg.dcm"
    summary = write_seg(
        path, [SourceSlice(f) for f in silent], phantom.volume.geometry, [LIVER], lambda _label: sparse, ABOUT
    )
    assert summary.frames == 2
    np.testing.assert_array_equal(by_position(path, phantom.volume.geometry, 1), sparse)
    seg = pydicom.dcmread(path)
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (measures.SpacingBetweenSlices, measures.SliceThickness, list(measures.PixelSpacing)) == (16, 16, [8, 7])
    referenced = {item.ReferencedSOPInstanceUID for item in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert len(referenced) == len(series)


def test_the_order_of_the_files_does_not_matter_but_their_slices_do(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(ExportGridMismatch, match=r"Slice 0 of the volume lies 240\.00 mm away"):
        export(tmp_path / "seg.dcm", phantom, [SourceSlice(file) for file in reversed(series)])


# -- multi-frame ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def enhanced(series: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same slices in one enhanced file, in a wild order, with one more frame at the place of slice 3."""
    order = [5, 3, 0, 1, 2, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 4]
    image = LegacyConvertedEnhancedCTImage(
        legacy_datasets=[pydicom.dcmread(series[k]) for k in order],
        series_instance_uid="2.25.1",
        series_number=7,
        sop_instance_uid="2.25.2",
        instance_number=1,
    )
    frames = image.PerFrameFunctionalGroupsSequence
    frames.append(frames[[frame.PlanePositionSequence[0].ImagePositionPatient[2] for frame in frames].index(-72)])
    image.PixelData += bytes(2 * SHAPE[1] * SHAPE[2])
    image.NumberOfFrames = len(frames)
    path = tmp_path_factory.mktemp("enhanced") / "enhanced.dcm"
    image.save_as(path)
    return path


def frame_numbers(enhanced: Path, geometry: VolumeGeometry) -> list[int]:
    frames = pydicom.dcmread(enhanced).PerFrameFunctionalGroupsSequence
    found: dict[int, int] = {}
    for number, frame in enumerate(frames, start=1):
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        found.setdefault(round(geometry.index_kji([position])[0, 0]), number)
    return [found[k] for k in range(geometry.shape_kji[0])]


def test_an_enhanced_image_is_referred_to_frame_by_frame(phantom: Phantom, enhanced: Path, tmp_path: Path) -> None:
    numbers = frame_numbers(enhanced, phantom.volume.geometry)
    assert sorted(numbers) != numbers
    path = tmp_path / "seg.dcm"
    export(path, phantom, [SourceSlice(enhanced, number) for number in numbers])
    for segment, organ in enumerate(ORGANS, start=1):
        np.testing.assert_array_equal(by_position(path, phantom.volume.geometry, segment), phantom.mask(organ))
    for groups in pydicom.dcmread(path).PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        k = round(phantom.volume.geometry.index_kji([groups.PlanePositionSequence[0].ImagePositionPatient])[0, 0])
        assert (source.ReferencedSOPInstanceUID, source.ReferencedFrameNumber) == ("2.25.2", numbers[k])


# -- what it says -----------------------------------------------------------------------------------------------------
def test_segments_carry_names_codes_colours_and_how_they_were_made(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    by_machine = Algorithm("AUTOMATIC", "sammed-small", "2", {"learned_prompt": "ab12"})
    labels = [
        replace(LIVER, algorithm=replace(by_machine, type="SEMIAUTOMATIC")),
        ExportLabel("Läsion \\ 囊肿", 9, "#00ff00", CodedTerm("SCT", "367643001", "Cyst " * 20), by_machine),
        ExportLabel("leer", 4, "#ffffff"),
        ExportLabel("Irgendwas", 5, "#123456"),
    ]
    masks = {1: 1, 9: 2, 4: 77, 5: 5}
    path = tmp_path / "seg.dcm"
    summary = write_seg(
        path,
        [SourceSlice(file) for file in series],
        phantom.volume.geometry,
        labels,
        lambda label: phantom.truth == masks[label.value],
        ABOUT,
    )
    assert [label.name for label in summary.empty] == ["leer"]
    seg = pydicom.dcmread(path)
    liver, cyst, anything = seg.SegmentSequence
    assert [item.SegmentNumber for item in seg.SegmentSequence] == [1, 2, 3]
    assert liver.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    assert liver.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "123037004"
    assert cyst.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert anything.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "85756007"
    assert (cyst.SegmentLabel, cyst.TrackingID) == ("Läsion / 囊肿", "Läsion / 囊肿")
    assert [item.SegmentAlgorithmType for item in seg.SegmentSequence] == ["SEMIAUTOMATIC", "AUTOMATIC", "MANUAL"]
    identification = cyst.SegmentationAlgorithmIdentificationSequence[0]
    assert (identification.AlgorithmName, identification.AlgorithmVersion) == ("sammed-small", "2")
    assert identification.AlgorithmParameters == "learned_prompt=ab12"
    assert "SegmentAlgorithmName" not in anything
    # pure green is L* 87.73, a* -86.18, b* 83.18, scaled to 16 bit
    lab = cyst.RecommendedDisplayCIELabValue
    assert lab == pytest.approx([87.73 / 100 * 65535, (128 - 86.18) * 257, (128 + 83.18) * 257], abs=60)
    source = pydicom.dcmread(series[0], stop_before_pixels=True)
    assert (seg.FrameOfReferenceUID, seg.StudyInstanceUID) == (source.FrameOfReferenceUID, source.StudyInstanceUID)
    assert (seg.PatientID, str(seg.PatientName)) == (source.PatientID, str(source.PatientName))
    assert (seg.SeriesDescription, seg.ContentCreatorName) == ("Organs / reviewed", "Ana Li x^")
    assert (seg.SoftwareVersions, seg.SeriesNumber) == ("9.9.9", 1001)
    assert (seg.ContentDate, seg.ContentTime, seg.InstanceCreationDate) == ("20260301", "123000", "20260301")


def test_the_same_export_is_the_same_object_and_another_is_not(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    sources = [SourceSlice(file) for file in series]
    first, second = export(tmp_path / "a.dcm", phantom, sources), export(tmp_path / "b.dcm", phantom, sources)
    other = export(tmp_path / "c.dcm", phantom, sources, ORGANS[:1])
    assert first.sop_instance_uid == second.sop_instance_uid != other.sop_instance_uid
    trackers = [pydicom.dcmread(tmp_path / name).SegmentSequence[0].TrackingUID for name in ("a.dcm", "c.dcm")]
    assert trackers[0] == trackers[1]


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_dciodvfy_has_nothing_to_say(phantom: Phantom, series: list[Path], enhanced: Path, tmp_path: Path) -> None:
    labels = [replace(organ, algorithm=Algorithm("AUTOMATIC", "sammed-small", "1")) for organ in ORGANS]
    write_seg(
        tmp_path / "classic.dcm",
        [SourceSlice(file) for file in series],
        phantom.volume.geometry,
        [*labels, ExportLabel("leer", 99, "#ffffff")],
        phantom.mask,
        ABOUT,
    )
    assert complaints(tmp_path / "classic.dcm") == []
    numbers = frame_numbers(enhanced, phantom.volume.geometry)
    export(tmp_path / "enhanced.dcm", phantom, [SourceSlice(enhanced, number) for number in numbers])
    assert complaints(tmp_path / "enhanced.dcm") == []
    assert complaints(series[0]) == []


def test_a_label_map_holds_all_labels_of_a_slice_in_one_frame(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    """Read by pydicom alone: frames by their positions, values as the segments say."""
    path, sources = tmp_path / "map.dcm", [SourceSlice(file) for file in series]
    by = Algorithm("SEMIAUTOMATIC", "SAM", "1", {"model.checksum": "ab12"})
    labels = [replace(organ, algorithm=by) for organ in ORGANS]
    summary = write_seg(path, sources, phantom.volume.geometry, labels, phantom.mask, ABOUT, as_label_map=True)
    seg = pydicom.dcmread(path)
    assert (seg.SOPClassUID, seg.SegmentationType) == ("1.2.840.10008.5.1.4.1.1.66.7", "LABELMAP")
    found = np.zeros(phantom.truth.shape, np.uint8)
    for pixels, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        k = phantom.volume.geometry.index_kji([groups.PlanePositionSequence[0].ImagePositionPatient])[0, 0]
        found[round(k)] = pixels
    described = {int(item.SegmentNumber): item for item in seg.SegmentSequence}
    for number, organ in enumerate(ORGANS, start=1):
        np.testing.assert_array_equal(found == number, phantom.mask(organ))
        assert described[number].SegmentLabel == organ.name and organ.code is not None
        assert described[number].SegmentedPropertyTypeCodeSequence[0].CodeValue == organ.code.value
        assert "RecommendedDisplayCIELabValue" in described[number]
        identified = described[number].SegmentationAlgorithmIdentificationSequence[0]
        assert "ab12" in identified.AlgorithmParameters
    binary = export(tmp_path / "binary.dcm", phantom, sources)
    assert summary.frames < binary.frames and summary.sop_instance_uid != binary.sop_instance_uid
    if shutil.which("dciodvfy"):  # of 2022: it does not know this object, whose segments begin with the background
        known = {"Error - Information Object Not found"}
        assert {c for c in complaints(path) if "SegmentNumber not monotonically increasing" not in c} == known


@pytest.mark.parametrize("as_label_map", [False, True])
def test_dcmqi_reads_the_same_voxels_names_and_codes(
    phantom: Phantom, series: list[Path], tmp_path: Path, as_label_map: bool
) -> None:
    """A reader without Python: it knows label maps, too."""
    path, geometry = tmp_path / "m.dcm", phantom.volume.geometry
    sources = [SourceSlice(file) for file in series]
    write_seg(path, sources, geometry, ORGANS, phantom.mask, ABOUT, as_label_map=as_label_map)
    found = read_with_dcmqi(path, tmp_path / "read")
    assert [said["SegmentLabel"] for said, _, _ in found] == [organ.name for organ in ORGANS]
    for organ, (said, image, mask) in zip(ORGANS, found, strict=True):
        assert organ.code is not None
        assert said["SegmentedPropertyTypeCodeSequence"]["CodeValue"] == organ.code.value
        assert all(abs(a - b) <= 1 for a, b in zip(said["recommendedDisplayRGBValue"], organ.rgb, strict=True))
        whole = np.zeros(geometry.shape_kji, bool)
        start = geometry.index_kji([image.TransformIndexToPhysicalPoint((0, 0, 0))])[0]
        np.testing.assert_allclose(start, np.rint(start), atol=1e-4)
        k, j, i = (int(n) for n in np.rint(start))
        whole[k : k + mask.shape[0], j : j + mask.shape[1], i : i + mask.shape[2]] = mask
        np.testing.assert_array_equal(whole, phantom.mask(organ))


def test_labels_that_overlap_make_no_label_map(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    whole, sources = ExportLabel("Abdomen", 200, "#102030"), [SourceSlice(file) for file in series]

    def mask(label: ExportLabel) -> np.ndarray:
        return phantom.truth > 0 if label == whole else phantom.mask(label)

    with pytest.raises(LabelsOverlap, match="'Abdomen' and 'Liver' share"):
        write_seg(tmp_path / "m.dcm", sources, phantom.volume.geometry, [whole, LIVER], mask, ABOUT, as_label_map=True)
    assert not (tmp_path / "m.dcm").exists()


# -- files as they come -----------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_stripped_headers_and_rounded_orientations_are_taken(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    stripped = []
    for k, file in enumerate(series):
        header = pydicom.dcmread(file)
        for name in ("PatientName", "AccessionNumber", "StudyID", "SeriesNumber"):
            delattr(header, name)
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 1e-6 * k]
        header.StudyDate, header.PatientBirthDate = "2004.01.19", "unknown"
        header.add_new("StudyTime", "TM", "14:04:38")
        stripped.append(tmp_path / file.name)
        header.save_as(stripped[-1])
    path = tmp_path / "seg.dcm"
    export(path, phantom, [SourceSlice(file) for file in stripped])
    np.testing.assert_array_equal(by_position(path, phantom.volume.geometry, 1), phantom.mask(LIVER))
    seg = pydicom.dcmread(path)
    assert (seg.StudyDate, seg.StudyTime, seg.PatientBirthDate or "") == ("20040119", "140438", "")


def test_a_real_ct_with_its_reference_mask(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "data" / "dicom" / "ibsi_STS_001_CT.zip") as archive:
        archive.extractall(tmp_path / "series")
    files = [SourceFile(path, path.name) for path in (tmp_path / "series").rglob("*") if path.is_file()]
    (series,) = [outcome for outcome in read_dicom(files) if isinstance(outcome, SeriesImport)]
    mask_file = shared_data / "data" / "dicom" / "ibsi_STS_001_CT.mask.nii.gz"
    (reference,) = read_nifti(SourceFile(mask_file, mask_file.name))
    geometry = series.volume.geometry
    assert reference.volume.geometry.close_to(geometry, tolerance_mm=0.02)
    tumour = reference.volume.voxels > 0
    assert tumour.sum() > 1000
    label = ExportLabel("Tumour", 1, "#90ee90", CodedTerm("SCT", "4147007", "Mass"))
    path = tmp_path / "seg.dcm"
    sources = [SourceSlice(instance.path, instance.frame_number) for instance in series.instances]
    write_seg(path, sources, geometry, [label], lambda _: tumour, ABOUT)
    np.testing.assert_array_equal(by_position(path, geometry, 1), tumour)
    np.testing.assert_array_equal(by_highdicom(path, [source.file for source in sources], 1), tumour)


def test_a_single_picture_without_a_place_is_referred_to(tmp_path: Path) -> None:
    picture = Path(pydicom.data.get_testdata_file("SC_rgb_small_odd.dcm"))  # type: ignore[arg-type]
    mask = np.zeros((1, 3, 3), bool)
    mask[0, 1, 2] = True
    path = tmp_path / "seg.dcm"
    label = ExportLabel("Spot", 1, "#ff0000")
    write_seg(path, [SourceSlice(picture)], VolumeGeometry.without_patient((1, 3, 3)), [label], lambda _: mask, ABOUT)
    np.testing.assert_array_equal(pydicom.dcmread(path).pixel_array.reshape(3, 3), mask[0])


# -- refusals ---------------------------------------------------------------------------------------------------------
def test_no_voxel_is_a_named_error_and_writes_nothing(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "seg.dcm"
    for labels in ([], [ExportLabel("leer", 99, "#ffffff")]):
        with pytest.raises(NothingToExport):
            export(path, phantom, [SourceSlice(file) for file in series], labels)
    assert not path.exists()


def test_images_that_are_not_dicom_are_a_named_error(phantom: Phantom, tmp_path: Path) -> None:
    nifti = tmp_path / "volume.nii"
    nifti.write_bytes(bytes(400))
    with pytest.raises(SourceIsNotDicom) as caught:
        export(tmp_path / "seg.dcm", phantom, [SourceSlice(nifti)] * SHAPE[0])
    assert caught.value.hint == "Export the masks as NIfTI instead."


def test_a_mosaic_cannot_be_referred_to(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    with pytest.raises(SourceCannotCarrySeg, match="16 slices come from 1 files"):
        export(tmp_path / "seg.dcm", phantom, [SourceSlice(series[0])] * SHAPE[0])


def test_images_without_frame_of_reference_cannot_be_referred_to(
    phantom: Phantom, series: list[Path], tmp_path: Path
) -> None:
    lost = []
    for file in series:
        header = pydicom.dcmread(file)
        del header.FrameOfReferenceUID
        lost.append(tmp_path / file.name)
        header.save_as(lost[-1])
    with pytest.raises(SourceCannotCarrySeg, match="no frame of reference"):
        export(tmp_path / "seg.dcm", phantom, [SourceSlice(file) for file in lost])


def test_masks_and_images_of_another_size_are_refused(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    sources = [SourceSlice(file) for file in series]
    with pytest.raises(ExportGridMismatch, match="15 images"):
        export(tmp_path / "seg.dcm", phantom, sources[1:])
    with pytest.raises(ExportGridMismatch, match="mask of 'Liver'"):
        write_seg(
            tmp_path / "seg.dcm", sources, phantom.volume.geometry, [LIVER], lambda _: np.ones((1, 2, 3), bool), ABOUT
        )
    larger = abdominal_phantom((16, 50, 56), SPACING)
    with pytest.raises(ExportGridMismatch, match="48 x 56 pixels"):
        export(tmp_path / "seg.dcm", larger, sources)


def test_two_labels_of_one_value_are_refused(phantom: Phantom, series: list[Path], tmp_path: Path) -> None:
    labels = [LIVER, ExportLabel("Other", 1, "#ffffff")]
    with pytest.raises(LabelValuesClash, match="'Liver' and 'Other' both have the value 1"):
        export(tmp_path / "seg.dcm", phantom, [SourceSlice(file) for file in series], labels)
