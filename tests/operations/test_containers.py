"""The container files: their commands start sammed here too, against servers that somebody else runs.

There is no container engine in the tests. What is checked: the files agree with the code, and the very commands and
variables of docker-compose.yml run an installation with external addresses.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from backend.settings import ENV_PREFIX, ServiceUrls, Settings
from backend.supervisor import ALL_QUEUES
from tests.operations.installation import READY_TIMEOUT_S, STOP_TIMEOUT_S, TOKEN, Lines, free_port

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (REPOSITORY / "backend" / "Dockerfile").read_text(encoding="utf-8")

SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("command", [""])[0] == "sammed"}


def test_compose_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no `docker compose` client on this machine")
    outcome = subprocess.run(
        [docker, "compose", "--profile", "gpu", "config", "--quiet"],
        cwd=REPOSITORY,
        env={**os.environ, "POSTGRES_PASSWORD": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr


def test_every_queue_has_a_worker_and_clicks_have_one_of_their_own() -> None:
    queues = {name: service["command"][2:] for name, service in OURS.items() if service["command"][1] == "worker"}
    without_gpu = {name: served for name, served in queues.items() if "profiles" not in SERVICES[name]}
    assert {queue for served in without_gpu.values() for queue in served} == ALL_QUEUES
    assert ["click"] in without_gpu.values()
    assert {queue for served in queues.values() for queue in served} <= ALL_QUEUES


def test_every_variable_is_a_setting_or_the_key_of_a_bucket() -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    used = {name for service in OURS.values() for name in service["environment"]}
    used |= set(re.findall(r"\b(SAMMED_[A-Z_]+)=", DOCKERFILE))
    assert used <= known


def test_every_target_exists() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, flags=re.MULTILINE))
    assert {service["build"]["target"] for service in OURS.values()} <= targets


@pytest.fixture(scope="module")
def locks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The package names of the two lists that the Dockerfile makes, by running its own words."""
    folder = tmp_path_factory.mktemp("locks")
    shutil.copy(REPOSITORY / "requirements.lock", folder)
    found = re.search(
        r"^RUN (grep .*?worker\.lock > api\.lock|grep .*?> api\.lock)$", DOCKERFILE, re.DOTALL | re.MULTILINE
    )
    assert found
    subprocess.run(["sh", "-ec", found[1]], cwd=folder, check=True)
    return {
        name: {re.split("[=<>; ]", line)[0].lower() for line in (folder / f"{name}.lock").read_text().splitlines()}
        for name in ("api", "worker")
    }


def test_the_api_image_has_no_torch_and_the_worker_image_has(locks: dict[str, set[str]]) -> None:
    assert {"torch", "torchvision", "segment-anything"} <= locks["worker"]
    assert not {name for name in locks["api"] if re.match("torch|nvidia|cuda|triton|segment", name)}
    assert "pytest" not in locks["worker"] | locks["api"]


def test_the_api_image_has_all_that_the_web_server_imports(locks: dict[str, set[str]]) -> None:
    question = (
        "import sys, backend.main, backend.cli, backend.supervisor; print(*{m.split('.')[0] for m in sys.modules})"
    )
    outcome = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    distributions = importlib.metadata.packages_distributions()
    imported = {
        re.sub("[-_.]+", "-", distribution).lower()
        for module in outcome.stdout.split()
        for distribution in distributions.get(module, [])
    }
    assert len(imported) > 20
    assert imported - locks["api"] - {"sammed", "pip"} == set()


# -- an installation with addresses of its own, started by the commands of docker-compose.yml -------------------------
@pytest.fixture(scope="module")
def variables(
    services_env: ServiceUrls, new_database: Callable[[str | None], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The variables of the services, with this machine's addresses in the place of the containers'."""
    values = dict.fromkeys(OURS["api"]["environment"], "")  # as compose passes on what is not set
    values |= {
        "SAMMED_DATABASE_URL": new_database(None).replace("postgresql+psycopg", "postgresql"),
        "SAMMED_REDIS_URL": services_env.redis_url,
        "SAMMED_CACHE_REDIS_URL": services_env.cache_redis_url,
        "SAMMED_BOOTSTRAP_TOKEN": TOKEN,
        "SAMMED_DATA_DIR": str(tmp_path_factory.mktemp("volume")),
        "SAMMED_PORT": str(free_port()),
        "SAMMED_LOG_FORMAT": "json",
    }
    return {**os.environ, **values}


def start(service: str, variables: dict[str, str]) -> subprocess.Popen[str]:
    program = Path(sys.executable).with_name("sammed")
    command = [str(program), *OURS[service]["command"][1:]]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def url(variables: dict[str, str]) -> Iterator[str]:
    """The address of the installation, once the API answers and the worker of the queue `io` is there."""
    with start("migrate", variables) as migrate:
        said, _ = migrate.communicate(timeout=READY_TIMEOUT_S)
    assert migrate.returncode == 0, said
    assert "/login?token=" in said
    with ExitStack() as stack:
        processes = {name: stack.enter_context(start(name, variables)) for name in ("api", "worker-io")}
        lines = {name: Lines(process.stdout) for name, process in processes.items() if process.stdout}
        stack.callback(lambda: [each.drain() for each in lines.values()])
        stack.callback(lambda: [process.terminate() for process in processes.values()])
        lines["api"].wait_for("Uvicorn running on", READY_TIMEOUT_S)
        lines["worker-io"].wait_for("worker", READY_TIMEOUT_S)
        yield f"http://127.0.0.1:{variables['SAMMED_PORT']}"
        for process in processes.values():
            process.terminate()
        assert [process.wait(STOP_TIMEOUT_S) for process in processes.values()] == [0, 0]


@pytest.mark.timeout(600)
def test_the_commands_run_an_installation_with_external_addresses(url: str, variables: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.get(f"{url}/readyz").status_code == 200
    assert httpx.get(f"{url}/api/me", headers=headers).json()["is_admin"] is True
    assert not (Path(variables["SAMMED_DATA_DIR"]) / "postgres").exists()


@pytest.mark.timeout(600)
def test_people_are_managed_without_a_private_server(url: str, variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "backend", "user", "add", "bo@example.org"]
    added = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert added.returncode == 0, added.stderr
    assert f"{url}/login?token=" in added.stdout
