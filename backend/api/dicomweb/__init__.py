"""DICOMweb (PS3.18): STOW-RS, QIDO-RS and WADO-RS under `/dicom-web`.

Every route is there twice: under `/dicom-web/projects/{project_id}`, and under `/dicom-web`, where the token, a setting
or the caller's only project says which project is meant (`project.py`).
"""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.dicomweb import bulk, frames, qido, rendered, stow, wado

_ROUTES = tuple(module.router for module in (stow, qido, wado, frames, rendered, bulk))

router = APIRouter()
for _router in _ROUTES:
    router.include_router(_router, prefix="/dicom-web/projects/{project_id}", tags=["dicomweb"])
    router.include_router(_router, prefix="/dicom-web", include_in_schema=False)
