"""How the built pages are handed out."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.main import create_app
from backend.wiring import Services

SCRIPT = "console.log('sammed')\n" * 100


@pytest.fixture
def pages(services: Services, tmp_path: Path) -> TestClient:
    """A page with two scripts, one of them also as gzip."""
    (tmp_path / "index.html").write_text("<!doctype html><title>the page</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "packed-1.js").write_text(SCRIPT)
    (tmp_path / "assets" / "packed-1.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (tmp_path / "assets" / "plain-1.js").write_text(SCRIPT)
    settings = services.settings.model_copy(update={"frontend_dir": tmp_path})
    return TestClient(create_app(dataclasses.replace(services, settings=settings)))


def test_scripts_come_as_gzip_to_those_who_take_it(pages: TestClient) -> None:
    packed = pages.get("/assets/packed-1.js", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "javascript" in packed.headers["content-type"]
    assert int(packed.headers["content-length"]) < len(SCRIPT)
    assert packed.text == SCRIPT
    plain = pages.get("/assets/packed-1.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == SCRIPT
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["cache-control"] == plain.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_what_was_not_packed_comes_as_it_is(pages: TestClient) -> None:
    script = pages.get("/assets/plain-1.js", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in script.headers
    assert script.text == SCRIPT


def test_every_address_that_is_no_file_is_the_page(pages: TestClient) -> None:
    page = pages.get("/cases/of-somebody")
    assert "the page" in page.text
    assert page.headers["cache-control"] == "no-cache"
    assert pages.get("/api/of-nobody").status_code == 404
    assert "the page" in pages.get("/assets/../../settings.py").text
