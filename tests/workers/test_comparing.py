"""Two blind readings through the jobs: agreement with its cache, gold tests, and a consensus that is accepted."""

from __future__ import annotations

import pytest

from backend.domain.ids import new_id
from backend.domain.jobs import JobState, QueueName
from backend.domain.learning import ProposalState
from backend.domain.reading import ConsensusMethod
from backend.domain.workflow import CaseState
from backend.services.access import RoleForbids
from backend.services.agreements import DEFAULT_TOLERANCE_MM
from backend.services.case_dealing import CaseChange
from backend.services.consensus import NoConsensus
from backend.services.proposals import Selection
from backend.wiring import Services
from tests.services.test_readings import Clinic, Scan, assign, clinic, draw, scan, submit
from workers.runtime import Runtime

__all__ = ["clinic"]  # the fixture

TOLERANCE_MM = DEFAULT_TOLERANCE_MM


@pytest.fixture(scope="module")
def runtime(services: Services) -> Runtime:
    return Runtime(services, [QueueName.IO])


def read_twice(services: Services, clinic: Clinic) -> Scan:
    """Ada has rows 2 to 5 of slice 2, Ben rows 3 to 5, both submitted."""
    case = scan(services, clinic)
    assign(services, clinic, case, [clinic.ada, clinic.ben])
    for who, rows in ((clinic.ada, slice(2, 6)), (clinic.ben, slice(3, 6))):
        draw(services, clinic, who, case, rows)
        submit(services, who, case)
    return case


def computed(services: Services, runtime: Runtime, clinic: Clinic) -> int:
    """How many pairs the job had to compute."""
    job = services.agreements.start(clinic.reviewer, clinic.project_id, TOLERANCE_MM)
    runtime.run_job(job.id)
    job = services.jobs.get(clinic.reviewer, job.id)
    assert job.state == JobState.DONE and job.result is not None, job.problem
    return int(job.result["pairs"])


def test_agreement_is_computed_once_for_the_revisions_that_are(
    services: Services, runtime: Runtime, clinic: Clinic
) -> None:
    case = read_twice(services, clinic)
    assert services.agreements.of_case(clinic.reviewer, case.case_id, TOLERANCE_MM).missing == 1
    assert computed(services, runtime, clinic) == 1
    assert computed(services, runtime, clinic) == 0

    [view] = services.agreements.of_case(clinic.reviewer, case.case_id, TOLERANCE_MM).found
    assert {view.first.id, view.second.id} == {clinic.ada.id, clinic.ben.id}
    assert view.numbers.dice == pytest.approx(2 * 3 / (4 + 3))
    assert view.numbers.hd95_mm == pytest.approx(0.5)  # a row of half a millimetre
    assert view.numbers.surface_dice == 1
    smaller, larger = sorted((view.numbers.first_ml, view.numbers.second_ml))
    assert smaller / larger == pytest.approx(3 / 4)
    assert view.numbers.worst_slice == 2

    services.readings.send_back(clinic.reviewer, case.case_id, clinic.ben.id)
    draw(services, clinic, clinic.ben, case, slice(2, 3))  # now as Ada did
    submit(services, clinic.ben, case)
    assert services.agreements.of_case(clinic.reviewer, case.case_id, TOLERANCE_MM).missing == 1
    assert computed(services, runtime, clinic) == 1
    [view] = services.agreements.of_project(clinic.reviewer, clinic.project_id, TOLERANCE_MM).found
    assert view.numbers.dice == 1
    with pytest.raises(RoleForbids):
        services.agreements.of_case(clinic.ada, case.case_id, TOLERANCE_MM)


def test_a_test_is_scored_against_the_gold_masks(services: Services, runtime: Runtime, clinic: Clinic) -> None:
    case = read_twice(services, clinic)
    accept = {"state": CaseState.ACCEPTED, "result_by_id": clinic.ada.id}
    services.cases.change(clinic.reviewer, case.case_id, accept)
    for change in (CaseChange(gold=True), CaseChange(test=[clinic.cem.id])):
        assert services.cases.change_many(clinic.manager, clinic.project_id, [case.case_id], change) == (1, [])
    draw(services, clinic, clinic.cem, case, slice(2, 4))
    assert services.agreements.tests(clinic.manager, clinic.project_id, TOLERANCE_MM).found == []
    submit(services, clinic.cem, case)
    computed(services, runtime, clinic)
    [view] = services.agreements.tests(clinic.manager, clinic.project_id, TOLERANCE_MM).found
    assert {view.first.id, view.second.id} == {clinic.ada.id, clinic.cem.id}
    assert view.numbers.dice == pytest.approx(2 * 2 / (4 + 2))
    with pytest.raises(RoleForbids):
        services.agreements.tests(clinic.reviewer, clinic.project_id, TOLERANCE_MM)


@pytest.mark.parametrize(
    ("method", "voxels"),
    [(ConsensusMethod.MAJORITY, 3 * 10), (ConsensusMethod.READER, 4 * 10)],
)
def test_a_consensus_is_a_proposal_that_becomes_the_result(
    services: Services, runtime: Runtime, clinic: Clinic, method: ConsensusMethod, voxels: int
) -> None:
    case = read_twice(services, clinic)
    readers = [clinic.ada.id] if method is ConsensusMethod.READER else [clinic.ada.id, clinic.ben.id]
    job = services.consensus.start(clinic.reviewer, case.case_id, method, readers)
    runtime.run_job(job.id)
    assert services.jobs.get(clinic.reviewer, job.id).state == JobState.DONE

    def proposals(who: object) -> list[tuple[int, int, str]]:
        _, found = services.proposals.of_volume(
            who,
            case.volume_id,
            label_id=None,
            state=ProposalState.OPEN,
            after=None,  # type: ignore[arg-type]
        )
        return [(proposal.slice_index, proposal.voxels, proposal.generator) for proposal in found]

    assert proposals(clinic.reviewer) == [(2, voxels, method)]
    assert proposals(clinic.ada) == proposals(clinic.ben) == []
    done = services.proposals.accept(
        clinic.reviewer, case.volume_id, clinic.label_id, Selection(), revision_id=new_id(), parent=None
    )
    assert done.appended is not None and done.appended.revision.origin == "review"
    result = {"state": CaseState.ACCEPTED, "result_by_id": clinic.reviewer.id}
    assert services.cases.change(clinic.reviewer, case.case_id, result).state is CaseState.ACCEPTED
    with pytest.raises(NoConsensus, match="accepted"):
        services.consensus.start(clinic.reviewer, case.case_id, method, readers)


def test_staple_runs_on_stored_masks(services: Services, runtime: Runtime, clinic: Clinic) -> None:
    case = read_twice(services, clinic)
    readers = [clinic.ada.id, clinic.ben.id]
    with pytest.raises(NoConsensus, match="1 readers"):
        services.consensus.start(clinic.reviewer, case.case_id, ConsensusMethod.STAPLE, readers[:1])
    job = services.consensus.start(clinic.reviewer, case.case_id, ConsensusMethod.STAPLE, readers)
    runtime.run_job(job.id)
    _, found = services.proposals.of_volume(
        clinic.reviewer, case.volume_id, label_id=None, state=ProposalState.OPEN, after=None
    )
    [proposal] = found
    assert proposal.voxels in (3 * 10, 4 * 10)
    assert proposal.confidence == pytest.approx(3 / 4)
