"""Arrays in a message: numpy's where it is installed, else memoryviews."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .._errors import InvalidArgument, NotCloneable, NotSupported
from ._format import FORMATS, NUMBER_OF_TYPE, VIEW_TYPES

_TYPE_OF_FORMAT = {
    **{format: name for name, format in FORMATS.items()},
    "c": "u1",
    "?": "b1",
    "l": "i8",
    "L": "u8",
    "n": "i8",
    "N": "u8",
}


class View:
    """An array of a value: its type, and where its bytes come from."""

    __slots__ = ("byte_length", "source", "type")

    def __init__(self, type: int, byte_length: int, source: memoryview | None) -> None:
        self.type = type
        self.byte_length = byte_length
        self.source = source


class Shared:
    """Stands for an array that is to be filled in place: see `shared`."""

    __slots__ = ("byte_length", "type")

    def __init__(self, type: int, byte_length: int) -> None:
        self.type = type
        self.byte_length = byte_length


def shared(dtype: Any, shape: int | Sequence[int]) -> Shared:
    """Stands for an array in a value that is composed. It is filled in the memory that is sent.

    dtype: numpy's, or its name: `np.float32`, `"f4"`.
    shape: how many elements; arrays have one dimension at the other side.
    """
    name = _name_of(dtype)
    count = 1
    for each in (shape,) if isinstance(shape, int) else shape:
        if each < 0:
            raise InvalidArgument("a shape is not negative")
        count *= each
    return Shared(NUMBER_OF_TYPE[name], count * int(name[1]))


def _name_of(dtype: Any) -> str:
    text = dtype if isinstance(dtype, str) else None
    if text not in NUMBER_OF_TYPE:
        import numpy as np

        found = np.dtype(dtype)
        text = f"{found.kind}{found.itemsize}"
        if text not in NUMBER_OF_TYPE or not found.isnative:
            raise InvalidArgument(f"JavaScript has no arrays of {found}")
    return text


def is_array(value: object) -> bool:
    """Whether it is sent beside the value, and arrives as an array."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return True
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        return isinstance(value, numpy.ndarray)
    return type(value).__module__ == "array"


def view_of(value: Any) -> View:
    """An array as it is sent: in the order of C, with one dimension.

    Raises NotCloneable.
    """
    try:
        source = memoryview(value)
        name = _TYPE_OF_FORMAT.get(source.format.lstrip("@="))
        if name is not None and int(name[1]) != source.itemsize:
            name = f"{name[0]}{source.itemsize}"
    except (TypeError, ValueError) as error:
        raise NotCloneable(f"{_describe(value)} cannot be sent") from error
    if name not in NUMBER_OF_TYPE or (source.format.startswith("=") and source.itemsize > 1 and sys.byteorder != "little"):
        raise NotCloneable(f"{_describe(value)} cannot be sent: JavaScript has no such arrays")
    if source.nbytes == 0:
        flat = memoryview(b"")
    elif source.c_contiguous:
        flat = source.cast("B")
    else:
        flat = memoryview(source.tobytes())
    return View(NUMBER_OF_TYPE[name], source.nbytes, flat)


def _describe(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    return f"an array of {dtype}" if dtype is not None else f"a {type(value).__name__}"


def make_array(type: int, memory: Any, offset: int, byte_length: int) -> Any:
    """An array in memory, which stays alive with it."""
    name = VIEW_TYPES[type]
    try:
        import numpy as np
    except ImportError:
        return _cast(memoryview(memory)[offset : offset + byte_length], FORMATS[name])
    if byte_length == 0:
        return np.empty(0, name)
    return np.frombuffer(memory, name, byte_length // int(name[1]), offset)


def _cast(memory: memoryview, format: str) -> memoryview:
    try:
        anything: Any = memory
        result: memoryview = anything.cast(format)
        return result
    except ValueError as error:
        raise NotSupported("arrays of float16 need numpy") from error
