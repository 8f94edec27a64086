"""Blinded comparisons of two sources of masks, for who sets them up and counts. Judging needs pictures: the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.client.transport import Json, Server


class Comparisons(Server):
    def comparisons(self, project_id: str) -> Iterator[Json]:
        """The newest first: all for managers, else those that the caller judges in."""
        return self._pages(f"/api/projects/{project_id}/comparisons")

    def comparison(self, comparison_id: str) -> Json:
        return self._json("GET", f"/api/comparisons/{comparison_id}")

    def create_comparison(
        self,
        project_id: str,
        name: str,
        settings: Json,
        *,
        label_ids: Sequence[str],
        reader_ids: Sequence[str],
        case_ids: Sequence[str] | None = None,
        pairs: int = 40,
    ) -> Json:
        """`settings`: the sources `first` and `second`, each a `what` (plain, assist, auto, human) and a `how` (stored,
        computed), and what else /api/docs names. Its `job`, if there is one, computes masks first."""
        body: Json = {"name": name, "settings": settings, "label_ids": list(label_ids), "pairs": pairs}
        body |= {"reader_ids": list(reader_ids), "case_ids": None if case_ids is None else list(case_ids)}
        return self._json("POST", f"/api/projects/{project_id}/comparisons", json=body)

    def tally(self, comparison_id: str) -> Json:
        """For managers, and for readers who have finished."""
        return self._json("GET", f"/api/comparisons/{comparison_id}/tally")

    def tally_csv(self, comparison_id: str, folder: Path) -> Path:
        """Download the tally as a table. Returns the path."""
        return self._save(f"/api/comparisons/{comparison_id}/tally.csv", folder, "tally.csv")

    def votes_csv(self, comparison_id: str, folder: Path) -> Path:
        """Download every vote that counts, with where both masks are from. Returns the path."""
        return self._save(f"/api/comparisons/{comparison_id}/votes.csv", folder, "votes.csv")
