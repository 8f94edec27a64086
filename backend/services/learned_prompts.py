"""Learned prompts: kept for ever, listed, and which of them answers a click.

For each annotator, label and volume (or the project's pictures) one of them may be active; the guards decide when one
was learned, and the annotator may overrule them. Where there is none, the project's warm start for the label answers.
A prompt learned on other weights than the model's never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from backend.db.session import Database
from backend.db.tables import ActivePrompt, LabelRow, LearnedPromptRow, Project, Reading, User, VolumeRow
from backend.domain.ids import new_id
from backend.domain.learning import PromptSource, Verdict
from backend.domain.workflow import Action
from backend.errors import Forbidden, NotFound, Rejected
from backend.services import audit
from backend.services.access import Principal, reads_blind, require, role_in, sees_own_work_only
from backend.services.download import Download
from backend.services.learned_where import Where, where_learned
from backend.services.paging import Page, page

MIN_WARM_START_GAIN = 0.005
"""Dice over the plain model from which a warm start still helps on annotated slices."""


WARM_START_CASES = 5
"""Whether a warm start still helps is asked of so many of the newest cases."""


class LearnedPromptNotFound(NotFound):
    """No such learned prompt in the caller's projects, or it is of another label. Raised by services.learned_prompts
    and services.projects."""

    code = "learned_prompt_not_found"
    title = "There is no such learned prompt"


class LearnedPromptOfAnotherModel(Rejected):
    """A learned prompt fits only the weights that it was learned on. Raised by services.learned_prompts."""

    code = "learned_prompt_of_another_model"
    title = "The learned prompt is of another model"


class NotYourLearnedPrompt(Forbidden):
    """Only the annotator decides what answers his or her clicks. Raised by services.learned_prompts."""

    code = "not_your_learned_prompt"
    title = "This is somebody else's learned prompt"


@dataclass(frozen=True, slots=True)
class LearnedPromptView:
    """A learned prompt and where it is in use."""

    row: LearnedPromptRow
    active: bool
    """it answers its annotator's clicks where it was learned"""
    warm_start: bool
    """the project keeps it for the label's next cases"""
    where: Where


@dataclass(frozen=True, slots=True)
class UsedPrompt:
    """The learned prompt that answers, and why it does."""

    row: LearnedPromptRow
    source: PromptSource


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What a project keeps for a label's next cases, and what it was worth there lately."""

    row: LearnedPromptRow
    cases: int
    """in so many cases it was tried, at most WARM_START_CASES"""
    gain: float | None
    """mean Dice over the plain model in these cases; None before the first"""

    @property
    def helps(self) -> bool | None:
        """None: not tried yet."""
        return None if self.gain is None else self.gain >= MIN_WARM_START_GAIN


@dataclass(frozen=True, slots=True)
class NewLearnedPrompt:
    """What a job learned. `tensors` is what workers.sammed wrote (safetensors)."""

    job_id: UUID
    project_id: UUID
    volume_id: UUID | None
    label_id: UUID
    annotator_id: UUID
    model: str
    model_checksum: str
    checksum: str
    tensors: bytes
    provenance: dict[str, Any]
    verdict: Verdict


class LearnedPrompts:
    def __init__(self, db: Database) -> None:
        self._db = db

    # -- for people ---------------------------------------------------------------------------------------------------
    def of_project(
        self, who: Principal, project_id: UUID, *, label_id: UUID | None, limit: int, cursor: str | None
    ) -> Page[LearnedPromptView]:
        """All that was learned in a project, newest first."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            query = select(LearnedPromptRow).where(LearnedPromptRow.project_id == project_id)
            if label_id is not None:
                query = query.where(LearnedPromptRow.label_id == label_id)
            if sees_own_work_only(session, who, project):
                query = query.where(LearnedPromptRow.annotator_id == who.id)
            found = page(session, query, LearnedPromptRow.id, limit=limit, cursor=cursor)
            return Page(views(session, found.items), found.next_cursor)

    def get(self, who: Principal, learned_prompt_id: UUID) -> LearnedPromptView:
        with self._db.begin() as session:
            return view(session, self._open(session, who, learned_prompt_id, Action.VIEW))

    def file(self, who: Principal, learned_prompt_id: UUID) -> Download:
        """The safetensors file, as `LearnedPrompt.load` of workers.sammed reads it. Raises LearnedPromptNotFound."""
        with self._db.begin() as session:
            tensors = self._open(session, who, learned_prompt_id, Action.VIEW).tensors
        return Download(
            name=f"learned-prompt-{learned_prompt_id}.safetensors",
            media_type="application/octet-stream",
            size_bytes=len(tensors),
            chunks=iter([tensors]),
        )

    def set_active(self, who: Principal, learned_prompt_id: UUID, active: bool) -> LearnedPromptView:
        """Overrule the guards: let this prompt answer where it was learned, or the plain model. Raises
        NotYourLearnedPrompt."""
        with self._db.begin() as session:
            row = self._open(session, who, learned_prompt_id, Action.ANNOTATE)
            if row.annotator_id != who.id:
                raise NotYourLearnedPrompt("Only its annotator switches a learned prompt on or off.")
            choose(session, row.volume_id, row.label_id, row.annotator_id, row.id if active else None)
            audit.record(
                session, who, "learned_prompt.switched", project_id=row.project_id, subject=row.id, active=active
            )
            return view(session, row)

    # -- for a click --------------------------------------------------------------------------------------------------
    def answering(
        self, session: Session, who: Principal, volume: VolumeRow, label_id: UUID, model_checksum: str | None
    ) -> UsedPrompt | None:
        """The learned prompt that answers the caller's clicks on a label of a volume; None: the plain model does.
        Prompts of other weights than `model_checksum` are passed over (None: take any)."""

        def fits(row: LearnedPromptRow | None) -> bool:
            return row is not None and model_checksum in (None, row.model_checksum)

        scopes: list[tuple[UUID | None, PromptSource]] = [(volume.id, PromptSource.VOLUME)]
        if volume.slices == 1:
            scopes.append((None, PromptSource.PICTURES))
        label = session.get(LabelRow, label_id)
        warm_start_id = label.warm_start_id if label else None
        for volume_id, source in scopes:
            choice = session.scalar(
                select(ActivePrompt).where(
                    ActivePrompt.label_id == label_id,
                    ActivePrompt.annotator_id == who.id,
                    ActivePrompt.volume_id.is_not_distinct_from(volume_id),
                )
            )
            if choice is None:
                continue
            if choice.learned_prompt_id is None:
                return None
            row = session.get_one(LearnedPromptRow, choice.learned_prompt_id)
            if fits(row) and not shows(session, who, row):
                return UsedPrompt(row, PromptSource.WARM_START if row.volume_id != volume_id else source)
        row_of_project = session.get(LearnedPromptRow, warm_start_id) if warm_start_id else None
        same_kind = row_of_project is not None and (row_of_project.volume_id is None) == (volume.slices == 1)
        if (
            row_of_project is not None
            and same_kind
            and fits(row_of_project)
            and not shows(session, who, row_of_project)
        ):
            return UsedPrompt(row_of_project, PromptSource.WARM_START)
        return None

    def chosen(
        self,
        session: Session,
        who: Principal,
        volume: VolumeRow,
        learned_prompt_id: UUID,
        label_id: UUID | None,
        model_checksum: str,
    ) -> UsedPrompt:
        """The learned prompt that a request names. Raises LearnedPromptNotFound, LearnedPromptOfAnotherModel."""
        row = session.get(LearnedPromptRow, learned_prompt_id)
        known = row is not None and row.project_id == volume.project_id and label_id in (None, row.label_id)
        if row is None or not known or shows(session, who, row):
            raise LearnedPromptNotFound("This project has no such learned prompt for this label.")
        if row.model_checksum != model_checksum:
            raise LearnedPromptOfAnotherModel(
                f"The prompt was learned on other weights of '{row.model}'.",
                hint="Learn it again with this model, or send learned_prompt: null for the plain model.",
            )
        return UsedPrompt(row, PromptSource.CHOSEN)

    # -- in a worker --------------------------------------------------------------------------------------------------
    def load(self, learned_prompt_id: UUID) -> LearnedPromptRow:
        """With its tensors. Raises LearnedPromptNotFound."""
        with self._db.begin() as session:
            row = session.get(LearnedPromptRow, learned_prompt_id, options=[undefer(LearnedPromptRow.tensors)])
        if row is None:
            raise LearnedPromptNotFound("The learned prompt is not there any more.")
        return row

    def keep(self, new: NewLearnedPrompt) -> LearnedPromptRow:
        """Store what a job learned and let the verdict decide what answers from now on: the new prompt, else the
        project's warm start where it still helps, else the plain model. A job that runs again changes nothing."""
        with self._db.begin() as session:
            stored = session.scalar(select(LearnedPromptRow).where(LearnedPromptRow.job_id == new.job_id))
            if stored is not None:
                return stored
            row = LearnedPromptRow(
                id=new_id(),
                project_id=new.project_id,
                volume_id=new.volume_id,
                label_id=new.label_id,
                annotator_id=new.annotator_id,
                job_id=new.job_id,
                model=new.model,
                model_checksum=new.model_checksum,
                checksum=new.checksum,
                tensors=new.tensors,
                provenance=new.provenance,
                verdict=new.verdict.model_dump(),
            )
            session.add(row)
            session.flush()
            answers: UUID | None = row.id if new.verdict.active else None
            if answers is None and (new.verdict.warm_start_gain or 0.0) >= MIN_WARM_START_GAIN:
                answers = session.scalar(select(LabelRow.warm_start_id).where(LabelRow.id == new.label_id))
            choose(session, row.volume_id, row.label_id, row.annotator_id, answers)
            audit.record(session, None, "learned_prompt.kept", project_id=row.project_id, subject=row.id)
            session.refresh(row, ["created_at"])
            return row

    def warm_start(
        self, label_id: UUID, annotator_id: UUID, model_checksum: str, *, pictures: bool
    ) -> LearnedPromptRow | None:
        """With its tensors: what the project keeps for a label, unless it was learned on other weights, or on a volume
        where it is for pictures (or the other way round: it may know where in a volume the label lies), or shows the
        annotator what they must not see."""
        with self._db.begin() as session:
            annotator = session.get_one(User, annotator_id)
            who = Principal(annotator.id, annotator.name, annotator.email, annotator.is_admin)
            row = session.scalar(
                select(LearnedPromptRow)
                .join(LabelRow, LabelRow.warm_start_id == LearnedPromptRow.id)
                .where(
                    LabelRow.id == label_id,
                    LearnedPromptRow.model_checksum == model_checksum,
                    LearnedPromptRow.volume_id.is_(None) if pictures else LearnedPromptRow.volume_id.is_not(None),
                )
                .options(undefer(LearnedPromptRow.tensors))
            )
            return None if row is None or shows(session, who, row) else row

    @staticmethod
    def _open(session: Session, who: Principal, learned_prompt_id: UUID, action: Action) -> LearnedPromptRow:
        row = session.get(LearnedPromptRow, learned_prompt_id)
        hidden = row is None or role_in(session, who, row.project_id) is None or shows(session, who, row)
        if row is None or hidden or (row.annotator_id != who.id and _sees_own_only(session, who, row)):
            raise LearnedPromptNotFound("This learned prompt does not exist or is not in one of your projects.")
        require(session, who, row.project_id, action)
        return row


def shows(session: Session, who: Principal, row: LearnedPromptRow) -> bool:
    """Whether a learned prompt could show the caller what somebody else drew on a case that they read blind: it, or one
    that it started from, learned there."""
    if row.annotator_id == who.id or not reads_blind(session, who, row.project_id):
        return False
    read = select(VolumeRow.id).join(Reading, Reading.case_id == VolumeRow.case_id).where(Reading.reader_id == who.id)
    hidden = {str(volume_id) for volume_id in session.scalars(read)}
    ancestor: LearnedPromptRow | None = row
    while ancestor is not None:
        learned_on = {str(ancestor.volume_id), *(slice["volume_id"] for slice in ancestor.provenance["examples"])}
        if learned_on & hidden:
            return True
        started_from = ancestor.provenance.get("warm_start")
        ancestor = session.get(LearnedPromptRow, UUID(started_from)) if started_from else None
    return False


def _sees_own_only(session: Session, who: Principal, row: LearnedPromptRow) -> bool:
    return sees_own_work_only(session, who, session.get_one(Project, row.project_id))


def views(session: Session, rows: Sequence[LearnedPromptRow]) -> list[LearnedPromptView]:
    """Rows with where they come from and where they are in use."""
    ids = [row.id for row in rows]
    active = set(
        session.scalars(
            select(LearnedPromptRow.id)
            .join(ActivePrompt, ActivePrompt.learned_prompt_id == LearnedPromptRow.id)
            .where(
                LearnedPromptRow.id.in_(ids),
                ActivePrompt.volume_id.is_not_distinct_from(LearnedPromptRow.volume_id),
            )
        )
    )
    kept = set(session.scalars(select(LabelRow.warm_start_id).where(LabelRow.warm_start_id.in_(ids))))
    places = where_learned(session, [(row.annotator_id, row.volume_id) for row in rows])
    return [
        LearnedPromptView(row, row.id in active, row.id in kept, where) for row, where in zip(rows, places, strict=True)
    ]


def view(session: Session, row: LearnedPromptRow) -> LearnedPromptView:
    """`views` of one."""
    return views(session, [row])[0]


def warm_start_of(session: Session, label: LabelRow) -> WarmStart | None:
    """What a project keeps for a label, and what it was worth in the cases that learned with it since."""
    if label.warm_start_id is None:
        return None
    gain = LearnedPromptRow.verdict["warm_start_gain"].as_float()
    newest = (
        select(LearnedPromptRow.volume_id, gain.label("gain"))
        .where(
            LearnedPromptRow.label_id == label.id,
            LearnedPromptRow.provenance["warm_start"].as_string() == str(label.warm_start_id),
            gain.is_not(None),
        )
        .order_by(LearnedPromptRow.id.desc())
    )
    gains: dict[UUID | None, float] = {}
    for volume_id, measured in session.execute(newest.limit(100)):
        gains.setdefault(volume_id, measured)  # the newest of each case
    latest = list(gains.values())[:WARM_START_CASES]
    return WarmStart(
        row=session.get_one(LearnedPromptRow, label.warm_start_id),
        cases=len(latest),
        gain=sum(latest) / len(latest) if latest else None,
    )


def choose(session: Session, volume_id: UUID | None, label_id: UUID, annotator_id: UUID, answers: UUID | None) -> None:
    """What answers an annotator's clicks on a label, of a volume or of the project's pictures."""
    session.execute(
        insert(ActivePrompt)
        .values(
            id=new_id(),
            volume_id=volume_id,
            label_id=label_id,
            annotator_id=annotator_id,
            learned_prompt_id=answers,
        )
        .on_conflict_do_update(
            index_elements=["label_id", "annotator_id", "volume_id"], set_={"learned_prompt_id": answers}
        )
    )
