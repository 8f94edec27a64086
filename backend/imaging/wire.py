"""The self-describing binary of one slice, as the browser and the workers read it. Nothing about HTTP is here.

Little endian, 16 bytes of header, then the voxels:

| byte | type | meaning |
|---|---|---|
| 0-3 | ascii | `SMW1`: name and version |
| 4 | u8 | dtype: 1 uint8, 2 int16, 3 uint16, 4 int32, 5 float32 |
| 5 | u8 | channels: 1, or 3 (interleaved RGB, uint8) |
| 6-7 | u16 | 0, reserved |
| 8-11 | u32 | rows |
| 12-15 | u32 | columns |
| 16- | payload | rows x columns (x 3) values, C order |

`frontend/src/api/binary.ts` is the other end.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.imaging.errors import (
    SliceBadChannels,
    SliceBadDtype,
    SliceBadMagic,
    SliceBadReserved,
    SliceEmpty,
    SliceLengthMismatch,
    SliceTooShort,
)

MEDIA_TYPE = "application/vnd.sammed.slice"
MAGIC = b"SMW1"
DTYPE_CODES = {"uint8": 1, "int16": 2, "uint16": 3, "int32": 4, "float32": 5}
DTYPES_BY_CODE = {code: np.dtype(name).newbyteorder("<") for name, code in DTYPE_CODES.items()}
HEADER = struct.Struct("<4sBBHII")


def encode_slice(pixels: NDArray[Any]) -> bytes:
    """[rows, columns] of a dtype in DTYPE_CODES, or [rows, columns, 3] uint8 -> header and payload.

    The array may be a strided view of a volume. Raises ValueError for what the format cannot hold: only this
    application calls this, so it is never the user's fault.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
    if pixels.ndim not in (2, 3) or channels not in (1, 3) or (pixels.ndim == 3 and pixels.dtype != np.uint8):
        raise ValueError(f"a slice is [rows, columns] or [rows, columns, 3] uint8, not {pixels.shape} {pixels.dtype}")
    if pixels.dtype.name not in DTYPE_CODES or pixels.size == 0:
        raise ValueError(f"the wire format has no code for {pixels.dtype} {pixels.shape}")
    rows, columns = pixels.shape[:2]
    header = HEADER.pack(MAGIC, DTYPE_CODES[pixels.dtype.name], channels, 0, rows, columns)
    payload = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    return b"".join((header, payload.data.cast("B")))


def decode_slice(data: bytes | bytearray | memoryview) -> NDArray[Any]:
    """Header and payload -> read-only [rows, columns] or [rows, columns, 3], a view of `data` without a copy.

    Raises one named subclass of MalformedSlice per thing that can be wrong with untrusted bytes.
    """
    if len(data) < HEADER.size:
        raise SliceTooShort(f"{len(data)} bytes are fewer than the {HEADER.size} of the header.")
    magic, dtype_code, channels, reserved, rows, columns = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SliceBadMagic(f"The first four bytes are {magic!r}, not {MAGIC!r}.")
    if dtype_code not in DTYPES_BY_CODE:
        raise SliceBadDtype(f"The voxel type has the number {dtype_code}; 1 to {len(DTYPES_BY_CODE)} are known.")
    if channels not in (1, 3):
        raise SliceBadChannels(f"The slice has {channels} channels; 1 and 3 are known.")
    dtype = DTYPES_BY_CODE[dtype_code]
    if channels == 3 and dtype != np.uint8:
        raise SliceBadDtype(f"Three channels go with uint8, not with {dtype.name}.")
    if reserved != 0:
        raise SliceBadReserved(f"The reserved bytes are {reserved}, not 0.")
    if rows == 0 or columns == 0:
        raise SliceEmpty(f"The slice has {rows} rows and {columns} columns.")
    expected = rows * columns * channels * dtype.itemsize
    if len(data) - HEADER.size != expected:
        raise SliceLengthMismatch(
            f"The payload has {len(data) - HEADER.size} bytes; {rows} x {columns} needs {expected}."
        )
    shape = (rows, columns) if channels == 1 else (rows, columns, 3)
    pixels = np.frombuffer(data, dtype=dtype, offset=HEADER.size).reshape(shape)
    pixels.setflags(write=False)
    return pixels
