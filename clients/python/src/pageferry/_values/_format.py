"""The numbers of the format."""

from __future__ import annotations

import struct
from typing import Final

MAGIC: Final = 0x31564650
PREFIX: Final = struct.Struct("<8I")
"""Magic, kind, length of the head, views, buffers, length of the name, flags, number of the request."""
VIEW: Final = struct.Struct("<4I")
"""Type, offset, length in bytes, buffer."""
BUFFER: Final = struct.Struct("<2I")
"""Offset, length in bytes."""

MESSAGE: Final = 0
REQUEST: Final = 1
ANSWER: Final = 2
FAILURE: Final = 3
NO_HANDLER: Final = 4
GIVEN_UP: Final = 5

FLAG_ERRORS: Final = 1
"""The head has a second value: what of the errors V8 leaves out."""

ALIGNMENT: Final = 64
SMALL_ALIGNMENT: Final = 8
MAX_NAME_BYTES: Final = 256
HOLES: Final = 64 * 1024
"""How many elements the arrays with holes of one message may claim, besides one for each 8 bytes of it."""

HEADER: Final = b"\xff\x0f"
OLDEST_VERSION: Final = 13
MAX_SAFE_INTEGER: Final = 2**53 - 1
MAX_SMALL_INTEGER: Final = 2**30 - 1

# The types of views by their numbers: how numpy and struct call their elements.
VIEW_TYPES: Final = ("u1", "u1", "u1", "i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8", "f2")
BYTES_TYPES: Final = (1, 2)
"""Node's Buffer and DataView: bytes without a meaning of their own, as Uint8Array is."""
FORMATS: Final = {
    "u1": "B",
    "i1": "b",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "f4": "f",
    "f8": "d",
    "i8": "q",
    "u8": "Q",
    "f2": "e",
}
NUMBER_OF_TYPE: Final = {
    "u1": 0,
    "b1": 0,
    "i1": 3,
    "i2": 5,
    "u2": 6,
    "i4": 7,
    "u4": 8,
    "f4": 9,
    "f8": 10,
    "i8": 11,
    "u8": 12,
    "f2": 13,
}


def align_up(position: int, alignment: int) -> int:
    """The next multiple of a power of two."""
    return (position + alignment - 1) & -alignment


def given_up_message(number: int) -> bytes:
    """The message that a request was given up: a prefix, and nothing else."""
    return PREFIX.pack(MAGIC, GIVEN_UP, 0, 0, 0, 0, 0, number)
