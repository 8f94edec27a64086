"""Log lines: one form for our own messages and those of libraries, on one stream."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest
import structlog
from pydicom import config
from pydicom.valuerep import validate_value

from backend.logs import QUOTING, configure_logging
from backend.services.isolation import Isolation
from backend.settings import Settings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quoting = [(logger, logger.handlers[:], logger.propagate) for logger in map(logging.getLogger, QUOTING)]
    with warnings.catch_warnings():
        yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for logger, before, propagate in quoting:
        logger.handlers[:] = before
        logger.propagate = propagate
    structlog.reset_defaults()


def said(log_format: str, level: str = "info") -> list[str]:
    """What one message of ours, one of a library and one detail look like."""
    stream = io.StringIO()
    configure_logging(Settings(log_format=log_format, log_level=level), stream)
    structlog.get_logger("backend.somewhere").info("job done", job="42")
    logging.getLogger("library").warning("disk %s full", "almost")
    logging.getLogger("library").debug("a detail")
    return stream.getvalue().splitlines()


def test_json_is_one_object_a_line() -> None:
    ours, theirs = (json.loads(line) for line in said("json"))
    assert ours["event"] == "job done"
    assert ours["job"] == "42"
    assert ours["level"] == "info"
    assert ours["logger"] == "backend.somewhere"
    assert ours["timestamp"].endswith("Z")
    assert theirs["event"] == "disk almost full"
    assert theirs["level"] == "warning"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_exception_tells_where_and_quotes_nothing(log_format: str) -> None:
    stream, name, born = io.StringIO(), "PLANTED^NAME", "18931117"
    configure_logging(Settings(log_format=log_format), stream)
    for logger in (structlog.get_logger("backend.somewhere"), logging.getLogger("library")):
        try:
            try:
                int(name)
            except ValueError as error:
                raise KeyError(f"{name} {born}") from error
        except KeyError:
            logger.exception("it broke")
    said = stream.getvalue()
    assert said.count("it broke") == 2 and said.count("ValueError: invalid literal") == 2
    assert said.count("test_logs.py") == 4 and "KeyError" in said
    assert "PLANTED" not in said and "18931117" not in said


def test_console_is_for_people() -> None:
    ours, theirs = said("console")
    assert "job done" in ours
    assert "job=42" in ours
    assert "disk almost full" in theirs


def test_auto_means_json_where_nobody_reads() -> None:
    assert json.loads(said("auto")[0])["event"] == "job done"


@pytest.mark.parametrize(("level", "lines"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_the_level_is_a_threshold(level: str, lines: int) -> None:
    assert len(said("json", level)) == lines


def test_an_exception_is_one_line_with_its_trace() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json"), stream)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_configuring_twice_does_not_say_things_twice() -> None:
    said("json")
    assert len(said("json")) == 2


ODD_VALUE = "PLANTED^NAME"  # no unique identifier, which pydicom says with the value in its words

READ_IT = f"""
from backend.logs import configure_logging
from backend.settings import Settings
import logging
if {{silenced}}:
    configure_logging(Settings(log_format="json", log_level="debug"))
from pydicom import config
from pydicom.valuerep import validate_value
validate_value("UI", {ODD_VALUE!r}, config.WARN)
logging.getLogger("library").warning("something else")
"""


@pytest.mark.parametrize("silenced", [False, True])
def test_a_library_that_quotes_values_is_not_heard(silenced: bool) -> None:
    """In a process of its own, where pydicom is imported after the log was configured, as in a worker."""
    ran = subprocess.run(
        [sys.executable, "-c", READ_IT.format(silenced=silenced)], capture_output=True, text=True, check=True
    )
    assert (ODD_VALUE in ran.stderr) is not silenced
    assert "something else" in ran.stderr


def test_nor_is_it_heard_from_the_process_of_the_decoders(capfd: pytest.CaptureFixture[str]) -> None:
    isolation = Isolation()
    try:
        isolation.run(validate_value, "UI", ODD_VALUE, config.WARN)
    finally:
        isolation.close()
    heard = capfd.readouterr()
    assert ODD_VALUE not in heard.out + heard.err
