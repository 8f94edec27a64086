"""Which project a DICOMweb request means that names none in its address: archives send to one fixed address."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from backend.db.session import Database
from backend.db.tables import Member, Project
from backend.errors import Conflict
from backend.services.access import Principal, ProjectNotFound


class ProjectNotChosen(Conflict):
    """A DICOMweb request without a project, of somebody for whom it is not clear. Raised by services.dicom_projects."""

    code = "project_not_chosen"
    title = "Which project is meant?"


class DicomProjects:
    def __init__(self, db: Database, *, default: str | None) -> None:
        self._db = db
        self._default = default

    def meant_by(self, who: Principal) -> UUID:
        """The project of the caller's token, else the installation's (by id or name), else the only one that the
        caller is in. Raises ProjectNotChosen."""
        if who.dicomweb_project_id is not None:
            return who.dicomweb_project_id
        with self._db.begin() as session:
            mine = select(Project).where(Project.archived_at.is_(None)).order_by(Project.id)
            if not who.is_admin:
                mine = mine.join(Member, Member.project_id == Project.id).where(Member.user_id == who.id)
            projects = session.scalars(mine).all()
        if self._default is not None:
            projects = [project for project in projects if self._default in (str(project.id), project.name)]
        if len(projects) == 1:
            return projects[0].id
        raise ProjectNotChosen(
            "The address names no project, and none is set for this token or this installation.",
            hint="Use /dicom-web/projects/{id}/..., make a token for the project, or set SAMMED_DICOMWEB_PROJECT.",
        )

    def named(self, project: str) -> UUID:
        """The only project of this name or id, for the command line of the server. Raises ProjectNotFound."""
        with self._db.begin() as session:
            rows = session.scalars(select(Project).where(Project.archived_at.is_(None))).all()
            found = [row.id for row in rows if project in (str(row.id), row.name)]
        if len(found) != 1:
            raise ProjectNotFound(f"{len(found)} projects are named so.", hint="Give the id of one.")
        return found[0]
