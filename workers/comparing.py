"""The jobs `agreement` and `consensus`: readers' masks compared with each other, and made one. No torch here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.db.tables import Job
from backend.domain.jobs import AgreementPayload, ConsensusPayload, JobMessage
from backend.domain.learning import ProposedSlice
from backend.domain.reading import ConsensusMethod
from backend.imaging import agreement, consensus, masks
from backend.imaging.geometry import VolumeGeometry
from backend.services.consensus import LabelReadings
from backend.services.jobs import Progress
from backend.wiring import Services


class Comparing:
    def __init__(self, services: Services) -> None:
        self._services = services

    def agreement(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Every pair of masks that was not compared yet, or changed since."""
        payload = AgreementPayload.model_validate(job.payload)
        agreements = self._services.agreements
        pairs = agreements.missing(payload)
        for n, pair in enumerate(pairs):
            progress(n / len(pairs), JobMessage.COMPARING, done=n, of=len(pairs))
            volume, first, second = agreements.masks(pair)
            if not first and not second:
                continue  # both were erased meanwhile
            geometry = VolumeGeometry.from_json(volume.geometry)
            found = agreement.compare(first, second, geometry, tolerance_mm=payload.tolerance_mm)
            agreements.keep(pair, payload.tolerance_mm, found)
        return {"pairs": len(pairs)}

    def consensus(self, job: Job, progress: Progress) -> dict[str, Any]:
        """A proposal for each label of each volume that a reader drew."""
        payload = ConsensusPayload.model_validate(job.payload)
        plan = self._services.consensus.plan(payload)
        slices = 0
        for n, read in enumerate(plan):
            progress(n / len(plan), JobMessage.PROPOSING, done=n, of=len(plan))
            made = proposed(read, payload.method)
            self._services.consensus.keep(job, payload, read, made)
            slices += len(made)
        return {"slices": slices}


def proposed(read: LabelReadings, method: ConsensusMethod) -> list[ProposedSlice]:
    """One mask for every slice that anybody drew on, sure where all agree: the confidence of a slice is the share of
    its drawn voxels that all drew."""
    size = [read.volume.rows, read.volume.columns]
    readers = len(read.masks)
    nothing = np.zeros(size, bool)

    def patterns(k: int) -> NDArray[np.uint8]:
        drawn = [masks.decode(masks.Rle(size=size, counts=own[k])) if k in own else nothing for own in read.masks]
        return consensus.votes(drawn)

    drawn_on = sorted(set().union(*read.masks))
    if method is ConsensusMethod.STAPLE:
        inside = consensus.staple(_counted([patterns(k) for k in drawn_on], readers)).inside
    else:
        inside = consensus.majority(readers)  # of one reader: what they drew
    found = []
    for k in drawn_on:
        votes = patterns(k)
        mask = inside[votes]
        anybody, everybody = np.count_nonzero(votes), np.count_nonzero(votes == 2**readers - 1)
        found.append(
            ProposedSlice(
                volume_id=read.volume.id,
                slice_index=k,
                counts=masks.encode(mask)["counts"],
                voxels=int(np.count_nonzero(mask)),
                confidence=everybody / anybody if anybody else 1.0,
                prompts=None,
            )
        )
    return found


def _counted(planes: list[NDArray[np.uint8]], readers: int) -> NDArray[np.int64]:
    """How often each pattern of votes occurs in the box around all that was drawn."""
    drawn = np.logical_or.reduce([plane > 0 for plane in planes])
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return sum(
        (np.bincount(plane[box].ravel(), minlength=2**readers) for plane in planes),
        start=np.zeros(2**readers, np.int64),
    )
