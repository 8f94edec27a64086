"""Learning over HTTP, as the page does it: annotate, learn, click, propose, accept. A real worker process answers the
clicks; the jobs run here, with few steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient

from backend.api.schemas_jobs import Job
from backend.domain.ids import new_id
from backend.domain.jobs import QueueName
from backend.imaging import masks
from backend.imaging.phantom import LIVER, Phantom
from backend.services.imports import NewVolume
from backend.settings import Settings
from backend.wiring import Services
from tests.api.conftest import running_workers
from workers.batch import Batch
from workers.interactive import Interactive
from workers.runtime import Runtime
from workers.sammed.assist import AssistConfig
from workers.sammed.auto import AutoConfig
from workers.sammed.sapnet import SapNetConfig

Json = dict[str, Any]
Run = Callable[[Json], Json]

FEW = 10


@pytest.fixture(scope="module")
def run(services: Services, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`run(job)` does the job's work and returns the job as it ended."""
    torch.set_num_threads(1)
    services.jobs._postpone = lambda delay_s, act: None  # no job but by this hand
    runtime = Runtime(services, [])
    runtime.jobs = Batch(
        services,
        Interactive(services),
        assist=AssistConfig(steps=FEW),
        auto=AutoConfig(sapnet=SapNetConfig(episodes=FEW)),
    ).jobs()

    def until_over(job: Json) -> Json:
        runtime.run_job(UUID(job["id"]))
        return Job.of(services.jobs.get(services.accounts.administrator(), UUID(job["id"]))).model_dump(mode="json")

    log = tmp_path_factory.mktemp("workers") / "log"
    runtime.name, runtime.queues = "learner", [QueueName.TRAIN]
    with runtime.announced(), running_workers(settings, services, log, "click,encode"):
        yield until_over


@pytest.fixture(scope="module")
def volume(services: Services, client: TestClient, project: Json, phantom: Phantom) -> Json:
    voxels = phantom.volume.voxels
    stored = services.imports.store(
        UUID(project["id"]),
        NewVolume(
            study_key="phantom",
            case_name="phantom",
            study={},
            content_hash="phantom",
            voxels_hash=services.objects.put_voxels(voxels),
            name="phantom",
            modality="CT",
            dtype="int16",
            channels=1,
            shape_kji=phantom.volume.geometry.shape_kji,
            geometry=phantom.volume.geometry.to_json(),
            presentation={
                "value_range": [-1024, 3071],
                "windows": [],
                "model_window": {"name": "", "width": 400.0, "center": 40.0},
            },
            series={},
            source={"kind": "dicom"},
            warnings=[],
            originals=[],
        ),
    )
    return dict(client.get(f"/api/volumes/{stored.volume_id}").json())


class Page:
    """What the annotate page does, on the liver."""

    def __init__(self, client: TestClient, volume: Json, label_id: str, phantom: Phantom) -> None:
        self.client, self.volume, self.label_id = client, volume["id"], label_id
        self.truth = phantom.mask(LIVER)
        body = {"volume_id": self.volume, "label_id": label_id}
        self.annotation = client.post("/api/annotations", json=body).json()["id"]

    @property
    def slices(self) -> list[int]:
        return [int(k) for k in np.flatnonzero(self.truth.sum(axis=(1, 2)) > 100)]

    def head(self) -> str | None:
        return self.client.get(f"/api/annotations/{self.annotation}/masks").json()["head"]

    def draw(self, k: int, **more: Any) -> Json:
        body = {
            "id": str(new_id()),
            "parent": self.head(),
            "origin": "manual",
            "slices": [{"slice": k, "flips": masks.encode(self.truth[k])}],
            **more,
        }
        return self.client.post(f"/api/annotations/{self.annotation}/revisions", json=body).json()

    def state(self) -> Json:
        found = self.client.get(f"/api/volumes/{self.volume}/learning").json()["items"]
        return next(state for state in found if state["label_id"] == self.label_id)

    def start(self, kind: str, **more: Any) -> Any:
        body = {"kind": kind, "volume_id": self.volume, "label_id": self.label_id, **more}
        return self.client.post("/api/jobs", json=body)

    def click(self, k: int, **more: Any) -> Json:
        rows, columns = np.nonzero(self.truth[k])
        point = {"x": float(np.median(columns)), "y": float(np.median(rows))}
        body = {"slice": k, "label_id": self.label_id, "points": [point], **more}
        return self.client.post(f"/api/volumes/{self.volume}/predictions", json=body).json()

    def post(self, verb: str, **more: Any) -> Any:
        return self.client.post(
            f"/api/volumes/{self.volume}/proposals/{verb}", json={"label_id": self.label_id, **more}
        )

    def proposals(self, query: str = "") -> list[Json]:
        return list(self.client.get(f"/api/volumes/{self.volume}/proposals{query}").json()["items"])


@pytest.fixture(scope="module")
def page(client: TestClient, project: Json, volume: Json, phantom: Phantom) -> Page:
    return Page(client, volume, project["labels"][0]["id"], phantom)


@pytest.mark.usefixtures("run")
def test_too_little_to_learn_from(page: Page) -> None:
    refused = page.start("learn_prompt")
    assert (refused.status_code, refused.json()["code"]) == (422, "not_enough_slices")
    assert refused.json()["hint"] and refused.json()["context"] == {"have": 0, "need": 2}
    for job, code in (
        ({"kind": "auto_segment", "slices": [500]}, "not_enough_slices"),
        ({"kind": "propagate", "slice": 500}, "slice_not_found"),
        ({"kind": "auto_segment", "generator": "magic"}, "invalid_request"),
        ({"kind": "guess"}, "invalid_request"),
    ):
        assert page.start(**job).json()["code"] == code
    strange = page.client.post(
        "/api/jobs", json={"kind": "learn_prompt", "volume_id": page.volume, "label_id": str(new_id())}
    )
    assert (strange.status_code, strange.json()["code"]) == (404, "label_not_found")


def test_the_loop_of_the_page(page: Page, client: TestClient, run: Run) -> None:
    first, second, *_ = page.slices[1::3]
    work = {"slices": [{"slice": first, "clicks": 3, "seconds": 4.5, "model": "sammed-small"}]}
    assert page.draw(first, telemetry=work)["telemetry"] == work
    assert page.state()["examples"] == 1 and page.state()["jobs"] == []
    page.draw(second)
    (job,) = page.state()["jobs"]
    assert (job["kind"], job["volume_id"], job["label_id"]) == ("learn_prompt", page.volume, page.label_id)
    done = run(job)
    assert done["state"] == "done", done
    state = page.state()
    learned = state["newest"]
    assert learned["id"] == done["result"]["learned_prompt_id"] and learned["examples"] == 2
    assert learned["active"] == learned["verdict"]["active"]
    assert (state["learned_prompt"] is not None) == learned["active"]

    switched = client.patch(f"/api/learned-prompts/{learned['id']}", json={"active": True}).json()
    assert switched["active"] is True
    k = page.slices[0]
    taught, plain = page.click(k), page.click(k, learned_prompt=None)
    assert taught["learned_prompt"] == {
        "id": learned["id"],
        "source": "volume",
        "gain": learned["verdict"]["gain"],
        "examples": 2,
    }
    assert plain["learned_prompt"] is None and plain["mask"] != taught["mask"]
    named = page.click(k, learned_prompt=learned["id"])
    assert named["mask"] == taught["mask"] and named["learned_prompt"]["source"] == "chosen"
    assert page.click(k, learned_prompt=str(new_id()))["code"] == "learned_prompt_not_found"

    wanted = [k for k in page.slices if k not in (first, second)][:4]
    proposing = run(page.start("auto_segment", slices=wanted, seed=5).json())
    assert proposing["state"] == "done", proposing
    proposals = page.proposals()
    assert [p["slice"] for p in proposals] == wanted
    assert page.proposals(f"?after={proposals[1]['id']}") == proposals[2:]
    assert {p["learned_prompt"] for p in proposals} == {learned["id"]}
    assert page.state()["proposals"] == {"open": 4}

    assert page.post("reject", slices=wanted[:1], absent=True).json() == {"state": "absent", "slices": wanted[:1]}
    assert page.post("reopen", slices=wanted[:1]).json()["slices"] == wanted[:1]
    stale = page.post("accept", revision_id=str(new_id()), parent=None)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_revision")
    revision_id = str(new_id())
    accepted = page.post("accept", revision_id=revision_id, parent=page.head()).json()
    assert sorted(accepted["accepted"] + accepted["absent"]) == wanted and accepted["skipped"] == []
    if accepted["accepted"]:
        assert accepted["revision"]["origin"] == "auto" and page.head() == revision_id
    assert page.post("accept", revision_id=str(new_id()), parent=page.head()).json()["code"] == "proposal_not_found"


def test_a_project_keeps_a_learned_prompt_for_its_next_cases(page: Page, client: TestClient, project: Json) -> None:
    learned = client.get(f"/api/projects/{project['id']}/learned-prompts?label_id={page.label_id}").json()["items"]
    assert learned, "the loop of the page has learned one"
    kept = client.patch(f"/api/labels/{page.label_id}", json={"warm_start_id": learned[0]["id"]}).json()
    assert kept["warm_start_id"] == learned[0]["id"]
    assert client.get(f"/api/learned-prompts/{learned[0]['id']}").json()["warm_start"] is True
    other = project["labels"][1]["id"]
    refused = client.patch(f"/api/labels/{other}", json={"warm_start_id": learned[0]["id"]})
    assert (refused.status_code, refused.json()["code"]) == (404, "learned_prompt_not_found")


def test_preferences(client: TestClient) -> None:
    assert client.get("/api/me").json()["auto_learn"] is True
    assert client.patch("/api/me", json={"auto_learn": False}).json()["auto_learn"] is False
    assert client.patch("/api/me", json={"auto_learn": True}).json()["auto_learn"] is True
    keys = {"tool.brush": ["Shift+B"], "tool.box": []}
    changed = client.patch("/api/me", json={"keys": keys}).json()
    assert (changed["keys"], changed["auto_learn"]) == (keys, True)
    for wrong in ({"tool.brush": "b"}, {"tool.brush": [""]}, {"tool.brush": ["b"] * 5}, {"": ["b"]}):
        assert client.patch("/api/me", json={"keys": wrong}).json()["code"] == "invalid_request"
    assert client.get("/api/me").json()["keys"] == keys
    assert client.patch("/api/me", json={"keys": {}}).json()["keys"] == {}


@pytest.mark.parametrize(
    "telemetry",
    [
        {"clicks": 3},
        {"slices": [{"clicks": 3}]},
        {"slices": [{"slice": 1, "seconds": -1}]},
        {"slices": [{"slice": -1}]},
    ],
)
def test_telemetry_has_a_form(page: Page, telemetry: Json) -> None:
    assert page.draw(page.slices[0], telemetry=telemetry)["code"] == "invalid_request"
