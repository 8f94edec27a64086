"""Other DICOMweb servers: studies from them, masks to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backend.client.transport import Json, Server

STUDIES_AT_ONCE = 200


class RemoteServers(Server):
    def dicom_servers(self, project_id: str) -> list[str]:
        """Names of the servers that the installation knows."""
        found: list[str] = self._json("GET", f"/api/projects/{project_id}/dicom-servers")["items"]
        return found

    def search_dicom_server(self, project_id: str, server: str, **query: Any) -> Iterator[Json]:
        """Studies of a server. `query`: patient_name, patient_id, modality, date_from, date_to (YYYYMMDD); texts may
        hold * and ?."""
        path = f"/api/projects/{project_id}/dicom-servers/{server}/search"
        offset, more = 0, True
        while more:
            found = self._json("POST", path, json={"limit": STUDIES_AT_ONCE, "offset": offset, **query})
            yield from found["items"]
            offset, more = offset + STUDIES_AT_ONCE, found["more"]

    def pull(self, project_id: str, server: str, study_uids: Sequence[str]) -> Json:
        """The job that fetches studies into a project; each becomes a case."""
        path = f"/api/projects/{project_id}/dicom-servers/{server}/pull"
        return self._json("POST", path, json={"study_uids": list(study_uids)})

    def push(self, case_id: str, server: str, *, annotator_id: str | None = None) -> Json:
        """The job that sends masks of a case to a server, as DICOM SEG; whose, as for an export."""
        return self._json("POST", f"/api/cases/{case_id}/push", json={"server": server, "annotator_id": annotator_id})
