"""The main job over HTTP on real parts: upload, click, accept, correct, restore, export, with real workers."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import nibabel as nib
import nrrd
import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from pydicom import dcmread
from typer.testing import CliRunner, Result

from backend.cli import app, asking
from backend.client import Client
from backend.domain.ids import new_id
from backend.imaging import masks, wire
from backend.imaging.phantom import LEFT_KIDNEY, LIVER, Phantom
from tests.api.conftest import TOKEN

Json = dict[str, Any]
Wait = Callable[[Json], Json]

pytestmark = pytest.mark.usefixtures("workers")


def upload(client: TestClient, project: Json, *files: tuple[str, bytes]) -> Json:
    response = client.post(
        f"/api/projects/{project['id']}/uploads", files=[("files", (name, data)) for name, data in files]
    )
    assert response.status_code == 202, response.text
    return dict(response.json())


@pytest.fixture(scope="module")
def case(client: TestClient, project: Json, phantom_zip: bytes, wait: Wait, workers: object) -> Json:
    """The phantom, uploaded as a zip of DICOM files."""
    job = wait(upload(client, project, ("phantom.zip", phantom_zip)))
    assert job["state"] == "done", job
    assert {file["outcome"] for file in job["result"]["files"]} == {"imported"}
    (series,) = job["result"]["series"]
    return dict(client.get(f"/api/cases/{series['case_id']}").json())


@pytest.fixture(scope="module")
def volume(client: TestClient, case: Json) -> Json:
    return dict(client.get(f"/api/volumes/{case['volumes'][0]['id']}").json())


def middle_of(region: NDArray[np.bool_]) -> tuple[int, int]:
    """The pixel deepest inside, (x, y)."""
    from scipy.ndimage import distance_transform_edt

    y, x = np.unravel_index(np.argmax(distance_transform_edt(region)), region.shape)
    return int(x), int(y)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def truth_on(phantom: Phantom, label: Any) -> tuple[int, NDArray[np.bool_]]:
    """The slice where an organ is largest, and its mask there."""
    mask = phantom.mask(label)
    k = int(mask.sum(axis=(1, 2)).argmax())
    return k, mask[k]


def test_geometry_and_voxels_are_the_phantoms(client: TestClient, volume: Json, phantom: Phantom) -> None:
    geometry = phantom.volume.geometry
    assert tuple(volume["shape_kji"]) == geometry.shape_kji
    np.testing.assert_allclose(volume["affine_lps"], geometry.affine_lps, atol=1e-4)
    assert volume["modality"] == "CT" and volume["source_kind"] == "dicom"
    assert volume["axis_letters"] == ["S", "P", "L"]
    for axis in range(3):
        response = client.get(f"/api/volumes/{volume['id']}/slices/{axis}/7")
        assert response.headers["content-type"] == wire.MEDIA_TYPE
        np.testing.assert_array_equal(wire.decode_slice(response.content), phantom.volume.slice_image(axis, 7))
        again = client.get(
            f"/api/volumes/{volume['id']}/slices/{axis}/7", headers={"If-None-Match": response.headers["etag"]}
        )
        assert again.status_code == 304
    assert client.get(f"/api/volumes/{volume['id']}/slices/0/20").json()["code"] == "slice_not_found"


def test_the_same_upload_twice_makes_one_volume(
    client: TestClient, project: Json, case: Json, phantom_zip: bytes, wait: Wait
) -> None:
    job = wait(upload(client, project, ("again.zip", phantom_zip)))
    assert {file["outcome"] for file in job["result"]["files"]} == {"duplicate"}
    cases = client.get(f"/api/projects/{project['id']}/cases").json()["items"]
    assert sum(found["id"] == case["id"] for found in cases) == 1
    assert len(client.get(f"/api/cases/{case['id']}").json()["volumes"]) == 1


def test_bad_files_are_named_while_the_others_get_in(client: TestClient, project: Json, wait: Wait) -> None:
    picture = io.BytesIO()
    from PIL import Image

    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 50), dtype=np.uint8)).save(picture, "PNG")
    evil = io.BytesIO()
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../../escape.png", picture.getvalue())
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.dcm", bytes(50_000_000))
    job = wait(
        upload(
            client,
            project,
            ("good.png", picture.getvalue()),
            ("empty.dcm", b""),
            ("words.txt", b"these are only words, and not an image"),
            ("cut.png", picture.getvalue()[:100]),
            ("evil.zip", evil.getvalue()),
            ("bomb.zip", bomb.getvalue()),
        )
    )
    assert job["state"] == "done"
    outcomes = {file["name"]: file for file in job["result"]["files"]}
    assert outcomes["good.png"]["outcome"] == "imported"
    refused = [file for name, file in outcomes.items() if name != "good.png"]
    assert len(refused) == 5, outcomes
    for file in refused:
        assert file["outcome"] == "rejected" and file["code"] and file["detail"], file


def test_an_upload_that_is_cut_leaves_nothing(client: TestClient, project: Json, services: Any) -> None:
    boundary = "cut"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nsome bytes'
    ).encode()
    response = client.post(
        f"/api/projects/{project['id']}/uploads",
        content=body,
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    assert (response.status_code, response.json()["code"]) == (422, "malformed_upload")
    nothing = client.post(f"/api/projects/{project['id']}/uploads", files={"other": ("a", b"b")})
    assert nothing.json()["code"] == "empty_upload"
    folder = services.objects._folder / "uploads"
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_click_accept_correct_restore(client: TestClient, project: Json, volume: Json, phantom: Phantom) -> None:
    k, truth = truth_on(phantom, LIVER)
    x, y = middle_of(truth)
    url = f"/api/volumes/{volume['id']}/predictions"
    first = client.post(url, json={"slice": k, "points": [{"x": x, "y": y}]})
    assert first.status_code == 200, first.text
    predicted = masks.decode(first.json()["mask"], truth.shape)
    assert predicted[y, x] and 0 <= first.json()["score"] <= 1
    ys, xs = np.nonzero(truth)
    boxed = client.post(
        url, json={"slice": k, "box": [int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())]}
    ).json()
    assert boxed["cached"] is True
    mask = masks.decode(boxed["mask"], truth.shape)
    assert dice(mask, truth) > 0.7

    label = project["labels"][0]
    annotation = client.post("/api/annotations", json={"volume_id": volume["id"], "label_id": label["id"]}).json()
    revisions = f"/api/annotations/{annotation['id']}/revisions"
    accepted = {
        "id": str(new_id()),
        "parent": None,
        "origin": "sam",
        "slices": [{"slice": k, "flips": boxed["mask"]}],
        "prompts": {"box": [0, 0, 5, 5]},
        "model": {"name": boxed["model"]},
    }
    assert client.post(revisions, json=accepted).status_code == 201
    assert client.post(revisions, json=accepted).status_code == 200
    brushed = np.zeros_like(truth)
    brushed[0:4, 0:4] = True
    second = {
        "id": str(new_id()),
        "parent": accepted["id"],
        "origin": "manual",
        "slices": [{"slice": k, "flips": masks.encode(brushed)}],
    }
    assert client.post(revisions, json=second).status_code == 201
    stale = client.post(revisions, json={**second, "id": str(new_id())})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_revision")
    assert stale.json()["context"]["head"] == second["id"]
    now = client.get(f"/api/annotations/{annotation['id']}/slices/{k}").json()
    np.testing.assert_array_equal(masks.decode(now["mask"]), mask ^ brushed)
    back = client.post(
        f"/api/annotations/{annotation['id']}/restore",
        json={"id": str(new_id()), "sequence": 1, "parent": second["id"]},
    )
    assert back.status_code == 201 and back.json()["origin"] == "undo"
    now = client.get(f"/api/annotations/{annotation['id']}/slices/{k}").json()
    np.testing.assert_array_equal(masks.decode(now["mask"]), mask)
    history = client.get(revisions).json()["items"]
    assert [revision["origin"] for revision in history] == ["sam", "manual", "undo"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"slice": 0, "points": []}, "invalid_prompts"),
        ({"slice": 0, "points": [{"x": 128, "y": 3}]}, "invalid_prompts"),
        ({"slice": 0, "points": [{"x": -1, "y": 3}]}, "invalid_prompts"),
        ({"slice": 0, "box": [10, 10, 5, 20]}, "invalid_prompts"),
        ({"slice": 0, "box": [0, 0, 500, 20]}, "invalid_prompts"),
        ({"slice": 0, "points": [{"x": 1, "y": 1}], "mask": {"size": [2, 2], "counts": "4"}}, "invalid_prompts"),
        ({"slice": 0, "points": [{"x": 1, "y": 1}], "around": [[1, 1]]}, "invalid_prompts"),
        ({"slice": 20, "points": [{"x": 1, "y": 1}]}, "slice_not_found"),
        ({"slice": "three"}, "invalid_request"),
    ],
)
def test_prompts_that_cannot_be(client: TestClient, volume: Json, body: Json, code: str) -> None:
    response = client.post(f"/api/volumes/{volume['id']}/predictions", json=body)
    assert response.status_code in (404, 422) and response.json()["code"] == code


def test_a_correction_changes_the_mask_where_it_is_pointed_at(
    client: TestClient, volume: Json, phantom: Phantom
) -> None:
    """Two blobs that no model would draw: the click takes away the one, and the other stays to the voxel."""
    k, truth = truth_on(phantom, LIVER)
    shown = np.zeros_like(truth)
    shown[2:6, 2:6] = shown[2:6, -6:-2] = True
    asked = {"slice": k, "points": [{"x": 3, "y": 3, "positive": False}], "mask": masks.encode(shown)}
    url = f"/api/volumes/{volume['id']}/predictions"
    answer = client.post(url, json=asked | {"around": [[3, 3]]}).json()
    expected = shown.copy()
    expected[2:6, 2:6] = False
    np.testing.assert_array_equal(masks.decode(answer["mask"], truth.shape), expected)
    outside = client.post(url, json=asked | {"around": [[3, 300]]})
    assert (outside.status_code, outside.json()["code"]) == (422, "invalid_prompts")


def test_a_model_that_is_not_there(client: TestClient, volume: Json) -> None:
    response = client.post(
        f"/api/volumes/{volume['id']}/predictions",
        json={"slice": 0, "points": [{"x": 1, "y": 1}], "model": "vit_h"},
    )
    assert (response.status_code, response.json()["code"]) == (503, "model_missing")


def test_encoding_ahead(client: TestClient, volume: Json) -> None:
    url = f"/api/volumes/{volume['id']}/encodings"
    asked = client.post(url, json={"slices": [1, 2, 3]}).json()
    assert set(asked["ready"]) | set(asked["queued"]) == {1, 2, 3}
    clicked = client.post(
        f"/api/volumes/{volume['id']}/predictions", json={"slice": 3, "points": [{"x": 64, "y": 64}]}
    ).json()
    assert clicked["mask"]["size"] == [128, 128]
    assert 3 in client.get(url).json()["ready"]


@pytest.fixture(scope="module")
def drawn_kidney(client: TestClient, project: Json, volume: Json, phantom: Phantom) -> NDArray[np.bool_]:
    """The left kidney as an annotation, of the project's second label."""
    label = project["labels"][1]
    annotation = client.post("/api/annotations", json={"volume_id": volume["id"], "label_id": label["id"]}).json()
    kidney = phantom.mask(LEFT_KIDNEY)
    slices = [{"slice": k, "flips": masks.encode(kidney[k])} for k in range(kidney.shape[0]) if kidney[k].any()]
    body = {"id": str(new_id()), "parent": None, "origin": "manual", "slices": slices}
    assert client.post(f"/api/annotations/{annotation['id']}/revisions", json=body).status_code == 201
    return kidney


def test_exports_lie_where_the_image_lies(
    client: TestClient, project: Json, case: Json, phantom: Phantom, drawn_kidney: NDArray[np.bool_]
) -> None:
    label, kidney = project["labels"][1], drawn_kidney
    exported = client.get(f"/api/cases/{case['id']}/export?format=nifti")
    assert exported.status_code == 200, exported.text
    archive = zipfile.ZipFile(io.BytesIO(exported.content))
    image_name = next(name for name in archive.namelist() if name.endswith(".nii.gz"))
    sidecar = json.loads(archive.read(next(name for name in archive.namelist() if name.endswith(".json"))))
    image = nib.Nifti1Image.from_bytes(gzip.decompress(archive.read(image_name)))
    labels = np.asarray(image.dataobj)
    indices = np.argwhere(labels == label["value"])
    assert len(indices) == kidney.sum()
    ras = nib.affines.apply_affine(image.affine, indices)
    expected = phantom.volume.geometry.position_mm(np.argwhere(kidney)) * (-1, -1, 1)
    np.testing.assert_allclose(ras[np.lexsort(ras.T)], expected[np.lexsort(expected.T)], atol=1e-3)
    assert "Left kidney" in json.dumps(sidecar)

    exported = client.get(f"/api/cases/{case['id']}/export?format=dicom-seg")
    assert exported.status_code == 200, exported.text
    seg = dcmread(io.BytesIO(exported.content))
    assert seg.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.4"
    described = {str(item.SegmentLabel): item for item in seg.SegmentSequence}
    assert "Left kidney" in described
    if "Liver" in described:
        assert described["Liver"].SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"

    exported = client.get(f"/api/cases/{case['id']}/export?format=rtstruct")
    assert exported.status_code == 200, exported.text
    structures = dcmread(io.BytesIO(exported.content))
    assert "Left kidney" in [roi.ROIName for roi in structures.StructureSetROISequence]

    exported = client.get(f"/api/cases/{case['id']}/export?format=nrrd")
    assert exported.status_code == 200, exported.text
    voxels = nrrd.read_data(header := nrrd.read_header(stream := io.BytesIO(exported.content)), stream)
    assert header["Segment0_Name"] and np.count_nonzero(voxels == label["value"]) == kidney.sum()

    for format, name in (("png", "labels.json"), ("coco", "annotations.json")):
        exported = client.get(f"/api/cases/{case['id']}/export?format={format}")
        assert exported.status_code == 200, exported.text
        archive = zipfile.ZipFile(io.BytesIO(exported.content))
        (found,) = [member for member in archive.namelist() if member.endswith(name)]
        assert "Left kidney" in archive.read(found).decode()
        assert len([member for member in archive.namelist() if member.endswith(".png")]) > 0
    assert client.get(f"/api/cases/{case['id']}/export?format=tiff").status_code == 422


@pytest.mark.usefixtures("drawn_kidney")
@pytest.mark.parametrize("format", ["nifti", "nrrd", "dicom-seg", "dicom-seg-labelmap", "rtstruct"])
def test_an_export_comes_back_as_the_masks_of_a_program(
    client: TestClient, case: Json, volume: Json, wait: Wait, format: str
) -> None:
    exported = client.get(f"/api/cases/{case['id']}/export?format={format}")
    options = json.dumps({"reader": f"via {format}"})
    sent = {"data": {"options": options}, "files": [("files", ("masks", exported.content))]}
    job = wait(client.post(f"/api/cases/{case['id']}/masks", **sent).json())
    assert job["state"] == "done", job
    (file,) = job["result"]["files"]
    assert file["outcome"] == "imported", file
    me = client.get("/api/me").json()["id"]
    readers = {
        reader["person"]["name"]: reader for reader in client.get(f"/api/cases/{case['id']}/readers").json()["items"]
    }
    assert readers[f"via {format}"]["is_program"]

    def drawn(person_id: str) -> dict[str, Json]:
        query = {"volume_id": volume["id"], "annotator_id": person_id}
        found = client.get("/api/annotations", params=query).json()["items"]
        return {a["label_id"]: client.get(f"/api/annotations/{a['id']}/masks").json()["slices"] for a in found}

    assert drawn(readers[f"via {format}"]["person"]["id"]) == {
        label: masks for label, masks in drawn(me).items() if masks
    }


def test_options_of_a_mask_import_are_checked_and_nothing_is_started(client: TestClient, case: Json) -> None:
    files = [("files", ("m.nrrd", b"NRRD0004"))]
    jobs = f"/api/jobs?project_id={case['project_id']}"
    before = client.get(jobs).json()["items"]
    for options in (
        '{"resample": "perhaps"}',
        "no json",
        '{"unknown": 1}',
        '{"targets": [{"segment": "1", "file": -1}]}',
    ):
        response = client.post(f"/api/cases/{case['id']}/masks", data={"options": options}, files=files)
        assert (response.status_code, response.json()["code"]) == (422, "bad_mask_options"), options
    assert client.post(f"/api/cases/{case['id']}/masks", files=files, data={"options": "x" * 2**21}).status_code == 422
    empty = {"files": {"options": (None, "{}")}}  # multipart, with no file
    assert client.post(f"/api/cases/{case['id']}/masks", **empty).json()["code"] == "no_masks"
    assert client.get(jobs).json()["items"] == before


@pytest.mark.usefixtures("drawn_kidney")
def test_the_command_line_takes_the_same_way(
    client: TestClient, case: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the JSON beside a label map, which carries the names."""
    exported = client.get(f"/api/cases/{case['id']}/export?format=nifti")
    zipfile.ZipFile(io.BytesIO(exported.content)).extractall(tmp_path)
    (image,) = tmp_path.glob("*.nii.gz")
    here = Client("http://testserver", TOKEN, transport=client._transport)
    monkeypatch.setattr(asking, "connected", lambda url, data_dir: nullcontext(here))

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["masks", "import", case["id"], str(image), *words])

    seen = run("--dry-run")
    assert seen.exit_code == 0 and "Left kidney" in seen.output, seen.output
    done = json.loads(run("--json", "--reader", "command").stdout)
    assert done["files"][0]["outcome"] == "imported"
    moved = nib.load(image)
    moved.affine[0, 3] += 1.0
    nib.save(nib.Nifti1Image(np.asarray(moved.dataobj), moved.affine), image)
    refused = run()
    assert refused.exit_code == 2 and "Resampling" in refused.stderr
    (told,) = json.loads(run("--json").stdout)["files"]
    assert told["problem"]["code"] == "mask_needs_resampling"


def test_nothing_to_export(client: TestClient, project: Json) -> None:
    cases = client.get(f"/api/projects/{project['id']}/cases").json()["items"]
    empty = next((found for found in cases if found["annotated_slices"] == 0), None)
    if empty is None:
        pytest.fail("the module's uploads should have left a case without a mask")
    response = client.get(f"/api/cases/{empty['id']}/export?format=nifti")
    assert (response.status_code, response.json()["code"]) == (422, "nothing_to_export")


def test_the_system_says_that_all_is_well(client: TestClient) -> None:
    status = client.get("/api/system").json()
    assert status["problems"] == [] and status["workers"]["click"] >= 1
    assert client.get("/readyz").text == "ready"
    assert "sammed_request_seconds" in client.get("/metrics").text
