"""One's own account: who one is, sessions, personal tokens, one's queue; and the state of the server."""

from __future__ import annotations

from collections.abc import Iterator

from backend.client.transport import Json, Server


class Accounts(Server):
    def me(self) -> Json:
        return self._json("GET", "/api/me")

    def work(self) -> Iterator[Json]:
        """The caller's queue in all projects, the most urgent first: each a `case` and a `project_name`."""
        return self._pages("/api/me/work")

    def sign_in_options(self) -> Json:
        """How people may sign in: `passwords`, and `oidc` with the name of a sign-in service or None."""
        return self._json("GET", "/api/auth/options")

    # -- tokens -------------------------------------------------------------------------------------------------------
    def tokens(self) -> list[Json]:
        return self._items("/api/tokens")

    def create_token(
        self, name: str, *, expires_at: str | None = None, scope: str = "all", dicomweb_project_id: str | None = None
    ) -> Json:
        """A personal token and its secret `token`, which is shown this once. `expires_at`: ISO 8601; `scope`: `all` or
        `read`; `dicomweb_project_id`: what DICOMweb addresses without a project mean with it."""
        body = {"name": name, "expires_at": expires_at, "scope": scope, "dicomweb_project_id": dicomweb_project_id}
        return self._json("POST", "/api/tokens", json=body)

    def revoke_token(self, token_id: str) -> None:
        self._json("DELETE", f"/api/tokens/{token_id}")

    # -- sessions -----------------------------------------------------------------------------------------------------
    def sessions(self) -> list[Json]:
        """The browsers in which the caller is signed in."""
        return self._items("/api/sessions")

    def end_session(self, session_id: str) -> None:
        self._json("DELETE", f"/api/sessions/{session_id}")

    def end_all_sessions(self) -> None:
        """Sign the caller out in every browser; tokens go on."""
        self._json("DELETE", "/api/sessions")

    # -- the server ---------------------------------------------------------------------------------------------------
    def system(self) -> Json:
        """What works on the server and what does not."""
        return self._json("GET", "/api/system")
