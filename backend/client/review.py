"""Review: comments, readers and their blind readings, what has changed, and one mask out of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.client.transport import Json, NoSuchName, Server
from backend.domain.ids import new_id


class Reviewing(Server):
    # -- comments -----------------------------------------------------------------------------------------------------
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

    # -- readers ------------------------------------------------------------------------------------------------------
    def readers(self, case_id: str) -> list[Json]:
        """Who or which program drew on a case, and on how many slices."""
        return self._items(f"/api/cases/{case_id}/readers")

    def find_reader(self, case_id: str, name: str) -> str:
        """The id of the person (by e-mail address or name) or program (by name) that drew on a case or reads it blind.
        Raises NoSuchName."""
        people = [reader["person"] for reader in self.readers(case_id)]
        people += [reading["reader"] for reading in self.readings(case_id)]
        for person in people:
            if name.strip().lower() in (person["email"].lower(), person["name"].lower()):
                return str(person["id"])
        raise NoSuchName(f"'{name}' does not read this case.", hint="`sammed readings list` shows who does.")

    def readings(self, case_id: str) -> list[Json]:
        """Who reads a case blind, and how far they are."""
        return self._items(f"/api/cases/{case_id}/readings")

    def return_reading(self, case_id: str, reader_id: str) -> Json:
        """Send one blind reading back to its reader."""
        return self._json("POST", f"/api/cases/{case_id}/readings/{reader_id}/return")

    def changes(self, case_id: str, since: str = "previous") -> Json:
        """On which slices which masks have changed, and by whom, since the case was sent back (`previous`) or
        `submitted` the last time."""
        return self._json("GET", f"/api/cases/{case_id}/changes", params={"since": since})

    def case_agreement(self, case_id: str, tolerance_mm: float | None = None) -> Json:
        """How far the blind readers of a case agree; `missing` counts what `compute_agreement` has to do first."""
        asked = {} if tolerance_mm is None else {"tolerance_mm": tolerance_mm}
        return self._json("GET", f"/api/cases/{case_id}/agreement", params=asked)

    # -- one mask out of several --------------------------------------------------------------------------------------
    def make_consensus(self, case_id: str, method: str, reader_ids: Sequence[str]) -> Json:
        """The job that makes one proposal to the caller of several readers' masks: `majority`, `staple` or `reader`."""
        return self._json(
            "POST", f"/api/cases/{case_id}/consensus", json={"method": method, "reader_ids": list(reader_ids)}
        )

    def proposals(self, volume_id: str, label_id: str | None = None) -> list[Json]:
        """The caller's open proposals on a volume, the oldest first."""
        return self._items(f"/api/volumes/{volume_id}/proposals", label_id=label_id)

    def accept_proposals(self, volume_id: str, label_id: str, ids: Sequence[str], parent: str | None) -> Json:
        """Make proposals of a label a revision of the caller's masks, whose newest revision is `parent`."""
        body = {"label_id": label_id, "ids": list(ids), "revision_id": str(new_id()), "parent": parent}
        return self._json("POST", f"/api/volumes/{volume_id}/proposals/accept", json=body)

    def annotations(self, volume_id: str) -> list[Json]:
        """The caller's masks on a volume, by label, each with the newest revision."""
        return self._items("/api/annotations", volume_id=volume_id)
