"""Routes by subject. Each is a few lines: parse, call one service, shape the answer."""

from backend.api.routers import (
    accounts,
    annotations,
    cases,
    jobs,
    learning,
    projects,
    people,
    proposals,
    system,
    uploads,
    volumes,
)

ALL = tuple(
    module.router
    for module in (accounts, projects, cases, volumes, annotations, learning, proposals, jobs, uploads, system)
)
