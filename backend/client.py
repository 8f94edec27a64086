"""A REST client: what `sammed project`, `people`, `cases`, `import` and `export` use, and yours to use as well.

    with Client("http://127.0.0.1:8000", token) as sammed:
        project = sammed.project("Livers") or sammed.create_project("Livers")
        job = sammed.wait(sammed.upload(project["id"], Path("ct.zip")))

Answers are the JSON of the HTTP interface as it is (`/api/docs`). Not here: anything that knows the server's inside.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx

from backend.client_manage import Managing, NoSuchName
from backend.errors import AppError, NotFound, Unavailable

Json = dict[str, Any]

PAGE = 200
POLL_S = 0.5
ASKED_AT_ONCE = 1000
OCTETS = "application/octet-stream"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FINAL_STATES = frozenset({"done", "failed", "cancelled"})


OnBytes = Callable[[int, int], None]
"""Called while a file travels, with the bytes so far and all bytes (0 when not known)."""


def _ignore(done: int, of: int) -> None:
    pass


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
        self.status: int | None = problem.get("status")

    @property
    def is_bad_input(self) -> bool:
        return self.status in (404, 413, 422)


class ServerUnreachable(Unavailable):
    """No sammed answers at the address."""

    code = "server_unreachable"
    title = "The server cannot be reached"


class NothingToSend(NotFound):
    """The path to import does not exist or holds no file."""

    code = "nothing_to_send"
    title = "There is nothing to import"


class Client(Managing):
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

    @property
    def url(self) -> str:
        """Address of the server."""
        return self._url.rstrip("/")

    def me(self) -> Json:
        return self._json("GET", "/api/me")

    # -- projects -----------------------------------------------------------------------------------------------------
    def projects(self) -> Iterator[Json]:
        return self._pages("/api/projects")

    def project(self, name: str) -> Json | None:
        """The project of this name; with several, the oldest. None if there is none."""
        named = [project for project in self.projects() if project["name"] == name]
        return min(named, key=lambda project: project["created_at"], default=None)

    def find_project(self, name_or_id: str) -> Json:
        """The project of this id or name. Raises NoSuchName."""
        found = next((project for project in self.projects() if project["id"] == name_or_id), None)
        found = found or self.project(name_or_id)
        if found is None:
            raise NoSuchName(f"There is no project '{name_or_id}'.", hint="`sammed project list` shows them.")
        return found

    def create_project(
        self,
        name: str,
        *,
        description: str = "",
        labels: Sequence[Json] = (),
        privacy: str = "retain-uids",
        keep_originals: bool = True,
    ) -> Json:
        """`privacy`: how images are de-identified on their way in: retain-uids, full or none. Without `keep_originals`
        only their voxels are kept."""
        body: Json = {"name": name, "description": description, "labels": list(labels)}
        body |= {"privacy": privacy, "keep_originals": keep_originals}
        return self._json("POST", "/api/projects", json=body)

    def export_project(self, project_id: str, *, images: bool = True, masks: bool = True) -> Json:
        """The job that packs the whole project; `download` fetches what it made."""
        return self._json("POST", f"/api/projects/{project_id}/export", json={"images": images, "masks": masks})

    def import_project(self, archive: Path, *, name: str | None = None, on_bytes: OnBytes = _ignore) -> Json:
        """Send an archive and return the job that restores it."""
        if not archive.is_file():
            raise NothingToSend(f"{archive} is no file.")
        with archive.open("rb") as stream:
            files = {"files": (archive.name, _Counted(stream, on_bytes), "application/zip")}
            query = {"name": name} if name else {}
            return self._json("POST", "/api/projects/import", files=files, params=query)

    # -- people -------------------------------------------------------------------------------------------------------
    def people(self, search: str | None = None) -> Iterator[Json]:
        """Accounts, for administrators; those whose name or address holds `search`."""
        return self._pages("/api/people", search=search)

    def find_person(self, email: str) -> Json:
        """The account of this address. Raises NoSuchName."""
        found = next((person for person in self.people(email) if person["email"] == email.strip().lower()), None)
        if found is None:
            raise NoSuchName(f"There is no account for {email}.", hint="`sammed people list` shows them.")
        return found

    def invite_person(self, email: str, name: str, *, is_admin: bool = False) -> Json:
        """A new account, and the token of its one-time link."""
        return self._json("POST", "/api/people", json={"email": email, "name": name, "is_admin": is_admin})

    def sign_in_options(self) -> Json:
        """How people may sign in: `passwords`, and `oidc` with the name of a sign-in service or None."""
        return self._json("GET", "/api/auth/options")

    def change_person(self, person_id: str, **changes: Any) -> Json:
        return self._json("PATCH", f"/api/people/{person_id}", json=changes)

    # -- cases --------------------------------------------------------------------------------------------------------
    def cases(
        self,
        project_id: str,
        *,
        state: str | None = None,
        assignee: str | None = None,
        search: str | None = None,
        overdue: bool = False,
    ) -> Iterator[Json]:
        """The project's cases, the newest first. `assignee`: an id, `nobody`, or `left`; `search`: in their names."""
        late = "true" if overdue else None
        return self._pages(
            f"/api/projects/{project_id}/cases", state=state, assignee=assignee, search=search, overdue=late
        )

    def change_cases(self, project_id: str, **change: Any) -> Json:
        """Change the `cases` named, or all that match `filter`; what may be changed is in /api/docs."""
        return self._json("PATCH", f"/api/projects/{project_id}/cases", json=change)

    def upload(self, project_id: str, path: Path, *, on_bytes: OnBytes = _ignore) -> Json:
        """Send a file, or a folder as one archive, and return the job that reads it."""
        with _as_one_file(path) as (name, stream):
            files = {"files": (name, _Counted(stream, on_bytes), OCTETS)}
            return self._json("POST", f"/api/projects/{project_id}/uploads", files=files)

    # -- files in many requests ---------------------------------------------------------------------------------------
    def open_intake(self, project_id: str, key: str) -> str:
        """The id of the open intake that the sender calls `key`, made if there is none."""
        return str(self._json("POST", f"/api/projects/{project_id}/intakes", json={"key": key})["id"])

    def known_files(self, project_id: str, sha256s: Sequence[str]) -> list[Json]:
        """Which files need not be sent again, by the sha256 of their bytes."""
        found: list[Json] = []
        for start in range(0, len(sha256s), ASKED_AT_ONCE):
            asked = {"sha256": list(sha256s[start : start + ASKED_AT_ONCE])}
            found += self._json("POST", f"/api/projects/{project_id}/intakes/known", json=asked)["items"]
        return found

    def send_files(
        self, intake_id: str, files: Sequence[tuple[str, Path]], *, on_bytes: OnBytes = _ignore
    ) -> list[Json]:
        """Send files, each with the name it shall have, in one request: all arrive or none. In their order, what the
        server has of each. `on_bytes` is called for each file."""
        with ExitStack() as stack:
            parts = []
            for name, path in files:
                stream = stack.enter_context(path.open("rb"))
                parts.append(("files", (name, _Counted(stream, on_bytes), OCTETS)))
            kept: list[Json] = self._json("POST", f"/api/intakes/{intake_id}/files", files=parts)["items"]
        return kept

    def complete_intake(self, intake_id: str) -> Json:
        """All files have been sent: the job that reads them."""
        return self._json("POST", f"/api/intakes/{intake_id}/complete")

    # -- masks ---------------------------------------------------------------------------------------------------------
    def import_masks(self, case_id: str, paths: Sequence[Path], options: Json, *, on_bytes: OnBytes = _ignore) -> Json:
        """Send files of masks for a case and return the job that reads them; its result tells what became of each, in
        the order of the paths. What `options` may say is in /api/docs. Raises NothingToSend."""
        if missing := [path for path in paths if not path.is_file()]:
            raise NothingToSend(f"{missing[0]} is no file.")
        with ExitStack() as stack:
            files = [
                ("files", (path.name, _Counted(stack.enter_context(path.open("rb")), on_bytes), OCTETS))
                for path in paths
            ]
            data = {"options": json.dumps(options)}
            return self._json("POST", f"/api/cases/{case_id}/masks", files=files, data=data)

    # -- jobs and files -----------------------------------------------------------------------------------------------
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
        return self._save(f"/api/cases/{case_id}/export", folder, f"{case_id}.{format}", params={"format": format})

    def download(self, job_id: str, folder: Path, *, on_bytes: OnBytes = _ignore) -> Path:
        """Download what a job made into `folder`; the server names the file. Returns its path."""
        return self._save(f"/api/jobs/{job_id}/download", folder, job_id, on_bytes=on_bytes)

    def _save(self, path: str, folder: Path, name: str, *, on_bytes: OnBytes = _ignore, **arguments: Any) -> Path:
        with self._answer("GET", path, **arguments) as answer:
            target = folder / (_file_name(answer) or name)
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{target.name}.part")
            of = int(answer.headers.get("content-length", 0))
            with open(unfinished, "wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
                    on_bytes(file.tell(), of)
            unfinished.replace(target)
        return target

    def _json(self, method: str, path: str, **arguments: Any) -> Json:
        with self._answer(method, path, **arguments) as answer:
            content: Json = httpx.Response(200, content=answer.read() or b"{}").json()  # 204 says nothing
            return content

    def _pages(self, path: str, **query: str | None) -> Iterator[Json]:
        wanted = {name: value for name, value in query.items() if value is not None}
        cursor: str | None = None
        while True:
            page = self._json("GET", path, params={"limit": PAGE, **wanted, **({"cursor": cursor} if cursor else {})})
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
    detail = f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}."
    return {"detail": detail, "status": answer.status_code}


class _Counted:
    """A file that says how much of it was read; what httpx uses of a file, and no more."""

    def __init__(self, stream: IO[bytes], on_bytes: OnBytes) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self._of = os.fstat(stream.fileno()).st_size
        self.fileno, self.seek, self.tell = stream.fileno, stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        found = self._stream.read(size)
        self._on_bytes(self._stream.tell(), self._of)
        return found


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
