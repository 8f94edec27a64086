"""Webhooks: the events that others are told of, how a message is signed, and which addresses it may go to."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from backend.errors import Rejected

SIGNATURE_HEADER = "X-Sammed-Signature"
EVENT_HEADER = "X-Sammed-Event"
DELIVERY_HEADER = "X-Sammed-Delivery"

BACKOFF = tuple(timedelta(seconds=s) for s in (30, 120, 600, 3600, 4 * 3600, 12 * 3600))
"""How long after each failed attempt the next one comes; after the last one a delivery has failed."""

MOST_FAILURES = 20
"""After so many failed attempts in a row a webhook is switched off."""


class WebhookEvent(StrEnum):
    CASE_STATE_CHANGED = "case.state_changed"
    COMMENT_ADDED = "comment.added"
    EXPORT_READY = "export.ready"
    JOB_FINISHED = "job.finished"
    JOB_FAILED = "job.failed"
    PING = "ping"
    """sent when a manager tries the address"""


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class InvalidWebhook(Rejected):
    """A webhook's address cannot be used, or it names no event. Raised by domain.webhooks and services.webhooks."""

    code = "invalid_webhook"
    title = "This webhook cannot be kept"


class AddressNotAllowed(Rejected):
    """A webhook's address leads into the server's own network. Raised by domain.webhooks and workers.webhooks."""

    code = "address_not_allowed"
    title = "This address is not allowed"


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The header's value: the Unix time in seconds, and the HMAC-SHA256 of `<time>.<body>` in hex."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def host_of(url: str, *, private: bool) -> str:
    """The host of a webhook's address. Raises InvalidWebhook, and AddressNotAllowed when it is itself the number of an
    address that is not public, unless `private` ones may be used."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidWebhook(f"This is no address: {error}.") from error
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password or len(url) > 2000:
        raise InvalidWebhook(
            "The address does not begin with http:// or https://, has no host, or holds a password.",
            hint="What proves who sends is the signature, not the address.",
        )
    try:
        check_address(host, private=private)
    except ValueError:
        return host  # a name: its addresses are checked when it is called
    return host


def check_address(address: str, *, private: bool) -> None:
    """Raises AddressNotAllowed for one that is not public unless `private`, ValueError for what is no IP address."""
    ip = ipaddress.ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None) or ip
    if not private and not (mapped.is_global and not mapped.is_multicast):
        raise AddressNotAllowed(
            f"{ip} is not a public address.", hint="SAMMED_WEBHOOK_PRIVATE=true allows addresses of your own network."
        )


def event_of(action: str, detail: dict[str, Any]) -> WebhookEvent | None:
    """The event that an entry of the audit log is, if it is one."""
    if action in ("case.changed", "case.started") and "state" in detail:
        return WebhookEvent.CASE_STATE_CHANGED
    if action in ("comment.added", "comment.answered"):
        return WebhookEvent.COMMENT_ADDED
    return None
