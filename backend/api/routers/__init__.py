"""Routes by subject. Each is a few lines: parse, call one service, shape the answer."""

from backend.api.routers import (
    accounts,
    agreement,
    annotations,
    archives,
    cases,
    dicom_servers,
    evaluations,
    jobs,
    label_sets,
    learning,
    measurements,
    people,
    privacy,
    projects,
    proposals,
    review,
    statistics,
    system,
    text_in_pixels,
    uploads,
    volumes,
    webhooks,
)

ALL = tuple(
    module.router
    for module in (
        accounts,
        people,
        projects,
        privacy,
        label_sets,
        archives,
        cases,
        dicom_servers,
        review,
        agreement,
        statistics,
        volumes,
        text_in_pixels,
        measurements,
        annotations,
        learning,
        proposals,
        jobs,
        evaluations,
        uploads,
        webhooks,
        system,
    )
)
