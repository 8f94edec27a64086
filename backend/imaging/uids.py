"""DICOM UIDs for objects that this application makes: a function of what the object is, never of chance."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sammed:dicom")


def uid_of(*parts: str) -> str:
    """The UID that belongs to these texts, always the same for the same: a UUID as a number under 2.25 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}"
