"""Blinded comparisons of two sources of masks, for who sets them up and counts. Judging needs pictures: the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        slices: Mapping[str, Sequence[int]] | None = None,
        pairs: int = 40,
    ) -> Json:
        """`settings`: the sources `first` and `second`, each a `what` (plain, assist, auto, human) and a `how` (stored,
        computed), and what else /api/docs names. `slices`: of these of the cases only these, from 0. Its `job`, if
        there is one, computes masks first."""
        body: Json = {"name": name, "settings": settings, "label_ids": list(label_ids), "pairs": pairs}
        body |= {"reader_ids": list(reader_ids), "case_ids": None if case_ids is None else list(case_ids)}
        body |= {"slices": None if slices is None else {case: list(chosen) for case, chosen in slices.items()}}
        return self._json("POST", f"/api/projects/{project_id}/comparisons", json=body)

    def add_comparison_readers(self, comparison_id: str, reader_ids: Sequence[str]) -> Json:
        """More people judge the same pairs."""
        body = {"reader_ids": list(reader_ids)}
        return self._json("POST", f"/api/comparisons/{comparison_id}/readers", json=body)

    def close_comparison(self, comparison_id: str) -> Json:
        """Nobody judges any more, and its readers see the tally. There is no way back."""
        return self._json("POST", f"/api/comparisons/{comparison_id}/close")

    def delete_comparison(self, comparison_id: str) -> None:
        """Out of every list and tally; `restore_comparison` brings it back."""
        self._json("DELETE", f"/api/comparisons/{comparison_id}")

    def restore_comparison(self, comparison_id: str) -> Json:
        return self._json("POST", f"/api/comparisons/{comparison_id}/restore")

    def tally(self, comparison_id: str) -> Json:
        """For managers, and for readers who have finished."""
        return self._json("GET", f"/api/comparisons/{comparison_id}/tally")

    def tally_csv(self, comparison_id: str, folder: Path) -> Path:
        """Download the tally as a table. Returns the path."""
        return self._save(f"/api/comparisons/{comparison_id}/tally.csv", folder, "tally.csv")

    def votes_csv(self, comparison_id: str, folder: Path) -> Path:
        """Download every vote that counts, with where both masks are from. Returns the path."""
        return self._save(f"/api/comparisons/{comparison_id}/votes.csv", folder, "votes.csv")
