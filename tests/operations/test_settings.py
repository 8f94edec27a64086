"""Settings are read from the environment once, checked, and handed to child processes unchanged."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.settings import Settings

BACKEND = Path(__file__).resolve().parents[2] / "backend"


def test_defaults_need_nothing() -> None:
    settings = Settings()
    assert settings.database_url is None
    assert settings.host == "127.0.0.1"
    assert settings.objects_location == (settings.data_dir / "objects").as_uri()


def test_every_field_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path / "a folder",
        port=8123,
        cookie_secure=True,
        database_url="postgres://u:p%40ss@host/db",
        redis_url="redis://host/1",
        cache_redis_url="unix:///a%20b/c.sock?db=0",
        device="cuda:1",
        bootstrap_token="a-token-of-some-length",
        oidc_issuer="https://login.example.org",
        oidc_client_id="sammed",
        oidc_roles={"Livers": "annotator"},
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMMED_DATABASE_URL", "")
    monkeypatch.setenv("SAMMED_PORT", "")
    assert Settings().database_url is None
    assert Settings().port == 8000


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_postgres_address_gets_the_driver(scheme: str) -> None:
    assert Settings(database_url=f"{scheme}://h/d").database_url == "postgresql+psycopg://h/d"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "sqlite:///x.db"),
        ("database_url", "localhost"),
        ("redis_url", "localhost:6379"),
        ("port", 0),
        ("port", 65536),
        ("device", "cpu:1"),
        ("device", "gpu"),
        ("log_level", "loud"),
        ("upload_max_bytes", 0),
        ("bootstrap_token", "short"),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})


def test_secrets_do_not_show_in_a_printed_settings_object() -> None:
    settings = Settings(database_url="postgresql://u:hunter2@h/d", bootstrap_token="hunter2-token")
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("annotate.example", "http://annotate.example:8000"),
    ],
)
def test_base_url_can_be_typed_into_a_browser(host: str, url: str) -> None:
    assert Settings(host=host).base_url == url


def test_nothing_else_in_the_backend_reads_the_environment() -> None:
    """Passing `os.environ` on to a child is allowed in processes.py; reading a variable is allowed in settings.py."""
    allowed = {"settings.py", "processes.py"}
    readers = [
        str(path.relative_to(BACKEND))
        for path in BACKEND.rglob("*.py")
        if path.name not in allowed and _reads_environment(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert readers == []


def _reads_environment(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} for node in ast.walk(tree))


def test_a_sign_in_service_is_named_whole_and_encrypted() -> None:
    known = Settings(oidc_issuer="https://login.example.org/", oidc_client_id="sammed")
    assert known.oidc_new_people == "refuse"
    assert Settings(oidc_issuer="http://127.0.0.1:9400", oidc_client_id="sammed").oidc_issuer
    wrong = [
        ({"oidc_issuer": "http://login.example.org", "oidc_client_id": "sammed"}, "https://"),
        ({"oidc_issuer": "https://login.example.org"}, "SAMMED_OIDC_CLIENT_ID is missing"),
        ({"oidc_only": True}, "SAMMED_OIDC_ISSUER is missing"),
        ({"oidc_roles": {"Livers": "king"}}, "manager"),
    ]
    for values, words in wrong:
        with pytest.raises(ValidationError, match=words):
            Settings(**values)
