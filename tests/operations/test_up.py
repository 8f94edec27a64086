"""`sammed up` from outside: one real installation, used, hurt, and stopped."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import pytest

from tests.operations.installation import TOKEN, Installation, free_port, running

pytestmark = pytest.mark.timeout(600)


def sammed(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("installation") / "data") as started:
        yield started


def test_it_serves_requests_when_it_says_ready(installation: Installation) -> None:
    assert httpx.get(f"{installation.url}/healthz").status_code == 200
    assert httpx.get(f"{installation.url}/readyz").status_code == 200
    workers = installation.wait_for_workers()
    assert set(workers) == {"click", "encode", "train", "io"}


def test_the_bootstrap_token_is_the_first_administrators(installation: Installation) -> None:
    with installation.client() as client:
        assert client.get("/api/me").json()["is_admin"] is True
    assert httpx.get(f"{installation.url}/api/me").status_code == 401


def test_the_printed_address_signs_in_once(installation: Installation) -> None:
    assert installation.login_url.startswith(f"{installation.url}/login?token=")
    (token,) = parse_qs(urlsplit(installation.login_url).query)["token"]
    first = httpx.post(f"{installation.url}/api/auth/one-time", json={"token": token}, headers={"X-Sammed-CSRF": "1"})
    assert first.status_code == 200
    assert first.json()["must_set_password"] is True
    again = httpx.post(f"{installation.url}/api/auth/one-time", json={"token": token}, headers={"X-Sammed-CSRF": "1"})
    assert again.status_code == 401


def test_it_listens_on_this_machine_only(installation: Installation) -> None:
    pids = {installation.process.pid, *(process.pid for process in installation.family)}
    listening = [c.laddr.ip for c in psutil.net_connections("inet") if c.pid in pids and c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert stat.S_IMODE(installation.data_dir.stat().st_mode) == 0o700


def test_a_second_one_on_the_same_folder_is_refused(installation: Installation) -> None:
    refused = sammed("up", "--no-browser", "--port", str(free_port()), "--data-dir", str(installation.data_dir))
    assert refused.returncode == 1
    assert f"in use by process {installation.process.pid} " in refused.stderr
    assert "--data-dir" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_in_use_is_refused_before_anything_starts(installation: Installation, tmp_path: Path) -> None:
    port = str(urlsplit(installation.url).port)
    refused = sammed("up", "--no-browser", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert refused.returncode == 1
    assert f"listens on port {port}" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_people_are_managed_while_it_runs(installation: Installation) -> None:
    folder = ("--data-dir", str(installation.data_dir))
    added = sammed("user", "add", "ada@example.org", "--name", "Ada", *folder)
    assert added.returncode == 0, added.stderr
    assert f"{installation.url}/login?token=" in added.stdout
    listed = sammed("user", "list", *folder)
    assert "ada@example.org\tAda\n" in listed.stdout
    assert "administrator" in listed.stdout
    twice = sammed("user", "add", "ada@example.org", *folder)
    assert twice.returncode == 1
    assert "Traceback" not in twice.stderr


def test_a_dead_worker_is_reported_and_replaced(installation: Installation) -> None:
    installation.wait_for_workers()
    victim = installation.worker("io")
    victim.kill()
    report = installation.log.wait_for("died and is started again", 30)
    assert "worker io 1" in report
    installation.log.wait_for('"process": "worker io 1"', 30)
    assert installation.worker("io").pid != victim.pid
    assert httpx.get(f"{installation.url}/healthz").status_code == 200


def test_dead_private_servers_are_revived(installation: Installation) -> None:
    names = ("postgres", "redis-server", "valkey-server")
    servers = [p for p in psutil.Process(installation.process.pid).children() if p.name() in names]
    assert len(servers) == 3
    for server in servers:
        server.kill()
    reports = [installation.log.wait_for("died and was started again", 60) for _ in servers]
    assert [word for word in ("postgres", "redis-queue", "redis-cache") if not any(word in r for r in reports)] == []
    with installation.client() as client:
        assert client.get("/api/me").json()["is_admin"] is True  # the data is still there


def test_ctrl_c_leaves_nothing_running(installation: Installation) -> None:
    family = installation.family
    assert len(family) > 8
    assert installation.stop(signal.SIGINT) == 0
    _, left = psutil.wait_procs(family, timeout=10)
    assert alive(left) == []
    assert not (installation.data_dir / "address").exists()


def test_kill_9_leaves_nothing_running_and_the_next_start_recovers(installation: Installation) -> None:
    """Runs on the folder that the tests above have left behind, so it is a second start as well."""
    assert installation.process.poll() is not None
    with running(installation.data_dir) as second:
        family = second.family
        second.process.kill()
        _, left = psutil.wait_procs(family, timeout=60)
        assert alive(left) == []
    with running(installation.data_dir) as third:
        with third.client() as client:
            assert client.get("/api/me").json()["is_admin"] is True
        assert third.stop(signal.SIGTERM) == 0


def test_a_wrong_setting_is_named() -> None:
    refused = sammed("up", SAMMED_PORT="eighty")
    assert refused.returncode == 1
    assert "SAMMED_PORT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_serving_alone_needs_addresses() -> None:
    refused = sammed("serve")
    assert refused.returncode == 1
    assert "SAMMED_DATABASE_URL" in refused.stderr
    assert TOKEN not in refused.stderr
