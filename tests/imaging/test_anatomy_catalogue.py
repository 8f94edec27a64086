"""The catalogue that the pages offer: codes that DICOM's own dictionary knows, in the category that exports write."""

from __future__ import annotations

import json
from pathlib import Path

from pydicom.sr._concepts_dict import concepts

from backend.imaging.labels import CodedTerm
from backend.imaging.seg import category_of

CATALOGUE = Path(__file__).parents[2] / "frontend" / "src" / "panels" / "anatomy_catalogue.json"

ONE_SIDED = {"18639004", "9846003", "44029006", "3341006"}
"""Left and right kidney and lung: DICOM writes the side apart, SNOMED CT has them as structures of their own."""

SLICER = {"55641003"}
"""Infarct, as 3D Slicer writes it."""


def test_every_code_is_known_and_written_in_its_category() -> None:
    known = {code for meanings in concepts["SCT"].values() for code in meanings}
    groups = json.loads(CATALOGUE.read_text())
    codes = [entry[3] for group in groups for entry in group["entries"]]
    assert len(codes) >= 100 and len(set(codes)) == len(codes)
    assert set(codes) - known == ONE_SIDED | SLICER
    for group in groups:
        for _, _, _, code, meaning, _ in group["entries"]:
            written = category_of(CodedTerm("SCT", code, meaning)).value
            assert written == group["category"], meaning
