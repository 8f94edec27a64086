"""What errors of the database say: their kind and what they are about, never the values of a row."""

from __future__ import annotations

import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from backend.wiring import Services

PLANTED = "PLANTED^NAME"


def whole(error: BaseException) -> str:
    """The error as a log shows it: with its trace and its cause."""
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("statement", "kind", "named"),
    [
        ("insert into planted (name) values (:value), (:value)", IntegrityError, "planted_pkey"),
        ("insert into planted (name, size) values (:value, null)", IntegrityError, "size"),
        ("select cast(:value as uuid)", DataError, "22P02"),
        ("select nowhere from planted where name = :value", ProgrammingError, "UndefinedColumn"),
    ],
)
def test_a_refused_row_is_not_quoted(services: Services, statement: str, kind: type[Exception], named: str) -> None:
    with pytest.raises(kind) as caught, services.db.begin() as session:
        session.execute(
            text("create temporary table planted (name text primary key, size int not null default 0) on commit drop")
        )
        session.execute(text(statement), {"value": PLANTED})
    said = whole(caught.value)
    assert PLANTED not in said
    assert named in said


def test_nor_does_the_private_server_write_rows_into_its_log(services: Services) -> None:
    with services.db.begin() as session:
        assert session.scalar(text("show log_error_verbosity")) == "terse"
