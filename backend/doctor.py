"""What works on this machine and what does not: one finding a line, with a hint for what does not.

Every check is a function of the settings that returns findings and never raises; the list `CHECKS` is the order in
which they are shown. Whatever imports torch runs in a subprocess, as everywhere in this package.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psycopg
import redis
from rich.console import Console
from rich.table import Table

from backend.data_dir import DataFolderInUse, DataFolderUnusable, hold_data_dir
from backend.embedded import PrivateServerFailed, postgres_account, postgres_programs, redis_program, redis_version
from backend.errors import AppError
from backend.settings import GIB, Settings
from backend.supervisor import check_port

FREE_WANTED_BYTES = 5 * GIB
FREE_NEEDED_BYTES = GIB
TORCH_TIMEOUT_S = 120
CONNECT_TIMEOUT_S = 5

TORCH_QUESTION = """
import json, torch
gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
print(json.dumps({"version": torch.__version__, "gpus": gpus, "threads": torch.get_num_threads()}))
"""


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check. `failed` means: sammed cannot run like this. `note`: it can, with less."""

    subject: str
    verdict: Verdict
    detail: str
    hint: str = ""

    @property
    def is_fatal(self) -> bool:
        return self.verdict is Verdict.FAILED


def examine(settings: Settings) -> list[Finding]:
    """Run all checks, in the order of `CHECKS`."""
    return [finding for check in CHECKS for finding in check(settings)]


# -- the programs -----------------------------------------------------------------------------------------------------
def check_python(settings: Settings) -> list[Finding]:
    return [Finding("Python", Verdict.OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}")]


def check_torch(settings: Settings) -> list[Finding]:
    try:
        outcome = subprocess.run(
            [sys.executable, "-c", TORCH_QUESTION], capture_output=True, text=True, timeout=TORCH_TIMEOUT_S, check=True
        )
        found = json.loads(outcome.stdout)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        return [Finding("Torch", Verdict.FAILED, reason, "Install the requirements again: `make setup`.")]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return [Finding("Torch", Verdict.FAILED, str(error), "Install the requirements again: `make setup`.")]
    findings = [Finding("Torch", Verdict.OK, f"{found['version']}, {found['threads']} threads")]
    if found["gpus"]:
        return [*findings, Finding("GPU", Verdict.OK, ", ".join(found["gpus"]))]
    wanted = settings.device.startswith("cuda")
    return [
        *findings,
        Finding(
            "GPU",
            Verdict.FAILED if wanted else Verdict.NOTE,
            "none that torch can use; models run on the processor",
            "SAMMED_DEVICE asks for one: check the driver, or set it to auto." if wanted else "",
        ),
    ]


def check_postgres(settings: Settings) -> list[Finding]:
    if settings.database_url:
        return [_check_connection("Postgres (yours)", lambda: _ask_postgres(str(settings.database_url)))]
    try:
        folder = postgres_programs()
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except (PrivateServerFailed, OSError, subprocess.SubprocessError) as error:
        return [_from_error("Postgres (private)", error)]
    account = postgres_account(settings.data_dir / "postgres")
    runs_as = f", runs as user {account.uid} because it refuses root" if account else ""
    return [Finding("Postgres (private)", Verdict.OK, answer.strip() + runs_as)]


def check_redis(settings: Settings) -> list[Finding]:
    findings = [
        _check_connection(f"Redis for {use} (yours)", lambda url=url: _ask_redis(url))  # type: ignore[misc]
        for use, url in (("queues", settings.redis_url), ("embeddings", settings.cache_redis_url))
        if url
    ]
    if settings.redis_url and settings.cache_redis_url:
        return findings
    try:
        program = redis_program()
    except PrivateServerFailed as error:
        return [*findings, _from_error("Redis (private)", error)]
    version = ".".join(str(part) for part in redis_version(program) or ())
    return [*findings, Finding("Redis (private)", Verdict.OK, f"{version}, {program}")]


def _ask_postgres(url: str) -> str:
    address = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(address, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        version = connection.info.server_version // 10000
    if version < 15:
        raise RuntimeError(f"PostgreSQL {version} is too old; 15 or newer is needed")
    return f"PostgreSQL {version}"


def _ask_redis(url: str) -> str:
    with redis.Redis.from_url(
        url, socket_connect_timeout=CONNECT_TIMEOUT_S, socket_timeout=CONNECT_TIMEOUT_S
    ) as client:
        return f"Redis {client.info('server')['redis_version']}"


def _check_connection(subject: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, Verdict.OK, ask())
    except (psycopg.Error, redis.RedisError, OSError, RuntimeError) as error:
        return Finding(subject, Verdict.FAILED, str(error).strip(), "Check the address and that the server runs.")


def _from_error(subject: str, error: Exception) -> Finding:
    if isinstance(error, AppError):
        return Finding(subject, Verdict.FAILED, error.detail, error.hint or "")
    return Finding(subject, Verdict.FAILED, str(error), "Install the requirements again: `make setup`.")


def check_sign_in(settings: Settings) -> list[Finding]:
    """The organisation's sign-in service, where one is configured."""
    from backend.wiring import provider_of

    provider = provider_of(settings)
    if provider is None:
        return []
    try:
        provider.authorization_url(redirect_uri=settings.base_url, state="s", nonce="n", verifier="v" * 43)
    except AppError as error:
        return [Finding("Sign-in service", Verdict.FAILED, error.detail, "Check SAMMED_OIDC_ISSUER.")]
    return [Finding("Sign-in service", Verdict.OK, str(settings.oidc_issuer))]


# -- the place --------------------------------------------------------------------------------------------------------
def check_data_folder(settings: Settings) -> list[Finding]:
    try:
        with hold_data_dir(settings.data_dir):
            detail = f"{settings.data_dir}, not in use"
    except DataFolderInUse as error:
        detail = error.detail
    except DataFolderUnusable as error:
        return [Finding("Data folder", Verdict.FAILED, error.detail, error.hint or "")]
    free = shutil.disk_usage(settings.data_dir).free
    verdict = Verdict.FAILED if free < FREE_NEEDED_BYTES else Verdict.NOTE if free < FREE_WANTED_BYTES else Verdict.OK
    hint = "" if verdict is Verdict.OK else "Make room, or set SAMMED_DATA_DIR to a folder on a larger disk."
    return [
        Finding("Data folder", Verdict.OK, detail),
        Finding("Free disk space", verdict, f"{free / GIB:.1f} GiB", hint),
    ]


def check_address(settings: Settings) -> list[Finding]:
    try:
        check_port(settings.host, settings.port)
    except AppError as error:
        if settings.address_path.exists() and settings.address_path.read_text() == settings.base_url:
            return [Finding("Port", Verdict.OK, f"{settings.port}, served by the sammed of this data folder")]
        return [Finding("Port", Verdict.FAILED, error.detail, error.hint or "")]
    return [Finding("Port", Verdict.OK, f"{settings.port} of {settings.host} is free")]


def check_objects(settings: Settings) -> list[Finding]:
    from backend.stores.objects import Objects

    try:
        Objects(settings.objects_location).ping()
    except Exception as error:  # the libraries behind it raise what they like; the finding is the point
        return [Finding("Object store", Verdict.FAILED, f"{settings.objects_location}: {error}", "Check the address.")]
    return [Finding("Object store", Verdict.OK, settings.objects_location)]


def check_pages(settings: Settings) -> list[Finding]:
    index = settings.frontend_dir / "index.html"
    if not index.is_file():
        return [Finding("Pages", Verdict.FAILED, f"{index} does not exist", "Build them: `make setup`.")]
    return [Finding("Pages", Verdict.OK, str(settings.frontend_dir))]


# -- images and models ------------------------------------------------------------------------------------------------
def check_codecs(settings: Settings) -> list[Finding]:
    """Which compressed DICOM this installation reads, asked of pydicom itself."""
    from pydicom import uid
    from pydicom.pixels.decoders.base import get_decoder

    needed = (
        uid.JPEGBaseline8Bit,
        uid.JPEGLosslessSV1,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
        uid.HTJ2KLossless,
        uid.RLELossless,
    )
    missing = [syntax.name for syntax in needed if not get_decoder(syntax).is_available]
    if missing:
        return [Finding("DICOM codecs", Verdict.FAILED, f"cannot read: {', '.join(missing)}", "`make setup`")]
    return [Finding("DICOM codecs", Verdict.OK, "JPEG, JPEG lossless, JPEG-LS, JPEG 2000, HTJ2K, RLE")]


def check_bundled_model(settings: Settings) -> list[Finding]:
    """The model that ships with the product."""
    spec = importlib.util.find_spec("workers")
    return check_weights(Path(spec.origin).parent / "sammed" / "bundled" if spec and spec.origin else None)


def check_weights(folder: Path | None) -> list[Finding]:
    """Whether the folder has weights, and whether each is the file that a card beside it names by its sha256."""
    weights = sorted(folder.glob("*.safetensors")) if folder else []
    if not weights:
        return [Finding("Bundled model", Verdict.FAILED, "its weights are missing", "Restore workers/sammed/bundled.")]
    return [_check_sum(path) for path in weights]


def _check_sum(path: Path) -> Finding:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    cards = [card for ending in ("json", "md") for card in path.parent.glob(f"*.{ending}")]
    named = {digits for card in cards for digits in re.findall(r"\b[0-9a-f]{64}\b", card.read_text(encoding="utf-8"))}
    detail = f"{path.name}, {path.stat().st_size / 1e6:.0f} MB, sha256 {digest[:12]}..."
    if digest in named:
        return Finding("Bundled model", Verdict.OK, detail)
    if not named:
        return Finding("Bundled model", Verdict.NOTE, f"{detail}, which no card confirms")
    return Finding(
        "Bundled model",
        Verdict.FAILED,
        f"{detail}, but its card names another",
        "The file is damaged: restore it from the repository.",
    )


def check_version(settings: Settings) -> list[Finding]:
    return [Finding("sammed", Verdict.OK, importlib.metadata.version("sammed"))]


CHECKS: Sequence[Callable[[Settings], list[Finding]]] = (
    check_version,
    check_python,
    check_torch,
    check_postgres,
    check_redis,
    check_sign_in,
    check_data_folder,
    check_objects,
    check_address,
    check_pages,
    check_codecs,
    check_bundled_model,
)


# -- showing ----------------------------------------------------------------------------------------------------------
MARKS = {Verdict.OK: "[green]ok[/]", Verdict.NOTE: "[yellow]note[/]", Verdict.FAILED: "[bold red]FAILED[/]"}


def print_table(findings: Sequence[Finding]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        detail = finding.detail + (f"\n-> {finding.hint}" if finding.hint else "")
        table.add_row(MARKS[finding.verdict], finding.subject, detail)
    Console(soft_wrap=False).print(table)


def print_json(findings: Sequence[Finding]) -> None:
    document = {
        "ok": not any(finding.is_fatal for finding in findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
    Console(soft_wrap=True, highlight=False, markup=False).print(json.dumps(document, indent=2))
