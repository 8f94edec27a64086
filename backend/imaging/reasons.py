"""What a library says of a damaged file, fit to be shown and stored: its first line without what it quotes of the file,
because that may name the patient."""

from __future__ import annotations

import re

_QUOTED = re.compile(r"b?(['\"`]).*\1")
_NUMBERS = re.compile(r"\d[\d.:/-]{5,}")
"""Dates and identifiers; counts of bytes are shorter or said by us."""
_PATHS = re.compile(r"(/[\w.-]+){2,}")


def reason_of(error: BaseException) -> str:
    """One line of at most 200 characters; the kind of error where the library says nothing."""
    lines = str(error).splitlines()
    said = lines[0] if lines else ""
    for part in (_QUOTED, _PATHS, _NUMBERS):
        said = part.sub("…", said)
    return said[:200].strip() if said.strip(" ….") else type(error).__name__
