"""Which series of a case masks belong to: real files of other libraries against their own images, and a case with two
series; what refers to other images is refused with the reason."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pydicom
import pytest

from backend.domain.jobs import JobState, QueueName
from backend.domain.mask_import import MaskOptions
from backend.domain.privacy import Privacy
from backend.imaging import masks
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.labels import ExportLabel
from backend.imaging.labels_nrrd import write_seg_nrrd
from backend.imaging.mask_placing import compare, place
from backend.imaging.phantom import LIVER, Phantom, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from backend.imaging.rtstruct import StructureSetAbout, write_rtstruct
from backend.imaging.seg import SegAbout, SourceSlice, write_seg
from backend.services.access import Principal
from backend.wiring import Services
from tests.dcmqi import read_with_dcmqi
from tests.series_of_one_study import first_series, second_geometry, seen_on, write_study
from tests.workers.test_mask_import import WHEN
from workers.runtime import Runtime


class Project:
    """A project of an administrator who sends files and lets a worker read them."""

    def __init__(self, services: Services, admin: Principal, privacy: Privacy, name: str) -> None:
        self._services, self._who = services, admin
        self._runtime = Runtime(services, [QueueName.IO])
        self.id = services.projects.create(admin, name, "", [], privacy).project.id

    def images(self, files: Sequence[Path]) -> dict[str, Any]:
        upload = self._services.imports.begin(self._who, self.id)
        return self._done(self._services.imports.submit(self._who, self.id, self._filled(upload, files)).id)

    def masks(self, case_id: UUID | str, *files: Path, **options: Any) -> list[dict[str, Any]]:
        case_id = UUID(str(case_id))
        upload = self._filled(self._services.mask_imports.begin(self._who, case_id), files)
        wanted = MaskOptions.model_validate({"new_labels": True, **options})
        found: list[dict[str, Any]] = self._done(
            self._services.mask_imports.submit(self._who, case_id, upload, wanted).id
        )["files"]
        return found

    def drawn(self, told: dict[str, Any]) -> dict[str, np.ndarray]:
        """Label -> [slices, rows, columns] of one's own masks on the volume of a file's outcome."""
        volume = self._services.volumes.get(self._who, UUID(told["volume_id"])).volume
        names = {label.id: label.name for label in self._services.projects.labels(self._who, self.id)}
        found = {}
        for view in self._services.annotations.mine(self._who, volume.id):
            whole = np.zeros((volume.slices, volume.rows, volume.columns), bool)
            for k, rle in self._services.annotations.drawn(self._who, view.annotation.id).by_slice.items():
                whole[k] = masks.decode(rle)
            found[names[view.annotation.label_id]] = whole
        return found

    def geometry(self, told: dict[str, Any]) -> VolumeGeometry:
        return self._services.volumes.get(self._who, UUID(told["volume_id"])).geometry

    def _filled(self, upload: Any, files: Sequence[Path]) -> Any:
        for file in files:
            upload.start(file.name)
            upload.write(file.read_bytes())
            upload.end()
        return upload

    def _done(self, job_id: UUID) -> dict[str, Any]:
        self._runtime.run_job(job_id)
        job = self._services.jobs.get(self._who, job_id)
        assert job.state == JobState.DONE and job.result is not None, job.problem
        return job.result


# -- several series ---------------------------------------------------------------------------------------------------
def exported(phantom: Phantom, files: Sequence[Path], folder: Path, name: str) -> dict[str, Path]:
    """The liver as SEG, RTSTRUCT and NRRD."""
    paths = {kind: folder / f"{name}.{kind}" for kind in ("seg", "rt", "nrrd")}
    sources, geometry = [SourceSlice(file) for file in files], phantom.volume.geometry
    write_seg(paths["seg"], sources, geometry, [LIVER], phantom.mask, SegAbout(WHEN, "9"))
    write_rtstruct(paths["rt"], sources, geometry, [LIVER], phantom.mask, StructureSetAbout(WHEN, "9"))
    write_seg_nrrd(paths["nrrd"], geometry, [LIVER], phantom.mask)
    return paths


@pytest.mark.parametrize("privacy", [Privacy.RETAIN_UIDS, Privacy.FULL])
def test_the_series_is_the_one_that_a_file_was_drawn_on(
    services: Services, admin: Principal, tmp_path: Path, privacy: Privacy
) -> None:
    """Of a case with two, by references that the project knows under other UIDs; a NRRD by its grid."""
    first = first_series()
    second = seen_on(first, second_geometry(first.volume.geometry))
    files = write_study(tmp_path)
    by_series = {
        "first": exported(first, [file for file in files if "pet_" not in file.name], tmp_path, "first"),
        "second": exported(second, [file for file in files if "pet_" in file.name], tmp_path, "second"),
    }
    project = Project(services, admin, privacy, f"Two series {privacy}")
    volumes = {series["modality"]: series for series in project.images(files)["series"]}
    assert volumes["CT"]["case_id"] == volumes["PT"]["case_id"]
    case_id = volumes["CT"]["case_id"]
    for name, modality, phantom in (("first", "CT", first), ("second", "PT", second)):
        for path in by_series[name].values():
            (told,) = project.masks(case_id, path, replace=True)
            assert (told["outcome"], told["volume_id"]) == ("imported", volumes[modality]["volume_id"]), told
            fit = compare(phantom.volume.geometry, project.geometry(told))
            assert fit.is_exact
            np.testing.assert_array_equal(project.drawn(told)["Liver"], place(phantom.mask(LIVER), fit)[0])

    for kind in ("seg", "rt"):
        (told,) = project.masks(case_id, by_series["first"][kind], volume_id=volumes["PT"]["volume_id"], dry_run=True)
        if kind == "seg":
            assert told["differs"] == ["series"] and "another series of the case: " in told["needs"][0]["detail"]
        else:
            assert told["problem"]["code"] == "contours_across_slices"

    other = pydicom.dcmread(by_series["first"]["seg"])
    for series in other.ReferencedSeriesSequence:
        series.SeriesInstanceUID = "1.2.3"
        for image in series.ReferencedInstanceSequence:
            image.ReferencedSOPInstanceUID = "1.2.3.4"
    other.save_as(tmp_path / "other.seg")
    (told,) = project.masks(case_id, tmp_path / "other.seg")
    assert told["problem"]["code"] == "mask_of_another_patient"
    assert (
        "in no series of the case" in told["problem"]["detail"]
        and volumes["PT"]["volume_id"] in told["problem"]["hint"]
    )
    grid = first.volume.geometry
    cropped = VolumeGeometry(grid.affine_lps, (grid.shape_kji[0], 64, 64))
    write_seg_nrrd(tmp_path / "cropped.nrrd", cropped, [LIVER], lambda label: first.mask(label)[:, :64, :64])
    (told,) = project.masks(case_id, tmp_path / "cropped.nrrd")
    assert told["problem"]["code"] == "no_import_target" and volumes["PT"]["volume_id"] in told["problem"]["hint"]


def test_masks_of_another_case_of_the_project_lead_there(services: Services, admin: Principal, tmp_path: Path) -> None:
    project = Project(services, admin, Privacy.FULL, "Two cases")
    phantoms = [abdominal_phantom((6, 32, 36), (32.0, 12.0, 11.0), seed=seed) for seed in (1, 2)]
    series = [write_dicom_series(phantom, tmp_path / str(n)) for n, phantom in enumerate(phantoms)]
    cases = [project.images(files)["series"][0]["case_id"] for files in series]
    paths = exported(phantoms[1], series[1], tmp_path, "second")
    for kind in ("seg", "rt"):
        (told,) = project.masks(cases[0], paths[kind])
        assert told["problem"]["context"] == {"case_id": cases[1]} and "another case" in told["problem"]["detail"]
        (told,) = project.masks(cases[1], paths[kind], dry_run=True)
        assert told["needs"] == []


def test_masks_of_a_picture_without_a_place_lie_on_the_image_that_they_name(
    services: Services, admin: Principal, tmp_path: Path
) -> None:
    """A radiograph or an ultrasound picture: our own export of it comes back, under pseudonyms, too."""
    project = Project(services, admin, Privacy.FULL, "Without a place")
    picture = Path(pydicom.data.get_testdata_file("SC_rgb_small_odd.dcm"))  # type: ignore[arg-type]
    mask = np.zeros((1, 3, 3), bool)
    mask[0, 1, 2] = mask[0, 2, 0] = True
    label, grid = ExportLabel("Spot", 1, "#ff0000"), VolumeGeometry.without_patient((1, 3, 3))
    case_id = project.images([picture])["series"][0]["case_id"]
    for as_label_map in (False, True):
        path = tmp_path / f"{as_label_map}.dcm"
        write_seg(
            path, [SourceSlice(picture)], grid, [label], lambda _: mask, SegAbout(WHEN, "9"), as_label_map=as_label_map
        )
        (told,) = project.masks(case_id, path, replace=True)
        assert told["outcome"] == "imported", told["problem"]["detail"]
        np.testing.assert_array_equal(project.drawn(told)["Spot"], mask)
    other = pydicom.dcmread(path)
    other.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[
        0
    ].ReferencedSOPInstanceUID = "1.2.3"
    other.save_as(path)
    (told,) = project.masks(case_id, path)
    assert told["problem"]["code"] == "not_a_mask_file" and "no image of this volume" in told["problem"]["detail"]


# -- files of other libraries -----------------------------------------------------------------------------------------
FILES: dict[str, dict[str, dict[str, int] | str]] = {
    "rtutils_mock_ct": {
        "rt.dcm": {"ROI-1": 1443},  # in a frame of reference that rt-utils invented; it rounds to pixels first: 1660
        "invalid_reference_rt.dcm": "mask_reaches_outside",  # its third slice is not there
        "non_existent_reference_rt.dcm": "mask_reaches_outside",
    },
    "dcmqi_ct_3slice": {
        "liver.dcm": {"Liver": 107098},
        "partial_overlaps.dcm": {
            "GREEN": 9602,
            "ORANGE": 11888,
            "PURPLE": 10743,
            "LIGHT_BLUE": 6693,
            "DARK_BLUE": 4713,
        },
        "sparse-labelmap-noppv.dcm": "mask_of_another_patient",
        "sparse-labelmap-ppv5.dcm": "mask_of_another_patient",
    },
    "dcmqi_23x38x3_multiframe": {"label.seg": {"Liver": 322}},
    "highdicom_test_files": {
        "seg_image_ct_binary_single_frame.dcm": {"first segment": 1832},
        "seg_image_ct_binary.dcm": "mask_of_another_patient",
        "seg_image_ct_binary_fractional.dcm": "mask_of_another_patient",
        "seg_image_ct_true_fractional.dcm": "mask_of_another_patient",
        "seg_image_ct_binary_overlap.dcm": "mask_of_another_patient",
        "seg_image_cr_binary.dcm": "not_a_mask_file",
        "seg_image_sm_control.dcm": "not_a_mask_file",
        "seg_image_sm_control_labelmap.dcm": "not_a_mask_file",
        "seg_image_sm_control_labelmap_palette_color.dcm": "not_a_mask_file",
        "seg_image_sm_dots.dcm": "not_a_mask_file",
        "seg_image_sm_dots_tiled_full.dcm": "not_a_mask_file",
        "seg_image_sm_numbers.dcm": "not_a_mask_file",
    },
}
"""Every SEG and RTSTRUCT of the real files: the voxels of its segments, or why it is refused. highdicom's come without
the images that they were drawn on, but one."""


@pytest.mark.parametrize("archive", FILES)
def test_every_real_file_of_masks_comes_in_or_is_refused_with_the_reason(
    archive: str, services: Services, admin: Principal, shared_data: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(shared_data / "data" / "dicom" / f"{archive}.zip") as packed:
        packed.extractall(tmp_path)
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    found = {path.name: path for path in files if _is_masks(path)}
    assert set(found) == set(FILES[archive]), "a file of masks has no row in the table"
    images = [path for path in files if path.name not in found and path.suffix == ".dcm"]
    project = Project(services, admin, Privacy.FULL, f"Masks of {archive}")
    series = project.images(images)["series"]
    case_id = next(one["case_id"] for one in series if one["modality"] == "CT")
    for name, expected in FILES[archive].items():
        (told,) = project.masks(case_id, found[name], replace=True)
        if isinstance(expected, str):
            assert told["problem"]["code"] == expected, told
            continue
        assert told["outcome"] == "imported", told
        drawn = project.drawn(told)
        assert {label: int(drawn[label].sum()) for label in expected} == expected
        if sys.platform == "linux" and pydicom.dcmread(found[name]).Modality == "SEG":
            by_dcmqi = {said["SegmentLabel"]: mask for said, _, mask in read_with_dcmqi(found[name], tmp_path / "read")}
            assert {label: int(mask.sum()) for label, mask in by_dcmqi.items()} == expected


def _is_masks(path: Path) -> bool:
    try:
        return str(pydicom.dcmread(path, stop_before_pixels=True).Modality) in ("SEG", "RTSTRUCT")
    except (pydicom.errors.InvalidDicomError, AttributeError):
        return False
