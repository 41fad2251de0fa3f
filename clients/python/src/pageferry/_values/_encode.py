"""Values into messages."""

from __future__ import annotations

import math
import struct
import traceback
from datetime import datetime
from typing import Any

from .._errors import InvalidArgument, NotCloneable, RemoteError
from ._format import (
    ALIGNMENT,
    FLAG_ERRORS,
    HEADER,
    MAGIC,
    MAX_NAME_BYTES,
    MAX_SAFE_INTEGER,
    MAX_SMALL_INTEGER,
    MESSAGE,
    PREFIX,
    SMALL_ALIGNMENT,
    VIEW,
    align_up,
)
from ._views import Shared, View, is_array, view_of

_DOUBLE = struct.Struct("<d")
_ERROR_TAGS = {
    "EvalError": b"E",
    "RangeError": b"R",
    "ReferenceError": b"F",
    "SyntaxError": b"S",
    "TypeError": b"T",
    "URIError": b"U",
}


class Encoded:
    """A value, ready to be written into memory of its length. It refers to the value's arrays until then."""

    def __init__(self, head: bytes, views: list[View], has_errors: bool, kind: int, name: str, number: int) -> None:
        self._head = head
        self._views = views
        self._flags = FLAG_ERRORS if has_errors else 0
        self._kind = kind
        self._name = encode_name(name)
        self._number = number
        end = PREFIX.size + len(views) * VIEW.size + len(head)
        self._places: list[int] = []
        for view in views:
            end = align_up(end, ALIGNMENT if not self._places or view.byte_length >= ALIGNMENT else SMALL_ALIGNMENT)
            self._places.append(end)
            end += view.byte_length
        self.used_bytes = end
        """How long the message is without a name."""
        self.byte_length = end + len(self._name)

    def write_to(self, memory: memoryview) -> None:
        """Writes all of it; what is to be filled in place is left as it is."""
        prefix = (MAGIC, self._kind, len(self._head), len(self._views), 0, len(self._name), self._flags, self._number)
        PREFIX.pack_into(memory, 0, *prefix)
        at = PREFIX.size
        for view, place in zip(self._views, self._places):
            VIEW.pack_into(memory, at, view.type, place, view.byte_length, 0)
            at += VIEW.size
        memory[at : at + len(self._head)] = self._head
        at += len(self._head)
        for view, place in zip(self._views, self._places):
            memory[at:place] = bytes(place - at)
            if view.source is not None:
                memory[place : place + view.byte_length] = view.source
            at = place + view.byte_length
        memory[self.used_bytes : self.byte_length] = self._name


def encode_name(name: str) -> bytes:
    """The name of a request in bytes.

    Raises InvalidArgument if it is too long.
    """
    encoded = name.encode()
    if len(encoded) > MAX_NAME_BYTES:
        raise InvalidArgument(f"a name has {MAX_NAME_BYTES} bytes at most")
    return encoded


def encode(
    value: object,
    *,
    kind: int = MESSAGE,
    name: str = "",
    number: int = 0,
    takes_shared: bool = False,
) -> Encoded:
    """Encodes a value.

    number: by which a request may be given up.
    takes_shared: takes what `shared` returns, and lays it out.

    Raises NotCloneable, InvalidArgument.
    """
    writer = _Writer(takes_shared)
    try:
        writer.write(value)
        errors = writer.errors
        if errors:
            writer.write(errors)
    except RecursionError:
        raise NotCloneable("the value is nested deeper than Python's recursion limit allows") from None
    return Encoded(bytes(writer.head), writer.views, bool(errors), kind, name, number)


class _Writer:
    """Writes what V8's serializer would."""

    def __init__(self, takes_shared: bool) -> None:
        self.head = bytearray(HEADER)
        self.views: list[View] = []
        self.errors: list[list[object]] = []
        self._takes_shared = takes_shared
        # By identity; they are kept alive, so that no other object gets the same one.
        self._known: dict[int, int] = {}
        self._kept: list[object] = []

    def write(self, value: Any) -> None:
        if value is None:
            self.head += b"0"
        elif value is True:
            self.head += b"T"
        elif value is False:
            self.head += b"F"
        elif isinstance(value, str):
            self._text(value)
        elif isinstance(value, int):
            self._integer(int(value))
        elif isinstance(value, float):
            self.head += b"N" + _DOUBLE.pack(value)
        else:
            self._object(value)

    def _object(self, value: Any) -> None:
        known = self._known.get(id(value))
        if known is not None:
            self.head += b"^"
            self._varint(known)
            return
        scalar = _scalar_of(value)
        if scalar is not None:
            self.write(scalar)
            return
        self._known[id(value)] = len(self._kept)
        self._kept.append(value)
        if isinstance(value, dict):
            self._dict(value)
        elif isinstance(value, (list, tuple)):
            self._list(value)
        elif isinstance(value, Shared):
            self._shared(value)
        elif is_array(value):
            self._view(view_of(value))
        elif isinstance(value, (set, frozenset)):
            self.head += b"'"
            for each in value:
                self.write(each)
            self.head += b","
            self._varint(len(value))
        elif isinstance(value, datetime):
            self.head += b"D" + _DOUBLE.pack(value.timestamp() * 1000)
        elif isinstance(value, BaseException):
            self._error(value)
        else:
            raise NotCloneable(f"a {type(value).__qualname__} cannot be sent")

    def _dict(self, value: dict[Any, Any]) -> None:
        is_map = not all(isinstance(key, str) for key in value)
        self.head += b";" if is_map else b"o"
        for key, each in value.items():
            self.write(key)
            try:
                self.write(each)
            except NotCloneable as error:
                raise _within(error, key) from None
        self.head += b":" if is_map else b"{"
        self._varint(2 * len(value) if is_map else len(value))

    def _list(self, value: list[Any] | tuple[Any, ...]) -> None:
        self.head += b"A"
        self._varint(len(value))
        for index, each in enumerate(value):
            try:
                self.write(each)
            except NotCloneable as error:
                raise _within(error, index) from None
        self.head += b"$"
        self._varint(0)
        self._varint(len(value))

    def _shared(self, value: Shared) -> None:
        if not self._takes_shared:
            raise InvalidArgument("a value with shared() in it has to be composed")
        self._view(View(value.type, value.byte_length, None))

    def _view(self, view: View) -> None:
        self.head += b"\\"
        self._varint(len(self.views))
        self.views.append(view)

    def _error(self, error: BaseException) -> None:
        name, words, stack, properties = _parts_of(error)
        self.head += b"r" + _ERROR_TAGS.get(name, b"")
        self.head += b"m"
        self._text(words)
        if error.__cause__ is not None:
            self.head += b"c"
            self.write(error.__cause__)
        self.head += b"s"
        self._text(stack)
        self.head += b"."
        hidden = {} if name in _ERROR_TAGS or name == "Error" else {"name": name}
        if hidden or properties:
            self.errors.append([error, properties, hidden])

    def _integer(self, value: int) -> None:
        if -MAX_SMALL_INTEGER <= value <= MAX_SMALL_INTEGER:
            self.head += b"I"
            self._varint(2 * value if value >= 0 else -2 * value - 1)
        elif -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            self.head += b"N" + _DOUBLE.pack(value)
        else:
            digits = abs(value).to_bytes(8 * math.ceil(abs(value).bit_length() / 64), "little")
            self.head += b"Z"
            self._varint(2 * len(digits) | (value < 0))
            self.head += digits

    def _text(self, text: str) -> None:
        try:
            encoded = text.encode("latin-1")
            self.head += b'"'
        except UnicodeEncodeError:
            encoded = text.encode("utf-16-le", "surrogatepass")
            # V8 has them at an even place.
            if (len(self.head) + 1 + _varint_bytes(len(encoded))) % 2 == 1:
                self.head += b"\0"
            self.head += b"c"
        self._varint(len(encoded))
        self.head += encoded

    def _varint(self, value: int) -> None:
        while value >= 0x80:
            self.head.append(value & 0x7F | 0x80)
            value >>= 7
        self.head.append(value)


def _varint_bytes(value: int) -> int:
    return max(1, math.ceil(value.bit_length() / 7))


def _scalar_of(value: Any) -> Any:
    """The number of Python for one of numpy's."""
    if type(value).__module__ != "numpy" or getattr(value, "shape", None) != () or not hasattr(value, "item"):
        return None
    scalar = value.item()
    return scalar if isinstance(scalar, (bool, int, float, str)) else None


def _within(error: NotCloneable, key: object) -> NotCloneable:
    path = f"[{key!r}]" + getattr(error, "path", "")
    words = getattr(error, "words", str(error))
    outer = NotCloneable(f"{words} (at {path})")
    outer.path = path  # type: ignore[attr-defined]
    outer.words = words  # type: ignore[attr-defined]
    return outer


def _parts_of(error: BaseException) -> tuple[str, str, str, dict[str, Any]]:
    """Name, words, stack and further properties. Of what cannot be sent there are the words."""
    if isinstance(error, RemoteError):
        return error.name, str(error.args[0]), error.stack or str(error), error.properties
    stack = "".join(traceback.format_exception(error)).rstrip()
    code = getattr(error, "code", None)
    return type(error).__name__, str(error), stack, {"code": code} if isinstance(code, str) else {}
