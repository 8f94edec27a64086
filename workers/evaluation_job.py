"""The job `evaluate`: the paper's protocol on the accepted masks of a project, with the report of `sammed evaluate`.

Slices are read from the object store when they are needed, so that many large cases fit; nothing is kept before all is
measured, so that a job whose worker was lost starts over.
"""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from backend.db.tables import Job
from backend.domain.evaluation import CannotEvaluate, EvaluatePayload, EvaluationMessage, EvaluationResult, MethodScore
from backend.domain.jobs import ModelMissing
from backend.services.evaluations import ARCHIVE
from backend.services.jobs import Progress
from backend.wiring import Services
from workers.accepted_cases import cases_of
from workers.evaluation import describe
from workers.interactive import Interactive
from workers.sammed.protocol import ProtocolConfig, Row, Watch, evaluate, plan
from workers.sammed.sam import SamModel
from workers.sammed.tables import METHOD_NAMES, setting_name, summarise
from workers.sammed.types import Prediction, Prompts, SammedError, SliceEmbedding

MEASURING_SHARE = 0.97
"""Share of the progress that measuring counts for; the rest is the report."""


GiveWay = Callable[[Callable[[], None]], None]
"""Does what somebody waits for, if anything, and calls its argument before."""


class Evaluation:
    """The job in one process. `give_way` is called every few steps; `config` is an argument for those who want fewer
    steps of learning."""

    def __init__(
        self,
        services: Services,
        interactive: Interactive,
        *,
        give_way: GiveWay,
        config: ProtocolConfig | None = None,
    ) -> None:
        self._services = services
        self._interactive = interactive
        self._give_way = give_way
        self._config = config or ProtocolConfig()

    def run(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Measure, write the report, keep it. Raises CannotEvaluate, ModelMissing, JobCancelled."""
        from workers.sammed.report import write_report  # draws with matplotlib, which no other job of the process needs

        started = time.perf_counter()
        payload = EvaluatePayload.model_validate(job.payload)
        model = self._model(payload)
        progress(0.0, EvaluationMessage.READING_MASKS)
        chosen = self._services.evaluations.plan(payload)
        cases = cases_of(chosen.volumes, chosen.project, self._services.objects)
        with _translated():
            config = _protocol_config(self._config, payload)
            units, skipped = plan(cases, config)
            watcher = _Watcher(progress, len(units), self._give_way)
            watched = _WatchedModel(model, watcher.asked)
            watch = Watch(clock=watcher.clock, pause=watcher.look)
            rows = list(evaluate(payload.protocol, watched, cases, config, on_progress=watcher.unit_done, watch=watch))
        progress(MEASURING_SHARE, EvaluationMessage.WRITING_REPORT)
        protocol = {
            **describe(payload.protocol, model, cases, config, skipped),
            "project": chosen.project,
            "evaluation": str(job.id),
            "references": [reference.model_dump(mode="json") for reference in chosen.references],
        }
        with tempfile.TemporaryDirectory(prefix="sammed-evaluation-") as name:
            folder = Path(name)
            write_report(folder, rows, protocol)
            _zip(folder)
            files = self._services.evaluations.keep(job.id, folder)
        setting, scores = headline(payload.protocol, rows)
        return EvaluationResult(
            files=tuple(files),
            scores=scores,
            setting=setting,
            measured=len(units),
            rows=len(rows),
            left_out=tuple(skipped),
            seconds=round(time.perf_counter() - started, 1),
            model=model.name,
            model_checksum=model.checksum,
            code_version=protocol["code"]["version"],
            code_commit=protocol["code"]["commit"],
            references=tuple(chosen.references),
        ).model_dump(mode="json")

    def _model(self, payload: EvaluatePayload) -> SamModel:
        name = payload.model or self._services.settings.model
        if name not in self._interactive.models():
            raise ModelMissing(
                f"This worker does not have the model '{name}'.", hint=f"`sammed models pull {name}` downloads it."
            )
        return self._interactive.model(name)


# ---- watching -------------------------------------------------------------------------------------------------------


class _Watcher:
    """Says where a measurement is and lets others go first: with every mask that the model was asked for, and between
    the steps of learning. Its clock stands still meanwhile."""

    def __init__(
        self, progress: Progress, units: int, give_way: GiveWay, monotonic: Callable[[], float] = time.perf_counter
    ) -> None:
        self._monotonic = monotonic
        self._progress = progress
        self._units = units
        self._give_way = give_way
        self._done = 0
        self._masks = 0
        self._away_s = 0.0

    def clock(self) -> float:
        """Seconds spent on the measurement alone."""
        return self._monotonic() - self._away_s

    def asked(self) -> None:
        """Before the model is asked. Raises as `look` does."""
        self._masks += 1
        self.look()

    def look(self) -> None:
        """Raises JobCancelled when the job was asked to stop, WorkerStopping when its worker was."""
        self._progress(
            self._share,
            EvaluationMessage.MEASURING,
            unit=self._done + 1,
            of=self._units,
            masks=self._masks,
        )
        left = self._monotonic()
        with torch.inference_mode(False), torch.enable_grad():  # wherever the model was asked from
            self._give_way(lambda: self._progress.at_once(self._share, EvaluationMessage.GIVING_WAY))
        self._away_s += self._monotonic() - left

    @property
    def _share(self) -> float:
        return MEASURING_SHARE * self._done / self._units

    def unit_done(self, done: int, total: int, name: str) -> None:
        self._done = done


class _WatchedModel(SamModel):
    """A model that calls back whenever it is asked: a label of a case takes minutes, and somebody may want to stop it.
    Shares everything with the model it was made from; so do the models that are taught from it."""

    def __init__(self, model: SamModel, on_ask: Callable[[], None]) -> None:
        self.__dict__.update(model.__dict__)
        self._on_ask = on_ask

    def encode(self, image: NDArray[np.uint8]) -> SliceEmbedding:
        self._on_ask()
        return super().encode(image)

    def decode(self, embedding: SliceEmbedding, prompts: Prompts) -> Prediction:
        self._on_ask()
        return super().decode(embedding, prompts)


# ---- settings and report --------------------------------------------------------------------------------------------


def _protocol_config(base: ProtocolConfig, payload: EvaluatePayload) -> ProtocolConfig:
    return replace(
        base,
        slices=payload.slices,
        points=payload.points,
        prompts=payload.prompts,
        schemes=payload.schemes,
        baselines=payload.baselines,
        generators=payload.generators,
        repeats=payload.repeats,
        seed=payload.seed,
        test_slices=payload.test_slices,
    )


def headline(protocol: str, rows: Sequence[Row]) -> tuple[str, tuple[MethodScore, ...]]:
    """What a list of evaluations shows: mean Dice by method, with the least help from the user for `assist`, with the
    most annotated slices otherwise.  -> the setting in words, the scores in the order of the report"""
    final = [row for row in rows if row.prompts != "coarse"]
    kind = min((row.prompts for row in final), key=["points", "boxes", "composite"].index)
    least = protocol == "assist"
    slices = (min if least else max)(row.slices for row in final)
    points = min(row.points for row in final if row.prompts == kind)
    shown = [row for row in final if row.slices == slices]
    if least:
        shown = [row for row in shown if (row.prompts, row.points) == (kind, points)]
    scores = []
    for method in dict.fromkeys(row.method for row in shown):
        summary = summarise([row.dice for row in shown if row.method == method])
        assert summary is not None
        scores.append(MethodScore(method=METHOD_NAMES.get(method, method), dice=round(summary.mean, 4)))
    words = f"{slices} annotated slice{'' if slices == 1 else 's'}"
    return (f"{setting_name(kind, points)}, {words}" if least else words), tuple(scores)


def _zip(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(folder / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))


@contextmanager
def _translated() -> Iterator[None]:
    """The method's errors in the words of the application."""
    try:
        yield
    except SammedError as error:
        raise CannotEvaluate(error.message, hint=error.hint or None) from error
