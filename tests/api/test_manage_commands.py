"""A manager's day on the command line, over the real HTTP interface: what the pages can do, the commands can."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app, asking
from backend.client import Client
from backend.domain.workflow import Role
from backend.main import create_app
from backend.wiring import Services
from tests.api.conftest import TOKEN
from tests.services.conftest import new_volume

Run = Callable[..., Any]
PEOPLE = {"ann": Role.ANNOTATOR, "ben": Role.ANNOTATOR, "rosa": Role.REVIEWER}


@pytest.fixture(scope="module")
def here(services: Services) -> Iterator[TestClient]:
    with TestClient(create_app(services)) as client:
        yield client


@pytest.fixture
def run(here: TestClient, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("labels", "list", "Livers")`: what it prints, with `json_` what its JSON says, `fails`: its outcome."""

    @contextmanager
    def connected(url: str | None, data_dir: Path | None) -> Iterator[Client]:
        yield Client("http://testserver", TOKEN, transport=here._transport)

    monkeypatch.setattr(asking, "connected", connected)

    def ask(*words: str, json_: bool = False, fails: bool = False) -> Any:
        done = CliRunner().invoke(app, [*words, *(["--json"] if json_ else [])])
        assert (done.exit_code != 0) is fails, f"{done.output}\n{done.exception!r}"
        if fails:
            return done
        return json.loads(done.stdout) if json_ else done.stdout.strip()

    return ask


@pytest.fixture(scope="module")
def project(services: Services) -> str:
    """The name of a project with six cases and three people who have accounts."""
    admin = services.accounts.administrator()
    made = services.projects.create(admin, "By command", "", []).project
    for n in range(6):
        services.imports.store(made.id, new_volume(services, seed=700 + n, study_key=f"command {n}"))
    for name, role in PEOPLE.items():
        services.accounts.create_user(admin, f"{name}@command.org", name.title())
        services.projects.set_member(admin, made.id, f"{name}@command.org", role)
    return "By command"


def test_labels(run: Run, project: str, tmp_path: Path) -> None:
    run(
        "labels",
        "add",
        project,
        "Liver",
        "--color",
        "#dd8265",
        "--key",
        "1",
        "--sct",
        "10200004",
        "--rule",
        "holes=warn",
    )
    run("labels", "add", project, "Tumour", "--color", "#90ee90", "--group", "Findings")
    run(
        "labels",
        "change",
        project,
        "liver",
        "--rename",
        "Whole liver",
        "--rule",
        "max_ml=3000",
        "--rule",
        "volume=block",
    )
    run("labels", "order", project, "Tumour", "Whole liver")
    tumour, liver = run("labels", "list", project, json_=True)
    assert (liver["name"], liver["shortcut"], liver["code"]["value"]) == ("Whole liver", "1", "10200004")
    assert (liver["rules"]["holes"], liver["rules"]["volume"], liver["rules"]["max_ml"]) == ("warn", "block", 3000)
    assert tumour["group"] == "Findings"
    taken = run("labels", "add", project, "Tumour", "--color", "#000000", fails=True)
    assert taken.exception.code == "label_taken"

    file = tmp_path / "labels.json"
    run("labels", "export", project, "--out", str(file))
    run("project", "create", "Another", "--label", "Tumour")
    assert run("labels", "import", "Another", str(file)) == "1 added, there already: Tumour"
    assert run("labels", "copy", "Another", "--from", project) == "0 added, there already: Tumour, Whole liver"
    run("labels", "remove", "Another", "Tumour")
    assert [label["name"] for label in run("labels", "list", "Another", json_=True)] == ["Whole liver"]
    assert len(run("labels", "versions", project).splitlines()) == 5
    (tmp_path / "no.json").write_text("{")
    assert run("labels", "import", project, str(tmp_path / "no.json"), fails=True).exception.code == "not_a_label_file"


def test_settings_and_roles(run: Run, project: str) -> None:
    changed = run("project", "change", project, "--own-cases", "--exclusive", "--description", "Livers", json_=True)
    assert (changed["own_cases_only"], changed["exclusive_labels"], changed["description"]) == (True, True, "Livers")
    changed = run("project", "change", project, "--all-cases", "--overlapping", json_=True)
    assert (changed["own_cases_only"], changed["exclusive_labels"]) == (False, False)
    assert run("project", "role", project, "rosa@command.org", "viewer") == "rosa@command.org is viewer"
    run("project", "role", project, "rosa@command.org", "reviewer")
    assert "rosa@command.org\tRosa\treviewer" in run("project", "members", project)
    run("project", "role", project, "rosa@command.org", "king", fails=True)


def test_cases_from_dealing_out_to_the_statistics(run: Run, project: str, services: Services, tmp_path: Path) -> None:
    to = ["--to", "ann@command.org", "--to", "ben@command.org"]
    assert run("cases", "assign", project, *to) == "6 changed"
    cases = run("cases", "list", project, json_=True)
    assert sorted(case["assignee"]["email"] for case in cases) == ["ann@command.org"] * 3 + ["ben@command.org"] * 3
    first, second, third = (case["id"] for case in cases[:3])
    run("cases", "change", project, "--priority", "high", "--due", "2020-01-31", "--case", first)
    (late,) = run("cases", "list", project, "--overdue", json_=True)
    assert (late["id"], late["priority"], late["due_on"]) == (first, 1, "2020-01-31")
    run("cases", "change", project, "--due", "none", "--case", first)
    assert run("cases", "list", project, "--overdue") == ""
    run("cases", "change", project, "--priority", "very", fails=True)

    run("cases", "assign", project, *to, "--readers", "2", "--case", second)
    two = next(case for case in run("cases", "list", project, json_=True) if case["id"] == second)
    assert {reading["reader"]["name"] for reading in two["readings"]} == {"Ann", "Ben"}

    assert run("cases", "state", project, "submitted", "--case", third) == "1 changed"
    said = run("comments", "add", third, "The rim is missing.", "--slice", "3", "--send-back", json_=True)
    assert said["slice"] == 2
    assert "slice 3\tAdministrator\tThe rim is missing." in run("comments", "list", third)
    assert run("cases", "list", project, "--state", "returned").split("\t")[0] == third
    run("cases", "state", project, "submitted", "--case", third)
    run("cases", "state", project, "accepted", "--case", third)
    assert run("cases", "change", project, "--gold", "--case", third) == "1 changed"
    refused = run("cases", "change", project, "--gold", "--case", first, fails=True)
    assert refused.exit_code == 1 and "unchanged: case" in refused.output

    admin = services.accounts.administrator()
    services.projects.set_member(admin, UUID(run("project", "list", json_=True)[-1]["id"]), "ben@command.org", None)
    left = run("cases", "list", project, "--assignee", "left", json_=True)
    assert second in {case["id"] for case in left}, "its blind reader has left"
    assert {case["assignee"]["name"] for case in left if case["id"] != second} == {"Ben"}
    assert run("cases", "assign", project, "--assignee", "left", "--to", "ann@command.org") == f"{len(left)} changed"
    assert run("cases", "list", project, "--assignee", "left") == ""

    assert run("statistics", project, json_=True)["pending"] == 0
    path = Path(run("statistics", project, "--csv", str(tmp_path)))
    assert path.read_text(encoding="utf-8").startswith("person")
    assert run("agreement", project, json_=True)["means"] == []
    assert run("agreement", project, "--tests", json_=True)["scores"] == []
    newest = run("log", project, "--limit", "1", json_=True)[0]
    assert newest["action"] == "case.changed"
    assert "label.created" in run("log", project)


def test_webhooks(run: Run, project: str) -> None:
    secret = run("webhooks", "add", project, "https://example.org/hook", "--event", "comment.added")
    assert len(secret) > 20
    (hook,) = run("webhooks", "list", project, json_=True)
    assert (hook["url"], hook["events"], hook["disabled_at"]) == ("https://example.org/hook", ["comment.added"], None)
    assert run("webhooks", "enable", hook["id"]) == "on"
    delivery = run("webhooks", "ping", hook["id"])
    assert delivery in run("webhooks", "deliveries", hook["id"])
    assert run("webhooks", "redeliver", delivery) == "sent again"
    run("webhooks", "remove", hook["id"])
    assert run("webhooks", "list", project, json_=True) == []
