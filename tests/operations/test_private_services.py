"""The private Postgres and Redis: they start, keep their data, let nobody else in, and survive being killed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
import sqlalchemy

from backend.data_dir import DataFolderInUse, DataFolderUnusable, socket_dir
from backend.embedded import PrivateServerFailed, PrivateServices, postgres_programs, redis_program
from backend.settings import ServiceUrls

CACHE_BYTES = 8 * 1024**2

# Starts the servers, says so, then lives until it is killed.
HOLDER = """
import sys
from pathlib import Path
from backend.embedded import PrivateServices
with PrivateServices(Path(sys.argv[1]), cache_bytes=8 * 1024**2) as services:
    print(services.database_url, *(child.pid for child in services.children), flush=True)
    sys.stdin.read()
"""


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    address = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that has been used once, to copy: creating a cluster takes longer than all else in a test."""
    folder = tmp_path_factory.mktemp("used") / "data"
    with PrivateServices(folder, cache_bytes=CACHE_BYTES):
        pass
    return folder


@pytest.fixture
def data_dir(used_folder: Path, tmp_path: Path) -> Path:
    """A data folder of the test's own, with a cluster in it and nobody running."""
    subprocess.run(["cp", "-a", used_folder, tmp_path / "data"], check=True)
    return tmp_path / "data"


@pytest.fixture
def holder(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs the servers of `data_dir`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def first_line(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    words = process.stdout.readline().split()
    assert words, "the process ended before its servers were ready"
    return words


def test_data_survives_a_restart_and_nothing_runs_afterwards(data_dir: Path) -> None:
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        query(services.database_url, "CREATE TABLE kept (value int)")
        query(services.database_url, "INSERT INTO kept VALUES (41)")
        pids = [child.pid for child in services.children]
        assert len(pids) == 3
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        assert query(services.database_url, "SELECT value FROM kept") == [(41,)]


def test_queues_are_never_evicted_and_embeddings_are(data_dir: Path) -> None:
    with (
        PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services,
        closing(redis.Redis.from_url(services.redis_url)) as queues,
        closing(redis.Redis.from_url(services.cache_redis_url)) as cache,
    ):
        queues.set("job", "1")
        for number in range(32):
            cache.set(f"embedding:{number}", os.urandom(1024**2))
        assert cache.dbsize() < 32
        assert cache.info("memory")["used_memory"] <= 2 * CACHE_BYTES
        assert queues.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert queues.dbsize() == 1


def test_nothing_listens_on_the_network(data_dir: Path) -> None:
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        servers = [psutil.Process(child.pid) for child in services.children]
        family = {process.pid for server in servers for process in (server, *server.children(recursive=True))}
        assert len(family) > len(servers)  # Postgres is several processes
        assert [c for c in psutil.net_connections(kind="inet") if c.pid in family] == []


def test_only_we_may_enter_the_folders(data_dir: Path) -> None:
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES):
        for folder in (data_dir, data_dir / "postgres", data_dir / "run"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_nobody_else_gets_into_the_database(data_dir: Path) -> None:
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        url = sqlalchemy.make_url(services.database_url).set(username="postgres", drivername="postgresql")
        with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
            query(url.render_as_string(), "SELECT 1")
        rules = (data_dir / "postgres" / "pg_hba.conf").read_text()
        assert rules == "local all sammed peer map=sammed\n"


def test_a_server_that_died_is_revived_at_the_same_address(data_dir: Path) -> None:
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        url = services.database_url
        query(url, "CREATE TABLE kept AS SELECT 5 AS value")
        assert services.revive() == []
        victims = [psutil.Process(child.pid) for child in services.children[:2]]
        for victim in victims:
            victim.kill()
        psutil.wait_procs(victims, timeout=20)
        assert services.revive() == ["postgres", "redis-queue"]
        assert query(url, "SELECT value FROM kept") == [(5,)]
        assert redis.Redis.from_url(services.redis_url).ping()


def test_an_address_that_is_given_is_used_and_not_started(tmp_path: Path, services_env: ServiceUrls) -> None:
    data_dir = tmp_path / "new"
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES, database_url=services_env.database_url) as services:
        assert services.database_url == services_env.database_url
        assert [child.name for child in services.children] == ["redis-queue", "redis-cache"]
    assert not (data_dir / "logs" / "postgres.log").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderUnusable, match="file/data"), PrivateServices(tmp_path / "file/data", cache_bytes=1):
        pass


def test_a_second_start_is_refused_and_names_the_first(data_dir: Path, holder: subprocess.Popen[str]) -> None:
    first_line(holder)
    with (
        pytest.raises(DataFolderInUse, match=f"in use by process {holder.pid} of ") as refused,
        PrivateServices(data_dir, cache_bytes=CACHE_BYTES),
    ):
        pass
    assert "--data-dir" in str(refused.value.hint)
    assert refused.value.context["pid"] == holder.pid


def test_kill_9_takes_the_servers_along_and_the_next_start_recovers(
    data_dir: Path, holder: subprocess.Popen[str]
) -> None:
    url, *pids = first_line(holder)
    query(url, "CREATE TABLE kept AS SELECT 7 AS value")
    servers = [psutil.Process(int(pid)) for pid in pids]
    holder.kill()
    _, left = psutil.wait_procs(servers, timeout=20)
    assert left == []
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        assert query(services.database_url, "SELECT value FROM kept") == [(7,)]


def test_servers_killed_together_with_their_supervisor_recover(data_dir: Path, holder: subprocess.Popen[str]) -> None:
    url, *pids = first_line(holder)
    query(url, "CREATE TABLE kept AS SELECT 9 AS value")
    everyone = [holder.pid, *(int(pid) for pid in pids)]
    servers = [psutil.Process(pid) for pid in everyone]
    for pid in everyone:
        os.kill(pid, signal.SIGKILL)
    holder.wait()
    psutil.wait_procs(servers, timeout=20)
    assert (data_dir / "postgres" / "postmaster.pid").exists()
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        assert query(services.database_url, "SELECT value FROM kept") == [(9,)]


def test_orphaned_servers_are_ended_before_new_ones_start(data_dir: Path) -> None:
    """Where the system has no death signal, a killed supervisor leaves its servers behind."""
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        commands = [psutil.Process(child.pid).cmdline() for child in services.children]
    socket_path = socket_dir(data_dir) / "redis-queue.sock"
    options = ["--port", "0", "--unixsocket", str(socket_path), "--save", "", "--loglevel", "warning"]
    assert any(str(socket_path) in " ".join(command) for command in commands)
    orphan = subprocess.Popen([redis_program(), *options], stdout=subprocess.DEVNULL)
    with orphan, PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        assert orphan.wait(20) is not None
        assert redis.Redis.from_url(services.redis_url).ping()


def test_backends_whose_postmaster_was_killed_are_gone_before_the_next_one_starts(
    data_dir: Path, holder: subprocess.Popen[str]
) -> None:
    """Two servers writing one cluster would destroy it; the lock files that prevent it are dropped only after this."""
    url, postmaster_pid, *_ = first_line(holder)
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://")):
        postmaster = psutil.Process(int(postmaster_pid))
        backends = postmaster.children(recursive=True)
        assert len(backends) > 3
        holder.kill()
        postmaster.kill()  # at once, before the death signal makes it stop in order
        with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
            assert [one for one in backends if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
            assert query(services.database_url, "SELECT 1") == [(1,)]


def test_a_pid_file_with_a_number_that_now_belongs_to_somebody_else_is_ignored(data_dir: Path) -> None:
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES):
        pass
    pid_file = data_dir / "postgres" / "postmaster.pid"
    socket_lock = data_dir / "run" / "postgres" / ".s.PGSQL.5432.lock"
    somebody = psutil.Process(os.getppid()).pid
    for lock in (pid_file, socket_lock):
        lock.write_text(f"{somebody}\n{data_dir / 'postgres'}\n0\n5432\n\n\n")
        lock.chmod(0o644)
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        assert query(services.database_url, "SELECT 1") == [(1,)]


def test_an_interrupted_initdb_is_repeated(tmp_path: Path) -> None:
    data_dir = tmp_path / "new"
    half_made = data_dir / "postgres.unfinished"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        assert query(services.database_url, "SELECT 1") == [(1,)]
    assert not half_made.exists()


def test_a_cluster_of_another_version_is_named(data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(PrivateServerFailed, match="was written by PostgreSQL 12"),
        PrivateServices(data_dir, cache_bytes=CACHE_BYTES),
    ):
        pass


def test_a_server_that_cannot_start_is_reported_with_its_log(data_dir: Path) -> None:
    with (
        pytest.raises(PrivateServerFailed, match=r"postgres ended at once.*max_connections"),
        PrivateServices(data_dir, cache_bytes=CACHE_BYTES, postgres_settings={"max_connections": "many"}),
    ):
        pass
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES):  # the folder was released
        pass


def test_a_long_path_still_works(tmp_path: Path) -> None:
    data_dir = tmp_path / ("deep" * 20) / ("deeper" * 10)
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        assert query(services.database_url, "SELECT 1") == [(1,)]
        assert str(data_dir) not in services.database_url


def test_the_lock_file_says_who_holds_the_folder(data_dir: Path) -> None:
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES):
        assert json.loads((data_dir / "lock").read_text())["pid"] == os.getpid()
    assert (data_dir / "lock").read_text() == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up being root")
def test_postgres_never_runs_as_root(data_dir: Path) -> None:
    with PrivateServices(data_dir, cache_bytes=CACHE_BYTES) as services:
        assert psutil.Process(services.children[0].pid).uids().real != 0


def test_the_programs_are_found() -> None:
    assert (postgres_programs() / "initdb").exists()
    assert redis_program().exists()
