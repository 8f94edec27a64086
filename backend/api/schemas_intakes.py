"""Intakes on the wire: files that come in many requests."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from backend.api.schemas_base import Schema
from backend.services.intakes import Arrived

MOST_ASKED = 2000
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class IntakeIn(Schema):
    key: str = Field(min_length=1, max_length=300, description="What the sender calls these files, such as a study")


class IntakeOut(Schema):
    id: UUID = Field(description="Also of the job that reads the files, once they are complete")


class KnownIn(Schema):
    sha256: list[Sha256] = Field(max_length=MOST_ASKED, description="Of the bytes of files as they would be sent")


class ArrivedFile(Schema):
    sha256: str
    name: str = Field(description="What the result of the job calls the file")
    intake_id: UUID
    state: Literal["waiting", "queued", "running", "done"] = Field(
        description="Of the job; `waiting` before there is one"
    )

    @classmethod
    def of(cls, file: Arrived) -> Self:
        return cls.model_validate(
            {"sha256": file.sha256, "name": file.name, "intake_id": file.intake_id, "state": str(file.state)}
        )


class ArrivedFiles(Schema):
    items: list[ArrivedFile]
