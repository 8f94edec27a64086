"""The job `compare` on real parts: the bundled model on a phantom whose liver was accepted. With few steps: what is
checked is what is compared and kept, not how good the method is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest
import torch
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.tables import Annotation, ComparisonPair, VolumeRow
from backend.domain.comparison import ComparisonSettings, MaskSource, Source
from backend.domain.jobs import JobKind, JobState, QueueName
from backend.domain.workflow import CaseState
from backend.imaging import masks
from backend.imaging.phantom import Phantom, abdominal_phantom
from backend.services.access import Principal
from backend.services.comparisons import ComparisonState
from backend.wiring import Services
from tests.sammed.evaluation_cases import FAST
from tests.workers.test_evaluation_job import SHAPE_KJI, SLICES, Livers
from workers.comparison_job import ComparisonJob
from workers.interactive import Interactive
from workers.runtime import Runtime

PLAIN, ASSIST, AUTO = (Source(what=what, how="computed") for what in list(MaskSource)[:3])
HUMAN = Source(what=MaskSource.HUMAN)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdominal_phantom(SHAPE_KJI, (25.0, 6.0, 6.0))


@pytest.fixture(scope="module")
def runtime(services: Services) -> Runtime:
    """A worker of `evaluate` in this process; no job reaches it but by `run_job`."""
    torch.set_num_threads(1)
    interactive = Interactive(services)
    services.queue.announce_worker("comparer", [QueueName.EVALUATE], interactive.models())
    runtime = Runtime(services, [])
    job = ComparisonJob(services, interactive, give_way=lambda say: None, assist=FAST.assist, auto=FAST.auto)
    runtime.jobs[JobKind.COMPARE] = job.run
    return runtime


@pytest.fixture(scope="module")
def livers(services: Services, admin: Principal, phantom: Phantom) -> Livers:
    """One accepted case with a liver on SLICES."""
    made = Livers(services, admin, phantom)
    case_id, volume_id = made.add(phantom.volume.voxels, "Anna")
    made.draw(admin, volume_id, made.liver, made.truth(*SLICES))
    services.cases.change(admin, case_id, {"assignee_id": None})
    made.submit(case_id)
    services.cases.change(admin, case_id, {"state": CaseState.ACCEPTED, "result_by_id": admin.id})
    return made


def compare(
    livers: Livers,
    runtime: Runtime,
    first: Source,
    second: Source,
    cases: dict[UUID, None] | None = None,
    **changes: Any,
) -> list[ComparisonPair]:
    settings = ComparisonSettings(first=first, second=second, support=2, seed=5, **changes)
    services = livers.services
    view = services.comparisons.create(
        livers.admin,
        livers.project_id,
        "Blind",
        settings,
        label_ids=[livers.liver],
        cases=cases,
        reader_ids=[livers.other.id],
        pairs=3,
    )
    assert view.state is ComparisonState.PREPARING and view.job is not None
    runtime.run_job(view.job.id)
    view = services.comparisons.get(livers.admin, view.comparison.id)
    assert view.job is not None and view.job.state == JobState.DONE, view.job and view.job.problem
    assert view.state is ComparisonState.READY and view.pairs + view.comparison.identical == 3
    runtime.jobs[JobKind.COMPARE](view.job, lambda *_, **__: None)  # type: ignore[arg-type]
    assert services.comparisons.get(livers.admin, view.comparison.id).pairs == view.pairs  # again changes nothing
    with services.db.begin() as session:
        query = select(ComparisonPair).where(ComparisonPair.comparison_id == view.comparison.id)
        return list(session.scalars(query.order_by(ComparisonPair.slice_index)))


def mask(counts: str) -> Any:
    return masks.decode(masks.Rle(size=list(SHAPE_KJI[1:]), counts=counts))


def test_the_plain_model_beside_what_was_accepted(runtime: Runtime, livers: Livers) -> None:
    pairs = compare(livers, runtime, PLAIN, HUMAN)
    assert len(pairs) == 3
    for pair in pairs:
        assert np.array_equal(mask(pair.second_counts), livers.truth(pair.slice_index)[pair.slice_index])
        assert pair.second_from["origin"] == "manual"
        told = pair.first_from
        assert (told["source"], told["how"], told["model"]["name"]) == ("plain", "computed", "sammed-small")
        truth = livers.truth(pair.slice_index)[pair.slice_index]
        assert len(told["prompts"]["points"]) == 6
        for x, y, positive in told["prompts"]["points"]:  # a click lies where the accepted mask says
            assert truth[int(y), int(x)] == positive
    again = compare(livers, runtime, PLAIN, HUMAN)
    assert [(p.slice_index, p.first_counts) for p in again] == [(p.slice_index, p.first_counts) for p in pairs]


def test_taught_by_slices_that_are_not_compared_and_asked_the_same(runtime: Runtime, livers: Livers) -> None:
    pairs = compare(livers, runtime, PLAIN, ASSIST, prompts="boxes")
    assert pairs
    for pair in pairs:
        assert pair.first_from["prompts"] == pair.second_from["prompts"] and pair.first_from["prompts"]["box"]
        assert "learned_prompt" not in pair.first_from and len(pair.second_from["support"]) == 2
        assert pair.slice_index not in pair.second_from["support"]


def test_sam_auto_is_asked_by_nobody(runtime: Runtime, livers: Livers) -> None:
    pairs = compare(livers, runtime, AUTO, HUMAN)
    assert pairs
    for pair in pairs:
        assert pair.first_from["generator"] == "sapnet" and 0 <= pair.first_from["confidence"] <= 1
        assert pair.slice_index not in pair.first_from["support"]


def test_pictures_are_taught_by_other_pictures(
    services: Services, admin: Principal, runtime: Runtime, phantom: Phantom
) -> None:
    livers = Livers(services, admin, phantom)
    cases = {}
    for k in SLICES[:5]:
        case_id, volume_id = livers.add(phantom.volume.voxels[k : k + 1], f"Picture {k}")
        livers.draw(admin, volume_id, livers.liver, {0: livers.truth(k)[k]})
        livers.submit(case_id)
        services.cases.change(admin, case_id, {"state": CaseState.ACCEPTED, "result_by_id": admin.id})
        cases[case_id] = k
    pairs = compare(livers, runtime, ASSIST, AUTO)
    compared = {pair.annotation_id for pair in pairs}
    assert compared and all(pair.slice_index == 0 for pair in pairs)
    for pair in pairs:
        taught = {UUID(one) for one in pair.first_from["pictures"]}
        assert (
            len(taught) == 2 and not taught & compared and pair.second_from["pictures"] == pair.first_from["pictures"]
        )
        assert len(pair.first_from["prompts"]["points"]) == 6 and 0 <= pair.second_from["confidence"] <= 1
    chosen = dict.fromkeys(list(cases)[:3])
    pairs = compare(livers, runtime, ASSIST, HUMAN, cases=chosen)
    with services.db.begin() as session:
        case_of = {pair.id: _case_of(session, pair.annotation_id) for pair in pairs}
        taught = {_case_of(session, UUID(one)) for one in pairs[0].first_from["pictures"]}
    assert set(case_of.values()) <= set(chosen) and taught == set(cases) - set(chosen)  # what nobody compares teaches


def _case_of(session: Session, annotation_id: UUID) -> UUID:
    return session.get_one(VolumeRow, session.get_one(Annotation, annotation_id).volume_id).case_id
