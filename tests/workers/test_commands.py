"""What the command line waits for, done by a worker in this process: agreement, consensus, exports, archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import nibabel as nib
import pytest

from backend.domain.jobs import QueueName
from backend.wiring import Services
from tests.commands import Run, commands
from tests.services.test_readings import Clinic, clinic, draw, submit
from tests.workers.test_comparing import read_twice
from workers.runtime import Runtime

__all__ = ["clinic"]  # the fixture


@pytest.fixture
def run(services: Services, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands of the project's manager."""
    token = services.accounts.create_token(clinic.manager, "command line", None).value
    return commands(monkeypatch, services, token, Runtime(services, [QueueName.IO]).run_job)


def voxels(path: Path) -> int:
    return int((nib.load(path).get_fdata() > 0).sum())


def test_from_two_blind_readings_to_the_accepted_masks(
    services: Services, clinic: Clinic, run: Run, tmp_path: Path
) -> None:
    case = read_twice(services, clinic)
    listed = run("readings", "list", case.case_id)
    assert "ada@readings.org\tsubmitted\t1 slices" in listed and "ben@readings.org" in listed
    label, who, masks, dice, *_ = run("readings", "agreement", case.case_id).splitlines()[1].split("\t")
    assert (label, masks, dice) == ("kidney", "1", "0.857") and set(who.split(" / ")) == {"Ada", "Ben"}
    assert "kidney" in run("agreement", "Readings", "--tolerance", "1")
    table = Path(run("agreement", "Readings", "--csv", tmp_path))
    assert table.read_text(encoding="utf-8").startswith("case,volume,label")

    assert run("readings", "return", case.case_id, "ben@readings.org") == "returned to ben@readings.org"
    to_ben = ["--slice", "3", "--label", "kidney", "--reader", "ben@readings.org"]
    said = run("comments", "add", case.case_id, "Row 2.", *to_ben, json_=True)
    assert said["reader_id"] == str(clinic.ben.id)
    assert "slice 3, kidney\tBoss\tRow 2." in run("comments", "list", case.case_id)
    draw(services, clinic, clinic.ben, case, slice(6, 7))
    assert "kidney\tslice 3\t+" in run("readings", "changes", case.case_id)
    submit(services, clinic.ben, case)

    assert "1 slices are proposed to you: http" in run("readings", "consensus", case.case_id, "--method", "majority")
    early = run("readings", "consensus", case.case_id, "--accept", fails=True)
    assert early.exit_code == 2 and "--take" in early.output
    assert run("readings", "consensus", case.case_id, "--method", "staple", "--take", "--accept") == (
        "1 slices are yours now, and the case is accepted"
    )
    shown = run("cases", "show", case.case_id, json_=True)
    assert (shown["state"], shown["result_by"]["id"]) == ("accepted", str(clinic.manager.id))

    for of in ("accepted", "ada@readings.org"):
        zipfile.ZipFile(run("export", case.case_id, "--of", of, "--out", tmp_path / of)).extractall(tmp_path / of)
    mine, ada = (voxels(next((tmp_path / of).glob("*.nii.gz"))) for of in ("accepted", "ada@readings.org"))
    assert mine >= ada > 0
    nothing = run("export", case.case_id, "--of", "cem@readings.org", fails=True)
    assert nothing.exception.code == "no_such_name"


def test_the_accepted_set(services: Services, clinic: Clinic, run: Run, tmp_path: Path) -> None:
    first, second = (read_twice(services, clinic) for _ in range(2))
    assert "are accepted" not in run("masks", "export", "Readings", "--out", tmp_path / "none")
    before = len(run("masks", "export", "Readings", "--out", tmp_path / "before", json_=True)["exported"])
    run("readings", "accept", first.case_id, "ada@readings.org")
    refused = run("export", second.case_id, "--of", "accepted", fails=True)
    assert refused.exception.code == "not_accepted" and refused.exit_code == 1
    done = run("masks", "export", "Readings", "--out", tmp_path / "masks", json_=True)
    assert len(done["exported"]) == before + 1 and done["without_masks"] == []
    assert all(Path(one["path"]).is_file() for one in done["exported"])
    assert len({Path(one["path"]).parent for one in done["exported"]}) == before + 1


def test_a_project_moves(services: Services, clinic: Clinic, run: Run, tmp_path: Path) -> None:
    archive = run("project", "export", "Readings", "--no-masks", "--out", tmp_path)
    assert "archive" in run("jobs", "list", "Readings").splitlines()[0]
    newest = run("jobs", "list", "Readings", json_=True)[0]
    assert run("jobs", "wait", newest["id"]) == "done"
    again = run("jobs", "download", newest["id"], "--out", tmp_path / "again")
    assert Path(again).read_bytes() == Path(archive).read_bytes()
    over = run("jobs", "cancel", newest["id"], fails=True)
    assert over.exception.code == "job_is_over"
    refused = run("project", "import", archive, "--name", "Copy", fails=True)
    assert refused.exit_code == 1, "for administrators"


def test_what_a_job_cannot_do_ends_as_what_was_asked_for_does(clinic: Clinic, services: Services, run: Run) -> None:
    """With code 2 where who asked can do better, as if the server had refused at once."""
    case = read_twice(services, clinic)
    nothing = run("export", case.case_id, fails=True).exception
    assert (nothing.code, nothing.status, nothing.is_bad_input) == ("nothing_to_export", 422, True)
