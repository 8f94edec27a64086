"""Webhooks: whom a project tells what happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backend.client.transport import Json, Server


class Webhooks(Server):
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
