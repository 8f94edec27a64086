"""The data folder of one installation: taking possession of it, and where sockets go.

Not here: what lies inside (`Settings` names the places) and the servers that run on it (`backend/embedded.py`).

The lock is the kernel's (flock): it goes with the process that holds it, so it cannot be stale. The text in the lock
file only tells others who holds it.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from backend.errors import Conflict, Unavailable

SOCKET_PATH_MAX_BYTES = 100  # the kernel's limit is 107 on Linux and 103 on macOS
LOCK_PATIENCE_S = 1.0
LOCK_POLL_S = 0.05


class DataFolderInUse(Conflict):
    """Another sammed runs on this data folder. Stop that one, or choose another folder."""

    code = "data_folder_in_use"
    title = "The data folder is in use"


class DataFolderUnusable(Unavailable):
    """The data folder cannot be created, entered or written. Choose another, or mend its permissions."""

    code = "data_folder_unusable"
    title = "The data folder cannot be used"


@contextmanager
def hold_data_dir(data_dir: Path) -> Iterator[None]:
    """Create the folder (mode 0700) and hold it exclusively. Raises `DataFolderInUse`, naming who holds it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        data_dir.chmod(0o700)
    except OSError as error:
        raise DataFolderUnusable(
            f"{data_dir} cannot be used: {error.strerror}.", hint="Choose another folder with --data-dir."
        ) from error
    with open(data_dir / "lock", "a+", encoding="utf-8") as lock:
        if not _locked(lock):
            lock.seek(0)
            raise _in_use(data_dir, lock.read())
        holder = {"pid": os.getpid(), "user": getpass.getuser(), "host": socket.gethostname(), "since": _now()}
        lock.truncate(0)
        lock.write(json.dumps(holder))
        lock.flush()
        yield
        lock.truncate(0)


def _locked(file: TextIO) -> bool:
    """Take the lock, waiting a moment for a holder that was killed and has not quite gone yet."""
    deadline_s = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                return False
        time.sleep(LOCK_POLL_S)


def _in_use(data_dir: Path, holder_json: str) -> DataFolderInUse:
    holder = json.loads(holder_json) if holder_json else {}
    by = "process {pid} of {user} on {host}, since {since}".format_map(holder) if holder else "another process"
    return DataFolderInUse(
        f"{data_dir} is in use by {by}.",
        hint="Stop that process (Ctrl+C in its terminal), or choose another folder with --data-dir.",
        context=holder,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def socket_dir(data_dir: Path) -> Path:
    """A folder for sockets whose paths are short enough for the kernel: under the data folder where possible."""
    preferred = data_dir / "run"
    longest = preferred / "postgres" / ".s.PGSQL.5432"
    if len(os.fsencode(longest)) <= SOCKET_PATH_MAX_BYTES:
        folder = preferred
    else:
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"sammed-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise DataFolderUnusable(f"{folder} belongs to somebody else.", hint="Remove it, or use a shorter --data-dir.")
    folder.chmod(0o700)
    return folder
