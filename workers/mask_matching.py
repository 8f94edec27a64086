"""Where the segments of a file go, and what somebody has to allow before they do. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from backend.db.tables import LabelRow, VolumeRow
from backend.domain.mask_import import (
    MaskOptions,
    MaskReachesOutside,
    NeedsResampling,
    NewLabel,
    NewLabelCode,
    NoImportTarget,
    OtherPatient,
    SegmentTarget,
)
from backend.errors import AppError
from backend.imaging.mask_placing import Fit
from backend.imaging.mask_types import Belonging, MaskFile, Segment
from backend.imaging.pseudonyms import patient_of
from backend.services.mask_imports import ImportPlace
from workers.mask_series import drawn_on, holds_images, known_uid, read_given, series_uid_of
from workers.mask_upload import Given

LONGEST_NAME = 64
SAID_OF_DIFFERENCES = {
    "frame": "frame of reference",
    "series": "series",
    "study": "study",
    "patient": "patient",
}
OPTION_OF: Mapping[type[AppError], str] = {
    OtherPatient: "other_patient",
    NeedsResampling: "resample",
    MaskReachesOutside: "crop",
}
"""The option that allows what an error refuses."""


def check_targets(given: Sequence[Given], place: ImportPlace, options: MaskOptions) -> None:
    """Labels that targets name must be the project's, and segments that they name of any file must be in one."""
    ids, names = {label.id for label in place.labels}, {label.name.casefold() for label in place.labels}
    for target in options.targets:
        if (target.label_id and target.label_id not in ids) or (target.label and target.label.casefold() not in names):
            raise NoImportTarget(
                f"The project has no label '{target.label or target.label_id}'.",
                hint=f"It has {', '.join(label.name for label in place.labels) or 'none'}.",
            )
        if target.file is not None and target.file >= len(given):
            raise NoImportTarget(f"There is no file {target.file}.", hint="A dry run counts them.")
    wanted = {target.segment for target in options.targets if target.file is None}
    if not wanted:
        return
    for file in given:
        try:
            _, read = read_given(file, place, options)
        except AppError:
            return  # its own outcome says why; what it holds is not known
        wanted -= {key for segment in read.segments for key in (segment.name, str(segment.number))}
    if wanted:
        raise NoImportTarget(f"No file has a segment '{min(wanted)}'.", hint="A dry run lists the segments.")


def target_of(
    segment: Segment, file_number: int, labels: Sequence[LabelRow], options: MaskOptions
) -> UUID | NewLabel | None:
    """Where a segment goes: as was said, else by code, then by name, else to a label of its own if that was asked."""
    said = [target for target in options.targets if target.file in (None, file_number)]
    for key in (str(segment.number), segment.name):
        for target in said:
            if target.segment == key:
                return _said(target, labels)
    by_name = {label.name.casefold(): label.id for label in labels}
    by_code = {(label.code_scheme, label.code_value): label.id for label in labels if label.code_value}
    code = (segment.code.scheme, segment.code.value) if segment.code else None
    found = (by_code.get(code) if code else None) or by_name.get(segment.name.casefold())
    return found or (new_label_of(segment) if options.new_labels else None)


def is_left_out(segments: Sequence[Segment], file_number: int, options: MaskOptions) -> bool:
    """Whether it was said of every segment of a file that it goes nowhere."""
    nowhere = {
        target.segment
        for target in options.targets
        if target.file in (None, file_number) and not (target.label_id or target.label or target.new_label)
    }
    return all(nowhere & {str(segment.number), segment.name} for segment in segments)


def _said(target: SegmentTarget, labels: Sequence[LabelRow]) -> UUID | NewLabel | None:
    if target.label_id or target.new_label:
        return target.label_id or target.new_label
    name = target.label.casefold() if target.label else None
    return next((label.id for label in labels if label.name.casefold() == name), None)


def new_label_of(segment: Segment) -> NewLabel:
    """The label that a segment would become."""
    code = segment.code
    fits = code is not None and len(code.scheme) <= 16 and len(code.value) <= 64
    return NewLabel(
        name=segment.name.strip()[:LONGEST_NAME] or f"Segment {segment.number}",
        color=segment.color,
        code=NewLabelCode(scheme=code.scheme, value=code.value, meaning=code.meaning[:64]) if code and fits else None,
    )


# -- what is asked before anything is stored --------------------------------------------------------------------------
def differences(said: Belonging, volume: VolumeRow, place: ImportPlace) -> list[str]:
    """In what the file and the volume differ where both say something: frame, series, study, patient. What the file
    says counts as it stands, and as the project's pseudonyms make it. Masks that name the volume's own images lie in
    its frame of reference: some programs invent one (rt-utils)."""
    uid = known_uid(place)
    pairs = (
        ("frame", said.frame_of_reference_uid, volume.series.get("frame_of_reference_uid"), uid),
        ("study", said.study_uid, place.study.get("study_instance_uid"), uid),
        ("patient", said.patient_id, place.study.get("patient_id"), lambda number: _patient(place, number, said)),
    )
    differs = [name for name, theirs, ours, same in pairs if theirs and ours and ours not in (theirs, same(theirs))]
    is_drawn_on = volume in drawn_on(said, place)
    if is_drawn_on and "frame" in differs and holds_images(said, volume, place):
        differs.remove("frame")
    if said.names_images and series_uid_of(volume) and not is_drawn_on:
        differs.append("series")
    return differs


def _patient(place: ImportPlace, patient_id: str, said: Belonging) -> str:
    """What the project calls a patient."""
    return place.pseudonyms.patient(patient_of(patient_id, said.patient_issuer)) if place.pseudonyms else patient_id


def other_images(differs: Sequence[str], said: Belonging, place: ImportPlace, other_case: UUID | None) -> OtherPatient:
    """What is wrong with a file that names other images. `other_case`: the case of the project that it names."""
    found = drawn_on(said, place)
    what = " and ".join(SAID_OF_DIFFERENCES[name] for name in differs)
    detail = f"The file names another {what} than the case."
    hint = "Choose the case that the masks were drawn on, or say that it is meant."
    if list(differs) == ["series"]:
        detail = "The file refers to images that are in no series of the case."
        if found:
            detail = f"The file was drawn on another series of the case: {', '.join(volume.name for volume in found)}."
            hint = "Choose that series, or say that this one is meant."
    if other_case is not None:
        detail = f"The file names another {what} than the case: those of another case of this project."
        hint = "Import it there."
    return OtherPatient(detail, hint=hint, context={"case_id": str(other_case)} if other_case else None)


def needs_of(file: MaskFile, fit: Fit, others: AppError | None, voxels: int, outside: int) -> list[AppError]:
    """What somebody has to allow before the file is taken in, each as the error that it is otherwise. `outside` of the
    voxels of its masks lie outside the volume."""
    needs = [others] if others else []
    if file.off_planes:
        needs.append(NeedsResampling(file.off_planes, hint="Resampling takes each slice from the nearest contours."))
    if not fit.is_exact:
        spacing = " x ".join(f"{mm:.3g}" for mm in fit.mask.spacing_kji_mm)
        own = " x ".join(f"{mm:.3g}" for mm in fit.volume.spacing_kji_mm)
        needs.append(
            NeedsResampling(
                f"The file has voxels of {spacing} mm, the volume {own} mm (slices, rows, columns); the centres of the "
                f"grids are {fit.apart_mm:.1f} mm apart.",
                hint="Resampling takes the nearest voxel of the mask for each voxel of the volume.",
            )
        )
    if outside:
        needs.append(
            MaskReachesOutside(
                f"{outside} of {voxels} voxels ({outside / voxels:.1%}) lie outside the volume.",
                hint="They can be left out if you say so.",
            )
        )
    return needs


def check_needs(needs: Sequence[AppError], options: MaskOptions) -> None:
    for need in needs:
        if not getattr(options, OPTION_OF[type(need)]):
            raise need
