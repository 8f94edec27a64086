"""The command line in the test's own process: `sammed` over the real HTTP interface, without a socket."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app, asking
from backend.client import Client
from backend.main import create_app
from backend.wiring import Services

Run = Callable[..., Any]
"""`run("labels", "list", "Livers")`: what it prints, with `json_` what its JSON says, `fails`: its outcome."""


def commands(
    patch: pytest.MonkeyPatch, services: Services, token: str, run_job: Callable[[UUID], None] | None = None
) -> Run:
    """Commands of who has the token. What they wait for, `run_job` does: a worker in this process."""

    class Here(Client):
        def wait(self, job: dict[str, Any], **watch: Any) -> dict[str, Any]:
            if run_job is not None:
                with redirect_stdout(io.StringIO()):  # a worker's log is not what the command prints
                    run_job(UUID(job["id"]))
            return super().wait(self.job(job["id"]), **watch)

    site = TestClient(create_app(services))

    @contextmanager
    def connected(url: str | None, data_dir: Path | None) -> Iterator[Client]:
        yield Here("http://testserver", token, transport=site._transport)

    patch.setattr(asking, "connected", connected)

    def run(*words: object, json_: bool = False, fails: bool = False) -> Any:
        done = CliRunner().invoke(app, [*map(str, words), *(["--json"] if json_ else [])])
        assert (done.exit_code != 0) is fails, f"{done.output}\n{done.exception!r}"
        if fails:
            return done
        return json.loads(done.stdout) if json_ else done.stdout.strip()

    return run
