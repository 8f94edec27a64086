"""The wire format of a slice: every dtype round trips, the bytes are those of the table, every fault has a name."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from backend.imaging.errors import (
    MalformedSlice,
    SliceBadChannels,
    SliceBadDtype,
    SliceBadMagic,
    SliceBadReserved,
    SliceEmpty,
    SliceLengthMismatch,
    SliceTooShort,
)
from backend.imaging.volume import VOXEL_DTYPES
from backend.imaging.wire import DTYPE_CODES, decode_slice, encode_slice

GOOD = encode_slice(np.arange(6, dtype=np.int16).reshape(2, 3))


def with_byte(position: int, value: int) -> bytes:
    return GOOD[:position] + bytes([value]) + GOOD[position + 1 :]


def test_bytes_are_those_of_the_table() -> None:
    data = encode_slice(np.array([[-1, 2, 300]], dtype=np.int16))
    assert data.hex() == "534d5731" + "02" + "01" + "0000" + "01000000" + "03000000" + "ffff" + "0200" + "2c01"


def test_every_dtype_that_a_volume_may_have_is_on_the_wire() -> None:
    assert {dtype.name for dtype in VOXEL_DTYPES} == set(DTYPE_CODES)


@pytest.mark.parametrize("name", DTYPE_CODES)
def test_round_trip_of_extremes(name: str) -> None:
    dtype = np.dtype(name)
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    pixels = np.array([[info.min, 0, info.max], [1, 2, 3]], dtype=dtype)
    decoded = decode_slice(encode_slice(pixels))
    assert decoded.dtype == dtype
    np.testing.assert_array_equal(decoded, pixels)


def test_nan_and_infinity_survive() -> None:
    pixels = np.array([[np.nan, np.inf, -np.inf]], dtype=np.float32)
    np.testing.assert_array_equal(decode_slice(encode_slice(pixels)), pixels)


def test_strided_and_big_endian_views_are_written_in_c_order_little_endian() -> None:
    volume = np.arange(2 * 3 * 4, dtype=">i4").reshape(2, 3, 4)
    along_columns = volume[:, :, 1]
    np.testing.assert_array_equal(decode_slice(encode_slice(along_columns)), along_columns)


def test_colour_round_trip() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    decoded = decode_slice(encode_slice(pixels))
    assert decoded.shape == (4, 5, 3)
    np.testing.assert_array_equal(decoded, pixels)


def test_decoding_does_not_copy_and_cannot_be_written() -> None:
    decoded = decode_slice(bytearray(GOOD))
    assert not decoded.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        decoded[0, 0] = 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", SliceTooShort),
        (GOOD[:15], SliceTooShort),
        (b"SMW2" + GOOD[4:], SliceBadMagic),
        (with_byte(4, 0), SliceBadDtype),
        (with_byte(4, 6), SliceBadDtype),
        (with_byte(5, 2), SliceBadChannels),
        (with_byte(5, 3), SliceBadDtype),
        (with_byte(6, 1), SliceBadReserved),
        (with_byte(8, 0), SliceEmpty),
        (GOOD[:-1], SliceLengthMismatch),
        (GOOD + b"\0", SliceLengthMismatch),
        (GOOD[:8] + struct.pack("<II", 2**32 - 1, 2**32 - 1) + GOOD[16:], SliceLengthMismatch),
    ],
)
def test_each_fault_has_its_name(data: bytes, error: type[MalformedSlice]) -> None:
    with pytest.raises(error) as caught:
        decode_slice(data)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2), np.float64),
        np.zeros((2, 2), bool),
        np.zeros((2, 2, 3), np.int16),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((0, 2), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_what_the_format_cannot_hold_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"slice is|no code"):
        encode_slice(pixels)
