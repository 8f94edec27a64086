"""DICOMweb in process: what is refused and how, matching, and which project is meant."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from fastapi.testclient import TestClient
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from sqlalchemy import select

from backend.db.tables import DicomInstance, Job
from backend.wiring import Services

STUDY = "1.2.826.0.1.3680043.9.1"


def encoded(sop_uid: str, *, study: str = STUDY, **attributes: Any) -> bytes:
    """A little CT image in the file format."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, sop_uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Müller^Ärmel", "P1", "CT"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.StudyDate, dataset.StudyTime, dataset.InstanceNumber = "20240315", "101530.5", 1
    dataset.Rows = dataset.Columns = 4
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelData = bytes(range(32))
    for name, value in attributes.items():
        setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def body(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    head = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + part + b"\r\n" for part in parts) + end


@pytest.fixture(scope="module")
def base(client: TestClient) -> str:
    made = client.post("/api/projects", json={"name": "DICOMweb", "privacy": "none"}).json()
    return f"/dicom-web/projects/{made['id']}"


def post(client: TestClient, url: str, content: bytes, kind: str | None = None) -> Any:
    kind = kind or 'multipart/related; type="application/dicom"; boundary=b'
    return client.post(url, content=content, headers={"Content-Type": kind})


def uids(response: Any) -> set[str]:
    assert response.status_code == 200, response.text
    return {item["00080018"]["Value"][0] for item in response.json()}


def test_each_instance_has_an_outcome(client: TestClient, base: str, services: Services) -> None:
    good, other, study = encoded(f"{STUDY}.1.1"), encoded(f"{STUDY}.1.2"), "1.2.826.0.1.3680043.9.2"
    stored = post(client, f"{base}/studies", body(good))
    assert stored.status_code == 200 and stored.headers["content-type"] == "application/dicom+json"
    [reference] = stored.json()["00081199"]["Value"]
    assert reference["00081190"]["Value"][0].endswith(f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1")
    again = post(client, f"{base}/studies", good, "application/dicom")
    assert again.status_code == 200, "storing the same again is no failure"
    changed = encoded(f"{STUDY}.1.1", InstanceNumber=9)
    mixed = post(client, f"{base}/studies/{STUDY}", body(other, b"no DICOM", encoded("1.9", study=study), changed))
    assert mixed.status_code == 202
    reasons = [item["00081197"]["Value"][0] for item in mixed.json()["00081198"]["Value"]]
    assert sorted(reasons) == [0x0111, 0xA900]
    assert [item["00081197"]["Value"][0] for item in mixed.json()["0008119A"]["Value"]] == [0xC000]
    assert post(client, f"{base}/studies", body(b"no DICOM")).status_code == 409
    assert uids(client.get(f"{base}/instances")) == {f"{STUDY}.1.1", f"{STUDY}.1.2"}
    with services.db.begin() as session:
        jobs = [job for job in session.scalars(select(Job)) if job.payload.get("study_uid") == STUDY]
    assert len(jobs) == 1, "one import reads what several requests brought"


@pytest.mark.parametrize("privacy", ["retain-uids", "full"])
def test_attributes_that_the_policy_replaces_are_a_warning(client: TestClient, privacy: str) -> None:
    """202 and B000 of PS3.18, with the address at which the instance is found."""
    made = client.post("/api/projects", json={"name": f"Replaced {privacy}", "privacy": privacy}).json()
    stored = post(client, f"/dicom-web/projects/{made['id']}/studies", body(encoded(f"{STUDY}.1.1")))
    assert stored.status_code == 202 and "00081198" not in stored.json()
    [reference] = stored.json()["00081199"]["Value"]
    assert reference["00081196"] == {"vr": "US", "Value": [0xB000]}
    assert reference["00081155"]["Value"] == [f"{STUDY}.1.1"]
    found = client.get(reference["00081190"]["Value"][0], headers={"Accept": "application/dicom"})
    assert found.status_code == 200
    assert (str(pydicom.dcmread(io.BytesIO(found.content)).SOPInstanceUID) == f"{STUDY}.1.1") is (privacy != "full")
    assert stored.json()["00081190"]["Value"][0] in reference["00081190"]["Value"][0]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (body(encoded("1.5"), end=b""), None, 400, "malformed_multipart"),
        (b"--b--\r\n", None, 400, "empty_store"),
        (b"{}", "application/dicom+json", 415, "not_dicom_parts"),
    ],
)
def test_a_body_that_is_none_leaves_nothing(
    client: TestClient, base: str, services: Services, content: bytes, kind: str | None, status: int, code: str
) -> None:
    refused = post(client, f"{base}/studies", content, kind)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    with services.db.begin() as session:
        assert session.scalar(select(DicomInstance).where(DicomInstance.sop_instance_uid == "1.5")) is None


def test_xml_for_those_who_read_no_json(client: TestClient, base: str) -> None:
    kind = {"Content-Type": "application/dicom", "Accept": "application/dicom+xml"}
    answer = client.post(f"{base}/studies", content=encoded(f"{STUDY}.1.1"), headers=kind)
    assert answer.status_code == 200 and b"<NativeDicomModel" in answer.content and f"{STUDY}.1.1" in answer.text


@pytest.fixture(scope="module")
def searchable(client: TestClient) -> str:
    """A project with three studies."""
    made = client.post("/api/projects", json={"name": "Searched", "privacy": "none"}).json()
    url = f"/dicom-web/projects/{made['id']}"
    studies = [
        encoded("1.1.1", study="1.1", PatientID="A_1", StudyDate="20240101", StudyTime="080000"),
        encoded("1.2.1", study="1.2", PatientID="AB1", StudyDate="20240315", Modality="MR", SeriesNumber=7),
        encoded("1.3.1", study="1.3", PatientID="B-2", StudyDate="20241231", ImageType=["ORIGINAL", "PRIMARY"]),
    ]
    assert post(client, f"{url}/studies", body(*studies)).status_code == 200
    return url


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "1.1 1.2 1.3"),
        ("PatientID=A_1", "1.1"),
        ("00100020=A*1", "1.1 1.2"),
        ("PatientID=A_*", "1.1"),
        ("PatientID=?-2", "1.3"),
        ("PatientName=müller*", "1.1 1.2 1.3"),
        ("StudyDate=20240315", "1.2"),
        ("StudyDate=20240102-20241231", "1.2 1.3"),
        ("StudyDate=-20240315", "1.1 1.2"),
        ("StudyTime=0700-0800", "1.1"),
        ("StudyInstanceUID=1.1,1.3", "1.1 1.3"),
        ("ModalitiesInStudy=MR", "1.2"),
        ("SeriesNumber=7", "1.2"),
        ("ImageType=PRIMARY", "1.3"),
        ("PatientID=", "1.1 1.2 1.3"),
        ("limit=1&offset=1", "1.2"),
        ("PatientName='; drop table dicom_instances; --", ""),
    ],
)
def test_matching(client: TestClient, searchable: str, query: str, found: str) -> None:
    response = client.get(f"{searchable}/studies?{query}")
    assert response.status_code == 200, response.text
    assert [item["0020000D"]["Value"][0] for item in response.json()] == found.split()
    if "limit" in query:
        assert response.headers["X-Total-Count"] == "3"


def test_fuzzy_matching_is_refused_honestly(client: TestClient, searchable: str) -> None:
    answer = client.get(f"{searchable}/studies?PatientName=Mueler&fuzzymatching=true")
    assert answer.json() == [] and answer.headers["Warning"].startswith("299 ")


@pytest.mark.parametrize("query", ["Nonsense=SecretName", "limit=many", "StudyDate=SecretName", "SeriesNumber=Secret"])
def test_a_search_that_cannot_be_understood(client: TestClient, searchable: str, query: str) -> None:
    refused = client.get(f"{searchable}/studies?{query}")
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_search")
    assert "Secret" not in refused.text, "values may be a patient's and are never repeated"


def test_included_fields_and_the_levels_above(client: TestClient, searchable: str) -> None:
    [plain] = client.get(f"{searchable}/studies?StudyInstanceUID=1.1").json()
    [more] = client.get(f"{searchable}/studies?StudyInstanceUID=1.1&includefield=Modality,00280010").json()
    assert set(more) - set(plain) == {"00080060", "00280010"}
    [instance] = client.get(f"{searchable}/instances?StudyInstanceUID=1.1").json()
    assert {"00100010", "00080060", "00080018"} <= set(instance)


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("", "image/gif", 406),
        ("/metadata", "application/dicom+xml", 406),
        ("/frames/1", 'multipart/related; type="image/jls"', 406),
        ("/frames/0", "*/*", 400),
        ("/rendered?window=1", "image/png", 400),
        ("/rendered?viewport=0,0", "image/png", 400),
        ("/bulkdata/00100010", "*/*", 404),
    ],
)
def test_what_cannot_be_given(client: TestClient, searchable: str, path: str, accept: str, status: int) -> None:
    url = f"{searchable}/studies/1.1/series/1.1.1/instances/1.1.1{path}"
    assert client.get(url, headers={"Accept": accept}).status_code == status


def test_the_project_that_is_meant(client: TestClient, searchable: str) -> None:
    refused = client.get("/dicom-web/studies")
    assert (refused.status_code, refused.json()["code"]) == (409, "project_not_chosen")
    project_id = searchable.rsplit("/", 1)[1]
    token = client.post("/api/tokens", json={"name": "PACS", "dicomweb_project_id": project_id}).json()
    assert token["dicomweb_project_id"] == project_id
    by_token = client.get("/dicom-web/studies", headers={"Authorization": f"Bearer {token['token']}"})
    assert len(by_token.json()) == 3


def test_nobody_is_asked_for_a_token(anonymous: TestClient) -> None:
    for headers in ({}, {"Authorization": "Basic bm9ib2R5Om5vdGhpbmc="}, {"Authorization": "Basic ?"}):
        refused = anonymous.get("/dicom-web/studies", headers=headers)
        assert refused.status_code == 401 and refused.headers["WWW-Authenticate"].startswith("Basic ")
