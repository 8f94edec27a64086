"""NIfTI files and pictures without what is written beside their pixels: descriptions, comments, cameras, places.

The pixels and what places them stay, byte for byte.
"""

from __future__ import annotations

import gzip
import re
import shutil
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import tifffile
from PIL import Image

from backend.errors import AppError
from backend.imaging.errors import CorruptImage, CorruptNifti

ORIENTATION = 0x0112
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD"})

NIFTI_TEXTS = {348: ((4, 10), (14, 18), (148, 80), (228, 24), (328, 16)), 540: ((240, 80), (320, 24), (508, 16))}
"""(offset, length) of data_type, db_name, descrip, aux_file and intent_name, by the size of the header."""

TIFF_KEPT = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 292, 293, 296, 317}
    | {320, 321, 322, 323, 324, 325, 330, 338, 339, 340, 341, 347, 512, 513, 514, 529, 530, 531, 532, 32997, 32998}
)
"""Tags that say how a picture is laid out; all others are blanked."""
IMAGEJ_LINES = re.compile(r"(ImageJ|images|channels|slices|frames|hyperstack|mode|loop|unit|spacing)=[\w.\\+-]*")

_CHUNK = 1 << 20

Readable = IO[bytes] | gzip.GzipFile
Writable = IO[bytes] | gzip.GzipFile


def strip_nifti(source: Path, target: Path) -> None:
    """Blanks the header's texts and extensions. Raises CorruptNifti."""
    with source.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        if not packed:
            with source.open("rb") as opened, target.open("wb") as out:
                _strip_nifti(opened, out)
            return
        # no name and no time in the packed file's own header
        with (
            gzip.open(source, "rb") as opened,
            target.open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as out,
        ):
            _strip_nifti(opened, out)
    except (EOFError, OSError, zlib.error, struct.error, ValueError) as error:
        raise CorruptNifti(f"It cannot be read to its end ({type(error).__name__}).") from error


def _strip_nifti(source: Readable, target: Writable) -> None:
    start = source.read(348)
    order = "<" if struct.unpack_from("<i", start)[0] in NIFTI_TEXTS else ">"
    (size,) = struct.unpack_from(f"{order}i", start)
    header = bytearray(start + source.read(size - 348))
    (offset,) = (
        struct.unpack_from(f"{order}q", header, 168) if size == 540 else struct.unpack_from(f"{order}f", header, 108)
    )
    for place, length in NIFTI_TEXTS[size]:
        header[place : place + length] = bytes(length)
    target.write(header)
    extensions = source.read(max(0, int(offset) - size))
    target.write(bytes(len(extensions)))
    shutil.copyfileobj(source, target, _CHUNK)


def strip_picture(source: Path, target: Path) -> None:
    """PNG, JPEG or TIFF. Raises CorruptImage."""
    try:
        with source.open("rb") as file:
            start = file.read(8)
        if start == PNG_START:
            target.write_bytes(_png(source))
        elif start[:3] == b"\xff\xd8\xff":
            target.write_bytes(_jpeg(source))
        else:
            shutil.copyfile(source, target)
            _blank_tiff(target)
    except (AppError, MemoryError):
        raise
    except Exception as error:  # decoders of damaged files raise anything at all
        raise CorruptImage(f"The picture cannot be decoded ({type(error).__name__}).") from error


def _turn(source: Path) -> bytes:
    """EXIF that says which way is up and nothing else; nothing where that is the usual way."""
    with Image.open(source, formats=("PNG", "JPEG")) as image:
        turn = image.getexif().get(ORIENTATION, 1)
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    return b"" if turn == 1 else exif.tobytes()


def _png(source: Path) -> bytes:
    content, out, place = source.read_bytes(), bytearray(PNG_START), 8
    turn = _turn(source).removeprefix(b"Exif\0\0")
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind = content[place + 4 : place + 8]
        if kind in PNG_KEPT:
            if kind == b"IDAT" and turn:
                out += struct.pack(">I", len(turn)) + b"eXIf" + turn + struct.pack(">I", zlib.crc32(b"eXIf" + turn))
                turn = b""
            out += content[place : place + 12 + length]
        place += 12 + length
        if kind == b"IEND":
            break
    return bytes(out)


def _jpeg(source: Path) -> bytes:
    content, out, place = source.read_bytes(), bytearray(b"\xff\xd8"), 2
    turn = _turn(source)
    if turn:
        out += b"\xff\xe1" + struct.pack(">H", len(turn) + 2) + turn
    while place + 4 <= len(content):
        marker = content[place + 1]
        if content[place] != 0xFF:
            raise CorruptImage("The picture is damaged: a marker is missing.")
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker == 0xD9:
            break
        end = place + 2 + struct.unpack_from(">H", content, place + 2)[0]
        if marker == 0xDA:  # what follows is pixels, up to the next marker that is neither stuffing nor a restart
            following = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]").search(content, end)
            end = following.start() if following else len(content)
        is_application = 0xE0 <= marker <= 0xEF and marker not in (0xE0, 0xEE)  # JFIF and Adobe's colours stay
        if not is_application and marker != 0xFE:
            out += content[place:end]
        place = end
    return bytes(out + b"\xff\xd9") if content[place : place + 2] == b"\xff\xd9" else bytes(out)


def _blank_tiff(path: Path) -> None:
    """Writes zeros over the values of all tags but those of the layout, and over other lines than ImageJ's sizes."""
    blank: list[tuple[int, bytes]] = []
    with tifffile.TiffFile(path) as tiff:
        for page in tiff.pages:
            tags: Any = page.tags  # type: ignore[union-attr]
            for tag in tags:
                if tag.code in TIFF_KEPT:
                    continue
                value = bytes(tag.valuebytecount)
                if tag.code == 270 and isinstance(tag.value, str) and tag.value.startswith("ImageJ="):
                    lines = [line for line in tag.value.splitlines() if IMAGEJ_LINES.fullmatch(line)]
                    value = "\n".join(lines).encode()[: len(value) - 1].ljust(len(value), b"\0")
                blank.append((tag.valueoffset, value))
    with path.open("r+b") as file:
        for place, value in blank:
            file.seek(place)
            file.write(value)
