"""A manager's day on the command line, over the real HTTP interface: what the pages can do, the commands can."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from backend.db.tables import VolumeRow
from backend.domain.workflow import Role
from backend.wiring import Services
from tests.api.conftest import TOKEN
from tests.api.test_access import comparison, evaluation, learned_prompt
from tests.commands import Run, commands
from tests.services.conftest import new_volume

PEOPLE = {"ann": Role.ANNOTATOR, "ben": Role.ANNOTATOR, "rosa": Role.REVIEWER}


@pytest.fixture
def run(services: Services, monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands(monkeypatch, services, TOKEN)


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
    run("project", "create", "Another", "--label", "Tumour", "--label", "left kidney")
    kidney = run("labels", "list", "Another", json_=True)[1]
    assert (kidney["name"], kidney["code"]["value"], kidney["group"]) == ("Left kidney", "18639004", "Abdomen")
    run("labels", "remove", "Another", "Left kidney")
    assert "Right kidney\t#b96653\tSCT 9846003" in run("labels", "catalogue", "kidney right")
    run("labels", "add", "Another", "Spleen")
    run("labels", "remove", "Another", "Spleen")
    unknown = run("labels", "add", "Another", "Kidny", fails=True)
    assert unknown.exception.code == "not_in_the_catalogue" and unknown.exception.is_bad_input
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
    run("comments", "answer", said["first"]["id"], "It is there now.")
    assert run("comments", "resolve", said["first"]["id"]) == "resolved"
    assert run("comments", "list", third, "--open") == ""
    run("comments", "resolve", said["first"]["id"], "--reopen")
    assert len(run("comments", "list", third, "--open").splitlines()) == 2
    placed = run("comments", "add", third, "Here.", "--slice", "2", "--at", "3,4.5", json_=True)
    assert placed["place"] == {"x": 3.0, "y": 4.5}
    beyond = run("comments", "add", third, "Where?", "--slice", "99", fails=True)
    assert beyond.exception.code == "no_such_place" and "slices" in beyond.exception.detail
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


def test_people_and_ones_own_account(run: Run, project: str, services: Services) -> None:
    invited = run("people", "invite", "new@command.org", "--project", project, "--role", "reviewer", json_=True)
    assert invited["link"].startswith("http://testserver/login?token=")
    assert run("people", "invite", "new@command.org", "--project", project) == (
        "new@command.org has an account and is a member now"
    )
    assert "new@command.org\tnew\tannotator" in run("project", "members", project)
    assert run("people", "link", "new@command.org", json_=True)["link"] != invited["link"]
    run("people", "change", "new@command.org", "--name", "Nora", "--admin")
    assert "new@command.org\tNora\t0 open cases\tadministrator, invited" in run("people", "list", "--search", "nora")
    run("people", "deactivate", "new@command.org")
    assert "deactivated" in run("people", "list", "--search", "nora")
    run("people", "activate", "new@command.org")

    secret = run("account", "token", "reading", "--days", "2", "--scope", "read")
    mine = run("account", "tokens", json_=True)
    (token,) = (one for one in mine if one["name"] == "reading")
    assert token["scope"] == "read" and secret not in str(mine)
    run("account", "revoke", token["id"])
    assert "reading" not in run("account", "tokens")
    services.accounts.set_password(services.accounts.administrator(), "a long enough password", None)
    services.accounts.login("admin@localhost", "a long enough password", address="here", browser="Netscape")
    assert "Netscape" in run("account", "sessions")
    assert run("account", "end") == "1 sessions ended"
    assert run("account", "sessions", json_=True) == []
    assert run("account", "show").startswith("admin@localhost")
    assert "workers" in run("status", fails=True).output, "no worker runs here"


def test_a_manager_invites_who_is_no_administrator(
    services: Services, monkeypatch: pytest.MonkeyPatch, project: str
) -> None:
    admin = services.accounts.administrator()
    secret = services.accounts.create_user(admin, "mia@command.org", "Mia")
    mia = services.accounts.authenticate(services.accounts.login_once(secret.value, browser="").value, kind="session")
    run = commands(monkeypatch, services, services.accounts.create_token(mia, "mine", None).value)
    made = run("project", "create", "Of Mia", "--label", "Liver", json_=True)
    assert run("people", "invite", "someone@command.org", "--project", made["id"], json_=True)["link"]
    run("people", "invite", "ann@command.org", "--project", "Of Mia")
    assert len(run("project", "members", "Of Mia").splitlines()) == 3
    assert run("people", "list", fails=True).exit_code == 1
    run("project", "change", "Of Mia", "--archive")
    assert made["id"] in run("project", "list", "--archived") and made["id"] not in run("project", "list")
    assert ["archived", "yes"] in [line.split("\t") for line in run("project", "show", "Of Mia").splitlines()]
    run("project", "change", "Of Mia", "--unarchive")


def test_text_and_pseudonyms(run: Run, project: str, services: Services, tmp_path: Path) -> None:
    volume_id = UUID(run("cases", "list", project, json_=True)[0]["volumes"][0]["id"])
    with services.db.begin() as session:
        session.get_one(VolumeRow, volume_id).text_risk = "ultrasound"
    (risk,) = run("privacy", "text", project, json_=True)
    assert (risk["id"], risk["text_risk"]) == (str(volume_id), "ultrasound")
    assert run("privacy", "checked", risk["id"]) == "checked"
    assert run("privacy", "text", project) == ""
    run("privacy", "checked", risk["id"], "--undo")
    assert risk["page"] in run("privacy", "text", project)
    outside = run("privacy", "blank", risk["id"], "--box", "0,0,999,999", fails=True)
    assert outside.exit_code == 1 and outside.exception.is_bad_input
    assert run("privacy", "blank", risk["id"], "--box", "0,0", fails=True).exit_code == 2
    assert run("privacy", "who", project, "P-UNKNOWN", fails=True).exception.is_bad_input
    table = Path(run("privacy", "key", project, "--out", str(tmp_path)))
    assert table.read_text(encoding="utf-8").startswith("pseudonym,kind,since")
    assert run("remote", "list", project) == ""
    assert run("remote", "search", project, "pacs", fails=True).exception.is_bad_input


def test_what_was_learned_measured_and_compared(run: Run, project: str, services: Services, tmp_path: Path) -> None:
    admin = services.accounts.administrator()
    project_id = UUID(run("project", "show", project, json_=True)["id"])
    label = run("labels", "add", project, "Spleen", json_=True)
    prompt = learned_prompt(services, project_id, UUID(label["id"]), admin)
    assert run("learned", "list", project).startswith(f"{prompt}\tSpleen\tAdministrator\t0 slices\t+0.100")
    assert run("learned", "keep", prompt) == "Spleen starts from it"
    assert run("learned", "list", project, "--label", "spleen").endswith("kept for the project")
    assert run("learned", "drop", project, "Spleen") == "Spleen starts from the plain model"
    assert run("learned", "switch", prompt, "--off") == "off"
    assert Path(run("learned", "download", prompt, "--out", tmp_path)).read_bytes() == b"tensors"
    assert run("learned", "networks", project) == ""

    waiting = evaluation(services, project_id, admin)
    assert run("evaluation", "list", project, json_=True)[0]["state"] == "queued"
    assert run("jobs", "cancel", waiting) == "cancelled"
    assert "It is cancelled." in run("evaluation", "show", waiting, fails=True).stderr
    assert run("evaluation", "download", waiting, fails=True).exit_code == 1
    assert run("evaluation", "cases", project) == ""
    nothing = run("evaluation", "start", project, "assist", fails=True)
    assert nothing.exception.code == "nothing_to_measure" and nothing.exception.is_bad_input
    assert run("evaluation", "start", project, "auto", "--generators", "magic", fails=True).exit_code == 2

    rosa = next(user for user in services.accounts.users(admin) if user.email == "rosa@command.org")
    pairs = comparison(services, project_id, admin, [rosa])
    assert "Blind\tfailed\t0 pairs" in run("comparisons", "list", project), "nothing was computed"
    assert "rosa@command.org\tfinished" in run("comparisons", "show", pairs)
    assert run("comparisons", "tally", pairs).splitlines()[0].split("\t")[2:4] == ["plain (stored)", "human (stored)"]
    assert Path(run("comparisons", "tally", pairs, "--votes", tmp_path)).read_text("utf-8").startswith("case,volume")
    assert "not computed" in run("comparisons", "close", pairs, fails=True).exception.detail
    run("comparisons", "delete", pairs)
    assert run("comparisons", "list", project) == ""
    assert run("comparisons", "restore", pairs) == "restored"
    same = ["comparisons", "create", project, "Pairs", "--first", "plain", "--reader", "rosa@command.org"]
    assert run(*same, "--second", "plain", fails=True).exception.is_bad_input
    assert run(*same, "--second", "plain:drawn", fails=True).exit_code == 2


def test_webhooks(run: Run, project: str) -> None:
    secret = run("webhooks", "add", project, "https://example.org/hook", "--event", "comment.added")
    assert len(secret) > 20
    (hook,) = run("webhooks", "list", project, json_=True)
    assert (hook["url"], hook["events"], hook["disabled_at"]) == ("https://example.org/hook", ["comment.added"], None)
    assert run("webhooks", "events", hook["id"], "--event", "export.ready") == "export.ready"
    assert run("webhooks", "disable", hook["id"]) == "off"
    assert run("webhooks", "list", project).endswith("off")
    assert run("webhooks", "enable", hook["id"]) == "on"
    delivery = run("webhooks", "ping", hook["id"])
    assert delivery in run("webhooks", "deliveries", hook["id"])
    assert run("webhooks", "redeliver", delivery) == "sent again"
    run("webhooks", "remove", hook["id"])
    assert run("webhooks", "list", project, json_=True) == []
