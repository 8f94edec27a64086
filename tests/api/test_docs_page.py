"""The API's own page works where there is no internet."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient


def test_the_docs_page_asks_no_other_host(anonymous: TestClient) -> None:
    page = anonymous.get("/api/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert addresses and all(address.startswith("/") for address in addresses), addresses
    assert anonymous.get("/api/openapi.json").json()["info"]["title"] == "sammed"
