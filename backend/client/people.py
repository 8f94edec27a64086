"""People: accounts for administrators, members for managers of projects, and what happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backend.client.transport import Json, NoSuchName, Server, ServerRefused


class People(Server):
    # -- accounts, for administrators ---------------------------------------------------------------------------------
    def people(self, search: str | None = None) -> Iterator[Json]:
        """Accounts; those whose name or address holds `search`."""
        return self._pages("/api/people", search=search)

    def find_person(self, email: str) -> Json:
        """The account of this address. Raises NoSuchName."""
        found = next((person for person in self.people(email) if person["email"] == email.strip().lower()), None)
        if found is None:
            raise NoSuchName(f"There is no account for {email}.", hint="`sammed people list` shows them.")
        return found

    def invite_person(self, email: str, name: str, *, is_admin: bool = False) -> Json:
        """A new account, and the token of its one-time link."""
        return self._json("POST", "/api/people", json={"email": email, "name": name, "is_admin": is_admin})

    def change_person(self, person_id: str, **changes: Any) -> Json:
        """Change `name`, `is_admin` or `active`."""
        return self._json("PATCH", f"/api/people/{person_id}", json=changes)

    def new_link(self, person_id: str) -> Json:
        """Forget somebody's password, end their sessions, and make a new one-time link: its `token`."""
        return self._json("POST", f"/api/people/{person_id}/link")

    # -- members of a project, for its managers -----------------------------------------------------------------------
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

    def invite_member(self, project_id: str, email: str, name: str, role: str) -> Json | None:
        """Make somebody a member: somebody new with an account and the `token` of its one-time link; None for who has
        an account."""
        body = {"email": email, "name": name, "role": role}
        try:
            return self._json("POST", f"/api/projects/{project_id}/invitations", json=body)
        except ServerRefused as refusal:
            if refusal.code != "user_exists":
                raise
        self.set_member(project_id, email, role)
        return None

    # -- what happened ------------------------------------------------------------------------------------------------
    def log(self, project_id: str | None = None) -> Iterator[Json]:
        """What happened, the newest first: in a project, for its managers, or everywhere, for administrators."""
        return self._pages("/api/audit", project_id=project_id)
