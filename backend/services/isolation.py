"""Decoders in a process of their own: one that crashes on damaged data takes no web server with it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, ParamSpec, TypeVar

from backend.errors import AppError, Relayed, Unavailable, to_record
from backend.imaging.dicom.errors import CorruptDicom
from backend.logs import silence_quoting

TIMEOUT_S = 120.0

P = ParamSpec("P")
T = TypeVar("T")


class DecoderFailed(Unavailable):
    """The process that decodes images crashed or took too long. Raised by services.isolation."""

    code = "decoder_failed"
    title = "The image could not be decoded"


class Isolation:
    """Runs functions of `backend.imaging` in child processes, which are started when first needed and after a crash.
    They end with their parent. Thread-safe."""

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns. Raises Relayed with the AppError that it raised, and DecoderFailed."""
        return self.begin(work, *args, **kwargs)()

    def begin(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Have the work done, and return at once. What is returned waits for the result, and raises, as `run` does."""
        pool = self._running()
        try:
            future = pool.submit(_told, work, args, kwargs)
        except BrokenProcessPool:  # it crashed since the last call
            self._drop(pool)
            future = self._running().submit(_told, work, args, kwargs)
        return lambda: self._result(pool, future)

    def _result(self, pool: ProcessPoolExecutor, future: Future[Any]) -> Any:
        try:
            problem, result = future.result(TIMEOUT_S)
        except (BrokenProcessPool, FutureTimeout) as error:
            self._drop(pool)
            raise DecoderFailed(
                "The decoder crashed on this image or did not end.", hint="The file is probably damaged. Send it again."
            ) from error
        if problem is not None:
            raise Relayed(problem)
        return result

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            _end(pool)

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_prepare)
            return self._pool

    def _drop(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
        _end(pool)


def _told(work: Callable[..., Any], args: Any, kwargs: Any) -> tuple[dict[str, Any] | None, Any]:
    """(None, the result) or (what went wrong, None): exceptions do not cross processes whole."""
    try:
        return None, work(*args, **kwargs)
    except AppError as error:
        return to_record(error), None
    except Exception as error:  # a damaged file makes a parser raise anything at all
        return to_record(CorruptDicom(f"It cannot be read ({type(error).__name__}).")), None


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())  # the pool has no way of its own to end a call that hangs
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


def _prepare() -> None:
    """What the child does first. It inherits no logging from its parent, which would let libraries write by default."""
    silence_quoting()
    _end_with_parent()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
