"""The families of errors that a user can meet, and imaging's errors, in one leaf module that all layers may import.
Errors of the domain, the stores and the services stand beside the code that raises them.

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

    @property
    def is_bad_input(self) -> bool:
        """Whether who asked can do better: the command line then ends with code 2."""
        return isinstance(self, Rejected | NotFound)

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


class Relayed(AppError):
    """An error that happened elsewhere (in a worker, in a finished job) and is told again here, word for word."""

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__(record["detail"], hint=record.get("hint"), context=record.get("context"))
        self.code = record["code"]  # type: ignore[misc]
        self.title = record["title"]  # type: ignore[misc]
        self.family: str = record["family"]


def to_record(error: AppError) -> dict[str, Any]:
    """What is stored of an error or sent between processes: the problem and the name of its family."""
    if isinstance(error, Relayed):
        return {**error.to_problem(), "family": error.family}
    family = next(c for c in type(error).__mro__ if AppError in c.__bases__)
    return {**error.to_problem(), "family": family.__name__}


# -- families ---------------------------------------------------------------------------------------------------------
class Rejected(AppError):
    """The input is understood and cannot be accepted. The user can fix it."""

    code = "rejected"
    title = "The input cannot be accepted"


class Malformed(AppError):
    """The request is not of the form that its standard gives it."""

    code = "malformed"
    title = "The request is not well-formed"


class NotAcceptable(AppError):
    """The answer cannot be given in any of the forms that the caller accepts."""

    code = "not_acceptable"
    title = "No accepted form of the answer is available"


class UnsupportedMedia(AppError):
    """The body is of a kind that this address does not take."""

    code = "unsupported_media"
    title = "This kind of body is not taken here"


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
    """No label has a single voxel. Raised by imaging.seg, imaging.labels_nifti and services.exports."""

    code = "nothing_to_export"
    title = "There is nothing to export"


class SourceIsNotDicom(Rejected):
    """A DICOM SEG refers to DICOM images; this volume came from another kind of file. Raised by imaging.seg."""

    code = "source_is_not_dicom"
    title = "The images are not DICOM"


class SourceCannotCarrySeg(Rejected):
    """The DICOM images do not say where they lie, or no DICOM SEG can refer to their slices. Raised by imaging.seg."""

    code = "source_cannot_carry_seg"
    title = "A DICOM segmentation cannot refer to these images"


class ExportGridMismatch(Rejected):
    """The masks and the source images are not on the same grid. Raised by imaging.seg and imaging.labels_nifti."""

    code = "export_grid_mismatch"
    title = "The masks do not fit the source images"


class LabelValuesClash(Rejected):
    """Two labels have the same voxel value, or a value cannot be written. Raised by imaging.labels_nifti."""

    code = "label_values_clash"
    title = "The labels cannot be told apart in the file"


# -- imaging faults ---------------------------------------------------------------------------------------------------
class EmptyFile(Rejected):
    """A file of zero bytes. Raised by imaging.importing."""

    code = "empty_file"
    title = "The file is empty"

    def __init__(self) -> None:
        super().__init__("The file holds 0 bytes.", hint="The upload or the copy before it was cut off. Send it again.")


class OriginalsNotKept(Rejected):
    """What is asked for needs the files that a volume was read from, and its project keeps voxels alone. Raised by
    workers.export."""

    code = "originals_not_kept"
    title = "The original files are not here"


class UnknownFileType(Rejected):
    """The content is none of the formats that can be imported. Raised by imaging.importing."""

    code = "unknown_file_type"
    title = "Not an image that sammed can read"

    _KINDS = (
        (b"%PDF", "a PDF document"),
        (b"GIF8", "a GIF"),
        (b"BM", "a Windows bitmap"),
        (b"RIFF", "a WebP picture or an AVI video"),
        (b"\x1f\x8b", "a gzip file"),
        (b"Rar!", "a RAR archive"),
        (b"7z\xbc\xaf", "a 7z archive"),
        (b"NRRD", "an NRRD image"),
        (b"ObjectType", "a MetaImage"),
        (b"<", "an XML or HTML document"),
        (b"{", "a JSON document"),
    )
    """Starts of files that are often sent by mistake. The bytes themselves are not quoted: they may name a patient."""

    def __init__(self, first_bytes: bytes) -> None:
        known = next((kind for start, kind in self._KINDS if first_bytes.startswith(start)), None)
        known = "an MP4 or MOV video" if first_bytes[4:8] == b"ftyp" else known
        super().__init__(
            "The content is no DICOM, NIfTI, PNG, JPEG or TIFF image and no zip archive"
            + (f"; it looks like {known}." if known else "."),
            hint="Export the image as DICOM or NIfTI (.nii, .nii.gz) and upload that.",
        )


class CorruptArchive(Rejected):
    """An archive, or one of its members, cannot be unpacked. Raised by imaging.archive."""

    code = "corrupt_archive"
    title = "The archive cannot be unpacked"

    def __init__(self, what: str) -> None:
        super().__init__(what, hint="Pack it again and check that it opens on your computer before uploading it.")


class UnsafeArchiveMember(Rejected):
    """A member of an archive points outside it or is a link. Raised by imaging.archive."""

    code = "unsafe_archive_member"
    title = "A file in the archive was refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, hint="Pack plain files with relative names, without links.")


class EncryptedArchiveMember(Rejected):
    """A member of an archive is protected by a password. Raised by imaging.archive."""

    code = "encrypted_archive_member"
    title = "A file in the archive is encrypted"

    def __init__(self) -> None:
        super().__init__("The file is protected by a password.", hint="Pack it without a password, or unpack it first.")


class NestedArchive(Rejected):
    """An archive inside an archive inside an archive. Raised by imaging.archive."""

    code = "nested_archive"
    title = "Archives are nested too deeply"

    def __init__(self, levels: int) -> None:
        super().__init__(
            f"This archive lies {levels} archives deep; one archive inside another is the most that is opened.",
            hint="Unpack the outer archive and upload the inner ones.",
        )


class ArchiveLimitExceeded(Rejected):
    """Unpacking would pass the limits on files, bytes or compression ratio. Raised by imaging.archive."""

    code = "archive_limit_exceeded"
    title = "The archive is larger than this installation unpacks"


class CorruptDicom(Rejected):
    """A DICOM file whose header cannot be read. Raised by imaging.dicom."""

    code = "corrupt_dicom"
    title = "The DICOM file is damaged"

    def __init__(self, what: str) -> None:
        super().__init__(what, hint="Export or send this file again; the copy is incomplete or was changed.")


class NoPixelData(Rejected):
    """A DICOM image object without pixels. Raised by imaging.dicom."""

    code = "no_pixel_data"
    title = "The DICOM file holds no picture"

    def __init__(self, sop_class: str) -> None:
        super().__init__(
            f"The file says that it is a {sop_class} but holds no pixel data.",
            hint="Some archives send headers only. Export the series with its images.",
        )


class TruncatedPixelData(Rejected):
    """Fewer bytes of pixels than the header promises. Raised by imaging.dicom."""

    code = "truncated_pixel_data"
    title = "The picture is cut off"

    def __init__(self, expected_bytes: int, found_bytes: int) -> None:
        super().__init__(
            f"The header promises {expected_bytes} bytes of pixels, the file holds {found_bytes}.",
            hint="The transfer was cut off. Send this file again.",
        )


class UndecodablePixelData(Rejected):
    """Compressed pixels that the decoder refuses. Raised by imaging.dicom."""

    code = "undecodable_pixel_data"
    title = "The picture cannot be decoded"

    def __init__(self, transfer_syntax: str, reason: str) -> None:
        super().__init__(
            f"Pixels in {transfer_syntax} could not be decoded: {reason}",
            hint="The file is damaged, or its writer broke the standard. Export it uncompressed.",
        )


class UnsupportedTransferSyntax(Rejected):
    """A compression for which no decoder is installed. Raised by imaging.dicom; lists what was tried."""

    code = "unsupported_transfer_syntax"
    title = "This compression cannot be read"

    def __init__(self, name: str, uid: str, tried: list[str]) -> None:
        tried_text = "; ".join(tried) if tried else "no decoder exists for it"
        super().__init__(
            f"Transfer syntax {name} ({uid}). Tried: {tried_text}.",
            hint="Export the series uncompressed (Explicit VR Little Endian) or as JPEG 2000 or RLE.",
            context={"transfer_syntax_uid": uid, "tried": tried},
        )


class UnsupportedDicomObject(Rejected):
    """A DICOM image of a kind that is no slice or stack of slices. Raised by imaging.dicom."""

    code = "unsupported_dicom_object"
    title = "This kind of DICOM image is not supported"


class InvalidImageGeometry(Rejected):
    """Orientation, position or pixel spacing in a header make no sense. Raised by imaging.dicom."""

    code = "invalid_image_geometry"
    title = "The position of the image is not valid"

    def __init__(self, what: str) -> None:
        super().__init__(what, hint="Without a valid position no measurement would be right. Export the images again.")


class ConflictingInstances(Rejected):
    """Two different images carry the same SOP Instance UID. Raised by imaging.dicom."""

    code = "conflicting_instances"
    title = "Two images claim the same identity"

    def __init__(self) -> None:
        super().__init__(
            "Another file of the upload has the same SOP Instance UID but another size or position.",
            hint="A tool copied the file without giving it a new identifier. Upload the original series.",
        )


class IrregularSliceSpacing(Rejected):
    """The series is not a volume: the distance between neighbouring slices varies. Raised by imaging.dicom.

    `gaps_mm` are the distances between neighbours in order, `first_bad` the index of the first one that stands out.
    """

    code = "irregular_slice_spacing"
    title = "The slices are not evenly spaced"

    def __init__(self, gaps_mm: list[float], first_bad: int, usual_mm: float) -> None:
        super().__init__(
            f"Slices {first_bad + 1} and {first_bad + 2} of {len(gaps_mm) + 1} lie {gaps_mm[first_bad]:.3g} mm apart, "
            f"the others {usual_mm:.3g} mm.",
            hint="A slice may be missing from the upload: add it, or upload only slices that follow each other evenly.",
            context={"gaps_mm": [round(gap, 4) for gap in gaps_mm], "first_bad": first_bad},
        )


class MisalignedSlices(Rejected):
    """Parallel slices whose corners do not lie on one line. Raised by imaging.dicom."""

    code = "misaligned_slices"
    title = "The slices are shifted against each other"

    def __init__(self, slice_number: int, offset_mm: float, allowed_mm: float) -> None:
        super().__init__(
            f"Slice {slice_number} lies {offset_mm:.3g} mm beside the line through the others ({allowed_mm:.3g} mm "
            f"allowed).",
            hint="The table or the patient moved, or two scans share one series. Upload the scans separately.",
        )


class NotAVolume(Rejected):
    """Several images at one and the same position: no third dimension. Raised by imaging.dicom."""

    code = "not_a_volume"
    title = "The series is not a volume"

    def __init__(self, images: int) -> None:
        super().__init__(
            f"All {images} images lie at the same position: one slice, followed over time or saved several times.",
            hint="Upload the images that you want to annotate one at a time, or the scan that covers the organ.",
        )


class AmbiguousSlicePositions(Rejected):
    """Several images at some positions and nothing that tells them apart. Raised by imaging.dicom."""

    code = "ambiguous_slice_positions"
    title = "Several images claim the same place"

    def __init__(self, positions: int, images: int, most: int) -> None:
        super().__init__(
            f"{images} images share {positions} positions, up to {most} at one place, and no time, echo or acquisition "
            f"number sorts them into complete volumes.",
            hint="Upload one acquisition at a time.",
        )


class TooManyVolumes(Rejected):
    """A 4D series or file with more volumes than are useful to annotate. Raised by imaging.dicom and imaging.nifti."""

    code = "too_many_volumes"
    title = "The series holds too many volumes"

    def __init__(self, found: int, allowed: int) -> None:
        super().__init__(
            f"It holds {found} volumes (time points, echoes or directions); at most {allowed} are imported.",
            hint="Export the time points that you want to annotate, or their mean, and upload those.",
        )


class MosaicGeometryMissing(Rejected):
    """A Siemens mosaic that does not say how its tiles lie in space. Raised by imaging.dicom."""

    code = "mosaic_geometry_missing"
    title = "The mosaic does not say where its slices lie"

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"The file is a Siemens mosaic without {missing}; private elements may have been removed.",
            hint="De-identify it with a tool that keeps the Siemens CSA header, or export one image per slice.",
        )


class VolumeTooLarge(Rejected):
    """More voxels than this installation reads at once. Raised by imaging.dicom, imaging.nifti and imaging.raster."""

    code = "volume_too_large"
    title = "The volume is too large"

    def __init__(self, size_bytes: int, allowed_bytes: int) -> None:
        super().__init__(
            f"It needs {size_bytes / 2**20:.0f} MiB in memory; at most {allowed_bytes / 2**20:.0f} MiB are read.",
            hint="Crop the image or export it at a lower resolution.",
        )


class CorruptNifti(Rejected):
    """A NIfTI file that is cut off or contradicts itself. Raised by imaging.nifti."""

    code = "corrupt_nifti"
    title = "The NIfTI file is damaged"

    def __init__(self, what: str) -> None:
        super().__init__(what, hint="Write or send the file again.")


class UnsupportedNifti(Rejected):
    """A NIfTI file whose content is no image of voxels that can be shown. Raised by imaging.nifti."""

    code = "unsupported_nifti"
    title = "This kind of NIfTI file is not supported"


class CorruptImage(Rejected):
    """A PNG, JPEG or TIFF that cannot be decoded. Raised by imaging.raster."""

    code = "corrupt_image"
    title = "The picture is damaged"

    def __init__(self, what: str) -> None:
        super().__init__(what, hint="Save the picture again as PNG or TIFF.")


class UnsupportedImage(Rejected):
    """A PNG, JPEG or TIFF with a layout that is no stack of grey or RGB pictures. Raised by imaging.raster."""

    code = "unsupported_image"
    title = "This kind of picture is not supported"
