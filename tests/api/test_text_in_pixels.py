"""Blanking over HTTP: what is refused and why, and what a browser may keep of pixels that can change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from backend.db.tables import VolumeRow
from backend.wiring import Services
from tests.services.conftest import new_volume


@pytest.fixture(scope="module")
def volume_id(client: TestClient, services: Services, project: dict[str, Any]) -> UUID:
    return services.imports.store(UUID(project["id"]), new_volume(services, seed=8)).volume_id


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"rectangles": [[0, 0, 10, 3]]}, "invalid_rectangles", "reaches outside the picture of 10 x 12 pixels"),
        ({"rectangles": [[5, 5, 4, 6]]}, "invalid_rectangles", "Rectangle 1 (5, 5, 4, 6) is empty"),
        ({"rectangles": []}, "invalid_rectangles", "no rectangle"),
        ({"rectangles": [[0, 0, 9, 11]]}, "invalid_rectangles", "whole picture"),
        ({"slice": 5}, "slice_not_found", "no slice 5"),
        ({"rectangles": [[1, 2, 3]]}, "invalid_request", ""),
        ({"scope": "everything"}, "invalid_request", ""),
    ],
)
def test_what_cannot_be_blanked_says_why(
    client: TestClient, volume_id: UUID, change: dict[str, Any], code: str, words: str
) -> None:
    body = {"slice": 0, "rectangles": [[0, 0, 3, 3]], "scope": "slice"} | change
    answer = client.post(f"/api/volumes/{volume_id}/blankings", json=body)
    assert answer.status_code == (404 if code == "slice_not_found" else 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code and words in problem["detail"]


def test_a_browser_keeps_slices_only_by_the_name_of_their_pixels(client: TestClient, volume_id: UUID) -> None:
    pixels = client.get(f"/api/volumes/{volume_id}").json()["pixels"]
    url = f"/api/volumes/{volume_id}/slices/0/1"
    kept = client.get(url, params={"v": pixels}).headers["Cache-Control"]
    assert "immutable" in kept
    for query in ({}, {"v": "of before"}):
        answer = client.get(url, params=query)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        again = client.get(url, params=query, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304


def test_a_check_silences_the_warning_and_can_be_taken_back(
    client: TestClient, services: Services, volume_id: UUID
) -> None:
    with services.db.begin() as session:
        session.get_one(VolumeRow, volume_id).text_risk = "ultrasound"
    case_id = client.get(f"/api/volumes/{volume_id}").json()["case_id"]

    def warnings() -> list[str | None]:
        return [volume["text_risk"] for volume in client.get(f"/api/cases/{case_id}").json()["volumes"]]

    assert warnings() == ["ultrasound"]
    checked = client.post(f"/api/volumes/{volume_id}/text-checks", json={"scope": "case"}).json()
    assert checked["text_risk"] is None and checked["text_checked_at"] and warnings() == [None]
    again = client.post(f"/api/volumes/{volume_id}/text-checks", json={"clean": False}).json()
    assert again["text_risk"] == "ultrasound" and again["text_checked_at"] is None


def test_many_cases_are_checked_at_once(client: TestClient, services: Services, project: dict[str, Any]) -> None:
    """And taken back; it is not a matter of whose case it is, but of who manages."""
    made = [
        services.imports.store(UUID(project["id"]), new_volume(services, seed, study_key=f"text.{seed}"))
        for seed in (81, 82)
    ]
    with services.db.begin() as session:
        for one in made:
            session.get_one(VolumeRow, one.volume_id).text_risk = "ultrasound"
    url, cases = f"/api/projects/{project['id']}/cases", [str(one.case_id) for one in made]

    def risks() -> list[str | None]:
        return [client.get(f"/api/volumes/{one.volume_id}").json()["text_risk"] for one in made]

    for checked, expected in ((True, [None, None]), (False, ["ultrasound"] * 2)):
        answer = client.patch(url, json={"cases": cases, "text_checked": checked})
        assert answer.status_code == 200 and answer.json()["refused"] == [], answer.text
        assert risks() == expected
    log = client.get(f"/api/audit?project_id={project['id']}").json()["items"]
    assert {"pixels.checked", "pixels.unchecked"} <= {entry["action"] for entry in log}
