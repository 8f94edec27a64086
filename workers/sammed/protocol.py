"""The evaluation protocol of the paper, on cases in memory: what is learned on a few slices of a case and a label is
tested on the others of the same (PAPER.md sections 1 to 3).

    rows = list(evaluate_assist(load_sam(), cases, ProtocolConfig(slices=(2, 5))))

The same seed gives the same rows (but for `seconds`), whatever the number of processes and the order of the work.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import torch

from workers.sammed.cases import (
    Case,
    GeneratorName,
    InvalidProtocol,
    ProtocolConfig,
    Row,
    Subject,
    TrialName,
    Unit,
    plan,
)
from workers.sammed.sam import SamModel
from workers.sammed.trials import TRIALS, TimedSlices, Trial, Watch
from workers.sammed.types import SammedError

__all__ = [
    "Case",
    "GeneratorName",
    "InvalidProtocol",
    "ProtocolConfig",
    "Row",
    "TrialName",
    "evaluate",
    "evaluate_ablation",
    "evaluate_assist",
    "evaluate_auto",
    "plan",
]

ProgressCallback = Callable[[int, int, str], None]
"""Called with the labels of cases done, how many there are, and the last one's name."""


def evaluate_assist(
    model: SamModel, cases: Sequence[Case], config: ProtocolConfig | None = None, *, jobs: int = 1
) -> Iterator[Row]:
    """SAM^assist beside the plain model and the classical methods. See `evaluate`."""
    return evaluate("assist", model, cases, config, jobs=jobs)


def evaluate_auto(
    model: SamModel, cases: Sequence[Case], config: ProtocolConfig | None = None, *, jobs: int = 1
) -> Iterator[Row]:
    """SAM^auto with each of its generators. See `evaluate`."""
    return evaluate("auto", model, cases, config, jobs=jobs)


def evaluate_ablation(
    model: SamModel, cases: Sequence[Case], config: ProtocolConfig | None = None, *, jobs: int = 1
) -> Iterator[Row]:
    """The rows of Table 5. See `evaluate`."""
    return evaluate("ablation", model, cases, config, jobs=jobs)


def evaluate(
    trial: TrialName,
    model: SamModel,
    cases: Sequence[Case],
    config: ProtocolConfig | None = None,
    *,
    jobs: int = 1,
    on_progress: ProgressCallback | None = None,
    watch: Watch | None = None,
) -> Iterator[Row]:
    """Rows in the order of cases, labels, repeats and settings. What has too few slices is left out: `plan` says what.

    `jobs` processes share the work, each computing with as many threads as this one does now; the processes are ended
    when the iterator is closed. `watch` reaches into the trials; with several jobs it must be picklable. Raises
    NotEnoughSlices when no label of any case can be measured, InvalidProtocol for fewer than one job."""
    config = config or ProtocolConfig()
    if jobs < 1:
        raise InvalidProtocol(f"The number of jobs is {jobs}; 1 is the least.")
    units, _ = plan(cases, config)
    return _run(_Work(trial, model, cases, config, watch), units, min(jobs, len(units)), on_progress)


class _Work:
    """Everything that a process needs; the encodings of the case it is at are kept, those of earlier ones are not."""

    def __init__(
        self, trial: TrialName, model: SamModel, cases: Sequence[Case], config: ProtocolConfig, watch: Watch | None
    ) -> None:
        self.trial, self.model, self.cases, self.config, self.watch = trial, model, cases, config, watch
        self._encoded: tuple[int, TimedSlices] | None = None

    def subject(self, unit: Unit) -> Subject:
        return Subject(self.cases[unit.case], unit.value)

    def rows(self, unit: Unit) -> list[Row]:
        """All repeats of one label of one case."""
        if self._encoded is None or self._encoded[0] != unit.case:
            self._encoded = (unit.case, TimedSlices(self.model, self.cases[unit.case], self.watch))
        rows: list[Row] = []
        for repeat in range(1, self.config.repeats + 1):
            trial = Trial(self.model, self._encoded[1], self.subject(unit), unit, self.config, repeat)
            rows += TRIALS[self.trial](trial, unit.slices)
        return rows


def _run(work: _Work, units: Sequence[Unit], jobs: int, on_progress: ProgressCallback | None) -> Iterator[Row]:
    results = map(work.rows, units) if jobs == 1 else _in_processes(work, units, jobs)
    for done, (unit, rows) in enumerate(zip(units, results, strict=True), start=1):
        if on_progress:
            subject = work.subject(unit)
            on_progress(done, len(units), f"{subject.case.name}, {subject.name}")
        yield from rows


# ---- processes ------------------------------------------------------------------------------------------------------

_work: _Work
"""In a process that was started for work: what it was started with."""


def _start(work: _Work, threads: int) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    torch.set_num_threads(threads)
    _work = work


def _rows_of(unit: Unit) -> list[Row]:
    return _work.rows(unit)


def _in_processes(work: _Work, units: Sequence[Unit], jobs: int) -> Iterator[list[Row]]:
    """Results in the order of the units. Fresh processes (spawn): torch's threads do not survive a fork."""
    earlier = multiprocessing.active_children()
    executor = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_start, initargs=(work, torch.get_num_threads())
    )
    finished = False
    try:  # submitting starts the processes, which takes seconds
        for future in [executor.submit(_rows_of, unit) for unit in units]:
            yield future.result()
        finished = True
    except BrokenProcessPool as error:
        raise SammedError(
            "A process of the evaluation was ended from outside, perhaps for lack of memory.", "Use fewer jobs."
        ) from error
    finally:
        if not finished:
            for child in multiprocessing.active_children():
                if child not in earlier:
                    child.terminate()
        executor.shutdown(cancel_futures=True)
