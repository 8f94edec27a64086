"""Taking masks of other programs into a case: what can be asked for, and what can be wrong with it.

The bytes are an upload, read by a job (`workers/mask_import.py`); what is stored is decided in `services/mask_imports`.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.domain.jobs import UploadedFile
from backend.errors import Conflict, NotFound, Rejected

MOST_FILES = 500
"""Of one upload: a mask file for each label of a large set, with room."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewLabelCode(_Frozen):
    scheme: str = Field(max_length=16)
    value: str = Field(max_length=64)
    meaning: str = Field(max_length=64)


class NewLabel(_Frozen):
    """A label to make for a segment."""

    name: str = Field(min_length=1, max_length=64)
    color: str | None = Field(default=None, description="#rrggbb; one that differs from others when it is left away")
    code: NewLabelCode | None = None


class SegmentTarget(_Frozen):
    """Where a segment goes: to a label of the project, by id or by name, to a new one, or, with none of these, nowhere.
    Segments of which nothing is said go by code, then by name."""

    file: int | None = Field(default=None, ge=0, description="Which file, as the result counts them; null: any")
    segment: str = Field(max_length=256, description="Its number or its name")
    label_id: UUID | None = None
    label: str | None = Field(default=None, max_length=64)
    new_label: NewLabel | None = None


class MaskOptions(_Frozen):
    """How masks are taken in. Nothing is resampled, cut, drawn over or taken from another patient unless it is said."""

    dry_run: bool = Field(default=False, description="Say what would happen and keep nothing")
    volume_id: UUID | None = Field(default=None, description="Else the one that the file was drawn on")
    reader: str | None = Field(
        default=None,
        max_length=120,
        description="Name of a program: the masks become a reading of its own. Without: the caller's own masks",
    )
    targets: tuple[SegmentTarget, ...] = Field(default=(), max_length=10_000)
    new_labels: bool = Field(default=False, description="Make labels of segments that match none")
    threshold: float = Field(default=0.5, gt=0, le=1, description="Of fractional segmentations: inside from here on")
    resample: bool = Field(default=False, description="Take the nearest voxels of masks on another grid")
    crop: bool = Field(default=False, description="Leave out what lies outside the volume")
    replace: bool = Field(default=False, description="Draw over slices that have a mask already")
    other_patient: bool = Field(default=False, description="The images of the file are others on purpose")


class MaskImportPayload(_Frozen):
    """`files` are in the order of the upload; what they are called is the uploader's or, in projects with pseudonyms, a
    code."""

    project_id: UUID
    case_id: UUID
    user_id: UUID
    files: tuple[UploadedFile, ...]
    options: MaskOptions


class NeedsResampling(Rejected):
    """The file's voxels do not coincide with the volume's and nobody asked to resample."""

    code = "mask_needs_resampling"
    title = "The masks lie on another grid"


class MaskReachesOutside(Rejected):
    """Part of a mask lies outside the volume and nobody said to cut it off."""

    code = "mask_reaches_outside"
    title = "The masks reach beyond the volume"


class OtherPatient(Rejected):
    """The file says another patient, study, series or frame of reference than the case, and nobody said that it is
    meant."""

    code = "mask_of_another_patient"
    title = "The masks are of other images"


class NoImportTarget(NotFound):
    """A segment, label or volume named for the import does not exist, or nothing was matched."""

    code = "no_import_target"
    title = "The masks have nowhere to go"


class NothingToImport(Rejected):
    """An upload has no file of masks. Raised by services.mask_imports and workers.mask_import."""

    code = "no_masks"
    title = "There are no masks to import"


class BadReaderName(Rejected):
    """A program cannot be called like this. Raised by services.mask_imports."""

    code = "bad_reader_name"
    title = "The reader needs another name"


class ResultOfReader(Conflict):
    """The masks of this program were accepted as the case's result. Raised by services.mask_imports."""

    code = "masks_are_the_result"
    title = "These masks are the case's result"
