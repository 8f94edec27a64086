"""Whom pseudonyms stand for, and text burned into pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backend.client.transport import Json, Server


class PrivacyChecks(Server):
    def look_up(self, project_id: str, pseudonym: str) -> Json:
        """Whom a pseudonym stands for. The log says who asked."""
        return self._json("POST", f"/api/projects/{project_id}/pseudonyms/look-up", json={"pseudonym": pseudonym})

    def pseudonyms_csv(self, project_id: str, folder: Path) -> Path:
        """Download the whole key of a project, a row for each pseudonym. The log says who did. Returns the path."""
        return self._save(f"/api/projects/{project_id}/pseudonyms.csv", folder, "pseudonyms.csv")

    def volume(self, volume_id: str) -> Json:
        return self._json("GET", f"/api/volumes/{volume_id}")

    def text_checked(self, volume_id: str, *, scope: str = "volume", clean: bool = True) -> Json:
        """Record that somebody looked for text in the pixels of a volume (`scope` case: of all images of the case) and
        found none; `clean` false takes that back."""
        return self._json("POST", f"/api/volumes/{volume_id}/text-checks", json={"scope": scope, "clean": clean})

    def blank(self, volume_id: str, slice: int, rectangles: Sequence[Sequence[int]], scope: str) -> Json:
        """The job that makes rectangles [left, top, right, bottom] (pixels from 0, both ends inside) blank for good, on
        a `slice` (from 0), the whole `volume` or all images of the same size in the `case`."""
        body = {"slice": slice, "rectangles": [list(box) for box in rectangles], "scope": scope}
        return self._json("POST", f"/api/volumes/{volume_id}/blankings", json=body)
