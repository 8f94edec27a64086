"""The key of the pseudonyms on the wire."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_statistics import plain
from backend.services.privacy import Known


class LookUpIn(Schema):
    pseudonym: str = Field(max_length=64)


class IdentityOut(Schema):
    pseudonym: str
    kind: str = Field(description="`patient`, `study` or `file`")
    values: dict[str, str] = Field(description="What the images said, by DICOM keyword; of a file its `name`")
    since: datetime

    @classmethod
    def of(cls, known: Known) -> IdentityOut:
        return cls(pseudonym=known.pseudonym, kind=known.kind, values=known.values, since=known.since)


def identities_csv(rows: Sequence[Known]) -> str:
    """A line for each pseudonym. A value that a spreadsheet would take for a formula gets an apostrophe."""
    names = sorted({name for row in rows for name in row.values})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["pseudonym", "kind", "since", *names])
    for row in rows:
        told = [plain(row.values.get(name, "")) for name in names]
        writer.writerow([row.pseudonym, row.kind, row.since.isoformat(), *told])
    return text.getvalue()
