"""What all tests share: one private Postgres and Redis per test run, a fresh database per module, the data folder.

The servers are the real ones, started by the code that starts them for users. Only durability is traded for speed:
a test database does not have to survive a power cut. A test that kills servers starts its own (`tests/operations`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy
from psycopg import sql

from backend.db.migrate import migrate
from backend.db.session import Database
from backend.embedded import PrivateServices
from backend.services.access import Principal
from backend.settings import ENV_PREFIX, ServiceUrls, Settings
from backend.wiring import Services, build_services

REPOSITORY = Path(__file__).resolve().parent.parent

NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
TEST_CACHE_BYTES = 256 * 1024**2
FOR_TESTS = {"SAMMED_SHARED", "SAMMED_SCREENSHOTS"}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def pytest_configure() -> None:
    """A developer's own settings must not leak into the tests."""
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX) and name not in FOR_TESTS]:
        del os.environ[name]


@pytest.fixture(scope="session")
def services_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceUrls]:
    """Addresses of the private servers of this test run."""
    data_dir = tmp_path_factory.mktemp("services")
    with PrivateServices(data_dir, cache_bytes=TEST_CACHE_BYTES, postgres_settings=NOT_DURABLE) as services:
        yield services.urls


@pytest.fixture(scope="session")
def new_database(services_env: ServiceUrls) -> Callable[[str | None], str]:
    """`new_database(None)` creates an empty database, `new_database(url)` a copy of that one (nobody may be connected
    to it); both return the new one's URL. A copy of a migrated database takes a tenth of migrating again."""
    administration = sqlalchemy.make_url(services_env.database_url)
    created = 0

    def create(template_url: str | None = None) -> str:
        nonlocal created
        created += 1
        name = f"test_{created}"
        template = sqlalchemy.make_url(template_url).database if template_url else "template0"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        address = administration.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(str(template))))
        return administration.set(database=name).render_as_string(hide_password=False)

    return create


@pytest.fixture(scope="session")
def migrated_url(new_database: Callable[[str | None], str]) -> str:
    """A database with all tables and no rows; copied for every module that needs one, so nobody stays connected."""
    url = new_database(None)
    database = Database(url)
    migrate(database)
    database.close()
    return url


@pytest.fixture(scope="module")
def database_url(new_database: Callable[[str | None], str], migrated_url: str) -> str:
    """A database with all tables and no rows for the tests of one module."""
    return new_database(migrated_url)


@pytest.fixture(scope="module")
def redis_url(services_env: ServiceUrls) -> str:
    """The queue Redis, empty at the start of the module."""
    return _emptied(services_env.redis_url)


@pytest.fixture(scope="module")
def cache_redis_url(services_env: ServiceUrls) -> str:
    """The embedding cache, empty at the start of the module."""
    return _emptied(services_env.cache_redis_url)


def _emptied(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture(scope="module")
def objects_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty object store on disk."""
    return tmp_path_factory.mktemp("objects").as_uri()


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory,
    database_url: str,
    redis_url: str,
    cache_redis_url: str,
    objects_url: str,
) -> Settings:
    """Settings of an installation with an empty database, for the tests of one module."""
    return Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        database_url=database_url,
        redis_url=redis_url,
        cache_redis_url=cache_redis_url,
        objects_url=objects_url,
    )


@pytest.fixture(scope="module")
def services(settings: Settings) -> Iterator[Services]:
    """The whole object graph of an installation in which only the first administrator is."""
    built = build_services(settings)
    built.accounts.bootstrap(None)
    yield built
    built.close()


@pytest.fixture(scope="module")
def admin(services: Services) -> Principal:
    return services.accounts.administrator()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real data, `SAMMED_SHARED` or `../shared` beside the repository."""
    folder = Path(os.environ.get("SAMMED_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data: {folder / 'data'} does not exist (set SAMMED_SHARED)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium to drive, `CHROMIUM` or the first on PATH."""
    candidates = (os.environ.get("CHROMIUM"), *(shutil.which(name) for name in CHROMIUM_NAMES))
    found = next((path for path in candidates if path), None)
    if found is None:
        missing = "no Chromium: install Debian's package chromium, or set CHROMIUM to a browser's path"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found
