"""Sending a webhook's message: one HTTP POST to the address, signed. No torch here.

The name is resolved first and every address it has must be allowed; then the connection goes to the very address that
was checked, so that a name that changes in between leads nowhere else. Redirects are not followed, proxies not used.
"""

from __future__ import annotations

import socket
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from backend.domain.jobs import DeliverCall
from backend.domain.webhooks import (
    DELIVERY_HEADER,
    EVENT_HEADER,
    SIGNATURE_HEADER,
    AddressNotAllowed,
    check_address,
    host_of,
    signature,
)
from backend.errors import Rejected
from backend.services.webhooks import Message, Outcome
from backend.wiring import Services

TIMEOUT_S = 10.0


class Deliver:
    def __init__(self, services: Services) -> None:
        self._webhooks = services.webhooks
        self._private = services.settings.webhook_private

    def run(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a delivery if nobody else did, and write what became of it."""
        message = self._webhooks.claim(DeliverCall.model_validate(payload))
        if message is None:
            return {"sent": False}
        outcome = self._send(message)
        self._webhooks.settle(message, outcome)
        return {"sent": outcome.is_delivered}

    def _send(self, message: Message) -> Outcome:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "sammed",
            EVENT_HEADER: message.event,
            DELIVERY_HEADER: str(message.id),
            SIGNATURE_HEADER: signature(message.secret, message.body, at=int(time.time())),
        }
        try:
            parts = urlsplit(message.url)
            host = host_of(message.url, private=self._private)
            address = self._address(host, parts.port or (443 if parts.scheme == "https" else 80))
            with (
                httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client,
                client.stream(
                    "POST",
                    httpx.URL(message.url).copy_with(host=address),
                    content=message.body,
                    headers=headers | {"Host": parts.netloc},
                    extensions={"sni_hostname": host},
                ) as answer,
            ):
                return Outcome(answer.status_code, None if answer.is_success else answer.reason_phrase[:200])
        except Rejected as error:
            return Outcome(None, error.detail)
        except (httpx.HTTPError, OSError, UnicodeError) as error:
            return Outcome(None, f"{type(error).__name__}: {error}"[:200])

    def _address(self, host: str, port: int) -> str:
        """One of the host's addresses. Raises AddressNotAllowed if any of them is not allowed, OSError if it has
        none."""
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        for address in found:
            check_address(address.partition("%")[0], private=self._private)
        if not found:
            raise AddressNotAllowed(f"{host} has no address.")
        return found[0]
