"""The parts of the REST client that need no server: names of files, and folders as one archive."""

from __future__ import annotations

import zipfile
from pathlib import Path

import httpx
import pytest

from backend.client import NothingToSend, ServerRefused
from backend.client.files import as_one_file
from backend.client.transport import _file_name, _problem


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename*=UTF-8''Leber%20%C3%BC.zip", "Leber ü.zip"),
        ('attachment; filename="masks.nii.gz"', "masks.nii.gz"),
        ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("attachment", None),
    ],
)
def test_the_server_names_the_file_but_not_the_folder(header: str, name: str | None) -> None:
    assert _file_name(httpx.Response(200, headers={"Content-Disposition": header})) == name


def test_a_folder_travels_as_one_archive(tmp_path: Path) -> None:
    (tmp_path / "series" / "deep").mkdir(parents=True)
    (tmp_path / "series" / "1.dcm").write_bytes(b"one")
    (tmp_path / "series" / "deep" / "2.dcm").write_bytes(b"two")
    with as_one_file(tmp_path / "series") as (name, stream), zipfile.ZipFile(stream) as archive:
        assert name == "series.zip"
        assert archive.namelist() == ["1.dcm", "deep/2.dcm"]
        assert archive.read("deep/2.dcm") == b"two"


def test_a_file_travels_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"bytes")
    with as_one_file(tmp_path / "a.nii") as (name, stream):
        assert (name, stream.read()) == ("a.nii", b"bytes")


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_nothing_to_send_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToSend, match=name), as_one_file(tmp_path / name):
        pass


def test_a_problem_keeps_the_servers_words() -> None:
    body = {"code": "role_forbids", "title": "Your role does not allow this", "detail": "As viewer ...", "hint": "Ask."}
    request = httpx.Request("GET", "http://server/api/me")
    answer = httpx.Response(403, json=body, headers={"Content-Type": "application/problem+json"}, request=request)
    problem = ServerRefused(_problem(answer))
    assert (problem.code, problem.title, problem.detail, problem.hint) == tuple(body.values())


def test_an_answer_that_is_no_problem_is_named_by_its_status() -> None:
    request = httpx.Request("GET", "http://server/api/me")
    answer = httpx.Response(502, text="<html>", request=request)
    assert _problem(answer)["detail"] == "http://server/api/me answered 502 Bad Gateway."
