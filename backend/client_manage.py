"""What a manager does over HTTP beside projects, people and cases: labels, members, comments, reports, webhooks.

Methods of `backend.client.Client`, which adds the way to the server. Answers are the JSON of the HTTP interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from backend.errors import NotFound

Json = dict[str, Any]


class NoSuchName(NotFound):
    """No project, person, label or member that the caller sees has this name or address."""

    code = "no_such_name"
    title = "There is nothing of this name"


class Managing(ABC):
    @abstractmethod
    def _json(self, method: str, path: str, **arguments: Any) -> Json: ...

    @abstractmethod
    def _pages(self, path: str, **query: str | None) -> Iterator[Json]: ...

    @abstractmethod
    def _save(self, path: str, folder: Path, name: str) -> Path: ...

    def _items(self, path: str) -> list[Json]:
        found: list[Json] = self._json("GET", path)["items"]
        return found

    def change_project(self, project_id: str, **changes: Any) -> Json:
        """Change `name`, `description`, `archived`, `own_cases_only`, `exclusive_labels` or `privacy`."""
        return self._json("PATCH", f"/api/projects/{project_id}", json=changes)

    # -- labels -------------------------------------------------------------------------------------------------------
    def labels(self, project_id: str) -> list[Json]:
        return self._items(f"/api/projects/{project_id}/labels")

    def label_id(self, project_id: str, name: str) -> str:
        """The id of the label of this name. Raises NoSuchName."""
        for label in self.labels(project_id):
            if label["name"].lower() == name.strip().lower():
                return str(label["id"])
        raise NoSuchName(f"The project has no label '{name}'.", hint="`sammed labels list` shows them.")

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

    # -- members ------------------------------------------------------------------------------------------------------
    def members(self, project_id: str) -> list[Json]:
        return self._items(f"/api/projects/{project_id}/members")

    def member_id(self, project_id: str, email: str) -> str:
        """The id of the project's member with this address. Raises NoSuchName."""
        for member in self.members(project_id):
            if member["user"]["email"] == email.strip().lower():
                return str(member["user"]["id"])
        raise NoSuchName(f"{email} is not a member of the project.", hint="Invite them into it first.")

    def set_member(self, project_id: str, email: str, role: str | None) -> None:
        """Give somebody a role in a project; None removes them."""
        self._json("POST", f"/api/projects/{project_id}/members", json={"email": email, "role": role})

    # -- review -------------------------------------------------------------------------------------------------------
    def case(self, case_id: str) -> Json:
        return self._json("GET", f"/api/cases/{case_id}")

    def change_case(self, case_id: str, **changes: Any) -> Json:
        """Change `state`, `assignee_id`, `priority` or `due_on` of one case."""
        return self._json("PATCH", f"/api/cases/{case_id}", json=changes)

    def comments(self, case_id: str) -> list[Json]:
        """Threads: the first comment, its answers, where it is pinned, and whether it is resolved."""
        return self._items(f"/api/cases/{case_id}/comments")

    def comment(self, case_id: str, body: str, **pin: Any) -> Json:
        """Say something about a case. `pin`: volume_id, label_id, slice (from 0), place, reader_id."""
        return self._json("POST", f"/api/cases/{case_id}/comments", json={"body": body, **pin})

    def answer(self, comment_id: str, body: str) -> Json:
        return self._json("POST", f"/api/comments/{comment_id}/answers", json={"body": body})

    def resolve(self, comment_id: str, resolved: bool = True) -> Json:
        return self._json("PATCH", f"/api/comments/{comment_id}", json={"resolved": resolved})

    def readings(self, case_id: str) -> list[Json]:
        """Who reads a case blind, and how far they are."""
        return self._items(f"/api/cases/{case_id}/readings")

    def return_reading(self, case_id: str, reader_id: str) -> Json:
        """Send one blind reading back to its reader."""
        return self._json("POST", f"/api/cases/{case_id}/readings/{reader_id}/return")

    def make_consensus(self, case_id: str, method: str, reader_ids: Sequence[str]) -> Json:
        """The job that makes one proposal of several readers' masks: `majority`, `staple` or `reader`."""
        return self._json(
            "POST", f"/api/cases/{case_id}/consensus", json={"method": method, "reader_ids": list(reader_ids)}
        )

    # -- reports ------------------------------------------------------------------------------------------------------
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

    def agreement(self, project_id: str) -> Json:
        """How far blind readers agree; `missing` counts what `compute_agreement` has to do first."""
        return self._json("GET", f"/api/projects/{project_id}/agreement")

    def compute_agreement(self, project_id: str) -> Json:
        """The job that compares readers, and tests with gold cases."""
        return self._json("POST", f"/api/projects/{project_id}/agreement", json={})

    def agreement_csv(self, project_id: str, folder: Path) -> Path:
        return self._save(f"/api/projects/{project_id}/agreement.csv", folder, "agreement.csv")

    def tests(self, project_id: str) -> Json:
        """How near each person came to the gold cases in their queue."""
        return self._json("GET", f"/api/projects/{project_id}/tests")

    def log(self, project_id: str | None = None) -> Iterator[Json]:
        """What happened, the newest first: in a project, for its managers, or everywhere, for administrators."""
        return self._pages("/api/audit", project_id=project_id)

    # -- webhooks -----------------------------------------------------------------------------------------------------
    def webhooks(self, project_id: str) -> list[Json]:
        return self._items(f"/api/projects/{project_id}/webhooks")

    def add_webhook(self, project_id: str, url: str, events: Sequence[str]) -> Json:
        """A webhook and its `secret`, which is shown this once."""
        return self._json("POST", f"/api/projects/{project_id}/webhooks", json={"url": url, "events": list(events)})

    def change_webhook(self, webhook_id: str, **changes: Any) -> Json:
        """Change `events` or `active`."""
        return self._json("PATCH", f"/api/webhooks/{webhook_id}", json=changes)

    def delete_webhook(self, webhook_id: str) -> None:
        self._json("DELETE", f"/api/webhooks/{webhook_id}")

    def ping_webhook(self, webhook_id: str) -> Json:
        """Send a trial event."""
        return self._json("POST", f"/api/webhooks/{webhook_id}/ping")

    def deliveries(self, webhook_id: str) -> Iterator[Json]:
        """What was sent, the newest first."""
        return self._pages(f"/api/webhooks/{webhook_id}/deliveries")

    def redeliver(self, delivery_id: str) -> Json:
        return self._json("POST", f"/api/deliveries/{delivery_id}/redeliver")
