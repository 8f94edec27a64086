"""DICOMweb servers of others, which the installation's administrator has configured: searched, pulled from, pushed to.

Only configured addresses are ever asked and redirects are not followed, so nobody can make the server call another
machine of its network. Search values are a patient's: they are never logged and in no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import httpx
from python_multipart.multipart import parse_options_header

from backend.db.session import Database
from backend.db.tables import Job, User
from backend.domain.ids import new_id
from backend.domain.jobs import ExportPayload, JobKind, PullPayload, PushPayload
from backend.domain.workflow import Action
from backend.errors import NotFound, Unavailable
from backend.multipart import PartReceiver
from backend.services.access import Principal, principal_of, require, require_case
from backend.services.dicom_reception import Reception
from backend.services.exports import whose
from backend.services.jobs import Jobs
from backend.settings import RemoteServer

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
MULTIPART = 'multipart/related; type="application/dicom"'
SEARCHED = ("00080020", "00080061", "00081030", "00100010", "00100020", "00201206", "00201208")

Json = dict[str, Any]


class RemoteServerUnknown(NotFound):
    """No DICOMweb server of this name is configured. Raised by services.dicom_remote."""

    code = "remote_server_unknown"
    title = "There is no such DICOMweb server"


class RemoteServerFailed(Unavailable):
    """A configured DICOMweb server does not answer as it should. Raised by services.dicom_remote."""

    code = "remote_server_failed"
    title = "The other DICOMweb server does not answer as it should"


@dataclass(frozen=True, slots=True)
class StudySearch:
    """What studies must match, in DICOM's form: texts may hold * and ?. "" matches all. Dates are YYYYMMDD."""

    patient_name: str = ""
    patient_id: str = ""
    modality: str = ""
    date_from: str = ""
    date_to: str = ""
    limit: int = 50
    offset: int = 0

    def parameters(self) -> dict[str, str]:
        dates = f"{self.date_from}-{self.date_to}" if self.date_from or self.date_to else ""
        values = {
            "PatientName": self.patient_name,
            "PatientID": self.patient_id,
            "ModalitiesInStudy": self.modality,
            "StudyDate": dates,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class RemoteStudy:
    """A study as another server describes it; holds the patient's identity."""

    study_uid: str
    patient_name: str
    patient_id: str
    date: str
    description: str
    modalities: tuple[str, ...]
    series: int | None
    instances: int | None


class DicomRemote:
    def __init__(self, db: Database, jobs: Jobs, servers: Mapping[str, RemoteServer]) -> None:
        self._db = db
        self._jobs = jobs
        self._servers = servers

    # -- for people ---------------------------------------------------------------------------------------------------
    def names(self, who: Principal, project_id: UUID) -> list[str]:
        """The servers that the caller may send masks of the project to; managers pull from them, too."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.EXPORT)
        return sorted(self._servers)

    def search(
        self, who: Principal, project_id: UUID, name: str, wanted: StudySearch
    ) -> tuple[list[RemoteStudy], bool]:
        """A page of studies, the newest first as far as the server sorts, and whether there are more.

        Raises RemoteServerUnknown, RemoteServerFailed.
        """
        with self._db.begin() as session:
            require(session, who, project_id, Action.UPLOAD)
        parameters = [*wanted.parameters().items(), *(("includefield", tag) for tag in SEARCHED)]
        parameters += [("limit", str(wanted.limit + 1)), ("offset", str(wanted.offset))]
        query = urlencode(parameters, safe="*?", quote_via=quote)  # some archives know wildcards only as they are
        with self._asking(name) as client:
            found = self._json(name, client.get(f"studies?{query}", headers=_ACCEPT_JSON))
        studies = [_study(item) for item in found]
        return studies[: wanted.limit], len(studies) > wanted.limit

    def submit_pull(self, who: Principal, project_id: UUID, name: str, study_uids: Sequence[str]) -> Job:
        """A job that fetches studies into the project. Raises RemoteServerUnknown."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.UPLOAD)
            self._server(name)
            payload = PullPayload(project_id=project_id, server=name, study_uids=tuple(study_uids), user_id=who.id)
            job = self._jobs.add(session, who, JobKind.PULL, payload, project_id=project_id, id=new_id())
        self._jobs.dispatch(job)
        return job

    def submit_push(self, who: Principal, case_id: UUID, name: str, annotator_id: UUID | None = None) -> Job:
        """A job that sends somebody's masks of a case as DICOM SEG; whose, as for an export. Raises
        RemoteServerUnknown, NothingToExport."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.EXPORT)
            self._server(name)
            export = ExportPayload(
                case_id=case.id, format="dicom-seg", annotator_id=whose(session, who, case, annotator_id)
            )
            payload = PushPayload(server=name, export=export)
            job = self._jobs.add(session, who, JobKind.PUSH, payload, project_id=case.project_id, id=new_id())
        self._jobs.dispatch(job)
        return job

    # -- in a worker --------------------------------------------------------------------------------------------------
    def person(self, user_id: UUID) -> Principal:
        """Who asked for a pull: what arrives is kept in their name."""
        with self._db.begin() as session:
            return principal_of(session.get_one(User, user_id))

    def instance_count(self, name: str, study_uid: str) -> int | None:
        """How many instances the server says that a study has; None when it does not say."""
        with self._asking(name) as client:
            parameters = {"StudyInstanceUID": study_uid, "includefield": "00201208"}
            found = self._json(name, client.get("studies", params=parameters, headers=_ACCEPT_JSON))
        return _study(found[0]).instances if found else None

    def fetch(self, name: str, study_uid: str, reception: Reception) -> Iterator[int]:
        """Receive a study; yields the number of its instances that have arrived whole. Raises RemoteServerFailed,
        MalformedMultipart and what the reception raises."""
        accept = {"Accept": f"{MULTIPART}; transfer-syntax=*"}
        with self._asking(name) as client, client.stream("GET", f"studies/{study_uid}", headers=accept) as response:
            _check(name, response)
            _, options = parse_options_header(response.headers.get("Content-Type", ""))
            boundary = options.get(b"boundary")
            if not boundary:
                raise RemoteServerFailed(f"The server '{name}' sent the study in another form than DICOM files.")
            parts = PartReceiver(boundary, reception, lambda headers: "")
            for chunk in response.iter_bytes():
                parts.feed(chunk)
                yield reception.count
            parts.close()

    def send(self, name: str, files: Sequence[Path]) -> int:
        """Store files on the server; how many. Raises RemoteServerFailed when it does not take all."""
        boundary = uuid4().hex
        headers = {"Content-Type": f"{MULTIPART}; boundary={boundary}", **_ACCEPT_JSON}
        with self._asking(name) as client:
            answer = self._json(name, client.post("studies", content=_body(boundary, files), headers=headers))
        failed = answer.get("00081198", {}).get("Value", []) if isinstance(answer, dict) else []
        if failed:
            reasons = sorted({f"{item.get('00081197', {}).get('Value', [0])[0]:04X}" for item in failed})
            raise RemoteServerFailed(f"The server '{name}' refused {len(failed)} objects ({', '.join(reasons)}).")
        return len(files)

    # -- inside -------------------------------------------------------------------------------------------------------
    def _server(self, name: str) -> RemoteServer:
        found = self._servers.get(name)
        if found is None:
            raise RemoteServerUnknown(
                "No DICOMweb server of this name is configured.", hint="SAMMED_DICOMWEB_SERVERS lists them."
            )
        return found

    @contextmanager
    def _asking(self, name: str) -> Iterator[httpx.Client]:
        server = self._server(name)
        headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
        auth = (server.username, server.password or "") if server.username else None
        base = server.url.rstrip("/") + "/"
        try:
            with httpx.Client(base_url=base, headers=headers, auth=auth, timeout=TIMEOUT) as client:
                yield client
        except httpx.HTTPError as error:
            raise RemoteServerFailed(
                f"The server '{name}' cannot be talked to ({type(error).__name__}).",
                hint="Does it run, and is its address in SAMMED_DICOMWEB_SERVERS right?",
            ) from error

    @staticmethod
    def _json(name: str, response: httpx.Response) -> Any:
        _check(name, response)
        if response.status_code == 204 or not response.content:
            return []
        try:
            return response.json()
        except ValueError as error:
            raise RemoteServerFailed(f"The server '{name}' did not answer in JSON.") from error


_ACCEPT_JSON = {"Accept": "application/dicom+json, application/json"}


def _check(name: str, response: httpx.Response) -> None:
    if not response.is_success:
        raise RemoteServerFailed(
            f"The server '{name}' answered with status {response.status_code}.",
            hint="Its own log tells more. 401 and 403: are the name and password or the token right?",
        )


def _body(boundary: str, files: Sequence[Path]) -> Iterator[bytes]:
    for path in files:
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _study(item: Json) -> RemoteStudy:
    def values(tag: str) -> list[Any]:
        return list(item.get(tag, {}).get("Value") or [])

    def text(tag: str) -> str:
        first = next(iter(values(tag)), None)
        if isinstance(first, dict):
            first = first.get("Alphabetic")
        return "" if first is None else str(first)

    def number(tag: str) -> int | None:
        return int(text(tag)) if text(tag).isdigit() else None

    return RemoteStudy(
        study_uid=text("0020000D"),
        patient_name=text("00100010"),
        patient_id=text("00100020"),
        date=text("00080020"),
        description=text("00081030"),
        modalities=tuple(str(value) for value in values("00080061") if value),
        series=number("00201206"),
        instances=number("00201208"),
    )
