"""What can be configured, each value once and with its description. Nothing else in the code base reads os.environ.

Here: the names, types, defaults and meanings of all settings, and the folders that follow from them. Not here: what is
built from the values (`backend/wiring.py`) and the private servers that fill in the URLs left empty
(`backend/embedded.py`).

Every field is read from the environment under the prefix `SAMMED_`. The table in README.md is compared with this class
by `tests/test_docs.py`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENV_PREFIX = "SAMMED_"

MIB = 1024**2
GIB = 1024**3


def default_data_dir() -> Path:
    """`data` beside the code in a checkout, so that `make run` and `.venv/bin/sammed` agree; for an installed package
    `$XDG_DATA_HOME/sammed`, by default `~/.local/share/sammed`."""
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "data"
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "sammed"


def default_frontend_dir() -> Path:
    """The built pages: `frontend/dist` of a checkout, or the copy that a built wheel carries inside the package."""
    package = Path(__file__).resolve().parent
    packaged = package / "webroot"
    return packaged if packaged.is_dir() else package.parent / "frontend" / "dist"


class ServiceUrls(NamedTuple):
    """Where the three services answer."""

    database_url: str
    redis_url: str
    cache_redis_url: str


class RemoteServer(BaseModel):
    """A DICOMweb server of others: the address before `/studies`, and how to sign in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^\s?#]+$")
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    token: str | None = Field(default=None, repr=False)


class Settings(BaseSettings):
    """All settings of one installation. Frozen: a change is a new value (`with_services`), never an assignment.

    A URL left empty means "the private one of this machine": `sammed up` starts it under `data_dir`.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    # -- where ----------------------------------------------------------------------------------------------------
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of everything this installation keeps: database, objects, models, logs, locks.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address that the web server listens on. The default is reachable from this machine only.",
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=8000, description="Port that the web server listens on."
    )
    frontend_dir: Path = Field(
        default_factory=default_frontend_dir, description="Folder of the built pages that the web server hands out."
    )

    # -- outside services -----------------------------------------------------------------------------------------
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="PostgreSQL 15 or newer, `postgresql://user:password@host/name`. Empty: a private server.",
    )
    redis_url: str | None = Field(
        default=None,
        repr=False,
        description="Redis 6.2 or newer for the job queues, without eviction. Empty: a private server.",
    )
    cache_redis_url: str | None = Field(
        default=None,
        repr=False,
        description="Redis for image embeddings, with an LRU memory bound of its own. Empty: a private server.",
    )
    objects_url: str | None = Field(
        default=None,
        description="Object store for voxels and original files: `file:///folder` or `s3://bucket/prefix`. "
        "Empty: a folder under `data_dir`.",
    )

    plane_cache_bytes: PositiveInt = Field(
        default=4 * GIB, description="Disk bound of unpacked volumes, from which coronal and sagittal slices are read."
    )

    # -- models ---------------------------------------------------------------------------------------------------
    models_dir: Path | None = Field(
        default=None, description="Folder of downloaded model checkpoints. Empty: `models` under `data_dir`."
    )
    model: str = Field(default="sammed-small", description="Model that answers clicks where a project names no other.")
    device: str = Field(
        default="auto", description="Where models run: `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:N`."
    )
    compute_threads: PositiveInt = Field(
        default=1, description="Threads that each worker process computes with on the CPU; processes add up."
    )
    embedding_cache_bytes: PositiveInt = Field(
        default=1 * GIB, description="Memory bound of the private embedding cache, in bytes; the oldest are evicted."
    )
    embedding_ttl_s: PositiveInt = Field(
        default=7 * 24 * 3600, description="Seconds after which an unused image embedding is forgotten."
    )
    click_timeout_s: PositiveFloat = Field(
        default=30.0, description="Seconds a click waits for its mask before the page is told that no worker answers."
    )

    # -- limits ---------------------------------------------------------------------------------------------------
    upload_max_bytes: PositiveInt = Field(default=8 * GIB, description="Largest upload in one request, in bytes.")
    upload_max_files: PositiveInt = Field(
        default=20_000, description="Most files in one upload, those inside archives included."
    )
    archive_max_ratio: PositiveFloat = Field(
        default=100.0, description="Largest ratio of unpacked to packed size of an archive; beyond it, it is refused."
    )

    # -- webhooks -------------------------------------------------------------------------------------------------
    webhook_private: bool = Field(
        default=False,
        description="Webhooks may go to addresses that are not public, such as those of your own network.",
    )

    # -- access ---------------------------------------------------------------------------------------------------
    bootstrap_token: str | None = Field(
        default=None,
        min_length=8,
        repr=False,
        description="For unattended set-up: the first administrator gets a personal token of this value.",
    )
    cookie_secure: bool = Field(
        default=False,
        description="Send the session cookie over HTTPS only. Set it wherever the site is served by HTTPS.",
    )

    # -- signing in with the accounts of an organisation ----------------------------------------------------------
    oidc_issuer: str | None = Field(
        default=None,
        description="OpenID Connect provider that people may sign in with: the address before `/.well-known/`. "
        "Empty: passwords alone.",
    )
    oidc_client_id: str | None = Field(default=None, description="What the provider knows this installation by.")
    oidc_client_secret: str | None = Field(
        default=None,
        repr=False,
        description="Secret that the provider gave with it. Empty: a public client, by PKCE alone.",
    )
    oidc_name: str = Field(
        default="your organisation",
        min_length=1,
        max_length=60,
        description="What stands on the button after `Sign in with`.",
    )
    oidc_email_claim: str = Field(
        default="email", min_length=1, description="Claim of the provider that holds the e-mail address."
    )
    oidc_trust_email: bool = Field(
        default=False,
        description="Addresses count as verified though the provider does not say so (where it says they are not, they "
        "never do). Set it only where people cannot choose their address.",
    )
    oidc_new_people: Literal["refuse", "admit"] = Field(
        default="refuse",
        description="People without an account here: `refuse` them, or `admit` them with a new one.",
    )
    oidc_domains: str | None = Field(
        default=None,
        description="Only new people with an address of these domains are admitted: `example.org`, several with commas "
        "between them. Empty: all that the provider knows.",
    )
    oidc_roles: dict[str, Literal["manager", "reviewer", "annotator", "viewer"]] = Field(
        default={},
        description='What new people may do at once, by project: `{"Livers": "annotator"}`.',
    )
    oidc_only: bool = Field(
        default=False,
        description="No passwords; links sign in administrators alone, for the day when the provider is away.",
    )

    privacy_key: str | None = Field(
        default=None,
        min_length=16,
        repr=False,
        description="Secret that pseudonyms follow from and their key is sealed with; the same for all processes, and "
        "never another. Empty: the file `privacy.key` in `data_dir`, made when first needed.",
    )

    # -- DICOM -----------------------------------------------------------------------------------------------------
    dicomweb_project: str | None = Field(
        default=None,
        description="Id or name of the project that a DICOMweb address without one means. Empty: that of the token, or "
        "the caller's only one.",
    )
    dicomweb_origins: str | None = Field(
        default=None,
        description="Web sites whose pages, such as OHIF's, may use this server with a token: "
        "`https://viewer.example.org`, several with commas between them.",
    )

    dicomweb_servers: dict[str, RemoteServer] = Field(
        default={},
        repr=False,
        description="DICOMweb servers of others to pull from and push to, by name: "
        '`{"pacs": {"url": "https://pacs/dicom-web", "username": "u", "password": "p"}}`, or with a `token`.',
    )

    # -- the command line as a client -----------------------------------------------------------------------------
    url: str | None = Field(
        default=None,
        description="Address of the installation for people, as in sign-in links, and the server that the command "
        "line talks to. Empty: the one on this machine.",
    )
    token: str | None = Field(
        default=None,
        repr=False,
        description="Personal token for that server. Not needed for the one on this machine that runs on `data_dir`.",
    )

    # -- operation ------------------------------------------------------------------------------------------------
    workers: PositiveInt = Field(
        default=1,
        description="Sets of worker processes that `sammed up` starts "
        "(one set: click, encode, train with evaluate, io).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe message that is logged."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`json` for machines, `console` for people, `auto` picks by whether a person reads."
    )

    @field_validator("data_dir", "frontend_dir", "models_dir")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, url: str | None) -> str | None:
        """SQLAlchemy wants the driver in the scheme; everyone else's URLs do not name one."""
        if url is None:
            return None
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
            raise ValueError("must be a PostgreSQL address, such as postgresql://user:password@host/name")
        return f"postgresql+psycopg://{rest}"

    @field_validator("redis_url", "cache_redis_url")
    @classmethod
    def _redis_scheme(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must be a Redis address, such as redis://host:6379/0")
        return url

    @field_validator("oidc_issuer")
    @classmethod
    def _encrypted(cls, url: str | None) -> str | None:
        if url is not None and not is_secure(url):
            raise ValueError("must begin with https:// (http:// on this machine alone)")
        return url

    @model_validator(mode="after")
    def _whole_provider(self) -> Settings:
        if self.oidc_issuer is None and (self.oidc_only or self.oidc_client_id):
            raise ValueError("SAMMED_OIDC_ISSUER is missing")
        if self.oidc_issuer is not None and self.oidc_client_id is None:
            raise ValueError("SAMMED_OIDC_CLIENT_ID is missing")
        return self

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        name, _, index = device.partition(":")
        if name not in {"auto", "cpu", "cuda"} or (index and not (name == "cuda" and index.isdecimal())):
            raise ValueError("must be auto, cpu, cuda or cuda:N")
        return device

    # -- what follows from the fields -----------------------------------------------------------------------------
    @property
    def objects_location(self) -> str:
        """URL of the object store, the private folder when none was configured."""
        return self.objects_url or (self.data_dir / "objects").as_uri()

    @property
    def models_path(self) -> Path:
        """Folder of downloaded checkpoints."""
        return self.models_dir or self.data_dir / "models"

    @property
    def logs_path(self) -> Path:
        """Folder of the private servers' logs."""
        return self.data_dir / "logs"

    @property
    def address_path(self) -> Path:
        """File with the address of the installation that runs on `data_dir`; there while it serves requests."""
        return self.data_dir / "address"

    @property
    def base_url(self) -> str:
        """Address to type into a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def with_services(self, urls: ServiceUrls) -> Settings:
        """The same settings with every service address filled in."""
        return self.model_copy(update=urls._asdict())

    def environment(self) -> Mapping[str, str]:
        """The variables that make a child process read exactly these settings."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return {f"{ENV_PREFIX}{name.upper()}": _as_variable(value) for name, value in values.items()}


def is_secure(url: str) -> bool:
    """Whether secrets may travel to this address: it is encrypted, or it does not leave this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"})


def has_display() -> bool:
    """Whether a browser window could open here."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _as_variable(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
