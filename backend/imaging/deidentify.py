"""DICOM files without their patient: the Basic Application Level Confidentiality Profile (PS3.15 annex E), with the
option Retain Longitudinal Temporal Information with Modified Dates, and Retain UIDs where the pseudonyms keep them.

What becomes of which attribute is the standard's table, as the package dicom-anonymizer keeps it by edition. Its own
functions are not used: they draw UIDs at random and leave out attributes inside sequences. Of the other packages,
dicognito does not follow the table, and deid wants it written as a recipe by hand.

Stricter than the profile: texts and bytes that the table does not name are kept only if they are technical, all private
attributes go (of a mosaic, the numbers that place its slices are kept), and so does the preamble. Of PET the patient's
weight is kept, without which its values mean nothing.
Times of day stay, as the option for dates asks that distances in time remain: tracers decay, phases follow each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

import pydicom
from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from backend.errors import AppError
from backend.imaging.dicom.elements import kind_of, text, unheard
from backend.imaging.dicom.errors import CorruptDicom
from backend.imaging.dicom.mosaic import layout_only
from backend.imaging.dicom.rewriting import save_changed
from backend.imaging.pseudonyms import Identity, Pseudonyms, moved, patient_of

EDITION = "2026c"

METHOD = f"sammed: PS3.15 {EDITION} Basic Profile"
CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113108": "Retain Patient Characteristics Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113110": "Retain UIDs Option",
    "113111": "Retain Safe Private Option",
}

_TABLE: dict[str, list[tuple[int, ...]]] = dicom_anonymization_database_selector(f"dicomfields_{EDITION}")

TEXTS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UN", "UR", "UT"})
"""Value representations that hold what somebody typed."""

TECHNICAL = frozenset(
    tag_for_keyword(keyword)
    for keyword in """Manufacturer ManufacturerModelName SoftwareVersions CodeValue CodingSchemeDesignator CodeMeaning
    CodingSchemeVersion LongCodeValue ConvolutionKernel SequenceName FilterType ReceiveCoilName TransmitCoilName
    ImagedNucleus RescaleType ModalityLUTType LUTExplanation WindowCenterWidthExplanation StackID
    DimensionDescriptionLabel Radiopharmaceutical ReconstructionMethod AttenuationCorrectionMethod
    ScatterCorrectionMethod RandomsCorrectionMethod PulseSequenceName StudyID SegmentLabel
    LossyImageCompressionMethod""".split()
) - frozenset(Tag(*tag) for tags in _TABLE.values() for tag in tags if len(tag) == 2)

BYTES = frozenset(tag_for_keyword(keyword) for keyword in ("PixelData", "WaveformData", "ICCProfile"))
"""What may be bytes without a form of its own; any other may be a document."""

KEPT_META = (
    "FileMetaInformationGroupLength",
    "FileMetaInformationVersion",
    "MediaStorageSOPClassUID",
    "MediaStorageSOPInstanceUID",
    "TransferSyntaxUID",
    "ImplementationClassUID",
)

PET = "PT"
"""The modality whose values mean nothing without the patient's weight."""

BORN = frozenset({Tag("PatientBirthDate"), Tag("PatientBirthTime")})
PATIENT = frozenset({Tag("PatientID"), Tag("PatientName")})

ABOUT_PATIENT = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")
ABOUT_STUDY = ("StudyInstanceUID", "AccessionNumber", "StudyDate", "StudyTime", "StudyDescription")
ABOUT = (*ABOUT_PATIENT, *ABOUT_STUDY)
"""What the key keeps of whom and what a pseudonym stands for."""


class Deed(Enum):
    """What becomes of an element. NAME: it holds the pseudonym. INSIDE: the items of a sequence are cleaned. MOVE is
    for dates, RENAME for UIDs."""

    KEEP = "keep"
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    NAME = "name"
    MOVE = "move"
    RENAME = "rename"
    INSIDE = "inside"


_DEED_OF = {
    "X_TAGS": Deed.REMOVE,
    "Z_TAGS": Deed.EMPTY,
    "Z_D_TAGS": Deed.EMPTY,
    "X_Z_TAGS": Deed.EMPTY,
    "X_D_TAGS": Deed.EMPTY,
    "X_Z_D_TAGS": Deed.EMPTY,
    "X_Z_U_STAR_TAGS": Deed.KEEP,
    "U_TAGS": Deed.KEEP,
    "D_TAGS": Deed.DUMMY,
}
_DEEDS = {Tag(*tag): deed for category, deed in _DEED_OF.items() for tag in _TABLE[category] if len(tag) == 2}
_REPEATING = [tag for tag in _TABLE["X_TAGS"] if len(tag) == 4]  # group, element, and the masks of both


def deidentify(source: Path, target: Path, pseudonyms: Pseudonyms) -> list[Identity]:
    """Writes a DICOM file without its patient. Returns whom the pseudonyms stand for. The same file always becomes the
    same bytes. Raises CorruptDicom, MosaicGeometryMissing."""
    with unheard():
        try:
            dataset = pydicom.dcmread(source, force=True)
            identities = _deidentified(dataset, pseudonyms)
            save_changed(dataset, target)
        except (AppError, MemoryError):
            raise
        except Exception as error:  # a damaged file makes a parser raise anything at all; its words may quote values
            raise CorruptDicom(f"It cannot be de-identified ({type(error).__name__}).") from error
    return identities


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose image it is: their pseudonym, by how many days their dates move, and what the key says of them."""

    name: str
    days: int
    identities: tuple[Identity, ...]


def subject_of(dataset: Dataset, pseudonyms: Pseudonyms) -> Subject:
    """By the elements named in ABOUT."""
    patient = patient_of(text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID"))
    if not patient:
        patient = "\0".join(text(dataset, name) for name in ("PatientName", "PatientBirthDate")).strip("\0")
    patient = patient or text(dataset, "StudyInstanceUID")
    name = pseudonyms.patient(patient)
    study = text(dataset, "StudyInstanceUID")
    identities = [Identity(name, "patient", _said(dataset, ABOUT_PATIENT))]
    if study:
        identities.append(Identity(pseudonyms.uid(study), "study", _said(dataset, ABOUT_STUDY)))
    return Subject(name, pseudonyms.days(patient), tuple(identities))


def mark(dataset: Dataset, name: str, *, keep_uids: bool, has_layout: bool, has_weight: bool = False) -> None:
    """Say in a clean data set whose it is now, and what was done to it."""
    dataset.PatientID = dataset.PatientName = name
    codes = ["113100", "113107"] + ["113108"] * has_weight + ["113110"] * keep_uids + ["113111"] * has_layout
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    dataset.DeidentificationMethodCodeSequence = Sequence(_coded(code) for code in codes)
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"


def clean_meta(meta: FileMetaDataset, pseudonyms: Pseudonyms) -> None:
    """What names machines and programs goes. The length of the group, which the standard asks for, is left to who
    writes it."""
    for element in list(meta):
        if element.keyword not in KEPT_META:
            del meta[element.tag]
    if "MediaStorageSOPInstanceUID" in meta:
        meta.MediaStorageSOPInstanceUID = UID(pseudonyms.uid(str(meta.MediaStorageSOPInstanceUID)))


def _deidentified(dataset: Dataset, pseudonyms: Pseudonyms) -> list[Identity]:
    subject = subject_of(dataset, pseudonyms)
    layout = layout_only(dataset)
    weight = dataset.get("PatientWeight") if text(dataset, "Modality") == PET else None
    Cleaning(pseudonyms, subject.name, subject.days).clean(dataset)
    dataset.update(layout)
    if weight is not None:
        dataset.PatientWeight = weight
    has_weight = weight is not None
    mark(dataset, subject.name, keep_uids=pseudonyms.keep_uids, has_layout=bool(layout), has_weight=has_weight)
    dataset.preamble = b"\0" * 128 if getattr(dataset, "preamble", None) else None
    clean_meta(dataset.file_meta, pseudonyms)
    dataset.file_meta.FileMetaInformationGroupLength = 0  # pydicom counts where there is one
    return list(subject.identities)


def _said(dataset: Dataset, names: Iterable[str]) -> dict[str, str]:
    return {name: said for name in names if (said := text(dataset, name))}


def _coded(code: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", CODES[code]
    return item


class Cleaning:
    """One pass through a data set and all its sequences."""

    def __init__(self, pseudonyms: Pseudonyms, patient: str, days: int) -> None:
        self._pseudonyms = pseudonyms
        self._patient = patient
        self._days = days

    def clean(self, dataset: Dataset) -> None:
        for tag in list(dataset.keys()):
            kind = dataset.get_item(tag).VR or kind_of(int(tag))
            match deed_of(int(tag), kind, self._pseudonyms.keep_uids):
                case Deed.REMOVE:
                    del dataset[tag]
                case Deed.EMPTY:
                    dataset[tag] = DataElement(tag, kind, [] if kind == "SQ" else None)
                case Deed.DUMMY:
                    dataset[tag] = DataElement(tag, kind, _dummy(kind))
                case Deed.NAME:
                    dataset[tag] = DataElement(tag, kind, self._patient)
                case Deed.MOVE:
                    dataset[tag] = DataElement(tag, kind, _each(dataset[tag].value, self._moved))
                case Deed.RENAME:
                    dataset[tag] = DataElement(tag, "UI", _each(dataset[tag].value, self._pseudonyms.uid))
                case Deed.INSIDE:
                    for item in dataset[tag].value:
                        self.clean(item)

    def _moved(self, value: str) -> str:
        return moved(value, self._days)


@lru_cache(maxsize=20_000)
def deed_of(number: int, kind: str, keep_uids: bool) -> Deed:
    """What becomes of an element, by its tag and value representation."""
    tag = Tag(number)
    deed = _DEEDS.get(tag, Deed.KEEP)
    if tag.is_private or _is_removed_repeating(tag):
        return Deed.REMOVE
    if kind == "UI":
        return Deed.KEEP if keep_uids else Deed.RENAME
    if kind in ("DA", "DT") and tag not in BORN:
        return Deed.MOVE
    if tag in PATIENT:
        return Deed.NAME
    if kind == "TM" and tag not in BORN:
        return Deed.KEEP
    if kind == "SQ" and deed not in (Deed.REMOVE, Deed.EMPTY):
        return Deed.INSIDE
    if deed is Deed.KEEP and ((kind in TEXTS and tag not in TECHNICAL) or (kind == "OB" and tag not in BYTES)):
        return Deed.REMOVE
    return deed


def _is_removed_repeating(tag: BaseTag) -> bool:
    """Overlays and curves, whose groups repeat."""
    return tag.group >> 8 in (0x50, 0x60) and any(
        tag.group & masks[0] == group and tag.element & masks[1] == element for group, element, *masks in _REPEATING
    )


def _each(value: Any, change: Any) -> Any:
    if value is None or value == "":
        return value
    return [change(str(one)) for one in value] if isinstance(value, (list, MultiValue)) else change(str(value))


def _dummy(kind: str) -> Any:
    if kind in ("OB", "OW", "UN"):
        return b"\0\0"
    return "REMOVED" if kind in (*TEXTS, "CS") else 0
