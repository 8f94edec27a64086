"""Which files of an upload are files of masks, and which say what the values of a label map mean. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from backend.imaging.mask_files import Sidecar, read_sidecar
from backend.imaging.mask_types import NotAMaskFile
from backend.imaging.outcomes import SourceFile


@dataclass(frozen=True, slots=True)
class Given:
    """One file of masks of the upload. `upload` is its place there, `name` its own within an archive, else ""."""

    upload: int
    source: SourceFile
    name: str
    sidecar: Sidecar | None = None


def paired(found: Sequence[tuple[int, SourceFile, str]], rename: Callable[[str], str]) -> Iterator[Given]:
    """Label maps with the JSON that says what their values mean; files of single labels that it names belong to them.
    `rename` makes of a name what the upload calls a file of it."""
    by_name = {PurePosixPath(file.name).name: file.path for _, file, _ in found}
    sidecars: dict[str, Sidecar] = {}
    parts: set[Path] = set()
    for _, file, _ in found:
        with file.path.open("rb") as opened:
            if opened.read(1) != b"{":
                continue
        parts.add(file.path)
        try:
            image, own, sidecar = read_sidecar(file.path)
        except NotAMaskFile:
            parts.remove(file.path)  # it is refused as a file of masks, with its reason
            continue
        files = {value: by_name[rename(name)] for value, name in own.items() if rename(name) in by_name}
        parts.update(files.values())
        sidecars[rename(image)] = replace(sidecar, own_files=files)
    for upload, file, inside in found:
        if file.path not in parts:
            yield Given(upload, file, inside, sidecars.get(PurePosixPath(file.name).name))
