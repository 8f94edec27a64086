"""Projects: making, finding, changing and moving them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backend.client.files import OnBytes, ignore, opened
from backend.client.transport import Json, NoSuchName, Server


class Projects(Server):
    def projects(self, *, archived: bool = False) -> Iterator[Json]:
        """The caller's projects, or those of them that were put away."""
        return self._pages("/api/projects", archived="true" if archived else None)

    def project(self, name: str) -> Json | None:
        """The project of this name; with several, the oldest. None if there is none."""
        named = [project for project in self.projects() if project["name"] == name]
        return min(named, key=lambda project: project["created_at"], default=None)

    def get_project(self, project_id: str) -> Json:
        return self._json("GET", f"/api/projects/{project_id}")

    def find_project(self, name_or_id: str) -> Json:
        """The project of this id or name; those put away, by id or if no other has the name. Raises NoSuchName."""
        for archived in (False, True):
            seen = list(self.projects(archived=archived))
            found = [project for project in seen if project["id"] == name_or_id]
            found = found or [project for project in seen if project["name"] == name_or_id]
            if found:
                return min(found, key=lambda project: project["created_at"])
        raise NoSuchName(f"There is no project '{name_or_id}'.", hint="`sammed project list` shows them.")

    def create_project(
        self,
        name: str,
        *,
        description: str = "",
        labels: Sequence[Json] = (),
        privacy: str = "retain-uids",
        keep_originals: bool = True,
        exclusive_labels: bool = False,
    ) -> Json:
        """`privacy`: how images are de-identified on their way in: retain-uids, full or none. Without `keep_originals`
        only their voxels are kept."""
        body: Json = {"name": name, "description": description, "labels": list(labels)}
        body |= {"privacy": privacy, "keep_originals": keep_originals, "exclusive_labels": exclusive_labels}
        return self._json("POST", "/api/projects", json=body)

    def change_project(self, project_id: str, **changes: Any) -> Json:
        """Change `name`, `description`, `archived`, `own_cases_only`, `exclusive_labels`, `privacy`, `keep_originals`
        or `windows`."""
        return self._json("PATCH", f"/api/projects/{project_id}", json=changes)

    def load_samples(self, project_id: str) -> Json:
        """The job that makes the sample cases."""
        return self._json("POST", f"/api/projects/{project_id}/samples")

    # -- moving -------------------------------------------------------------------------------------------------------
    def export_project(self, project_id: str, *, images: bool = True, masks: bool = True) -> Json:
        """The job that packs the whole project; `download` fetches what it made."""
        return self._json("POST", f"/api/projects/{project_id}/export", json={"images": images, "masks": masks})

    def import_project(self, archive: Path, *, name: str | None = None, on_bytes: OnBytes = ignore) -> Json:
        """Send an archive and return the job that restores it. Raises NothingToSend."""
        with opened([(archive.name, archive)], on_bytes, "application/zip") as files:
            return self._json("POST", "/api/projects/import", files=files, params={"name": name} if name else {})
