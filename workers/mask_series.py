"""Which series of a case a file of masks was drawn on: by the images that it refers to, else by its grid. No torch
here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from backend.db.tables import VolumeRow
from backend.domain.mask_import import MaskOptions, NoImportTarget, OtherPatient
from backend.imaging.geometry import VolumeGeometry
from backend.imaging.mask_files import read_mask_file, whose
from backend.imaging.mask_placing import compare
from backend.imaging.mask_types import Belonging, MaskFile, SliceOf
from backend.services.mask_imports import ImportPlace
from workers.mask_upload import Given


def read_given(given: Given, place: ImportPlace, options: MaskOptions) -> tuple[VolumeRow, MaskFile]:
    """The volume that a file of masks belongs to, and the file read for it. Raises NoImportTarget and OtherPatient
    where no volume was named and the file leads to none, or to several, and what `read_mask_file` raises."""
    said = whose(given.source)
    volume = _named(said, place, options)
    if volume is not None:
        return volume, _read(given, place, volume, options)
    file = _read(given, place, place.volumes[0], options)
    same = [volume for volume in place.volumes if _is_same_grid(file, volume)]
    if len(same) != 1:
        what = f"lies on the grid of {len(same)} of the case's series" if same else "has the grid of no series"
        raise NoImportTarget(f"The file does not say what it was drawn on, and {what}.", hint=_choose(place.volumes))
    return same[0], file


def holds_images(said: Belonging, volume: VolumeRow, place: ImportPlace) -> int:
    """How many images that a file names a volume holds. What the file says counts as it stands, and as the project's
    pseudonyms make it."""
    uid = known_uid(place)
    return len((said.image_uids | {uid(image) for image in said.image_uids}) & place.image_uids(volume.id))


def drawn_on(said: Belonging, place: ImportPlace) -> list[VolumeRow]:
    """The volumes of the case that a file refers to: those that hold most of the images that it names, else those of a
    series that it names."""
    uid = known_uid(place)
    counts = {volume.id: holds_images(said, volume, place) for volume in place.volumes}
    most = max(counts.values(), default=0)
    if most:
        return [volume for volume in place.volumes if counts[volume.id] == most]
    series = said.series_uids | {uid(one) for one in said.series_uids}
    return [volume for volume in place.volumes if series_uid_of(volume) in series]


def series_uid_of(volume: VolumeRow) -> str:
    return str(volume.series.get("series_instance_uid") or "")


def known_uid(place: ImportPlace) -> Callable[[str], str]:
    """What a UID of the images is called in the project."""
    return place.pseudonyms.uid if place.pseudonyms else str


def _named(said: Belonging, place: ImportPlace, options: MaskOptions) -> VolumeRow | None:
    chosen = [volume for volume in place.volumes if options.volume_id in (None, volume.id)]
    if len(chosen) == 1:
        return chosen[0]
    found = drawn_on(said, place)
    if len(found) == 1:
        return found[0]
    if found:
        raise NoImportTarget(f"The file was drawn on images of {len(found)} series of the case.", hint=_choose(found))
    if said.names_images:
        raise OtherPatient(
            "The file refers to images that are in no series of the case.",
            hint=f"Choose the case that the masks were drawn on. {_choose(place.volumes)}",
        )
    return None


def _choose(volumes: Sequence[VolumeRow]) -> str:
    return f"Say which series is meant: {', '.join(f'{volume.name} ({volume.id})' for volume in volumes)}."


def _read(given: Given, place: ImportPlace, volume: VolumeRow, options: MaskOptions) -> MaskFile:
    return read_mask_file(
        given.source,
        VolumeGeometry.from_json(volume.geometry),
        threshold=options.threshold,
        sidecar=given.sidecar,
        slice_of=_slice_of(place, volume.id),
    )


def _slice_of(place: ImportPlace, volume_id: UUID) -> SliceOf:
    slices, uid = place.images[volume_id], known_uid(place)

    def find(sop_instance_uid: str, frame: int | None) -> int | None:
        for name in (sop_instance_uid, uid(sop_instance_uid)):
            for number in (frame, None) if frame else (None, 1):
                if (k := slices.get((name, number))) is not None:
                    return k
        return None

    return find


def _is_same_grid(file: MaskFile, volume: VolumeRow) -> bool:
    fit = compare(file.geometry, VolumeGeometry.from_json(volume.geometry))
    is_whole = sorted(fit.mask.shape_kji) == sorted(fit.volume.shape_kji)
    return fit.is_exact and is_whole and fit.apart_mm < min(fit.volume.spacing_kji_mm) / 2
