"""The last lines a child process runs before it becomes the program it was started for.

Run as a script by path, with the standard library alone, so that it costs a few milliseconds:

    python -I -S backend/launch.py [--parent PID] [--signal N] [--account UID:GID] [--reach] -- PROGRAM ARGUMENT...

`--parent`   the child gets signal `--signal` when that process dies, however it dies (Linux; elsewhere the supervisor
             clears up at its next start).
`--account`  give up root: become this user before the program starts.
`--reach`    with `--account`: keep the one right to walk through folders that the user could not enter (a virtual
             environment under /root, say). Everything else of root is gone.

Not here: who is started, in which order and with which files (`backend/embedded.py`, `backend/supervisor.py`).
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys

# linux/prctl.h and linux/capability.h
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522

EXIT_NOT_STARTED = 127


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityWords(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(outcome: int, what: str) -> None:
    if outcome != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, *arguments: int) -> None:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    _check(_libc().prctl(option, *(ctypes.c_ulong(value) for value in padded)), f"prctl({option})")


def become(uid: int, gid: int, *, reach: bool) -> None:
    """Drop from root to `uid:gid` without supplementary groups; with `reach`, keep the right to traverse folders."""
    keep = reach and sys.platform == "linux"
    if keep:
        _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if keep:
        _keep_reach()


def _keep_reach() -> None:
    """Reduce the capabilities to one that enters folders and make it survive exec; a container may have none."""
    libc = _libc()
    header = _CapabilityHeader(CAPABILITY_VERSION_3, 0)
    words = (_CapabilityWords * 2)()
    _check(libc.capget(ctypes.byref(header), ctypes.byref(words)), "capget")
    permitted = words[0].permitted
    capability = next((c for c in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if permitted & (1 << c)), None)
    if capability is None:
        return
    bits = 1 << capability
    words[0] = _CapabilityWords(bits, bits, bits)
    words[1] = _CapabilityWords(0, 0, 0)
    _check(libc.capset(ctypes.byref(header), ctypes.byref(words)), "capset")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def follow(parent_pid: int, signal_number: int) -> None:
    """Ask for `signal_number` at the parent's death; leave at once if it is dead already."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent_pid:
        sys.exit(EXIT_NOT_STARTED)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Prepare a child process, then become the program.")
    parser.add_argument("--parent", type=int)
    parser.add_argument("--signal", type=int, default=int(signal.SIGTERM))
    parser.add_argument("--account", metavar="UID:GID")
    parser.add_argument("--reach", action="store_true")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args(arguments)
    if options.account:
        uid, gid = (int(part) for part in options.account.split(":"))
        become(uid, gid, reach=options.reach)
    if options.parent:  # after the change of user, which clears it
        follow(options.parent, options.signal)
    try:
        os.execvp(options.program[0], options.program)
    except OSError as error:
        print(f"cannot start {options.program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(EXIT_NOT_STARTED)


if __name__ == "__main__":
    main(sys.argv[1:])
