"""What can be wrong with files, masks, slices and exports. How DICOM images can be wrong is in imaging.dicom.errors."""

from __future__ import annotations

from backend.errors import Rejected


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


class InvalidImageGeometry(Rejected):
    """Orientation, position or pixel spacing in a header make no sense. Raised by imaging.dicom."""

    code = "invalid_image_geometry"
    title = "The position of the image is not valid"

    def __init__(self, what: str) -> None:
        super().__init__(what, hint="Without a valid position no measurement would be right. Export the images again.")


class TooManyVolumes(Rejected):
    """A 4D series or file with more volumes than are useful to annotate. Raised by imaging.dicom and imaging.nifti."""

    code = "too_many_volumes"
    title = "The series holds too many volumes"

    def __init__(self, found: int, allowed: int) -> None:
        super().__init__(
            f"It holds {found} volumes (time points, echoes or directions); at most {allowed} are imported.",
            hint="Export the time points that you want to annotate, or their mean, and upload those.",
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
