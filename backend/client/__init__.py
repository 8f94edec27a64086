"""A REST client: what the commands of `sammed` use, and yours to use as well.

    with Client("http://127.0.0.1:8000", token) as sammed:
        project = sammed.project("Livers") or sammed.create_project("Livers")
        job = sammed.wait(sammed.upload(project["id"], Path("ct.zip")))

Answers are the JSON of the HTTP interface as it is (`/api/docs`). Each file has the methods about one subject; the way
to the server is in `transport.py`. Not here: anything that knows the server's inside.
"""

from __future__ import annotations

from backend.client.accounts import Accounts
from backend.client.cases import Cases
from backend.client.comparisons import Comparisons
from backend.client.evaluations import Evaluations
from backend.client.files import NothingToSend
from backend.client.jobs import FINAL_STATES, Jobs
from backend.client.labels import Labels
from backend.client.learning import Learning
from backend.client.people import People
from backend.client.privacy import PrivacyChecks
from backend.client.projects import Projects
from backend.client.remote import RemoteServers
from backend.client.reports import Reports
from backend.client.review import Reviewing
from backend.client.transport import Json, NoSuchName, ServerRefused, ServerUnreachable
from backend.client.webhooks import Webhooks

__all__ = ["FINAL_STATES", "Client", "Json", "NoSuchName", "NothingToSend", "ServerRefused", "ServerUnreachable"]


class Client(
    Projects,
    People,
    Accounts,
    Labels,
    Cases,
    Reviewing,
    RemoteServers,
    PrivacyChecks,
    Reports,
    Learning,
    Evaluations,
    Comparisons,
    Webhooks,
    Jobs,
):
    """A session with one server as the owner of a personal token. Raises `ServerRefused` and `ServerUnreachable`."""
