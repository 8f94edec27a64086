"""What can be wrong with DICOM files and series."""

from __future__ import annotations

from backend.errors import Rejected


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


class MosaicGeometryMissing(Rejected):
    """A Siemens mosaic that does not say how its tiles lie in space. Raised by imaging.dicom."""

    code = "mosaic_geometry_missing"
    title = "The mosaic does not say where its slices lie"

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"The file is a Siemens mosaic without {missing}; private elements may have been removed.",
            hint="De-identify it with a tool that keeps the Siemens CSA header, or export one image per slice.",
        )
