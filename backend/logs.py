"""How log lines look: one pipeline for our own messages (structlog) and those of libraries (logging).

Lines go to standard error; standard output belongs to answers. `json` gives one object a line with a UTC time,
`console` is for people. A log line names things by their ids and never carries names, pixels or header
values of a patient: of an exception that nobody foresaw, it tells where, which kind, and its words without what they
quote.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
import warnings
from typing import TextIO

import structlog

from backend.imaging.reasons import reason_of
from backend.settings import Settings

# Libraries that are worth listening to only when something is wrong.
QUIET = ("httpx", "httpcore", "rq.worker", "uvicorn.access", "alembic.runtime.plugins", "PIL")

# Libraries that quote what they read in their messages, and so name patients. What is wrong with a file is said by us.
QUOTING = ("pydicom", "pynetdicom", "highdicom", "tifffile", "nibabel")


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all log lines of this process to `stream` (standard error), in the configured form and from the configured
    level on. Call it once, first thing in a process; calling it again replaces the earlier configuration."""
    target = stream or sys.stderr
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not target.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if as_json:
        rendering: structlog.typing.Processor = structlog.processors.JSONRenderer()
    else:
        rendering = structlog.dev.ConsoleRenderer(colors=target.isatty())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_where_and_which),
                rendering,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    silence_quoting()
    access = logging.getLogger("uvicorn.access")
    if not any(isinstance(known, _WithoutQuery) for known in access.filters):
        access.addFilter(_WithoutQuery())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # uvicorn's own handlers would say everything twice
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def silence_quoting() -> None:
    """Let no message or warning of the libraries in QUOTING out of this process. Every process that reads DICOM calls
    it; calling it again changes nothing."""
    for name in QUOTING:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False  # a level would not do: pydicom sets its own when it is imported
    quoting = "|".join(map(re.escape, QUOTING))
    warnings.filterwarnings("ignore", module=rf"({quoting})(\.|$)")


def _where_and_which(exc_info: structlog.typing.ExcInfo) -> str:
    """A traceback with the causes first, as Python writes it, in which messages quote nothing."""
    chain: list[BaseException] = []
    error: BaseException | None = exc_info[1]
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    told = (
        "Traceback (most recent call last):\n"
        + "".join(traceback.format_tb(one.__traceback__))
        + f"{type(one).__qualname__}: {reason_of(one)}"
        for one in reversed(chain)
    )
    return "\n\nThen:\n\n".join(told)


class _WithoutQuery(logging.Filter):
    """Cuts the query off logged addresses: a search over DICOMweb names patients in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.partition("?")[0] if isinstance(arg, str) and arg.startswith("/") else arg for arg in record.args
            )
        return True
