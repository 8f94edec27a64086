"""The job `compare`: the masks of a blinded comparison that are not stored, computed on accepted masks.

A person's clicks are drawn from the accepted mask by the comparison's seed, the same ones for the plain and the taught
model. What learns is taught by slices of the same mask that are not compared; of pictures, which have one slice, by the
masks of others. Nothing is kept before all is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np

from backend.db.tables import Job
from backend.domain.comparison import ComparisonSettings, MaskSource, Source
from backend.domain.jobs import ComparePayload, JobMessage, ModelMissing
from backend.imaging import masks
from backend.services.comparison_pairs import Accepted, Drawn, NewPair
from backend.services.comparisons import CannotCompare, ComparisonPlan
from backend.services.jobs import Progress
from backend.wiring import Services
from workers.accepted_cases import StoredImages
from workers.instances import one_by_one, shows_many
from workers.interactive import Interactive
from workers.sammed.assist import AssistConfig, LearnedPrompt, learn_prompt
from workers.sammed.auto import AutoConfig, auto_segment
from workers.sammed.cases import stream
from workers.sammed.sam import EncodedSlices, SamModel
from workers.sammed.sampling import draw_prompts
from workers.sammed.types import AnnotatedSlice, BoolArray, Prompts, SammedError

GiveWay = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class _Slice:
    """Slice `k` of an accepted mask; `place`: where its picture is among those of its group."""

    one: Accepted
    k: int
    place: int

    def mask(self) -> BoolArray:
        """[rows, columns] bool"""
        size = [self.one.volume.rows, self.one.volume.columns]
        return masks.decode(masks.Rle(size=size, counts=self.one.counts_by_slice[self.k]))


@dataclass(frozen=True, slots=True)
class _Group:
    """What is compared of one label: slices of a volume, or pictures; with what teaches it, and the pictures, encoded
    as they are asked for."""

    targets: Sequence[_Slice]
    support: Sequence[_Slice]
    images: EncodedSlices
    is_volume: bool

    def lessons(self) -> list[AnnotatedSlice]:
        return [AnnotatedSlice(one.place, self.images.embedding(one.place), one.mask()) for one in self.support]

    def taught_by(self) -> dict[str, Any]:
        """For the provenance: slices of the same mask, or annotations of other pictures."""
        if self.is_volume:
            return {"support": [one.k for one in self.support]}
        return {"pictures": [str(one.one.annotation.id) for one in self.support]}


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
        groups = list(self._groups(model, plan))
        of = sum(len(group.targets) for group in groups)
        pairs: list[NewPair] = []

        def look() -> None:
            progress(len(pairs) / of, JobMessage.COMPARING, done=len(pairs), of=of)
            self._give_way(lambda: None)

        with _translated():
            for group in groups:
                taught = self._taught(model, group, settings, look) if settings.learns else None
                first, second = (
                    self._drawn(source, model, taught, group, settings, look)
                    for source in (settings.first, settings.second)
                )
                pairs += [
                    NewPair(target.one.annotation.id, target.k, first[target.place], second[target.place])
                    for target in group.targets
                ]
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

    def _groups(self, model: SamModel, plan: ComparisonPlan) -> Iterable[_Group]:
        """Each accepted mask of a volume or of a picture by itself, and together the pictures that the same teach."""
        sets: dict[tuple[UUID, ...], tuple[Sequence[Accepted], list[Accepted]]] = {}
        for planned, one, teachers in plan.groups:
            if teachers:
                sets.setdefault(planned.pictures, (teachers, []))[1].append(one)
                continue
            targets, support = ([_Slice(one, k, k) for k in chosen] for chosen in (planned.slices, planned.support))
            images = StoredImages(self._services.objects, [one.volume] * one.volume.slices)
            yield _Group(targets, support, EncodedSlices(model, images), is_volume=one.volume.slices > 1)
        for teachers, compared in sets.values():
            members = [*teachers, *compared]
            images = StoredImages(self._services.objects, [one.volume for one in members])
            slices = [_Slice(one, 0, place) for place, one in enumerate(members)]
            of = len(teachers)
            yield _Group(slices[of:], slices[:of], EncodedSlices(model, images), is_volume=False)

    def _taught(
        self, model: SamModel, group: _Group, settings: ComparisonSettings, look: Callable[[], None]
    ) -> LearnedPrompt:
        config = self._assist if group.is_volume else replace(self._assist, position_grid=0)
        lessons = group.lessons()
        clicked = any(source.what is MaskSource.ASSIST for source in settings.computed)  # on all instances at once
        if _many(group, lessons) and not clicked:
            lessons = one_by_one(lessons, np.random.default_rng([settings.seed, len(lessons)]))
        return learn_prompt(model, lessons, config, seed=settings.seed, on_step=lambda step, steps: look())

    def _drawn(
        self,
        source: Source,
        model: SamModel,
        taught: LearnedPrompt | None,
        group: _Group,
        settings: ComparisonSettings,
        look: Callable[[], None],
    ) -> dict[int, Drawn]:
        """Place of a target -> the mask of a source, with where it is from."""
        if source.how == "stored":
            return self._stored(source, group)
        told = {
            "source": source.what,
            "how": "computed",
            "model": {"name": model.name, "checksum": model.checksum},
            "seed": settings.seed,
        }
        if taught is not None and source.what is not MaskSource.PLAIN:
            told |= {"learned_prompt": taught.checksum, **group.taught_by()}
            model = model.with_prompt(taught)
        if source.what is MaskSource.AUTO:
            return dict(self._proposed(model, group, settings, told, look))
        return dict(self._asked(model, group, settings, told))

    def _stored(self, source: Source, group: _Group) -> dict[int, Drawn]:
        found: dict[int, Drawn] = {}
        by_mask: dict[UUID, list[_Slice]] = {}
        for target in group.targets:
            by_mask.setdefault(target.one.annotation.id, []).append(target)
        for targets in by_mask.values():
            kept = self._services.comparisons.stored(targets[0].one, source, [target.k for target in targets])
            if len(kept) < len(targets):
                raise CannotCompare("What was stored was taken back meanwhile.", hint="Set it up again.")
            found |= {target.place: kept[target.k] for target in targets}
        return found

    def _asked(
        self, model: SamModel, group: _Group, settings: ComparisonSettings, told: dict[str, Any]
    ) -> Iterable[tuple[int, Drawn]]:
        for target in group.targets:
            rng = stream(settings.seed, str(target.one.annotation.id), target.k)
            n = settings.points
            prompts = draw_prompts(target.mask(), settings.prompts, n, n, rng, per_instance=False)
            mask = model.decode(group.images.embedding(target.place), prompts).mask
            yield target.place, _drawn(mask, {**told, "prompts": _prompts_json(prompts)})

    def _proposed(
        self,
        model: SamModel,
        group: _Group,
        settings: ComparisonSettings,
        told: dict[str, Any],
        look: Callable[[], None],
    ) -> Iterable[tuple[int, Drawn]]:
        config = replace(self._auto, generator="sapnet", positional=group.is_volume)
        lessons = group.lessons()
        if _many(group, lessons):
            config = replace(config, prompts="boxes", per_component=True)
        made = auto_segment(
            model,
            group.images,
            lessons,
            [target.place for target in group.targets],
            config,
            seed=settings.seed,
            on_progress=lambda share, what: look(),
        )
        for proposal in made:
            asked = _prompts_json(proposal.prompts) if proposal.prompts is not None else None
            facts = {**told, "generator": config.generator, "confidence": proposal.confidence, "prompts": asked}
            if len(proposal.instance_boxes):
                facts["boxes"] = proposal.instance_boxes.tolist()
            yield proposal.index, _drawn(proposal.mask, facts)


def _many(group: _Group, lessons: Sequence[AnnotatedSlice]) -> bool:
    """Whether pictures show many instances, which SAM^auto asks for one by one, as annotators have it."""
    return not group.is_volume and shows_many(None, [lesson.mask for lesson in lessons])


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
