"""What all tables share: their base, and the identifiers and times that rows begin with."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backend.domain.ids import new_id


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB, list[Any]: JSONB}


def id_() -> Mapped[UUID]:
    return mapped_column(primary_key=True, default=new_id)


def now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())
