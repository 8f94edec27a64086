"""DICOM: where voxels end up. Series in all orientations, and everything that makes a series no volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from backend.imaging.dicom import SeriesImport, read_dicom
from backend.imaging.dicom.errors import (
    AmbiguousSlicePositions,
    ConflictingInstances,
    IrregularSliceSpacing,
    MisalignedSlices,
    MosaicGeometryMissing,
    NotAVolume,
)
from backend.imaging.errors import InvalidImageGeometry, TooManyVolumes
from backend.imaging.outcomes import DUPLICATE, Fault, Ignored, SourceFile
from tests import phantoms


def read(files: list[SourceFile]) -> tuple[list[SeriesImport], list[Fault], list[Ignored]]:
    outcomes = list(read_dicom(files))
    return (
        [outcome for outcome in outcomes if isinstance(outcome, SeriesImport)],
        [outcome for outcome in outcomes if isinstance(outcome, Fault)],
        [outcome for outcome in outcomes if isinstance(outcome, Ignored)],
    )


def only_volume(files: list[SourceFile]) -> SeriesImport:
    volumes, faults, _ = read(files)
    assert faults == []
    assert len(volumes) == 1
    return volumes[0]


def assert_every_voxel_in_place(made: SeriesImport, values: np.ndarray, grid: phantoms.VolumeGeometry) -> None:
    """Each value lies, to a thousandth of a millimetre, where it was written."""
    ours = made.volume
    assert sorted(ours.voxels.ravel().tolist()) == sorted(values.ravel().tolist())
    found = np.array([np.argwhere(ours.voxels == value)[0] for value in values.ravel()])
    written = np.indices(values.shape).reshape(3, -1).T
    distance_mm = np.linalg.norm(ours.geometry.position_mm(found) - grid.position_mm(written), axis=1)
    assert distance_mm.max() < 1e-3


@pytest.mark.parametrize("letters", phantoms.ORIENTATIONS)
def test_all_orientations(letters: str, tmp_path: Path) -> None:
    grid, values = phantoms.geometry(letters), phantoms.numbered((3, 4, 5))
    made = only_volume(phantoms.write_dicom(tmp_path, values, grid))
    assert_every_voxel_in_place(made, values, grid)
    assert made.volume.geometry.is_right_handed
    assert made.volume.geometry.axis_letters[1:] == tuple(letters[1:])  # pictures are never turned
    assert made.warnings == ()


def test_oblique_series(tmp_path: Path) -> None:
    a, b = np.radians(20), np.radians(-35)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    grid, values = phantoms.geometry("ASR", rotation=turn, shape_kji=(6, 7, 8)), phantoms.numbered((6, 7, 8))
    assert_every_voxel_in_place(only_volume(phantoms.write_dicom(tmp_path, values, grid)), values, grid)


def test_instances_point_to_the_file_of_each_slice(tmp_path: Path) -> None:
    files = phantoms.write_dicom(tmp_path, phantoms.numbered((5, 4, 4)), phantoms.geometry(shape_kji=(5, 4, 4)))
    made = only_volume(files)
    assert [ref.slice_index for ref in made.instances] == [0, 1, 2, 3, 4]
    assert {ref.path for ref in made.instances} == {file.path for file in files} == {file.path for file in made.files}
    assert all(ref.frame_number is None and ref.tile is None for ref in made.instances)
    written_last = next(path for path in tmp_path.iterdir() if path.name.endswith("_4.dcm"))
    assert made.instances[4].path == written_last


def test_a_tilted_gantry_keeps_its_voxels_and_gets_the_true_affine(tmp_path: Path) -> None:
    tilt = np.radians(14)
    grid = phantoms.VolumeGeometry.from_axes(
        origin_mm=(-100, -50, 20),
        step_k_mm=(0, 0, 5),
        step_j_mm=(0, 0.5 * np.cos(tilt), -0.5 * np.sin(tilt)),
        step_i_mm=(0.5, 0, 0),
        shape_kji=(4, 6, 6),
    )
    values = phantoms.numbered((4, 6, 6))
    made = only_volume(phantoms.write_dicom(tmp_path, values, grid))
    assert_every_voxel_in_place(made, values, grid)
    assert made.volume.geometry.shear_degrees == pytest.approx(14, abs=1e-3)
    assert any("14.0 degrees" in warning for warning in made.warnings)


def test_a_missing_slice_is_named(tmp_path: Path) -> None:
    files = phantoms.write_dicom(tmp_path, phantoms.numbered((6, 4, 4)), phantoms.geometry(shape_kji=(6, 4, 4)))
    kept = [file for file in files if not file.name.endswith("_3.dcm")]
    volumes, [fault], _ = read(kept)
    assert volumes == []
    assert isinstance(fault.error, IrregularSliceSpacing)
    assert "Slices 3 and 4 of 5 lie 5 mm apart, the others 2.5 mm." in fault.error.detail
    assert {file.name for file in fault.files} == {file.name for file in kept}


def test_slightly_uneven_slices_pass_with_a_warning(tmp_path: Path) -> None:
    def jitter(dataset: Dataset, k: int) -> None:
        dataset.ImagePositionPatient[2] += 0.1 * (k % 2)

    grid = phantoms.geometry(shape_kji=(6, 4, 4))
    made = only_volume(phantoms.write_dicom(tmp_path, phantoms.numbered((6, 4, 4)), grid, change=jitter))
    assert any("Slice distances vary from 2.4 to 2.6 mm" in warning for warning in made.warnings)


def test_slices_shifted_against_each_other_are_named(tmp_path: Path) -> None:
    def shift(dataset: Dataset, k: int) -> None:
        dataset.ImagePositionPatient[0] += 4.0 if k == 2 else 0.0

    grid = phantoms.geometry(shape_kji=(6, 4, 4))
    _, [fault], _ = read(phantoms.write_dicom(tmp_path, phantoms.numbered((6, 4, 4)), grid, change=shift))
    assert isinstance(fault.error, MisalignedSlices)
    assert "Slice 3" in fault.error.detail


def test_two_slices_far_beside_each_other_are_no_stack(tmp_path: Path) -> None:
    def shift(dataset: Dataset, k: int) -> None:
        dataset.ImagePositionPatient[0] += 40.0 * k

    grid = phantoms.geometry(shape_kji=(2, 4, 4))
    _, [fault], _ = read(phantoms.write_dicom(tmp_path, phantoms.numbered((2, 4, 4)), grid, change=shift))
    assert isinstance(fault.error, InvalidImageGeometry)


def test_mixed_orientations_become_a_volume_each(tmp_path: Path) -> None:
    axial = phantoms.slice_datasets(phantoms.numbered((3, 4, 5)), phantoms.geometry("SPL"))
    sagittal = phantoms.slice_datasets(phantoms.numbered((2, 6, 4)), phantoms.geometry("RIP", shape_kji=(2, 6, 4)))
    for dataset in axial + sagittal:
        dataset.SeriesInstanceUID, dataset.StudyInstanceUID = axial[0].SeriesInstanceUID, axial[0].StudyInstanceUID
    volumes, faults, _ = read(phantoms.source_files(phantoms.save(axial + sagittal, tmp_path)))
    assert faults == []
    assert {(made.name, made.volume.geometry.shape_kji) for made in volumes} == {
        ("Thorax, axial", (3, 4, 5)),
        ("Thorax, sagittal", (2, 6, 4)),
    }


def test_mixed_sizes_become_a_volume_each(tmp_path: Path) -> None:
    small = phantoms.slice_datasets(phantoms.numbered((3, 4, 5)), phantoms.geometry())
    large = phantoms.slice_datasets(
        phantoms.numbered((3, 8, 5)), phantoms.geometry(shape_kji=(3, 8, 5), origin_mm=(0, 0, 0))
    )
    for dataset in large:
        dataset.SeriesInstanceUID, dataset.StudyInstanceUID = small[0].SeriesInstanceUID, small[0].StudyInstanceUID
    volumes, faults, _ = read(phantoms.source_files(phantoms.save(small + large, tmp_path)))
    assert faults == []
    assert sorted(made.name for made in volumes) == ["Thorax, axial 1", "Thorax, axial 2"]


def test_a_fault_of_one_stack_leaves_its_sibling(tmp_path: Path) -> None:
    axial = phantoms.slice_datasets(phantoms.numbered((4, 4, 5)), phantoms.geometry("SPL", shape_kji=(4, 4, 5)))
    coronal = phantoms.slice_datasets(phantoms.numbered((3, 4, 5)), phantoms.geometry("PIL"))
    for dataset in coronal:
        dataset.SeriesInstanceUID, dataset.StudyInstanceUID = axial[0].SeriesInstanceUID, axial[0].StudyInstanceUID
    del axial[2]
    [made], [fault], _ = read(phantoms.source_files(phantoms.save(axial + coronal, tmp_path)))
    assert made.volume.geometry.axis_letters[0] == "P"
    assert fault.error.code == "irregular_slice_spacing"


def test_a_single_slice_uses_its_thickness(tmp_path: Path) -> None:
    grid = phantoms.geometry(shape_kji=(1, 4, 5))
    made = only_volume(phantoms.write_dicom(tmp_path, phantoms.numbered((1, 4, 5)), grid))
    assert made.volume.geometry.close_to(grid)


# -- repeats ----------------------------------------------------------------------------------------------------------
def repeated(
    tmp_path: Path, label: dict[str, list[object]], shape: tuple[int, int, int] = (3, 4, 5)
) -> list[SourceFile]:
    """One series with several images at each position: element name -> its value in each repeat."""
    repeats = len(next(iter(label.values())))
    first = phantoms.slice_datasets(phantoms.numbered(shape), phantoms.geometry(shape_kji=shape), modality="MR")
    datasets = []
    for repeat in range(repeats):
        again = phantoms.slice_datasets(
            phantoms.numbered(shape) + 200 * repeat, phantoms.geometry(shape_kji=shape), modality="MR"
        )
        for k, dataset in enumerate(again):
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = first[0].StudyInstanceUID, first[0].SeriesInstanceUID
            dataset.InstanceNumber = repeat * shape[0] + k + 1
            for name, values in label.items():
                setattr(dataset, name, values[repeat])
        datasets.extend(again)
    return phantoms.source_files(phantoms.save(datasets, tmp_path))


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ({"AcquisitionNumber": [2, 10]}, ["acquisition 2", "acquisition 10"]),
        ({"TemporalPositionIdentifier": [1, 2]}, ["temporal position 1", "temporal position 2"]),
        ({"EchoTime": ["4.6", "2.3"]}, ["echo time 2.3", "echo time 4.6"]),
        ({"DiffusionBValue": [0.0, 1000.0]}, ["b-value 0.0", "b-value 1000.0"]),
        (
            {"ImageType": [["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]]},
            ["image type M", "image type P"],
        ),
        ({"AcquisitionTime": ["101500", "101730"]}, ["acquisition time 1 of 2", "acquisition time 2 of 2"]),
    ],
)
def test_repeats_are_split_by_what_names_them(label: dict[str, list[object]], names: list[str], tmp_path: Path) -> None:
    volumes, faults, _ = read(repeated(tmp_path, label))
    assert faults == []
    assert [made.name for made in volumes] == [f"Thorax, {name}" for name in names]
    for made in volumes:
        repeat = int(made.volume.voxels[0, 0, 0]) // 200
        assert np.array_equal(made.volume.voxels, phantoms.numbered((3, 4, 5)) + 200 * repeat)


def test_two_properties_together_may_name_repeats(tmp_path: Path) -> None:
    label: dict[str, list[object]] = {"EchoTime": ["2", "4", "2", "4"], "AcquisitionNumber": [1, 1, 2, 2]}
    volumes, faults, _ = read(repeated(tmp_path, label))
    assert faults == []
    assert [made.name for made in volumes] == [
        "Thorax, echo time 2, acquisition 1",
        "Thorax, echo time 2, acquisition 2",
        "Thorax, echo time 4, acquisition 1",
        "Thorax, echo time 4, acquisition 2",
    ]
    assert [int(made.volume.voxels[0, 0, 0]) // 200 for made in volumes] == [0, 2, 1, 3]


def test_unnamed_repeats_are_counted_with_a_warning(tmp_path: Path) -> None:
    volumes, faults, _ = read(repeated(tmp_path, {"SliceLocation": [0, 0, 0]}))
    assert faults == []
    assert [int(made.volume.voxels[0, 0, 0]) // 200 for made in volumes] == [0, 1, 2]
    assert all("counted by instance number" in made.warnings[0] for made in volumes)


def test_an_incomplete_last_repeat_is_kept_and_told(tmp_path: Path) -> None:
    files = repeated(tmp_path, {"AcquisitionNumber": [1, 2, 3]}, shape=(4, 3, 3))
    volumes, faults, _ = read([file for file in files if not file.name.endswith("_11.dcm")])
    assert faults == []
    assert [made.volume.geometry.shape_kji[0] for made in volumes] == [4, 4, 3]
    assert all("Volumes 3 of 3 lack some of the 4 slice positions." in made.warnings for made in volumes)


def test_repeats_that_nothing_tells_apart_are_named(tmp_path: Path) -> None:
    files = repeated(tmp_path, {"SliceLocation": [0, 0]})
    _, [fault], _ = read(files[:-1])
    assert isinstance(fault.error, AmbiguousSlicePositions)


def test_many_images_of_one_slice_are_no_volume(tmp_path: Path) -> None:
    _, [fault], _ = read(repeated(tmp_path, {"AcquisitionNumber": [1, 2, 3]}, shape=(1, 4, 4)))
    assert isinstance(fault.error, NotAVolume)
    assert "3 images" in fault.error.detail


def test_too_many_time_points_are_refused(tmp_path: Path) -> None:
    files = repeated(tmp_path, {"TemporalPositionIdentifier": list(range(1, 66))}, shape=(2, 1, 1))
    _, [fault], _ = read(files)
    assert isinstance(fault.error, TooManyVolumes)
    assert len(fault.files) == 130


# -- duplicates -------------------------------------------------------------------------------------------------------
def test_the_same_image_twice_is_told_and_left_out(tmp_path: Path) -> None:
    grid, values = phantoms.geometry(), phantoms.numbered((3, 4, 5))
    files = phantoms.write_dicom(tmp_path, values, grid)
    copy = tmp_path / "zz_copy.dcm"
    copy.write_bytes(files[0].path.read_bytes())
    [made], faults, [ignored] = read([*files, SourceFile(copy, "zz_copy.dcm")])
    assert faults == []
    assert_every_voxel_in_place(made, values, grid)
    assert (ignored.code, ignored.file.name) == (DUPLICATE, "zz_copy.dcm")
    assert "the same image in another file" in ignored.detail


def test_two_images_with_one_identity_are_named(tmp_path: Path) -> None:
    datasets = phantoms.slice_datasets(phantoms.numbered((3, 4, 5)), phantoms.geometry())
    datasets[2].SOPInstanceUID = datasets[0].SOPInstanceUID
    datasets[2].file_meta.MediaStorageSOPInstanceUID = datasets[0].SOPInstanceUID
    volumes, [fault], _ = read(phantoms.source_files(phantoms.save(datasets, tmp_path)))
    assert isinstance(fault.error, ConflictingInstances)
    assert [made.volume.geometry.shape_kji for made in volumes] == [(2, 4, 5)]


# -- multi-frame ------------------------------------------------------------------------------------------------------
def test_stacks_of_an_enhanced_object_become_volumes(tmp_path: Path) -> None:
    axial, coronal = phantoms.geometry("SPL"), phantoms.geometry("PIL")
    values = phantoms.numbered((3, 4, 5))
    dataset = phantoms.enhanced_dataset([(values, axial), (values + 100, coronal)])
    volumes, faults, _ = read(phantoms.source_files(phantoms.save([dataset], tmp_path)))
    assert faults == []
    by_plane = {made.volume.geometry.axis_letters[0]: made for made in volumes}
    assert_every_voxel_in_place(by_plane["S"], values * 2 - 10, axial)
    assert_every_voxel_in_place(by_plane["P"], (values + 100) * 2 - 10, coronal)
    assert [ref.frame_number for ref in by_plane["S"].instances] == [3, 2, 1]
    assert [ref.frame_number for ref in by_plane["P"].instances] == [6, 5, 4]


def test_frames_of_a_cine_follow_each_other(tmp_path: Path) -> None:
    frames = phantoms.numbered((6, 4, 5), np.uint8)
    dataset = phantoms.image_dataset(frames, sop_class="1.2.840.10008.5.1.4.1.1.3.1", modality="US")
    made = only_volume(phantoms.source_files(phantoms.save([dataset], tmp_path)))
    assert np.array_equal(made.volume.voxels, frames)
    assert made.volume.voxels.dtype == np.uint8
    assert made.volume.geometry.spacing_kji_mm == (1, 1, 1)
    assert [ref.frame_number for ref in made.instances] == [1, 2, 3, 4, 5, 6]
    assert any("6 frames in their order" in warning for warning in made.warnings)


# -- images without a place -------------------------------------------------------------------------------------------
def without_place(dataset: Dataset, k: int) -> None:
    del dataset.ImagePositionPatient, dataset.ImageOrientationPatient
    dataset.InstanceNumber = 10 - k


def test_a_tomographic_series_without_positions_follows_instance_numbers_with_a_warning(tmp_path: Path) -> None:
    values = phantoms.numbered((3, 4, 5))
    made = only_volume(phantoms.write_dicom(tmp_path, values, phantoms.geometry(), change=without_place))
    assert np.array_equal(made.volume.voxels, values[::-1])
    assert made.volume.geometry.spacing_kji_mm == pytest.approx((2.5, 0.75, 0.5))
    assert any("instance numbers" in warning for warning in made.warnings)


def test_radiographs_of_one_series_stand_alone(tmp_path: Path) -> None:
    files = phantoms.write_dicom(
        tmp_path,
        phantoms.numbered((2, 4, 5)),
        phantoms.geometry(shape_kji=(2, 4, 5)),
        modality="DX",
        change=without_place,
    )
    volumes, faults, _ = read(files)
    assert faults == []
    assert [made.volume.geometry.shape_kji for made in volumes] == [(1, 4, 5), (1, 4, 5)]


def test_an_orientation_that_is_none_is_named(tmp_path: Path) -> None:
    def skew(dataset: Dataset, k: int) -> None:
        dataset.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]

    volumes, faults, _ = read(
        phantoms.write_dicom(
            tmp_path, phantoms.numbered((2, 4, 5)), phantoms.geometry(shape_kji=(2, 4, 5)), change=skew
        )
    )
    assert volumes == []
    assert [fault.error.code for fault in faults] == ["invalid_image_geometry"] * 2


def test_a_mosaic_without_its_private_header_is_named(tmp_path: Path) -> None:
    def mosaic(dataset: Dataset, k: int) -> None:
        dataset.Manufacturer, dataset.ImageType = "SIEMENS", ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]

    _, [fault], _ = read(
        phantoms.write_dicom(
            tmp_path, phantoms.numbered((1, 4, 4)), phantoms.geometry(shape_kji=(1, 4, 4)), modality="MR", change=mosaic
        )
    )
    assert isinstance(fault.error, MosaicGeometryMissing)
    assert "number of its slices" in fault.error.detail
