"""Every error type that a user can meet, in one leaf module that all layers may import.

An error carries a stable `code`, a `title` (the kind of thing that went wrong), a `detail` (what exactly, with the
numbers) and, where there is a way out, a `hint`. The HTTP status of each family is in `backend/api/errors.py` and
nowhere else.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AppError(Exception):
    """Root of all errors that have a reader. Raise a subclass; never this one."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str, *, hint: str | None = None, context: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.context = context or {}

    def to_problem(self) -> dict[str, Any]:
        """The body of RFC 9457 without the HTTP status: what jobs store and pages show."""
        problem: dict[str, Any] = {
            "type": f"urn:sammed:error:{self.code}",
            "title": self.title,
            "code": self.code,
            "detail": self.detail,
        }
        if self.hint:
            problem["hint"] = self.hint
        if self.context:
            problem["context"] = self.context
        return problem


# -- families ---------------------------------------------------------------------------------------------------------
class Rejected(AppError):
    """The input is understood and cannot be accepted. The user can fix it."""

    code = "rejected"
    title = "The input cannot be accepted"


class NotFound(AppError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"
    title = "Not found"


class Conflict(AppError):
    """The request contradicts the present state. Reload, then decide."""

    code = "conflict"
    title = "The present state does not allow this"


class Unauthenticated(AppError):
    """Nobody is signed in, or the token is not valid."""

    code = "unauthenticated"
    title = "Sign in first"


class Forbidden(AppError):
    """The caller is known and may not do this."""

    code = "forbidden"
    title = "You may not do this"


class TooLarge(AppError):
    """The request is larger than this installation allows."""

    code = "too_large"
    title = "Too large"


class TooManyRequests(AppError):
    """The caller has to wait before trying again."""

    code = "too_many_requests"
    title = "Too many requests"


class Unavailable(AppError):
    """A part of the installation that the request needs is not working right now."""

    code = "unavailable"
    title = "Not available right now"


class Broken(AppError):
    """A fault of the application itself. The detail never carries data of a patient."""

    code = "internal_error"
    title = "An error in sammed itself"


# -- masks and slices on the wire -------------------------------------------------------------------------------------
class MalformedMask(Rejected):
    """A run-length mask is not what it says. Raised by imaging.masks; the subclasses say what is wrong."""

    code = "malformed_mask"
    title = "The mask cannot be read"


class MaskNotAnObject(MalformedMask):
    """Not `{"size": [rows, columns], "counts": text}` with two sizes in range."""

    code = "mask_not_an_object"
    title = "The mask is not a run-length object"


class MaskSizeMismatch(MalformedMask):
    """The mask is of another size than the slice it belongs to."""

    code = "mask_size_mismatch"
    title = "The mask does not fit the slice"


class MaskCountsUnreadable(MalformedMask):
    """The counts hold a character that the format does not use, or stop in the middle of a number."""

    code = "mask_counts_unreadable"
    title = "The run lengths of the mask cannot be read"


class MaskCountsTooLong(MalformedMask):
    """The counts are longer than any mask of this size can need."""

    code = "mask_counts_too_long"
    title = "The run lengths of the mask are too long"


class MaskRunsMismatch(MalformedMask):
    """A run is negative, or the runs together do not cover the slice exactly."""

    code = "mask_runs_mismatch"
    title = "The run lengths do not add up to the slice"


class MalformedSlice(Rejected):
    """Bytes that should be one slice in the wire format are not. Raised by imaging.wire; the subclasses say why."""

    code = "malformed_slice"
    title = "The slice cannot be read"


class SliceTooShort(MalformedSlice):
    """Fewer bytes than the header has."""

    code = "slice_too_short"
    title = "The slice has no complete header"


class SliceBadMagic(MalformedSlice):
    """The first four bytes are not those of this format and version."""

    code = "slice_bad_magic"
    title = "This is not a slice in the wire format"


class SliceBadDtype(MalformedSlice):
    """The type of the voxels is not one that the format knows, or not one that goes with the channels."""

    code = "slice_bad_dtype"
    title = "The voxel type of the slice is not known"


class SliceBadChannels(MalformedSlice):
    """The number of channels is neither 1 nor 3."""

    code = "slice_bad_channels"
    title = "The slice has an unknown number of channels"


class SliceBadReserved(MalformedSlice):
    """The reserved bytes are not zero: the slice was written by a later version."""

    code = "slice_bad_reserved"
    title = "The slice uses a later version of the format"


class SliceEmpty(MalformedSlice):
    """The slice says that it has no rows or no columns."""

    code = "slice_empty"
    title = "The slice has no voxels"


class SliceLengthMismatch(MalformedSlice):
    """The payload is shorter or longer than rows x columns say."""

    code = "slice_length_mismatch"
    title = "The slice is cut or has bytes too many"


# -- export faults ----------------------------------------------------------------------------------------------------
class NothingToExport(Rejected):
    """No label has a single voxel, so that there is nothing to write. Raised by imaging.seg and imaging.labels_nifti."""

    code = "nothing_to_export"
    title = "There is nothing to export"


class SourceIsNotDicom(Rejected):
    """A DICOM SEG refers to DICOM images; this volume came from another kind of file. Raised by imaging.seg."""

    code = "source_is_not_dicom"
    title = "The images are not DICOM"


class ExportGridMismatch(Rejected):
    """The masks and the source images are not on the same grid. Raised by imaging.seg and imaging.labels_nifti."""

    code = "export_grid_mismatch"
    title = "The masks do not fit the source images"


class LabelValuesClash(Rejected):
    """Two labels have the same voxel value, or a value cannot be written. Raised by imaging.labels_nifti."""

    code = "label_values_clash"
    title = "The labels cannot be told apart in the file"
