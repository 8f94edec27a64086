"""Cases: finding and changing them, files and masks into them, masks and measurements out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backend.client.files import OCTETS, Counted, OnBytes, as_one_file, ignore, opened
from backend.client.transport import Json, Server

ASKED_AT_ONCE = 1000


class Cases(Server):
    def cases(
        self,
        project_id: str,
        *,
        state: str | None = None,
        assignee: str | None = None,
        search: str | None = None,
        overdue: bool = False,
        label_id: str | None = None,
        order: str | None = None,
    ) -> Iterator[Json]:
        """The project's cases, the newest first. `assignee`: an id, `nobody`, or `left`; `search`: in their names;
        `label_id`: somebody drew this label; other orders are in /api/docs."""
        late = "true" if overdue else None
        return self._pages(
            f"/api/projects/{project_id}/cases",
            state=state,
            assignee=assignee,
            search=search,
            overdue=late,
            label_id=label_id,
            order=order,
        )

    def case(self, case_id: str) -> Json:
        return self._json("GET", f"/api/cases/{case_id}")

    def change_case(self, case_id: str, **changes: Any) -> Json:
        """Change `state` (accepted: with `result_by_id`, whose masks count), `assignee_id`, `priority`, `due_on` or
        `name` of one case."""
        return self._json("PATCH", f"/api/cases/{case_id}", json=changes)

    def change_cases(self, project_id: str, **change: Any) -> Json:
        """Change the `cases` named, or all that match `filter`; what may be changed is in /api/docs."""
        return self._json("PATCH", f"/api/projects/{project_id}/cases", json=change)

    def effort(self, case_id: str) -> Json:
        """What a case cost: seconds, and on each slice points, boxes and strokes."""
        return self._json("GET", f"/api/cases/{case_id}/effort")

    # -- files in -----------------------------------------------------------------------------------------------------
    def upload(self, project_id: str, path: Path, *, on_bytes: OnBytes = ignore) -> Json:
        """Send a file, or a folder as one archive, and return the job that reads it."""
        with as_one_file(path) as (name, stream):
            files = {"files": (name, Counted(stream, on_bytes), OCTETS)}
            return self._json("POST", f"/api/projects/{project_id}/uploads", files=files)

    def open_intake(self, project_id: str, key: str) -> str:
        """For files in many requests: the id of the open intake that the sender calls `key`, made if there is none."""
        return str(self._json("POST", f"/api/projects/{project_id}/intakes", json={"key": key})["id"])

    def known_files(self, project_id: str, sha256s: Sequence[str]) -> list[Json]:
        """Which files need not be sent again, by the sha256 of their bytes."""
        found: list[Json] = []
        for start in range(0, len(sha256s), ASKED_AT_ONCE):
            asked = {"sha256": list(sha256s[start : start + ASKED_AT_ONCE])}
            found += self._json("POST", f"/api/projects/{project_id}/intakes/known", json=asked)["items"]
        return found

    def send_files(
        self, intake_id: str, files: Sequence[tuple[str, Path]], *, on_bytes: OnBytes = ignore
    ) -> list[Json]:
        """Send files, each with the name it shall have, in one request: all arrive or none. In their order, what the
        server has of each. `on_bytes` is called for each file."""
        with opened(files, on_bytes) as parts:
            kept: list[Json] = self._json("POST", f"/api/intakes/{intake_id}/files", files=parts)["items"]
        return kept

    def complete_intake(self, intake_id: str) -> Json:
        """All files have been sent: the job that reads them."""
        return self._json("POST", f"/api/intakes/{intake_id}/complete")

    # -- masks --------------------------------------------------------------------------------------------------------
    def import_masks(self, case_id: str, paths: Sequence[Path], options: Json, *, on_bytes: OnBytes = ignore) -> Json:
        """Send files of masks for a case and return the job that reads them; its result tells what became of each, in
        the order of the paths. What `options` may say is in /api/docs. Raises NothingToSend."""
        with opened([(path.name, path) for path in paths], on_bytes) as files:
            data = {"options": json.dumps(options)}
            return self._json("POST", f"/api/cases/{case_id}/masks", files=files, data=data)

    def export(self, case_id: str, format: str, folder: Path, *, annotator_id: str | None = None) -> Path:
        """Download somebody's masks of a case, by default the caller's, into `folder`; the server names the file.
        Returns its path. For large cases `start_export`."""
        path = f"/api/cases/{case_id}/export"
        return self._save(path, folder, f"{case_id}.{format}", format=format, annotator_id=annotator_id)

    # -- measurements -------------------------------------------------------------------------------------------------
    def measurements(self, case_id: str) -> list[Json]:
        """What was measured on the slices of a case, the oldest first."""
        return self._items(f"/api/cases/{case_id}/measurements")

    def measurements_csv(self, case_id: str, folder: Path) -> Path:
        """Download them with the figures of the labels that the caller drew. Returns the path."""
        return self._save(f"/api/cases/{case_id}/measurements.csv", folder, f"measurements-{case_id}.csv")

    def remove_measurement(self, measurement_id: str) -> None:
        self._json("DELETE", f"/api/measurements/{measurement_id}")

    def label_figures(self, volume_id: str) -> list[Json]:
        """Volume and values of every label that the caller drew on a volume."""
        return self._items(f"/api/volumes/{volume_id}/label-figures")
