"""DICOM files -> volumes: files grouped by series, series split into stacks, stacks decoded one at a time.

One bad file never stops the others, and one bad stack never stops its siblings: each ends as a Fault with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.errors import AppError
from backend.imaging.dicom.assemble import FrameNotDecoded, assemble
from backend.imaging.dicom.errors import ConflictingInstances
from backend.imaging.dicom.grid import Stack
from backend.imaging.dicom.header import read_header
from backend.imaging.dicom.stacks import find_stacks, rebuilt, same_place
from backend.imaging.dicom.text_risk import TextRisk, surest
from backend.imaging.dicom.types import Header, SeriesInfo, StudyInfo
from backend.imaging.intensity import Window
from backend.imaging.outcomes import DUPLICATE, Fault, Ignored, SourceFile
from backend.imaging.volume import Volume


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """Where slice `slice_index` (k) of a volume comes from. `frame_number` counts from 1 and is None in single-frame
    objects; `tile` is the (row, column) of the slice's first pixel inside a Siemens mosaic, None elsewhere."""

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    frame_number: int | None
    slice_index: int
    tile: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class SeriesImport:
    """One volume of a series. `instances` are in the order of k; `windows` are those that the file recommends.

    `mirrored_about` is set where MONOCHROME1 values were mirrored: original value = mirrored_about - voxel.
    """

    volume: Volume
    name: str
    study: StudyInfo
    series: SeriesInfo
    instances: tuple[InstanceRef, ...]
    files: tuple[SourceFile, ...]
    windows: tuple[Window, ...]
    mirrored_about: float | None
    warnings: tuple[str, ...]
    text_risk: TextRisk | None


def read_dicom(
    files: Sequence[SourceFile], *, progress: Callable[[float], None] = lambda fraction: None
) -> Iterator[SeriesImport | Fault | Ignored]:
    """Every volume, fault and ignored file among `files`, one volume in memory at a time. `progress` gets 0..1."""
    headers: list[Header] = []
    for n, file in enumerate(files):
        try:
            outcome = read_header(file)
        except AppError as error:
            yield Fault((file,), error)
        else:
            if isinstance(outcome, Ignored):
                yield outcome
            else:
                headers.append(outcome)
        progress(0.5 * (n + 1) / len(files))
    decoded = 0
    for group in _by_series(headers):
        yield from _read_series(group)
        decoded += len(group)
        progress(0.5 + 0.5 * decoded / len(headers))


def _by_series(headers: Sequence[Header]) -> list[list[Header]]:
    """Headers by study and series; one without a series identifier stands alone."""
    groups: dict[tuple[str, ...], list[Header]] = {}
    for header in headers:
        uid = header.series.series_instance_uid
        key = (header.study.study_instance_uid, uid) if uid else ("", "", str(header.file.path))
        groups.setdefault(key, []).append(header)
    return list(groups.values())


def _read_series(headers: Sequence[Header]) -> Iterator[SeriesImport | Fault | Ignored]:
    kept: list[Header] = []
    for header, problem in _without_repeats(headers):
        if problem is None:
            kept.append(header)
        else:
            yield problem
    by_path = {header.file.path: header for header in kept}
    stacks, faults = find_stacks(kept)
    yield from faults
    undecodable: dict[Path, Fault] = {}
    for stack in stacks:
        made, fault = _read_stack(stack, by_path, undecodable)
        if made is not None:
            yield made
        if fault is not None:
            yield fault
    yield from undecodable.values()


def _read_stack(
    stack: Stack, headers: dict[Path, Header], undecodable: dict[Path, Fault]
) -> tuple[SeriesImport | None, Fault | None]:
    """Decodes one stack; files that cannot be decoded are added to `undecodable` and the stack is made without them,
    which is a fault of its own where a gap remains."""
    while True:
        frames = [frame for frame in stack.frames if frame.file.path not in undecodable]
        if not frames:
            return None, None
        try:
            if len(frames) < len(stack.frames):
                stack = rebuilt(stack, frames, headers)
            assembled = assemble(stack, headers)
        except FrameNotDecoded as failure:
            undecodable[failure.file.path] = Fault((failure.file,), failure.error)
            continue
        except AppError as error:
            return None, Fault(_files(stack), error)
        header = headers[stack.frames[0].file.path]
        file_notes = dict.fromkeys(note for file in _files(stack) for note in headers[file.path].notes)
        made = SeriesImport(
            volume=assembled.volume,
            name=_name(header.series, stack.label),
            study=header.study,
            series=header.series,
            instances=tuple(
                InstanceRef(f.file.path, f.sop_instance_uid, f.sop_class_uid, f.frame_number, k, f.tile)
                for k, f in enumerate(stack.frames)
            ),
            files=_files(stack),
            windows=assembled.windows,
            mirrored_about=assembled.mirrored_about,
            warnings=(*file_notes, *stack.notes, *assembled.notes),
            text_risk=surest(headers[file.path].text_risk for file in _files(stack)),
        )
        return made, None


def _without_repeats(headers: Sequence[Header]) -> Iterator[tuple[Header, Fault | Ignored | None]]:
    """Each header with None, or with the reason why it is left out: the same instance is there already."""
    seen: dict[str, Header] = {}
    for header in headers:
        first = seen.setdefault(header.sop_instance_uid, header) if header.sop_instance_uid else header
        if first is header:
            yield header, None
        elif same_place(header, first):
            yield header, Ignored(header.file, DUPLICATE, "The upload holds the same image in another file.")
        else:
            yield header, Fault((header.file,), ConflictingInstances())


def _files(stack: Stack) -> tuple[SourceFile, ...]:
    return tuple({frame.file.path: frame.file for frame in stack.frames}.values())


def _name(series: SeriesInfo, label: str) -> str:
    """What a reader calls the volume: the description of the series, and what tells it from its siblings."""
    base = series.description or series.protocol or (f"Series {series.number}" if series.number else series.modality)
    return f"{base}, {label}" if label else base
