"""Uploaded files -> volumes: opens archives, tells formats apart by their content, and reads one volume at a time.

The one entry point of importing. What each format means is in `dicom/`, `nifti.py` and `raster.py`; storing what comes
out is the caller's.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from backend.errors import AppError
from backend.imaging.archive import ArchiveLimits, expand
from backend.imaging.dicom import InstanceRef, SeriesImport, SeriesInfo, StudyInfo, read_dicom
from backend.imaging.dicom.text_risk import TextRisk
from backend.imaging.errors import EmptyFile, UnknownFileType
from backend.imaging.intensity import Window
from backend.imaging.nifti import NiftiSource, is_nifti, read_nifti
from backend.imaging.outcomes import Fault, Ignored, SourceFile
from backend.imaging.raster import is_raster, read_raster
from backend.imaging.volume import Volume

SNIFF_BYTES = 540
"""Enough for the marks of all formats: DICOM's at 128, NIfTI-1's at 344, NIfTI-2's whole header."""

EXPLICIT_VR = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


class SourceKind(StrEnum):
    """What kind of file a volume came from."""

    DICOM = "dicom"
    NIFTI = "nifti"
    RASTER = "raster"


@dataclass(frozen=True, slots=True)
class ImportedVolume:
    """One volume and where it came from.

    `files` are the uploaded files it was made of. `instances` (DICOM, in the order of k) and `nifti` (NIfTI) are what
    export needs to refer to them; both are empty for pictures. `mirrored_about`: see dicom/assemble.py. `text_risk`:
    why its pixels may show text.
    """

    kind: SourceKind
    volume: Volume
    name: str
    files: tuple[SourceFile, ...]
    warnings: tuple[str, ...]
    study: StudyInfo = field(default_factory=StudyInfo)
    series: SeriesInfo = field(default_factory=SeriesInfo)
    instances: tuple[InstanceRef, ...] = ()
    windows: tuple[Window, ...] = ()
    mirrored_about: float | None = None
    nifti: NiftiSource | None = None
    text_risk: TextRisk | None = None


Outcome = ImportedVolume | Fault | Ignored


def read_uploads(
    files: Sequence[SourceFile],
    workspace: Path,
    *,
    limits: ArchiveLimits,
    progress: Callable[[float, str], None] = lambda fraction, message: None,
    rename: Callable[[str], str] = lambda name: name,
    clean: Callable[[SourceFile, SourceKind], SourceFile] = lambda file, kind: file,
) -> Iterator[Outcome]:
    """Every volume, fault and ignored file of an upload, in that no file goes unmentioned; one volume is in memory at
    a time. Members of archives are written into the folder `workspace`, which must outlive the iteration and the use of
    the files that outcomes name. `progress` gets a fraction 0..1 and what is being done. Members of archives are called
    what `rename` makes of their names, and what `clean` makes of a file is read in its place: it may raise AppErrors.
    """
    plain: list[SourceFile] = []
    progress(0.0, "Opening files")
    for opened in expand(files, workspace, limits, rename):
        if isinstance(opened, SourceFile):
            plain.append(opened)
        else:
            yield opened
    by_kind: dict[SourceKind, list[SourceFile]] = {kind: [] for kind in SourceKind}
    for file in plain:
        try:
            kind = sniff(file.path)
            by_kind[kind].append(clean(file, kind))
        except AppError as error:
            yield Fault((file,), error)
    done, total = 0, sum(map(len, by_kind.values()))
    dicom = by_kind[SourceKind.DICOM]
    share = len(dicom) / total if total else 0.0
    for read in read_dicom(dicom, progress=lambda fraction: progress(fraction * share, "Reading DICOM")):
        yield _of_series(read) if isinstance(read, SeriesImport) else read
    done += len(dicom)
    for kind in (SourceKind.NIFTI, SourceKind.RASTER):
        for file in by_kind[kind]:
            yield from _read_one(kind, file)
            done += 1
            progress(done / total, f"Reading file {done} of {total}")


def sniff(path: Path) -> SourceKind:
    """The kind of a file by its content; its name is not looked at. Raises EmptyFile and UnknownFileType."""
    with path.open("rb") as file:
        start = file.read(SNIFF_BYTES)
    if not start:
        raise EmptyFile
    if start[128:132] == b"DICM":
        return SourceKind.DICOM
    if is_nifti(start) or (start[:2] == b"\x1f\x8b" and is_nifti(_unpacked_start(path))):
        return SourceKind.NIFTI
    if is_raster(start):
        return SourceKind.RASTER
    if _is_dicom_without_preamble(start):
        return SourceKind.DICOM
    raise UnknownFileType(start)


def _unpacked_start(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") as file:
            return file.read(SNIFF_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""


def _is_dicom_without_preamble(start: bytes) -> bool:
    """Whether it begins with an element of group 0002 or 0008, explicit or implicit, of a length that can be."""
    if len(start) < 16 or start[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):
        return False
    if start[4:6] in EXPLICIT_VR:
        return True
    return start[:2] == b"\x08\0" and start[3] == 0 and int.from_bytes(start[4:8], "little") <= 1024


def _read_one(kind: SourceKind, file: SourceFile) -> Iterator[Outcome]:
    try:
        if kind is SourceKind.NIFTI:
            for made in read_nifti(file):
                yield ImportedVolume(
                    SourceKind.NIFTI, made.volume, made.name, (file,), made.warnings, nifti=made.source
                )
        else:
            picture = read_raster(file)
            yield ImportedVolume(
                SourceKind.RASTER,
                picture.volume,
                picture.name,
                (file,),
                picture.warnings,
                text_risk=TextRisk.PICTURE,
            )
    except AppError as error:
        yield Fault((file,), error)


def _of_series(made: SeriesImport) -> ImportedVolume:
    return ImportedVolume(
        kind=SourceKind.DICOM,
        volume=made.volume,
        name=made.name,
        files=made.files,
        warnings=made.warnings,
        study=made.study,
        series=made.series,
        instances=made.instances,
        windows=made.windows,
        mirrored_about=made.mirrored_about,
        text_risk=made.text_risk,
    )
