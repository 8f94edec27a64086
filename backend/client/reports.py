"""What a project tells about its work: statistics, agreement of readers, tests with gold cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.client.transport import Json, Server


def _tolerance(tolerance_mm: float | None) -> dict[str, Any]:
    return {} if tolerance_mm is None else {"tolerance_mm": tolerance_mm}


class Reports(Server):
    """`tolerance_mm`: surfaces so near to each other agree; the server's when not given."""

    def statistics(self, project_id: str, *, on_pending: Callable[[int], None] = lambda pending: None) -> Json:
        """Work by person, label and model. Old work is counted by and by: asks until nothing is left, and tells how
        many annotations are."""
        while True:
            found = self._json("GET", f"/api/projects/{project_id}/statistics")
            if found["pending"] == 0:
                return found
            on_pending(found["pending"])

    def statistics_csv(self, project_id: str, folder: Path) -> Path:
        """Download the statistics as a table; the server names the file. Returns its path."""
        return self._save(f"/api/projects/{project_id}/statistics.csv", folder, "statistics.csv")

    def agreement(self, project_id: str, tolerance_mm: float | None = None) -> Json:
        """How far blind readers agree; `missing` counts what `compute_agreement` has to do first."""
        return self._json("GET", f"/api/projects/{project_id}/agreement", params=_tolerance(tolerance_mm))

    def compute_agreement(self, project_id: str, tolerance_mm: float | None = None) -> Json:
        """The job that compares readers, and tests with gold cases."""
        return self._json("POST", f"/api/projects/{project_id}/agreement", json=_tolerance(tolerance_mm))

    def agreement_csv(self, project_id: str, folder: Path, tolerance_mm: float | None = None) -> Path:
        """Download it as a table. Returns the path."""
        tolerance = None if tolerance_mm is None else str(tolerance_mm)
        path = f"/api/projects/{project_id}/agreement.csv"
        return self._save(path, folder, "agreement.csv", tolerance_mm=tolerance)

    def tests(self, project_id: str, tolerance_mm: float | None = None) -> Json:
        """How near each person came to the gold cases in their queue."""
        return self._json("GET", f"/api/projects/{project_id}/tests", params=_tolerance(tolerance_mm))
