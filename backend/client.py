"""A small REST client: what `sammed import` and `sammed export` use, and a start for programs of your own.

    with Client("http://127.0.0.1:8000", token) as sammed:
        project = sammed.project("Livers") or sammed.create_project("Livers")
        job = sammed.wait(sammed.upload(project["id"], Path("ct.zip")))

Answers are the JSON of the HTTP interface as it is (`/api/docs`). Not here: anything that knows the server's inside.
"""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx

from backend.errors import AppError, NotFound, Unavailable

Json = dict[str, Any]

PAGE = 200
POLL_S = 0.5
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FINAL_STATES = frozenset({"done", "failed", "cancelled"})


class ServerRefused(AppError):
    """The server answered with a problem; code, title, detail and hint are the server's."""

    code = "server_refused"
    title = "The server refused"

    def __init__(self, problem: Json) -> None:
        super().__init__(
            problem.get("detail") or "The server gave no reason.",
            hint=problem.get("hint"),
            context=problem.get("context"),
        )
        self.code = problem.get("code", type(self).code)  # type: ignore[misc]
        self.title = problem.get("title", type(self).title)  # type: ignore[misc]


class ServerUnreachable(Unavailable):
    """No sammed answers at the address."""

    code = "server_unreachable"
    title = "The server cannot be reached"


class NothingToSend(NotFound):
    """The path to import does not exist or holds no file."""

    code = "nothing_to_send"
    title = "There is nothing to import"


class Client:
    """A session with one server as the owner of a personal token. Raises `ServerRefused` and `ServerUnreachable`."""

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(30.0, write=None, read=600.0),
            transport=transport,
            trust_env=httpx.URL(url).host not in LOOPBACK,  # a proxy is no way to this machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def me(self) -> Json:
        return self._json("GET", "/api/me")

    def projects(self) -> Iterator[Json]:
        return self._pages("/api/projects")

    def project(self, name: str) -> Json | None:
        """The project of this name; with several, the oldest. None if there is none."""
        named = [project for project in self.projects() if project["name"] == name]
        return min(named, key=lambda project: project["created_at"], default=None)

    def create_project(self, name: str) -> Json:
        return self._json("POST", "/api/projects", json={"name": name, "labels": []})

    def cases(self, project_id: str) -> Iterator[Json]:
        return self._pages(f"/api/projects/{project_id}/cases")

    def upload(self, project_id: str, path: Path) -> Json:
        """Send a file, or a folder as one archive, and return the job that reads it."""
        with _as_one_file(path) as (name, stream):
            files = {"files": (name, stream, "application/octet-stream")}
            return self._json("POST", f"/api/projects/{project_id}/uploads", files=files)

    def job(self, job_id: str) -> Json:
        return self._json("GET", f"/api/jobs/{job_id}")

    def wait(
        self,
        job: Json,
        *,
        on_change: Callable[[Json], None] = lambda job: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Json:
        """Wait for the end of a job; raises `ServerRefused` with the job's own problem if it failed."""
        while job["state"] not in FINAL_STATES:
            sleep(POLL_S)
            job = self.job(job["id"])
            on_change(job)
        if job["state"] != "done":
            raise ServerRefused(job.get("problem") or {"code": job["state"], "detail": f"The job was {job['state']}."})
        return job

    def export(self, case_id: str, format: str, folder: Path) -> Path:
        """Download the masks of a case into `folder`; the server names the file. Returns its path."""
        with self._answer("GET", f"/api/cases/{case_id}/export", params={"format": format}) as answer:
            target = folder / (_file_name(answer) or f"{case_id}.{format}")
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{target.name}.part")
            with open(unfinished, "wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
            unfinished.replace(target)
        return target

    def _json(self, method: str, path: str, **arguments: Any) -> Json:
        with self._answer(method, path, **arguments) as answer:
            content: Json = httpx.Response(200, content=answer.read()).json()
            return content

    def _pages(self, path: str) -> Iterator[Json]:
        cursor: str | None = None
        while True:
            page = self._json("GET", path, params={"limit": PAGE, **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    @contextmanager
    def _answer(self, method: str, path: str, **arguments: Any) -> Iterator[httpx.Response]:
        try:
            with self._http.stream(method, path, **arguments) as answer:
                if answer.is_error:
                    answer.read()
                    raise ServerRefused(_problem(answer))
                yield answer
        except httpx.TransportError as error:
            raise ServerUnreachable(
                f"No answer from {self._url}: {error or type(error).__name__}.",
                hint="Is it running? `sammed up` starts one on this machine; --url names another.",
            ) from error


def _problem(answer: httpx.Response) -> Json:
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        problem: Json = answer.json()
        return problem
    return {"detail": f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}."}


def _file_name(answer: httpx.Response) -> str | None:
    """The name in Content-Disposition (RFC 6266, encoded or not), without any folder in it."""
    header = Message()
    header["Content-Disposition"] = answer.headers.get("content-disposition", "")
    return Path(header.get_filename() or "").name or None


@contextmanager
def _as_one_file(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """A file as it is; a folder as an uncompressed zip, so that a series of many slices travels as one."""
    if path.is_file():
        with open(path, "rb") as stream:
            yield path.name, stream
        return
    inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    if not inside:
        raise NothingToSend(f"{path} does not exist or holds no file.")
    with tempfile.TemporaryFile() as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for file in inside:
                archive.write(file, file.relative_to(path))
        stream.seek(0)
        yield f"{path.resolve().name}.zip", stream
