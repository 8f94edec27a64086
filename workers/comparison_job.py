"""The job `compare`: the masks of a blinded comparison that are not stored, computed on accepted masks.

A person's clicks are drawn from the accepted mask by the comparison's seed, the same ones for the plain and the taught
model. What learns is taught by slices of the same mask that are not compared. Nothing is kept before all is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backend.db.tables import Job
from backend.domain.comparison import ComparisonSettings, MaskSource, PlannedGroup, Source
from backend.domain.jobs import ComparePayload, JobMessage, ModelMissing
from backend.imaging import masks
from backend.services.comparison_pairs import Accepted, Drawn, NewPair
from backend.services.comparisons import CannotCompare
from backend.services.jobs import Progress
from backend.wiring import Services
from workers.accepted_cases import StoredImages
from workers.interactive import Interactive
from workers.sammed.assist import AssistConfig, LearnedPrompt, learn_prompt
from workers.sammed.auto import AutoConfig, auto_segment
from workers.sammed.cases import stream
from workers.sammed.sam import EncodedSlices, SamModel
from workers.sammed.sampling import draw_prompts
from workers.sammed.types import AnnotatedSlice, BoolArray, Prompts, SammedError

GiveWay = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class _Group:
    """One accepted mask with its pictures, encoded as they are asked for."""

    plan: PlannedGroup
    one: Accepted
    slices: EncodedSlices

    def mask(self, k: int) -> BoolArray:
        """[rows, columns] bool"""
        size = [self.one.volume.rows, self.one.volume.columns]
        return masks.decode(masks.Rle(size=size, counts=self.one.counts_by_slice[k]))


class ComparisonJob:
    """The job in one process. `give_way` is called between steps; the configurations are arguments for those who want
    fewer of them."""

    def __init__(
        self,
        services: Services,
        interactive: Interactive,
        *,
        give_way: GiveWay,
        assist: AssistConfig | None = None,
        auto: AutoConfig | None = None,
    ) -> None:
        self._services = services
        self._interactive = interactive
        self._give_way = give_way
        self._assist = assist or AssistConfig()
        self._auto = auto or AutoConfig()

    def run(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Compute and keep all pairs. Raises CannotCompare, ModelMissing, JobCancelled."""
        payload = ComparePayload.model_validate(job.payload)
        plan = self._services.comparisons.plan(payload)
        if plan is None:  # an earlier run of the job had kept them
            return {}
        settings = plan.settings
        model = self._model(settings)
        of = sum(len(group.slices) for group, _ in plan.groups)
        pairs: list[NewPair] = []

        def look() -> None:
            progress(len(pairs) / of, JobMessage.COMPARING, done=len(pairs), of=of)
            self._give_way(lambda: None)

        with _translated():
            for planned, one in plan.groups:
                images = StoredImages(self._services.objects, [one.volume] * one.volume.slices)
                group = _Group(planned, one, EncodedSlices(model, images))
                taught = self._taught(model, group, settings, look) if settings.learns else None
                first, second = (
                    self._drawn(source, model, taught, group, settings, look)
                    for source in (settings.first, settings.second)
                )
                pairs += [NewPair(planned.annotation_id, k, first[k], second[k]) for k in planned.slices]
                look()
        return {"pairs": self._services.comparisons.keep(payload, pairs), "compared": len(pairs)}

    # -- inside -------------------------------------------------------------------------------------------------------
    def _model(self, settings: ComparisonSettings) -> SamModel:
        name = settings.model or self._services.settings.model
        if name not in self._interactive.models():
            raise ModelMissing(
                f"This worker does not have the model '{name}'.", hint=f"`sammed models pull {name}` downloads it."
            )
        return self._interactive.model(name)

    def _support(self, group: _Group) -> list[AnnotatedSlice]:
        return [AnnotatedSlice(k, group.slices.embedding(k), group.mask(k)) for k in group.plan.support]

    def _taught(
        self, model: SamModel, group: _Group, settings: ComparisonSettings, look: Callable[[], None]
    ) -> LearnedPrompt:
        return learn_prompt(
            model, self._support(group), self._assist, seed=settings.seed, on_step=lambda step, steps: look()
        )

    def _drawn(
        self,
        source: Source,
        model: SamModel,
        taught: LearnedPrompt | None,
        group: _Group,
        settings: ComparisonSettings,
        look: Callable[[], None],
    ) -> dict[int, Drawn]:
        """Slice -> the mask of a source, with where it is from."""
        if source.how == "stored":
            found = self._services.comparisons.stored(group.one, source, group.plan.slices)
            if set(found) != set(group.plan.slices):
                raise CannotCompare("What was stored was taken back meanwhile.", hint="Set it up again.")
            return found
        told = {
            "source": source.what,
            "how": "computed",
            "model": {"name": model.name, "checksum": model.checksum},
            "seed": settings.seed,
        }
        if taught is not None and source.what is not MaskSource.PLAIN:
            told |= {"learned_prompt": taught.checksum, "support": list(group.plan.support)}
            model = model.with_prompt(taught)
        if source.what is MaskSource.AUTO:
            return dict(self._proposed(model, group, settings, told, look))
        return dict(self._asked(model, group, settings, told))

    def _asked(
        self, model: SamModel, group: _Group, settings: ComparisonSettings, told: dict[str, Any]
    ) -> Iterable[tuple[int, Drawn]]:
        for k in group.plan.slices:
            rng = stream(settings.seed, str(group.plan.annotation_id), k)
            n = settings.points
            prompts = draw_prompts(group.mask(k), settings.prompts, n, n, rng, per_instance=False)
            mask = model.decode(group.slices.embedding(k), prompts).mask
            yield k, _drawn(mask, {**told, "prompts": _prompts_json(prompts)})

    def _proposed(
        self,
        model: SamModel,
        group: _Group,
        settings: ComparisonSettings,
        told: dict[str, Any],
        look: Callable[[], None],
    ) -> Iterable[tuple[int, Drawn]]:
        config = replace(self._auto, generator="sapnet")
        support = self._support(group)
        targets = list(group.plan.slices)
        made = auto_segment(
            model, group.slices, support, targets, config, seed=settings.seed, on_progress=lambda share, what: look()
        )
        for proposal in made:
            asked = _prompts_json(proposal.prompts) if proposal.prompts is not None else None
            facts = {**told, "generator": config.generator, "confidence": proposal.confidence, "prompts": asked}
            yield proposal.index, _drawn(proposal.mask, facts)


def _drawn(mask: BoolArray, provenance: dict[str, Any]) -> Drawn:
    return Drawn(masks.encode(np.asarray(mask, np.bool_))["counts"], provenance)


def _prompts_json(prompts: Prompts) -> dict[str, Any]:
    points = zip(prompts.points_xy.tolist(), prompts.point_labels.tolist(), strict=True)
    return {
        "points": [[x, y, bool(label)] for (x, y), label in points],
        "box": prompts.box_xyxy.tolist() if prompts.box_xyxy is not None else None,
    }


@contextmanager
def _translated() -> Any:
    """Errors of the method as the application's."""
    try:
        yield
    except SammedError as error:
        raise CannotCompare(error.message, hint=error.hint or None) from error
