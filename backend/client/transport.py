"""The way to a server: requests with a token, answers as JSON, pages, files, and what is said when it refuses.

Not here: what may be asked. Each class of this package is a `Server` with methods about one subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from backend.client.files import OnBytes, ignore
from backend.errors import AppError, NotFound, Unavailable

Json = dict[str, Any]

PAGE = 200
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


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


class NoSuchName(NotFound):
    """No project, person, label or member that the caller sees has this name or address."""

    code = "no_such_name"
    title = "There is nothing of this name"


class Server:
    """A connection to one server with a personal token."""

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

    # -- requests -----------------------------------------------------------------------------------------------------
    def _json(self, method: str, path: str, **arguments: Any) -> Json:
        with self._answer(method, path, **arguments) as answer:
            content: Json = httpx.Response(200, content=answer.read() or b"{}").json()  # 204 says nothing
            return content

    def _list(self, path: str) -> list[Any]:
        """A file of the pages that holds a JSON array."""
        with self._answer("GET", path) as answer:
            if not answer.headers.get("content-type", "").startswith("application/json"):
                raise NoSuchName(f"{self._url}{path} is not there.", hint="Has the server been built with its pages?")
            found: list[Any] = httpx.Response(200, content=answer.read()).json()
            return found

    def _items(self, path: str, **query: str | None) -> list[Json]:
        found: list[Json] = self._json("GET", path, params=_given(query))["items"]
        return found

    def _pages(self, path: str, **query: str | None) -> Iterator[Json]:
        cursor: str | None = None
        while True:
            asked = {"limit": PAGE, **_given(query), **({"cursor": cursor} if cursor else {})}
            page = self._json("GET", path, params=asked)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def _save(self, path: str, folder: Path, name: str, *, on_bytes: OnBytes = ignore, **query: str | None) -> Path:
        """Download into `folder` under the name that the server gives, else `name`."""
        with self._answer("GET", path, params=_given(query)) as answer:
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


def _given(query: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value is not None}


def _problem(answer: httpx.Response) -> Json:
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        problem: Json = answer.json()
        return problem
    detail = f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}."
    return {"detail": detail, "status": answer.status_code}


def _file_name(answer: httpx.Response) -> str | None:
    """The name in Content-Disposition (RFC 6266, encoded or not), without any folder in it."""
    header = Message()
    header["Content-Disposition"] = answer.headers.get("content-disposition", "")
    return Path(header.get_filename() or "").name or None
