"""How eagerly a worker takes the processor. Nothing here is about models or queues."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")

NICEST = 19

YIELDING = 5
"""Steps of niceness: a quarter of a core is left beside a busy process of normal priority, and all of an idle core."""


def yield_to_others() -> None:
    """Let every process of normal priority go first, from now on. Call it before threads are started: they inherit it.

    Linux may share the processor among sessions before it looks at niceness (autogroups), and `sammed up` starts every
    worker in a session of its own: the session yields too, where it is ours alone."""
    os.nice(YIELDING)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # no such file: sessions play no part on this system
            present = int(AUTOGROUP.read_text().split()[-1])  # "/autogroup-12 nice 0"
            AUTOGROUP.write_text(str(min(NICEST, present + YIELDING)))
