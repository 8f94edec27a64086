"""From the printed address to an exported segmentation, in a real browser, with real parts and, where there is one, a
real CT: what somebody does in the first half hour."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from highdicom.seg import segread
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Download, Page, expect
from scipy.ndimage import distance_transform_edt

from backend.imaging.geometry import VolumeGeometry
from backend.imaging.phantom import LIVER, abdominal_phantom
from backend.imaging.phantom_files import write_dicom_series
from tests.e2e.annotating import AnnotatePage
from tests.operations.installation import Installation

pytestmark = pytest.mark.e2e

PASSWORD = "a long enough password"


@dataclass(frozen=True)
class Target:
    """A series to upload, and the true mask [slices, rows, columns] of something on it."""

    upload: Path
    truth: NDArray[np.bool_]
    geometry: VolumeGeometry

    @property
    def best_slice(self) -> int:
        return int(self.truth.sum(axis=(1, 2)).argmax())

    def middle(self, k: int) -> tuple[int, int]:
        """The pixel deepest inside on a slice, (i, j)."""
        depth = distance_transform_edt(np.pad(self.truth[k], 1))[1:-1, 1:-1]
        j, i = np.unravel_index(np.argmax(depth), depth.shape)
        return int(i), int(j)

    def box(self, k: int) -> tuple[int, int, int, int]:
        rows, columns = np.nonzero(self.truth[k])
        return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def real_series(shared: Path) -> Target:
    """A CT with a soft-tissue sarcoma and its contour by a radiologist."""
    folder = shared / "data" / "dicom"
    mask = nib.nifti1.load(folder / "ibsi_STS_001_CT.mask.nii.gz")
    image = nib.nifti1.load(folder / "ibsi_STS_001_CT.reference.nii.gz")
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    truth = np.asarray(mask.dataobj) > 0  # [i, j, k] of the file
    for axis, lps_axis in ((0, 0), (1, 1), (2, 2)):  # rows to the back, columns to the left, slices upwards
        if to_lps[lps_axis, axis] < 0:
            truth = np.flip(truth, axis)
            to_lps[:3, 3] += to_lps[:3, axis] * (truth.shape[axis] - 1)
            to_lps[:3, axis] *= -1
    geometry = VolumeGeometry.from_axes(
        origin_mm=to_lps[:3, 3],
        step_k_mm=to_lps[:3, 2],
        step_j_mm=to_lps[:3, 1],
        step_i_mm=to_lps[:3, 0],
        shape_kji=truth.shape[::-1],
    )
    return Target(folder / "ibsi_STS_001_CT.zip", np.ascontiguousarray(truth.transpose(2, 1, 0)), geometry)


def generated_series(folder: Path) -> Target:
    phantom = abdominal_phantom((24, 192, 192), (10.0, 2.0, 2.0))
    files = write_dicom_series(phantom, folder / "series")
    packed = folder / "phantom.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in files:
            archive.write(file, f"phantom/{file.name}")
    return Target(packed, phantom.mask(LIVER), phantom.volume.geometry)


@pytest.fixture(scope="module", params=["real", "generated"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Target:
    if request.param == "real":
        return real_series(request.getfixturevalue("shared_data"))
    return generated_series(tmp_path_factory.mktemp("phantom"))


@pytest.fixture(scope="module")
def companions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A NIfTI file, a picture, and a file that is neither."""
    folder = tmp_path_factory.mktemp("companions")
    rng = np.random.default_rng(0)
    nib.nifti1.save(
        nib.nifti1.Nifti1Image(rng.integers(0, 900, (40, 48, 12)).astype(np.int16), np.eye(4)), folder / "head.nii.gz"
    )
    Image.fromarray(rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(folder / "skin.png")
    (folder / "notes.txt").write_text("This is not an image, and the page has to say so.")
    return sorted(folder.iterdir())


def sign_in(page: Page, installation: Installation) -> None:
    """By the printed one-time address the first time, by password afterwards."""
    page.goto("/login")
    if not (installation.data_dir / "signed-in").exists():
        page.goto(installation.login_url)
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("Once more").fill(PASSWORD)
        page.get_by_role("button", name="Save and continue").click()
        (installation.data_dir / "signed-in").touch()
    else:
        page.get_by_label("E-mail").fill("admin@localhost")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()


def create_project(page: Page, name: str) -> None:
    page.get_by_role("button", name="New project").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill(name)
    catalogue = dialog.get_by_placeholder("Liver, kidney, tumour …")
    catalogue.fill("liver")
    catalogue.press("Enter")
    dialog.get_by_role("button", name="Own label").click()
    dialog.get_by_label("Label name").last.fill("Something else")
    dialog.get_by_label("Patients in the images").select_option("none")  # files keep their names
    dialog.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def upload(page: Page, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload").first.click()
        page.get_by_role("menuitem", name="Files …").click()
    chooser.value.set_files([str(file) for file in files])


def content(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


def export(page: Page, case_row: str, item: str) -> Download:
    row = page.get_by_role("row").filter(has_text=case_row)
    row.get_by_role("button", name="More for").click()
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("menuitem", name=item, exact=True).click()
    return download.value


@pytest.fixture
def no_learning(installation: Installation) -> Iterator[None]:
    """Nothing is learned by itself meanwhile: a training on the same two cores would hold the clicks up."""
    with installation.client() as client:
        client.patch("/api/me", json={"auto_learn": False}).raise_for_status()
        yield
        client.patch("/api/me", json={"auto_learn": True}).raise_for_status()


@pytest.mark.usefixtures("no_learning")
def test_the_first_half_hour(
    page: Page,
    installation: Installation,
    target: Target,
    companions: list[Path],
    screenshots: Path,
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.params["target"]
    sign_in(page, installation)
    page.screenshot(path=screenshots / f"{kind}-1-projects.png")
    create_project(page, f"Outcome, {kind}")

    # a real series, a NIfTI file, a picture, and something that is none
    upload(page, target.upload, *companions)
    rejected = page.get_by_text("notes.txt")
    expect(rejected.first).to_be_visible(timeout=60_000)
    page.screenshot(path=screenshots / f"{kind}-2-uploaded.png")
    for name in ("head", "skin"):
        expect(page.get_by_role("table").get_by_role("link", name=name)).to_be_visible(timeout=30_000)
    case_link = page.get_by_role("row").filter(has_text="CT").get_by_role("link").first
    case_name = case_link.inner_text()
    project_url = page.url

    # click on the thing, see its mask, correct it, accept
    case_link.click()
    annotate = AnnotatePage(page)
    annotate.wait_until_ready()
    k = target.best_slice
    annotate.go_to_slice(k + 1)
    annotate.wait_until_ready()
    i, j = target.middle(k)
    annotate.click_voxel(i, j)
    annotate.wait_for_proposal()
    page.screenshot(path=screenshots / f"{kind}-3-proposal.png")
    i0, j0, _, _ = target.box(k)
    annotate.click_voxel(max(0, i0 - 8), max(0, j0 - 8), positive=False)
    annotate.wait_for_proposal()
    annotate.accept()
    annotate.wait_until_saved()
    first = annotate.millilitres("Liver")
    assert "ml" in first

    # the brush adds, and undo takes it away again
    page.keyboard.press("b")
    x, y = annotate.screen_of(i0 + 3, j0 + 3)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=8)
    page.mouse.up()
    annotate.wait_until_saved()
    page.screenshot(path=screenshots / f"{kind}-4-brushed.png")
    brushed = annotate.millilitres("Liver")
    assert brushed != first
    page.keyboard.press("Control+z")
    expect(annotate.labels.locator(".label-volume").first).to_have_text(first)
    annotate.wait_until_saved()

    # the next slice, by a box
    towards = 1 if target.truth[k + 1].any() else -1
    annotate.go_to_slice(k + 1 + towards)
    annotate.wait_until_ready()
    page.get_by_role("button", name="Box").click()
    annotate.box_voxels(*target.box(k + towards))
    annotate.wait_for_proposal()
    annotate.accept()
    annotate.wait_until_saved()
    both = annotate.millilitres("Liver")
    assert both != first

    # everything is still there after a reload
    page.reload()
    annotate.wait_until_ready()
    expect(annotate.labels.locator(".label-volume").first).to_have_text(both)
    page.screenshot(path=screenshots / f"{kind}-5-reloaded.png")

    # and other programs see it in the right place
    page.goto(project_url)
    nifti = content(export(page, case_name, "Export NIfTI masks"))
    archive = zipfile.ZipFile(io.BytesIO(nifti))
    name = next(name for name in archive.namelist() if name.endswith(".nii.gz"))
    image = nib.nifti1.Nifti1Image.from_bytes(gzip.decompress(archive.read(name)))
    drawn_ijk = np.argwhere(np.asarray(image.dataobj) == 1)
    drawn_lps = nib.affines.apply_affine(image.affine, drawn_ijk) * (-1, -1, 1)
    index = np.rint(target.geometry.index_kji(drawn_lps)).astype(int)
    np.testing.assert_allclose(target.geometry.position_mm(index), drawn_lps, atol=0.05)
    assert set(index[:, 0]) == {k, k + towards}
    on_box = np.zeros(target.truth.shape[1:], dtype=np.bool_)
    rows = index[index[:, 0] == k + towards]
    on_box[rows[:, 1], rows[:, 2]] = True
    truth = target.truth[k + towards]
    overlap = 2 * (on_box & truth).sum() / (on_box.sum() + truth.sum())
    assert overlap > 0.6, f"the box's mask has a Dice of {overlap:.2f}"

    seg = segread(io.BytesIO(content(export(page, case_name, "Export DICOM SEG"))))
    assert [segment.SegmentLabel for segment in seg.SegmentSequence] == ["Liver"]
    volume = seg.get_volume(combine_segments=True)
    seg_kji = np.argwhere(volume.array > 0)
    seg_lps = volume.map_indices_to_reference(seg_kji)
    seg_index = np.rint(target.geometry.index_kji(seg_lps)).astype(int)
    assert {tuple(v) for v in seg_index} == {tuple(v) for v in index}
