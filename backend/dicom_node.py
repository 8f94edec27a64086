"""A DICOM node (Storage SCP): modalities and archives that know no DICOMweb send to it by C-STORE and try it by C-ECHO.

Every object is kept before it is acknowledged, by the same way as over STOW-RS (services.dicom_store). DICOM itself
knows no passwords: who may send is a matter of AE titles and, above all, of the network.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

import structlog
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from backend.errors import AppError, Rejected
from backend.services.access import Principal
from backend.services.dicom_store import DicomStore

log = structlog.get_logger(__name__)

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700


class NodeNotStarted(Rejected):
    """The address of a DICOM node cannot be listened on. Raised by backend.dicom_node."""

    code = "dicom_node_not_started"
    title = "The DICOM node cannot be started"


class DicomNode:
    """Receives into one project, on behalf of one person, until it is stopped."""

    def __init__(
        self, store: DicomStore, who: Principal, project_id: UUID, *, ae_title: str, allowed: Sequence[str] = ()
    ) -> None:
        """`allowed`: AE titles that may send; all may when it is empty."""
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # it quotes what it receives
        self._store = store
        self._who = who
        self._project_id = project_id
        self._node = AE(ae_title=ae_title)
        self._node.require_called_aet = True
        self._node.require_calling_aet = list(allowed)
        self._node.add_supported_context(Verification)
        for context in AllStoragePresentationContexts:
            assert context.abstract_syntax is not None  # each of them is of one SOP class
            self._node.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)

    def start(self, host: str, port: int) -> None:
        """Listen in threads of its own. Raises NodeNotStarted."""
        try:
            self._node.start_server((host, port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._keep)])
        except OSError as error:
            raise NodeNotStarted(f"{host}:{port} cannot be listened on: {error.strerror}.") from error

    def stop(self) -> None:
        self._node.shutdown()

    def _keep(self, event: evt.Event) -> int:
        """The status of C-STORE, after the object was kept or not."""
        try:
            reception = self._store.begin(self._who, self._project_id)
            try:
                reception.start()
                reception.write(event.encoded_dataset())
                reception.end()
                report = self._store.keep(self._who, self._project_id, reception)
            except BaseException:
                reception.discard()
                raise
        except AppError as error:
            log.warning("an object was not kept", code=error.code)
            return OUT_OF_RESOURCES
        except Exception:
            log.exception("an object was not kept")
            return OUT_OF_RESOURCES
        return int(report.refused[0].reason) if report.refused else SUCCESS
