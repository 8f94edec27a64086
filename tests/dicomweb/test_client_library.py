"""dicomweb-client, a program by others, stores, finds and retrieves."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, generate_uid
from requests import HTTPError

from tests.dicomweb.conftest import SLICES, TOKEN, Server, write_study

EVERY_SYNTAX = (("application/dicom", "*"),)


@pytest.fixture(scope="module")
def client(server: Server) -> DICOMwebClient:
    """Signed in by Basic with a token as the password, as archives do; the only project is the one that is meant."""
    session = create_session_from_user_pass("anyone", TOKEN)
    return DICOMwebClient(f"{server.url}/dicom-web", session=session)


@pytest.fixture(scope="module")
def study(client: DICOMwebClient, tmp_path_factory: pytest.TempPathFactory) -> list[pydicom.FileDataset]:
    """Stored before every test that asks for it."""
    datasets = write_study(tmp_path_factory.mktemp("study"), seed=1)
    stored = client.store_instances(datasets)
    assert len(stored.ReferencedSOPSequence) == SLICES and "FailedSOPSequence" not in stored
    return datasets


def test_what_was_stored_becomes_one_case_with_one_volume(
    server: Server, client: DICOMwebClient, tmp_path: Path
) -> None:
    """Archives send a study in many requests; they still are one volume."""
    datasets = write_study(tmp_path, seed=2)
    for dataset in datasets:
        client.store_instances([dataset])
    volume = server.wait_for_volume(datasets[0].StudyInstanceUID, SLICES)
    assert volume["modality"] == "CT"


def test_searching_at_every_level(client: DICOMwebClient, study: list[pydicom.FileDataset]) -> None:
    first = study[0]
    [found] = client.search_for_studies(search_filters={"PatientName": "doe^plan*", "PatientID": "P-1"})
    assert found["0020000D"]["Value"] == [first.StudyInstanceUID]
    assert found["00201208"]["Value"] == [SLICES] and found["00080061"]["Value"] == ["CT"]
    [series] = client.search_for_series(first.StudyInstanceUID, search_filters={"Modality": "CT"})
    assert series["0020000E"]["Value"] == [first.SeriesInstanceUID] and series["00201209"]["Value"] == [SLICES]
    instances = client.search_for_instances(first.StudyInstanceUID, fields=["SliceLocation", "00200032"])
    assert {i["00080018"]["Value"][0] for i in instances} == {d.SOPInstanceUID for d in study}
    assert all(i["00200032"]["Value"] for i in instances)
    assert client.search_for_studies(search_filters={"Modality": "MR", "PatientID": "P-1"}) == []


def test_retrieving_gives_back_the_very_objects(client: DICOMwebClient, study: list[pydicom.FileDataset]) -> None:
    first = study[0]
    back = client.retrieve_study(first.StudyInstanceUID, media_types=EVERY_SYNTAX)
    assert {d.SOPInstanceUID: d.PixelData for d in back} == {d.SOPInstanceUID: d.PixelData for d in study}
    uids = first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID
    one = client.retrieve_instance(*uids)
    assert one == first and one.file_meta.TransferSyntaxUID == first.file_meta.TransferSyntaxUID


def test_metadata_and_bulk_data(client: DICOMwebClient, study: list[pydicom.FileDataset]) -> None:
    first = study[0]
    everything = client.retrieve_series_metadata(first.StudyInstanceUID, first.SeriesInstanceUID)
    [metadata] = [m for m in everything if m["00080018"]["Value"] == [first.SOPInstanceUID]]
    again = pydicom.Dataset.from_json({tag: e for tag, e in metadata.items() if tag not in ("7FE00010", "00083002")})
    assert all(again[e.tag] == e for e in first if e.keyword != "PixelData")
    [pixels] = client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"])
    assert pixels == first.PixelData


def test_frames_and_pictures(client: DICOMwebClient, study: list[pydicom.FileDataset]) -> None:
    first = study[0]
    uids = first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID
    [frame] = client.retrieve_instance_frames(*uids, [1])
    assert frame == first.PixelData
    picture = Image.open(
        io.BytesIO(
            client.retrieve_instance_rendered(
                *uids, media_types=("image/png",), params={"window": "40,400,linear", "viewport": "24,24"}
            )
        )
    )
    assert picture.size == (24, 24) and picture.mode == "L" and picture.format == "PNG"
    for level in (f"studies/{uids[0]}", f"studies/{uids[0]}/series/{uids[1]}"):
        url, look = f"{client.base_url}/{level}/rendered", {"window": "40,400,linear", "viewport": "24,24"}
        pictures = client.retrieve_bulkdata(url, media_types=("image/jpeg",), additional_params=look)
        assert len(pictures) == len(study)
        opened = [Image.open(io.BytesIO(part)) for part in pictures]
        assert {(one.size, one.format) for one in opened} == {((24, 24), "JPEG")}
        away = np.asarray(opened[0], int) - np.asarray(picture, int)
        assert np.abs(away).mean() < 4
        for accept, format in (("image/jpeg", "JPEG"), ("image/png", "PNG")):
            single = client._session.get(url, headers={"Accept": accept})
            assert Image.open(io.BytesIO(single.content)).format == format
        anything = client._session.get(url, headers={"Accept": "*/*"})
        assert anything.headers["Content-Type"].startswith('multipart/related; type="image/jpeg"')
        for wrong, status in (({"window": "1"}, 400), ({"accept": "video/mp4"}, 406)):
            assert client._session.get(url, params=wrong).status_code == status
        thumbnail = client._session.get(url.replace("rendered", "thumbnail"), params={"viewport": "20,20"})
        assert max(Image.open(io.BytesIO(thumbnail.content)).size) == 20
    with pytest.raises(HTTPError) as refused:
        client.retrieve_instance_frames(*uids, [2])
    assert refused.value.response.status_code == 422


def test_a_compressed_frame_goes_out_as_stored_or_decoded(client: DICOMwebClient, tmp_path: Path) -> None:
    [dataset, *_] = write_study(tmp_path, seed=3)
    pixels = dataset.pixel_array
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    encoded = _jpeg_2000(pixels)
    dataset.PixelData = encapsulate([encoded])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    client.store_instances([dataset])
    uids = dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID
    as_stored = (("image/jp2", JPEG2000Lossless),)
    [frame] = client.retrieve_instance_frames(*uids, [1], media_types=as_stored)
    assert frame.rstrip(b"\0") == encoded.rstrip(b"\0")
    [frame] = client.retrieve_instance_frames(*uids, [1], media_types=("application/octet-stream",))
    np.testing.assert_array_equal(np.frombuffer(frame, "<u2").reshape(pixels.shape), pixels)
    plain = client.retrieve_instance(*uids, media_types=(("application/dicom", "1.2.840.10008.1.2.1"),))
    np.testing.assert_array_equal(plain.pixel_array, pixels)


def _jpeg_2000(pixels: np.ndarray) -> bytes:
    from openjpeg.utils import encode_array

    return bytes(encode_array(pixels.astype(np.uint16), bits_stored=12, photometric_interpretation=2))
