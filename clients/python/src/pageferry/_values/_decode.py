"""Messages into values."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeVar

from .._errors import NotSupported, PeerMisbehaved, RemoteError
from ._format import (
    BUFFER,
    FLAG_ERRORS,
    HOLES,
    MAGIC,
    MAX_NAME_BYTES,
    MAX_SAFE_INTEGER,
    NO_HANDLER,
    OLDEST_VERSION,
    PREFIX,
    VIEW,
    VIEW_TYPES,
)
from ._views import make_array

T = TypeVar("T")

_DOUBLE = struct.Struct("<d")
_NAMES = {"E": "EvalError", "R": "RangeError", "F": "ReferenceError", "S": "SyntaxError", "T": "TypeError", "U": "URIError"}


class _Wrong(Exception):
    """What is wrong with a message."""


class Decoded:
    """A message that was read."""

    __slots__ = ("kind", "name", "number", "value")

    def __init__(self, kind: int, name: str, number: int, value: Any) -> None:
        self.kind = kind
        self.name = name
        self.number = number
        self.value = value


def decode(memory: Any) -> Decoded:
    """Reads a message. The arrays of its value are in `memory`; those on an ArrayBuffer that is part of the value are not.

    The other side may go on to write to the memory: everything that is checked is copied first.

    Raises PeerMisbehaved for what no encoder writes, NotSupported for what Python has no value for.
    """
    with memoryview(memory) as view:
        try:
            return _MessageReader(memory, view).read()
        except RecursionError:
            why = "it is nested deeper than Python's recursion limit allows"
        except (_Wrong, struct.error, UnicodeDecodeError, ValueError, OverflowError, OSError) as error:
            why = str(error)
    raise PeerMisbehaved(f"a message is no value: {why}")


def _must(condition: bool, problem: str) -> None:
    if not condition:
        raise _Wrong(problem)


class _MessageReader:
    def __init__(self, memory: Any, view: memoryview) -> None:
        self._memory = memory
        self._all = view
        self._length = len(view)
        _must(self._length >= PREFIX.size, "it is shorter than its prefix")
        prefix = PREFIX.unpack(bytes(view[: PREFIX.size]))
        magic, self._kind, head, self._views, buffers, self._name, self._flags, self._number = prefix
        _must(magic == MAGIC, "it does not begin as one")
        _must(self._kind <= NO_HANDLER, "it is of no kind")
        _must(self._flags <= FLAG_ERRORS, "it has unknown flags")
        tables_end = PREFIX.size + self._views * VIEW.size + buffers * BUFFER.size
        _must(tables_end + head <= self._length, "its head does not fit")
        self._own = bytes(view[: tables_end + head])
        self._head = self._own[tables_end:]
        self._ranges = self._read_ranges(buffers)
        self._buffers = [bytes(view[at : at + length]) for at, length in self._ranges]
        self._made: dict[int, Any] = {}

    def read(self) -> Decoded:
        reader = _HeadReader(self._head, self._view, self._buffers, HOLES + self._length // 8)
        value = reader.value()
        if self._flags == FLAG_ERRORS:
            _restore_errors(reader.value())
        _must(reader.position == len(self._head), "there is more than the value")
        return Decoded(self._kind, self._read_name(), self._number, value)

    def _read_name(self) -> str:
        _must(self._name <= min(MAX_NAME_BYTES, self._length), "its name is too long")
        return bytes(self._all[self._length - self._name :]).decode(errors="replace")

    def _read_ranges(self, count: int) -> list[tuple[int, int]]:
        """Copied they are: each claims memory of its own, and all of them no more than the message has."""
        first = PREFIX.size + self._views * VIEW.size
        ranges: list[Any] = [BUFFER.unpack_from(self._own, first + index * BUFFER.size) for index in range(count)]
        _must(all(at + length <= self._length for at, length in ranges), "a buffer does not fit")
        _must(sum(length for _, length in ranges) <= self._length, "its buffers overlap")
        return ranges

    def _view(self, number: int) -> Any:
        _must(number < self._views, "there is no such view")
        if number not in self._made:
            self._made[number] = self._make_view(*VIEW.unpack_from(self._own, PREFIX.size + number * VIEW.size))
        return self._made[number]

    def _make_view(self, type: int, offset: int, length: int, buffer: int) -> Any:
        _must(type < len(VIEW_TYPES), "a view has no type")
        size = int(VIEW_TYPES[type][1])
        _must(offset % size == 0 and length % size == 0, "a view is not aligned")
        _must(offset + length <= self._length, "a view does not fit")
        if buffer == 0:
            return make_array(type, self._memory, offset, length)
        _must(buffer <= len(self._buffers), "there is no such buffer")
        start, whole = self._ranges[buffer - 1]
        _must(start <= offset and offset + length <= start + whole, "a view leaves its buffer")
        return make_array(type, self._buffers[buffer - 1], offset - start, length)


class _HeadReader:
    """Reads what V8's serializer writes, with the tags of its format."""

    def __init__(self, head: bytes, view: Callable[[int], Any], buffers: list[bytes], holes: int) -> None:
        self._head = head
        self._view = view
        self._buffers = buffers
        self._holes_left = holes
        self._objects: list[Any] = []
        self.position = 1
        _must(head[:1] == b"\xff", "there is no header of V8")
        _must(self._varint() >= OLDEST_VERSION, "V8's format is too old")

    def value(self) -> Any:
        tag = self._tag()
        read = _READERS.get(tag)
        if read is None:
            raise _Wrong(f"there is no value with the tag {tag!r}")
        return read(self)

    def _verified(self) -> Any:
        self._varint()
        return self.value()

    def _integer(self) -> int:
        coded = self._varint()
        return (coded >> 1) ^ -(coded & 1)

    def _number(self) -> float | int:
        value: float = _DOUBLE.unpack(self._take(8))[0]
        # One type in JavaScript: what is an integer there is one here.
        if value.is_integer() and abs(value) <= MAX_SAFE_INTEGER and str(value) != "-0.0":
            return int(value)
        return value

    def _big_integer(self) -> int:
        coded = self._varint()
        value = int.from_bytes(self._take(coded >> 1), "little")
        return -value if coded & 1 else value

    def _latin1(self) -> str:
        return self._take(self._varint()).decode("latin-1")

    def _utf16(self) -> str:
        return self._take(self._varint()).decode("utf-16-le", "surrogatepass")

    def _utf8(self) -> str:
        return self._take(self._varint()).decode()

    def _text(self) -> str:
        text: str = self.value()
        _must(isinstance(text, str), "there is no text")
        return text

    def _boxed(self, value: T) -> T:
        self._objects.append(value)
        return value

    def _date(self) -> datetime | None:
        milliseconds = _DOUBLE.unpack(self._take(8))[0]
        is_valid = milliseconds == milliseconds
        return self._boxed(datetime.fromtimestamp(milliseconds / 1000, timezone.utc) if is_valid else None)

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = self._boxed({})
        count = 0
        while not self._ends_with("{"):
            key = self.value()
            _must(isinstance(key, (str, int, float)), "an object has a key that is none")
            found[str(key)] = self.value()
            count += 1
        _must(self._varint() == count, "an object has not as many properties as it says")
        return found

    def _array(self) -> list[Any]:
        length = self._varint()
        _must(length <= len(self._head) - self.position, "an array is cut short")
        found: list[Any] = self._boxed([])
        for _ in range(length):
            found.append(self.value())
        # What it has besides its elements is left out.
        while not self._ends_with("$"):
            self.value()
            self.value()
        self._varint()
        _must(self._varint() == length, "an array has not as many elements as it says")
        return found

    def _array_with_holes(self) -> list[Any]:
        length = self._varint()
        self._holes_left -= length
        _must(self._holes_left >= 0, "an array with holes is too long")
        found: list[Any] = self._boxed([None] * length)
        while not self._ends_with("@"):
            key, value = self.value(), self.value()
            if isinstance(key, int) and 0 <= key < length:
                found[key] = value
        self._varint()
        self._varint()
        return found

    def _map(self) -> dict[Any, Any]:
        found: dict[Any, Any] = self._boxed({})
        count = 0
        while not self._ends_with(":"):
            key, value = self.value(), self.value()
            _hashable(key)
            found[key] = value
            count += 2
        _must(self._varint() == count, "a map has not as many entries as it says")
        return found

    def _set(self) -> set[Any]:
        found: set[Any] = self._boxed(set())
        count = 0
        while not self._ends_with(","):
            found.add(_hashable(self.value()))
            count += 1
        _must(self._varint() == count, "a set has not as many elements as it says")
        return found

    def _error(self) -> RemoteError:
        error: RemoteError = self._boxed(RemoteError())
        while True:
            part = chr(self._varint())
            if part == ".":
                return error
            if part in _NAMES:
                error.name = _NAMES[part]
            elif part == "m":
                error.args = (self._text(),)
            elif part == "s":
                error.stack = self._text()
            elif part == "c":
                cause = self.value()
                if isinstance(cause, BaseException):
                    error.__cause__ = cause
                else:
                    error.properties["cause"] = cause
            else:
                raise _Wrong("an error has an unknown part")

    def _inline_buffer(self) -> bytes:
        return self._boxed(self._take(self._varint()))

    def _buffer(self) -> bytes:
        number = self._varint()
        _must(number < len(self._buffers), "there is no such buffer")
        return self._boxed(self._buffers[number])

    def _array_view(self) -> Any:
        # Its number is taken before it is made.
        at = len(self._objects)
        self._objects.append(None)
        self._objects[at] = self._view(self._varint())
        return self._objects[at]

    def _reference(self) -> Any:
        number = self._varint()
        _must(number < len(self._objects), "there is no such object")
        return self._objects[number]

    def _expression(self) -> None:
        raise NotSupported("Python has no value for a RegExp of JavaScript")

    def _ends_with(self, tag: str) -> bool:
        at = self.position
        if self._tag() == tag:
            return True
        self.position = at
        return False

    def _tag(self) -> str:
        while self.position < len(self._head):
            tag = self._head[self.position]
            self.position += 1
            if tag != 0:
                return chr(tag)
        raise _Wrong("it is cut short")

    def _varint(self) -> int:
        result = 0
        for shift in range(0, 35, 7):
            _must(self.position < len(self._head), "it is cut short")
            byte = self._head[self.position]
            self.position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                _must(result <= 0xFFFFFFFF, "a number has more than 32 bits")
                return result
        raise _Wrong("a number has more than 32 bits")

    def _take(self, length: int) -> bytes:
        _must(length <= len(self._head) - self.position, "it is cut short")
        self.position += length
        return self._head[self.position - length : self.position]


_READERS: dict[str, Callable[[_HeadReader], Any]] = {
    "_": lambda _: None,
    "0": lambda _: None,
    "-": lambda _: None,
    "T": lambda _: True,
    "F": lambda _: False,
    "I": _HeadReader._integer,
    "U": _HeadReader._varint,
    "N": _HeadReader._number,
    "Z": _HeadReader._big_integer,
    '"': _HeadReader._latin1,
    "c": _HeadReader._utf16,
    "S": _HeadReader._utf8,
    "?": _HeadReader._verified,
    "y": lambda reader: reader._boxed(True),
    "x": lambda reader: reader._boxed(False),
    "n": lambda reader: reader._boxed(reader._number()),
    "z": lambda reader: reader._boxed(reader._big_integer()),
    "s": lambda reader: reader._boxed(reader._text()),
    "D": _HeadReader._date,
    "R": _HeadReader._expression,
    "o": _HeadReader._object,
    "A": _HeadReader._array,
    "a": _HeadReader._array_with_holes,
    ";": _HeadReader._map,
    "'": _HeadReader._set,
    "r": _HeadReader._error,
    "B": _HeadReader._inline_buffer,
    "t": _HeadReader._buffer,
    "\\": _HeadReader._array_view,
    "^": _HeadReader._reference,
}


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        raise NotSupported(f"Python has no key or element of a set that is a {type(value).__name__}") from None
    return value


def _restore_errors(extras: Any) -> None:
    """Gives errors back what V8 leaves out."""
    _must(isinstance(extras, list), "what belongs to its errors is no list")
    for each in extras:
        _must(isinstance(each, list) and len(each) == 3, "what belongs to an error is no list")
        error, visible, hidden = each
        _must(isinstance(error, RemoteError), "what is said to be an error is none")
        for properties in (visible, hidden):
            _must(isinstance(properties, dict), "an error has no properties")
            for key, value in properties.items():
                if key == "name" and isinstance(value, str):
                    error.name = value
                elif key == "message" and isinstance(value, str):
                    error.args = (value,)
                elif key == "cause" and isinstance(value, BaseException):
                    error.__cause__ = value
                elif key != "stack":
                    error.properties[key] = value
