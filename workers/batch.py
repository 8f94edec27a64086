"""Learning and proposing: what the queue `train` does, with `workers.sammed` on the application's slices.

Each result is written as it is made, in its own transaction, through `backend.services`; a job that is retried after a
lost worker starts over and replaces what it had proposed. Here is no rule about who may what, and no method.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from backend.db.tables import Job
from backend.domain.jobs import (
    AutoSegmentPayload,
    JobKind,
    JobMessage,
    LearningPayload,
    LearnPromptPayload,
    ModelInfo,
    ModelMissing,
    PropagatePayload,
)
from backend.domain.learning import (
    MAX_EXAMPLES,
    MIN_EXAMPLES,
    CannotLearn,
    Generator,
    LearnedNetwork,
    NotEnoughExamples,
    ProposedSlice,
    Verdict,
)
from backend.imaging import intensity, masks
from backend.services.jobs import Progress
from backend.services.learned_prompts import NewLearnedPrompt
from backend.services.learning import Frame, LearningPlan
from backend.services.proposals import Run
from backend.wiring import Services
from workers.instances import one_by_one, prompting, shows_many
from workers.interactive import Interactive, learned_prompt_of
from workers.sammed.assist import AssistConfig, LearnedPrompt, learn_prompt
from workers.sammed.auto import AutoConfig, auto_segment
from workers.sammed.guards import TRIALS, judge
from workers.sammed.metrics import dice, iou
from workers.sammed.propagation import propagate
from workers.sammed.sam import SamModel
from workers.sammed.sampling import draw_prompts
from workers.sammed.sapnet import SapNet
from workers.sammed.types import (
    AnnotatedSlice,
    BoolArray,
    FloatArray,
    NotEnoughSlices,
    Prompts,
    SammedError,
    SliceEmbedding,
)

log = structlog.get_logger(__name__)

JUDGING_SHARE = 0.6
"""Share of the progress of learning that leaving slices out counts for."""

LEARNING_FIRST_SHARE = 0.3
"""Share of the progress of proposing that learning a prompt first counts for."""


class FrameSlices:
    """The frames of a plan as the method sees slices: embeddings from the cache, made where they are not there."""

    def __init__(
        self, services: Services, interactive: Interactive, frames: Sequence[Frame], checkpoint: Callable[[], None]
    ) -> None:
        """`checkpoint` is called before each embedding, which may take seconds, and may raise to abort."""
        self._services = services
        self._interactive = interactive
        self._frames = frames
        self._checkpoint = checkpoint

    def __len__(self) -> int:
        return len(self._frames)

    def image(self, index: int) -> NDArray[np.uint8]:
        """[H, W] or [H, W, 3] uint8 through the model's window"""
        source = self._frames[index].source
        window = intensity.Window("model", *source.window) if source.window else None
        return intensity.model_input(self._services.objects.read_slice(source.voxels_hash, source.slice_index), window)

    def embedding(self, index: int) -> SliceEmbedding:
        self._checkpoint()
        return self._interactive.embedding(self._frames[index].source)

    def mask(self, index: int, counts: str) -> BoolArray:
        """RLE counts of a frame -> [H, W] bool"""
        rows, columns = self._frames[index].source.size_hw
        return masks.decode({"size": [rows, columns], "counts": counts}, (rows, columns))


class Batch:
    """The jobs of learning in one process. The configurations are arguments for those who want fewer steps."""

    def __init__(
        self,
        services: Services,
        interactive: Interactive,
        *,
        assist: AssistConfig | None = None,
        auto: AutoConfig | None = None,
    ) -> None:
        self._services = services
        self._interactive = interactive
        self._assist = assist or AssistConfig()
        self._auto = auto or AutoConfig()

    def jobs(self) -> dict[JobKind, Callable[[Job, Progress], dict[str, Any]]]:
        """What runs each kind of job."""
        return {
            JobKind.LEARN_PROMPT: self.learn_prompt,
            JobKind.AUTO_SEGMENT: self.auto_segment,
            JobKind.PROPAGATE: self.propagate,
        }

    def learn_prompt(self, job: Job, progress: Progress) -> dict[str, Any]:
        """SAM^assist on the annotator's examples, judged by leaving slices out."""
        payload = LearnPromptPayload.model_validate(job.payload)
        model, plan = self._open(payload)
        return self._learn(job, payload, model, plan, progress, share=1.0)

    def auto_segment(self, job: Job, progress: Progress) -> dict[str, Any]:
        """SAM^auto: proposals for all targets, with the label's learned prompt; one is learned first where none was
        tried before. Slices far from the examples are not taken for empty: only what the annotator said is."""
        payload = AutoSegmentPayload.model_validate(job.payload)
        model, plan = self._open(payload)
        before = 0.0
        if plan.answering is None and not plan.tried:
            before = LEARNING_FIRST_SHARE
            self._learn(job, payload, model, plan, progress, share=before)
            model, plan = self._open(payload)
        wanted = range(len(plan.frames)) if payload.targets is None else payload.targets
        targets = [k for k in wanted if k not in plan.annotated and k not in plan.absent]
        slices = FrameSlices(self._services, self._interactive, plan.frames, progress.checkpoint)
        examples = self._examples(plan, slices)
        if len(examples) < MIN_EXAMPLES:
            raise NotEnoughExamples("The annotated slices were taken back meanwhile.", hint="Annotate two slices.")
        background = [
            AnnotatedSlice(k, slices.embedding(k), np.zeros(plan.frames[k].source.size_hw, np.bool_))
            for k in _spread(sorted(plan.absent))
        ]
        run = self._run(job, payload, plan, payload.generator)
        network: LearnedNetwork | None = None
        done = empty = 0

        def report(share: float, _: str) -> None:
            if done:
                progress(before + (1 - before) * share, JobMessage.PROPOSING, done=done, of=len(targets))
            else:
                progress(before + (1 - before) * share, JobMessage.LOCATING)

        def keep(net: SapNet) -> None:
            nonlocal network
            file = net.to_bytes()
            self._services.networks.keep(job.id, file)
            network = LearnedNetwork(
                generator=payload.generator,
                model=plan.model,
                model_checksum=plan.model_checksum,
                seed=payload.seed,
                checksum=hashlib.sha256(file).hexdigest(),
                size_bytes=len(file),
                examples=[_example(plan, example.index) for example in examples],
                absent=[_place(plan.frames[annotated.index]) for annotated in background],
                provenance=net.provenance,
            )

        prompts, per_component = prompting(payload, [example.mask for example in examples])
        config = replace(
            self._auto,
            generator=payload.generator.value,
            prompts=prompts.value,
            per_component=per_component,
            positional=payload.volume_id is not None,
            top_k=payload.top_k,
        )
        with _translated():
            made = auto_segment(
                self._asked(plan, model),
                slices,
                [*examples, *background],
                targets,
                config,
                seed=payload.seed,
                on_progress=report,
                on_learned=keep,
            )
            for proposal in made:
                frame = plan.frames[proposal.index]
                self._services.proposals.propose(
                    run,
                    _proposed(frame, proposal.mask, proposal.confidence, proposal.prompts, proposal.instance_boxes),
                )
                done += 1
                empty += not proposal.mask.any()
        if payload.targets is None:
            self._services.proposals.forget_older(run, list({frame.volume_id for frame in plan.frames}))
        return _result(run, proposed=done, empty=empty) | {"network": network.model_dump() if network else None}

    def propagate(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Follow the label from one slice until it is lost, a slice is annotated, or there were enough. Confidence: how
        much of the mask is that of the slice before."""
        payload = PropagatePayload.model_validate(job.payload)
        model, plan = self._open(payload)
        if payload.start not in plan.annotated:
            raise NotEnoughExamples(f"Slice {payload.start} has no mask any more.", hint="Annotate it again.")
        slices = FrameSlices(self._services, self._interactive, plan.frames, progress.checkpoint)
        mask = slices.mask(payload.start, plan.annotated[payload.start])
        start = AnnotatedSlice(payload.start, slices.embedding(payload.start), mask)
        run = self._run(job, payload, plan, Generator.PROPAGATION)
        directions = (1, -1) if payload.direction is None else (payload.direction,)
        most = min(payload.most_slices or len(slices), len(slices) - 1) * len(directions)
        proposed = 0
        with _translated():
            for direction in directions:
                before, here = mask, 0
                rng = np.random.default_rng([payload.seed, payload.start, direction + 1])
                followed = propagate(self._asked(plan, model), slices, start, direction, self._auto.propagation, rng)
                for k, found, prompts in followed:
                    if k in plan.annotated or (payload.most_slices is not None and here >= payload.most_slices):
                        break
                    made = _proposed(plan.frames[k], found, iou(found, before), prompts)
                    self._services.proposals.propose(run, made)
                    before, here, proposed = found, here + 1, proposed + 1
                    progress(min(1.0, proposed / most), JobMessage.FOLLOWING, slice=k + 1)
        return _result(run, proposed=proposed, empty=0)

    # -- inside -------------------------------------------------------------------------------------------------------
    def _open(self, payload: LearningPayload) -> tuple[SamModel, LearningPlan]:
        name = payload.model or self._services.settings.model
        announced = self._interactive.models().get(name)
        if announced is None:
            raise ModelMissing(
                f"This worker does not have the model '{name}'.", hint=f"`sammed models pull {name}` downloads it."
            )
        plan = self._services.learning.plan(payload, name, ModelInfo.model_validate(announced))
        return self._interactive.model(name), plan

    def _learn(
        self,
        job: Job,
        payload: LearningPayload,
        model: SamModel,
        plan: LearningPlan,
        progress: Progress,
        *,
        share: float,
    ) -> dict[str, Any]:
        """Learn, judge and keep a prompt. `share` is what all of it counts for in the job's progress."""
        slices = FrameSlices(self._services, self._interactive, plan.frames, progress.checkpoint)
        progress(0.0, JobMessage.READING_SLICES)
        examples = self._examples(plan, slices)
        pictures = payload.volume_id is None
        config = replace(self._assist, position_grid=0) if pictures else self._assist
        warm = self._services.learned_prompts.warm_start(
            payload.label_id, payload.annotator_id, model.checksum, pictures=pictures
        )
        start = learned_prompt_of(warm) if warm else None
        lessons = examples
        if shows_many(payload.volume_id, [example.mask for example in examples]):
            lessons = one_by_one(examples, np.random.default_rng([payload.seed, len(examples)]))

        def judging(step: int, steps: int) -> None:
            progress(share * JUDGING_SHARE * step / steps, JobMessage.TRYING, slices=len(examples))

        def learning(step: int, steps: int) -> None:
            progress(
                share * (JUDGING_SHARE + (1 - JUDGING_SHARE) * step / steps),
                JobMessage.LEARNING,
                slices=len(examples),
            )

        with _translated():
            said = judge(model, lessons, config, seed=payload.seed, start=start, on_step=judging)
            learned = learn_prompt(
                model, lessons, config, seed=payload.seed, label=plan.label, start=start, on_step=learning
            )
            gain = _gain(model, start, lessons, payload.seed) if start else None
        verdict = Verdict(**said.to_json(), warm_start_gain=gain)
        row = self._services.learned_prompts.keep(
            NewLearnedPrompt(
                job_id=job.id,
                project_id=plan.project_id,
                volume_id=payload.volume_id,
                label_id=payload.label_id,
                annotator_id=payload.annotator_id,
                model=model.name,
                model_checksum=model.checksum,
                checksum=learned.checksum,
                tensors=learned.to_bytes(),
                provenance={
                    **learned.provenance,
                    "instances": len(lessons) if lessons is not examples else None,
                    "warm_start": str(warm.id) if warm else None,
                    "examples": [_example(plan, annotated.index) for annotated in examples],
                },
                verdict=verdict,
            )
        )
        log.info("prompt learned", job=str(job.id), examples=len(examples), gain=verdict.gain, reason=verdict.reason)
        return {"learned_prompt_id": str(row.id), "verdict": verdict.model_dump()}

    def _examples(self, plan: LearningPlan, slices: FrameSlices) -> list[AnnotatedSlice]:
        return [
            AnnotatedSlice(k, slices.embedding(k), slices.mask(k, plan.examples[k].counts))
            for k in _spread(sorted(plan.examples))
        ]

    def _asked(self, plan: LearningPlan, model: SamModel) -> SamModel:
        """The model as it answers this annotator's clicks."""
        return self._interactive.with_prompt(model.name, plan.answering.row.id if plan.answering else None)

    @staticmethod
    def _run(job: Job, payload: LearningPayload, plan: LearningPlan, generator: Generator) -> Run:
        return Run(
            job_id=job.id,
            label_id=payload.label_id,
            annotator_id=payload.annotator_id,
            generator=generator,
            learned_prompt_id=plan.answering.row.id if plan.answering else None,
            model=plan.model,
            model_checksum=plan.model_checksum,
            seed=payload.seed,
        )


def _spread(frames: Sequence[int]) -> list[int]:
    """At most MAX_EXAMPLES of them, evenly spread, first and last included."""
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), MAX_EXAMPLES)).round().astype(int)
    return [frames[n] for n in chosen]


def _gain(model: SamModel, prompt: LearnedPrompt, lessons: Sequence[AnnotatedSlice], seed: int) -> float:
    """Mean Dice that a learned prompt, as it is, gains over the plain model on slices it did not learn from; of each
    slice the first lesson counts."""
    rng = np.random.default_rng(seed)
    taught = model.with_prompt(prompt)
    gains = []
    for lesson in {lesson.index: lesson for lesson in reversed(lessons)}.values():
        for kind, n_positive, n_negative in TRIALS:
            prompts = draw_prompts(lesson.mask, kind, n_positive, n_negative, rng)
            plain, learned = (dice(m.decode(lesson.embedding, prompts).mask, lesson.mask) for m in (model, taught))
            gains.append(learned - plain)
    return round(float(np.mean(gains)), 4)


def _proposed(
    frame: Frame, mask: BoolArray, confidence: float, prompts: Prompts | None, instance_boxes: FloatArray | None = None
) -> ProposedSlice:
    asked = _prompts_json(prompts) if prompts is not None else None
    if instance_boxes is not None and len(instance_boxes):
        asked = {"points": [], "box": None, "instance_boxes": instance_boxes.astype(float).tolist()}
    return ProposedSlice(
        volume_id=frame.volume_id,
        slice_index=frame.source.slice_index,
        counts=masks.encode(mask)["counts"],
        voxels=int(mask.sum()),
        confidence=float(np.clip(confidence, 0.0, 1.0)),
        prompts=asked,
    )


def _prompts_json(prompts: Prompts) -> dict[str, Any]:
    """In the form of a prediction's prompts on the wire."""
    return {
        "points": [
            {"x": float(x), "y": float(y), "positive": bool(label)}
            for (x, y), label in zip(prompts.points_xy, prompts.point_labels, strict=True)
        ],
        "box": [float(n) for n in prompts.box_xyxy] if prompts.box_xyxy is not None else None,
    }


def _example(plan: LearningPlan, k: int) -> dict[str, Any]:
    example = plan.examples[k]
    return {
        "volume_id": str(example.volume_id),
        "slice": example.slice_index,
        "revision_id": str(example.revision_id),
    }


def _place(frame: Frame) -> dict[str, Any]:
    return {"volume_id": str(frame.volume_id), "slice": frame.source.slice_index}


def _result(run: Run, *, proposed: int, empty: int) -> dict[str, Any]:
    learned: UUID | None = run.learned_prompt_id
    return {"proposed": proposed, "empty": empty, "learned_prompt_id": str(learned) if learned else None}


@contextmanager
def _translated() -> Iterator[None]:
    """The method's errors in the words of the application."""
    try:
        yield
    except NotEnoughSlices as error:
        raise NotEnoughExamples(error.message, hint=error.hint or None) from error
    except SammedError as error:
        raise CannotLearn(error.message, hint=error.hint or None) from error
