"""Real DICOM of many makers: every archive of `data/dicom` with the outcome that it must have, and agreement with
conversions by independent programs (dcm2niix, MIRP) where they exist.

Needs the folder with real data (`SAMMED_SHARED`); a test fails when an archive has no row in the table.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from backend.imaging.archive import ArchiveLimits
from backend.imaging.importing import ImportedVolume, Outcome, SourceKind, read_uploads
from backend.imaging.outcomes import Fault, Ignored, SourceFile

AFFINE_TOLERANCE = 2e-2
"""How far an entry of our affine may be from the reference's, in mm or mm per voxel."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Expected:
    """What one archive must give: shapes of its volumes in order, codes of its faults, ignored files, warnings.

    `references` name the conversions to agree with: file ending -> volumes in the order of the reference's fourth axis.
    `own_scale` is the one whose values are ours times a constant.
    """

    shapes: list[Shape]
    faults: list[str] = field(default_factory=list)
    ignored: int = 0
    warning: str | None = None
    dtype: str = "int16"
    references: dict[str, list[int]] = field(default_factory=lambda: {"reference": [0]})
    affine_agrees: bool = True
    own_scale: str = ""


NO_REFERENCE: dict[str, list[int]] = {}
CODECS = [
    "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2",
    "DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99",
    "JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90",
    "JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80",
    "JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70",
    "JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57",
    "LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1",
    "LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2",
    "RLELosslessTransferSyntax_1.2.840.10008.1.2.5",
]
"""Lossless encodings of one CT slice: the voxels must be the same."""

LOSSY_CODECS = {
    "JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91": 12,
    "JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81": 12,
    "JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51": 60,
    "JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53": 60,
    "JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55": 60,
    "JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50": 200,
}
"""Lossy encodings of it -> the root mean square error, in HU, that its quality allows."""

OUTCOMES: dict[str, Expected] = {
    "brain_mr_Study1_13_HCropVolume": Expected([(32, 51, 35)]),
    "ct_one_slice_14_transfer_syntaxes": Expected(
        [(2, 512, 512), (1, 555, 800), (1, 600, 800)],
        faults=["not_a_volume"],
        ignored=10,
        references=NO_REFERENCE,
        dtype="int16 uint8",
    ),
    "ct_philips_scout_S1000": Expected([(1, 256, 512)], ignored=1),
    "d2n_compressed_j2k": Expected([(4, 256, 256)]),
    "d2n_compressed_jpeg": Expected([(4, 256, 256)]),
    "d2n_compressed_jpll": Expected([(4, 256, 256)]),
    "d2n_compressed_rle": Expected([(4, 256, 256)]),
    # The reference drops the shear and shortens the step to the distance of the planes; ours keeps the true affine.
    "d2n_gantry_tilt_4slices": Expected(
        [(4, 512, 512)], warning="14.0 degrees", references={"dcm2niix0": [0]}, affine_agrees=False
    ),
    "d2n_ge_anatomical_implicit": Expected([(4, 256, 256)]),
    "d2n_generic_non_isotropic": Expected([(4, 28, 64)], dtype="float32"),
    "d2n_hitachi_anatomical": Expected([(4, 64, 64)]),
    "d2n_hyperfine": Expected([(8, 138, 112)]),
    "d2n_missing_slices_sliceincrement_001": Expected([], faults=["irregular_slice_spacing"], references=NO_REFERENCE),
    "d2n_not_a_volume": Expected([], faults=["not_a_volume"], references=NO_REFERENCE),
    "d2n_philips_anatomical": Expected([(4, 240, 240)]),
    "d2n_rgb": Expected([(4, 77, 52)], dtype="uint8"),
    "d2n_siemens_dti_classic": Expected([(4, 192, 192)] * 2, references={"reference": [0, 1]}),
    "d2n_siemens_multiframe": Expected([(8, 256, 256)]),
    "d2n_slice_orientation_mixed": Expected(
        [(2, 288, 288), (2, 288, 288)], references={"dcm2niix0": [0], "dcm2niix1": [1]}
    ),
    "dcmqi_23x38x3_multiframe": Expected(
        [(3, 38, 23), (3, 38, 23), (1, 1155, 1916), (1, 785, 879)],
        ignored=1,
        dtype="int16 uint8",
        references=NO_REFERENCE,
    ),
    "dcmqi_ct_3slice": Expected([(3, 512, 512)], ignored=4),
    # dcm2niix applies the maker's private scale to the magnitudes; ours are rescaled as the standard says.
    "enhanced_philips_IM_0027_fMAP": Expected(
        [(32, 64, 64)] * 2, dtype="float32", references={"dcm2niix0": [1], "dcm2niix1": [0]}, own_scale="dcm2niix0"
    ),
    "ge_epi_axial_mr0004": Expected(
        [(15, 64, 64)] * 10, warning="counted by instance number", references={"reference": list(range(10))}
    ),
    "highdicom_test_files": Expected(
        [(1, 128, 128), (1, 169, 211), (1, 80, 80), (1, 16, 32)],
        faults=["unknown_file_type"] + ["unsupported_dicom_object"] * 8,
        ignored=15,
        dtype="int16 uint8",
        warning="MONOCHROME1",
        references=NO_REFERENCE,
    ),
    "ibsi_STS_001_CT": Expected([(59, 202, 198)], ignored=1),
    "rtutils_mock_ct": Expected([(2, 512, 512)], ignored=3, references=NO_REFERENCE),
    # Three files with a study of their own each: three volumes of one slice.
    "rtutils_oriented": Expected(
        [(1, 50, 100)] * 3, dtype="float32", warning="1 mm is assumed", references=NO_REFERENCE
    ),
    "siemens_mosaic_ax_asc35": Expected([(35, 64, 64)] * 2, references={"reference": [0, 1]}),
    "siemens_mosaic_cor_asc35": Expected([(35, 64, 64)] * 2, references={"reference": [0, 1]}),
    "siemens_mosaic_nih_peAP": Expected([(5, 72, 72)] * 2, references={"reference": [0, 1]}),
    "siemens_mosaic_sag_asc35": Expected([(35, 64, 64)] * 2, references={"reference": [0, 1]}),
    "single_ct1_jpeg_lossless": Expected([(1, 512, 512)], references=NO_REFERENCE),
    "single_mono1_cr_chest": Expected([(1, 440, 440)], warning="mirrored (v to 1023 - v)", references=NO_REFERENCE),
    "single_multiframe_test1": Expected(
        [(16, 256, 256)], dtype="uint8", warning="16 frames in their order", references=NO_REFERENCE
    ),
    "single_us1_j2k_lossy": Expected([(1, 480, 640)], dtype="uint8", references=NO_REFERENCE),
    "single_us_rgb_epicard": Expected([(1, 480, 640)], dtype="uint8", references=NO_REFERENCE),
}


@pytest.fixture(scope="session")
def dicom_folder(shared_data: Path) -> Path:
    return shared_data / "data" / "dicom"


@pytest.fixture(scope="module")
def imported() -> dict[str, list[Outcome]]:
    """Outcomes of the archives that were read so far, so that each is read once."""
    return {}


def outcomes_of(name: str, folder: Path, imported: dict[str, list[Outcome]]) -> list[Outcome]:
    if name not in imported:
        with tempfile.TemporaryDirectory() as workspace:
            upload = SourceFile(folder / f"{name}.zip", f"{name}.zip")
            imported[name] = list(read_uploads([upload], Path(workspace), limits=ArchiveLimits()))
    return imported[name]


def volumes_of(outcomes: list[Outcome]) -> list[ImportedVolume]:
    return [outcome for outcome in outcomes if isinstance(outcome, ImportedVolume)]


def test_the_table_names_every_archive(dicom_folder: Path) -> None:
    assert sorted(path.stem for path in dicom_folder.glob("*.zip")) == sorted(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(name: str, dicom_folder: Path, imported: dict[str, list[Outcome]]) -> None:
    expected, outcomes = OUTCOMES[name], outcomes_of(name, dicom_folder, imported)
    volumes = volumes_of(outcomes)
    assert [one.volume.geometry.shape_kji for one in volumes] == expected.shapes
    assert sorted(o.error.code for o in outcomes if isinstance(o, Fault)) == sorted(expected.faults)
    assert sum(isinstance(o, Ignored) for o in outcomes) == expected.ignored
    assert {str(one.volume.voxels.dtype) for one in volumes} <= set(expected.dtype.split())
    warnings = [warning for one in volumes for warning in one.warnings]
    assert expected.warning is None or any(expected.warning in warning for warning in warnings)
    for one in volumes:
        assert one.volume.geometry.is_right_handed
        if one.kind is SourceKind.DICOM:
            assert [ref.slice_index for ref in one.instances] == list(range(one.volume.geometry.shape_kji[0]))


@pytest.mark.parametrize("name", [name for name, row in OUTCOMES.items() if row.references])
def test_agreement_with_an_independent_conversion(
    name: str, dicom_folder: Path, imported: dict[str, list[Outcome]]
) -> None:
    """Each voxel of the reference is the voxel of ours that lies at its position, and the affines agree."""
    expected = OUTCOMES[name]
    volumes = volumes_of(outcomes_of(name, dicom_folder, imported))
    for ending, order in expected.references.items():
        reference = nib.load(dicom_folder / f"{name}.{ending}.nii.gz")
        array = np.asarray(reference.dataobj)
        if array.dtype.names is not None:
            array = np.stack([array[channel] for channel in "RGB"], axis=-1)
        for time, index in enumerate(order):
            ours = volumes[index].volume
            theirs = array[..., time] if array.ndim == 4 and ours.channels == 1 else array
            to_ours, distance_mm = in_our_order(np.asarray(reference.affine), theirs.shape[:3], ours.geometry)
            placed = to_ours(theirs)
            assert placed.shape == ours.voxels.shape
            if ending == expected.own_scale:
                placed = placed * (float(np.abs(ours.voxels).max()) / float(np.abs(placed).max()))
            if ours.voxels.dtype == np.float32:
                assert np.allclose(placed, ours.voxels, rtol=1e-5, atol=1e-5 * float(np.abs(ours.voxels).max()))
            else:
                assert np.array_equal(placed, ours.voxels)
            if expected.affine_agrees:
                assert distance_mm < AFFINE_TOLERANCE


def in_our_order(affine_ras: np.ndarray, shape: tuple[int, ...], ours):  # type: ignore[no-untyped-def]
    """What turns the reference's array into our axis order, from the two affines alone, and how far, per entry, the
    reference's affine is from ours after that."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_ras
    cosines = np.abs(ours.directions_kji.T @ (lps[:3, :3] / np.linalg.norm(lps[:3, :3], axis=0)))
    order = [int(row.argmax()) for row in cosines]
    assert sorted(order) == [0, 1, 2]
    steps, origin = lps[:3, order].copy(), lps[:3, 3].copy()
    flips = []
    for axis in range(3):
        if steps[:, axis] @ ours.affine_lps[:3, axis] < 0:
            origin += (shape[order[axis]] - 1) * steps[:, axis]
            steps[:, axis] *= -1
            flips.append(axis)
    difference = np.abs(np.column_stack([steps, origin]) - ours.affine_lps[:3]).max()
    return lambda array: np.flip(np.transpose(array, (*order, *range(3, array.ndim))), flips), difference


def test_tilted_gantry_positions_are_those_of_the_headers(
    dicom_folder: Path, imported: dict[str, list[Outcome]]
) -> None:
    [made] = volumes_of(outcomes_of("d2n_gantry_tilt_4slices", dicom_folder, imported))
    corners = made.volume.geometry.position_mm([[k, 0, 0] for k in range(4)])
    expected = [[-106.791015625, -256.61886606561, z] for z in (-61.951915066986, -56.951915, -51.951915, -46.951915)]
    assert np.abs(corners - expected).max() < 1e-3


# -- one slice in many encodings --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def slices(dicom_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("codecs")
    with zipfile.ZipFile(dicom_folder / "ct_one_slice_14_transfer_syntaxes.zip") as archive:
        archive.extractall(folder)
    return folder


def decoded(path: Path, tmp_path: Path) -> np.ndarray:
    [made] = volumes_of(list(read_uploads([SourceFile(path, path.name)], tmp_path, limits=ArchiveLimits())))
    return made.volume.voxels


@pytest.mark.parametrize("codec", CODECS)
def test_lossless_encodings_give_the_same_voxels(codec: str, slices: Path, tmp_path: Path) -> None:
    plain = decoded(slices / "CTImage.dcm", tmp_path)
    voxels = decoded(slices / f"CTImage.dcm_{codec}.dcm", tmp_path)
    assert voxels.dtype == plain.dtype == np.int16
    assert np.array_equal(voxels, plain)


@pytest.mark.parametrize(("codec", "error_hu"), LOSSY_CODECS.items())
def test_lossy_encodings_come_close(codec: str, error_hu: float, slices: Path, tmp_path: Path) -> None:
    plain = decoded(slices / "CTImage.dcm", tmp_path).astype(float)
    voxels = decoded(slices / f"CTImage.dcm_{codec}.dcm", tmp_path)
    assert np.sqrt(((voxels - plain) ** 2).mean()) < error_hu
