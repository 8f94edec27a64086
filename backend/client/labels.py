"""The label set of a project, and the catalogue that labels are chosen from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.client.transport import Json, NoSuchName, Server


class Labels(Server):
    def labels(self, project_id: str) -> list[Json]:
        return self._items(f"/api/projects/{project_id}/labels")

    def find_label(self, project_id: str, name: str) -> Json:
        """The label of this name, in small or large letters. Raises NoSuchName."""
        for label in self.labels(project_id):
            if label["name"].lower() == name.strip().lower():
                return label
        raise NoSuchName(f"The project has no label '{name}'.", hint="`sammed labels list` shows them.")

    def label_id(self, project_id: str, name: str) -> str:
        return str(self.find_label(project_id, name)["id"])

    def add_label(self, project_id: str, label: Json) -> Json:
        """`label`: a name, a color #rrggbb and, where wanted, code, shortcut, group, rules."""
        return self._json("POST", f"/api/projects/{project_id}/labels", json=label)

    def change_label(self, label_id: str, **changes: Any) -> Json:
        return self._json("PATCH", f"/api/labels/{label_id}", json=changes)

    def delete_label(self, label_id: str) -> None:
        """Delete a label that nothing was drawn for."""
        self._json("DELETE", f"/api/labels/{label_id}")

    def order_labels(self, project_id: str, label_ids: Sequence[str]) -> None:
        self._json("PUT", f"/api/projects/{project_id}/labels/order", json={"label_ids": list(label_ids)})

    def label_versions(self, project_id: str) -> list[Json]:
        """The label set as it was from each change on, the newest first."""
        return self._items(f"/api/projects/{project_id}/labels/versions")

    def export_labels(self, project_id: str) -> Json:
        """The label set as a file's content."""
        return self._json("GET", f"/api/projects/{project_id}/labels/export")

    def import_labels(self, project_id: str, file: Json) -> Json:
        """Bring in what `export_labels` gave; labels of names that are there stay as they are."""
        return self._json("POST", f"/api/projects/{project_id}/labels/import", json=file)

    def copy_labels(self, project_id: str, source_id: str) -> Json:
        return self._json("POST", f"/api/projects/{project_id}/labels/copy", json={"project_id": source_id})

    def anatomy(self, search: str = "") -> list[Json]:
        """Structures of the catalogue in which every word of `search` begins a word, those whose name begins with it
        first: each with `name`, `group`, `color` and `code`, as `add_label` takes them."""
        words = search.lower().split()
        found = []
        for group in self._list("/anatomy_catalogue.json"):
            of = group["group"]
            for name, chinese, color, sct, meaning, more in group["entries"]:
                told = f" {name} {sct} {meaning} {more} {of['en']} {chinese} {of['zh']}".lower()
                if all((f" {word}" if word.isascii() else word) in told for word in words):
                    code = {"scheme": "SCT", "value": sct, "meaning": meaning}
                    found.append({"name": name, "group": of["en"], "color": color, "code": code})
        return sorted(found, key=lambda one: not one["name"].lower().startswith(search.lower()))
